// The bytes and names of a simulated disk, as the system shows them and as they are stored.

internal import SystemPackage
internal import TenureLog

/// What a simulated disk holds.
struct SimulatedDiskStore: Sendable {
    static let sector = 512

    enum Lock: Sendable {
        case shared
        case exclusive
    }

    enum Entry: Equatable, Sendable {
        case file(Int)
        case directory
    }

    /// A file's bytes in the page cache and on the medium.
    struct Inode: Sendable {
        var cached: [UInt8] = []
        var stored: [UInt8] = []
        /// Sectors that a sync would write, in the order of the writes.
        var dirty: [Range<Int>] = []
        /// Sectors whose reads fail.
        var unreadable: Set<Int> = []
        /// Whether a failed sync left clean pages that differ from what is stored.
        var hasPhantoms = false
        var locks: [Lock] = []
    }

    /// One change of a directory that is not durable yet; its names change together.
    struct PendingNames: Sendable {
        var directory: String
        var entries: [(path: String, entry: Entry?)]
    }

    var inodes: [Inode] = []
    var shown: [String: Entry] = [:]
    var durable: [String: Entry] = [:]
    var pending: [PendingNames] = []
    var operations: [SimulatedDisk.Operation] = []
    var faults: [Int: SimulatedDisk.Fault] = [:]
    var nextSyncFault: Errno?
    var stopAt = Int.max
    var hasStopped = false
    var capacity: UInt64
    /// The disk before each numbered operation, where that was asked for.
    var pictures: [SimulatedDiskStore]?

    init(capacity: UInt64) {
        self.capacity = capacity
    }

    /// Numbers an operation, and lets it fail where that was asked for.
    @discardableResult
    mutating func begin(
        _ kind: DiskOperation,
        _ path: String
    ) throws(DiskError) -> SimulatedDisk.Fault? {
        if operations.count >= stopAt { hasStopped = true }
        if hasStopped { throw .stopped }
        if pictures != nil {
            var picture = self
            picture.pictures = nil
            pictures?.append(picture)
        }
        let fault = faults[operations.count]
        operations.append(SimulatedDisk.Operation(kind: kind, path: path))
        if case .error(let errno) = fault { throw .system(errno, kind, path: path) }
        return fault
    }

    mutating func beginSync(_ kind: DiskOperation, _ path: String) throws(DiskError) {
        try begin(kind, path)
        guard let errno = nextSyncFault else { return }
        nextSyncFault = nil
        throw .system(errno, kind, path: path)
    }

    var freeBytes: UInt64 {
        let files = Set(shown.values.map { if case .file(let inode) = $0 { inode } else { -1 } })
        let used = files.reduce(0) { $0 + ($1 < 0 ? 0 : inodes[$1].cached.count) }
        return capacity - min(capacity, UInt64(used))
    }

    static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}

extension SimulatedDiskStore {
    mutating func create(_ path: String) throws(DiskError) -> Int {
        try requireDirectory(SimulatedDiskStore.directory(of: path), .create)
        guard shown[path] == nil else { throw .system(.fileExists, .create, path: path) }
        inodes.append(Inode())
        setEntries([(path, .file(inodes.count - 1))])
        return inodes.count - 1
    }

    func file(_ path: String, _ operation: DiskOperation) throws(DiskError) -> Int {
        if hasStopped { throw .stopped }
        switch shown[path] {
        case .file(let inode): return inode
        case .directory: throw .refused(.notRegular, path: path)
        case nil: throw .system(.noSuchFileOrDirectory, operation, path: path)
        }
    }

    mutating func lock(_ path: String, shared: Bool) throws(DiskError) -> Int {
        if shown[path] == nil {
            try begin(.create, path)
            _ = try create(path)
        }
        let inode = try file(path, .lock)
        let held = inodes[inode].locks
        guard held.isEmpty || (shared && !held.contains(.exclusive)) else {
            throw .system(.wouldBlock, .lock, path: path)
        }
        inodes[inode].locks.append(shared ? .shared : .exclusive)
        return inode
    }

    mutating func unlock(_ inode: Int, _ lock: Lock) {
        if let index = inodes[inode].locks.firstIndex(of: lock) {
            inodes[inode].locks.remove(at: index)
        }
    }

    mutating func rename(_ from: String, _ to: String, _ replacing: Bool) throws(DiskError) {
        guard let entry = shown[from] else {
            throw .system(.noSuchFileOrDirectory, .rename, path: from)
        }
        try requireDirectory(SimulatedDiskStore.directory(of: to), .rename)
        guard replacing || shown[to] == nil else {
            throw .system(.fileExists, .rename, path: to)
        }
        let isWithin =
            SimulatedDiskStore.directory(of: from) == SimulatedDiskStore.directory(of: to)
        if isWithin {
            setEntries([(from, nil), (to, entry)])
        } else {
            setEntries([(to, entry)])
            setEntries([(from, nil)])
        }
        guard entry == .directory else { return }
        for (path, moved) in shown where path.hasPrefix(from + "/") {
            // What lies in a directory moves with it, whether durable or not.
            let target = to + path.dropFirst(from.count)
            shown[path] = nil
            shown[target] = moved
        }
        moveContents(from, to)
    }

    private mutating func moveContents(_ from: String, _ to: String) {
        for (path, entry) in durable where path.hasPrefix(from + "/") {
            durable[path] = nil
            durable[to + path.dropFirst(from.count)] = entry
        }
        for index in pending.indices where pending[index].directory == from {
            pending[index].directory = to
            for item in pending[index].entries.indices {
                let path = pending[index].entries[item].path
                pending[index].entries[item].path = to + path.dropFirst(from.count)
            }
        }
    }

    func list(_ directory: String) throws(DiskError) -> [String] {
        try requireDirectory(directory, .list)
        let prefix = directory.isEmpty ? "" : directory + "/"
        return shown.keys.filter { $0.hasPrefix(prefix) }
            .map { $0.dropFirst(prefix.count) }
            .filter { !$0.contains("/") }
            .map(String.init)
            .sorted()
    }

    mutating func makeDirectory(_ path: String) throws(DiskError) {
        try requireDirectory(SimulatedDiskStore.directory(of: path), .makeDirectory)
        guard shown[path] == nil else { throw .system(.fileExists, .makeDirectory, path: path) }
        setEntries([(path, .directory)])
    }

    mutating func syncDirectory(_ path: String) throws(DiskError) {
        try requireDirectory(path, .syncDirectory)
        for names in pending where names.directory == path {
            for (path, entry) in names.entries { durable[path] = entry }
        }
        pending.removeAll { $0.directory == path }
    }

    func requireDirectory(_ path: String, _ operation: DiskOperation) throws(DiskError) {
        if hasStopped { throw .stopped }
        guard path.isEmpty || shown[path] == .directory else {
            throw .system(.noSuchFileOrDirectory, operation, path: path)
        }
    }

    /// Changes names of one directory together.
    mutating func setEntries(_ entries: [(path: String, entry: Entry?)]) {
        for (path, entry) in entries { shown[path] = entry }
        let directory = SimulatedDiskStore.directory(of: entries.first?.path ?? "")
        pending.append(PendingNames(directory: directory, entries: entries))
    }
}

extension SimulatedDiskStore {
    func read(
        _ inode: Int,
        _ path: String,
        _ offset: Int,
        _ count: Int,
        _ isDirect: Bool
    ) throws(DiskError) -> [UInt8] {
        if hasStopped { throw .stopped }
        let file = inodes[inode]
        let size = file.cached.count
        guard offset < size else { return [] }
        let end = min(size, offset + count)
        let sectors = (offset / Self.sector)..<((end + Self.sector - 1) / Self.sector)
        if file.unreadable.contains(where: { sectors.contains($0) }) {
            throw .system(.ioError, .read, path: path)
        }
        var bytes = file.cached.part(offset..<end)
        guard isDirect, file.hasPhantoms else { return bytes }
        for sector in sectors where !file.isDirty(sector) {
            let from = max(sector * Self.sector, offset)
            let to = min((sector + 1) * Self.sector, end)
            for index in from..<to {
                bytes[index - offset] = index < file.stored.count ? file.stored[index] : 0
            }
        }
        return bytes
    }

    mutating func write(
        _ inode: Int,
        _ path: String,
        _ offset: Int,
        _ bytes: [UInt8]
    ) throws(DiskError) {
        guard !bytes.isEmpty else { return }
        let end = offset + bytes.count
        if end > inodes[inode].cached.count { try resize(inode, path, end) }
        inodes[inode].cached.overwrite(offset..<end, from: bytes, at: 0)
        let sectors = (offset / Self.sector)..<((end + Self.sector - 1) / Self.sector)
        inodes[inode].dirty.append(sectors)
    }

    mutating func resize(_ inode: Int, _ path: String, _ size: Int) throws(DiskError) {
        let before = inodes[inode].cached.count
        if size > before {
            guard UInt64(size - before) <= freeBytes else {
                throw .system(.noSpace, .write, path: path)
            }
        } else {
            let last = (size + Self.sector - 1) / Self.sector
            inodes[inode].dirty = inodes[inode].dirty.map { $0.clamped(to: 0..<last) }
        }
        inodes[inode].cached.resize(to: size)
    }
}

extension SimulatedDiskStore.Inode {
    /// Whether a sync would write this sector.
    func isDirty(_ sector: Int) -> Bool {
        dirty.contains { $0.contains(sector) }
    }

    mutating func sync() {
        stored.resize(to: cached.count)
        for sectors in dirty { store(sectors) }
        dirty.removeAll()
    }

    /// S4: nothing is stored, and nothing is left to store.
    mutating func failSync() {
        dirty.removeAll()
        hasPhantoms = true
    }

    mutating func dropCache() {
        guard hasPhantoms else { return }
        var shown = stored
        shown.resize(to: cached.count)
        for sectors in dirty {
            let range = bytes(of: sectors, limit: cached.count)
            shown.overwrite(range, from: cached, at: range.lowerBound)
        }
        cached = shown
        hasPhantoms = !dirty.isEmpty
    }

    /// Stores some sectors, as far as the stored file reaches.
    mutating func store(_ sectors: Range<Int>) {
        let range = bytes(of: sectors, limit: min(cached.count, stored.count))
        stored.overwrite(range, from: cached, at: range.lowerBound)
    }

    /// The bytes of some sectors, as far as a file of `limit` bytes has them.
    func bytes(of sectors: Range<Int>, limit: Int) -> Range<Int> {
        let sector = SimulatedDiskStore.sector
        return (sectors.lowerBound * sector..<sectors.upperBound * sector).clamped(to: 0..<limit)
    }
}
