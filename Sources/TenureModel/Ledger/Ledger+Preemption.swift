// Preemption: in a pool that allows it, a request that does not fit takes the place of leases of
// lower classes.
//
//   P1  Only a lease gives way that is no sub-lease, that was granted after its pool first allowed
//       preemption, that is at least `preemptionGap` classes below the request, and that has run
//       for `preemptionMinRuntime`.
//   P2  Who gives way is decided by class, the lowest first, and within a class by age, the most
//       recent first; in the reverse of that order, everybody is spared without whom the request
//       still fits. A lease gives way whole, all places of a gang.
//   P3  The class of who takes is above that of everybody who gives. So the classes of those who
//       hold, counted from the highest down, only ever rise by preemption, and who gave way can
//       not take the place back: there is no loop.
//   P4  Nothing gives way for a request that does not fit even then.
//
// Where nobody gets notice and nothing is quarantined, the frame that takes back is the frame that
// grants. Otherwise the leases are told to leave, and the request gets what they leave behind when
// it waits: those who come later do not pass it.

internal import TenureBase

extension LedgerState {
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
    }

    /// Who would give way to `request`; nothing when it would not fit even then.
    ///
    /// Looks at `Limits.preemptionCandidates` leases at most.
    func preemption(
        for request: AcquireRequest,
        now: LedgerTime
    ) throws(RowFault) -> Preemption? {
        guard let state = pools[request.pool] else { return nil }
        let gap = state.pool.settings.preemptionGap
        guard gap > 0, UInt64(request.priority.rawValue) >= gap,
            let highest = Priority(rawValue: request.priority.rawValue - UInt8(gap))
        else { return nil }
        var search = PreemptionSearch(request, in: state.index, resources)
        for key in try preemptible(in: request.pool, upTo: highest) {
            guard let lease = try lease(key.lease) else { continue }
            switch lease.state {
            // It leaves already: what it holds will be there without anybody else giving way.
            case .preempted: search.add(lease, isLeaving: true)
            case .held where hasRun(lease, state.pool.settings.preemptionMinRuntime, now):
                search.add(lease, isLeaving: false)
            case .held, .reserved, .quarantined, .ended: continue
            }
            if search.fits { return search.spared }
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
        guard canTakeAtOnce(preemption, now: now) else {
            // Nobody leaves for a request that could not pay for the place.
            if case .failure(let refusal) = newCharge(
                preemption.placer.placements,
                terms,
                now: now
            ) {
                return Decision(.refused(refusal))
            }
            let waits = request.waits || identity.ticket != nil
            return Decision(
                waits ? notice(preemption, for: request, now: now) : [],
                .refused(patience(with: preemption, of: request, waits: waits))
            )
        }
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
            caller: caller,
            now: now
        )
        guard !decision.events.isEmpty else { return decision }
        let ended = preemption.victims.map(\.id)
        decision.events = decision.events.map { $0.withoutProbes(ended) }
        let settled = try settling(preemption.victims, now: now)
        let taken = settled + (try takeBack(preemption, for: request, now: now))
        decision.events.insert(contentsOf: taken, at: 0)
        return decision
    }

    /// Whether the frame that takes back can be the frame that grants: nobody gets notice, and
    /// nothing of what is left behind is quarantined.
    private func canTakeAtOnce(_ preemption: Preemption, now: LedgerTime) -> Bool {
        guard let first = preemption.victims.first,
            let settings = settings(ofPool: first.terms.pool)
        else { return false }
        return settings.preemptionGrace == 0
            && preemption.victims.allSatisfy {
                $0.state == .held
                    && reclaimed($0, cause: .preempted, now: now).quarantinedUntil == nil
            }
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
                evidence: evidence(of: request)
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
                evidence: evidence(of: request)
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
        let leases = count == 1 ? "a lease of a lower class" : "\(count) leases of lower classes"
        return Refusal(
            .exhausted,
            "pool \(request.pool) is full; \(leases) "
                + (waits ? "leave for this request" : "would leave for it: say WAIT"),
            limit: request.totals.count == 1 ? request.totals[0].kind.name : ""
        )
    }

    private func evidence(of request: AcquireRequest) -> String {
        "gave way to a request of tenant \(request.tenant), class \(request.priority.name)"
    }

    /// Leases end when their notice does, and are not renewed beyond.
    mutating func applyNotice(_ ids: [LeaseID], _ until: LedgerTime) throws(RowFault) {
        for id in ids {
            var lease = try known(id)
            removeDue(time: lease.deadline, .lease, id.rawValue)
            lease.state = .preempted
            lease.terms = lease.terms.ending(by: until)
            lease.deadline = min(lease.deadline, until)
            insertDue(time: lease.deadline, .lease, id.rawValue)
            leases.update(id, lease, at: facts.position)
        }
    }
}

/// Looks for the fewest leases that make room for a request.
struct PreemptionSearch {
    private let request: AcquireRequest
    private let index: PlaceIndex
    private let resources: [Resource?]
    private let kinds: Set<Kind>
    /// In the order in which they give way.
    private var leases: [(lease: Lease, isLeaving: Bool)] = []
    private var freed: [ResourceID: UInt64] = [:]
    /// The places of those leases, in the order of the first of each.
    private var slots: [Int] = []
    private var found: Placer?

    init(_ request: AcquireRequest, in index: PlaceIndex, _ resources: [Resource?]) {
        self.request = request
        self.index = index
        self.resources = resources
        kinds = Set(request.totals.map(\.kind))
    }

    /// Whether the request fits without those that were added.
    var fits: Bool { found != nil }

    /// One more gives way, if it holds anything that is asked for.
    mutating func add(_ lease: Lease, isLeaving: Bool) {
        let touched = lease.placements.filter { placement in
            resources[Int(placement.resource.rawValue)].map { kinds.contains($0.kind) } ?? false
        }
        guard !touched.isEmpty else { return }
        leases.append((lease, isLeaving))
        free(lease)
        for slot in touched.compactMap({ index.slot(of: $0.resource) })
        where !slots.contains(slot) {
            slots.append(slot)
        }
        let new = touched.compactMap { index.slot(of: $0.resource) }
        // One place is enough for most requests, and only those that changed can be it.
        found = isOnePlace ? place(in: Set(new).sorted()) : place(in: slots)
    }

    private var isOnePlace: Bool { request.claims.count == 1 && request.claims[0].places == 1 }

    private mutating func free(_ lease: Lease) {
        for placement in lease.placements {
            freed[placement.resource, default: 0] += placement.amount
        }
    }

    private func place(in slots: [Int]) -> Placer? {
        var placer = Placer(
            resources: resources,
            selector: request.selector,
            freed: freed,
            heldBack: index.heldBack
        )
        return placer.place(request.claims, first: slots, in: index) ? placer : nil
    }

    /// What was found, without those who need not give way (P2).
    var spared: LedgerState.Preemption? {
        guard found != nil else { return nil }
        var search = self
        for index in leases.indices.reversed() where !leases[index].isLeaving {
            var trial = search
            trial.leases.removeAll { $0.lease.id == leases[index].lease.id }
            trial.freed = [:]
            for entry in trial.leases { trial.free(entry.lease) }
            trial.found = trial.place(in: slots)
            if trial.fits { search = trial }
        }
        guard let placer = search.found else { return nil }
        let used = Set(placer.placements.map(\.resource))
        return LedgerState.Preemption(
            victims: search.leases.map(\.lease).filter { lease in
                lease.state == .held || lease.placements.contains { used.contains($0.resource) }
            },
            placer: placer
        )
    }
}

extension Placer {
    /// Places every claim as if what is freed were free: at these places first, then anywhere.
    mutating func place(_ claims: [Claim], first slots: [Int], in index: PlaceIndex) -> Bool {
        for claim in claims {
            var left = claim.places
            for slot in slots where left > 0 {
                let place = index.places[slot]
                left -= fill(place, with: claim.amounts, atMost: left, taking: .tightest)
            }
            guard left > 0 else { continue }
            let rest = Claim(places: left, amounts: claim.amounts)
            if !placeFirst(rest, in: index) { return false }
        }
        return true
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
