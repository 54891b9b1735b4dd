// Finds where a reply ends without making values of it, for load generators.
//
// It trusts the daemon to send RESP and only makes sure that nothing traps: what it does not know
// counts as one line.

package import NIOCore

/// Finds where replies end.
package struct ReplyScanner: Sendable {
    /// Values still missing of the current reply.
    private var missing = 0
    /// Bytes of the current reply that were looked at.
    private var scanned = 0

    /// A scanner at the start of a stream.
    package init() {}

    /// Takes the next reply out of `buffer` as its bytes; nothing when it is not whole.
    package mutating func next(_ buffer: inout ByteBuffer) -> ByteBuffer? {
        guard let length = scan(buffer.readableBytesUInt8Span) else { return nil }
        scanned = 0
        missing = 0
        return buffer.readSlice(length: length)
    }

    private mutating func scan(_ span: Span<UInt8>) -> Int? {
        if missing == 0 { missing = 1 }
        while missing > 0 {
            guard let (value, end) = Self.line(span, from: scanned) else { return nil }
            switch span[scanned] {
            case 0x24, 0x3d, 0x21:
                let whole = value < 0 ? end : end + value + 2
                guard span.count >= whole else { return nil }
                scanned = whole
            case 0x2a, 0x7e, 0x3e:
                missing += max(0, value)
                scanned = end
            case 0x25:
                missing += 2 * max(0, value)
                scanned = end
            default:
                scanned = end
            }
            missing -= 1
        }
        return scanned
    }

    /// The number on the line at `start`, bounded, and where the next line begins.
    private static func line(_ span: Span<UInt8>, from start: Int) -> (value: Int, end: Int)? {
        var value = 0
        var isNegative = false
        var index = start + 1
        while index < span.count {
            let byte = span[index]
            if byte == 0x0a { return (isNegative ? -value : value, index + 1) }
            if byte == 0x2d { isNegative = true }
            let digit = byte &- 0x30
            if digit <= 9, value <= WireLimits.bulkLengthMax { value = value * 10 + Int(digit) }
            index += 1
        }
        return nil
    }
}

extension ByteBuffer {
    /// The integer behind the field `name` of a reply that is a map; the first one that is found.
    package func replyInteger(_ name: StaticString) -> UInt64? {
        // SAFETY: a static string's bytes live as long as the process.
        let wanted = unsafe UnsafeBufferPointer(
            start: name.utf8Start,
            count: name.utf8CodeUnitCount
        )
        let span = readableBytesUInt8Span
        var start = 0
        while start + wanted.count + 3 < span.count {
            defer { start += 1 }
            guard span[start + wanted.count] == 0x0d, span[start + wanted.count + 2] == 0x3a else {
                continue
            }
            var matches = true
            for index in 0..<wanted.count {
                // SAFETY: `index` is below the count of both.
                guard unsafe wanted[index] == span[start + index] else {
                    matches = false
                    break
                }
            }
            if matches { return Self.decimal(span, from: start + wanted.count + 3) }
        }
        return nil
    }

    private static func decimal(_ span: Span<UInt8>, from start: Int) -> UInt64 {
        var value: UInt64 = 0
        var index = start
        while index < span.count, span[index] &- 0x30 <= 9 {
            value = value &* 10 &+ UInt64(span[index] &- 0x30)
            index += 1
        }
        return value
    }
}
