// The file system of the host, reached by descriptor of one directory.
//
// Nothing here follows a symbolic link below the root: every path is resolved by openat2 with
// RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, files are 0600 and directories 0700, and what is
// opened must be a regular file of ours with one name that nobody else may write to.

import CTenureSystem
import SystemPackage

/// A directory of the host as a disk.
package final class HostDisk: Disk {
    /// What a caller may have to know about the file system, for warnings and refusals.
    package struct FileSystem: Equatable, Sendable {
        /// The number of statfs(2) that says which kind it is.
        package let magic: Int64
        /// Bytes that an unprivileged process can still write.
        package let freeBytes: UInt64
        /// Files that can still be made.
        package let freeFiles: UInt64
    }

    private let root: Int32
    private let allowsCachedReads: Bool

    /// Opens `path`, which must be a directory of ours that nobody else may write to.
    ///
    /// With `allowsCachedReads`, on a file system that knows no reads past the page cache, the
    /// cache is read instead. Then a sync that failed before a restart can not be seen.
    package init(root path: String, allowsCachedReads: Bool = false) throws(DiskError) {
        self.allowsCachedReads = allowsCachedReads
        // SAFETY: the string is copied by the system before the call returns.
        let descriptor = unsafe tenure_open_root(path)
        root = try check(descriptor, .open, path)
        do throws(DiskError) {
            try HostFile.examine(root, path, kind: TENURE_KIND_DIRECTORY)
        } catch {
            _ = tenure_close(descriptor)
            throw error
        }
    }

    deinit {
        _ = tenure_close(root)
    }

    /// The file system that the root directory is on.
    package func fileSystem() throws(DiskError) -> FileSystem {
        var facts = tenure_file_system()
        // SAFETY: the kernel fills a structure that lives in this frame.
        try check(unsafe tenure_file_system_facts(root, &facts), .facts, "")
        return FileSystem(
            magic: facts.magic,
            freeBytes: facts.free_bytes,
            freeFiles: facts.free_inodes
        )
    }

    package func create(_ path: String) throws(DiskError) -> any DiskFile {
        let flags = TENURE_OPEN_WRITE | TENURE_OPEN_CREATE
        return HostFile(try openBeneath(path, flags, .create), path)
    }

    package func open(_ path: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile {
        switch access {
        case .readOnly:
            return try openExisting(path, TENURE_OPEN_READ, .open)
        case .readWrite:
            return try openExisting(path, TENURE_OPEN_WRITE, .open)
        case .readWriteDirect:
            do throws(DiskError) {
                return try openExisting(path, TENURE_OPEN_WRITE | TENURE_OPEN_DIRECT, .open)
            } catch {
                guard error.errno == .invalidArgument else { throw error }
                return try openExisting(path, TENURE_OPEN_WRITE, .open)
            }
        }
    }

    package func openDirect(_ path: String) throws(DiskError) -> any DiskFile {
        do throws(DiskError) {
            return try openExisting(path, TENURE_OPEN_READ | TENURE_OPEN_DIRECT, .openDirect)
        } catch {
            guard allowsCachedReads, error.errno == .invalidArgument else { throw error }
            return try openExisting(path, TENURE_OPEN_READ, .open)
        }
    }

    package func lock(_ path: String, shared: Bool) throws(DiskError) -> any DiskFile {
        let file: HostFile
        do throws(DiskError) {
            // A shared lock is for readers, who may not be allowed to write.
            let flags = shared ? TENURE_OPEN_READ : TENURE_OPEN_WRITE
            file = try openExisting(path, flags, .lock)
        } catch {
            guard error.isMissing, !shared else { throw error }
            let flags = TENURE_OPEN_WRITE | TENURE_OPEN_CREATE
            file = HostFile(try openBeneath(path, flags, .lock), path)
        }
        try file.lock(shared: shared)
        return file
    }

    /// Whether `path`, from the root of all paths, names `file` now; nothing when nobody can tell.
    package static func names(_ path: String, _ file: any DiskFile) -> Bool? {
        guard let file = file as? HostFile else { return nil }
        var own = tenure_file_facts()
        var found = tenure_file_facts()
        // SAFETY: the kernel fills structures that live in this frame; the string is copied.
        guard unsafe tenure_facts(file.descriptor, &own) == 0 else { return nil }
        let result = unsafe tenure_facts_at(path, &found)
        if result == -Errno.noSuchFileOrDirectory.rawValue || result == -Errno.notDirectory.rawValue
        {
            return false
        }
        return result < 0 ? nil : own.device == found.device && own.inode == found.inode
    }

    package func rename(_ from: String, to: String, replacing: Bool) throws(DiskError) {
        let source = try Place.open(from, below: root)
        let target = try Place.open(to, below: root)
        // SAFETY: the strings are copied by the system before the call returns.
        let result = unsafe tenure_rename(
            source.directory,
            source.name,
            target.directory,
            target.name,
            replacing ? 1 : 0
        )
        try check(result, .rename, from)
    }

    package func unlink(_ path: String) throws(DiskError) {
        let place = try Place.open(path, below: root)
        // SAFETY: the string is copied by the system before the call returns.
        try check(unsafe tenure_unlink(place.directory, place.name), .unlink, path)
    }

    package func list(_ directory: String) throws(DiskError) -> [String] {
        let descriptor = try openDirectory(directory, .list)
        defer { _ = tenure_close(descriptor) }
        var names: [String] = []
        // SAFETY: `names` outlives the call, which uses the pointer on this thread only, and
        // each name is copied before the next one is read.
        let result = unsafe withUnsafeMutablePointer(to: &names) { list in
            unsafe tenure_list(descriptor, list) { context, name in
                let list = unsafe context?.assumingMemoryBound(to: [String].self)
                unsafe list?.pointee.append(String(cString: name))
            }
        }
        try check(result, .list, directory)
        return names.sorted()
    }

    package func makeDirectory(_ path: String) throws(DiskError) {
        let place = try Place.open(path, below: root)
        // SAFETY: the string is copied by the system before the call returns.
        let result = unsafe tenure_make_directory(place.directory, place.name, 0o700)
        try check(result, .makeDirectory, path)
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        let descriptor = try openDirectory(path, .syncDirectory)
        defer { _ = tenure_close(descriptor) }
        try check(tenure_sync(descriptor), .syncDirectory, path)
    }

    package func freeBytes() throws(DiskError) -> UInt64 {
        try fileSystem().freeBytes
    }

    private func openExisting(
        _ path: String,
        _ flags: Int,
        _ operation: DiskOperation
    ) throws(DiskError) -> HostFile {
        let file = HostFile(try openBeneath(path, flags, operation), path)
        try HostFile.examine(file.descriptor, path, kind: TENURE_KIND_REGULAR)
        return file
    }

    private func openDirectory(
        _ path: String,
        _ operation: DiskOperation
    ) throws(DiskError) -> Int32 {
        try openBeneath(path.isEmpty ? "." : path, TENURE_OPEN_DIRECTORY, operation)
    }

    private func openBeneath(
        _ path: String,
        _ flags: Int,
        _ operation: DiskOperation
    ) throws(DiskError) -> Int32 {
        // SAFETY: the string is copied by the system before the call returns.
        let result = unsafe tenure_open_beneath(root, path, Int32(flags), 0o600)
        return try check(result, operation, path)
    }
}

/// The open directory of a path, and the path's last component.
private struct Place: ~Copyable {
    let directory: Int32
    let name: String

    private init(directory: Int32, name: String) {
        self.directory = directory
        self.name = name
    }

    static func open(_ path: String, below root: Int32) throws(DiskError) -> Place {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let last = parts.last, !last.isEmpty, last != ".", last != ".." else {
            throw .refused(.pathLeadsOutside, path: path)
        }
        let parent = parts.count == 1 ? "." : parts.dropLast().joined(separator: "/")
        // SAFETY: the string is copied by the system before the call returns.
        let result = unsafe tenure_open_beneath(root, parent, Int32(TENURE_OPEN_DIRECTORY), 0)
        return Place(directory: try check(result, .open, parent), name: String(last))
    }

    deinit {
        _ = tenure_close(directory)
    }
}

/// An open file of the host.
private final class HostFile: DiskFile {
    private(set) var descriptor: Int32
    private var isLocked = false
    private let path: String

    init(_ descriptor: Int32, _ path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        close()
    }

    /// Refuses a descriptor whose file is not one that we would have made.
    static func examine(_ descriptor: Int32, _ path: String, kind: Int) throws(DiskError) {
        var facts = tenure_file_facts()
        // SAFETY: the kernel's answer goes to a structure that lives in this frame.
        try check(unsafe tenure_facts(descriptor, &facts), .facts, path)
        guard facts.kind == Int32(kind) else {
            let refusal: DiskRefusal =
                kind == TENURE_KIND_DIRECTORY ? .notDirectory : .notRegular
            throw .refused(refusal, path: path)
        }
        guard facts.owner == tenure_effective_user() else {
            throw .refused(.otherOwner, path: path)
        }
        guard kind == TENURE_KIND_DIRECTORY || facts.links == 1 else {
            throw .refused(.severalLinks, path: path)
        }
        guard facts.mode & 0o022 == 0 else { throw .refused(.writableByOthers, path: path) }
    }

    func read(into buffer: inout MutableRawSpan, at offset: UInt64) throws(DiskError) -> Int {
        // SAFETY: the system writes at most `count` bytes to the buffer, within the closure.
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return Int64(0) }
            return unsafe tenure_read(descriptor, base, bytes.count, offset)
        }
        guard result >= 0 else { throw failure(result, .read) }
        return Int(result)
    }

    func write(_ bytes: RawSpan, at offset: UInt64) throws(DiskError) {
        // SAFETY: the system reads the bytes within the closure only.
        let result = unsafe bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return Int64(0) }
            return unsafe tenure_write(descriptor, base, bytes.count, offset)
        }
        guard result >= 0 else { throw failure(result, .write) }
    }

    func size() throws(DiskError) -> UInt64 {
        var facts = tenure_file_facts()
        // SAFETY: the kernel's answer goes to a structure that lives in this frame.
        try check(unsafe tenure_facts(descriptor, &facts), .facts, path)
        return facts.size
    }

    func truncate(to size: UInt64) throws(DiskError) {
        try check(tenure_truncate(descriptor, size), .truncate, path)
    }

    func syncData() throws(DiskError) {
        try check(tenure_sync_data(descriptor), .syncData, path)
    }

    func sync() throws(DiskError) {
        try check(tenure_sync(descriptor), .sync, path)
    }

    func dropCache() throws(DiskError) {
        try check(tenure_drop_cache(descriptor), .dropCache, path)
    }

    func lock(shared: Bool) throws(DiskError) {
        try check(tenure_lock(descriptor, shared ? 1 : 0), .lock, path)
        isLocked = true
    }

    func close() {
        guard descriptor >= 0 else { return }
        // A child that is just being started has a copy until it runs its own program, and would
        // keep the lock for as long.
        if isLocked { _ = tenure_unlock(descriptor) }
        _ = tenure_close(descriptor)
        descriptor = -1
    }

    private func failure(_ result: Int64, _ operation: DiskOperation) -> DiskError {
        .system(Errno(rawValue: CInt(truncatingIfNeeded: -result)), operation, path: path)
    }
}

/// Turns a negative error number into an error.
@discardableResult
private func check(
    _ result: Int32,
    _ operation: DiskOperation,
    _ path: String
) throws(DiskError) -> Int32 {
    guard result < 0 else { return result }
    let errno = Errno(rawValue: -result)
    // What openat2 answers for `..` beyond the root (EXDEV), and for a symbolic link on the way.
    let isOpen = operation != .rename && operation != .unlink && operation != .makeDirectory
    if isOpen && (errno == .improperLink || errno == .tooManySymbolicLinkLevels) {
        throw .refused(.pathLeadsOutside, path: path)
    }
    throw .system(errno, operation, path: path)
}
