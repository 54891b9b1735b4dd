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

internal import TenureBase
internal import TenureModel

/// Builds the fields of one event, row or key after another.
package struct FieldWriter: Sendable {
    // The array is longer than what was written, so that a field is a store and not an append.
    private var storage: [UInt8]
    /// How many bytes have been written.
    package private(set) var count: Int

    /// A writer that appends to `bytes` and takes them over.
    package init(appendingTo bytes: consuming [UInt8] = []) {
        count = bytes.count
        storage = bytes
    }

    /// What has been written so far, as a copy.
    package var bytes: [UInt8] { Array(storage[..<count]) }

    /// Forgets what was written and keeps the storage.
    mutating func removeAll() {
        count = 0
    }

    /// Gives the bytes back and keeps none.
    consuming func take() -> [UInt8] {
        storage.removeLast(storage.count - count)
        return storage
    }

    /// Lends what was written.
    func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        // SAFETY: `count` is at most the array's, and the buffer is lent for the closure.
        unsafe storage.withUnsafeBytes { buffer in
            unsafe body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    @inline(__always)
    mutating func u8(_ value: UInt8) { store(value) }
    @inline(__always)
    mutating func u16(_ value: UInt16) { store(value.littleEndian) }
    @inline(__always)
    mutating func u32(_ value: UInt32) { store(value.littleEndian) }
    @inline(__always)
    mutating func u64(_ value: UInt64) { store(value.littleEndian) }
    mutating func u32BigEndian(_ value: UInt32) { store(value.bigEndian) }
    mutating func u64BigEndian(_ value: UInt64) { store(value.bigEndian) }

    mutating func bool(_ value: Bool) { store(value ? 1 as UInt8 : 0) }

    mutating func time(_ value: LedgerTime) { u64(value.nanoseconds) }

    mutating func count(_ value: Int) { varint(UInt64(value)) }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            store(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        store(UInt8(truncatingIfNeeded: rest))
    }

    mutating func text(_ value: String) {
        var value = value
        // SAFETY: the bytes are copied while the buffer lives.
        value.withUTF8 { utf8 in
            count(utf8.count)
            unsafe copy(UnsafeRawBufferPointer(utf8))
        }
    }

    /// Appends the UTF-8 of `value` without its length, for keys.
    mutating func rawText(_ value: String) {
        var value = value
        // SAFETY: the bytes are copied while the buffer lives.
        value.withUTF8 { unsafe copy(UnsafeRawBufferPointer($0)) }
    }

    mutating func counted(_ value: [UInt8]) {
        count(value.count)
        raw(value)
    }

    mutating func raw(_ value: [UInt8]) {
        // SAFETY: the bytes are copied while the buffer lives.
        unsafe value.withUnsafeBytes { unsafe copy($0) }
    }

    mutating func raw(_ value: ArraySlice<UInt8>) {
        // SAFETY: the bytes are copied while the buffer lives.
        unsafe value.withUnsafeBytes { unsafe copy($0) }
    }

    /// Overwrites the u32 at `offset`, for a length that is known afterwards.
    mutating func patch(_ value: UInt32, at offset: Int) {
        invariant(offset >= 0 && offset + 4 <= count, "F1: a patch lies in what was written")
        // SAFETY: the line above is the bounds check.
        unsafe storage.withUnsafeMutableBytes { buffer in
            unsafe buffer.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
        }
    }

    /// Makes room for `room` more bytes.
    @inline(__always)
    private mutating func reserve(_ room: Int) {
        if storage.count - count < room { grow(room) }
    }

    @inline(never)
    private mutating func grow(_ room: Int) {
        let size = max(count + room, 2 * storage.count, 256)
        storage.append(contentsOf: repeatElement(0, count: size - storage.count))
    }

    @inline(__always)
    private mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        reserve(MemoryLayout<Value>.size)
        let offset = count
        // SAFETY: there is room for the value, as the line above has made sure.
        unsafe storage.withUnsafeMutableBytes { buffer in
            unsafe buffer.storeBytes(of: value, toByteOffset: offset, as: Value.self)
        }
        count += MemoryLayout<Value>.size
    }

    private mutating func copy(_ source: UnsafeRawBufferPointer) {
        reserve(source.count)
        let offset = count
        // SAFETY: there is room for the bytes, as the line above has made sure.
        unsafe storage.withUnsafeMutableBytes { buffer in
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[offset...])
                .copyMemory(from: source)
        }
        count += source.count
    }
}
