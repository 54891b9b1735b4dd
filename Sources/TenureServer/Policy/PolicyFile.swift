// The file of a policy: read through one descriptor, and only when nobody else can have written it.

internal import FoundationEssentials
internal import Glibc

/// Reads a policy.
package enum PolicyFile {
    /// The policy in the file at `path`.
    ///
    /// - Throws: with exit code 77 when the file is not safe, 78 when what it says is wrong, naming
    ///   file, place and remedy.
    package static func read(_ path: String) throws(ServerError) -> AccessPolicy {
        let bytes = try contents(of: path)
        do throws(PolicyFault) {
            return try PolicyDocument.read(bytes)
        } catch {
            throw ServerError(
                "policy '\(path)': \(error.sentence)",
                exitCode: ServerError.configuration
            )
        }
    }

    private static func contents(of path: String) throws(ServerError) -> [UInt8] {
        // SAFETY: the path is a string of ours for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ELOOP { throw refused(path, "is a symbolic link; name the file itself") }
            // SAFETY: the C library's text is copied at once.
            let reason = unsafe String(cString: strerror(errno))
            throw ServerError(
                "policy '\(path)' can not be read: \(reason)",
                exitCode: errno == EACCES ? ServerError.notPermitted : ServerError.configuration
            )
        }
        defer { close(descriptor) }
        try check(descriptor, path)
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= ServerLimits.policyBytes {
            // SAFETY: the kernel writes no more than the buffer has.
            let count = unsafe Glibc.read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw ServerError(
                    "policy '\(path)' can not be read: error \(errno)",
                    exitCode: ServerError.inputOutput
                )
            }
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
        throw ServerError(
            "policy '\(path)' is longer than \(ServerLimits.policyBytes) bytes",
            exitCode: ServerError.configuration
        )
    }

    /// By descriptor, so that what is checked is what is read.
    private static func check(_ descriptor: CInt, _ path: String) throws(ServerError) {
        var facts = stat()
        // SAFETY: the kernel fills the structure during the call.
        guard unsafe fstat(descriptor, &facts) == 0 else {
            throw ServerError(
                "policy '\(path)' can not be looked at: error \(errno)",
                exitCode: ServerError.inputOutput
            )
        }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw refused(path, "is no regular file") }
        guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
            throw refused(
                path,
                "belongs to user \(facts.st_uid); 'chown' it to root or to the daemon's user"
            )
        }
        guard facts.st_mode & 0o022 == 0 else {
            throw refused(path, "can be written by others than its owner; 'chmod go-w' it")
        }
    }

    private static func refused(_ path: String, _ why: String) -> ServerError {
        ServerError("policy '\(path)' \(why)", exitCode: ServerError.notPermitted)
    }
}
