// The header of a member of a bundle: POSIX ustar, in one form only.
//
//   offset  bytes  field
//        0    100  name, zeros behind it
//      100      8  mode "0000600", zero
//      108      8  user "0000000", zero
//      116      8  group "0000000", zero
//      124     12  size, eleven octal digits, zero
//      136     12  time "00000000000", zero
//      148      8  sum of all bytes with blanks here, six octal digits, zero, blank
//      156      1  "0": a regular file
//      157    100  zero
//      257      8  "ustar", zero, "00"
//      265    247  zero
//
// Every `tar` reads that. What is read back must be this form, byte for byte: so there are no
// links, devices, owners or long names to be careful about.

/// Name and size of a member.
struct TarHeader: Equatable {
    /// Why a block is no header of a bundle's member.
    enum Fault: Error, Equatable {
        /// It is all zero: the end.
        case end
        /// What it is is no regular file.
        case notRegular
        /// No name that a bundle has, as far as it can be shown.
        case name
        /// It differs from the one form.
        case form
    }

    /// Bytes of a header, and what members are filled up to.
    static let blockBytes = 512
    private static let nameBytes = 100

    let name: String
    let size: UInt64

    /// A header of a member.
    init(name: String, size: UInt64) { (self.name, self.size) = (name, size) }

    /// Whether this is a name: one or two parts of letters, digits, dots, dashes and underscores,
    /// neither of which begins with a dot or dash.
    static func isName(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return name.utf8.count <= nameBytes && (1...2).contains(parts.count)
            && parts.allSatisfy { part in
                guard let first = part.first, isAlphanumeric(first) || first == 0x5f else {
                    return false
                }
                return part.allSatisfy { isAlphanumeric($0) || [0x2d, 0x2e, 0x5f].contains($0) }
            }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: false
        }
    }

    /// The header as bytes.
    var block: [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockBytes)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        put(name, at: 0)
        put("0000600", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(Self.octal(size, digits: 11), at: 124)
        put("00000000000", at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = block.reduce(UInt64(0)) { $0 + UInt64($1) }
        put(Self.octal(sum, digits: 6) + "\0 ", at: 148)
        return block
    }

    private static func octal(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(digits - text.count, 0)) + text
    }

    /// Reads a block.
    init(reading block: [UInt8]) throws(Fault) {
        guard block.contains(where: { $0 != 0 }) else { throw .end }
        guard block.count == Self.blockBytes else { throw .form }
        guard block[156] == UInt8(ascii: "0") else { throw .notRegular }
        let name = String(decoding: block.prefix(Self.nameBytes).prefix { $0 != 0 }, as: UTF8.self)
        guard Self.isName(name) else { throw .name }
        let digits = String(decoding: block[124..<135], as: UTF8.self)
        guard digits.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let size = UInt64(digits, radix: 8)
        else { throw .form }
        self.init(name: name, size: size)
        guard self.block == block else { throw .form }
    }

    /// Zeros behind the bytes of a member.
    static func padding(after size: UInt64) -> Int {
        let rest = Int(size % UInt64(blockBytes))
        return rest == 0 ? 0 : blockBytes - rest
    }
}
