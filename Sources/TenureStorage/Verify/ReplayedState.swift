// The state that follows from the log alone, to be compared with the stored one (I6).

internal import TenureLMDB
package import TenureLog
package import TenureModel

/// A state that records are applied to from the first one on.
package protocol ReplayedState: AnyObject {
    /// Goes on from a snapshot, where the history does not go back to the first record.
    func begin(from snapshot: LedgerState)

    /// Applies one record.
    func apply(_ events: [Event], at position: Position, time: LedgerTime) throws(RowFault)

    /// What in it contradicts itself, as a sentence; nothing when all invariants hold.
    func fault() throws(RowFault) -> String?

    /// Every row that is another than in the snapshot, or every row without one, and the facts,
    /// after the last record that was applied.
    func rows() throws(RowFault) -> FrozenChanges
}

/// The rows of a ledger before its first record: none.
package final class NoRows: RowSource {
    package init() {}

    package func lease(_ id: LeaseID) throws(RowFault) -> Lease? { nil }
    package func session(_ id: SessionID) throws(RowFault) -> Session? { nil }
    package func storedAnswer(_ key: RequestKey) throws(RowFault) -> StoredAnswer? { nil }
    package func usage(_ tenant: String) throws(RowFault) -> TenantUsage? { nil }
    package func due(after key: DueKey?, limit: Int) throws(RowFault) -> [DueEntry] { [] }
    package func members(
        of session: SessionID,
        after lease: LeaseID?,
        limit: Int
    ) throws(RowFault) -> [LeaseID] { [] }
    package func preemptible(
        in pool: String,
        after key: PreemptibleKey?,
        limit: Int
    ) throws(RowFault) -> [PreemptibleKey] { [] }
    package func reclaimable(
        in pool: String,
        of tenant: String?,
        after key: ReclaimableKey?,
        limit: Int
    ) throws(RowFault) -> [ReclaimableKey] { [] }
    package func leases(after id: LeaseID?, limit: Int) throws(RowFault) -> [Lease] { [] }
    package func sessions(after id: SessionID?, limit: Int) throws(RowFault) -> [Session] { [] }
}

extension StateDigest {
    /// The digest and count of each table of a state that is given as changes of an empty one.
    package static func tables(
        of state: FrozenChanges,
        ledger: LedgerID
    ) -> (digests: [RowTable: StateDigest], counts: RowCounts) {
        var digests: [RowTable: StateDigest] = [:]
        var counts = RowCounts()
        var writer = CheckpointWriter(from: StoredCheckpoint(ledger: ledger))
        do throws(StoreError) {
            try writer.forEachRow(of: state) { (_, change) throws(StoreError) in
                guard let hash = change.hash else { return }
                digests[change.table, default: StateDigest()].add(hash)
                counts[change.table] += 1
            }
        } catch {
            // Nothing in the body throws.
            return (digests, counts)
        }
        return (digests, counts)
    }
}

extension StoredCheckpoint {
    /// What a state says of itself that has these changes of a snapshot.
    static func of(
        _ changes: FrozenChanges,
        over store: LMDBStateStore
    ) throws(StorageError) -> StoredCheckpoint {
        let reader = try store.makeReader()
        var writer = CheckpointWriter(from: store.checkpoint)
        do throws(StoreError) {
            try writer.forEachRow(of: changes) { (writer, change) throws(StoreError) in
                let old: [UInt8]?
                do throws(RowFault) {
                    old = try reader.value(change.table, change.key)
                } catch {
                    throw .damaged(error.sentence)
                }
                try writer.replace(old, by: change)
            }
        } catch {
            throw StorageError(error, in: store.environment.path, freeBytes: nil)
        }
        return writer.finish(changes.facts, seal: .zero).checkpoint
    }
}
