// Making a snapshot from retired segments, while the ledger is served or not.
//
//   N1  take snapshot.lock; remove what an earlier try has left
//   N2  make snapshot.new/ with the state of the snapshot before, or that before the first record
//   N3  replay the retired segments behind it, one transaction for each
//   N4  check every page and row of the result, and that the next segment chains on from its seal
//   N5  rename it to its name, sync the directory; remove the snapshot before
//
// Retired segments never change, so the daemon is not asked and waits for nothing. A crash leaves
// the snapshot before, and rubbish that N1 removes.

internal import CTenureSystem
internal import Glibc
internal import SystemPackage
internal import TenureBase
internal import TenureLMDB
internal import TenureLog
package import TenureModel

/// Makes the snapshots of one ledger.
package struct SnapshotMaking {
    private let directory: DataDirectory
    private let runner: StateScanRunner?

    /// Where it is until it is whole.
    private static let making = "snapshot.new"

    /// Makes snapshots in the directory of a ledger, which may be served meanwhile.
    package init(in directory: DataDirectory, runner: StateScanRunner?) {
        (self.directory, self.runner) = (directory, runner)
    }

    /// Makes a snapshot of everything up to the end of the last retired segment that ends at or
    /// before `last`.
    ///
    /// - Returns: the newest snapshot that there is then, all of it read: the one that was there
    ///   where nothing has retired since. Nothing without a segment to make one of.
    /// - Throws: `damaged` when the history is, or what came of it; `locked` while another is being
    ///   made; `full` or `device`.
    package func make(through last: Position) throws(StorageError) -> StateSnapshot? {
        let lock = try Self.takeLock(of: directory, shared: false)
        defer { withExtendedLifetime(lock) {} }
        try StateSnapshot.remove(Self.making, in: directory)
        let before = try StateSnapshot.newest(in: directory)
        let segments = try segments(behind: before, through: last)
        guard !segments.isEmpty else {
            if let before { try check(before.name, at: before.position) }
            return before
        }
        let end = try fill(segments, from: before)
        try check(Self.making, at: end.position)
        let made = StateSnapshot(at: end.position)
        try diskCall(directory.path) { () throws(DiskError) in
            try directory.disk.rename(Self.making, to: made.name, replacing: false)
            try directory.disk.syncDirectory("")
        }
        if let before { try StateSnapshot.remove(before.name, in: directory) }
        return made
    }

    // MARK: N1

    /// Keeps snapshots and retired segments from being made or removed by another process.
    ///
    /// - Throws: `locked` when another one does that now.
    static func takeLock(
        of directory: DataDirectory,
        shared: Bool
    ) throws(StorageError) -> LockHolder {
        let name = DataDirectory.Name.snapshotLock
        do throws(DiskError) {
            // A shared lock is taken of what is there.
            if shared, try !directory.disk.contains(name, in: "") {
                do throws(DiskError) {
                    try directory.disk.create(name).close()
                } catch {
                    guard error.errno == .fileExists else { throw error }
                }
            }
            if let file = try DataDirectory.lock(name, on: directory.disk, shared: shared) {
                return LockHolder(file)
            }
        } catch {
            // Where nothing can be written nothing is removed.
            if shared, error.errno == .readOnlyFileSystem { return LockHolder(nil) }
            throw StorageError(error, in: directory.path)
        }
        throw .locked(
            Trouble(
                "a snapshot or a backup is being made, or history deleted",
                at: "\(directory.path)/\(name)",
                "wait until that is done"
            )
        )
    }

    // MARK: N2 and N3

    /// The retired segments that a snapshot is made of, in order; another one follows each.
    private func segments(
        behind before: StateSnapshot?,
        through last: Position
    ) throws(StorageError) -> [SegmentName] {
        let (retired, all) = try diskCall(directory.path) { () throws(DiskError) in
            let retired = try directory.disk.list(LogPath.archive).compactMap(SegmentName.init)
            let inLog = try directory.disk.list(LogPath.log).compactMap(SegmentName.init)
            return (retired.sorted(), Set(retired).union(inLog).sorted())
        }
        let first = (before?.position ?? 0) + 1
        var segments: [SegmentName] = []
        for name in retired where name.firstPosition >= first {
            guard let next = all.first(where: { $0 > name }), next.firstPosition - 1 <= last else {
                break
            }
            segments.append(name)
        }
        guard let start = segments.first, start.firstPosition != first else { return segments }
        throw Self.missing(from: first, to: start.firstPosition, directory.path)
    }

    private static func missing(
        from first: Position,
        to next: Position,
        _ path: String
    ) -> StorageError {
        .damaged(
            Trouble(
                "the history from position \(first) to \(next - 1) is missing",
                at: "\(path)/archive",
                "bring the segments back, or see 'tenure repair --from'"
            )
        )
    }

    private func fill(
        _ segments: [SegmentName],
        from before: StateSnapshot?
    ) throws(StorageError) -> LogCheckpoint {
        let (disk, path, ledger) = (directory.disk, directory.path, directory.ledger)
        let name = Self.making
        try diskCall(path) { () throws(DiskError) in try disk.makeDirectory(name) }
        if let before {
            try StateSnapshot.copy(before.name, of: disk, to: name, of: disk, in: path)
        }
        let store =
            before == nil
            ? try LMDBStateStore.create(in: path, on: disk, ledger: ledger, name: name)
            : try LMDBStateStore.open(in: path, on: disk, ledger: ledger, name: name)
        for segment in segments { try replay(segment, into: store) }
        let end = store.logCheckpoint
        store.environment.close()
        try diskCall(path) { () throws(DiskError) in
            try disk.unlinkIfPresent("\(name)/lock.mdb")
            try disk.syncDirectory(name)
            try disk.syncDirectory("")
        }
        return end
    }

    /// Applies the records of a segment, in one transaction.
    private func replay(_ name: SegmentName, into store: LMDBStateStore) throws(StorageError) {
        let resident = try ResidentRows.read(from: store, in: directory.path)
        var state = LedgerState.forReplay(over: try FrontCache(store), resident: resident)
        var end: GroupPlace?
        var trouble: StorageError?
        let path = directory.path
        do throws(LogError) {
            _ = try LogReader(disk: directory.disk, ledgerID: directory.ledger).read(
                from: name.firstPosition,
                segments: 1,
                ended: { ended, place in end = ended == name ? place : nil },
                frame: { (frame) throws(LogError) in
                    guard trouble == nil else { return }
                    do throws(StorageError) {
                        guard frame.position == state.position + 1 else {
                            throw Self.missing(from: state.position + 1, to: frame.position, path)
                        }
                        let events = try events(of: frame, in: path)
                        let time = LedgerTime(nanoseconds: frame.time)
                        do throws(RowFault) {
                            try state.apply(events, at: frame.position, time: time)
                        } catch {
                            throw StorageError(error, in: path)
                        }
                    } catch {
                        trouble = error
                    }
                },
                problem: { problem in
                    guard problem.affectsRecords else { return }
                    let remedy = StorageError.keepRemedy
                    trouble = trouble ?? .damaged(Trouble("\(problem)", at: path, remedy))
                }
            )
        } catch {
            throw StorageError(error, in: path)
        }
        if let trouble { throw trouble }
        guard let end, end.position == state.position + 1 else {
            throw .damaged(
                Trouble("is not whole", at: "\(path)/\(name.inArchive)", StorageError.keepRemedy)
            )
        }
        try store.commit(state.freeze(), seal: end.seal)
    }

    // MARK: N4

    private func check(_ name: String, at position: Position) throws(StorageError) {
        let scan = try StateScanResult.of(directory.path, directory.ledger, runner, name: name)
        guard let fault = try directory.fault(ofSnapshot: scan, at: position) else { return }
        throw .damaged(
            Trouble(
                "can not stand for the history before it: \(fault)",
                at: "\(directory.path)/\(name)",
                "nothing was deleted; see 'tenure audit verify', and look at the disk"
            )
        )
    }
}

extension DataDirectory {
    /// Why what was scanned can not stand for the history up to `position`; nothing when it can.
    func fault(
        ofSnapshot scan: StateScanResult,
        at position: Position
    ) throws(StorageError) -> String? {
        if let finding = scan.findings.first { return "\(finding)" }
        guard let checkpoint = scan.checkpoint else { return "it says no position" }
        guard checkpoint.position == position else {
            return "it is of position \(checkpoint.position)"
        }
        let end = LogCheckpoint(position: position, seal: checkpoint.seal)
        let isNext = try diskCall(path) { () throws(DiskError) in
            try disk.isSegment(continuing: end)
        }
        return isNext ? nil : "no segment goes on behind position \(position) from its seal"
    }
}

extension StateSnapshot {
    /// Copies the snapshot of a directory to another one that is being made.
    func copy(
        from directory: DataDirectory,
        to disk: HostDisk,
        _ path: String
    ) throws(StorageError) {
        try diskCall(path) { () throws(DiskError) in try disk.makeDirectory(name) }
        try Self.copy(name, of: directory.disk, to: name, of: disk, in: path)
        try diskCall(path) { () throws(DiskError) in try disk.syncDirectory("") }
    }

    /// Removes a directory of this form, which may not be there.
    static func remove(_ name: String, in directory: DataDirectory) throws(StorageError) {
        guard try DataDirectory.list(directory.disk, directory.path).contains(name) else { return }
        let path = "\(directory.path)/\(name)"
        try diskCall(directory.path) { () throws(DiskError) in
            for file in try directory.disk.list(name) {
                try directory.disk.unlink("\(name)/\(file)")
            }
        }
        guard unsafe rmdir(path) == 0 else {
            throw .system(Errno(rawValue: errno), "can not be removed", at: path)
        }
        try diskCall(directory.path) { () throws(DiskError) in
            try directory.disk.syncDirectory("")
        }
    }

    /// Copies `data.mdb` from the directory of one state to that of another, durable.
    static func copy(
        _ source: String,
        of disk: any Disk,
        to target: String,
        of other: any Disk,
        in path: String
    ) throws(StorageError) {
        try diskCall(path) { () throws(DiskError) in
            let from = try disk.open("\(source)/data.mdb", .readOnly)
            let to = try other.create("\(target)/data.mdb")
            let size = try from.size()
            var piece = [UInt8](repeating: 0, count: LogLimits.chunk)
            var offset: UInt64 = 0
            while offset < size {
                var span = piece.mutableSpan
                // SAFETY: every bit pattern is a valid byte.
                var raw = unsafe span.mutableBytes
                let count = try from.read(into: &raw, at: offset)
                guard count > 0 else { break }
                // SAFETY: bytes have no padding that could be read uninitialised.
                try to.write(unsafe piece.span.bytes.extracting(0..<count), at: offset)
                offset += UInt64(count)
            }
            try to.sync()
            to.close()
            try other.syncDirectory(target)
        }
    }
}
