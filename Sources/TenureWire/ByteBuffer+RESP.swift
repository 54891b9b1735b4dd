// The pieces of RESP as bytes: lengths, integers, strings, errors.

package import NIOCore

extension ByteBuffer {
    /// Appends a marker, a length and CRLF.
    mutating func writeHeader(_ marker: UInt8, _ length: Int) {
        writeLine(marker, UInt64(clamping: length))
    }

    /// Appends `marker`, `value` in decimal and CRLF, in one piece.
    private mutating func writeLine(_ marker: UInt8, isNegative: Bool = false, _ value: UInt64) {
        var digits = 1
        var bound: UInt64 = 10
        while value >= bound {
            digits += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        let first = isNegative ? 2 : 1
        let count = first + digits + 2
        // SAFETY: `count` bytes are written into room for that many; every index is below it.
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
            unsafe room[0] = marker
            if isNegative { unsafe room[1] = UInt8(ascii: "-") }
            var rest = value
            for place in (first..<first + digits).reversed() {
                unsafe room[place] = UInt8(truncatingIfNeeded: rest % 10) + UInt8(ascii: "0")
                rest /= 10
            }
            unsafe room[count - 2] = UInt8(ascii: "\r")
            unsafe room[count - 1] = UInt8(ascii: "\n")
            return count
        }
    }

    /// Appends CRLF.
    mutating func writeLineEnd() {
        writeInteger(UInt16(0x0d0a))
    }

    /// Appends `text` as a bulk string.
    package mutating func writeBulk(_ text: String) {
        writeHeader(0x24, text.utf8.count)
        writeString(text)
        writeLineEnd()
    }

    /// Appends `text` as a simple string; it has neither CR nor LF.
    package mutating func writeSimple(_ text: StaticString) {
        writeInteger(UInt8(0x2b))
        writeStaticString(text)
        writeLineEnd()
    }

    /// Appends an unsigned integer.
    mutating func writeRESP(unsigned value: UInt64) {
        writeLine(UInt8(ascii: ":"), value)
    }

    /// Appends an integer.
    package mutating func writeRESP(integer value: Int64) {
        writeLine(UInt8(ascii: ":"), isNegative: value < 0, value.magnitude)
    }

    /// Appends an error; what would end its line early is replaced, what is too long is cut.
    package mutating func writeError(code: String, _ message: String) {
        writeInteger(UInt8(0x2d))
        writeString(code)
        writeInteger(UInt8(0x20))
        let line = Printable.text(message)
        if line.utf8.count <= WireLimits.errorBytes {
            writeString(line)
        } else {
            writeString(String(decoding: line.utf8.prefix(WireLimits.errorBytes), as: UTF8.self))
        }
        writeLineEnd()
    }
}

/// The version of RESP that a connection speaks.
package enum RESPVersion: UInt8, Sendable {
    /// Maps are flat arrays, nothing is a null bulk string, truth is 1 or 0.
    case two = 2
    /// Maps, nulls, booleans and pushes of their own.
    case three = 3
}

extension ByteBuffer {
    /// Appends the head of a map of `count` fields.
    package mutating func writeMapHeader(_ count: Int, _ version: RESPVersion) {
        switch version {
        case .two: writeHeader(0x2a, count * 2)
        case .three: writeHeader(0x25, count)
        }
    }

    /// Appends the head of an array of `count` values.
    package mutating func writeArrayHeader(_ count: Int) {
        writeHeader(0x2a, count)
    }

    /// Appends the head of a push of `count` values; RESP3 only.
    package mutating func writePushHeader(_ count: Int) {
        writeHeader(0x3e, count)
    }

    /// Appends nothing.
    package mutating func writeNull(_ version: RESPVersion) {
        switch version {
        case .two: writeStaticString("$-1\r\n")
        case .three: writeStaticString("_\r\n")
        }
    }

    /// Appends truth.
    mutating func writeBool(_ value: Bool, _ version: RESPVersion) {
        switch version {
        case .two: writeStaticString(value ? ":1\r\n" : ":0\r\n")
        case .three: writeStaticString(value ? "#t\r\n" : "#f\r\n")
        }
    }
}
