// Turns what a host calls its things into names and label values that the ledger accepts.

/// Names as the ledger wants them: `[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}`.
enum HostNames {
    /// Leaves room behind the node for a slash and what it names.
    private static let longestNode = 80
    private static let longestPart = 40
    private static let longestLabel = 120

    /// The name of the node for a host called `text`; nil when nothing of it can be used.
    static func node(_ text: String) -> String? {
        clean(text, limit: longestNode, keepsSlash: false)
    }

    /// One part of a resource's name; nil when nothing of it can be used.
    static func part(_ text: String) -> String? {
        clean(text, limit: longestPart, keepsSlash: false)
    }

    /// A value that can be written in a selector; empty when nothing of it can be used.
    static func labelValue(_ text: String) -> String {
        clean(text, limit: longestLabel, keepsSlash: true, startsAnywhere: true) ?? ""
    }

    /// Runs of other characters become one hyphen; none stays at either end.
    private static func clean(
        _ text: String,
        limit: Int,
        keepsSlash: Bool,
        startsAnywhere: Bool = false
    ) -> String? {
        var bytes: [UInt8] = []
        for byte in text.utf8 where bytes.count < limit {
            if isPlain(byte) || (keepsSlash && byte == UInt8(ascii: "/")) {
                bytes.append(byte)
            } else if bytes.last != UInt8(ascii: "-") {
                bytes.append(UInt8(ascii: "-"))
            }
        }
        while bytes.last == UInt8(ascii: "-") { bytes.removeLast() }
        let start = bytes.firstIndex {
            isLetterOrDigit($0) || (startsAnywhere && $0 != UInt8(ascii: "-"))
        }
        guard let start else { return nil }
        return String(decoding: bytes[start...], as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || "._:-".utf8.contains(byte)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default:
            false
        }
    }
}
