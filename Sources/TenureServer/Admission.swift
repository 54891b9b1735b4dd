// Counts connections, in all, by user, and of strangers, over all event loops.

internal import Synchronization

/// Who is connected, as numbers.
final class Admission: Sendable {
    /// The connections of one user.
    fileprivate struct OfUser {
        var all = 0
        /// Those that have no role in the policy.
        var withoutRole = 0
    }

    fileprivate struct Counts {
        var all = 0
        /// Those of all users that have no role in the policy.
        var withoutRole = 0
        var strangers = 0
        /// Turned away, and told why.
        var leaving = 0
        var byUser: [UInt32: OfUser] = [:]
        var everAccepted: UInt64 = 0
        var everRefused: UInt64 = 0
    }

    private let counts = Mutex(Counts())
    /// The most connections in all.
    let limit: Int
    /// The most of one user.
    let limitPerUser: Int
    /// The most of all users without a role together.
    let limitWithoutRole: Int
    /// How many are accepted before any of them is looked at, out of those descriptors, too.
    let acceptsPerTurn: UInt

    /// Lets in as many as `descriptors` allow, with enough of these left for the ledger's files.
    init(descriptors: Int) {
        let kept = min(
            ServerLimits.descriptorsKept,
            max(ServerLimits.descriptorsKeptMin, descriptors / 2)
        )
        limit = min(ServerLimits.connections, max(descriptors - kept, 1))
        limitPerUser = max(limit - max(limit / ServerLimits.keptForOthers, 1), 1)
        limitWithoutRole = max(limit / ServerLimits.shareWithoutRole, 1)
        acceptsPerTurn = min(ServerLimits.acceptsPerTurn, UInt(kept / 6))
    }

    /// Whether one that is turned away may stay until it has read why; `depart` ends that.
    func linger() -> Bool {
        counts.withLock { counts in
            guard counts.leaving < ServerLimits.refusedLingering else { return false }
            counts.leaving += 1
            return true
        }
    }

    /// One that was turned away is gone.
    func depart() {
        counts.withLock { $0.leaving -= 1 }
    }

    /// Lets a connection in; otherwise why not.
    func enter(user: UInt32?, lacksRole: Bool = false) -> String? {
        counts.withLock { counts in
            counts.everAccepted += 1
            let why = obstacle(counts, user: user, lacksRole: lacksRole)
            if why == nil {
                counts.all += 1
                if let user {
                    counts.byUser[user, default: OfUser()].all += 1
                    if lacksRole { counts.changeWithoutRole(of: user, by: 1) }
                } else {
                    counts.strangers += 1
                }
            } else {
                counts.everRefused += 1
            }
            return why
        }
    }

    private func obstacle(_ counts: Counts, user: UInt32?, lacksRole: Bool) -> String? {
        if counts.all >= limit {
            return "there are \(limit) connections, the limit; try again later"
        }
        guard let user else {
            return counts.strangers < ServerLimits.strangers
                ? nil
                : "there are \(ServerLimits.strangers) connections that have not authenticated, "
                    + "the limit; try again later"
        }
        if lacksRole, let why = obstacle(counts, ofUserWithoutRole: user) { return why }
        return obstacle(counts, ofUser: user)
    }

    private func obstacle(_ counts: Counts, ofUserWithoutRole user: UInt32) -> String? {
        let ofUser = counts.byUser[user]?.withoutRole ?? 0
        if ofUser >= ServerLimits.connectionsWithoutRole {
            return "user \(user) has no role in the policy of this daemon, and "
                + "\(ServerLimits.connectionsWithoutRole) connections, the limit without one"
        }
        return counts.withoutRole < limitWithoutRole
            ? nil
            : "users without a role in the policy of this daemon have \(limitWithoutRole) "
                + "connections, the limit of all of them; try again later"
    }

    private func obstacle(_ counts: Counts, ofUser user: UInt32) -> String? {
        counts.byUser[user, default: OfUser()].all < limitPerUser
            ? nil
            : "user \(user) has \(limitPerUser) connections, the limit of one user; close some"
    }

    /// A stranger has authenticated as `user`, or with the daemon's own password; otherwise why it
    /// stays a stranger.
    func introduce(user: UInt32?) -> String? {
        counts.withLock { counts in
            if let user {
                if let why = obstacle(counts, ofUser: user) { return why }
                counts.byUser[user, default: OfUser()].all += 1
            }
            counts.strangers -= 1
            return nil
        }
    }

    /// A policy has given a role to `user`, as which a connection was let in, or taken it.
    func change(user: UInt32, lacksRole: Bool) {
        counts.withLock { $0.changeWithoutRole(of: user, by: lacksRole ? 1 : -1) }
    }

    /// A connection that was let in has ended.
    func leave(user: UInt32?, isStranger: Bool, lacksRole: Bool = false) {
        counts.withLock { counts in
            counts.all -= 1
            if isStranger { counts.strangers -= 1 }
            guard let user, let count = counts.byUser[user]?.all else { return }
            if lacksRole { counts.changeWithoutRole(of: user, by: -1) }
            if count > 1 { counts.byUser[user]?.all -= 1 } else { counts.byUser[user] = nil }
        }
    }

    /// The connections now, those ever accepted, and those of them turned away.
    var figures: (now: Int, accepted: UInt64, refused: UInt64) {
        counts.withLock { ($0.all, $0.everAccepted, $0.everRefused) }
    }
}

extension Admission.Counts {
    /// So many more connections of `user` have no role.
    fileprivate mutating func changeWithoutRole(of user: UInt32, by difference: Int) {
        byUser[user]?.withoutRole += difference
        withoutRole += difference
    }
}
