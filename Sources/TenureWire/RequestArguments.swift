// The words of one request: a slice of what was received, and where each word is in it.
//
// Nothing is copied until a word is asked for. Words are bytes from outside: every access that
// makes text of them checks UTF-8 first.

package import NIOCore
package import TenureModel

/// The words of one request.
package struct RequestArguments: Sendable {
    /// The received bytes of the request, from index 0.
    private(set) var storage: ByteBuffer
    /// Where each word is in `storage`.
    private(set) var ranges: [Range<Int>]

    /// No words.
    init() {
        storage = ByteBuffer()
        ranges = []
    }

    /// The words of a request made here, not received.
    package init(_ words: [String]) {
        self.init()
        for word in words {
            let start = storage.writerIndex
            storage.writeString(word)
            ranges.append(start..<storage.writerIndex)
        }
    }

    /// How many words there are.
    package var count: Int { ranges.count }

    /// The bytes of a word, for what may be anything.
    package func bytes(_ index: Int) -> ByteBuffer {
        let range = ranges[index]
        return storage.getSlice(at: range.lowerBound, length: range.count) ?? ByteBuffer()
    }

    /// The key of a word, or nothing when it is none that could be known.
    func key(_ index: Int) -> WordKey? {
        WordKey(storage, ranges[index])
    }

    /// The length of a word in bytes.
    func length(_ index: Int) -> Int { ranges[index].count }

    /// The first byte of a word, or 0 when it is empty.
    func firstByte(_ index: Int) -> UInt8 {
        let range = ranges[index]
        return range.isEmpty ? 0 : storage.readableBytesUInt8Span[range.lowerBound]
    }

    /// A word as text.
    ///
    /// - Throws: the refusal that names the place of the word when it is not UTF-8.
    package func text(_ index: Int) throws(Refusal) -> String {
        let range = ranges[index]
        if let text = validated(range) { return text }
        throw Refusal(.malformed, "argument \(index + 1) is not UTF-8; send text as UTF-8")
    }

    /// A word as an unsigned decimal integer without sign or leading zeros.
    func unsigned(_ index: Int) -> UInt64? {
        let range = ranges[index]
        guard !range.isEmpty, range.count <= 20 else { return nil }
        let span = storage.readableBytesUInt8Span
        if span[range.lowerBound] == 0x30 { return range.count == 1 ? 0 : nil }
        var value: UInt64 = 0
        for place in range {
            let digit = span[place] &- 0x30
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// A word as an error may repeat it: short, printable and in quotes.
    package func quoted(_ index: Int) -> String {
        let range = ranges[index]
        let part = range.prefix(WireLimits.quotedBytes)
        let bytes = storage.getBytes(at: part.lowerBound, length: part.count) ?? []
        let text = Printable.text(String(decoding: bytes, as: UTF8.self))
        return part.count < range.count ? "'\(text)…'" : "'\(text)'"
    }

    private func validated(_ range: Range<Int>) -> String? {
        try? storage.getUTF8ValidatedString(at: range.lowerBound, length: range.count)
    }
}

extension RequestArguments {
    /// Forgets everything and keeps the room for ranges.
    mutating func removeAll() {
        storage = ByteBuffer()
        ranges.removeAll(keepingCapacity: true)
    }

    /// Notes where the next word is, before the bytes are final.
    mutating func append(_ range: Range<Int>) {
        ranges.append(range)
    }

    /// Takes the bytes that the noted ranges speak of.
    mutating func attach(_ bytes: ByteBuffer) {
        storage = bytes
    }
}

/// Text of strangers made fit for a log line or an error.
package enum Printable {
    /// `text` with every control and direction character replaced by `?`.
    package static func text(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            result.append(isUnsafe(scalar) ? "?" : scalar)
        }
        return String(result)
    }

    /// Whether `text` has no control and no direction character.
    package static func isClean(_ text: String) -> Bool {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return true }
        return !text.unicodeScalars.contains(where: isUnsafe)
    }

    /// Controls, line separators, the byte-order mark and what changes the direction of text.
    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1f, 0x7f...0x9f, 0x061c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069,
            0xfeff:
            true
        default: false
        }
    }
}
