// A word of a command, folded to upper case and packed into one integer, so that finding a word
// among all known ones is one comparison and no allocation.

internal import NIOCore

/// At most 16 bytes of a word in upper case.
package struct WordKey: Hashable, Sendable {
    /// The bytes, the first in the highest place that is used.
    private let bits: UInt128

    /// The longest word, in bytes.
    package static let bytesMax = 16

    /// The key of `bytes`, or nothing when they are no word.
    ///
    /// The bound is on purpose below every buffer: longer words match nothing that we know.
    package init?(_ bytes: some Collection<UInt8>) {
        guard !bytes.isEmpty, bytes.count <= Self.bytesMax else { return nil }
        var bits: UInt128 = 0
        for byte in bytes {
            guard byte != 0 else { return nil }
            bits = bits << 8 | UInt128(WordKey.folded(byte))
        }
        self.bits = bits
    }

    /// The key of the bytes of `buffer` in `range`, or nothing when they are no word.
    init?(_ buffer: borrowing ByteBuffer, _ range: Range<Int>) {
        guard !range.isEmpty, range.count <= Self.bytesMax else { return nil }
        let span = buffer.readableBytesUInt8Span
        guard range.upperBound <= span.count else { return nil }
        var bits: UInt128 = 0
        for index in range {
            let byte = span[index]
            guard byte != 0 else { return nil }
            bits = bits << 8 | UInt128(WordKey.folded(byte))
        }
        self.bits = bits
    }

    /// The key of `word`, or nothing when it is too long.
    package init?(_ word: String) {
        self.init(word.utf8)
    }

    /// `byte` in upper case when it is an ASCII letter.
    @inline(__always)
    private static func folded(_ byte: UInt8) -> UInt8 {
        byte >= 0x61 && byte <= 0x7a ? byte & 0xdf : byte
    }
}
