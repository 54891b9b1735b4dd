// JSON as a policy needs it: values with their place, and no field or name passed over.

internal import FoundationEssentials
internal import TenureModel
internal import TenureWire

/// A value of JSON.
enum JSONValue: Decodable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }
}

/// An object of a policy, and where it is.
struct PolicyObject {
    private let place: String
    private let members: [String: JSONValue]

    /// The object at `place`, which may have these fields and no others.
    init(_ value: JSONValue, at place: String, fields: Set<String>) throws(PolicyFault) {
        guard case .object(let members) = value else {
            throw PolicyFault(sentence: "\(place.isEmpty ? "the whole" : place) is no object {…}")
        }
        self.place = place
        self.members = members
        if let strange = members.keys.sorted().first(where: { !fields.contains($0) }) {
            throw fault(
                Printable.text(strange),
                "is not known; there are \(fields.sorted().joined(separator: ", "))"
            )
        }
    }

    /// What is wrong with a field.
    func fault(_ field: String, _ what: String) -> PolicyFault {
        PolicyFault(sentence: "\(place.isEmpty ? "" : place + ".")\(field) \(what)")
    }

    /// A field that must be there.
    func required(_ field: String) throws(PolicyFault) -> JSONValue {
        guard let value = members[field] else { throw fault(field, "is missing") }
        return value
    }

    /// A text that must be there.
    func string(_ field: String) throws(PolicyFault) -> String {
        guard case .string(let text) = try required(field) else {
            throw fault(field, "is no text in quotes")
        }
        return text
    }

    /// A text that may be absent.
    func optionalString(_ field: String) throws(PolicyFault) -> String? {
        members[field] == nil ? nil : try string(field)
    }

    /// A list of texts; empty when it is absent.
    func strings(_ field: String) throws(PolicyFault) -> [String] {
        var texts: [String] = []
        for value in try list(field, atMost: ServerLimits.policyNames) {
            guard case .string(let text) = value else {
                throw fault(field, "is no list of texts in quotes")
            }
            if texts.contains(text) {
                throw fault(field, "has '\(Printable.text(text))' twice")
            }
            texts.append(text)
        }
        return texts
    }

    /// A list of objects; empty when it is absent.
    func objects(_ field: String, fields: Set<String>) throws(PolicyFault) -> [PolicyObject] {
        var objects: [PolicyObject] = []
        let prefix = place.isEmpty ? field : "\(place).\(field)"
        for (index, value) in try list(field, atMost: ServerLimits.policyEntries).enumerated() {
            objects.append(try PolicyObject(value, at: "\(prefix)[\(index)]", fields: fields))
        }
        return objects
    }

    private func list(_ field: String, atMost limit: Int) throws(PolicyFault) -> [JSONValue] {
        guard let value = members[field] else { return [] }
        guard case .list(let values) = value else { throw fault(field, "is no list […]") }
        guard values.count <= limit else { throw fault(field, "has more than \(limit) entries") }
        return values
    }
}

/// Finds fields that an object has twice, of which a decoder would silently take one.
///
/// Only for text that a decoder takes besides: what is no JSON may yield anything, but ends.
enum RepeatedNames {
    /// The first name that is twice in one object, or is written with an escape.
    static func first(in bytes: [UInt8]) -> String? {
        var open: [Set<[UInt8]>?] = []
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "{"): open.append([])
            case UInt8(ascii: "["): open.append(nil)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
            case UInt8(ascii: "\""):
                let start = index + 1
                index = end(ofTextFrom: start, in: bytes)
                let text = Array(bytes[start..<index])
                if isName(before: index + 1, in: bytes), var names = open.last ?? nil {
                    let isNew = names.insert(text).inserted
                    guard isNew, !text.contains(UInt8(ascii: "\\")) else {
                        return Printable.text(String(decoding: text, as: UTF8.self))
                    }
                    open[open.count - 1] = names
                }
            default: break
            }
            index += 1
        }
        return nil
    }

    /// Where the text ends: its closing quote, or the end of all.
    private static func end(ofTextFrom start: Int, in bytes: [UInt8]) -> Int {
        var index = start
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index, bytes.count)
    }

    private static func isName(before index: Int, in bytes: [UInt8]) -> Bool {
        let blanks: [UInt8] = [0x20, 0x09, 0x0a, 0x0d]
        return bytes.dropFirst(index).first { !blanks.contains($0) } == UInt8(ascii: ":")
    }
}
