// What a checkpoint writes, row by row, and the digest that follows from it.
//
//   K1  A checkpoint never goes back: its position is at or above the one before.
//   K2  digest = sum of the hashes of all rows: the old row's goes out, the new one's comes in.
//   K3  A replaced row is verified, so that damage is not carried into the digest.
//   K4  What changes where a scrub has been already is told to it, so that it can go on.

internal import TenureBase
package import TenureLMDB
package import TenureLog
package import TenureModel

/// One row that a checkpoint sets or deletes.
package struct RowChange: Sendable {
    /// Which table.
    package let table: RowTable
    /// The row's key.
    package let key: [UInt8]
    /// The new value, or nothing when the row goes.
    package let value: [UInt8]?
    /// The hash of the new row.
    package let hash: RowHash?
}

/// Turns changes into rows of bytes and keeps digest and counts in step.
package struct CheckpointWriter: Sendable {
    private var codec: RowCodec
    /// What the checkpoint row says, as far as rows were written.
    private(set) var checkpoint: StoredCheckpoint
    /// What was written so far.
    package private(set) var figures = CheckpointFigures()
    private let frontier: ScrubFrontier?

    /// Goes on from `checkpoint`; `frontier` is that of a scrub that is under way.
    package init(from checkpoint: StoredCheckpoint, frontier: ScrubFrontier? = nil) {
        self.checkpoint = checkpoint
        self.frontier = frontier
        codec = RowCodec(ledger: checkpoint.ledger)
    }

    /// Gives every changed row to `body`, table by table, in the order of keys.
    package mutating func forEachRow(
        of changes: FrozenChanges,
        _ body: (inout CheckpointWriter, RowChange) throws(StoreError) -> Void
    ) throws(StoreError) {
        try rows(changes.pools, body)
        try rows(changes.resources, body)
        try rows(changes.quotas, body)
        try rows(changes.leases, body)
        try rows(changes.sessions, body)
        try rows(changes.storedAnswers, body)
        try rows(changes.usage, body)
        try rows(changes.due, body)
        try rows(changes.members, body)
        try rows(changes.budgets, body)
        try rows(changes.tenantLimits, body)
        try rows(changes.breakers, body)
        try rows(changes.tickets, body)
        try rows(changes.bookings, body)
        try rows(changes.windows, body)
        try rows(changes.preemptible, body)
        try rows(changes.reclaimable, body)
    }

    /// Counts a change, given the value that the store has under its key.
    package mutating func replace(_ old: [UInt8]?, by change: RowChange) throws(StoreError) {
        let isSeen = frontier?.covers(change.table, change.key) ?? false
        if let old {
            guard let hash = codec.verify(change.table, key: change.key, value: old) else {
                let key = hexadecimal(change.key)
                throw .damaged("table \(change.table.name), key \(key): wrong checksum")
            }
            guard checkpoint.counts[change.table] > 0 else {
                throw .damaged("table \(change.table.name): more rows than the checkpoint counts")
            }
            checkpoint.digest.remove(hash)
            checkpoint.counts[change.table] -= 1
            if isSeen { figures.behindFrontier.remove(hash, from: change.table) }
        }
        if let hash = change.hash {
            checkpoint.digest.add(hash)
            checkpoint.counts[change.table] += 1
            if isSeen { figures.behindFrontier.add(hash, to: change.table) }
        }
        figures.rows += 1
        figures.bytes += change.key.count + (change.value?.count ?? 0)
    }

    /// The checkpoint after all rows, and the value of its own row.
    package mutating func finish(
        _ facts: LedgerFacts,
        seal: Seal
    ) -> (checkpoint: StoredCheckpoint, value: [UInt8]) {
        invariant(
            facts.position >= checkpoint.position,
            "K1: a checkpoint at \(facts.position) after one at \(checkpoint.position)"
        )
        checkpoint.facts = facts
        checkpoint.seal = seal
        return (checkpoint, codec.encode(checkpoint))
    }

    private mutating func rows<Row: StorableRow>(
        _ changes: [Row.Key: Changed<Row>],
        _ body: (inout CheckpointWriter, RowChange) throws(StoreError) -> Void
    ) throws(StoreError) where Row.Key: Comparable {
        // Neighbours are written one after the other, so that a page is looked up once.
        for (id, change) in changes.sorted(by: { $0.key < $1.key }) {
            let key = Row.bytes(of: id)
            guard let row = change.value else {
                try body(&self, RowChange(table: Row.table, key: key, value: nil, hash: nil))
                continue
            }
            let (value, hash) = codec.encode(row, key: key, position: change.position)
            try body(&self, RowChange(table: Row.table, key: key, value: value, hash: hash))
        }
    }
}

extension StateDigest {
    /// The digest and the counts of a state that is given as changes of an empty one.
    ///
    /// Rows without a value count as absent.
    package static func of(
        _ state: FrozenChanges,
        ledger: LedgerID
    ) throws(StoreError) -> (digest: StateDigest, counts: RowCounts) {
        var writer = CheckpointWriter(from: StoredCheckpoint(ledger: ledger))
        try writer.forEachRow(of: state) { (writer, change) throws(StoreError) in
            try writer.replace(nil, by: change)
        }
        return (writer.checkpoint.digest, writer.checkpoint.counts)
    }
}
