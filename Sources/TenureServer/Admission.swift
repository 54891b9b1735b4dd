// Counts connections, in all, by user, and of strangers, over all event loops.

internal import Synchronization

/// Who is connected, as numbers.
final class Admission: Sendable {
    private struct Counts {
        var all = 0
        var strangers = 0
        /// Turned away, and told why.
        var leaving = 0
        var byUser: [UInt32: Int] = [:]
        var everAccepted: UInt64 = 0
        var everRefused: UInt64 = 0
    }

    private let counts = Mutex(Counts())
    /// The most connections in all.
    let limit: Int
    /// The most of one user.
    let limitPerUser: Int
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
    func enter(user: UInt32?) -> String? {
        counts.withLock { counts in
            counts.everAccepted += 1
            let why = obstacle(counts, user: user)
            if why == nil {
                counts.all += 1
                if let user { counts.byUser[user, default: 0] += 1 } else { counts.strangers += 1 }
            } else {
                counts.everRefused += 1
            }
            return why
        }
    }

    private func obstacle(_ counts: Counts, user: UInt32?) -> String? {
        if counts.all >= limit {
            return "there are \(limit) connections, the limit; try again later"
        }
        guard let user else {
            return counts.strangers < ServerLimits.strangers
                ? nil
                : "there are \(ServerLimits.strangers) connections that have not authenticated, "
                    + "the limit; try again later"
        }
        return obstacle(counts, ofUser: user)
    }

    private func obstacle(_ counts: Counts, ofUser user: UInt32) -> String? {
        counts.byUser[user, default: 0] < limitPerUser
            ? nil
            : "user \(user) has \(limitPerUser) connections, the limit of one user; close some"
    }

    /// A stranger has authenticated as `user`, or with the daemon's own password; otherwise why it
    /// stays a stranger.
    func introduce(user: UInt32?) -> String? {
        counts.withLock { counts in
            if let user {
                if let why = obstacle(counts, ofUser: user) { return why }
                counts.byUser[user, default: 0] += 1
            }
            counts.strangers -= 1
            return nil
        }
    }

    /// A connection that was let in has ended.
    func leave(user: UInt32?, isStranger: Bool) {
        counts.withLock { counts in
            counts.all -= 1
            if isStranger { counts.strangers -= 1 }
            guard let user, let count = counts.byUser[user] else { return }
            counts.byUser[user] = count > 1 ? count - 1 : nil
        }
    }

    /// The connections now, those ever accepted, and those of them turned away.
    var figures: (now: Int, accepted: UInt64, refused: UInt64) {
        counts.withLock { ($0.all, $0.everAccepted, $0.everRefused) }
    }
}
