// Giving back what a state has left of its largest size: LMDB keeps free pages for later use, and
// never makes its file smaller.
//
//   K1  the state is copied without free pages to compact.new/
//   K2  every page and row of the copy is checked
//   K3  the copy takes the place of data.mdb by its name; the directory is synced
//
// The ledger is locked meanwhile. A crash leaves the state as it was, or the copy, which has the
// same rows; what is left of K1 is removed by the next compaction.

internal import CTenureSystem
internal import Glibc
internal import SystemPackage
internal import TenureBase
internal import TenureLMDB
internal import TenureLog
internal import TenureModel

/// How much smaller a state has become.
package struct CompactionSummary: Equatable, Sendable {
    /// Bytes of the file before.
    package let before: UInt64
    /// Bytes of the file now.
    package let after: UInt64
    /// How many rows are in it.
    package let rows: UInt64
}

/// Compacts the state of one ledger that is not served.
package struct StateCompaction {
    private let directory: DataDirectory
    private let runner: StateScanRunner?

    /// Where the copy is until it is checked.
    private static let making = "compact.new"

    /// Compacts the ledger in a directory that is open for writing.
    package init(of directory: DataDirectory, runner: StateScanRunner?) {
        (self.directory, self.runner) = (directory, runner)
    }

    /// Compacts the state.
    ///
    /// - Throws: `damaged` when the state is; `full` or `device`. The state is as it was then.
    package func run() throws(StorageError) -> CompactionSummary {
        let disk = directory.disk
        let before = try size()
        let store = try LMDBStateStore.open(
            in: directory.path,
            on: disk,
            ledger: directory.ledger
        )
        let checkpoint = store.checkpoint
        do throws(StorageError) {
            try copy(store)
        } catch {
            store.environment.close()
            throw error
        }
        store.environment.close()
        try check(checkpoint)
        try replace()
        return CompactionSummary(
            before: before,
            after: try size(),
            rows: checkpoint.counts.total
        )
    }

    private func size() throws(StorageError) -> UInt64 {
        try diskCall(directory.path) { () throws(DiskError) in
            try directory.disk.open(DataDirectory.Name.stateFile, .readOnly).size()
        }
    }

    private var target: String {
        "\(directory.path)/\(Self.making)/data.mdb"
    }

    /// K1.
    private func copy(_ store: LMDBStateStore) throws(StorageError) {
        try StateSnapshot.remove(Self.making, in: directory)
        try diskCall(directory.path) { () throws(DiskError) in
            try directory.disk.makeDirectory(Self.making)
        }
        // SAFETY: the path is a string of ours for the call.
        let file = unsafe Glibc.open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw .system(Errno(rawValue: errno), "create failed", at: target)
        }
        defer { Glibc.close(file) }
        do throws(StoreError) {
            try store.environment.copyCompact(toDescriptor: file)
        } catch {
            let free = try? directory.disk.freeBytes()
            throw StorageError(error, in: directory.path, freeBytes: free)
        }
        guard fsync(file) == 0 else {
            throw .system(Errno(rawValue: errno), "sync failed", at: target)
        }
    }

    /// K2.
    private func check(_ checkpoint: StoredCheckpoint) throws(StorageError) {
        let path = "\(directory.path)/\(Self.making)"
        let scan = try StateScanResult.of(
            directory.path,
            directory.ledger,
            runner,
            name: Self.making
        )
        guard scan.findings.isEmpty, scan.checkpoint == checkpoint else {
            let what = scan.findings.first.map { "\($0)" } ?? "it has another checkpoint"
            throw .damaged(
                Trouble(
                    "the compacted state is damaged: \(what)",
                    at: path,
                    "see 'tenure audit verify'; the state is as it was"
                )
            )
        }
    }

    /// K3.
    private func replace() throws(StorageError) {
        try diskCall(directory.path) { () throws(DiskError) in
            let copy = "\(Self.making)/data.mdb"
            try directory.disk.rename(copy, to: DataDirectory.Name.stateFile, replacing: true)
            try directory.disk.unlinkIfPresent(DataDirectory.Name.stateLock)
            try directory.disk.syncDirectory(DataDirectory.Name.state)
        }
        try StateSnapshot.remove(Self.making, in: directory)
    }
}
