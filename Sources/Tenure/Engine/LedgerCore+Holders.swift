// Waiting while something is held: a lease that is to grow, or a session that has leases.
//
// A wait that would never end is refused when it begins (D2 in Ledger+Deadlocks.swift). That is a
// matter of amounts alone, so the order of waiting must not make another one: who holds something
// passes those before it who can not be served as long as those who wait hold what they hold.
// Whoever could be served otherwise is not passed.

internal import TenureModel

extension LedgerCore {
    /// Who would hold something while a command waits; nothing when nobody would.
    func holder(of command: Command, at time: LedgerTime) throws(LedgerFailure) -> WaitingHolder? {
        do throws(RowFault) {
            guard let holder = try state.waitingHolder(of: command),
                try state.holdsSomething(holder, now: time)
            else { return nil }
            return holder
        } catch {
            throw LedgerFailure(error)
        }
    }

    /// Why a command can not wait: it would never be served.
    func deadlock(
        of command: Command,
        asking request: AcquireRequest,
        by holder: WaitingHolder?,
        at time: LedgerTime
    ) throws(LedgerFailure) -> Refusal? {
        guard let holder else { return nil }
        let wait = HoldingWait(
            holder: holder,
            request: request,
            isGrowth: command.grows != nil,
            requestID: command.growthID
        )
        do throws(RowFault) {
            return try state.deadlock(
                closedBy: wait,
                beside: waiting.holdingWaits,
                now: time
            )
        } catch {
            throw LedgerFailure(error)
        }
    }

    /// Whether a waiter may be served by a pool although others come before it there.
    func passes(
        _ waiter: Waiter,
        in pool: String,
        at time: LedgerTime
    ) throws(LedgerFailure) -> Bool {
        guard waiter.holder != nil else { return false }
        let waits = waiting.holdingWaits
        for other in waiting.obstacles(to: waiter, in: pool) {
            do throws(RowFault) {
                guard try state.needsWhatIsHeld(other.request, by: waits, now: time) else {
                    return false
                }
            } catch {
                throw LedgerFailure(error)
            }
        }
        return true
    }
}

extension Command {
    /// The lease that is to grow, if one is.
    var grows: LeaseID? {
        if case .grow(let reference, _) = self { reference.lease } else { nil }
    }

    /// The request id of that.
    var growthID: String? {
        if case .grow(_, let request) = self { request.requestID } else { nil }
    }
}
