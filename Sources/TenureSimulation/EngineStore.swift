// A state store in memory whose commits are atomic and whose process can die on either side of one.
//
// Each commit is two numbered operations of the disk: one before it and one behind it, so that a
// machine that stops after any number of operations also stops on both sides of a checkpoint.

internal import Synchronization
internal import TenureBase
internal import TenureLMDB
package import TenureLog
package import TenureModel
package import TenureStorage

/// Rows in memory that survive every crash.
package final class EngineStore: StateStore {
    /// All rows and the checkpoint that they are of.
    package struct Content {
        var tables: [RowTable: [[UInt8]: [UInt8]]] = [:]
        var checkpoint: StoredCheckpoint
    }

    package let ledger: LedgerID
    private let content: Mutex<Content>
    private let disk: Mutex<SimulatedDisk?>

    /// The state before the first record.
    package init(ledger: LedgerID) {
        self.ledger = ledger
        content = Mutex(Content(checkpoint: StoredCheckpoint(ledger: ledger)))
        disk = Mutex(nil)
    }

    private init(_ content: Content, _ ledger: LedgerID) {
        self.ledger = ledger
        self.content = Mutex(content)
        disk = Mutex(nil)
    }

    package var checkpoint: StoredCheckpoint { content.withLock { $0.checkpoint } }

    package var rows: [RowTable: [[UInt8]: [UInt8]]] {
        content.withLock { $0.tables.filter { !$0.value.isEmpty } }
    }

    /// A store of the same rows that goes its own way.
    package func clone() -> EngineStore { EngineStore(content.withLock { $0 }, ledger) }

    /// Counts commits among the operations of `disk`, and stops with it.
    package func ride(on disk: SimulatedDisk) {
        self.disk.withLock { $0 = disk }
    }

    package func makeReader() throws(StorageError) -> any RowReading { EngineRowReader(self) }

    package func commit(
        _ changes: FrozenChanges,
        seal: Seal,
        frontier: ScrubFrontier?
    ) throws(StorageError) -> CheckpointFigures {
        try passPoint()
        let result = content.withLock { content -> Result<CheckpointFigures, StorageError> in
            var draft = content
            do throws(StoreError) {
                let figures = try Self.apply(changes, seal, frontier, to: &draft)
                content = draft
                return .success(figures)
            } catch {
                return .failure(StorageError(error, in: "simulated", freeBytes: nil))
            }
        }
        let figures = try result.get()
        try passPoint()
        return figures
    }

    private func passPoint() throws(StorageError) {
        guard let disk = disk.withLock({ $0 }) else { return }
        do throws(DiskError) {
            try disk.syncDirectory("")
        } catch {
            throw .device(Trouble("\(error)", at: "simulated", "open it again"))
        }
    }

    private static func apply(
        _ changes: FrozenChanges,
        _ seal: Seal,
        _ frontier: ScrubFrontier?,
        to content: inout Content
    ) throws(StoreError) -> CheckpointFigures {
        var writer = CheckpointWriter(from: content.checkpoint, frontier: frontier)
        var tables = content.tables
        try writer.forEachRow(of: changes) { (writer, change) throws(StoreError) in
            try writer.replace(tables[change.table]?[change.key], by: change)
            tables[change.table, default: [:]][change.key] = change.value
        }
        content.tables = tables
        content.checkpoint = writer.finish(changes.facts, seal: seal).checkpoint
        return writer.figures
    }
}

private final class EngineRowReader: RowReading {
    private let store: EngineStore

    package init(_ store: EngineStore) { self.store = store }

    package func value(_ table: RowTable, _ key: [UInt8]) throws(RowFault) -> [UInt8]? {
        store.rows[table]?[key]
    }

    package func rows(
        _ table: RowTable,
        from start: ScanStart,
        prefix: [UInt8],
        limit: Int
    ) throws(RowFault) -> [RawRow] {
        let found = (store.rows[table] ?? [:]).filter { key, _ in
            guard key.starts(with: prefix) else { return false }
            switch start {
            case .first: return true
            case .at(let first): return !key.lexicographicallyPrecedes(first)
            case .after(let last): return last.lexicographicallyPrecedes(key)
            }
        }
        return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.prefix(max(limit, 0))
            .map { RawRow(key: $0.key, value: $0.value) }
    }

    package func neighbours(
        _ table: RowTable,
        of key: [UInt8]
    ) throws(RowFault) -> (before: [UInt8]?, after: [UInt8]?) {
        let keys = (store.rows[table] ?? [:]).keys
        return (
            keys.filter { $0.lexicographicallyPrecedes(key) }.max {
                $0.lexicographicallyPrecedes($1)
            },
            keys.filter { key.lexicographicallyPrecedes($0) }.min {
                $0.lexicographicallyPrecedes($1)
            }
        )
    }
}
