// Checks secrets beside the event loops, one after the other, and not too many wrong ones.

internal import NIOPosix
internal import Synchronization

/// Checks secrets of accounts on a thread of its own.
final class SecretVerifier: Sendable {
    /// What became of an attempt.
    enum Outcome: Sendable {
        /// The identity that the secret opens.
        case right(Identity)
        /// No such account, another secret, or one that has ended.
        case wrong
        /// Too many were wrong of late.
        case tooMany
    }

    private struct Failures {
        var count = 0
        /// When the window began, in seconds of the monotonic clock.
        var since: Int64 = .min
    }

    private let failures = Mutex(Failures())
    private let thread: NIOThreadPool?

    /// Stands in for accounts that there are not, so that a name is not told by the time it takes.
    private static let nobody = SecretHash(
        "$scrypt$ln=14,r=8,p=5$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    )

    /// A verifier with its thread, or without one where there are no accounts ever.
    init(hasAccounts: Bool) {
        thread = hasAccounts ? NIOThreadPool(numberOfThreads: 1) : nil
        thread?.start()
    }

    /// Whether no more attempts are taken for now.
    func isClosed(at now: Int64) -> Bool {
        failures.withLock { failures in
            if now - ServerLimits.failureWindowSeconds >= failures.since { return false }
            return failures.count >= ServerLimits.failuresPerWindow
        }
    }

    /// Counts a wrong secret.
    func noteFailure(at now: Int64) {
        failures.withLock { failures in
            if now - ServerLimits.failureWindowSeconds >= failures.since {
                failures = Failures(count: 0, since: now)
            }
            failures.count += 1
        }
    }

    /// Looks for the secret among those of `account`; calls `body` on a thread of its own.
    ///
    /// `now` is of the monotonic clock, `date` seconds since 1970.
    func verify(
        _ name: String,
        _ secret: String,
        of account: AccessPolicy.Account?,
        now: Int64,
        date: Double,
        _ body: @escaping @Sendable (Outcome) -> Void
    ) {
        guard !isClosed(at: now) else { return body(.tooMany) }
        guard let thread else { return body(.wrong) }
        thread.submit { [self] state in
            guard case .active = state else { return body(.wrong) }
            // As many hashes for a wrong name as for the usual account.
            let valid = (account?.secrets ?? []).filter { $0.expires.map { date < $0 } ?? true }
            if valid.isEmpty { _ = Self.nobody?.matches(secret) }
            guard let found = valid.first(where: { $0.hash.matches(secret) }) else {
                noteFailure(at: now)
                return body(.wrong)
            }
            body(.right(.account(name, secret: found.hash)))
        }
    }

    /// Ends the thread when what it has to do is done.
    func end() async {
        // An error here says that it has ended already.
        try? await thread?.shutdownGracefully()
    }
}
