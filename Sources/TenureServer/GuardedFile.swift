// Files that decide who may do what: read through one descriptor, and only when nobody else can
// have written them or put them there, or, where they are secret, read them.

internal import Glibc

/// Reads a file that must be safe.
package enum GuardedFile {
    /// What makes a file safe.
    package enum Rule: Sendable {
        /// Nobody but its owner can write it, it is no link and has no other name.
        case trusted
        /// Nobody but its owner can read or write it, and it has no other name.
        case secret
        /// Anybody may read it; who can write it is looked at as for `trusted`.
        case published
    }

    /// The bytes of the file at `path`, which a sentence calls `name`.
    ///
    /// - Throws: with exit code 77 when the file is not safe, 78 when it is not there or too long.
    package static func read(
        _ path: String,
        _ name: String,
        _ rule: Rule,
        atMost limit: Int
    ) throws(ServerError) -> [UInt8] {
        let file = try open(path, name, rule)
        try check(file, path, name, rule)
        return try contents(file, path, name, atMost: limit)
    }

    private static func open(
        _ path: String,
        _ name: String,
        _ rule: Rule
    ) throws(ServerError) -> OpenFile {
        let way: GuardedPath
        do throws(GuardedPath.Fault) {
            // What renews certificates puts links to them; a policy is named itself.
            way = try GuardedPath.walk(path, followingLast: rule != .trusted)
        } catch {
            switch error {
            case .unsafe(let place, let why):
                throw refused(path, name, "is not safe, because \(place) \(why)")
            case .refused(_, let number): throw unreadable(path, name, number)
            }
        }
        let flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW
        guard let file = way.directory.open(way.name ?? ".", flags) else {
            if errno == ELOOP {
                throw refused(path, name, "is a symbolic link; name the file itself")
            }
            throw unreadable(path, name, errno)
        }
        return file
    }

    private static func contents(
        _ file: OpenFile,
        _ path: String,
        _ name: String,
        atMost limit: Int
    ) throws(ServerError) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limit {
            // SAFETY: the kernel writes no more than the buffer has.
            let count = file.use { unsafe Glibc.read($0, &part, part.count) }
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
        _ file: OpenFile,
        _ path: String,
        _ name: String,
        _ rule: Rule
    ) throws(ServerError) {
        guard let facts = file.facts else {
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
        // Whose other name may be where others decide what is there under this one.
        guard facts.st_nlink == 1 || rule == .published else {
            throw refused(path, name, "has \(facts.st_nlink) names; make a copy of its own")
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

    private static func unreadable(_ path: String, _ name: String, _ number: CInt) -> ServerError {
        // SAFETY: the C library's text is copied at once.
        let reason = unsafe String(cString: strerror(number))
        return ServerError(
            "\(name) '\(path)' can not be read: \(reason)",
            exitCode: number == EACCES ? ServerError.notPermitted : ServerError.configuration
        )
    }

    private static func refused(_ path: String, _ name: String, _ why: String) -> ServerError {
        ServerError("\(name) '\(path)' \(why)", exitCode: ServerError.notPermitted)
    }
}
