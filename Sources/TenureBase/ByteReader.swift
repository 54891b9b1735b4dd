// Reads what ByteWriter wrote. Nothing here traps: bytes may come from a damaged disk.

/// Why bytes could not be read as what they should be.
package enum DecodeError: Error, Equatable, Sendable {
    /// The field at `offset` runs past the end.
    case truncated(offset: Int, needs: Int, has: Int)
    /// The field at `offset` has a value that its type does not have.
    case invalid(offset: Int, field: String)
    /// Bytes remain behind the last field.
    case trailing(offset: Int)
}

extension RawSpan {
    /// The little-endian integer at `offset`.
    ///
    /// - Throws: `DecodeError.truncated` when the field would run past the end.
    package func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int,
        as type: Value.Type = Value.self
    ) throws(DecodeError) -> Value {
        guard offset >= 0, byteCount - offset >= MemoryLayout<Value>.size else {
            throw .truncated(offset: offset, needs: MemoryLayout<Value>.size, has: byteCount)
        }
        // SAFETY: the guard is the bounds check, and every bit pattern is a valid integer.
        let raw = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type)
        return Value(littleEndian: raw)
    }
}

/// A position in bytes that someone else owns.
package struct ByteReader: ~Escapable {
    private let span: RawSpan
    /// Where the next field starts.
    package private(set) var offset: Int

    /// Reads `span` from its start.
    @_lifetime(copy span)
    package init(_ span: RawSpan) {
        self.span = span
        offset = 0
    }

    /// How many bytes are left.
    package var remaining: Int { span.byteCount - offset }

    /// Reads a little-endian integer.
    package mutating func read<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type = Value.self
    ) throws(DecodeError) -> Value {
        let value = try span.integer(at: offset, as: type)
        offset += MemoryLayout<Value>.size
        return value
    }

    /// Reads a big-endian integer, as keys have it.
    package mutating func readBigEndian<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type = Value.self
    ) throws(DecodeError) -> Value {
        // `read` has undone little-endian order; what is left to undo is the whole swap.
        Value(littleEndian: try read(type)).byteSwapped
    }

    /// Reads an integer of 1 to 10 bytes (LEB128).
    package mutating func readVarint() throws(DecodeError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try read(UInt8.self)
            let part = UInt64(byte & 0x7f)
            guard shift < 63 || (shift == 63 && part <= 1) else {
                throw .invalid(offset: start, field: "varint")
            }
            value |= part << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    /// Reads a count that was written as a varint and can not exceed what is left.
    package mutating func readCount() throws(DecodeError) -> Int {
        let start = offset
        let count = try readVarint()
        guard count <= UInt64(remaining) else {
            throw .truncated(offset: start, needs: Int(clamping: count), has: remaining)
        }
        return Int(count)
    }

    /// Reads length-prefixed UTF-8.
    package mutating func readString() throws(DecodeError) -> String {
        let start = offset
        let count = try readCount()
        let part = span.extracting(offset..<(offset + count))
        // SAFETY: the buffer is read inside the closure only.
        let text = unsafe part.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
        guard let text else { throw .invalid(offset: start, field: "UTF-8") }
        offset += count
        return text
    }

    /// Reads length-prefixed bytes.
    package mutating func readCounted() throws(DecodeError) -> [UInt8] {
        try readRaw(readCount())
    }

    /// Reads exactly `count` bytes.
    package mutating func readRaw(_ count: Int) throws(DecodeError) -> [UInt8] {
        guard count >= 0, count <= remaining else {
            throw .truncated(offset: offset, needs: count, has: remaining)
        }
        let part = span.extracting(offset..<(offset + count))
        offset += count
        // SAFETY: the copy is made inside the closure.
        return unsafe part.withUnsafeBytes { unsafe Array($0) }
    }

    /// Checks that nothing is left.
    package func finish() throws(DecodeError) {
        if remaining != 0 { throw .trailing(offset: offset) }
    }
}
