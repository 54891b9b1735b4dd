// Secrets that were right, so that who says one again does not cost a scrypt again, and is let in
// while somebody else guesses.
//
// What is kept of them is their HMAC with a key that is made at the start and never leaves the
// process. Which hash it opened is kept with it: a policy without that hash knows it no more.

internal import Crypto
internal import FoundationEssentials

/// Secrets that were right since the daemon has started.
struct KnownSecrets {
    private let key = SymmetricKey(size: .bits256)
    /// By HMAC of account and secret; nothing where it is the daemon's one password.
    private var entries: [Data: SecretHash?] = [:]

    /// What `secret` opened as one of `account`; nothing where it was not right before.
    func hash(_ account: String, _ secret: String) -> SecretHash?? {
        entries[code(account, secret)]
    }

    /// Notes that `secret` was right.
    mutating func note(_ account: String, _ secret: String, opened hash: SecretHash?) {
        if entries.count >= ServerLimits.secretsKnown, let any = entries.keys.first {
            entries[any] = nil
        }
        entries.updateValue(hash, forKey: code(account, secret))
    }

    private func code(_ account: String, _ secret: String) -> Data {
        // A name has no zero byte, so that no two pairs are the same text.
        let text = Data(account.utf8) + [0] + Data(secret.utf8)
        return Data(HMAC<SHA256>.authenticationCode(for: text, using: key))
    }
}
