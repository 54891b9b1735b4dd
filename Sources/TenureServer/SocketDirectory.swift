// Who could replace the socket under our feet: everybody who may write to a directory on its path.

internal import Glibc

/// The directory of a Unix socket.
enum SocketDirectory {
    /// Creates the last directory of `path` when it is missing, then checks all of them.
    ///
    /// - Throws: with exit code 77, naming the component.
    static func prepare(for path: String) throws(ServerError) {
        let directory = parent(of: path)
        // SAFETY: the path is a string of ours for the call.
        if unsafe mkdir(directory, 0o700) != 0, errno != EEXIST, errno != EROFS, errno != EACCES {
            throw SocketFile.failure("create the directory of the socket", directory, errno)
        }
        try checkOwn(directory)
        try checkAncestors(of: directory)
    }

    /// The directory itself: no link, ours or root's, nobody else may write.
    private static func checkOwn(_ directory: String) throws(ServerError) {
        var facts = stat()
        // SAFETY: the kernel fills the structure during the call.
        guard unsafe lstat(directory, &facts) == 0 else {
            throw SocketFile.failure("look at the directory of the socket", directory, errno)
        }
        guard facts.st_mode & S_IFMT == S_IFDIR else {
            throw refused(directory, "is a symbolic link or no directory")
        }
        guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
            throw refused(directory, "belongs to user \(facts.st_uid)")
        }
        guard facts.st_mode & 0o022 == 0 else {
            throw refused(directory, "can be written by others than its owner")
        }
    }

    /// Those above, where links have been followed: ours or root's, or sticky where others write.
    private static func checkAncestors(of directory: String) throws(ServerError) {
        // SAFETY: realpath allocates its result, which is copied and freed here.
        guard let resolved = unsafe realpath(parent(of: directory), nil) else {
            throw SocketFile.failure("resolve the path", directory, errno)
        }
        var path = unsafe String(cString: resolved)
        unsafe free(resolved)
        while true {
            var facts = stat()
            // SAFETY: the kernel fills the structure during the call.
            guard unsafe stat(path, &facts) == 0 else {
                throw SocketFile.failure("look at", path, errno)
            }
            guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
                throw refused(path, "belongs to user \(facts.st_uid)")
            }
            guard facts.st_mode & 0o022 == 0 || facts.st_mode & S_ISVTX != 0 else {
                throw refused(path, "can be written by others and is not sticky")
            }
            if path == "/" { return }
            path = parent(of: path)
        }
    }

    private static func refused(_ component: String, _ why: String) -> ServerError {
        ServerError(
            "the socket would not be safe: \(component) \(why); use a directory of mode 0700 of "
                + "the daemon's user",
            exitCode: ServerError.notPermitted
        )
    }

    /// The directory part of an absolute path.
    private static func parent(of path: String) -> String {
        let parts = path.split(separator: "/").dropLast()
        return "/" + parts.joined(separator: "/")
    }
}
