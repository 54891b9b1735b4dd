// Where one who waits stands, for who asks why.

internal import TenureModel

/// What keeps a ticket waiting at a moment.
struct WaitStanding: Sendable {
    /// One thing that it lacks.
    struct Lack: Sendable {
        let shortage: Shortage
        /// How many come before it and wait for the same.
        let before: Int
    }

    let request: AcquireRequest
    let since: LedgerTime
    /// Its class with what waiting has added to it.
    let rank: UInt8
    /// How many come before it and wait for anything that it needs.
    let before: Int
    let lacks: [Lack]
    /// What the last look at it said; nothing before the first.
    let refusal: Refusal?
}

extension LedgerCore {
    /// Where the ticket stands; nothing when it does not wait.
    ///
    /// O(those who wait).
    func standing(of ticket: TicketID) -> WaitStanding? {
        guard let waiter = waiting.waiter(of: ticket) else { return nil }
        var before = 0
        var counts: [Shortage: Int] = [:]
        for other in waiting.waiters where other !== waiter && other.order.isBefore(waiter.order) {
            let shared = other.lacks.filter { lack in
                waiter.needs.contains(lack)
                    && (lack.isQuota || !other.request.selector.excludes(waiter.request.selector))
            }
            if shared.isEmpty { continue }
            before += 1
            for lack in shared { counts[lack, default: 0] += 1 }
        }
        return WaitStanding(
            request: waiter.request,
            since: waiter.since,
            rank: waiter.rank,
            before: before,
            lacks: waiter.lacks.map {
                WaitStanding.Lack(shortage: $0, before: counts[$0] ?? 0)
            },
            refusal: waiter.refusal
        )
    }
}
