// The one secret of a daemon: a file that nobody else can read.

internal import FoundationEssentials

/// Reads a password.
package enum PasswordFile {
    /// The longest password, in bytes.
    private static let bytesMax = 1_024

    /// The first line of the file at `path`.
    ///
    /// Refuses a file that others can read or write, because then it is no secret.
    package static func read(_ path: String) throws -> String {
        let attributes: [FileAttributeKey: Any]
        do {
            attributes = try FileManager.default.attributesOfItem(atPath: path)
        } catch {
            throw Failure(.configuration, "password file '\(path)' can not be read: \(error)")
        }
        guard attributes[.type] as? FileAttributeType == .typeRegular else {
            throw Failure(.configuration, "password file '\(path)' is no regular file")
        }
        // Foundation has it as one integer type here and another there.
        let found = attributes[.posixPermissions] as? any BinaryInteger
        let permissions = found.map { Int($0) } ?? 0o777
        guard permissions & 0o077 == 0 else {
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
