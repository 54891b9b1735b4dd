// The Unix socket as a file: its directory is checked, its permissions are set before anybody can
// connect, and nothing that is not ours is ever removed.
//
//   U1  The socket is 0600, or 0660 with a group, whatever the umask was.
//   U2  Its directory is no symbolic link, ours or root's, and writable by its owner only; no
//       directory above it lets a stranger replace it.
//   U3  A file that is in the way is removed only if it is a socket of ours that nobody listens on.

internal import CTenureSystem
internal import Glibc

/// A listening Unix socket.
package struct SocketFile: Sendable {
    /// The descriptor; its owner closes it.
    package let descriptor: CInt
    /// Where it listens.
    let path: String
    private let device: UInt
    private let inode: UInt
    /// Whether the file is ours, to be removed.
    private var isOwn = true

    /// Listens at `path`, for `group` too when it is given.
    ///
    /// - Throws: why not, with the exit code for it.
    package static func listen(at path: String, group: String?) throws(ServerError) -> SocketFile {
        let group = try group.map(groupNumber)
        try SocketDirectory.prepare(for: path)
        try clear(path)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
        guard descriptor >= 0 else { throw failure("create a socket", path, errno) }
        do throws(ServerError) {
            try bind(descriptor, at: path, group: group)
            guard Glibc.listen(descriptor, ServerLimits.backlog) == 0 else {
                throw failure("listen", path, errno)
            }
            let facts = try facts(path)
            return SocketFile(
                descriptor: descriptor,
                path: path,
                device: UInt(facts.st_dev),
                inode: UInt(facts.st_ino)
            )
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Listens on a socket that was passed, whose file is its maker's.
    init(_ passed: PassedSocket) {
        descriptor = passed.descriptor
        path = passed.path
        device = 0
        inode = 0
        isOwn = false
    }

    private init(descriptor: CInt, path: String, device: UInt, inode: UInt) {
        self.descriptor = descriptor
        self.path = path
        self.device = device
        self.inode = inode
    }

    /// Removes the file if it is still the one that was made here.
    package func remove() {
        guard isOwn, let facts = try? Self.facts(path), UInt(facts.st_dev) == device,
            UInt(facts.st_ino) == inode
        else { return }
        // SAFETY: the path is a string of ours for the call.
        _ = unsafe unlink(path)
    }

    private static var closeOnExec: Int32 { Int32(SOCK_CLOEXEC.rawValue) }

    private static func bind(
        _ descriptor: CInt,
        at path: String,
        group: gid_t?
    ) throws(ServerError) {
        // The file gets the mode of the descriptor, less the mask of the process: never more than
        // its owner's, at no moment, and no mask is changed under other threads.
        guard fchmod(descriptor, 0o600) == 0 else { throw failure("restrict", path, errno) }
        // SAFETY: the address lives for the closure.
        let result = unsafe withAddress(path) { address, length in
            unsafe Glibc.bind(descriptor, address, length)
        }
        guard result == 0 else { throw failure("create the socket", path, errno) }
        // A mask may have taken even the owner's. The directory is ours alone, so the name still
        // means what was just made; the group comes before what it may do.
        // SAFETY: the path is a string of ours for the calls.
        if let group, unsafe lchown(path, uid_t.max, group) != 0 {
            throw failure("give the socket to group \(group)", path, errno)
        }
        // SAFETY: the same.
        guard unsafe chmod(path, group == nil ? 0o600 : 0o660) == 0 else {
            throw failure("set the mode of", path, errno)
        }
    }

    /// Makes room at `path`, or says what is in the way.
    private static func clear(_ path: String) throws(ServerError) {
        guard let facts = try factsIfPresent(path) else { return }
        switch facts.st_mode & S_IFMT {
        case S_IFSOCK: break
        case S_IFLNK:
            throw ServerError(
                "\(path) is a symbolic link; the socket must be a file of its own: remove the link",
                exitCode: ServerError.notPermitted
            )
        default:
            throw ServerError(
                "\(path) is there and no socket; choose another path or move it away",
                exitCode: ServerError.cannotCreate
            )
        }
        guard facts.st_uid == geteuid() else {
            throw ServerError(
                "\(path) is a socket of user \(facts.st_uid); choose another path",
                exitCode: ServerError.notPermitted
            )
        }
        guard isDead(path) else {
            throw ServerError(
                "another daemon listens at \(path); stop it or choose another path",
                exitCode: ServerError.inUse
            )
        }
        // SAFETY: the path is a string of ours for the call.
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw failure("remove the stale socket", path, errno)
        }
    }

    /// Whether nobody listens there: the connection is refused, not merely failed.
    private static func isDead(_ path: String) -> Bool {
        let kind = Int32(SOCK_STREAM.rawValue) | closeOnExec | Int32(SOCK_NONBLOCK.rawValue)
        let probe = socket(AF_UNIX, kind, 0)
        guard probe >= 0 else { return false }
        defer { Glibc.close(probe) }
        // SAFETY: the address lives for the closure.
        let result = unsafe withAddress(path) { address, length in
            unsafe connect(probe, address, length)
        }
        return result != 0 && errno == ECONNREFUSED
    }

    private static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: `check()` bounded the path to `socketPathBytes`; the copy stops one byte before
        // the end of the field, so a zero byte always ends it.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            for (index, byte) in path.utf8.prefix(field.count - 1).enumerated() {
                unsafe field[index] = byte
            }
        }
        // SAFETY: every socket address begins with the fields of `sockaddr`.
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe body(address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func facts(_ path: String) throws(ServerError) -> stat {
        guard let facts = try factsIfPresent(path) else { throw failure("look at", path, ENOENT) }
        return facts
    }

    /// What is at `path`, not following a symbolic link.
    private static func factsIfPresent(_ path: String) throws(ServerError) -> stat? {
        var facts = stat()
        // SAFETY: the kernel fills the structure during the call.
        if unsafe lstat(path, &facts) == 0 { return facts }
        if errno == ENOENT { return nil }
        throw failure("look at", path, errno)
    }

    private static func groupNumber(_ name: String) throws(ServerError) -> gid_t {
        if let number = gid_t(name) { return number }
        // SAFETY: the entry is read before the next call; nothing else asks for groups here.
        guard let entry = unsafe getgrnam(name) else {
            throw ServerError(
                "there is no group '\(name)' for the socket; create it or choose another",
                exitCode: ServerError.configuration
            )
        }
        return unsafe entry.pointee.gr_gid
    }

    /// What the kernel said, with the exit code for it.
    static func failure(_ verb: String, _ path: String, _ number: CInt) -> ServerError {
        // SAFETY: the C library's text is copied at once.
        let reason = unsafe String(cString: strerror(number))
        return ServerError(
            "can not \(verb) at \(path): \(reason)",
            exitCode: number == EACCES || number == EPERM
                ? ServerError.notPermitted : ServerError.cannotCreate
        )
    }
}
