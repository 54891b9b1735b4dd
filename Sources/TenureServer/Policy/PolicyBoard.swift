// The policy that holds now, for all event loops: replaced as a whole, and never half.

internal import Logging
internal import Synchronization

/// Which policy holds now.
final class PolicyBoard: Sendable {
    private let state: Mutex<AccessPolicy?>
    private let count = Atomic<UInt64>(1)
    /// Where it is read again; nothing where there is no policy.
    let path: String?

    /// The board of a daemon with a policy, or without.
    init(_ policy: AccessPolicy?, path: String?) {
        state = Mutex(policy)
        self.path = path
    }

    /// Rises with every policy that takes the place of another.
    var version: UInt64 { count.load(ordering: .acquiring) }

    /// The policy; nothing where everybody who can connect may hold.
    var policy: AccessPolicy? { state.withLock { $0 } }

    /// What `identity` amounts to now.
    func standing(of identity: Identity) -> Standing {
        policy?.standing(of: identity) ?? AccessPolicy.unrestricted(identity)
    }

    /// Puts a policy in the place of the one that holds.
    func replace(_ policy: AccessPolicy) {
        state.withLock { $0 = policy }
        count.add(1, ordering: .acquiringAndReleasing)
    }

    /// Reads the file again; one that is wrong changes nothing.
    func reload(_ logger: Logger) {
        guard let path else { return }
        do throws(ServerError) {
            let policy = try PolicyFile.read(path)
            replace(policy)
            logger.notice(
                "policy read again",
                metadata: [
                    "policy": "\(path)", "users": "\(policy.users.count)",
                    "groups": "\(policy.groups.count)", "accounts": "\(policy.accounts.count)",
                ]
            )
        } catch {
            logger.error(
                "the policy is wrong; the one before it holds on",
                metadata: ["policy": "\(path)", "reason": "\(error.sentence)"]
            )
        }
    }
}
