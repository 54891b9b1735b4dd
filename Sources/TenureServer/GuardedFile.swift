// Files that decide who may do what: read through one descriptor, and only when nobody else can
// have written them, or, where they are secret, read them.

internal import Glibc

/// Reads a file that must be safe.
enum GuardedFile {
    /// What makes a file safe.
    enum Rule {
        /// Nobody but its owner can write it, and it is no link.
        case trusted
        /// Nobody but its owner can read or write it.
        case secret
        /// Anybody may read it; who can write it is looked at as for `trusted`.
        case published
    }

    /// The bytes of the file at `path`, which a sentence calls `name`.
    ///
    /// - Throws: with exit code 77 when the file is not safe, 78 when it is not there or too long.
    static func read(
        _ path: String,
        _ name: String,
        _ rule: Rule,
        atMost limit: Int
    ) throws(ServerError) -> [UInt8] {
        // What renews certificates puts links to them; a policy is named itself.
        let following = rule == .trusted ? O_NOFOLLOW : 0
        // SAFETY: the path is a string of ours for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | following)
        guard descriptor >= 0 else {
            if errno == ELOOP {
                throw refused(path, name, "is a symbolic link; name the file itself")
            }
            // SAFETY: the C library's text is copied at once.
            let reason = unsafe String(cString: strerror(errno))
            throw ServerError(
                "\(name) '\(path)' can not be read: \(reason)",
                exitCode: errno == EACCES ? ServerError.notPermitted : ServerError.configuration
            )
        }
        defer { close(descriptor) }
        try check(descriptor, path, name, rule)
        return try contents(descriptor, path, name, atMost: limit)
    }

    private static func contents(
        _ descriptor: CInt,
        _ path: String,
        _ name: String,
        atMost limit: Int
    ) throws(ServerError) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limit {
            // SAFETY: the kernel writes no more than the buffer has.
            let count = unsafe Glibc.read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw ServerError(
                    "\(name) '\(path)' can not be read: error \(errno)",
                    exitCode: ServerError.inputOutput
                )
            }
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
        throw ServerError(
            "\(name) '\(path)' is longer than \(limit) bytes",
            exitCode: ServerError.configuration
        )
    }

    /// By descriptor, so that what is checked is what is read.
    private static func check(
        _ descriptor: CInt,
        _ path: String,
        _ name: String,
        _ rule: Rule
    ) throws(ServerError) {
        var facts = stat()
        // SAFETY: the kernel fills the structure during the call.
        guard unsafe fstat(descriptor, &facts) == 0 else {
            throw ServerError(
                "\(name) '\(path)' can not be looked at: error \(errno)",
                exitCode: ServerError.inputOutput
            )
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw refused(path, name, "is no regular file")
        }
        guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
            throw refused(
                path,
                name,
                "belongs to user \(facts.st_uid); 'chown' it to root or to the daemon's user"
            )
        }
        if rule == .secret, facts.st_mode & 0o077 != 0 {
            throw refused(path, name, "is open to others; 'chmod 600' it")
        }
        if facts.st_mode & 0o022 != 0 {
            throw refused(
                path,
                name,
                "can be written by others than its owner; 'chmod go-w' it"
            )
        }
    }

    private static func refused(_ path: String, _ name: String, _ why: String) -> ServerError {
        ServerError("\(name) '\(path)' \(why)", exitCode: ServerError.notPermitted)
    }
}
