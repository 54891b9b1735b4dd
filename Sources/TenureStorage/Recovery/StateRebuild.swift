// Making the state anew when it is missing or can not be used: only on request, and only when the
// log goes back to the first record, or to a snapshot.
//
// The unusable state is put aside, and the state before the first record, or that of the snapshot,
// takes its place. Opening then applies the whole log to it, and raises the epoch: nobody can tell
// any more whether the log has everything that was acknowledged. A crash in between leaves that
// state, which is a legal one, or none that can be used, for which the request is repeated; a mark
// tells of it.

internal import TenureLMDB
internal import TenureLog
internal import TenureModel

/// Replaces a state by the one before the first record.
enum StateRebuild {
    /// How many unusable states are kept before a rebuild is refused.
    private static let keptMax = 100

    /// Puts `state/` aside, makes an empty one, and answers the name of the former, if any.
    static func begin(_ directory: DataDirectory) throws(StorageError) -> String? {
        let (disk, path) = (directory.disk, directory.path)
        let base = try ReplayBase(of: directory)
        let names = try DataDirectory.list(disk, path)
        var kept: String?
        if names.contains(DataDirectory.Name.state) {
            let free = (1...keptMax).map { "\(DataDirectory.Name.state).kept-\($0)" }
                .first { !names.contains($0) }
            guard let free else {
                throw .notCreated(
                    Trouble("too many states are kept", at: path, "remove the oldest of them")
                )
            }
            kept = free
        }
        try diskCall(path) { () throws(DiskError) in
            // First: the state may have known of records that the log has lost, and with it goes
            // who could tell.
            if !names.contains(DataDirectory.Name.rebuilding) {
                try disk.create(DataDirectory.Name.rebuilding).sync()
                try disk.syncDirectory("")
            }
            if let kept {
                try disk.rename(DataDirectory.Name.state, to: kept, replacing: false)
            }
            try disk.makeDirectory(DataDirectory.Name.state)
            try disk.syncDirectory("")
        }
        try make(base, in: directory, for: directory.ledger, on: disk, path)
        return kept
    }

    /// Makes the state from which the log of `source` is to be replayed, in a directory that has an
    /// empty `state/`.
    static func make(
        _ base: ReplayBase,
        in source: DataDirectory,
        for ledger: LedgerID,
        on disk: any Disk,
        _ path: String
    ) throws(StorageError) {
        switch base {
        case .empty: _ = try LMDBStateStore.create(in: path, on: disk, ledger: ledger)
        case .snapshot(let snapshot, _):
            let state = DataDirectory.Name.state
            try StateSnapshot.copy(snapshot.name, of: source.disk, to: state, of: disk, in: path)
            try diskCall(path) { () throws(DiskError) in try disk.syncDirectory("") }
        }
    }
}
