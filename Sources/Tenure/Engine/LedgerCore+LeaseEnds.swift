// When leases end, as far as that is needed: where somebody waits, and where something is booked.
//
// All leases are looked at once, some at a time; then the ends follow every frame.

internal import TenureModel

extension LedgerCore {
    /// When the leases of a pool end; nothing as long as not all were looked at.
    func ends(of pool: String) throws(LedgerFailure) -> LeaseEnds? {
        if backfill.position != state.position { dropEnds() }
        backfill.position = state.position
        if backfill.ends[pool] == nil {
            backfill.ends[pool] = state.newLeaseEnds(of: pool)
            try scan(pool)
        }
        guard let ends = backfill.ends[pool], ends.isComplete else { return nil }
        return ends
    }

    /// Forgets all ends: nobody waits for them, or there were changes without them.
    func dropEnds() { backfill.ends = [:] }

    /// Forgets the ends that nobody needs, and looks at leases for those who do.
    ///
    /// Only where nobody waits.
    func keepEnds() throws(LedgerFailure) {
        guard !backfill.ends.isEmpty else { return }
        // Who books for the first time waits until all leases were looked at.
        if deferred.isEmpty {
            backfill.ends = backfill.ends.filter { state.hasBookings(in: $0.key) }
        }
        try scanBegun()
    }

    /// Looks at some leases of a pool for the first time.
    private func scan(_ pool: String) throws(LedgerFailure) {
        // Taken out, so that it is changed and not copied.
        guard var ends = backfill.ends.removeValue(forKey: pool) else { return }
        do throws(RowFault) {
            try state.scan(&ends, atMost: EngineLimits.scannedLeases)
        } catch {
            throw LedgerFailure(error)
        }
        backfill.ends[pool] = ends
    }

    /// Takes in what a frame that was just applied did to leases.
    func noteEnds(after relief: Relief) throws(LedgerFailure) {
        guard !backfill.ends.isEmpty else { return }
        guard backfill.position + 1 == state.position else { return dropEnds() }
        backfill.position = state.position
        for name in Array(backfill.ends.keys) {
            guard var ends = backfill.ends.removeValue(forKey: name) else { continue }
            guard state.isCurrent(ends) else { continue }
            do throws(RowFault) {
                try state.note(relief.ends, in: &ends)
            } catch {
                throw LedgerFailure(error)
            }
            backfill.ends[name] = ends
            if state.lastChange(of: name) == state.position { waiting.letPass(in: name) }
        }
    }

    /// Looks at leases that were not looked at yet, and has dates worked out anew that may be.
    func keepDating() throws(LedgerFailure) {
        try scanBegun()
        guard backfill.nextDating <= now else { return }
        backfill.nextDating = .never
        for pool in backfill.ends.keys { waiting.letPass(in: pool) }
    }

    private func scanBegun() throws(LedgerFailure) {
        let begun = backfill.ends.compactMap { pool, ends in ends.isComplete ? nil : pool }
        for pool in begun {
            try scan(pool)
            guard backfill.ends[pool]?.isComplete == true else { continue }
            waiting.letPass(in: pool)
            // There may be more beside bookings than was known.
            guard state.hasBookings(in: pool) else { continue }
            for waiter in waiting.waiters where waiter.pools.contains(pool) {
                waiting.mark(waiter)
            }
        }
    }
}
