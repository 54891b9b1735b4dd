// Applying events: the only way in which the state changes.
//
// Events are facts. Nothing here decides, and nothing here may fail for a reason other than a row
// that can not be read. Every branch keeps I2 and I3.

internal import TenureBase

extension LedgerState {
    /// Applies the events of one frame.
    ///
    /// - Throws: `RowFault` when a row can not be trusted; the state is then unusable.
    package mutating func apply(
        _ events: [Event],
        at position: Position,
        time: LedgerTime
    ) throws(RowFault) {
        invariant(position == facts.position + 1, "M1: events are applied once and in log order")
        invariant(time > facts.time || position == 1, "M2: ledger time strictly increases")
        facts.position = position
        facts.time = time
        for event in events { try apply(event) }
    }

    private mutating func apply(_ event: Event) throws(RowFault) {
        switch event {
        case .opened(let opening):
            facts.opening = opening
            facts.openedAt = facts.time
        case .epochRaised(let epoch, _):
            invariant(epoch > facts.epoch, "I4: the epoch only rises")
            facts.epoch = epoch
            facts.epochSince = facts.position
        case .grace(let grace): note(grace)
        case .wallClockSet(let wall): note(wallClock: wall)
        case .granted(let record): try applyGrant(record)
        case .committed(let id, let deadline, let kept): try applyCommit(id, deadline, kept)
        case .renewed(let id, let deadline): try applyRenewal(id, deadline)
        case .reduced(let id, let parts): try applyReduction(id, parts)
        case .grown(let record): try applyGrowth(record)
        case .handedOver(let record): try applyHandOver(record)
        case .subleased(let record): try applySublease(record)
        case .released(let id): try end(id)
        case .reclaimed(let leases, _, _):
            for reclaimed in leases { try applyReclaim(reclaimed) }
        case .preempted(let ids, let until, _): try applyNotice(ids, until)
        case .quarantineEnded(let ids):
            for id in ids { try end(id) }
        case .leasesForgotten(let ids):
            for id in ids { try forget(id) }
        case .sessionOpened, .sessionKept, .sessionEnded, .sessionForgotten:
            try applySession(event)
        case .answered(let stored): store(stored)
        case .answersForgotten(let entries):
            for entry in entries { forget(entry) }
        case .poolSet, .poolDeleted, .policyLearnt, .resourceSet, .resourceStateSet,
            .resourceDrained, .drainAdvanced, .resourceDeleted, .quotaSet, .quotaDeleted:
            applySetting(event)
        case .tenantLimitsSet(let limits): apply(limits)
        case .breakerSet, .breakerCleared: applyBreaker(event)
        case .budgetSet, .budgetDeleted, .budgetHeld, .budgetSettled: try applyBudget(event)
        case .queued, .ticketProlonged, .ticketEnded: try applyTicket(event)
        case .booked, .bookingMoved: applyBooking(event)
        case .windowPlanned, .windowBegan, .windowEnded: applyWindow(event)
        case .refused, .refusalsCounted, .pruned: break
        }
    }

    // MARK: Leases

    private mutating func applyGrant(_ record: GrantRecord) throws(RowFault) {
        let lease = record.lease
        let pool = lease.terms.pool
        if record.why.countsLifetimes, settings(ofPool: pool)?.lifetimesSince == 0 {
            pools.update(pool) { $0.pool.settings.lifetimesSince = facts.position }
            changedPools[pool] = facts.position
        }
        try insert(lease, record.stored)
        if let served = record.served { try applyServing(served, by: lease) }
        guard record.why.strategy == .roundRobin, let last = lease.placements.last else { return }
        pools.update(pool) { $0.pool.settings.turn = UInt64(last.resource.rawValue) }
        changedPools[pool] = facts.position
    }

    /// Puts a new lease into the rows.
    mutating func insert(_ lease: Lease, _ stored: StoredAnswer?) throws(RowFault) {
        invariant(
            lease.token.position == facts.position,
            "I4: a grant's token is its own position"
        )
        leases.insert(lease.id, lease, at: facts.position)
        facts.leases += 1
        noteGrant(to: lease.terms.tenant)
        try count(lease.placements, of: lease, as: lease.state, by: .adding)
        insertDue(time: lease.deadline, .lease, lease.id.rawValue)
        try enterIndexes(lease)
        if let stored { store(stored) }
    }

    private mutating func applyCommit(
        _ id: LeaseID,
        _ deadline: LedgerTime,
        _ kept: [Placement]
    ) throws(RowFault) {
        var lease = try known(id)
        try count(lease.placements, of: lease, as: .reserved, by: .subtracting)
        removeDue(time: lease.deadline, .lease, id.rawValue)
        lease.state = .held
        lease.deadline = deadline
        lease.placements = kept
        try count(kept, of: lease, as: .held, by: .adding)
        insertDue(time: deadline, .lease, id.rawValue)
        leases.update(id, lease, at: facts.position)
    }

    private mutating func applyRenewal(_ id: LeaseID, _ deadline: LedgerTime) throws(RowFault) {
        var lease = try known(id)
        removeDue(time: lease.deadline, .lease, id.rawValue)
        lease.deadline = deadline
        insertDue(time: deadline, .lease, id.rawValue)
        leases.update(id, lease, at: facts.position)
    }

    private mutating func applyReduction(_ id: LeaseID, _ parts: [Placement]) throws(RowFault) {
        var lease = try known(id)
        try count(parts, of: lease, as: lease.state, by: .subtracting)
        lease.placements = lease.placements.subtracting(parts)
        leases.update(id, lease, at: facts.position)
        try giveBack(parts, of: lease, isOver: false)
    }

    private mutating func applyHandOver(_ record: HandOverRecord) throws(RowFault) {
        var lease = try known(record.lease)
        invariant(
            record.token.position == facts.position,
            "I4: the token of a new holder is its own position"
        )
        removeDue(time: lease.deadline, .lease, lease.id.rawValue)
        leaveIndexes(lease)
        lease.token = record.token
        lease.deadline = record.deadline
        lease.terms = lease.terms.handed(
            to: record.holder,
            uid: record.uid,
            session: record.session,
            ttlMilliseconds: record.ttlMilliseconds
        )
        insertDue(time: lease.deadline, .lease, lease.id.rawValue)
        try enterIndexes(lease)
        leases.update(lease.id, lease, at: facts.position)
        if let stored = record.stored { store(stored) }
    }

    private mutating func applyReclaim(_ reclaimed: Reclaimed) throws(RowFault) {
        guard let until = reclaimed.quarantinedUntil else { return try end(reclaimed.lease) }
        var lease = try known(reclaimed.lease)
        try count(lease.placements, of: lease, as: lease.state, by: .subtracting)
        removeDue(time: lease.deadline, .lease, lease.id.rawValue)
        leaveIndexes(lease)
        endProbes(of: lease.id)
        lease.state = .quarantined
        lease.deadline = until
        lease.subleases = []
        try count(lease.placements, of: lease, as: .quarantined, by: .adding)
        insertDue(time: until, .lease, lease.id.rawValue)
        leases.update(lease.id, lease, at: facts.position)
    }

    /// Ends a lease whole: its amounts are free again and its row is gone.
    ///
    /// Not the row of one whose token had changed. Its id does not tell its token, so the row stays
    /// for as long as an answer is kept.
    private mutating func end(_ id: LeaseID) throws(RowFault) {
        var lease = try known(id)
        try count(lease.placements, of: lease, as: lease.state, by: .subtracting)
        removeDue(time: lease.deadline, .lease, id.rawValue)
        if lease.state != .quarantined { leaveIndexes(lease) }
        endProbes(of: id)
        facts.leases -= 1
        noteEnd(of: lease)
        try giveBack(lease.placements, of: lease, isOver: true)
        guard lease.token.rawValue != id.rawValue else {
            leases.remove(id, at: facts.position)
            return
        }
        lease.state = .ended
        lease.placements = []
        lease.subleases = []
        lease.deadline = facts.time.advanced(byMilliseconds: Limits.requestWindowMilliseconds)
        insertDue(time: lease.deadline, .lease, id.rawValue)
        leases.update(id, lease, at: facts.position)
    }

    /// Forgets a lease that ended before.
    private mutating func forget(_ id: LeaseID) throws(RowFault) {
        let lease = try known(id)
        invariant(lease.state == .ended, "I2: what is forgotten has ended")
        removeDue(time: lease.deadline, .lease, id.rawValue)
        leases.remove(id, at: facts.position)
    }

    private mutating func enterIndexes(_ lease: Lease) throws(RowFault) {
        if let session = lease.terms.session {
            let key = MemberKey(session: session, lease: lease.id)
            members.insert(key, key, at: facts.position)
        }
        guard mayGiveWay(in: lease.terms.pool) else { return }
        if isPreemptible(lease) {
            let key = PreemptibleKey(lease)
            preemptible.insert(key, key, at: facts.position)
        }
        if isReclaimable(lease) { try enterReclaimable(lease) }
    }

    private mutating func leaveIndexes(_ lease: Lease) {
        if let session = lease.terms.session {
            members.remove(MemberKey(session: session, lease: lease.id), at: facts.position)
        }
        guard mayGiveWay(in: lease.terms.pool) else { return }
        if isPreemptible(lease) { preemptible.remove(PreemptibleKey(lease), at: facts.position) }
        if isReclaimable(lease) { reclaimable.remove(ReclaimableKey(lease), at: facts.position) }
    }

    func known(_ id: LeaseID) throws(RowFault) -> Lease {
        guard let lease = try lease(id) else {
            throw .damaged(
                "the log changes lease \(id.rawValue) at position \(facts.position), "
                    + "but the state does not have it"
            )
        }
        return lease
    }

    // MARK: Due entries and stored answers

    mutating func insertDue(
        time: LedgerTime,
        _ subject: DueKey.Class,
        _ id: UInt64
    ) {
        insert(DueEntry(key: DueKey(time: time, subject: subject, id: id)))
    }

    private mutating func insert(_ entry: DueEntry) {
        guard entry.key.time < .never else { return }
        due.insert(entry.key, entry, at: facts.position)
        dueQueue.insert(entry)
    }

    mutating func removeDue(time: LedgerTime, _ subject: DueKey.Class, _ id: UInt64) {
        guard time < .never else { return }
        due.remove(DueKey(time: time, subject: subject, id: id), at: facts.position)
    }

    mutating func store(_ answer: StoredAnswer) {
        let due = DueKey(time: answer.expires, subject: .storedAnswer, id: answer.position)
        store(answer, due: due)
    }

    /// Keeps an answer until `due`, which no other has.
    mutating func store(_ answer: StoredAnswer, due: DueKey) {
        storedAnswers.insert(answer.key, answer, at: facts.position)
        facts.storedAnswers += 1
        insert(DueEntry(key: due, request: answer.key))
    }

    private mutating func forget(_ entry: DueEntry) {
        guard let key = entry.request else { return }
        storedAnswers.remove(key, at: facts.position)
        due.remove(entry.key, at: facts.position)
        facts.storedAnswers -= 1
    }

    // MARK: Sessions

    private mutating func applySession(_ event: Event) throws(RowFault) {
        switch event {
        case .sessionOpened(let session):
            sessions.insert(session.id, session, at: facts.position)
            facts.sessions += 1
            insertDue(time: session.deadline, .session, session.id.rawValue)
        case .sessionKept(let id, let deadline):
            try changeSession(id) { $0.deadline = deadline }
        case .sessionEnded(let id, let cause, _):
            let now = facts.time
            // Due from now on: the reclaimer comes back to it until its last lease is taken back.
            try changeSession(id) {
                $0.ended = cause
                $0.deadline = now
            }
        case .sessionForgotten(let id):
            guard let session = try session(id) else { return }
            removeDue(time: session.deadline, .session, id.rawValue)
            sessions.remove(id, at: facts.position)
            facts.sessions -= 1
        default: violated("M1: only session events come here")
        }
    }

    private mutating func changeSession(
        _ id: SessionID,
        _ change: (inout Session) -> Void
    ) throws(RowFault) {
        guard var session = try session(id) else {
            throw .damaged(
                "the log changes session \(id.rawValue) at position "
                    + "\(facts.position), but the state does not have it"
            )
        }
        removeDue(time: session.deadline, .session, id.rawValue)
        change(&session)
        insertDue(time: session.deadline, .session, id.rawValue)
        sessions.update(id, session, at: facts.position)
    }

    // MARK: Settings

    private mutating func applySetting(_ event: Event) {
        switch event {
        case .poolSet(let pool):
            if pools.index(forKey: pool.name) == nil {
                pools.insert(PoolState(pool: pool, changed: facts.position))
            } else {
                pools.update(pool.name) { $0.pool.settings = pool.settings }
                noteChange(of: pool.name)
            }
            forgetBorrowers(in: pool.name)
            poolsChanged = facts.position
            changedPools[pool.name] = facts.position
        case .poolDeleted(let name):
            pools.remove(name)
            forgetBorrowers(in: name)
            poolsChanged = facts.position
            changedPools[name] = facts.position
        case .policyLearnt(let name, let policy):
            pools.update(name) { $0.apply(policy) }
            noteChange(of: name, reshaping: false)
            changedPools[name] = facts.position
        case .resourceSet(let declaration): applyResource(declaration)
        case .resourceStateSet, .resourceDrained, .drainAdvanced: applyState(event)
        case .resourceDeleted(let id):
            guard let resource = resource(id) else { return }
            let before = grantable(resource)
            guarantees[resource.kind]?.setFree(0, before: before)
            endDrain(of: resource)
            resources[Int(id.rawValue)] = nil
            capacities[resource.kind]? -= UInt128(resource.capacity)
            resourceIDs[resource.name] = nil
            draining.remove(id)
            if let slot = pools.index(forKey: resource.pool) {
                pools.values[slot].index.remove(resource, in: resources)
            }
            noteChange(of: resource.pool)
            changedResources[id] = facts.position
        case .quotaSet(let quota):
            guaranteesChanged(from: self.quota(quota.key), to: quota)
            forgetBorrowers(of: quota.kind)
            (quotasChanged, usageChanged) = (facts.position, facts.position)
            quotas[quota.tenant]?.removeAll { $0.kind == quota.kind }
            quotas[quota.tenant, default: []].append(quota)
            changedQuotas[quota.key] = facts.position
        case .quotaDeleted(let key):
            guaranteesChanged(from: quota(key), to: nil)
            forgetBorrowers(of: key.kind)
            (quotasChanged, usageChanged) = (facts.position, facts.position)
            quotas[key.tenant]?.removeAll { $0.kind == key.kind }
            if quotas[key.tenant]?.isEmpty == true { quotas[key.tenant] = nil }
            changedQuotas[key] = facts.position
        default: violated("M1: only settings come here")
        }
    }

    private mutating func applyResource(_ declaration: ResourceDeclaration) {
        let request = declaration.request
        if var resource = resource(declaration.id) {
            let labels = resource.labels
            resource.capacity = request.capacity
            resource.labels = request.labels ?? resource.labels
            resource.cost = request.cost ?? resource.cost
            place(resource)
            if labels != resource.labels {
                pools.update(resource.pool) { $0.index.topology.forget() }
            }
        } else {
            facts.nextResource = max(facts.nextResource, declaration.id.rawValue + 1)
            place(Resource(id: declaration.id, request: request))
            joinWindows(declaration.id, request)
        }
        changedResources[declaration.id] = facts.position
        noteChange(of: request.pool)
    }

    mutating func changeResource(_ id: ResourceID, _ change: (inout Resource) -> Void) {
        guard var resource = resource(id) else { return }
        change(&resource)
        place(resource)
        noteChange(of: resource.pool)
        changedResources[id] = facts.position
    }
}
