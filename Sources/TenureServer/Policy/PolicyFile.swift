// The file of a policy.

internal import TenureModel

/// Reads a policy.
package enum PolicyFile {
    /// The policy in the file at `path`.
    ///
    /// - Throws: with exit code 77 when the file is not safe, 78 when what it says is wrong, naming
    ///   file, place and remedy.
    package static func read(_ path: String) throws(ServerError) -> AccessPolicy {
        let limit = ServerLimits.policyBytes
        let bytes = try GuardedFile.read(path, "policy", .trusted, atMost: limit)
        do throws(PolicyFault) {
            return try PolicyDocument.read(bytes)
        } catch {
            throw ServerError(
                "policy '\(path)': \(error.sentence)",
                exitCode: ServerError.configuration
            )
        }
    }
}
