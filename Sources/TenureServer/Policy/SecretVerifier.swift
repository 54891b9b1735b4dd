// Checks secrets beside the event loops, one after the other, and not too many wrong ones.
//
//   V1  A secret that was right before is known again at once, whoever else guesses, unless its own
//       address has said too many wrong ones: what is compared without scrypt is bounded, too.
//   V2  Everything else that is looked at costs a scrypt, whether the account is there or not, and
//       waits in a queue that is bounded, in all and for each address.

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
        case closed(FailureWindows.Bound)
        /// Too many wait to be looked at.
        case busy
    }

    /// Somebody says a secret.
    struct Attempt: Sendable {
        let account: String
        let secret: String
        let peer: PeerAddress
        /// When, in seconds of the monotonic clock.
        let now: Int64
        /// When, in seconds since 1970.
        let date: Double
    }

    fileprivate struct State {
        /// Whether secrets are looked at: where there are accounts, until the end.
        var isOpen: Bool
        var failures = FailureWindows()
        var known = KnownSecrets()
        var waiting = 0
        var waitingByPeer: [PeerAddress: Int] = [:]
    }

    private let state: Mutex<State>

    /// Stands in for accounts that there are not, so that a name is not told by the time it takes.
    private static let nobody = SecretHash(
        "$scrypt$ln=14,r=8,p=5$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    )

    /// A verifier; without `hasAccounts` there are none ever, and no thread looks at secrets.
    ///
    /// - Throws: `ServerError` where there is no room for that thread.
    init(hasAccounts: Bool) throws(ServerError) {
        if hasAccounts { try Blocking.prepare(.secrets) }
        state = Mutex(State(isOpen: hasAccounts))
    }

    /// Whether what is said is the daemon's one `password`, which costs no scrypt.
    func check(_ attempt: Attempt, against password: String) -> Outcome {
        let isRight = Roles.isSame(attempt.secret, password)
        return state.withLock { state in
            let bound = state.failures.bound(attempt.account, attempt.peer, at: attempt.now)
            if case .peer? = bound { return .closed(.peer) }
            let isKnown = state.known.hash(attempt.account, attempt.secret) != nil
            if isRight, bound == nil || isKnown {
                if !isKnown { state.known.note(attempt.account, attempt.secret, opened: nil) }
                return .right(.password)
            }
            return state.fail(attempt, bound)
        }
    }

    /// Looks for the secret among those of `account`; calls `body` at once, or on the thread.
    func verify(
        _ attempt: Attempt,
        of account: AccessPolicy.Account?,
        _ body: @escaping @Sendable (Outcome) -> Void
    ) {
        let valid = (account?.secrets ?? [])
            .filter { $0.expires.map { attempt.date < $0 } ?? true }
            .map(\.hash)
        let outcome = state.withLock { state -> Outcome? in
            if let outcome = state.outcome(of: attempt, valid) { return outcome }
            guard state.isOpen else { return .wrong }
            guard state.enqueue(attempt.peer) else { return .busy }
            Blocking.start(.secrets) { [self] in body(look(attempt, valid)) }
            return nil
        }
        if let outcome { body(outcome) }
    }

    /// Takes the time that a secret takes.
    private func look(_ attempt: Attempt, _ valid: [SecretHash]) -> Outcome {
        defer { state.withLock { $0.dequeue(attempt.peer) } }
        // Others with the same one, or too many wrong ones, may have been before it.
        if let outcome = state.withLock({ $0.outcome(of: attempt, valid) }) { return outcome }
        // As many hashes for a wrong name as for the usual account.
        if valid.isEmpty { _ = Self.nobody?.matches(attempt.secret) }
        let found = valid.first { $0.matches(attempt.secret) }
        return state.withLock { state in
            guard let found else { return state.fail(attempt, nil) }
            state.known.note(attempt.account, attempt.secret, opened: found)
            return .right(.account(attempt.account, secret: found))
        }
    }

    /// Returns when everything that waits was looked at; nothing is from now on.
    func end() async {
        let wasOpen = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        if wasOpen { await Blocking.run(.secrets) {} }
    }
}

extension SecretVerifier.State {
    /// What can be said without scrypt; nothing where it needs one.
    fileprivate mutating func outcome(
        of attempt: SecretVerifier.Attempt,
        _ valid: [SecretHash]
    ) -> SecretVerifier.Outcome? {
        let bound = failures.bound(attempt.account, attempt.peer, at: attempt.now)
        if case .peer? = bound { return .closed(.peer) }
        if let hash = known.hash(attempt.account, attempt.secret) ?? nil, valid.contains(hash) {
            return .right(.account(attempt.account, secret: hash))
        }
        return bound.map { fail(attempt, $0) }
    }

    /// Counts a secret that was wrong, or was not looked at because `bound` is reached: else it
    /// could be tried without end whether it is one that is known.
    fileprivate mutating func fail(
        _ attempt: SecretVerifier.Attempt,
        _ bound: FailureWindows.Bound?
    ) -> SecretVerifier.Outcome {
        guard let bound else {
            failures.note(attempt.account, attempt.peer, at: attempt.now)
            return .wrong
        }
        failures.notePeer(attempt.peer, at: attempt.now)
        return .closed(bound)
    }

    /// Takes a place in the queue; false where there is none.
    fileprivate mutating func enqueue(_ peer: PeerAddress) -> Bool {
        let ofPeer = waitingByPeer[peer] ?? 0
        guard waiting < ServerLimits.secretsWaiting, ofPeer < ServerLimits.secretsWaitingPerPeer
        else { return false }
        waiting += 1
        waitingByPeer[peer] = ofPeer + 1
        return true
    }

    /// Gives it back.
    fileprivate mutating func dequeue(_ peer: PeerAddress) {
        waiting -= 1
        let ofPeer = waitingByPeer[peer] ?? 0
        waitingByPeer[peer] = ofPeer > 1 ? ofPeer - 1 : nil
    }
}
