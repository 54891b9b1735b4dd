// Appends the fields of events and rows to a growing array.
//
//   u8 u16 u32 u64   fixed width, little-endian
//   count            LEB128, 1 to 10 bytes
//   text             count of UTF-8 bytes, then the bytes
//   bytes            count, then the bytes
//   optional         u8: 0 absent, 1 present and the value follows
//
// It is a type of this module, and not the one of the base, so that the optimiser sees through it:
// every grant is encoded with it. ByteReader reads what it writes.

internal import TenureModel

/// Builds the fields of one event, row or key after another.
package struct FieldWriter: Sendable {
    /// What has been written so far.
    package private(set) var bytes: [UInt8]

    /// A writer that appends to `bytes` and takes them over.
    package init(appendingTo bytes: consuming [UInt8] = []) {
        self.bytes = bytes
    }

    /// Forgets what was written and keeps the storage.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    /// Makes room for `count` more bytes at once.
    mutating func reserve(_ count: Int) {
        bytes.reserveCapacity(bytes.count + count)
    }

    /// Gives the bytes back and keeps none.
    consuming func take() -> [UInt8] {
        bytes
    }

    mutating func u8(_ value: UInt8) { bytes.append(value) }
    mutating func u16(_ value: UInt16) { append(value.littleEndian) }
    mutating func u32(_ value: UInt32) { append(value.littleEndian) }
    mutating func u64(_ value: UInt64) { append(value.littleEndian) }
    mutating func u32BigEndian(_ value: UInt32) { append(value.bigEndian) }
    mutating func u64BigEndian(_ value: UInt64) { append(value.bigEndian) }

    mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func time(_ value: LedgerTime) { u64(value.nanoseconds) }

    mutating func count(_ value: Int) {
        var rest = UInt64(value)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func text(_ value: String) {
        count(value.utf8.count)
        rawText(value)
    }

    /// Appends the UTF-8 of `value` without its length, for keys.
    mutating func rawText(_ value: String) {
        var value = value
        // SAFETY: the bytes are copied while the buffer lives.
        value.withUTF8 { unsafe bytes.append(contentsOf: $0) }
    }

    mutating func counted(_ value: [UInt8]) {
        count(value.count)
        bytes.append(contentsOf: value)
    }

    mutating func raw(_ value: [UInt8]) {
        bytes.append(contentsOf: value)
    }

    mutating func raw(_ value: ArraySlice<UInt8>) {
        bytes.append(contentsOf: value)
    }

    /// Overwrites the u32 at `offset`, for a length that is known afterwards.
    mutating func patch(_ value: UInt32, at offset: Int) {
        for index in 0..<4 {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
        }
    }

    /// Overwrites the u64 at `offset`.
    mutating func patch(_ value: UInt64, at offset: Int) {
        for index in 0..<8 {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }

    private mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        // SAFETY: an integer has no padding, and the buffer lives for the closure only.
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }
}
