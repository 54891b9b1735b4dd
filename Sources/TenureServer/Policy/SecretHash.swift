// What a policy keeps of a secret: its scrypt, with salt and parameters, in one line of text.
//
//   $scrypt$ln=14,r=8,p=5$<salt>$<hash>      salt and hash in base64 without padding
//
// Scrypt, because people choose passwords: one guess costs 16 MiB of memory for a quarter of a
// second, about. Whoever can read the file still has to guess. Other parameters than ours are taken
// within bounds, so that they can be raised without making all files anew.

internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials

/// The scrypt of a secret.
package struct SecretHash: Hashable, Sendable {
    private let logRounds: Int
    private let parallelism: Int
    private let salt: [UInt8]
    private let hash: [UInt8]

    private static let blockSize = 8
    private static let hashBytes = 32
    private static let saltBytes = 16...64
    /// One of the settings that the OWASP password storage page holds for equal; the one with the
    /// least memory but one, because strangers can make the daemon compute it.
    private static let usualLogRounds = 14
    private static let usualParallelism = 5
    /// At the least 16 MiB, at the most 64 MiB.
    private static let logRoundsTaken = 14...16
    private static let parallelismTaken = 1...16

    private init(logRounds: Int, parallelism: Int, salt: [UInt8], hash: [UInt8]) {
        self.logRounds = logRounds
        self.parallelism = parallelism
        self.salt = salt
        self.hash = hash
    }

    /// The hash of `secret`, with a salt of its own.
    ///
    /// - Returns: nothing when there is no memory for it.
    package static func make(of secret: String) -> SecretHash? {
        var random = SystemRandomNumberGenerator()
        let salt = (0..<saltBytes.lowerBound).map { _ in
            UInt8.random(in: .min ... .max, using: &random)
        }
        return derive(secret, salt, usualLogRounds, usualParallelism).map {
            SecretHash(
                logRounds: usualLogRounds,
                parallelism: usualParallelism,
                salt: salt,
                hash: $0
            )
        }
    }

    /// Reads a hash; nothing when the text is none, or is out of bounds.
    package init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt",
            let salt = Self.bytes(parts[3]), Self.saltBytes.contains(salt.count),
            let hash = Self.bytes(parts[4]), hash.count == Self.hashBytes
        else { return nil }
        let settings = parts[2].split(separator: ",", omittingEmptySubsequences: false)
        guard settings.count == 3, settings[1] == "r=\(Self.blockSize)",
            let logRounds = Self.number(settings[0], "ln="),
            Self.logRoundsTaken.contains(logRounds),
            let parallelism = Self.number(settings[2], "p="),
            Self.parallelismTaken.contains(parallelism)
        else { return nil }
        self.init(logRounds: logRounds, parallelism: parallelism, salt: salt, hash: hash)
    }

    /// The text that a policy has.
    package var text: String {
        "$scrypt$ln=\(logRounds),r=\(Self.blockSize),p=\(parallelism)"
            + "$\(Self.base64(salt))$\(Self.base64(hash))"
    }

    /// Whether it is the hash of `secret`; the comparison takes the same time wherever it differs.
    ///
    /// Costs much on purpose: never on an event loop.
    package func matches(_ secret: String) -> Bool {
        guard let derived = Self.derive(secret, salt, logRounds, parallelism) else { return false }
        var difference: UInt8 = derived.count == hash.count ? 0 : 1
        for (one, other) in zip(derived, hash) { difference |= one ^ other }
        return difference == 0
    }

    private static func derive(
        _ secret: String,
        _ salt: [UInt8],
        _ logRounds: Int,
        _ parallelism: Int
    ) -> [UInt8]? {
        // It fails only for parameters that we do not have, and for want of memory.
        let key = try? KDF.Scrypt.deriveKey(
            from: Array(secret.utf8),
            salt: salt,
            outputByteCount: hashBytes,
            rounds: 1 << logRounds,
            blockSize: blockSize,
            parallelism: parallelism
        )
        // SAFETY: the bytes are copied within the closure.
        return unsafe key?.withUnsafeBytes { bytes in unsafe Array(bytes) }
    }

    private static func number(_ text: Substring, _ name: String) -> Int? {
        guard text.hasPrefix(name), text.utf8.count <= name.utf8.count + 2 else { return nil }
        return Int(text.dropFirst(name.count))
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        var text = Data(bytes).base64EncodedString()
        while text.hasSuffix("=") { text.removeLast() }
        return text
    }

    private static func bytes(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count <= 128, !text.contains("=") else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text + padding).map { Array($0) }
    }
}
