// Appends fixed-width fields and length-prefixed bytes to a growing array.
//
// Integers in values are little-endian. Keys use the big-endian forms, so that byte order is key
// order in a sorted store.

/// Builds the bytes of a frame, a row or a key.
package struct ByteWriter: Sendable {
    /// What has been written so far.
    package private(set) var bytes: [UInt8] = []

    /// An empty writer with room for `capacity` bytes.
    package init(capacity: Int = 64) {
        bytes.reserveCapacity(capacity)
    }

    /// Forgets what was written and keeps the storage.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    /// Appends `value` in little-endian order.
    @inline(__always)
    package mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        append(value.littleEndian)
    }

    /// Appends `value` in big-endian order, for keys.
    @inline(__always)
    package mutating func writeBigEndian<Value: FixedWidthInteger>(_ value: Value) {
        append(value.bigEndian)
    }

    /// Appends `value` as 1 to 10 bytes of seven bits each, lowest first (LEB128).
    package mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends the UTF-8 of `text` behind its length as a varint.
    package mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            writeVarint(UInt64(utf8.count))
            unsafe bytes.append(contentsOf: utf8)
        }
    }

    /// Appends `data` behind its length as a varint.
    package mutating func writeCounted(_ data: [UInt8]) {
        writeVarint(UInt64(data.count))
        bytes.append(contentsOf: data)
    }

    /// Appends `data` as it is.
    package mutating func writeRaw(_ data: some Sequence<UInt8>) {
        bytes.append(contentsOf: data)
    }

    private mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        // SAFETY: an integer has no padding, and the buffer lives for the closure only.
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }
}
