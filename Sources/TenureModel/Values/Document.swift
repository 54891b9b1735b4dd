// An answer as fields and lists, ready for any encoding.
//
// The daemon writes documents as RESP, the command line as JSON or text. Numbers that JSON readers
// would round (tokens, lease ids, positions) are a case of their own.

/// A value that every encoding can tell: a tree of fields.
public indirect enum Document: Hashable, Sendable {
    /// Nothing.
    case null
    /// True or false.
    case bool(Bool)
    /// A count, an amount or a time.
    case integer(Int64)
    /// A token, lease id or position: an integer in RESP, a string in JSON.
    case id(UInt64)
    /// Text.
    case string(String)
    /// Values in order.
    case list([Document])
    /// Named values in the order in which they are to be shown.
    case map([Field])

    /// One named value.
    public struct Field: Hashable, Sendable {
        /// The name.
        public let name: String
        /// The value.
        public let value: Document

        /// A named value.
        public init(_ name: String, _ value: Document) {
            self.name = name
            self.value = value
        }
    }

    /// An amount or count; every one of ours fits 63 bits.
    public static func count(_ value: UInt64) -> Document { .integer(Int64(clamping: value)) }

    /// A count.
    public static func count(_ value: Int) -> Document { .integer(Int64(value)) }

    /// The text, or nothing.
    public static func optional(_ text: String?) -> Document { text.map(Document.string) ?? .null }

    /// The value of the field `name` when this is a map that has it.
    public subscript(name: String) -> Document? {
        guard case .map(let fields) = self else { return nil }
        return fields.first { $0.name == name }?.value
    }
}
