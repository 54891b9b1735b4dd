// The state in an LMDB environment: one table per sort of row, one transaction per checkpoint.
//
// The settings are the durable defaults of Environment.swift: no flag that weakens a sync.
// Opening runs the pre-open check, reads the checkpoint row and checks whose it is; that it fits
// the log is checked where the log is opened.

internal import Synchronization
internal import SystemPackage
internal import TenureBase
package import TenureLMDB
package import TenureLog
package import TenureModel

/// The state store of a ledger on a disk.
package final class LMDBStateStore: StateStore {
    package let ledger: LedgerID
    /// The environment, for its figures, copies and upkeep.
    package let environment: Environment
    private let tables: TableSet
    /// The directory of the ledger, for sentences and for the free space.
    private let path: String
    private let disk: any Disk
    private let last: Mutex<StoredCheckpoint>

    private init(
        _ environment: Environment,
        _ tables: TableSet,
        _ checkpoint: StoredCheckpoint,
        _ disk: any Disk,
        _ path: String
    ) {
        self.environment = environment
        self.tables = tables
        self.path = path
        self.disk = disk
        ledger = checkpoint.ledger
        last = Mutex(checkpoint)
    }

    package var checkpoint: StoredCheckpoint { last.withLock { $0 } }

    /// Makes an empty state in `state/`, or another directory, of the directory `path`, durable.
    package static func create(
        in path: String,
        on disk: any Disk,
        ledger: LedgerID,
        name: String = DataDirectory.Name.state
    ) throws(StorageError) -> LMDBStateStore {
        do throws(StoreError) {
            let environment = try Environment.open(path: "\(path)/\(name)")
            let tables = try TableSet(environment)
            let checkpoint = StoredCheckpoint(ledger: ledger)
            var codec = RowCodec(ledger: ledger)
            let value = codec.encode(checkpoint)
            try environment.write { (transaction) throws(StoreError) in
                let key = StoredCheckpoint.keyBytes
                try transaction.put(tables[.meta], key: key, value: value)
            }
            try environment.syncCreation()
            return LMDBStateStore(environment, tables, checkpoint, disk, path)
        } catch {
            throw StorageError(error, in: path, freeBytes: try? disk.freeBytes())
        }
    }

    /// Opens the state in `state/`, or another directory, of the directory `path`.
    ///
    /// - Throws: `damaged` also when the file is missing or holds another ledger's state.
    package static func open(
        in path: String,
        on disk: any Disk,
        ledger: LedgerID,
        access: EnvironmentOptions.Access = .readWrite,
        name: String = DataDirectory.Name.state
    ) throws(StorageError) -> LMDBStateStore {
        do throws(StoreError) {
            try refuseAbsence(in: "\(path)/\(name)")
            let environment = try Environment.open(
                path: "\(path)/\(name)",
                options: EnvironmentOptions(access: access)
            )
            let tables = try TableSet(environment)
            let checkpoint = try readCheckpoint(environment, tables, ledger)
            try compareCounts(environment, tables, checkpoint.counts)
            return LMDBStateStore(environment, tables, checkpoint, disk, path)
        } catch {
            throw StorageError(error, in: path, freeBytes: try? disk.freeBytes())
        }
    }

    package func makeReader() throws(StorageError) -> any RowReading {
        do throws(StoreError) {
            return LMDBRowReader(try PersistentReader(environment), tables)
        } catch {
            throw StorageError(error, in: path, freeBytes: nil)
        }
    }

    @discardableResult
    package func commit(
        _ changes: FrozenChanges,
        seal: Seal,
        frontier: ScrubFrontier?
    ) throws(StorageError) -> CheckpointFigures {
        do throws(StoreError) {
            do throws(StoreError) {
                return try commitOnce(changes, seal, frontier)
            } catch {
                guard error == .mapFull else { throw error }
                try environment.growMap()
                return try commitOnce(changes, seal, frontier)
            }
        } catch {
            throw StorageError(error, in: path, freeBytes: try? disk.freeBytes())
        }
    }

    private func commitOnce(
        _ changes: FrozenChanges,
        _ seal: Seal,
        _ frontier: ScrubFrontier?
    ) throws(StoreError) -> CheckpointFigures {
        let before = checkpoint
        var writer = CheckpointWriter(from: before, frontier: frontier)
        let after = try environment.write { (transaction) throws(StoreError) in
            try writer.forEachRow(of: changes) { (writer, change) throws(StoreError) in
                let table = tables[change.table]
                let old = try transaction.get(table, key: change.key)
                try writer.replace(old, by: change)
                if let value = change.value {
                    try transaction.put(table, key: change.key, value: value)
                } else if old != nil {
                    try transaction.delete(table, key: change.key)
                }
            }
            let (after, value) = writer.finish(changes.facts, seal: seal)
            try transaction.put(tables[.meta], key: StoredCheckpoint.keyBytes, value: value)
            return after
        }
        last.withLock { $0 = after }
        return writer.figures
    }

    /// LMDB would start an empty state where there is none; that is never done by itself.
    private static func refuseAbsence(in path: String) throws(StoreError) {
        switch PreOpenCheck.run(directory: path) {
        case .absent: throw .damaged("data.mdb is missing")
        case .empty: throw .damaged("data.mdb is empty")
        case .damaged(let sentence): throw .damaged(sentence)
        case .unreadable(let errno): throw .system(errno)
        case .sound: return
        }
    }

    /// Compares what the trees count with what the checkpoint does; a cheap look, not the digest.
    private static func compareCounts(
        _ environment: Environment,
        _ tables: TableSet,
        _ counts: RowCounts
    ) throws(StoreError) {
        let found = try environment.entryCounts(tables.counted)
        for (table, count) in zip(RowTable.counted, found) where UInt64(count) != counts[table] {
            throw .damaged(
                "table \(table.name) has \(count) rows, the checkpoint counts \(counts[table])"
            )
        }
    }

    private static func readCheckpoint(
        _ environment: Environment,
        _ tables: TableSet,
        _ ledger: LedgerID
    ) throws(StoreError) -> StoredCheckpoint {
        let value = try environment.read { (transaction) throws(StoreError) in
            try transaction.get(tables[.meta], key: StoredCheckpoint.keyBytes)
        }
        guard let value else { throw .damaged("the checkpoint row is missing") }
        var codec = RowCodec(ledger: ledger)
        let checkpoint: StoredCheckpoint
        do throws(RowFault) {
            checkpoint = try codec.decodeCheckpoint(value)
        } catch {
            throw .damaged(
                "the checkpoint row is damaged, or the state belongs to another ledger"
            )
        }
        guard checkpoint.ledger == ledger else {
            throw .damaged("the state belongs to ledger \(checkpoint.ledger)")
        }
        return checkpoint
    }
}

/// The handles of all tables.
struct TableSet: Sendable {
    private let tables: [Table]

    init(_ environment: Environment) throws(StoreError) {
        tables = try environment.tables(RowTable.allCases.map(\.name))
    }

    subscript(table: RowTable) -> Table { tables[table.rank] }

    /// The handles of the tables that are counted.
    var counted: [Table] { RowTable.counted.map { self[$0] } }
}

/// The reader of one thread.
final class LMDBRowReader: RowReading {
    private let reader: PersistentReader
    private let tables: TableSet

    init(_ reader: PersistentReader, _ tables: TableSet) {
        self.reader = reader
        self.tables = tables
    }

    func value(_ table: RowTable, _ key: [UInt8]) throws(RowFault) -> [UInt8]? {
        // What can not be a key has no row.
        guard LMDBRowReader.isKey(key) else { return nil }
        do throws(StoreError) {
            return try reader.get(tables[table], key: key) { $0.copied }
        } catch {
            throw RowFault(error)
        }
    }

    func rows(
        _ table: RowTable,
        from start: ScanStart,
        prefix: [UInt8],
        limit: Int
    ) throws(RowFault) -> [RawRow] {
        guard limit > 0 else { return [] }
        var rows: [RawRow] = []
        do throws(StoreError) {
            try reader.read { (snapshot) throws(StoreError) in
                try snapshot.scan(tables[table], from: start) { (key, value) in
                    let key = key.copied
                    guard key.starts(with: prefix) else { return .stop }
                    rows.append(RawRow(key: key, value: value.copied))
                    return rows.count < limit ? .next : .stop
                }
            }
        } catch {
            throw RowFault(error)
        }
        return rows
    }

    func neighbours(
        _ table: RowTable,
        of key: [UInt8]
    ) throws(RowFault) -> (before: [UInt8]?, after: [UInt8]?) {
        do throws(StoreError) {
            return try reader.read { (snapshot) throws(StoreError) in
                try snapshot.neighbours(tables[table], key: key)
            }
        } catch {
            throw RowFault(error)
        }
    }

    private static func isKey(_ key: [UInt8]) -> Bool { (1...511).contains(key.count) }
}

extension RowFault {
    /// What a failure of the store means for whoever wanted a row.
    init(_ error: StoreError) {
        self =
            if case .damaged(let sentence) = error {
                .damaged(sentence)
            } else {
                .unreadable("\(error)")
            }
    }
}
