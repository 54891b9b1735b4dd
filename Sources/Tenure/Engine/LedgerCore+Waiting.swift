// Waiting: who would be refused for want of capacity or quota waits, is looked at again when what
// it lacks may be there, and is granted by a decision made then.
//
// A look is a whole decision: session, pool, quota and places as they are at that moment. It writes
// nothing unless it grants, and what it refuses is recorded when the wait ends, once.

internal import TenureModel

/// How waits ended since the opening.
struct WaitCounters {
    var granted: UInt64 = 0
    var timedOut: UInt64 = 0
    /// Decisions about those who wait, beside the first.
    var looks: UInt64 = 0
    /// The longest wait that ended in a grant, in milliseconds.
    var longestMilliseconds: UInt64 = 0
}

extension LedgerCore {
    /// What becomes of a decision where others wait: nobody passes those who asked before.
    ///
    /// Only to be asked when somebody waits.
    func behindOthers(
        _ decision: Decision,
        of command: Command
    ) throws(LedgerFailure) -> Decision {
        switch decision.answer {
        case .grant(let grant) where !grant.replayed: break
        case .refused(let refusal) where refusal.isOfWant: break
        default: return decision
        }
        guard let request = try asked(by: command) else { return decision }
        if !request.planOnly, let twin = waiting.twin(of: request),
            twin.request.canonicalBytes != request.canonicalBytes
        {
            return Decision(
                refused: .conflict,
                "a request of tenant \(request.tenant) with this id and another body waits; use a "
                    + "new id"
            )
        }
        guard case .grant = decision.answer,
            let shortage = waiting.obstacle(toNewcomer: request)
        else { return decision }
        guard case .grow = command else {
            return Decision(refused: request.refusal(behindThoseWhoLack: shortage))
        }
        return Decision(
            refused: request.refusal(
                behindThoseWhoLack: shortage,
                remedy: "retry when they have been served"
            )
        )
    }

    private func asked(by command: Command) throws(LedgerFailure) -> AcquireRequest? {
        do throws(RowFault) {
            return try state.asked(by: command)
        } catch {
            throw LedgerFailure(error)
        }
    }

    /// Lets a request that was refused for want wait, if it asked for that; false when it did not.
    func letWait(
        _ submission: Submission,
        refused refusal: Refusal,
        at time: LedgerTime
    ) throws(LedgerFailure) -> Bool {
        guard case .acquire(let request) = submission.command,
            let limit = request.waitMilliseconds
        else { return false }
        if endsWaits {
            outbox.add(.refused(Self.closingRefusal), to: submission)
        } else if let busy = waiting.obstacle(toOneMoreOf: request.tenant) {
            try conclude(submission, Decision(refused: busy), at: time)
        } else {
            waiting.admit(
                submission,
                request,
                refused: refusal,
                now: time,
                milliseconds: limit
            )
        }
        return true
    }

    /// Looks again at those whose turn it may be, and sends away those whose time is over.
    ///
    /// At most `EngineLimits.groupLooks` of either: the rest is marked, or due, for the next group.
    func serveWaiting() throws(LedgerFailure) {
        guard !waiting.isEmpty else { return }
        if isReadOnly { return answerWaiting(with: Self.readOnlyRefusal) }
        var looks = 0
        while looks < EngineLimits.groupLooks, let waiter = waiting.takeMarked() {
            looks += 1
            _ = try look(at: waiter)
        }
        guard let deadline = waiting.nextDeadline, deadline <= now else { return }
        // What is due may be what they wait for: a late reclaimer can not be seen.
        guard try !isAnythingDue() else { return }
        for _ in 0..<EngineLimits.groupLooks {
            guard let (waiter, party) = waiting.due(at: now) else { return }
            // The last look: what is told to be missing is what is missing now.
            guard try !look(at: waiter) else { continue }
            let refusal = Refusal(
                .timeout,
                "after \(now.milliseconds(since: party.since)) ms: \(waiter.refusal.message)",
                limit: waiter.refusal.limit
            )
            try conclude(party.submission, Decision(refused: refusal), at: now)
            waiting.remove(party, of: waiter)
            waits.timedOut += 1
        }
    }

    /// Decides anew about one who waits; true when the wait is over.
    private func look(at waiter: Waiter) throws(LedgerFailure) -> Bool {
        try noteStall()
        let time = now
        waits.looks += 1
        let decision = try decide(waiter.parties[0].submission, now: time)
        switch decision.answer {
        case .refused(let refusal) where refusal.isOfWant:
            waiting.keep(waiter, refused: refusal)
            return false
        case .grant(let grant) where !grant.replayed:
            guard let shortage = waiting.obstacle(to: waiter) else { break }
            waiting.keep(waiter, refused: waiter.request.refusal(behindThoseWhoLack: shortage))
            return false
        default: break
        }
        try end(waiter, with: decision, at: time)
        return true
    }

    /// Answers all who asked for the same.
    ///
    /// Each waits until its answer is certain, so that a failure leaves nobody without one.
    private func end(
        _ waiter: Waiter,
        with decision: Decision,
        at time: LedgerTime
    ) throws(LedgerFailure) {
        let first = waiter.parties[0]
        try conclude(first.submission, decision, at: time)
        if case .grant = decision.answer {
            waits.granted += 1
            let waited = time.milliseconds(since: first.since)
            waits.longestMilliseconds = max(waits.longestMilliseconds, waited)
        }
        waiting.remove(first, of: waiter)
        while let party = waiter.parties.first {
            // What was granted is kept for the request id that they share (I7).
            let time = now
            try conclude(party.submission, try decide(party.submission, now: time), at: time)
            waiting.remove(party, of: waiter)
        }
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

    /// Answers everybody who waits.
    func answerWaiting(with refusal: Refusal) {
        for waiter in Array(waiting.waiters) {
            waiting.remove(waiter)
            for party in waiter.parties { outbox.add(.refused(refusal), to: party.submission) }
        }
    }

    static let abandonedRefusal = Refusal(
        .timeout,
        "the wait was called off by who asked; nothing was granted"
    )

    static let closingRefusal = Refusal(
        .unknown,
        "the ledger is closed; nothing was granted to those who waited; ask again when it is open"
    )
}

extension Refusal {
    /// Whether it is for want of something that may come free.
    var isOfWant: Bool { code == .exhausted || code == .quota }
}
