// What a simulated disk looks like after the power failed, and what a test may do to its bytes.

internal import Synchronization
internal import SystemPackage
package import TenureLog

/// What becomes of pending sectors and names at a crash, in percent; the rest is lost.
package struct CrashPolicy: Equatable, Sendable {
    /// How many pending sectors are kept.
    package var keep: Int
    /// How many pending sectors become garbage.
    package var garbage: Int
    /// How many pending names are kept.
    package var keepNames: Int

    /// A policy with these shares of a hundred.
    package init(keep: Int, garbage: Int, keepNames: Int) {
        self.keep = keep
        self.garbage = garbage
        self.keepNames = keepNames
    }

    /// Only what was synced survives.
    package static let nothing = CrashPolicy(keep: 0, garbage: 0, keepNames: 0)
    /// All that was written survives.
    package static let everything = CrashPolicy(keep: 100, garbage: 0, keepNames: 100)
    /// Data survives, names do not.
    package static let dataOnly = CrashPolicy(keep: 100, garbage: 0, keepNames: 0)
    /// Names survive, data does not.
    package static let namesOnly = CrashPolicy(keep: 0, garbage: 0, keepNames: 100)
    /// Each sector and name on its own.
    package static let mixed = CrashPolicy(keep: 45, garbage: 10, keepNames: 50)
    /// Most of the data, with garbage in between.
    package static let torn = CrashPolicy(keep: 80, garbage: 10, keepNames: 80)
}

extension SimulatedDisk {
    /// The disk that the machine finds after losing power now.
    package func crash(
        using generator: inout SeededGenerator,
        _ policy: CrashPolicy
    ) -> SimulatedDisk {
        var picture = store.withLock { $0.copy() }
        var names = picture.durable
        var broken: Set<String> = []
        for change in picture.pending {
            let isKept =
                generator.chance(policy.keepNames)
                && !change.entries.contains { broken.contains($0.path) }
            for (path, entry) in change.entries {
                if isKept { names[path] = entry } else { broken.insert(path) }
            }
        }
        for inode in picture.inodes.indices {
            picture.inodes[inode].crash(using: &generator, policy)
        }
        // What lies in a directory whose own name did not survive is out of reach.
        for path in names.keys.sorted() {
            let parent = SimulatedDiskStore.directory(of: path)
            if !parent.isEmpty && names[parent] != .directory { names[path] = nil }
        }
        picture.shown = names
        picture.durable = names
        picture.pending = []
        return SimulatedDisk(picture.restarted())
    }

    /// The same machine after only the process was killed: the page cache is as it was.
    package func processCrash() -> SimulatedDisk {
        SimulatedDisk(store.withLock { $0.copy() }.restarted())
    }

    /// A copy that goes its own way.
    package func clone() -> SimulatedDisk {
        SimulatedDisk(store.withLock { $0.copy() })
    }

    /// Keeps a picture of the disk before each of the operations that follow.
    package func keepPictures() {
        store.withLock { $0.pictures = [] }
    }

    /// The disk before each operation since `keepPictures`, and as it is now.
    ///
    /// So every prefix of a workload is had from one run of it.
    package func pictures() -> [SimulatedDisk] {
        let kept = store.withLock { $0.pictures ?? [] }
        return kept.map { SimulatedDisk($0) } + [clone()]
    }
}

extension SimulatedDisk {
    /// The paths of all files, sorted.
    package var paths: [String] {
        store.withLock { store in
            store.shown.filter { $0.value != .directory }.keys.sorted()
        }
    }

    /// What a reader of a file sees.
    package func contents(_ path: String) throws(DiskError) -> [UInt8] {
        try store.withLock { (store) throws(DiskError) in
            store.inodes[try store.file(path, .read)].cached
        }
    }

    /// Puts bytes in the place of a file's, durably; makes the file when there is none.
    package func replace(_ path: String, with bytes: [UInt8]) throws(DiskError) {
        try store.withLock { (store) throws(DiskError) in
            if store.shown[path] == nil {
                store.inodes.append(SimulatedDiskStore.Inode())
                store.shown[path] = .file(store.inodes.count - 1)
                store.durable[path] = .file(store.inodes.count - 1)
            }
            let inode = try store.file(path, .write)
            store.inodes[inode].cached = bytes
            store.inodes[inode].stored = bytes
            store.inodes[inode].dirty = []
        }
    }

    /// Changes one byte of a file by exclusive or, durably: rot.
    package func rot(_ path: String, at offset: Int, mask: UInt8) throws(DiskError) {
        try store.withLock { (store) throws(DiskError) in
            let inode = try store.file(path, .write)
            store.inodes[inode].cached[offset] ^= mask
            if offset < store.inodes[inode].stored.count {
                store.inodes[inode].stored[offset] ^= mask
            }
        }
    }

    /// Removes a file and its name, durably.
    package func remove(_ path: String) throws(DiskError) {
        try store.withLock { (store) throws(DiskError) in
            _ = try store.file(path, .unlink)
            store.shown[path] = nil
            store.durable[path] = nil
        }
    }

    /// Lets every read of the sector with this byte fail with `EIO`.
    package func makeUnreadable(_ path: String, at offset: Int) throws(DiskError) {
        try store.withLock { (store) throws(DiskError) in
            let inode = try store.file(path, .write)
            store.inodes[inode].unreadable.insert(offset / SimulatedDiskStore.sector)
        }
    }
}

extension SimulatedDiskStore {
    fileprivate func copy() -> SimulatedDiskStore {
        var store = self
        store.pictures = nil
        return store
    }

    /// The same bytes and names for a machine that has just been started.
    fileprivate func restarted() -> SimulatedDiskStore {
        var store = self
        store.operations = []
        store.faults = [:]
        store.nextSyncFault = nil
        store.stopAt = .max
        store.hasStopped = false
        for inode in store.inodes.indices { store.inodes[inode].locks = [] }
        return store
    }
}

extension SimulatedDiskStore.Inode {
    fileprivate mutating func crash(
        using generator: inout SeededGenerator,
        _ policy: CrashPolicy
    ) {
        if cached.count != stored.count, generator.chance(policy.keep) {
            stored.resize(to: cached.count)
        }
        for sector in Set(dirty.joined()).sorted() {
            let draw = Int.random(in: 0..<100, using: &generator)
            if draw < policy.keep {
                store(sector..<(sector + 1))
            } else if draw < policy.keep + policy.garbage {
                let range = bytes(of: sector..<(sector + 1), limit: stored.count)
                stored.overwrite(range, from: generator.bytes(range.count), at: 0)
            }
        }
        cached = stored
        dirty = []
        hasPhantoms = false
        locks = []
    }
}
