// Making the state anew when it is missing or can not be used: only on request, and only when the
// log goes back to the first record.
//
// The unusable state is put aside, and an empty state takes its place: the state before the first
// record. Opening then applies the whole log to it, and raises the epoch: nobody can tell any more
// whether the log has everything that was acknowledged. A crash in between leaves that empty state,
// which is a legal one, or no state, for which the request is repeated; a mark tells of it.

internal import TenureLMDB
internal import TenureLog

/// Replaces a state by the one before the first record.
enum StateRebuild {
    /// How many unusable states are kept before a rebuild is refused.
    private static let keptMax = 100

    /// Puts `state/` aside, makes an empty one, and answers the name of the former, if any.
    static func begin(_ directory: DataDirectory) throws(StorageError) -> String? {
        let (disk, path) = (directory.disk, directory.path)
        try requireWholeLog(directory)
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
        _ = try LMDBStateStore.create(in: path, on: disk, ledger: directory.ledger)
        return kept
    }

    /// Refuses when the first segment is in neither directory.
    static func requireWholeLog(
        _ directory: DataDirectory
    ) throws(StorageError) {
        let name = SegmentName(firstPosition: 1).fileName
        let isWhole = try diskCall(directory.path) { () throws(DiskError) in
            if try directory.disk.contains(name, in: LogPath.log) { return true }
            return try directory.disk.contains(name, in: LogPath.archive)
        }
        guard isWhole else {
            throw .damaged(
                Trouble(
                    "the log does not go back to the first record, so the state can not be made "
                        + "from it",
                    at: "\(directory.path)/archive",
                    "restore a backup, or bring the older segments back"
                )
            )
        }
    }
}
