// A state of the past that is kept: what the history before it is not needed for.
//
//   snapshot-<position as 20 digits>/data.mdb
//
// It has the form of the state of a ledger, whose checkpoint says position, seal and digest. With
// it a state can be made anew, and a history audited, that does not go back to the first record
// but goes on behind the snapshot: the first record behind it chains on from its seal.

internal import TenureLMDB
package import TenureLog
package import TenureModel

/// A snapshot in the directory of a ledger.
package struct StateSnapshot: Equatable, Sendable {
    /// Its name in the directory of the ledger.
    package let name: String
    /// The position of the last record that is in it.
    package let position: Position

    /// The snapshot that a name in the directory of a ledger says; nothing when it is another's.
    package init?(_ name: String) {
        let digits = name.dropFirst(Self.prefix.count)
        guard name.hasPrefix(Self.prefix), digits.utf8.count == Self.digits,
            digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let position = Position(digits), position > 0
        else { return nil }
        (self.name, self.position) = (name, position)
    }

    /// The name of the snapshot at a position.
    init(at position: Position) {
        let number = String(position)
        name = Self.prefix + String(repeating: "0", count: Self.digits - number.count) + number
        self.position = position
    }

    static let prefix = "snapshot-"
    private static let digits = 20

    /// The newest snapshot in a directory.
    package static func newest(
        in directory: DataDirectory
    ) throws(StorageError) -> StateSnapshot? {
        try DataDirectory.list(directory.disk, directory.path).compactMap(Self.init)
            .max { $0.position < $1.position }
    }

    /// Where it is.
    package func path(in directory: DataDirectory) -> String { "\(directory.path)/\(name)" }

    /// Opens it for reading; it never changes.
    ///
    /// - Throws: `damaged` also when it is of another ledger or another position.
    package func open(in directory: DataDirectory) throws(StorageError) -> LMDBStateStore {
        let path = path(in: directory)
        let store = try LMDBStateStore.open(
            in: directory.path,
            on: directory.disk,
            ledger: directory.ledger,
            access: .audit,
            name: name
        )
        guard store.checkpoint.position == position else {
            throw .damaged(
                Trouble(
                    "is a snapshot at position \(store.checkpoint.position)",
                    at: path,
                    "remove it, and bring back the snapshot and the history of a backup"
                )
            )
        }
        return store
    }
}

/// From where on a history can be replayed.
package enum ReplayBase {
    /// From the first record.
    case empty
    /// From behind a snapshot.
    case snapshot(StateSnapshot, LMDBStateStore)

    /// Where the history of a directory can be replayed from.
    ///
    /// - Throws: `damaged` when it goes back neither to the first record nor to a snapshot.
    package init(of directory: DataDirectory) throws(StorageError) {
        if try directory.hasSegment(from: 1) {
            self = .empty
            return
        }
        guard let snapshot = try StateSnapshot.newest(in: directory),
            try directory.hasSegment(from: snapshot.position + 1)
        else {
            throw .damaged(
                Trouble(
                    "the log goes back neither to the first record nor to a snapshot",
                    at: "\(directory.path)/archive",
                    "restore a backup, or bring the older segments back"
                )
            )
        }
        self = .snapshot(snapshot, try snapshot.open(in: directory))
    }

    /// The position of the last record that is in it.
    package var position: Position {
        switch self {
        case .empty: 0
        case .snapshot(let snapshot, _): snapshot.position
        }
    }

    /// Where it stands in the history of the log.
    package var checkpoint: LogCheckpoint {
        switch self {
        case .empty: .none
        case .snapshot(_, let store): store.logCheckpoint
        }
    }

    /// What is known there of the ledger as a whole.
    package var facts: LedgerFacts {
        switch self {
        case .empty: LedgerFacts()
        case .snapshot(_, let store): store.checkpoint.facts
        }
    }

    /// A state to replay records into that nobody goes on with.
    ///
    /// - Throws: `damaged` when the snapshot can not be read.
    package func makeState(in path: String) throws(StorageError) -> LedgerState {
        switch self {
        case .empty: return .forReplay(over: NoRows())
        case .snapshot(_, let store):
            let resident = try ResidentRows.read(from: store, in: path)
            return .forReplay(over: try FrontCache(store), resident: resident)
        }
    }

    /// The resources, tickets, bookings, windows and settings that there are.
    ///
    /// - Throws: `damaged` when the snapshot can not be read.
    package func resident(in path: String) throws(StorageError) -> ResidentRows {
        guard case .snapshot(_, let store) = self else { return ResidentRows() }
        return try ResidentRows.read(from: store, in: path)
    }

    /// Calls `body` with every lease that there is, in the order of their ids, those that have
    /// ended and are still known included.
    ///
    /// - Throws: `damaged` when the snapshot can not be read.
    package func forEachLease(
        in path: String,
        _ body: (Lease) -> Void
    ) throws(StorageError) {
        guard case .snapshot(_, let store) = self else { return }
        let rows = try FrontCache(store)
        do throws(RowFault) {
            var last: LeaseID?
            while true {
                let page = try rows.leases(after: last, limit: Limits.pageItems)
                guard let end = page.last else { return }
                for lease in page { body(lease) }
                last = end.id
            }
        } catch {
            throw StorageError(error, in: path)
        }
    }

    /// The sessions that there are, those that have ended and are still known included.
    ///
    /// - Throws: `damaged` when the snapshot can not be read.
    package func sessions(in path: String) throws(StorageError) -> Set<SessionID> {
        guard case .snapshot(_, let store) = self else { return [] }
        let rows = try FrontCache(store)
        var sessions: Set<SessionID> = []
        do throws(RowFault) {
            var last: SessionID?
            while true {
                let page = try rows.sessions(after: last, limit: Limits.pageItems)
                guard let end = page.last else { return sessions }
                sessions.formUnion(page.map(\.id))
                last = end.id
            }
        } catch {
            throw StorageError(error, in: path)
        }
    }
}

extension DataDirectory {
    /// Whether a segment begins at a position.
    func hasSegment(from position: Position) throws(StorageError) -> Bool {
        let name = SegmentName(firstPosition: position).fileName
        return try diskCall(path) { () throws(DiskError) in
            if try disk.contains(name, in: LogPath.log) { return true }
            return try disk.contains(name, in: LogPath.archive)
        }
    }
}
