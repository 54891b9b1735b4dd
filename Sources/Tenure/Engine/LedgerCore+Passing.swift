// What becomes of a grant where others wait: it stands, is made elsewhere, or is held back.

internal import TenureModel

extension LedgerCore {
    /// What becomes of a decision where others wait: nobody passes those who asked before, but
    /// where that does not make them wait longer.
    ///
    /// Only to be asked when somebody waits. Nothing when somebody was looked at before it, if that
    /// is allowed: then it is to be decided anew.
    func behindOthers(
        _ decision: Decision,
        of submission: Submission,
        lookingFirst: Bool,
        now: LedgerTime
    ) throws(LedgerFailure) -> Decision? {
        if case .query(.optimize(let request)) = submission.command {
            return try optimized(decision, request, of: submission, now: now)
        }
        if case .query(let query) = submission.command { return try dated(decision, of: query) }
        guard let asked = try asked(by: submission.command) else { return decision }
        waiting.isNewcomerPostponed = false
        guard let found = try pass(decision, submission, lookingFirst: lookingFirst, now: now)
        else { return nil }
        guard asked.planOnly || asked.plan != nil, case .grant(let grant) = found.answer,
            case .grant(let alone) = decision.answer, grant.placements != alone.placements
        else { return found }
        // Which of the two a plan was, its version does not say (V1).
        if asked.planOnly { return found.withoutVersion() }
        return Decision(
            refused: .conflict,
            "what is planned depends on those who wait; \(submission.command.remedyForPlan)"
        )
    }

    /// A plan of moves that leaves alone what is promised to those who wait.
    private func optimized(
        _ decision: Decision,
        _ request: OptimizeRequest,
        of submission: Submission,
        now: LedgerTime
    ) throws(LedgerFailure) -> Decision {
        var withheld: [ResourceID: UInt64] = [:]
        for (_, promise) in try promises(in: request.pool) {
            guard let promise, let ends = backfill.ends[request.pool],
                let some = state.withheld(by: promise, ends)
            else { continue }
            withheld.merge(some, uniquingKeysWith: max)
        }
        return withheld.isEmpty
            ? decision : try decide(submission.withholding(withheld), now: now)
    }

    private func pass(
        _ decision: Decision,
        _ submission: Submission,
        lookingFirst: Bool,
        now: LedgerTime
    ) throws(LedgerFailure) -> Decision? {
        guard case .grant(let grant) = decision.answer, !grant.replayed,
            let whole = try asked(by: submission.command)
        else { return decision }
        let request = grant.pool.map { whole.asked(of: $0) } ?? whole
        let needs = request.possibleShortages
        guard waiting.isAwaited(needs, in: request.pool) else { return decision }
        waiting.rise(at: now)
        let passer = try passer(submission.command, asking: request, needs, now: now)
        var passage = try passage(of: passer)
        if case .free(past: false) = passage { return decision }
        if !passage.isHeld, try isAnybodyMarked(),
            let (shortage, head) = waiting.firstPassed(
                by: passer.order,
                needing: needs,
                in: passer.pool,
                selecting: passer.selector
            )
        {
            // They may be granted what this one would get.
            if lookingFirst, try lookAtMarked() { return nil }
            passage = .held(shortage, by: head)
            waiting.isNewcomerPostponed = true
        }
        switch passage {
        case .free:
            waits.passed += 1
            return decision
        case .beside(let withheld, let head):
            if withheld.allSatisfy({ whole.withheld[$0, default: 0] >= $1 }) {
                waits.passed += 1
                return decision
            }
            let again = submission.withholding(withheld)
            let found = try decide(again, now: now)
            if case .refused(let refusal) = found.answer, refusal.code == .exhausted,
                !whole.asksSeveralPools
            {
                return hold(submission, request, refusal.shortage(of: needs), head)
            }
            return try pass(found, again, lookingFirst: false, now: now)
        case .held(let shortage, let head):
            guard let pool = grant.pool, !shortage.isQuota else {
                return hold(submission, request, shortage, head)
            }
            // The next pool is asked; each time there is one less.
            let again = submission.leavingOut([pool: shortage.limit])
            return try pass(
                try decide(again, now: now),
                again,
                lookingFirst: lookingFirst,
                now: now
            )
        }
    }

    /// How a newcomer may pass.
    private func passer(
        _ command: Command,
        asking request: AcquireRequest,
        _ needs: [Shortage],
        now: LedgerTime
    ) throws(LedgerFailure) -> Passer {
        Passer(
            order: WaitOrder(
                rank: request.priority.rawValue,
                payer: try payer(of: request.tenant),
                age: .newest
            ),
            needs: needs,
            pool: request.pool,
            selector: request.selector,
            end: try latestEnd(of: command, asking: request, now: now)
        )
    }

    private func hold(
        _ submission: Submission,
        _ request: AcquireRequest,
        _ shortage: Shortage,
        _ head: Waiter?
    ) -> Decision {
        var isGrowing = false
        if case .grow = submission.command { isGrowing = true }
        return Decision(
            refused: refusal(of: request, lacking: shortage, behind: head, growing: isGrowing)
        )
    }

    func asked(by command: Command) throws(LedgerFailure) -> AcquireRequest? {
        do throws(RowFault) {
            return try state.asked(by: command)
        } catch {
            throw LedgerFailure(error)
        }
    }
}

extension WaitingRoom {
    /// The first whom one at `order` would pass, and for want of what.
    func firstPassed(
        by order: WaitOrder,
        needing needs: [Shortage],
        in pool: String,
        selecting selector: [Label]
    ) -> (Shortage, Waiter)? {
        for head in heads(in: pool) where head.order.isBefore(order) {
            guard head.contends(for: needs, selecting: selector),
                let shortage = head.lacks.first(where: { needs.contains($0) && !$0.isQuota })
            else { continue }
            return (shortage, head)
        }
        return nil
    }
}

extension Command {
    /// What to do where a plan can not be carried out.
    var remedyForPlan: String {
        if case .grow = self { "OPTIMIZE again" } else { "acquire without PLAN" }
    }
}

extension Submission {
    /// The same with more that is left to others.
    func withholding(_ withheld: [ResourceID: UInt64]) -> Submission {
        withheld.isEmpty ? self : asking(command.withholding(withheld))
    }

    /// The same with so much of what is booked, and no more.
    func within(_ room: [ResourceID: UInt64]) -> Submission { asking(command.within(room)) }

    /// The same, not of these pools, with what others wait for there.
    func leavingOut(_ pools: [String: String]) -> Submission {
        guard !pools.isEmpty, case .acquire(var request) = command else { return self }
        request.poolsWithWaiters.merge(pools) { before, _ in before }
        return asking(.acquire(request))
    }

    /// The same, asking something else.
    func asking(_ command: Command) -> Submission {
        Submission(command: command, caller: caller, ticket: ticket, sink: sink)
    }
}

extension Refusal {
    /// Which capacity of `needs` it names, or the first of them.
    func shortage(of needs: [Shortage]) -> Shortage {
        let capacity = needs.filter { !$0.isQuota }
        return capacity.first { $0.limit == limit } ?? capacity[0]
    }
}
