// Which ledger a file belongs to, and the seal that ends every group.

import TenureBase

/// The identity of one ledger: 16 bytes drawn when it was created.
package struct LedgerID: Hashable, Sendable, CustomStringConvertible {
    /// Bytes 0 to 7 as a big-endian integer.
    package let high: UInt64
    /// Bytes 8 to 15 as a big-endian integer.
    package let low: UInt64

    /// The identity with these two halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The identity with these bytes, or `nil` when there are not 16 of them.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        high = bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Reads what `description` gives, with or without the dashes.
    package init?(_ text: String) {
        let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }
        guard digits.count == 32 else { return nil }
        var halves: [UInt64] = [0, 0]
        for (index, digit) in digits.enumerated() {
            guard let value = hexadecimalValue(digit) else { return nil }
            halves[index / 16] = halves[index / 16] << 4 | UInt64(value)
        }
        self.init(high: halves[0], low: halves[1])
    }

    /// The 16 bytes.
    package var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * $0)) }
            + (0..<8).map { UInt8(truncatingIfNeeded: low >> (56 - 8 * $0)) }
    }

    /// Lower-case hexadecimal digits in the groups of a UUID.
    package var description: String {
        let text = hexadecimal(bytes)
        var parts: [Substring] = []
        var rest = Substring(text)
        for count in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return parts.joined(separator: "-")
    }
}

/// The SHA-256 that ends a group and, through the seal before it, stands for all history up to it.
package struct Seal: Hashable, Sendable, CustomStringConvertible {
    /// How many bytes a seal has.
    package static let byteCount = 32

    /// The seal before the first group of a ledger.
    package static let zero = Seal(words: (0, 0, 0, 0))

    // Four little-endian words; a seal is compared and copied, never calculated with.
    private let word0: UInt64
    private let word1: UInt64
    private let word2: UInt64
    private let word3: UInt64

    init(words: (UInt64, UInt64, UInt64, UInt64)) {
        word0 = words.0
        word1 = words.1
        word2 = words.2
        word3 = words.3
    }

    /// The seal with these bytes, or `nil` when there are not 32 of them.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Seal.byteCount else { return nil }
        let word = { (index: Int) in
            bytes[(8 * index)..<(8 * index + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        self.init(words: (word(0), word(1), word(2), word(3)))
    }

    var words: (UInt64, UInt64, UInt64, UInt64) { (word0, word1, word2, word3) }

    /// The 32 bytes.
    package var bytes: [UInt8] {
        [word0, word1, word2, word3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
    }

    /// Lower-case hexadecimal digits.
    package var description: String { hexadecimal(bytes) }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
}

private func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}
