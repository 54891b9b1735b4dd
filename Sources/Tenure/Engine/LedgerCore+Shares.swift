// The order of those who wait, kept true: shares as they are after every frame, classes as pools
// say.

internal import TenureModel

extension LedgerCore {
    /// Lets the tickets of the state wait on after an opening, in the order that they had.
    func restoreQueue() throws(LedgerFailure) {
        for ticket in state.queued { waiting.restore(try waiter(of: ticket), now: now) }
    }

    /// A ticket as one who waits.
    func waiter(of ticket: Ticket) throws(LedgerFailure) -> Waiter {
        let pools = state.poolsInOrder(of: ticket.request)
        return Waiter(
            ticket,
            pools,
            try payer(of: ticket.request.tenant),
            state.aging(ofFirst: pools)
        )
    }

    /// A tenant with the shares of its levels; the one that waits, if it does.
    func payer(of tenant: String) throws(LedgerFailure) -> Payer {
        if let payer = waiting.payer(of: tenant) { return payer }
        var levels: [Level] = []
        for name in LedgerState.path(of: tenant) {
            if let known = waiting.level(name) {
                levels.append(known)
            } else {
                levels.append(Level(name, try share(of: name)))
            }
        }
        return Payer(tenant, levels)
    }

    /// Brings the order of those who wait up to date with a frame that was just applied.
    func reorder(after relief: Relief) throws(LedgerFailure) {
        let changed = relief.changesCapacity ? waiting.levelNames : relief.levels
        for name in changed {
            guard let level = waiting.level(name) else { continue }
            waiting.set(try share(of: name), of: level)
        }
        try noteEnds(after: relief)
        guard relief.changesPools else { return }
        let all = waiting.waiters.filter { $0.request.pool == AcquireRequest.allPools }
        if let first = all.first {
            let pools = state.poolsInOrder(of: first.request)
            for waiter in all {
                waiting.set(pools, for: waiter)
                waiting.set(state.aging(ofFirst: pools), for: waiter, now: now)
            }
        }
        for pool in relief.pools { waiting.set(state.aging(of: pool), of: pool, now: now) }
    }

    private func share(of level: String) throws(LedgerFailure) -> Share {
        do throws(RowFault) {
            return try state.share(of: level)
        } catch {
            throw LedgerFailure(error)
        }
    }
}

extension LedgerState {
    /// How a request ages that asks these pools: as the first of them says.
    func aging(ofFirst pools: [String]) -> Aging { aging(of: pools.first ?? "") }
}
