// Memory on a block boundary, as reads past the page cache need it.
//
//   L9  Every access is within the buffer; offsets come from our own arithmetic, never from a file.

import CTenureSystem
import TenureBase

/// Zeroed bytes that start on a block boundary and are freed with their owner.
@safe
struct AlignedBuffer: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer

    /// Allocates `byteCount` zero bytes.
    init(byteCount: Int) {
        unsafe memory = .allocate(byteCount: max(byteCount, 1), alignment: LogLimits.block)
        // SAFETY: the memory was just allocated with this count.
        if let start = unsafe memory.baseAddress { unsafe tenure_clear(start, memory.count) }
    }

    deinit {
        unsafe memory.deallocate()
    }

    /// How many bytes there are.
    var byteCount: Int { unsafe memory.count }

    /// The bytes, while the buffer is borrowed.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            // SAFETY: the span can not outlive the borrow, and the memory is initialized.
            let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(memory))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The bytes, to be changed while the buffer is borrowed for that.
    var mutableBytes: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            // SAFETY: the span can not outlive the exclusive access, and nothing else refers to
            // the memory.
            let span = unsafe MutableRawSpan(_unsafeBytes: memory)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// Writes an integer in little-endian order.
    @inline(__always)
    mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int)
    {
        invariant(
            offset >= 0 && offset + MemoryLayout<Value>.size <= byteCount,
            "L9: within the buffer"
        )
        // SAFETY: the line above is the bounds check.
        unsafe memory.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    /// Writes the 32 bytes of a seal.
    mutating func store(_ seal: Seal, at offset: Int) {
        let words = seal.words
        store(words.0, at: offset)
        store(words.1, at: offset + 8)
        store(words.2, at: offset + 16)
        store(words.3, at: offset + 24)
    }

    /// Writes the 16 bytes of an identity.
    mutating func store(_ ledger: LedgerID, at offset: Int) {
        store(ledger.high.byteSwapped, at: offset)
        store(ledger.low.byteSwapped, at: offset + 8)
    }

    /// Copies all of `source` to `offset`.
    @inline(__always)
    mutating func copy(_ source: RawSpan, to offset: Int) {
        invariant(offset >= 0 && source.byteCount <= byteCount - offset, "L9: within the buffer")
        // SAFETY: the line above is the bounds check, and the source is borrowed memory, which
        // this buffer can not be while it is changed.
        unsafe source.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let start = unsafe memory.baseAddress else {
                return
            }
            unsafe (start + offset).copyMemory(from: base, byteCount: bytes.count)
        }
    }

    /// Writes zeros over a range.
    mutating func clear(_ range: Range<Int>) {
        invariant(range.lowerBound >= 0 && range.upperBound <= byteCount, "L9: within the buffer")
        // SAFETY: the line above is the bounds check.
        guard let start = unsafe memory.baseAddress else { return }
        unsafe tenure_clear(start + range.lowerBound, range.count)
    }
}
