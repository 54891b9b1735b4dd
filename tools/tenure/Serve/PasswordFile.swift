// The one secret of a daemon: a file that nobody else can read.

internal import TenureServer

/// Reads a password.
package enum PasswordFile {
    /// The longest password, in bytes.
    private static let bytesMax = 1_024

    /// The first line of the file at `path`.
    ///
    /// Refuses a file that others can read or write, or put in its place, because then it is no
    /// secret.
    package static func read(_ path: String) throws -> String {
        let bytes: [UInt8]
        do throws(ServerError) {
            bytes = try GuardedFile.read(path, "password file", .secret, atMost: bytesMax + 1)
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
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
