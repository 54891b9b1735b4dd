// Documents as text for people: a list becomes a table, a map becomes names and values.
//
// Amounts are shown as quantities where the map says its kind, times as durations where the
// field is known to be milliseconds. Programs use `--json`, which changes nothing.

package import TenureModel

/// Writes documents for people.
package enum Rendering {
    /// The document as lines of text.
    package static func lines(_ document: Document) -> [String] {
        switch document {
        case .map(let fields):
            if case .list(let items)? = document["items"] {
                let others = fields.filter { $0.name != "items" && $0.name != "cursor" }
                return table(of: items) + (others.isEmpty ? [] : pairs(others))
            }
            return pairs(fields)
        case .list(let items): return table(of: items)
        default: return [Table.cell(scalar(document))]
        }
    }

    /// A field as `name=value` on one line.
    package static func assignment(_ field: Document.Field) -> String {
        Table.cell(field.name + "=" + value(field, kind: nil))
    }

    /// Names and values; lists of maps follow as tables under their names.
    private static func pairs(_ fields: [Document.Field]) -> [String] {
        let kind = kindName(of: fields)
        var pairs: [(name: String, value: String)] = []
        var blocks: [String] = []
        for field in fields {
            switch field.value {
            case .list(let items) where items.first.map(isMap) ?? false:
                blocks += ["", field.name] + table(of: items).map { "  " + $0 }
            case .map(let inner) where inner.count > shortFields:
                blocks += ["", field.name] + self.pairs(inner).map { "  " + $0 }
            default:
                let text = value(field, kind: kind)
                pairs.append((field.name, text.isEmpty ? "-" : text))
            }
        }
        return Table.pairs(pairs) + blocks
    }

    /// A map of more fields than this is a block of lines instead of one.
    private static let shortFields = 4

    private static func isMap(_ document: Document) -> Bool {
        if case .map = document { true } else { false }
    }

    /// A row per item, a column per field that any of them has, in the order of appearance.
    private static func table(of items: [Document]) -> [String] {
        var columns: [String] = []
        for case .map(let fields) in items {
            for field in fields where !columns.contains(field.name) { columns.append(field.name) }
        }
        guard !columns.isEmpty else { return items.map { Table.cell(scalar($0)) } }
        // What no item has says nothing about any of them.
        columns.removeAll { column in items.allSatisfy { isAbsent($0[column]) } }
        let numeric = columns.indices.filter { column in
            items.allSatisfy { isNumber($0[columns[column]]) }
        }
        var table = Table(columns.map { $0.uppercased() }, numeric: Set(numeric))
        for case .map(let fields) in items {
            let kind = kindName(of: fields)
            table.add(
                columns.map { column in
                    fields.first { $0.name == column }.map { value($0, kind: kind) } ?? ""
                }
            )
        }
        return table.lines
    }

    private static func isAbsent(_ document: Document?) -> Bool {
        switch document {
        case nil, .null, .string(""), .list([]), .map([]): true
        default: false
        }
    }

    private static func isNumber(_ document: Document?) -> Bool {
        switch document {
        case .integer, .id, .null, nil: true
        default: false
        }
    }

    private static func kindName(of fields: [Document.Field]) -> Kind? {
        guard case .string(let name)? = fields.first(where: { $0.name == "kind" })?.value else {
            return nil
        }
        return Kind(name)
    }

    /// One field, as a quantity, a duration, or what it looks like.
    package static func value(_ field: Document.Field, kind: Kind?) -> String {
        if case .integer(let number) = field.value, number >= 0 {
            if let kind, amountFields.contains(field.name) {
                return Quantity.text(UInt64(number), kind: kind)
            }
            if durationFields.contains(field.name) { return Durations.text(UInt64(number)) }
            if passingFields.contains(field.name) { return Durations.rough(UInt64(number)) }
            if let kind = Kind(field.name), knownKinds.contains(kind) {
                return Quantity.text(UInt64(number), kind: kind)
            }
        }
        return scalar(field.value)
    }

    private static func scalar(_ document: Document) -> String {
        switch document {
        case .null: "-"
        case .bool(let value): value ? "yes" : "no"
        case .integer(let value): String(value)
        case .id(let value): String(value)
        case .string(let value): value
        case .list(let values): values.map(scalar).joined(separator: ",")
        case .map(let fields): short(fields)
        }
    }

    /// A placement as `resource=quantity`, anything else as `name=value,…`.
    private static func short(_ fields: [Document.Field]) -> String {
        let kind = kindName(of: fields)
        let map = Document.map(fields)
        if case .string(let resource)? = map["resource"], let amount = map["amount"] {
            return resource + "=" + value(.init("amount", amount), kind: kind)
        }
        return fields.map { $0.name + "=" + value($0, kind: kind) }.joined(separator: ",")
    }

    private static let knownKinds: Set<Kind> = [.cpu, .memory, .disk, .network, .gpu]

    private static let amountFields: Set<String> = [
        "amount", "capacity", "held", "reserved", "quarantined", "free", "debt", "used", "limit",
        "guarantee", "borrow", "peak",
    ]

    private static let passingFields: Set<String> = [
        "ttl", "age", "draining", "retry", "wait", "waited",
    ]

    private static let durationFields = Set(
        ["hold", "lived", "idle", "inGaps"]
            + PoolNumber.allCases.filter(\.isDuration).map(\.rawValue)
    )
}
