// The scrub: every row of a live state is verified in slices, and then all of them as one.
//
// A row that nobody asks for is damaged unnoticed. The scrub reads each, a slice at a time, so
// that no snapshot is held for long. A row's own checksum can not tell a lost or stale page, whose
// rows have right checksums; the digest and the counts of all rows can (I10).
//
// Checkpoints go on during a pass. One that is told about it (`frontier`, `follow`) says how the
// rows that the pass has already seen were changed, so that at its end the pass has the sum over
// all rows as they are now. After one that was not told the sum means nothing and is not compared.
//
//   G1  digest and counts are those of the rows up to the frontier, at the last checkpoint.

internal import TenureLMDB
package import TenureModel

/// What one pass over all rows has looked at.
package struct ScrubFigures: Equatable, Sendable {
    /// How many rows were verified.
    package var rows: UInt64 = 0
    /// Whether digest and counts could be compared, because every checkpoint was followed.
    package var comparedDigest = false
}

/// How far a pass has come: rows at or before it were seen.
package struct ScrubFrontier: Equatable, Sendable {
    /// The table at work, behind those that were seen whole; nothing when all were.
    let table: RowTable?
    /// The last key that was seen in it; nothing when none was.
    let key: [UInt8]?

    /// Whether the place of `key` was passed, whether or not a row was there.
    func covers(_ table: RowTable, _ key: [UInt8]) -> Bool {
        guard let current = self.table else { return true }
        guard table == current else { return table.rawValue < current.rawValue }
        guard let last = self.key else { return false }
        return !last.lexicographicallyPrecedes(key)
    }
}

/// How a checkpoint has changed the digest and the counts of some rows.
package struct StateDelta: Equatable, Sendable {
    /// What was added to the digest, modulo 2^128.
    package private(set) var digest = StateDigest()
    /// What was added to each count, modulo 2^64.
    package private(set) var counts = RowCounts()

    package init() {}

    mutating func add(_ hash: RowHash, to table: RowTable) {
        digest.add(hash)
        counts[table] &+= 1
    }

    mutating func remove(_ hash: RowHash, from table: RowTable) {
        digest.remove(hash)
        counts[table] &-= 1
    }

    mutating func add(_ other: StateDelta) {
        digest.add(other.digest)
        for table in RowTable.counted { counts[table] &+= other.counts[table] }
    }
}

/// Verifies the rows of a store, over and over; it belongs to one thread.
package final class StateScrubber {
    private let reader: any RowReading
    private var codec: RowCodec
    private var tables: ArraySlice<RowTable> = []
    private var last: [UInt8]?
    /// The checkpoint that the rows seen so far are of; nothing between two passes.
    private var current: StoredCheckpoint?
    private var seen = StateDelta()
    private var verifiedBefore: UInt64 = 0
    /// Rows that were verified so far, over all passes.
    package private(set) var verified: UInt64 = 0

    /// A scrub of `store`, for the calling thread.
    package init(_ store: any StateStore) throws(StorageError) {
        reader = try store.makeReader()
        codec = RowCodec(ledger: store.ledger)
    }

    /// How far the pass has come, for the next checkpoint; nothing between two passes.
    package var frontier: ScrubFrontier? {
        current.map { _ in ScrubFrontier(table: tables.first, key: last) }
    }

    /// Takes over what a checkpoint, which was given `frontier`, has changed up to there.
    ///
    /// Nothing may come between that checkpoint and this call.
    package func follow(_ figures: CheckpointFigures, to checkpoint: StoredCheckpoint) {
        guard current != nil else { return }
        seen.add(figures.behindFrontier)
        current = checkpoint
    }

    /// Verifies at most `count` more rows.
    ///
    /// - Returns: What the pass has looked at, when this was its end; the next call starts anew.
    /// - Throws: Where a row, the digest or a count is wrong.
    package func step(_ count: Int) throws(RowFault) -> ScrubFigures? {
        if current == nil { try begin() }
        guard let table = tables.first else { return try finish() }
        let from = last.map { ScanStart.after($0) } ?? .first
        let found = try reader.rows(table, from: from, prefix: [], limit: max(count, 1))
        for row in found {
            guard let hash = codec.verify(table, key: row.key, value: row.value) else {
                throw .wrongChecksum(table, row.key)
            }
            seen.add(hash, to: table)
        }
        verified += UInt64(found.count)
        last = found.last?.key ?? last
        if found.count < max(count, 1) {
            tables = tables.dropFirst()
            last = nil
        }
        return nil
    }

    private func begin() throws(RowFault) {
        tables = RowTable.counted[...]
        last = nil
        seen = StateDelta()
        verifiedBefore = verified
        current = try checkpoint()
    }

    /// Read from the store, and not asked of it: the row moves in the transaction of the rows.
    private func checkpoint() throws(RowFault) -> StoredCheckpoint {
        guard let value = try reader.value(.meta, StoredCheckpoint.keyBytes) else {
            throw .damaged("table meta: the checkpoint row is missing")
        }
        return try codec.decodeCheckpoint(value)
    }

    private func finish() throws(RowFault) -> ScrubFigures {
        let end = try checkpoint()
        var figures = ScrubFigures(rows: verified - verifiedBefore)
        defer { current = nil }
        guard end == current else { return figures }
        figures.comparedDigest = true
        for table in RowTable.counted where seen.counts[table] != end.counts[table] {
            throw .damaged(
                "table \(table.name) has \(seen.counts[table]) rows, the checkpoint counts "
                    + "\(end.counts[table])"
            )
        }
        guard seen.digest == end.digest else {
            throw .damaged(
                "the rows have digest \(seen.digest), the checkpoint says \(end.digest): rows are "
                    + "stale or from another checkpoint"
            )
        }
        return figures
    }
}
