// A state store in memory whose commits are atomic, and fail when they are told to.
//
// It keeps the same bytes as the one on disk: what is tested with it is everything above LMDB.

import Synchronization
import TenureBase
import TenureLMDB
package import TenureLog
package import TenureModel
package import TenureStorage

/// Rows in memory, sorted by key.
package final class SimulatedStateStore: StateStore {
    fileprivate struct Content {
        var tables: [RowTable: [[UInt8]: [UInt8]]] = [:]
        var checkpoint: StoredCheckpoint
        var failure: StorageError?
    }

    package let ledger: LedgerID
    private let content: Mutex<Content>

    /// The state before the first record.
    package init(ledger: LedgerID) {
        self.ledger = ledger
        let checkpoint = StoredCheckpoint(ledger: ledger)
        var codec = RowCodec(ledger: ledger)
        let tables = [RowTable.meta: [StoredCheckpoint.keyBytes: codec.encode(checkpoint)]]
        content = Mutex(Content(tables: tables, checkpoint: checkpoint))
    }

    package var checkpoint: StoredCheckpoint { content.withLock { $0.checkpoint } }

    /// Lets the next commit fail.
    package func failNext(_ error: StorageError) {
        content.withLock { $0.failure = error }
    }

    /// Flips a bit of a stored value.
    package func flip(bit: Int, of table: RowTable, key: [UInt8]) {
        content.withLock { $0.tables[table]?[key]?[bit / 8] ^= 1 << (bit % 8) }
    }

    /// Puts a row behind the back of every checkpoint, or takes it away.
    package func replace(_ table: RowTable, key: [UInt8], by value: [UInt8]?) {
        content.withLock { $0.tables[table, default: [:]][key] = value }
    }

    /// Every row, table by table.
    package var rows: [RowTable: [[UInt8]: [UInt8]]] { content.withLock { $0.tables } }

    package func makeReader() throws(StorageError) -> any RowReading {
        SimulatedRowReader(self)
    }

    @discardableResult
    package func commit(
        _ changes: FrozenChanges,
        seal: Seal,
        frontier: ScrubFrontier?
    ) throws(StorageError) -> CheckpointFigures {
        let result = content.withLock { content -> Result<CheckpointFigures, StorageError> in
            if let failure = content.failure {
                content.failure = nil
                return .failure(failure)
            }
            var draft = content
            do throws(StoreError) {
                let figures = try Self.apply(changes, seal, frontier, to: &draft)
                content = draft
                return .success(figures)
            } catch {
                return .failure(StorageError(error, in: "simulated", freeBytes: nil))
            }
        }
        return try result.get()
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
        let (checkpoint, value) = writer.finish(changes.facts, seal: seal)
        tables[.meta] = [StoredCheckpoint.keyBytes: value]
        content.tables = tables
        content.checkpoint = checkpoint
        return writer.figures
    }
}

/// Reads a simulated store.
private final class SimulatedRowReader: RowReading {
    private let store: SimulatedStateStore

    init(_ store: SimulatedStateStore) {
        self.store = store
    }

    private func sorted(_ table: RowTable) -> [(key: [UInt8], value: [UInt8])] {
        (store.rows[table] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    func value(_ table: RowTable, _ key: [UInt8]) throws(RowFault) -> [UInt8]? {
        store.rows[table]?[key]
    }

    func rows(
        _ table: RowTable,
        from start: ScanStart,
        prefix: [UInt8],
        limit: Int
    ) throws(RowFault) -> [RawRow] {
        let behind = sorted(table).drop { row in
            switch start {
            case .first: false
            case .at(let key): row.key.lexicographicallyPrecedes(key)
            case .after(let key): !key.lexicographicallyPrecedes(row.key)
            }
        }
        return behind.prefix { $0.key.starts(with: prefix) }.prefix(max(limit, 0))
            .map { RawRow(key: $0.key, value: $0.value) }
    }

    func neighbours(
        _ table: RowTable,
        of key: [UInt8]
    ) throws(RowFault) -> (before: [UInt8]?, after: [UInt8]?) {
        let keys = sorted(table).map(\.key)
        return (
            keys.last { $0.lexicographicallyPrecedes(key) },
            keys.first { key.lexicographicallyPrecedes($0) }
        )
    }
}
