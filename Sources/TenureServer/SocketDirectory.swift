// Who could replace the socket under our feet: everybody who may write to a directory on its path.

internal import Glibc

/// The directory of a Unix socket.
enum SocketDirectory {
    /// Creates the last directory of `path` when it is missing, then checks all of them.
    ///
    /// - Throws: with exit code 77, naming the component.
    static func prepare(for path: String) throws(ServerError) {
        let directory = parent(of: path)
        do throws(GuardedPath.Fault) {
            let way = try GuardedPath.walk(directory, followingLast: false)
            guard let name = way.name else { return try checkOwn(way.directory, directory) }
            try checkOwn(try make(name, in: way.directory, directory), directory)
        } catch {
            throw serverError(error)
        }
    }

    /// The directory, which is made where it is missing; not what a link in its place leads to.
    private static func make(
        _ name: String,
        in parent: OpenFile,
        _ directory: String
    ) throws(GuardedPath.Fault) -> OpenFile {
        // What is there already is looked at below, and so is that there is none.
        // SAFETY: the name is a string of ours for the call.
        if parent.use({ unsafe mkdirat($0, name, 0o700) }) != 0,
            ![EEXIST, EROFS, EACCES].contains(errno)
        {
            throw .refused(directory, errno)
        }
        guard let made = parent.open(name, GuardedPath.pathOnly | O_NOFOLLOW) else {
            throw .refused(directory, errno)
        }
        return made
    }

    /// The directory itself: no link, ours or root's, nobody else may write.
    private static func checkOwn(
        _ own: OpenFile,
        _ directory: String
    ) throws(GuardedPath.Fault) {
        guard let facts = own.facts else { throw .refused(directory, errno) }
        guard facts.st_mode & S_IFMT == S_IFDIR else {
            throw .unsafe(directory, "is a symbolic link or no directory")
        }
        if let fault = GuardedPath.fault(facts, directory, allowsSticky: false) { throw fault }
    }

    private static func serverError(_ fault: GuardedPath.Fault) -> ServerError {
        switch fault {
        case .unsafe(let component, let why):
            ServerError(
                "the socket would not be safe: \(component) \(why); use a directory of mode 0700 "
                    + "of the daemon's user",
                exitCode: ServerError.notPermitted
            )
        case .refused(let component, let number):
            SocketFile.failure("go on with the path of the socket", component, number)
        }
    }

    /// The directory part of an absolute path.
    private static func parent(of path: String) -> String {
        let parts = path.split(separator: "/").dropLast()
        return "/" + parts.joined(separator: "/")
    }
}
