// Making a ledger, so that a crash leaves a whole one or none.
//
//   C1  make the directory, unless it is there and empty; take LOCK; make `creating`, durable
//   C2  make log/, archive/ and the first segment, durable
//   C3  make state/ with the state before the first record, durable
//   C4  sync the directory's parent; write ledger.json aside, sync it
//   C5  rename it, sync the directory: from here on there is a ledger
//   C6  remove `creating`
//
// A crash up to C5 leaves `creating` and no ledger.json: the next creation removes what is there
// and starts again. A crash after C5 leaves a ledger, and the next opening does C6. Everything is
// made in its place, and nothing beside it, because a service owns its directory and not the
// parent.

internal import CTenureSystem
internal import Glibc
internal import SystemPackage
internal import TenureBase
package import TenureLog

extension DataDirectory {
    /// Makes an empty ledger at `path`, which does not exist or is an empty directory.
    ///
    /// - Throws: `notCreated` when something is there, or what the disk said.
    package static func create(
        at path: String,
        ledger: LedgerID,
        log: LogConfiguration = LogConfiguration(),
        allowUnsafeFileSystem: Bool = false
    ) throws(StorageError) {
        try make(at: path, ledger: ledger, allowUnsafeFileSystem: allowUnsafeFileSystem) {
            (disk) throws(LogError) in
            try FileLog.create(on: disk, ledgerID: ledger, configuration: log)
        } state: { (disk) throws(StorageError) in
            _ = try LMDBStateStore.create(in: path, on: disk, ledger: ledger)
        }
    }

    /// Makes a copy of the ledger at `source`, which may be served meanwhile, by our user.
    ///
    /// `path` does not exist or is an empty directory. Copied is the log, all of it, and a snapshot
    /// if there is one: the state is made from these when the copy is opened, in a new epoch,
    /// because what the source grants later is not in it.
    ///
    /// - Throws: `notCreated` when something is there, `damaged` when the log of the source is or
    ///   does not go back to the first record or a snapshot, `locked` while history is deleted, or
    ///   what the disks said.
    package static func copy(
        _ source: String,
        to path: String,
        allowUnsafeFileSystem: Bool = false
    ) throws(StorageError) -> LogCopySummary {
        let original = try open(at: source, access: .copy)
        let lock = try SnapshotMaking.takeLock(of: original, shared: true)
        defer { withExtendedLifetime(lock) {} }
        let base = try ReplayBase(of: original)
        var summary: LogCopySummary?
        let ledger = original.ledger
        try make(at: path, ledger: ledger, allowUnsafeFileSystem: allowUnsafeFileSystem) {
            (disk) throws(LogError) in
            do throws(DiskError) {
                for directory in [LogPath.log, LogPath.archive] {
                    try disk.makeDirectory(directory)
                }
                // Before ledger.json: what appears as a ledger is marked.
                try disk.create(Name.copied).sync()
                try disk.syncDirectory("")
            } catch {
                throw .device(error)
            }
            summary = try LogCopy(of: ledger, from: original.disk, to: disk).run()
            try SegmentIndexing(of: ledger, on: original.disk).copy(to: disk)
        } state: { (disk) throws(StorageError) in
            try StateRebuild.make(base, in: original, for: ledger, on: disk, path)
            if case .snapshot(let snapshot, _) = base {
                try snapshot.copy(from: original, to: disk, path)
            }
        }
        guard let summary else { violated("C2: a ledger is made with its log") }
        return summary
    }

    /// What proves later that the history was not cut or changed; also of a ledger that is served.
    package var anchor: LogAnchor {
        get throws(StorageError) {
            do throws(LogError) {
                return try LogAnchor.newest(of: ledger, on: disk)
            } catch {
                throw StorageError(error, in: path)
            }
        }
    }

    /// The name of the file that says that a directory is a copy that was never served.
    package static var copyMark: String { Name.copied }

    /// Whether it is a copy that was never served.
    var isCopy: Bool {
        get throws(StorageError) { try Self.list(disk, path).contains(Name.copied) }
    }

    /// Whether its state was put aside, and no opening has gone on from the log alone yet.
    var isRebuilding: Bool {
        get throws(StorageError) { try Self.list(disk, path).contains(Name.rebuilding) }
    }

    /// Whether a repair gave up history, and no opening has gone on without it yet.
    var isRepaired: Bool {
        get throws(StorageError) { try Self.list(disk, path).contains(Name.repaired) }
    }

    /// From now on it goes on from its log: the epoch in which it does is durable.
    package func forgetPast() throws(StorageError) {
        let names = try Self.list(disk, path)
        let marks = [Name.copied, Name.rebuilding, Name.repaired].filter(names.contains)
        guard !marks.isEmpty else { return }
        try diskCall(path) { () throws(DiskError) in
            for mark in marks { try disk.unlink(mark) }
            try disk.syncDirectory("")
        }
    }

    /// Makes a ledger with the log that `makeLog` makes, and the state before the first record.
    private static func make(
        at path: String,
        ledger: LedgerID,
        allowUnsafeFileSystem: Bool,
        log makeLog: (HostDisk) throws(LogError) -> Void,
        state makeState: (HostDisk) throws(StorageError) -> Void
    ) throws(StorageError) {
        try makeRoot(path)
        let disk = try openDisk(path)
        _ = try FileSystemPolicy.check(disk, at: path, allowUnsafe: allowUnsafeFileSystem)
        try refuseContents(try list(disk, path), path)
        let lock = try takeLock(disk, path, .exclusive, [])
        defer { withExtendedLifetime(lock) {} }
        // Someone else may have made a ledger before we had the lock.
        let names = try list(disk, path)
        try refuseContents(names, path)
        try clear(names, disk, path)
        do throws(LogError) {
            try makeLog(disk)
        } catch {
            throw StorageError(error, in: path)
        }
        try diskCall(path) { () throws(DiskError) in try disk.makeDirectory(Name.state) }
        try makeState(disk)
        try syncParent(of: path)
        try writeDocument(LedgerDocument(ledger: ledger), disk, path)
        try diskCall(path) { () throws(DiskError) in
            try disk.unlink(Name.creating)
            try disk.syncDirectory("")
        }
    }

    /// Whether a ledger can be made at `path`: nothing is there, or nothing but what we left.
    ///
    /// - Throws: what the system said, where that can not be told.
    package static func isFree(_ path: String) throws(StorageError) -> Bool {
        var status = stat()
        // SAFETY: the kernel reads the path and fills the structure during the call.
        if unsafe lstat(path, &status) != 0 {
            let errno = Errno(rawValue: Glibc.errno)
            if errno == .noSuchFileOrDirectory { return true }
            if isOfThePath(errno) { return false }
            throw .system(errno, "lstat failed", at: path)
        }
        do throws(DiskError) {
            let names = try HostDisk(root: path).list("")
            return (try? refuseContents(names, path)) != nil
        } catch {
            guard let errno = error.errno, !isOfThePath(errno) else { return false }
            throw StorageError(error, in: path)
        }
    }

    /// Whether an error says something about the path; opening it names what, and the remedy.
    private static func isOfThePath(_ errno: Errno) -> Bool {
        [
            .permissionDenied, .notPermitted, .notDirectory, .noSuchFileOrDirectory,
            .tooManySymbolicLinkLevels, .fileNameTooLong,
        ].contains(errno)
    }

    /// C1: the directory itself.
    private static func makeRoot(_ path: String) throws(StorageError) {
        guard unsafe mkdir(path, 0o700) != 0 else { return }
        let errno = Errno(rawValue: Glibc.errno)
        if errno == .fileExists { return }
        let remedy =
            errno == .noSuchFileOrDirectory
            ? "make the directory above it first" : "choose a place that the user may write to"
        throw .notCreated(Trouble("can not be made: \(errno)", at: path, remedy))
    }

    /// Anything but the leavings of a creation that was interrupted stands in the way.
    private static func refuseContents(
        _ names: [String],
        _ path: String
    ) throws(StorageError) {
        let wasInterrupted =
            names.contains(Name.creating) && !names.contains(LedgerDocument.fileName)
        let known = wasInterrupted ? Name.all + [Aside.document] : [Name.lock]
        guard let other = names.first(where: { !known.contains($0) }) else { return }
        throw .notCreated(
            Trouble(
                "the directory is not empty: there is '\(other)'",
                at: path,
                "choose a path that does not exist, or an empty directory"
            )
        )
    }

    private enum Aside {
        static let document = "ledger.json.new"
    }

    /// Marks the directory as one being made, and removes what an earlier try has left.
    private static func clear(
        _ names: [String],
        _ disk: HostDisk,
        _ path: String
    ) throws(StorageError) {
        try diskCall(path) { () throws(DiskError) in
            if !names.contains(Name.creating) {
                try disk.create(Name.creating).sync()
                try disk.syncDirectory("")
            }
            try disk.unlinkIfPresent(Aside.document)
            try disk.unlinkIfPresent(Name.copied)
            for directory in Name.directories where names.contains(directory) {
                for name in try disk.list(directory) { try disk.unlink("\(directory)/\(name)") }
            }
        }
        for directory in Name.directories where names.contains(directory) {
            let place = "\(path)/\(directory)"
            guard unsafe rmdir(place) == 0 else {
                throw .system(Errno(rawValue: errno), "can not be removed", at: place)
            }
        }
    }

    /// C4 and C5.
    private static func writeDocument(
        _ document: LedgerDocument,
        _ disk: HostDisk,
        _ path: String
    ) throws(StorageError) {
        let bytes = document.bytes
        try diskCall(path) { () throws(DiskError) in
            let file = try disk.create(Aside.document)
            // SAFETY: bytes have no padding that could be read uninitialised.
            try file.write(unsafe bytes.span.bytes, at: 0)
            try file.sync()
            file.close()
            try disk.rename(Aside.document, to: LedgerDocument.fileName, replacing: false)
            try disk.syncDirectory("")
        }
    }

    private static func syncParent(of path: String) throws(StorageError) {
        let parent = "\(path)/.."
        let descriptor = unsafe Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .system(Errno(rawValue: errno), "open failed", at: parent)
        }
        defer { _ = tenure_close(descriptor) }
        let result = tenure_sync(descriptor)
        guard result == 0 else {
            throw .system(Errno(rawValue: -result), "sync failed", at: parent)
        }
    }
}
