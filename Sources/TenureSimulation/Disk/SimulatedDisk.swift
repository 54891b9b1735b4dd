// A file system in memory that forgets what was not synced, as a host's does when power fails.
//
//   S1  A write is pending, sector by sector of 512 bytes, until a sync of its file.
//   S2  A created, renamed or removed name is pending until its directory is synced. A rename
//       within one directory happens as a whole; between two, each side for itself.
//   S3  Nothing else orders anything: at a crash every pending sector is kept, lost or garbage,
//       and of the pending names of a directory any part survives that keeps each name's order.
//   S4  A failed sync is ext4's: the pages are clean afterwards, so that the next sync returns
//       success without them, reads through the cache show the new bytes and reads past it the
//       old ones.
//   S5  Operations that change something are numbered. After a set number the machine stops: the
//       next one and all that follow throw `DiskError.stopped` and change nothing.
//
// Pictures of the disk after a crash are made by SimulatedDisk+Crash.swift; bytes are kept by
// SimulatedDiskStore.swift.

internal import Synchronization
package import SystemPackage
package import TenureLog

/// A disk in memory.
package final class SimulatedDisk: Disk {
    /// One operation that changed something.
    package struct Operation: Equatable, Sendable {
        /// What was done.
        package let kind: DiskOperation
        /// On which path; for a rename, the new one.
        package let path: String
    }

    /// What goes wrong with one numbered operation.
    package enum Fault: Equatable, Sendable {
        /// It throws this error number; a sync then behaves as S4 says.
        case error(Errno)
        /// It returns success and does nothing: a write that a device has lost.
        case lost
    }

    let store: Mutex<SimulatedDiskStore>

    /// An empty disk; without a capacity it is never full.
    package init(capacity: UInt64 = .max) {
        store = Mutex(SimulatedDiskStore(capacity: capacity))
    }

    init(_ store: sending SimulatedDiskStore) {
        self.store = Mutex(store)
    }

    /// How many numbered operations have been done.
    package var operationCount: Int { store.withLock { $0.operations.count } }

    /// The numbered operations that have been done.
    package var operations: [Operation] { store.withLock { $0.operations } }

    /// Stops the machine after so many further operations.
    package func stop(after count: Int) {
        store.withLock { $0.stopAt = $0.operations.count + count }
    }

    /// Whether the machine has stopped.
    package var hasStopped: Bool { store.withLock { $0.hasStopped } }

    /// Lets an operation go wrong: the `number`th from now on, 0 being the next one.
    package func inject(_ fault: Fault, at number: Int) {
        store.withLock { $0.faults[$0.operations.count + number] = fault }
    }

    /// Lets the next sync of a file's data go wrong, whichever file it is.
    package func failNextSync(_ errno: Errno = .ioError) {
        store.withLock { $0.nextSyncFault = errno }
    }

    /// Changes how many bytes there is room for.
    package func setCapacity(_ capacity: UInt64) {
        store.withLock { $0.capacity = capacity }
    }

    package func create(_ path: String) throws(DiskError) -> any DiskFile {
        let inode = try store.withLock { (store) throws(DiskError) in
            try store.begin(.create, path)
            return try store.create(path)
        }
        return SimulatedFile(self, inode, path)
    }

    package func open(_ path: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile {
        let inode = try store.withLock { (store) throws(DiskError) in
            try store.file(path, .open)
        }
        return SimulatedFile(self, inode, path, isDirect: access == .readWriteDirect)
    }

    package func openDirect(_ path: String) throws(DiskError) -> any DiskFile {
        let inode = try store.withLock { (store) throws(DiskError) in
            try store.file(path, .openDirect)
        }
        return SimulatedFile(self, inode, path, isDirect: true)
    }

    package func lock(_ path: String, shared: Bool) throws(DiskError) -> any DiskFile {
        let inode = try store.withLock { (store) throws(DiskError) in
            try store.lock(path, shared: shared)
        }
        return SimulatedFile(self, inode, path, lock: shared ? .shared : .exclusive)
    }

    package func rename(_ from: String, to: String, replacing: Bool) throws(DiskError) {
        try store.withLock { (store) throws(DiskError) in
            try store.begin(.rename, to)
            try store.rename(from, to, replacing)
        }
    }

    package func unlink(_ path: String) throws(DiskError) {
        try store.withLock { (store) throws(DiskError) in
            _ = try store.file(path, .unlink)
            try store.begin(.unlink, path)
            store.setEntries([(path, nil)])
        }
    }

    package func list(_ directory: String) throws(DiskError) -> [String] {
        try store.withLock { (store) throws(DiskError) in
            try store.list(directory)
        }
    }

    package func makeDirectory(_ path: String) throws(DiskError) {
        try store.withLock { (store) throws(DiskError) in
            try store.begin(.makeDirectory, path)
            try store.makeDirectory(path)
        }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        try store.withLock { (store) throws(DiskError) in
            try store.begin(.syncDirectory, path)
            try store.syncDirectory(path)
        }
    }

    package func freeBytes() throws(DiskError) -> UInt64 {
        store.withLock { $0.freeBytes }
    }
}

/// An open file of a simulated disk.
private final class SimulatedFile: DiskFile {
    private let disk: SimulatedDisk
    private let inode: Int
    private let path: String
    private let isDirect: Bool
    private var lock: SimulatedDiskStore.Lock?

    init(
        _ disk: SimulatedDisk,
        _ inode: Int,
        _ path: String,
        isDirect: Bool = false,
        lock: SimulatedDiskStore.Lock? = nil
    ) {
        self.disk = disk
        self.inode = inode
        self.path = path
        self.isDirect = isDirect
        self.lock = lock
    }

    deinit {
        close()
    }

    func read(into buffer: inout MutableRawSpan, at offset: UInt64) throws(DiskError) -> Int {
        let wanted = buffer.byteCount
        try refuseOdd(offset, wanted, .read)
        let bytes = try disk.store.withLock { (store) throws(DiskError) in
            try store.read(inode, path, Int(clamping: offset), wanted, isDirect)
        }
        // SAFETY: `read` gives at most as many bytes as were wanted.
        unsafe buffer.withUnsafeMutableBytes { unsafe $0.copyBytes(from: bytes) }
        return bytes.count
    }

    /// As the kernel does for a file that was opened past the page cache.
    private func refuseOdd(
        _ offset: UInt64,
        _ count: Int,
        _ operation: DiskOperation
    ) throws(DiskError) {
        if isDirect && (offset % 4096 != 0 || count % 4096 != 0) {
            throw .system(.invalidArgument, operation, path: path)
        }
    }

    func write(_ bytes: RawSpan, at offset: UInt64) throws(DiskError) {
        try refuseOdd(offset, bytes.byteCount, .write)
        let copy = arrayOf(bytes)
        try disk.store.withLock { (store) throws(DiskError) in
            if try store.begin(.write, path) == .lost { return }
            try store.write(inode, path, Int(clamping: offset), copy)
        }
    }

    func size() throws(DiskError) -> UInt64 {
        disk.store.withLock { UInt64($0.inodes[inode].cached.count) }
    }

    func truncate(to size: UInt64) throws(DiskError) {
        try disk.store.withLock { (store) throws(DiskError) in
            try store.begin(.truncate, path)
            try store.resize(inode, path, Int(clamping: size))
        }
    }

    func syncData() throws(DiskError) {
        try sync(.syncData)
    }

    func sync() throws(DiskError) {
        try sync(.sync)
    }

    private func sync(_ kind: DiskOperation) throws(DiskError) {
        try disk.store.withLock { (store) throws(DiskError) in
            do throws(DiskError) {
                try store.beginSync(kind, path)
            } catch {
                if error != .stopped { store.inodes[inode].failSync() }
                throw error
            }
            store.inodes[inode].sync()
        }
    }

    func dropCache() throws(DiskError) {
        disk.store.withLock { $0.inodes[inode].dropCache() }
    }

    func close() {
        guard let held = lock else { return }
        lock = nil
        disk.store.withLock { $0.unlock(inode, held) }
    }
}
