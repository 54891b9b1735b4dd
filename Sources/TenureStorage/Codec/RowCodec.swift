// A row's value, its checksum and its part of the digest.
//
//   value     checksum u64 · position u64 · payload
//   checksum  the low half of SipHash-2-4-128, keyed with the ledger's id, over
//             table u8 · key length u16 · key · position u64 · payload
//   digest    the wrapping sum of all 128 bits over all rows, so that their order does not matter
//
// The key length keeps a key's last bytes apart from the position. The position is that of the
// last change, so that a stale page gives other bytes and another digest.
//
//   D1  A row is decoded only after its checksum was found right (I10).
//   D2  Rows of two ledgers never pass for each other: the key of the hash is the ledger's id.

internal import CTenureSystem
internal import TenureBase
package import TenureLog
package import TenureModel

/// The 128 bits that a row adds to the digest; the low half is its checksum.
package struct RowHash: Hashable, Sendable {
    /// All bits.
    package let value: UInt128

    /// What is stored in the row.
    var checksum: UInt64 { UInt64(truncatingIfNeeded: value) }
}

/// The order-free sum over the hashes of rows.
package struct StateDigest: Hashable, Sendable, CustomStringConvertible {
    /// The sum, modulo 2^128.
    package private(set) var sum: UInt128

    /// The digest of `sum`, and of no rows by default.
    package init(sum: UInt128 = 0) {
        self.sum = sum
    }

    /// Adds a row.
    package mutating func add(_ hash: RowHash) { sum &+= hash.value }

    /// Adds all rows of another digest.
    package mutating func add(_ other: StateDigest) { sum &+= other.sum }

    /// Takes a row out that was added before.
    package mutating func remove(_ hash: RowHash) { sum &-= hash.value }

    /// 32 hexadecimal digits.
    package var description: String {
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}

/// Writes, verifies and reads rows of one ledger.
package struct RowCodec: Sendable {
    /// Bytes in front of the payload.
    static let headerBytes = 16

    private let key: [UInt8]
    private var scratch = FieldWriter(appendingTo: [])

    /// The codec of the rows of `ledger`.
    package init(ledger: LedgerID) {
        key = ledger.bytes
    }

    /// The value of a row, and its hash.
    package mutating func encode<Row: StorableRow>(
        _ row: Row,
        key: [UInt8],
        position: UInt64
    ) -> (value: [UInt8], hash: RowHash) {
        startScratch(Row.table, key)
        let start = scratch.count
        scratch.u64(position)
        row.writePayload(to: &scratch)
        let hash = hashOfScratch()
        let value = unsafe scratch.withBytes { bytes in
            // SAFETY: exactly the bytes that are written are declared initialised.
            unsafe [UInt8](unsafeUninitializedCapacity: 8 + bytes.count - start) { room, count in
                let room = UnsafeMutableRawBufferPointer(room)
                unsafe room.storeBytes(of: hash.checksum.littleEndian, as: UInt64.self)
                unsafe UnsafeMutableRawBufferPointer(rebasing: room[8...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start...]))
                count = room.count
            }
        }
        return (value, hash)
    }

    /// The hash of a stored row, after its checksum was found right; nil when it is wrong.
    package mutating func verify(_ table: RowTable, key: [UInt8], value: [UInt8]) -> RowHash? {
        guard value.count >= Self.headerBytes else { return nil }
        startScratch(table, key)
        scratch.raw(value[8...])
        let hash = hashOfScratch()
        return Self.integer(of: value, at: 0) == hash.checksum ? hash : nil
    }

    /// The row that `key` and `value` are, after its checksum was found right.
    package mutating func decode<Row: StorableRow>(
        _ type: Row.Type,
        key: Row.Key,
        keyBytes: [UInt8],
        value: [UInt8]
    ) throws(RowFault) -> Row {
        guard verify(Row.table, key: keyBytes, value: value) != nil else {
            throw .wrongChecksum(Row.table, keyBytes)
        }
        do throws(DecodeError) {
            // SAFETY: bytes have no padding that could be read uninitialised.
            let bytes = unsafe value.span.bytes
            var reader = ByteReader(bytes.extracting(Self.headerBytes..<bytes.byteCount))
            let row = try Row.read(key, from: &reader)
            try reader.finish()
            return row
        } catch {
            throw .unreadableRow(Row.table, keyBytes, error)
        }
    }

    /// The row that `keyBytes` and `value` are, its key included.
    package mutating func decode<Row: StorableRow>(
        _ type: Row.Type,
        keyBytes: [UInt8],
        value: [UInt8]
    ) throws(RowFault) -> Row {
        let key: Row.Key
        do throws(DecodeError) {
            key = try Row.readKey(keyBytes)
        } catch {
            throw .unreadableRow(Row.table, keyBytes, error)
        }
        return try decode(type, key: key, keyBytes: keyBytes, value: value)
    }

    /// Decodes a row of any table and forgets it, for an audit.
    package mutating func check(
        _ table: RowTable,
        key: [UInt8],
        value: [UInt8]
    ) throws(RowFault) {
        switch table {
        case .meta: _ = try decodeCheckpoint(value)
        case .pools: _ = try decode(Pool.self, keyBytes: key, value: value)
        case .resources: _ = try decode(Resource.self, keyBytes: key, value: value)
        case .quotas: _ = try decode(Quota.self, keyBytes: key, value: value)
        case .leases: _ = try decode(Lease.self, keyBytes: key, value: value)
        case .sessions: _ = try decode(Session.self, keyBytes: key, value: value)
        case .storedAnswers: _ = try decode(StoredAnswer.self, keyBytes: key, value: value)
        case .usage: _ = try decode(TenantUsage.self, keyBytes: key, value: value)
        case .due: _ = try decode(DueEntry.self, keyBytes: key, value: value)
        case .members: _ = try decode(MemberKey.self, keyBytes: key, value: value)
        case .tickets: _ = try decode(Ticket.self, keyBytes: key, value: value)
        case .bookings: _ = try decode(Booking.self, keyBytes: key, value: value)
        case .windows: _ = try decode(Window.self, keyBytes: key, value: value)
        case .budgets: _ = try decode(Budget.self, keyBytes: key, value: value)
        case .tenantLimits: _ = try decode(TenantLimits.self, keyBytes: key, value: value)
        case .breakers: _ = try decode(Breaker.self, keyBytes: key, value: value)
        case .preemptible: _ = try decode(PreemptibleKey.self, keyBytes: key, value: value)
        case .reclaimable: _ = try decode(ReclaimableKey.self, keyBytes: key, value: value)
        }
    }

    /// The position of the last change that a value states.
    package static func position(of value: [UInt8]) -> UInt64? {
        guard value.count >= headerBytes else { return nil }
        return integer(of: value, at: 8)
    }

    private static func integer(of value: [UInt8], at offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(value[offset + $1]) << UInt64(8 * $1) }
    }

    private mutating func startScratch(_ table: RowTable, _ key: [UInt8]) {
        scratch.removeAll()
        scratch.u8(table.rawValue)
        scratch.u16(UInt16(truncatingIfNeeded: key.count))
        scratch.raw(key)
    }

    private func hashOfScratch() -> RowHash {
        var low: UInt64 = 0
        var high: UInt64 = 0
        // SAFETY: the key has 16 bytes, the output room for two words, and all live for the call.
        unsafe key.withUnsafeBufferPointer { key in
            unsafe scratch.withBytes { bytes in
                guard let key = key.baseAddress else { return }
                unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2) { words in
                    guard let output = words.baseAddress else { return }
                    unsafe tenure_siphash128(key, bytes.baseAddress, bytes.count, output)
                    unsafe low = output[0]
                    unsafe high = output[1]
                }
            }
        }
        return RowHash(value: UInt128(high) << 64 | UInt128(low))
    }
}

extension RowFault {
    static func wrongChecksum(_ table: RowTable, _ key: [UInt8]) -> RowFault {
        .damaged("table \(table.name), key \(hexadecimal(key)): wrong checksum")
    }

    static func unreadableRow(
        _ table: RowTable,
        _ key: [UInt8],
        _ error: DecodeError
    ) -> RowFault {
        .damaged("table \(table.name), key \(hexadecimal(key)): \(error)")
    }
}

/// Lower-case hexadecimal digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
        decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
        as: UTF8.self
    )
}
