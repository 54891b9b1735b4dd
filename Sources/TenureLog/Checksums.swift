// CRC-32C, SHA-256 and the search for the end of data, over borrowed bytes.

import CTenureSystem
import Crypto

/// Calculates a CRC-32C piece by piece.
package struct CRC32C {
    /// The checksum of what was taken in so far.
    package private(set) var value: UInt32 = 0

    /// Of no bytes.
    package init() {}

    /// Takes in `bytes`.
    package mutating func update(_ bytes: RawSpan) {
        // SAFETY: the bytes are read within the closure only.
        value = unsafe bytes.withUnsafeBytes {
            unsafe tenure_crc32c(value, $0.baseAddress, $0.count)
        }
    }

    /// Takes in an integer in little-endian order.
    package mutating func update<Value: FixedWidthInteger & BitwiseCopyable>(_ integer: Value) {
        // SAFETY: an integer has no padding, and the buffer lives for the closure only.
        value = unsafe withUnsafeBytes(of: integer.littleEndian) { bytes in
            unsafe tenure_crc32c(value, bytes.baseAddress, bytes.count)
        }
    }
}

extension Seal {
    /// The SHA-256 of `bytes`.
    package init(hashing bytes: RawSpan) {
        var hash = SHA256()
        // SAFETY: the bytes are read within the closure only.
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        // SAFETY: a SHA-256 has 32 bytes, and four unaligned words are read from them.
        self = unsafe hash.finalize().withUnsafeBytes { digest in
            let word = { (index: Int) in
                let raw = unsafe digest.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                return UInt64(littleEndian: raw)
            }
            return Seal(words: (word(0), word(1), word(2), word(3)))
        }
    }

    /// The seal that starts at `offset`.
    init(reading bytes: RawSpan, at offset: Int) throws(LogFault) {
        self.init(
            words: (
                try bytes.field(at: offset),
                try bytes.field(at: offset + 8),
                try bytes.field(at: offset + 16),
                try bytes.field(at: offset + 24)
            )
        )
    }
}

extension LedgerID {
    /// The identity that starts at `offset`.
    init(reading bytes: RawSpan, at offset: Int) throws(LogFault) {
        let high: UInt64 = try bytes.field(at: offset)
        let low: UInt64 = try bytes.field(at: offset + 8)
        // `field` has undone little-endian order; what is left to undo is the whole swap.
        self.init(high: high.byteSwapped, low: low.byteSwapped)
    }
}

extension RawSpan {
    /// The little-endian integer at `offset`.
    @inline(__always)
    func field<Value: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int
    ) throws(LogFault) -> Value {
        guard offset >= 0, byteCount - offset >= MemoryLayout<Value>.size else { throw .truncated }
        // SAFETY: the guard is the bounds check, and every bit pattern is a valid integer.
        let raw = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
        return Value(littleEndian: raw)
    }

    /// How many bytes there are before the zeros at the end.
    var countWithoutZeros: Int {
        // SAFETY: the bytes are read within the closure only.
        unsafe withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            return unsafe tenure_length_without_zeros(base, bytes.count)
        }
    }
}
