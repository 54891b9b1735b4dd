// Preemption with notice: leases are told to leave for a request that waits.
//
// Notice is given when a waiter is looked at, and only if nobody waits before it for the same: what
// those who leave make free is then granted to it, because nobody who comes later passes it.

internal import TenureModel

extension LedgerCore {
    /// How often those are looked at again who may take the place of a lease when that has run long
    /// enough: one second.
    private static let preemptionNanoseconds: UInt64 = 1_000_000_000

    /// Has a newcomer who waits looked at once more, so that notice can be given for it.
    func lookForVictims(of waiter: Waiter) {
        if state.preempts(in: waiter.request.pool) { waiting.mark(waiter) }
    }

    /// Tells leases to leave for a waiter, if a decision about it says so.
    ///
    /// False when somebody waits before it, so that it is not its turn yet.
    func giveNotice(
        _ decision: Decision,
        for waiter: Waiter,
        at time: LedgerTime
    ) throws(LedgerFailure) -> Bool {
        guard !decision.events.isEmpty else { return true }
        guard waiting.obstacle(to: waiter) == nil else { return false }
        try commitToMemory(decision.events, at: time)
        return true
    }

    /// Has those looked at for whom the passing of time alone may make room.
    func lookForVictimsInTime() {
        let now = now
        guard now >= nextPreemption else { return }
        nextPreemption = now.advanced(byNanoseconds: Self.preemptionNanoseconds)
        if let relief = state.reliefByRuntime { waiting.mark(relief) }
    }
}
