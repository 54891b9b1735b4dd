// Paths that people name: whether something is there, and renames that last.

internal import CTenureSystem
internal import Glibc
internal import SystemPackage

/// Calls on paths.
enum PathFacts {
    /// Whether there is anything, also a link that leads nowhere.
    static func exists(_ path: String) -> Bool {
        var facts = stat()
        // SAFETY: the kernel reads the path and fills the structure during the call.
        return unsafe lstat(path, &facts) == 0 || errno != ENOENT
    }

    /// Refuses to make what is there, or where it is made first.
    static func requireFree(_ path: String, and aside: String, otherwise: String) throws {
        if exists(path) { throw Failure(.cannotCreate, "'\(path)' exists; \(otherwise)") }
        guard exists(aside) else { return }
        throw Failure(
            .cannotCreate,
            "'\(aside)' exists; an interrupted run may have left it: remove it"
        )
    }

    /// Whether the path names a regular file.
    static func isFile(_ path: String) -> Bool {
        var facts = stat()
        // SAFETY: the kernel reads the path and fills the structure during the call.
        return unsafe stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG
    }

    /// Whether the path names a directory, or a link to one.
    static func isDirectory(_ path: String) -> Bool {
        var facts = stat()
        // SAFETY: the kernel reads the path and fills the structure during the call.
        return unsafe stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes a directory for nobody else.
    static func makeDirectory(_ path: String) throws {
        // SAFETY: the kernel reads the path during the call.
        guard unsafe mkdir(path, 0o700) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Syncs a file.
    static func sync(_ file: FileDescriptor) throws {
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Gives something a name that is not taken, and syncs the directory above.
    static func rename(_ from: String, to path: String) throws {
        // SAFETY: the kernel reads both paths during the call.
        let result = unsafe tenure_rename(AT_FDCWD, from, AT_FDCWD, path, 0)
        guard result >= 0 else { throw Errno(rawValue: -result) }
        let parent = FilePath(path).removingLastComponent()
        let directory = try FileDescriptor.open(
            parent.isEmpty ? "." : parent,
            .readOnly,
            options: [.directory, .closeOnExec]
        )
        try directory.closeAfter { try sync(directory) }
    }
}
