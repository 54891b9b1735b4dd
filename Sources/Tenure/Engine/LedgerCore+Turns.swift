// What becomes of a grant to one who waits where others wait before it: it stands, is made
// elsewhere, or is held back.
//
// Who waits for several pools is held back by one of them and asks the next. Each time round a pool
// is left out, or what is promised there is, so that there is an end.

internal import TenureModel

/// What a look at one who waits leaves to others.
struct LeftToOthers {
    /// What is promised to them.
    var withheld: [ResourceID: UInt64] = [:]
    /// The pools in which they wait before it, with what they wait for there.
    var pools: [String: String] = [:]
}

extension LedgerCore {
    /// What becomes of a grant to one who waits; nothing when it waits on.
    func pass(
        _ waiter: Waiter,
        _ decision: Decision,
        at time: LedgerTime
    ) throws(LedgerFailure) -> Decision? {
        waiting.rise(at: time)
        var decision = decision
        var left = LeftToOthers()
        while case .grant(let grant) = decision.answer {
            let pool = grant.pool ?? waiter.request.pool
            let passage = try passage(of: passer(waiter, in: pool, now: time))
            if case .free(past: false) = passage { return decision }
            if case .held(let shortage, let head) = passage {
                if try passes(waiter, in: pool, at: time) { return decision }
                guard grant.pool != nil, !shortage.isQuota else {
                    return keep(waiter, behind: head, lacking: shortage)
                }
                left.pools[pool] = shortage.limit
                decision = try decide(waiter, leaving: left, now: time)
                continue
            }
            if waiting.hasTurn(before: waiter),
                let (shortage, head) = waiting.firstPassed(by: waiter, in: pool)
            {
                // Those whose turn it may be come first.
                waiting.postpone(waiter)
                return keep(waiter, behind: head, lacking: shortage)
            }
            guard case .beside(let withheld, let head) = passage,
                !withheld.allSatisfy({ left.withheld[$0, default: 0] >= $1 })
            else {
                waits.passed += 1
                return decision
            }
            left.withheld.merge(withheld, uniquingKeysWith: max)
            let found = try decide(waiter, leaving: left, now: time)
            if case .refused(let refusal) = found.answer, refusal.isOfWant {
                if try passes(waiter, in: pool, at: time) { return decision }
                return keep(waiter, behind: head, refused: refusal)
            }
            decision = found
        }
        guard case .refused(let refusal) = decision.answer, refusal.isOfWant else {
            return decision
        }
        return keep(waiter, behind: nil, refused: refusal)
    }

    /// Keeps one that may not pass `head`, or those who wait for a quota; that is nothing to do.
    private func keep(
        _ waiter: Waiter,
        behind head: Waiter?,
        lacking shortage: Shortage
    ) -> Decision? {
        var refusal = refusal(of: waiter.request, lacking: shortage, behind: head)
        if waiter.request.asksSeveralPools, !shortage.isQuota {
            refusal.pools = [
                PoolLimit(pool: shortage.pool, code: refusal.code, limit: shortage.limit)
            ]
        }
        waiting.keep(waiter, refused: refusal, behind: true, earmark: waiter.earmark)
        return nil
    }

    /// Keeps one for whom nothing is free beside what is promised to `head`.
    private func keep(
        _ waiter: Waiter,
        behind head: Waiter?,
        refused refusal: Refusal
    ) -> Decision? {
        guard refusal.code == .exhausted, !waiter.request.asksSeveralPools else {
            waiting.keep(waiter, refused: refusal, behind: true, earmark: waiter.earmark)
            return nil
        }
        return keep(waiter, behind: head, lacking: refusal.shortage(of: waiter.needs))
    }

    /// Decides about one who waits, with this left to others.
    func decide(
        _ waiter: Waiter,
        leaving left: LeftToOthers = LeftToOthers(),
        now: LedgerTime
    ) throws(LedgerFailure) -> Decision {
        let room = try bookedRoom(for: waiter.command, asking: waiter.request, now: now)
        guard let ticket = waiter.ticket else {
            let submission = waiter.parties[0].submission.withholding(left.withheld)
                .leavingOut(left.pools).within(room)
            return try decide(submission, now: now)
        }
        do throws(RowFault) {
            return try state.serve(
                ticket,
                withheld: left.withheld,
                poolsWithWaiters: left.pools,
                bookedRoom: room,
                now: now
            )
        } catch {
            throw LedgerFailure(error)
        }
    }
}

extension WaitingRoom {
    fileprivate func firstPassed(by waiter: Waiter, in pool: String) -> (Shortage, Waiter)? {
        firstPassed(
            by: waiter.order,
            needing: waiter.needs(in: pool),
            in: pool,
            selecting: waiter.request.selector
        )
    }
}
