// Taking back what holders lost: by time, by the end of a session, by proof of death.
//
// A lease past its deadline is invalid whether or not it was taken back; what happens here is that
// its amounts become free again, in batches that can not hurt the latency of others.

internal import TenureBase

extension LedgerState {
    mutating func housekeep(_ task: Housekeeping, now: LedgerTime) throws(RowFault) -> Decision {
        let done = Answer.document(.map([.init("position", .id(nextPosition))]))
        switch task {
        case .opened(let opening): return Decision(.opened(opening), done)
        case .grace(let from):
            let from = LedgerTime(nanoseconds: from)
            return Decision(from < now ? [.grace(grace(from: from, to: now))] : [], done)
        case .raiseEpoch(let reason):
            invariant(facts.epoch < 0x7fff, "I4: the highest bit of a token is never set")
            return Decision(.epochRaised(to: facts.epoch + 1, reason: reason), done)
        case .wallClockSet(let wall): return Decision(.wallClockSet(nanoseconds: wall), done)
        case .reclaim: return Decision(try reclaim(now: now), done)
        case .processDied(let id, let treeIsGone, let evidence):
            guard let session = try session(id), session.ended == nil else { return Decision(done) }
            let cause: ReclaimCause = treeIsGone ? .gone : .dead
            return Decision(.sessionEnded(id, cause: cause, evidence: evidence), done)
        case .processSeen(let id, let seen):
            return Decision(try processSeen(id, seen, now: now), done)
        case .learnt(let pool, let policy): return Decision(learn(pool, policy), done)
        case .refusalsCounted(let counts):
            guard !counts.isEmpty else { return Decision(done) }
            return Decision([.refusalsCounted(counts)] + refused(counts, now: now), done)
        case .refused(let record):
            guard record.code == .exhausted,
                let event = refused(1, by: record.pool, ordinal: 0, now: now)
            else { return Decision(.refused(record), done) }
            return Decision([.refused(record), event], done)
        case .resourceSeen(let name, let seen):
            guard let resource = resource(named: name), resource.detected else {
                return Decision(done)
            }
            if seen, resource.state == .unconfirmed {
                return Decision(.resourceStateSet(resource.id, .active), done)
            }
            if !seen, resource.state == .active {
                return Decision(.resourceStateSet(resource.id, .unconfirmed), done)
            }
            return Decision(done)
        }
    }

    /// What is recorded before history is deleted: whose it is to say, the caller's role tells.
    func prune(_ last: Position, _ seal: String) -> Decision {
        guard last < nextPosition else {
            return Decision(
                refused: .malformed,
                "position \(last) is not before the end of history, which is \(facts.position)"
            )
        }
        return Decision(
            .pruned(through: last, seal: seal),
            .document(
                .map([
                    .init("status", .string("pruned")), .init("through", .id(last)),
                    .init("position", .id(nextPosition)),
                ])
            )
        )
    }

    /// A lease as it is taken back: at once, or quarantined for the pool's lock-delay.
    ///
    /// Quarantined when it holds something exclusive that whoever lost it may still be using. What
    /// it holds beside that stays with it.
    func reclaimed(_ lease: Lease, cause: ReclaimCause, now: LedgerTime) -> Reclaimed {
        let delay = settings(ofPool: lease.terms.pool)?.lockDelay ?? 0
        let waits =
            delay > 0 && cause.isUnclean && lease.state.isHeld
            && lease.placements.contains { resource($0.resource)?.kind.isExclusive ?? true }
        return Reclaimed(
            lease: lease.id,
            quarantinedUntil: waits ? now.advanced(byMilliseconds: delay) : nil
        )
    }

    /// What one frame takes back of what is due.
    struct Batch {
        /// A lease may come up by its own deadline and by its session's.
        var leases: Set<LeaseID> = []
        var sessions: Set<SessionID> = []
        var expired: [Reclaimed] = []
        var preempted: [Reclaimed] = []
        /// What ends because something ends that it is carved from.
        var subleases: [Event] = []
        var unquarantined: [LeaseID] = []
        var remembered: [LeaseID] = []
        var forgotten: [DueEntry] = []
        var others: [Event] = []
        /// Those of the others that end, to be settled.
        var ending: [Lease] = []
        /// Windows of budgets that are over.
        var windows: [Event] = []
        var weight = 0
    }

    private mutating func reclaim(now: LedgerTime) throws(RowFault) -> [Event] {
        var batch = Batch()
        // Entries that grace postpones or that are stale take nothing back, but they take time.
        var looked = 0
        while batch.weight < Limits.reclaimBatch, looked < 4 * Limits.reclaimBatch,
            let entry = try dueQueue.take(dueAt: now, from: source)
        {
            looked += 1
            switch entry.key.subject {
            case .lease: try reclaimLease(entry, into: &batch, now: now)
            case .session: try reclaimSession(entry, into: &batch, now: now)
            case .storedAnswer, .ticket: try forget(entry, into: &batch)
            case .drain: try reclaimDrained(entry, into: &batch, now: now)
            case .breaker: breakerDue(entry, into: &batch)
            case .windowStart, .windowEnd: windowDue(entry, into: &batch, now: now)
            case .budgetWindow:
                batch.weight += 1
                if let event = windowEnd(entry, now: now) { batch.windows.append(event) }
            }
        }
        // A window ends before anything is booked in the next one.
        var events = batch.windows
        events += try settling(batch.ending, now: now)
        events += batch.others
        if !batch.expired.isEmpty {
            events.append(
                .reclaimed(
                    batch.expired,
                    cause: .expired,
                    evidence: "deadline passed at ledger time \(now.nanoseconds)"
                )
            )
        }
        if !batch.preempted.isEmpty {
            events.append(
                .reclaimed(
                    batch.preempted,
                    cause: .preempted,
                    evidence: "told to leave, and did not by ledger time \(now.nanoseconds)"
                )
            )
        }
        events += batch.subleases
        if !batch.unquarantined.isEmpty { events.append(.quarantineEnded(batch.unquarantined)) }
        if !batch.remembered.isEmpty { events.append(.leasesForgotten(batch.remembered)) }
        if !batch.forgotten.isEmpty { events.append(.answersForgotten(batch.forgotten)) }
        return events
    }

    private mutating func reclaimLease(
        _ entry: DueEntry,
        into batch: inout Batch,
        now: LedgerTime
    ) throws(RowFault) {
        let id = LeaseID(rawValue: entry.key.id)
        guard let lease = try lease(id), lease.deadline == entry.key.time else { return }
        let time = dueTime(of: lease)
        if time > now {
            dueQueue.postpone(entry, until: time)
            return
        }
        guard batch.leases.insert(id).inserted else { return }
        batch.weight += 1
        batch.ending.append(lease)
        switch lease.state {
        case .quarantined: batch.unquarantined.append(id)
        case .ended: batch.remembered.append(id)
        case .preempted:
            batch.preempted.append(reclaimed(lease, cause: .preempted, now: now))
            try reclaimSubleases(of: lease, into: &batch, now: now)
        case .held, .reserved:
            batch.expired.append(reclaimed(lease, cause: .expired, now: now))
            try reclaimSubleases(of: lease, into: &batch, now: now)
        }
    }

    /// Takes back with a lease what is carved from it.
    func reclaimSubleases(
        of lease: Lease,
        into batch: inout Batch,
        now: LedgerTime
    ) throws(RowFault) {
        guard !lease.subleases.isEmpty,
            let event = try subleasesTaken(with: lease, except: batch.leases, now: now)
        else { return }
        batch.leases.formUnion(event.leases)
        batch.weight += event.leases.count
        batch.subleases.append(event)
    }

    private mutating func reclaimSession(
        _ entry: DueEntry,
        into batch: inout Batch,
        now: LedgerTime
    ) throws(RowFault) {
        let id = SessionID(rawValue: entry.key.id)
        guard let session = try session(id), session.deadline == entry.key.time else { return }
        guard let cause = session.ended else {
            let time = dueTime(of: session)
            if time > now {
                dueQueue.postpone(entry, until: time)
            } else if batch.sessions.insert(id).inserted {
                batch.weight += 1
                let evidence = evidence(against: session, at: time)
                batch.others.append(.sessionEnded(id, cause: .expired, evidence: evidence))
            }
            return
        }
        let leases = try members(of: id, limit: Limits.reclaimBatch - batch.weight)
        if leases.isEmpty {
            batch.weight = Limits.reclaimBatch
            batch.others.append(.sessionForgotten(id))
            return
        }
        var taken: [Reclaimed] = []
        for member in leases where batch.weight < Limits.reclaimBatch {
            guard let lease = try lease(member), batch.leases.insert(member).inserted else {
                continue
            }
            batch.weight += 1
            batch.ending.append(lease)
            taken.append(reclaimed(lease, cause: cause, now: now))
            try reclaimSubleases(of: lease, into: &batch, now: now)
        }
        batch.weight = Limits.reclaimBatch
        if !taken.isEmpty {
            batch.others.append(
                .reclaimed(taken, cause: cause, evidence: "session \(id.rawValue) ended")
            )
        }
        // The entry stays until the last lease is taken back.
        dueQueue.insert(entry)
    }

    /// Why a session ends for time.
    private func evidence(against session: Session, at time: LedgerTime) -> String {
        let silence = "no keep-alive before ledger time \(time.nanoseconds)"
        guard session.ttlMilliseconds == 0, let process = session.process else { return silence }
        return "process \(process.pid) can not be seen: the pid namespace changed from "
            + "\(process.pidNamespace) to \(facts.opening?.pidNamespace ?? 0); \(silence)"
    }

    private func forget(_ entry: DueEntry, into batch: inout Batch) throws(RowFault) {
        guard let key = entry.request, let stored = try storedAnswer(key),
            entry.key.subject == .ticket || stored.position == entry.key.id
        else { return }
        batch.weight += 1
        batch.forgotten.append(entry)
    }

    /// Leases of a session that are not taken back yet, oldest first.
    func members(of id: SessionID, limit: Int) throws(RowFault) -> [LeaseID] {
        let changed = members.keys { $0.session == id }
        var found = changed.filter(\.value).map(\.key.lease)
        var after: LeaseID?
        // What the store still has may be gone already; read on until there is enough.
        while found.count < limit {
            let page = try source.members(of: id, after: after, limit: limit)
            guard let last = page.last else { break }
            found += page.filter { changed[MemberKey(session: id, lease: $0)] == nil }
            after = last
        }
        return Array(found.sorted().prefix(limit))
    }
}
