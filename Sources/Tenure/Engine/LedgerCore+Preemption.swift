// Preemption with notice: leases are told to leave for a request that waits.
//
// Notice is given when a waiter is looked at, and only if nobody waits before it for the same: what
// those who leave make free is then set aside for it. It comes before all others of its class,
// whatever their shares, and where it asks back what is borrowed before all: who gave it back, or
// anybody else who may not keep it, would only take it again.

internal import TenureModel

extension LedgerCore {
    /// How often those are looked at again who may take the place of a lease when that has run long
    /// enough: one second.
    private static let preemptionNanoseconds: UInt64 = 1_000_000_000

    /// Has a newcomer who waits looked at once more, so that notice can be given for it.
    func lookForVictims(of waiter: Waiter) {
        if waiter.pools.contains(where: { state.preempts(in: $0) }) { waiting.mark(waiter) }
    }

    /// Tells leases to leave for a waiter, if a decision about it says so.
    ///
    /// What somebody waits for before it, when that is so and it is not its turn yet.
    func giveNotice(
        _ decision: Decision,
        for waiter: Waiter,
        at time: LedgerTime
    ) throws(LedgerFailure) -> Shortage? {
        guard !decision.events.isEmpty else { return nil }
        if let obstacle = waiting.obstacle(to: waiter) { return obstacle }
        try commitToMemory(decision.events, at: time)
        return nil
    }

    /// What is set aside for a waiter after a decision about it: what those leave who were told to
    /// leave for it, as long as nobody waits before it.
    func earmark(of decision: Decision, for waiter: Waiter) -> Earmark? {
        guard let earmark = decision.earmark else { return nil }
        return waiting.obstacle(to: waiter) == nil ? earmark : waiter.earmark
    }

    /// Has those looked at for whom the passing of time alone may make room.
    func lookForVictimsInTime() {
        let now = now
        guard now >= nextPreemption else { return }
        nextPreemption = now.advanced(byNanoseconds: Self.preemptionNanoseconds)
        if let relief = state.reliefByRuntime { waiting.mark(relief) }
    }
}
