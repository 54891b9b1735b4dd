// The one secret of a daemon: a file that nobody else can read.

internal import FoundationEssentials
internal import Glibc
internal import SystemPackage

/// Reads a password.
package enum PasswordFile {
    /// The longest password, in bytes.
    private static let bytesMax = 1_024

    /// The first line of the file at `path`.
    ///
    /// Refuses a file that others can read or write, because then it is no secret.
    package static func read(_ path: String) throws -> String {
        var facts = stat()
        // SAFETY: the kernel fills the structure that lives on our stack.
        guard unsafe stat(path, &facts) == 0 else {
            let reason = Errno(rawValue: errno)
            throw Failure(.configuration, "password file '\(path)' can not be read: \(reason)")
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.configuration, "password file '\(path)' is no regular file")
        }
        guard facts.st_mode & 0o077 == 0 else {
            throw Failure(
                .permission,
                "password file '\(path)' is open to others; 'chmod 600' it"
            )
        }
        return try password(in: path)
    }

    private static func password(in path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path),
            data.count <= bytesMax + 1, let text = String(validating: data, as: UTF8.self)
        else {
            throw Failure(
                .configuration,
                "password file '\(path)' is not one line of at most \(bytesMax) bytes of UTF-8"
            )
        }
        let line = text.split(separator: "\n", omittingEmptySubsequences: false).first ?? ""
        guard !line.isEmpty else {
            throw Failure(.configuration, "password file '\(path)' is empty")
        }
        return String(line)
    }
}
