// Takes a typed line apart the way Redis does: words, "double" quotes with escapes, 'single' ones.

/// A command typed as one line.
enum InlineCommand {
    /// The words of `line`, or nothing when a quote is not closed or not followed by a space.
    static func words(_ line: ArraySlice<UInt8>) -> [[UInt8]]? {
        var rest = line
        var words: [[UInt8]] = []
        while true {
            rest = rest.drop(while: isSpace)
            if rest.isEmpty { return words }
            guard let word = word(&rest) else { return nil }
            words.append(word)
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0d)
    }

    private static func word(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        var word: [UInt8] = []
        while let byte = rest.first, !isSpace(byte) {
            rest.removeFirst()
            if byte == 0x22 || byte == 0x27 {
                guard quoted(&rest, by: byte, into: &word) else { return nil }
                guard rest.first.map(isSpace) ?? true else { return nil }
                return word
            }
            word.append(byte)
        }
        return word
    }

    /// Reads up to the closing `quote`; false when there is none.
    private static func quoted(
        _ rest: inout ArraySlice<UInt8>,
        by quote: UInt8,
        into word: inout [UInt8]
    ) -> Bool {
        while let byte = rest.popFirst() {
            if byte == quote { return true }
            guard byte == 0x5c, let next = rest.first else {
                word.append(byte)
                continue
            }
            if quote == 0x27 {
                // Between single quotes only the quote itself can be escaped.
                if next == quote { rest.removeFirst() }
                word.append(next == quote ? quote : byte)
            } else {
                rest.removeFirst()
                word.append(escape(next, &rest))
            }
        }
        return false
    }

    private static func escape(_ byte: UInt8, _ rest: inout ArraySlice<UInt8>) -> UInt8 {
        switch byte {
        case 0x6e: return 0x0a
        case 0x72: return 0x0d
        case 0x74: return 0x09
        case 0x62: return 0x08
        case 0x61: return 0x07
        case 0x78:
            let digits = rest.prefix(2)
            guard digits.count == 2,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return byte }
            rest.removeFirst(2)
            return value
        default: return byte
        }
    }
}
