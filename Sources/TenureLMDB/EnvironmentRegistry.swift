// Which environments this process has open, by the identity of their directory.
//
// Opening one twice would let the first close drop the locks of the second (lmdb.h, "Caveats").
// A path is no identity: links and bind mounts give one directory several.

internal import Glibc
internal import Synchronization
internal import SystemPackage

/// The device and inode of a directory.
struct DirectoryIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    /// Looks `path` up, following links.
    init(of path: String) throws(StoreError) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw .system(Errno(rawValue: errno))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .system(.notDirectory) }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

/// The environments that are open in this process.
enum EnvironmentRegistry {
    private static let open = Mutex<Set<DirectoryIdentity>>([])

    /// Notes `identity` as open; false when it was.
    static func claim(_ identity: DirectoryIdentity) -> Bool {
        open.withLock { $0.insert(identity).inserted }
    }

    /// Forgets `identity`.
    static func release(_ identity: DirectoryIdentity) {
        open.withLock { _ = $0.remove(identity) }
    }
}
