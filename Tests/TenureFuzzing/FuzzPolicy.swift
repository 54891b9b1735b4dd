// The bytes of a policy: who may do what.

import TenureServer
import TenureWire

enum FuzzPolicy {
    /// What was taken said each thing once, in text that people read; what was refused says why in
    /// one line.
    static func policy(_ bytes: [UInt8]) throws {
        let policy: AccessPolicy
        do throws(PolicyFault) {
            policy = try PolicyDocument.read(bytes)
        } catch {
            try require(!error.sentence.isEmpty, "refused for nothing")
            try require(Printable.isClean(error.sentence), "'\(error.sentence)' is not printable")
            return
        }
        try require(isText(bytes), "taken, and no text as everybody reads it")
        for account in policy.accounts.values {
            let opens = account.secrets.count + account.certificates.count
            try require(
                opens > 0 && account.uid != 0,
                "account '\(account.name)' is open to nobody"
            )
            for secret in account.secrets {
                let again = SecretHash(secret.hash.text)
                try require(again == secret.hash, "a hash is another one when it is written anew")
            }
        }
        // One field more in any object is said twice there, or is not known.
        let braces = bytes.indices.filter { bytes[$0] == UInt8(ascii: "{") }
        for brace in braces.prefix(16) {
            var more = bytes
            more.insert(contentsOf: #""role":"observe","#.utf8, at: brace + 1)
            let taken = try? PolicyDocument.read(more)
            try require(taken == nil, "a field more at byte \(brace + 1) is passed over")
        }
    }

    private static func isText(_ bytes: [UInt8]) -> Bool {
        !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
    }
}
