// Waiting: who would be refused for want of capacity or quota waits, is looked at again when what
// it lacks may be there, and is granted by a decision made then.
//
// A look is a whole decision: session, pool, quota and places as they are at that moment. It writes
// nothing unless it grants, and what it refuses is recorded when the wait ends, once.

internal import TenureBase
internal import TenureModel

/// How waits ended since the opening.
struct WaitCounters {
    var granted: UInt64 = 0
    /// Requests that were given a ticket.
    var queued: UInt64 = 0
    /// Tickets that were cancelled.
    var cancelled: UInt64 = 0
    var timedOut: UInt64 = 0
    /// Decisions about those who wait, beside the first.
    var looks: UInt64 = 0
    /// Grants to those who passed somebody that had come before them.
    var passed: UInt64 = 0
    /// How often a date was looked for.
    var dated: UInt64 = 0
    /// The longest wait that ended in a grant, in milliseconds.
    var longestMilliseconds: UInt64 = 0
}

extension LedgerCore {
    /// Lets a request that was refused for want wait, if it asked for that; false when it did not.
    ///
    /// One with a request id waits under a ticket.
    func letWait(
        _ submission: Submission,
        refused refusal: Refusal,
        at time: LedgerTime
    ) throws(LedgerFailure) -> Bool {
        guard let limit = submission.command.waitMilliseconds,
            let request = try asked(by: submission.command)
        else { return false }
        if endsWaits {
            outbox.add(.refused(Self.closingRefusal), to: submission)
            return true
        }
        let command = submission.command
        let holder = try holder(of: command, at: time)
        var no = waiting.obstacle(toOneMoreOf: request.tenant)
        if no == nil { no = try deadlock(of: command, asking: request, by: holder, at: time) }
        if let no {
            try conclude(submission, Decision(refused: no), at: time)
        } else if request.isQueued {
            return try letQueue(submission, refused: refusal, by: holder, at: time)
        } else {
            let pools = state.poolsInOrder(of: request)
            let waiter = Waiter(
                request,
                pools,
                try payer(of: request.tenant),
                state.aging(ofFirst: pools),
                waiting.nextAge(at: state.position),
                since: time
            )
            waiting.admit(
                submission,
                waiter,
                refused: refusal,
                now: time,
                milliseconds: limit
            )
            (waiter.grows, waiter.growthID) = (command.grows, command.growthID)
            begin(waiter, holdsAs: holder)
        }
        return true
    }

    /// Has one looked at again who has just come to wait, where that may help.
    private func begin(_ waiter: Waiter, holdsAs holder: WaitingHolder?) {
        waiting.note(waiter, holdsAs: holder)
        lookForVictims(of: waiter)
        // It was refused because others may get what it would get, and they may not.
        if waiting.isNewcomerPostponed { waiting.postpone(waiter) }
    }

    /// Gives a request that was refused for want a ticket, if it asked for that.
    ///
    /// With `WAIT` its connection waits for the grant; with `QUEUE` it is answered at once.
    func letQueue(
        _ submission: Submission,
        refused refusal: Refusal,
        by holder: WaitingHolder? = nil,
        at time: LedgerTime
    ) throws(LedgerFailure) -> Bool {
        guard case .acquire(let request) = submission.command, request.isQueued else {
            return false
        }
        let decision = state.queue(request, caller: caller(of: submission), now: time)
        guard case .queued(let queued) = decision.answer else {
            try conclude(submission, decision, at: time)
            return true
        }
        try commitToMemory(decision.events, at: time)
        guard let ticket = state.ticket(queued.ticket) else {
            violated("T1: what was queued is there")
        }
        waits.queued += 1
        let waiter = try waiter(of: ticket)
        waiting.enter(waiter, refused: refusal, now: time)
        begin(waiter, holdsAs: holder)
        if let limit = request.waitMilliseconds {
            waiting.join(waiter, submission, now: time, milliseconds: limit)
        } else {
            waiter.listen(submission)
            outbox.add(decision.answer, to: submission)
        }
        return true
    }

    /// Answers who asks again for what is queued, at once or with `WAIT` when it ends.
    ///
    /// The ticket waits at least as long as it is now asked to.
    func rejoin(
        _ submission: Submission,
        _ queued: QueuedRequest,
        at time: LedgerTime
    ) throws(LedgerFailure) {
        guard case .acquire(let request) = submission.command,
            let waiter = waiting.waiter(of: queued.ticket)
        else { return outbox.add(.queued(queued), to: submission) }
        if request.waitMilliseconds != nil {
            if endsWaits {
                return outbox.add(.refused(Self.keptRefusal(queued.ticket)), to: submission)
            }
            if let busy = waiting.obstacle(toOneMoreOf: request.tenant) {
                return try conclude(submission, Decision(refused: busy), at: time)
            }
        }
        var answer = queued
        if let patience = request.waitMilliseconds ?? request.queueMilliseconds,
            let event = state.prolong(queued.ticket, milliseconds: patience, now: time)
        {
            try commitToMemory([event], at: time)
            waiting.prolong(waiter, until: time.advanced(byMilliseconds: patience))
            answer.waitMilliseconds = patience
        }
        if let limit = request.waitMilliseconds {
            waiting.join(waiter, submission, now: time, milliseconds: limit)
        } else {
            waiter.listen(submission)
            outbox.add(.queued(answer), to: submission)
        }
    }

    /// Forgets a ticket that a command has ended, and tells those who waited for it.
    func dismiss(_ id: TicketID) {
        guard state.ticket(id) == nil, let waiter = waiting.waiter(of: id) else { return }
        waits.cancelled += 1
        tell(waiter, .refused(Self.cancelledRefusal))
    }

    /// Looks again at those whose turn it may be, and sends away those whose time is over.
    ///
    /// At most `EngineLimits.groupLooks` of either: the rest is marked, or due, for the next group.
    func serveWaiting() throws(LedgerFailure) {
        guard !waiting.isEmpty else { return }
        // Tickets wait until there is room.
        if isReadOnly { return answerWaiting(with: Self.readOnlyRefusal) }
        waiting.rise(at: now)
        lookForVictimsInTime()
        try keepDating()
        try markUntagged()
        try lookAtMarked()
        guard let deadline = waiting.nextDeadline, deadline <= now else { return }
        // What is due may be what they wait for: a late reclaimer can not be seen.
        guard try !isAnythingDue() else { return }
        for _ in 0..<EngineLimits.groupLooks {
            guard let (waiter, party) = waiting.due(at: now) else { return }
            if waiter.awaitsTags {
                waiting.adjourn(waiter)
                continue
            }
            if !isGivenUp(waiter), try look(at: waiter) { continue }
            try giveUp(waiter, party)
        }
    }

    /// Looks at those whose turn it may be, then at those who may pass; true when there was one.
    @discardableResult
    func lookAtMarked() throws(LedgerFailure) -> Bool {
        var looks = 0
        while looks < EngineLimits.groupLooks {
            var next = waiting.takeMarked { admissionOfGuests(to: $0) }
            if next == nil { next = try nextFollower() }
            guard let waiter = next else { break }
            looks += 1
            _ = try look(at: waiter)
        }
        return looks > 0
    }

    /// Whether its time was over before the ledger was opened, so that nobody counts on it.
    private func isGivenUp(_ waiter: Waiter) -> Bool {
        waiter.ticket != nil && waiter.until <= state.facts.openedAt
    }

    /// Ends the wait of a party, or of a ticket, after a last look: what is told to be missing is
    /// what is missing now.
    private func giveUp(_ waiter: Waiter, _ party: Waiter.Party?) throws(LedgerFailure) {
        let time = now
        let since = party?.since ?? waiter.since
        let refusal = Refusal(
            .timeout,
            "after \(time.milliseconds(since: since)) ms: "
                + (waiter.refusal?.message ?? "the ledger was closed when the time was over"),
            limit: waiter.refusal?.limit ?? ""
        )
        waits.timedOut += 1
        if let party {
            try conclude(party.submission, Decision(refused: refusal), at: time)
            waiting.remove(party, of: waiter)
        } else if let ticket = waiter.ticket {
            let decision: Decision
            do throws(RowFault) {
                decision = try state.giveUp(ticket, refusal, now: time)
            } catch {
                throw LedgerFailure(error)
            }
            counters.refused += 1
            try commitToMemory(decision.events, at: time)
            tell(waiter, decision.answer)
        }
    }

    /// Decides anew about one who waits; true when the wait is over.
    private func look(at waiter: Waiter) throws(LedgerFailure) -> Bool {
        try noteStall()
        if waiter.request.hasAffinities, try !knowsTags() {
            if !isGivenUp(waiter) { waiting.awaitTags(waiter) }
            return false
        }
        let time = now
        waits.looks += 1
        var decision = try decide(waiter, now: time)
        switch decision.answer {
        case .refused(let refusal) where refusal.isOfWant:
            let obstacle = try giveNotice(decision, for: waiter, at: time)
            let earmark = self.earmark(of: decision, for: waiter)
            waiting.keep(waiter, refused: refusal, heldUpBy: obstacle, earmark: earmark)
            return false
        case .grant where try mayRestOnThePast(.acquire(waiter.request)):
            waiting.mark(waiter)
            return false
        case .grant(let grant) where !grant.replayed:
            guard let allowed = try pass(waiter, decision, at: time) else { return false }
            decision = allowed
        default: break
        }
        if case .grant = decision.answer {
            waits.granted += 1
            let waited = time.milliseconds(since: waiter.since)
            waits.longestMilliseconds = max(waits.longestMilliseconds, waited)
        }
        if waiter.ticket == nil {
            let party = waiter.parties[0]
            try conclude(party.submission, decision, at: time)
            waiting.remove(party, of: waiter)
        } else {
            if case .refused = decision.answer { counters.refused += 1 }
            try commitToMemory(decision.events, at: time)
            tell(waiter, decision.answer)
        }
        return true
    }

    /// Whether a request is near leases of which one may have ended, and not been taken back yet.
    func mayRestOnThePast(_ command: Command) throws(LedgerFailure) -> Bool {
        guard case .acquire(let request) = command, !request.near.isEmpty else { return false }
        return try isAnythingDue()
    }

    func isAnythingDue() throws(LedgerFailure) -> Bool {
        do throws(RowFault) {
            return try state.nextDue() <= now
        } catch {
            throw LedgerFailure(error)
        }
    }

    /// Tells everybody who waits for a ticket, or was told of it, what became of it.
    private func tell(_ waiter: Waiter, _ answer: Answer) {
        var answer = answer
        for party in waiter.parties {
            outbox.add(answer, to: party.submission)
            if case .grant(var grant) = answer {
                // One request was granted once (I7).
                grant.replayed = true
                answer = .grant(grant)
            }
        }
        if let ticket = waiter.ticket {
            for submission in waiter.listeners { outbox.add(answer, of: ticket, to: submission) }
        }
        waiting.remove(waiter)
    }

    /// Ends the waits of those who are gone; false when none of them waits.
    ///
    /// A grant that was decided before stands, like any answer that nobody takes.
    func abandon(_ abandoned: [Abandonment]) -> Bool {
        guard !waiting.isEmpty else { return false }
        var hasEnded = false
        for one in abandoned {
            guard let (waiter, party) = waiting.waiter(one.sink, one.ticket) else { continue }
            waiting.remove(party, of: waiter)
            outbox.add(.refused(Self.abandonedRefusal), to: party.submission)
            hasEnded = true
        }
        return hasEnded
    }

    /// Ends all waits, and lets nobody wait any more, because the ledger closes.
    func endWaiting() {
        endsWaits = true
        answerWaiting(with: Self.closingRefusal)
    }

    /// Answers every connection that waits; tickets stay.
    func answerWaiting(with refusal: Refusal) {
        guard waiting.count > 0 else { return }
        for waiter in Array(waiting.waiters) {
            for party in waiter.parties {
                outbox.add(
                    .refused(waiter.ticket.map { Self.kept($0, refusal) } ?? refusal),
                    to: party.submission
                )
                waiting.remove(party, of: waiter)
            }
        }
    }

    /// `refusal`, said to one whose ticket stays.
    private static func kept(_ ticket: TicketID, _ refusal: Refusal) -> Refusal {
        refusal == closingRefusal ? keptRefusal(ticket) : refusal
    }
}
