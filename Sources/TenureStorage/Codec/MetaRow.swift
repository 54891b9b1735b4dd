// The one row that says what the last checkpoint was. It is written in the transaction of the rows.
//
//   key       "checkpoint"
//   value     checksum u64 · position u64 · payload, as of every row
//   payload   format u16 = 1 · ledger id 16 bytes · seal 32 bytes · digest low u64 · high u64
//             · 9 counts u64 (pools to members) · ledger time u64 · epoch u16
//             · epoch since u64 · next resource u32 · leases u64 · sessions u64 · answers u64
//             · opened at u64 · opening optional · count of gaps, each with the fields of event 2
//             · further counts: count u8 · each: table u8 · count u64; absent when all are 0
//
// The position is the checkpoint's own. The row is not part of the digest, which it holds.

package import TenureBase
package import TenureLog
package import TenureModel

/// What the state store holds, and which moment of the log that is.
package struct StoredCheckpoint: Hashable, Sendable {
    /// Which ledger.
    package var ledger: LedgerID
    /// The seal of the group that ends at `facts.position`.
    package var seal: Seal
    /// The sum over all rows.
    package var digest = StateDigest()
    /// How many rows each table has.
    package var counts = RowCounts()
    /// Position, ledger time and what else is no row of a table.
    package var facts = LedgerFacts()

    /// The state before the first record.
    package init(ledger: LedgerID) {
        self.ledger = ledger
        seal = .zero
    }

    /// The last position that the rows include.
    package var position: Position { facts.position }
}

extension StoredCheckpoint: StorableRow {
    /// The format of rows that is written and read here.
    static let format: UInt16 = 1
    /// The key of the one row.
    package static let keyBytes = Array("checkpoint".utf8)

    package static var table: RowTable { .meta }

    package static func write(_ key: Position, to writer: inout FieldWriter) {
        writer.raw(keyBytes)
    }

    /// The key says nothing; the position is in front of the payload.
    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> Position {
        guard bytes == keyBytes else { throw .invalid(offset: 0, field: "key") }
        return 0
    }

    package func writePayload(to writer: inout FieldWriter) {
        writer.u16(Self.format)
        writer.raw(ledger.bytes)
        writer.raw(seal.bytes)
        writer.u64(UInt64(truncatingIfNeeded: digest.sum))
        writer.u64(UInt64(truncatingIfNeeded: digest.sum >> 64))
        for table in RowTable.always { writer.u64(counts[table]) }
        writer.time(facts.time)
        writer.u16(facts.epoch)
        writer.u64(facts.epochSince)
        writer.u32(facts.nextResource)
        writer.u64(facts.leases)
        writer.u64(facts.sessions)
        writer.u64(facts.storedAnswers)
        writer.time(facts.openedAt)
        writer.bool(facts.opening != nil)
        if let opening = facts.opening { writer.opening(opening) }
        writer.count(facts.graces.count)
        for grace in facts.graces { writer.grace(grace) }
        let further = RowTable.further.filter { counts[$0] > 0 }
        guard !further.isEmpty else { return }
        writer.u8(UInt8(further.count))
        for table in further {
            writer.u8(table.rawValue)
            writer.u64(counts[table])
        }
    }

    package static func read(
        _ key: Position,
        from reader: inout ByteReader
    ) throws(DecodeError) -> StoredCheckpoint {
        guard try reader.read(UInt16.self) == format else {
            throw .invalid(offset: 0, field: "format")
        }
        guard let ledger = LedgerID(bytes: try reader.readRaw(16)),
            let seal = Seal(bytes: try reader.readRaw(Seal.byteCount))
        else { throw .invalid(offset: 2, field: "ledger id or seal") }
        var checkpoint = StoredCheckpoint(ledger: ledger)
        checkpoint.seal = seal
        let low: UInt64 = try reader.read()
        let high: UInt64 = try reader.read()
        checkpoint.digest = StateDigest(sum: UInt128(high) << 64 | UInt128(low))
        for table in RowTable.always { checkpoint.counts[table] = try reader.read() }
        checkpoint.facts = try reader.facts(key)
        try reader.furtherCounts(&checkpoint.counts)
        return checkpoint
    }
}

extension RowTable {
    /// The tables whose count every checkpoint has, in this order.
    static let always: [RowTable] = [
        .pools, .resources, .quotas, .leases, .sessions, .storedAnswers, .usage, .due, .members,
    ]
    /// The tables whose count a checkpoint has where it is not 0.
    ///
    /// A state that an earlier version wrote lacks them, which is the same as no rows in them.
    static let further = counted.filter { !always.contains($0) }
}

extension ByteReader {
    /// Reads the counts behind the last field, if there are any; refuses what would be written
    /// otherwise than it was read.
    fileprivate mutating func furtherCounts(_ counts: inout RowCounts) throws(DecodeError) {
        guard remaining > 0 else { return }
        let tail = offset
        let number: UInt8 = try read()
        guard number > 0 else { throw .trailing(offset: tail) }
        var rest = RowTable.further[...]
        for _ in 0..<number {
            let start = offset
            let table = try coded(RowTable.init(rawValue:), "table")
            let count: UInt64 = try read()
            guard let index = rest.firstIndex(of: table), count > 0 else {
                throw .invalid(offset: start, field: "table")
            }
            rest = rest[(index + 1)...]
            counts[table] = count
        }
    }

    fileprivate mutating func facts(_ position: Position) throws(DecodeError) -> LedgerFacts {
        var facts = LedgerFacts()
        facts.position = position
        facts.time = try time()
        facts.epoch = try read()
        facts.epochSince = try read()
        facts.nextResource = try read()
        facts.leases = try read()
        facts.sessions = try read()
        facts.storedAnswers = try read()
        facts.openedAt = try time()
        facts.opening = try bool() ? try opening() : nil
        for _ in 0..<(try readCount()) { facts.graces.append(try grace()) }
        return facts
    }
}

extension RowCodec {
    /// The value of the one row.
    package mutating func encode(_ checkpoint: StoredCheckpoint) -> [UInt8] {
        let key = StoredCheckpoint.keyBytes
        return encode(checkpoint, key: key, position: checkpoint.position).value
    }

    /// What the one row says.
    package mutating func decodeCheckpoint(_ value: [UInt8]) throws(RowFault) -> StoredCheckpoint {
        try decode(
            StoredCheckpoint.self,
            key: Self.position(of: value) ?? 0,
            keyBytes: StoredCheckpoint.keyBytes,
            value: value
        )
    }
}
