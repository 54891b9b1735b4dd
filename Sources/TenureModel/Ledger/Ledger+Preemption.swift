// Preemption: in a pool that allows it, a request that does not fit takes the place of leases of
// lower classes, or of those that hold what its own tenant is guaranteed.
//
//   P1  Only a lease gives way that is no sub-lease, that was granted after its pool first allowed
//       it, and that has run for `preemptionMinRuntime`. By class, the request is `preemptionGap`
//       classes above it; how borrowed amounts are asked back is in Ledger+BorrowedReclaim.swift.
//   P2  Who gives way is decided by class, the lowest first, and within a class by age, the most
//       recent first; in the reverse of that order, everybody is spared without whom the request
//       still fits. A lease gives way whole, all places of a gang and all that is carved from it.
//   P3  By class: the class of who takes is above that of everybody who gives. So the classes of
//       those who hold, counted from the highest down, only ever rise, and who gave way can not
//       take the place back: there is no loop. With what is asked back: P7.
//   P4  Nothing gives way for a request that does not fit even then, in the pool and in every
//       quota and limit above it, all seen as they are without those who leave.
//
// Where nobody gets notice and nothing is quarantined, the frame that takes back is the frame that
// grants. Otherwise the leases are told to leave, and the request gets what they leave behind when
// it waits: those who come later do not pass it.

internal import TenureBase

/// When leases give way to a request.
enum GivingWay {
    case never
    /// Where nobody gets notice and nothing is quarantined.
    case atOnce
    case withNotice
}

extension LedgerState {
    /// Whether any lease of a pool may have to give way.
    func mayGiveWay(in pool: String) -> Bool {
        guard let slot = pools.index(forKey: pool) else { return false }
        let settings = pools.values[slot].pool.settings
        return settings.preemptionSince > 0 || settings.reclaimSince > 0
    }

    /// Whether a lease may be preempted at all: its pool allowed it when it was granted (P1).
    ///
    /// Not a sub-lease: what it holds would go back to its parent, which is preempted instead.
    func isPreemptible(_ lease: Lease) -> Bool {
        guard lease.parent == nil,
            let since = settings(ofPool: lease.terms.pool)?.preemptionSince, since > 0
        else {
            return false
        }
        return Token(rawValue: lease.id.rawValue).position > since
    }

    /// Leases that give way, and where the request fits then.
    struct Preemption {
        var victims: [Lease]
        /// The search that placed the request where they were.
        let placer: Placer
        /// Whether they give back what they borrow, whatever their classes.
        var isReclaim = false
        /// The limit that is in the way until they have left, if one is.
        var limit: Refusal?
        /// Whether only that is in the way.
        var hasRoom = false
    }

    /// Who would give way to `request`; nothing when it would not fit even then.
    ///
    /// What is borrowed is asked back before a class counts. Looks at
    /// `Limits.preemptionCandidates` leases for either at most.
    mutating func preemption(
        for request: AcquireRequest,
        _ terms: Terms,
        overLimit limit: Refusal?,
        _ giveWay: GivingWay,
        now: LedgerTime
    ) throws(RowFault) -> Preemption? {
        guard giveWay != .never, let settings = settings(ofPool: request.pool),
            preempts(in: request.pool)
        else { return nil }
        for total in terms.totals { _ = try guaranteeTree(of: total.kind) }
        var found: Preemption?
        if settings.reclaimBorrowed > 0 {
            found = try reclaim(for: request, terms, settings, now: now)
            found?.isReclaim = true
        }
        if found == nil { found = try preemptionByClass(for: request, terms, settings, now: now) }
        if giveWay == .atOnce, let preemption = found,
            try !canTakeAtOnce(preemption, now: now)
        {
            return nil
        }
        guard found != nil, let limit else { return found }
        found?.limit = limit
        found?.hasRoom = place(request) != nil
        return found
    }

    private mutating func preemptionByClass(
        for request: AcquireRequest,
        _ terms: Terms,
        _ settings: PoolSettings,
        now: LedgerTime
    ) throws(RowFault) -> Preemption? {
        let gap = settings.preemptionGap
        guard gap > 0, UInt64(request.priority.rawValue) >= gap,
            let highest = Priority(rawValue: request.priority.rawValue - UInt8(gap))
        else { return nil }
        let keys = try preemptible(in: request.pool, upTo: highest)
        return try search(keys, for: request, terms, settings, now: now) {
            (state, leaving, departures) throws(RowFault) in
            guard settings.reclaimBorrowed > 0 else { return true }
            return try state.keepsGuarantees(leaving, beside: departures, for: terms)
        }
    }

    /// The first of `keys` that make room, as far as `mayLeave` lets them go.
    func search(
        _ keys: [PreemptibleKey],
        for request: AcquireRequest,
        _ terms: Terms,
        _ settings: PoolSettings,
        now: LedgerTime,
        mayLeave: (LedgerState, Leaving, Departures) throws(RowFault) -> Bool
    ) throws(RowFault) -> Preemption? {
        guard let index = pools[request.pool]?.index else { return nil }
        var search = PreemptionSearch(
            request,
            in: index,
            resources,
            within: try room(for: terms)
        )
        let fits = { (search: PreemptionSearch) throws(RowFault) in
            guard search.fits else { return false }
            return try leavesGuaranteed(search.departures, terms)
        }
        var held: [Lease] = []
        for key in keys {
            guard let lease = try lease(key.lease) else { continue }
            switch lease.state {
            // It leaves already: what it holds will be there without anybody else giving way.
            case .preempted:
                search.add(try leaving(lease), isLeaving: true)
                if try fits(search) { return try search.spared(where: fits) }
            case .held where hasRun(lease, settings.preemptionMinRuntime, now): held.append(lease)
            case .held, .reserved, .quarantined, .ended: continue
            }
        }
        for lease in held {
            let leaving = try leaving(lease)
            guard search.isHelped(by: leaving), try mayLeave(self, leaving, search.departures)
            else { continue }
            search.add(leaving, isLeaving: false)
            if try fits(search) { return try search.spared(where: fits) }
        }
        return nil
    }

    private func hasRun(_ lease: Lease, _ milliseconds: UInt64, _ now: LedgerTime) -> Bool {
        now.milliseconds(since: lease.terms.granted) >= milliseconds
    }

    /// Leases of `pool` up to a class, in the order in which they give way (P2).
    private func preemptible(
        in pool: String,
        upTo highest: Priority
    ) throws(RowFault) -> [PreemptibleKey] {
        let limit = Limits.preemptionCandidates
        let include = { (key: PreemptibleKey) in
            key.pool == pool && key.priority.rawValue <= highest.rawValue
        }
        let changed = preemptible.keys(where: include)
        var found = changed.filter(\.value).map(\.key)
        var stored = 0
        var after: PreemptibleKey?
        // What the store still has may be gone already; read on until there is enough.
        while stored < limit {
            let page = try source.preemptible(in: pool, after: after, limit: limit)
            guard let last = page.last else { break }
            let new = page.filter { include($0) && changed[$0] == nil }
            found += new
            stored += new.count
            after = last
            if last.priority.rawValue > highest.rawValue { break }
        }
        return Array(found.sorted().prefix(limit))
    }

    /// In the place of leases of lower classes: at once, or when those who were told have left.
    mutating func grant(
        _ request: AcquireRequest,
        _ terms: Terms,
        _ preemption: Preemption,
        _ identity: Identity,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard try canTakeAtOnce(preemption, now: now) else {
            // Nobody leaves for a request that could not pay for the place.
            if case .failure(let refusal) = try newCharge(
                preemption.placer.placements,
                terms,
                after: try settling(preemption.victims, now: now),
                now: now
            ) {
                return Decision(.refused(refusal))
            }
            let waits = request.waits || identity.ticket != nil
            let refusal = patience(with: preemption, of: request, waits: waits)
            guard waits else { return Decision(.refused(refusal)) }
            var decision = Decision(
                notice(preemption, for: request, now: now),
                .refused(refusal)
            )
            decision.earmark = Earmark(
                isForAll: preemption.isReclaim,
                lacks: preemption.limit.flatMap { request.shortages(by: $0) } ?? []
            )
            return decision
        }
        let settlements = try settling(preemption.victims, now: now)
        let placer = preemption.placer
        let why = GrantReason(
            policyVersion: Placer.policyVersion,
            strategy: .firstFit,
            considered: placer.considered,
            passedOver: placer.passedOver
        )
        var decision = try grant(
            request,
            terms,
            placer.placements,
            why: why,
            identity,
            after: settlements,
            caller: caller,
            now: now
        )
        guard !decision.events.isEmpty else { return decision }
        let ended = preemption.victims.map(\.id)
        decision.events = decision.events.map { $0.withoutProbes(ended) }
        let taken = settlements + (try takeBack(preemption, for: request, now: now))
        decision.events.insert(contentsOf: taken, at: 0)
        return decision
    }

    /// Whether the frame that takes back can be the frame that grants: nobody gets notice, and
    /// nothing of what is left behind is quarantined.
    private func canTakeAtOnce(
        _ preemption: Preemption,
        now: LedgerTime
    ) throws(RowFault) -> Bool {
        guard let first = preemption.victims.first,
            let settings = settings(ofPool: first.terms.pool),
            settings.preemptionGrace == 0
        else { return false }
        for victim in preemption.victims {
            guard victim.state == .held else { return false }
            for lease in [victim] + (try heldSubleases(of: victim))
            where reclaimed(lease, cause: .preempted, now: now).quarantinedUntil != nil {
                return false
            }
        }
        return true
    }

    /// What is carved from a lease and still held.
    func heldSubleases(of lease: Lease) throws(RowFault) -> [Lease] {
        var held: [Lease] = []
        for id in lease.subleases {
            if let sublease = try self.lease(id), sublease.state.isHeld { held.append(sublease) }
        }
        return held
    }

    /// What takes back at once, what is carved from it too.
    private func takeBack(
        _ preemption: Preemption,
        for request: AcquireRequest,
        now: LedgerTime
    ) throws(RowFault) -> [Event] {
        var events = [
            Event.reclaimed(
                preemption.victims.map { reclaimed($0, cause: .preempted, now: now) },
                cause: .preempted,
                evidence: evidence(of: request, preemption)
            )
        ]
        for victim in preemption.victims {
            if let event = try subleasesTaken(with: victim, now: now) { events.append(event) }
        }
        return events
    }

    /// What tells those to leave who give way and have not been told yet; nothing when all have.
    private func notice(
        _ preemption: Preemption,
        for request: AcquireRequest,
        now: LedgerTime
    ) -> [Event] {
        let told = preemption.victims.filter { $0.state == .held }
        guard !told.isEmpty, let settings = settings(ofPool: request.pool) else { return [] }
        return [
            .preempted(
                told.map(\.id),
                until: now.advanced(byMilliseconds: settings.preemptionGrace),
                evidence: evidence(of: request, preemption)
            )
        ]
    }

    /// What a request hears that gets the place of others, but not yet.
    private func patience(
        with preemption: Preemption,
        of request: AcquireRequest,
        waits: Bool
    ) -> Refusal {
        let count = preemption.victims.count
        let who = preemption.isReclaim ? "of those who borrow" : "of lower classes"
        let leases = "\(count) \(count == 1 ? "lease" : "leases") \(who)"
        let promise =
            waits
            ? "this request gets the place of \(leases) when they have left"
            : "\(leases) would leave for this request: say WAIT"
        if preemption.hasRoom, let limit = preemption.limit {
            return Refusal(limit.code, "\(limit.message); \(promise)", limit: limit.limit)
        }
        return Refusal(
            .exhausted,
            "pool \(request.pool) is full; \(promise)",
            limit: request.totals.count == 1 ? request.totals[0].kind.name : ""
        )
    }

    private func evidence(of request: AcquireRequest, _ preemption: Preemption) -> String {
        let who = "a request of tenant \(request.tenant), class \(request.priority.name)"
        return preemption.isReclaim
            ? "gave back what was borrowed to \(who), which its guarantee covers"
            : "gave way to \(who)"
    }

    /// Leases end when their notice does, and are not renewed beyond.
    mutating func applyNotice(_ ids: [LeaseID], _ until: LedgerTime) throws(RowFault) {
        for id in ids {
            var lease = try known(id)
            removeDue(time: lease.deadline, .lease, id.rawValue)
            lease.state = .preempted
            let lifetime = countedLifetime(of: lease)
            lease.terms = lease.terms.ending(by: until)
            recount(lease, asOf: lifetime)
            lease.deadline = min(lease.deadline, until)
            insertDue(time: lease.deadline, .lease, id.rawValue)
            leases.update(id, lease, at: facts.position)
        }
    }
}

extension LeaseTerms {
    /// The same, but that its longest life ends at `end` at the latest.
    func ending(by end: LedgerTime) -> LeaseTerms {
        LeaseTerms(
            pool: pool,
            tenant: tenant,
            holder: holder,
            uid: uid,
            granted: granted,
            ttlMilliseconds: ttlMilliseconds,
            lifetimeEnd: min(lifetimeEnd, end),
            session: session,
            priority: priority,
            tags: tags,
            purpose: purpose,
            requestID: requestID,
            wasReserved: wasReserved
        )
    }
}
