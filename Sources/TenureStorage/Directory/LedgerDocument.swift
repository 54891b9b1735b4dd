// ledger.json: which ledger a directory holds, and in which format. Written once, appears whole.
//
//   {"ledger":"<32 hexadecimal digits in the groups of a UUID>","format":1}
//
// The parser reads one flat object of texts and whole numbers and nothing else. The format is
// looked at first: a newer one is told as such, whatever else the file then says.

internal import TenureBase
package import TenureLog

/// What ledger.json says.
package struct LedgerDocument: Equatable, Sendable {
    /// The name of the file.
    package static let fileName = "ledger.json"
    /// The format of the directory that is written and read here.
    package static let format: UInt64 = 1
    /// The longest file that is read.
    package static let bytesMax = 4096

    /// Which ledger.
    package let ledger: LedgerID

    package init(ledger: LedgerID) {
        self.ledger = ledger
    }

    /// Why a file is no such document.
    package enum Fault: Error, Equatable, Sendable {
        /// Not an object of texts and whole numbers at this offset.
        case malformed(offset: Int)
        /// A field is missing, unknown, twice there, or not what it should be.
        case field(String)
        /// Written by a newer version.
        case newerFormat(UInt64)
    }

    /// The bytes of the file.
    package var bytes: [UInt8] {
        Array("{\"ledger\":\"\(ledger)\",\"format\":\(Self.format)}\n".utf8)
    }

    /// Reads the bytes of a file.
    package init(reading bytes: [UInt8]) throws(Fault) {
        var parser = FlatObjectParser(bytes)
        let fields = try parser.fields()
        guard case .number(let format)? = fields["format"] else { throw .field("format") }
        if format > Self.format { throw .newerFormat(format) }
        guard format == Self.format else { throw .field("format") }
        guard case .text(let text)? = fields["ledger"], let ledger = LedgerID(text) else {
            throw .field("ledger")
        }
        let known = ["format", "ledger"]
        if let other = fields.keys.filter({ !known.contains($0) }).min() { throw .field(other) }
        self.ledger = ledger
    }
}

/// Reads `{"name":"text","name":1}` with JSON's white space, without escapes.
struct FlatObjectParser {
    enum Value: Equatable {
        case text(String)
        case number(UInt64)
    }

    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// All fields of the one object.
    mutating func fields() throws(LedgerDocument.Fault) -> [String: Value] {
        var fields: [String: Value] = [:]
        try take("{")
        if peek() == UInt8(ascii: "}") {
            offset += 1
        } else {
            repeat {
                let name = try text()
                try take(":")
                let value = try value()
                guard fields.updateValue(value, forKey: name) == nil else { throw .field(name) }
            } while try goesOn()
        }
        guard peek() == nil else { throw .malformed(offset: offset) }
        return fields
    }

    /// Whether a comma follows, and not the end of the object.
    private mutating func goesOn() throws(LedgerDocument.Fault) -> Bool {
        let next = peek()
        guard next == UInt8(ascii: ",") || next == UInt8(ascii: "}") else {
            throw .malformed(offset: offset)
        }
        offset += 1
        return next == UInt8(ascii: ",")
    }

    private mutating func value() throws(LedgerDocument.Fault) -> Value {
        if peek() == UInt8(ascii: "\"") { return .text(try text()) }
        let start = offset
        var number: UInt64 = 0
        while offset < bytes.count, (0x30...0x39).contains(bytes[offset]) {
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(bytes[offset] - 0x30))
            guard !overflow, !carry else { throw .malformed(offset: start) }
            number = sum
            offset += 1
        }
        let hasLeadingZero = offset - start > 1 && bytes[start] == 0x30
        guard offset > start, !hasLeadingZero else { throw .malformed(offset: start) }
        return .number(number)
    }

    private mutating func text() throws(LedgerDocument.Fault) -> String {
        try take("\"")
        let start = offset
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
            guard (0x20...0x7e).contains(bytes[offset]), bytes[offset] != UInt8(ascii: "\\")
            else { throw .malformed(offset: offset) }
            offset += 1
        }
        guard offset < bytes.count else { throw .malformed(offset: offset) }
        defer { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private mutating func take(_ character: Unicode.Scalar) throws(LedgerDocument.Fault) {
        guard peek() == UInt8(ascii: character) else { throw .malformed(offset: offset) }
        offset += 1
    }

    /// The next byte that is no white space.
    private mutating func peek() -> UInt8? {
        while offset < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[offset]) {
            offset += 1
        }
        return offset < bytes.count ? bytes[offset] : nil
    }
}
