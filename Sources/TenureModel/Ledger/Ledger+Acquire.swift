// Granting: leases, reservations and plans.
//
// In order of precedence: malformed, a repeated or conflicting request id, unknown pool or session,
// an open breaker of the pool, unsatisfiable, quota, exhausted, budget (what it costs depends on
// the place), too many grants a second.

internal import TenureBase

extension LedgerState {
    /// What was found out about a request before places are looked for.
    struct Terms {
        var tenantLevels: [String]
        var totals: [ClaimAmount]
        var ttlMilliseconds: UInt64
        var deadline: LedgerTime
        var lifetimeEnd: LedgerTime
    }

    /// What the request's id, or its place in the queue, means for the answer.
    struct Identity {
        /// The request, field by field; empty without an id.
        var body: [UInt8] = []
        /// What makes room for the answer where the id has one that binds nobody.
        var superseded: [Event] = []
        /// The ticket that is being served.
        var ticket: TicketID?

        init(ticket: TicketID?) {
            self.ticket = ticket
        }
    }

    mutating func acquire(
        _ request: AcquireRequest,
        serving ticket: TicketID? = nil,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        if let fault = request.fault { return Decision(refused: .malformed, fault) }
        if request.hasAffinities { try prepareTags() }
        var identity = Identity(ticket: ticket)
        if let id = request.requestID, !request.planOnly {
            identity.body = request.canonicalBytes
            if ticket != nil {
                identity.superseded = try superseded(RequestKey(tenant: request.tenant, id: id))
            } else if let answered = try answered(request, &identity, now: now) {
                return answered
            }
        }
        if request.plan != nil, let refusal = outdated(request) {
            return Decision(.refused(refusal))
        }
        if request.asksSeveralPools {
            return try acquireFromSeveral(request, identity, caller: caller, now: now)
        }
        return try acquireFromOne(request, identity, caller: caller, now: now)
    }

    /// Decides about a request to its one pool that is well formed and not answered yet, with
    /// others giving way when `giveWay` says.
    mutating func acquireFromOne(
        _ request: AcquireRequest,
        _ identity: Identity,
        giveWay: GivingWay = .withNotice,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let terms: Terms
        switch try self.terms(of: request, now: now) {
        case .success(let found): terms = found
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        if let refusal = circuitRefusal(of: request.pool, now: now) {
            return Decision(.refused(refusal))
        }
        if let refusal = endlessRefusal(terms) { return Decision(.refused(refusal)) }
        if request.isRanged {
            return try acquireFromOne(
                settled(request, terms, now: now),
                identity,
                giveWay: giveWay,
                caller: caller,
                now: now
            )
        }
        let overQuota = try quotaRefusal(terms)
        let overLimit = overQuota ?? leaseCountRefusal(terms.tenantLevels)
        if overLimit == nil, let refusal = try uncountable(terms) {
            return Decision(.refused(refusal))
        }
        return try grant(
            request,
            terms,
            identity,
            overLimit: overLimit,
            giveWay: giveWay,
            caller: caller,
            now: now
        )
    }

    private mutating func grant(
        _ request: AcquireRequest,
        _ terms: Terms,
        _ identity: Identity,
        overLimit: Refusal?,
        giveWay: GivingWay,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard overLimit == nil, let (placements, why) = place(request) else {
            if let infeasible = infeasible(request) {
                return refuseForGood(request, infeasible, identity, now: now)
            }
            guard request.isPreemptive, request.plan == nil,
                let preemption = try preemption(
                    for: request,
                    terms,
                    overLimit: overLimit,
                    giveWay,
                    now: now
                )
            else {
                let refusal =
                    overLimit ?? affinityRefusal(of: request) ?? bookedRefusal(of: request)
                return Decision(.refused(refusal ?? exhaustion(of: request)))
            }
            return try grant(request, terms, preemption, identity, caller: caller, now: now)
        }
        if let refusal = tooDear(request, placements) {
            return Decision(.refused(refusal))
        }
        var decision = try grant(
            request,
            terms,
            placements,
            why: why,
            identity,
            caller: caller,
            now: now
        )
        if request.planOnly { decision.answer.set(version: facts.position) }
        return decision
    }

    /// A lease, reservation or plan at these placements, when `settlements` have freed what they
    /// free of budgets.
    mutating func grant(
        _ request: AcquireRequest,
        _ terms: Terms,
        _ placements: [Placement],
        why: GrantReason,
        _ identity: Identity,
        after settlements: [Event] = [],
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard placements.count <= Limits.partsPerLease else {
            return Decision(
                refused: .malformed,
                "the request needs \(placements.count) parts, above the limit of "
                    + "\(Limits.partsPerLease); ask for it in smaller requests"
            )
        }
        let charge: LeaseCharge?
        switch try newCharge(placements, terms, after: settlements, now: now) {
        case .success(let found): charge = found
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        if let refusal = rateRefusal(terms.tenantLevels, now: now) {
            return Decision(.refused(refusal))
        }
        let lease = newLease(request, terms, placements, caller: caller, now: now)
        var answer = Grant(
            status: lease.state == .held ? .granted : .reserved,
            lease: lease.id,
            token: lease.token,
            holder: lease.terms.holder,
            ttlMilliseconds: try ttlOfNew(lease, now: now),
            placements: views(of: lease.placements),
            position: nextPosition,
            replayed: false,
            breakers: breakerNotice(
                of: lease.placements,
                in: lease.terms.pool,
                kinds: terms.totals.map(\.kind)
            ),
            price: price(of: placements),
            confidence: try confidence(of: request, placements, why)
        )
        if request.planOnly {
            answer.status = .planned
            answer.position = facts.position
            return Decision(.grant(answer))
        }
        return Decision(
            record(request, lease, why, charge, identity, now: now),
            .grant(answer)
        )
    }

    /// What a grant changes, in the order in which it is applied.
    private func record(
        _ request: AcquireRequest,
        _ lease: Lease,
        _ why: GrantReason,
        _ charge: LeaseCharge?,
        _ identity: Identity,
        now: LedgerTime
    ) -> [Event] {
        let stored = newAnswer(request, .granted(lease), identity, now: now)
        let served = identity.ticket.map { ticket in
            ServedTicket(
                ticket: ticket,
                keptUntil: now.advanced(byMilliseconds: Limits.requestWindowMilliseconds)
            )
        }
        let record = GrantRecord(lease: lease, stored: stored, why: why, served: served)
        var events = identity.superseded
        events.append(.granted(record))
        if let charge { events.append(.budgetHeld(lease.id, charge)) }
        events += breakerEvents(of: lease.placements, to: lease.id, in: lease.terms.pool)
        return events
    }

    private func newLease(
        _ request: AcquireRequest,
        _ terms: Terms,
        _ placements: [Placement],
        caller: Caller,
        now: LedgerTime
    ) -> Lease {
        Lease(
            id: LeaseID(rawValue: nextToken.rawValue),
            token: nextToken,
            state: request.holdMilliseconds == nil ? .held : .reserved,
            deadline: terms.deadline,
            placements: placements,
            terms: LeaseTerms(
                pool: request.pool,
                tenant: request.tenant,
                holder: request.holder ?? caller.generatedHolder,
                uid: caller.uid,
                granted: now,
                ttlMilliseconds: terms.ttlMilliseconds,
                lifetimeEnd: terms.lifetimeEnd,
                session: request.session,
                priority: request.priority,
                tags: request.tags,
                purpose: request.purpose,
                requestID: request.requestID,
                wasReserved: request.holdMilliseconds != nil
            )
        )
    }

    /// The answer that is kept for the request's id; nothing without an id.
    func newAnswer(
        _ request: AcquireRequest,
        _ outcome: StoredAnswer.Outcome,
        _ identity: Identity,
        now: LedgerTime
    ) -> StoredAnswer? {
        request.requestID.map { id in
            newAnswer(
                RequestKey(tenant: request.tenant, id: id),
                outcome,
                body: identity.body,
                now: now
            )
        }
    }

    private func ttlOfNew(_ lease: Lease, now: LedgerTime) throws(RowFault) -> UInt64? {
        ttl(until: try end(of: lease), now: now)
    }

    /// The bounds that pool and session set, and the amounts in all.
    func terms(
        of request: AcquireRequest,
        now: LedgerTime
    ) throws(RowFault) -> Result<Terms, Refusal> {
        guard let settings = settings(ofPool: request.pool) else {
            return .failure(noPool(request.pool))
        }
        if let id = request.session {
            guard let session = try session(id), session.ended == nil,
                dueTime(of: session) > now
            else {
                return .failure(Refusal(.expired, "session \(id.rawValue) has ended; open another"))
            }
        }
        let ttl = request.session == nil ? request.ttlMilliseconds ?? settings.ttlDefault : 0
        if request.session == nil, let refusal = refusal(ofTTL: ttl, inPool: request.pool) {
            return .failure(refusal)
        }
        var lifetime = request.maxLifetimeMilliseconds ?? settings.maxLifetime
        if settings.maxLifetime > 0, lifetime > settings.maxLifetime {
            return .failure(
                Refusal(
                    .malformed,
                    "MAXLIFETIME \(lifetime) ms is above maxLifetime \(settings.maxLifetime) ms of "
                        + "pool \(request.pool)"
                )
            )
        }
        if lifetime == 0 { lifetime = .max }
        let lifetimeEnd = now.advanced(byMilliseconds: lifetime)
        let first = request.holdMilliseconds ?? (request.session == nil ? ttl : .max)
        return .success(
            Terms(
                tenantLevels: Self.levels(of: request.tenant),
                totals: request.totals,
                ttlMilliseconds: ttl,
                deadline: min(now.advanced(byMilliseconds: first), lifetimeEnd),
                lifetimeEnd: lifetimeEnd
            )
        )
    }

    /// The refusal of what the counters of the tenant could not hold; its first level has most.
    func uncountable(_ terms: Terms) throws(RowFault) -> Refusal? {
        guard let root = terms.tenantLevels.last, let used = try usage(of: root)?.entries else {
            return nil
        }
        for total in terms.totals {
            guard let before = used.first(where: { $0.kind == total.kind })?.used,
                before + total.amount > Limits.amountMax
            else { continue }
            return Refusal(
                .busy,
                "tenant \(root) would use more than \(Limits.amountMax) "
                    + "\(total.kind.baseUnit.rawValue) of \(total.kind.name), the most that is "
                    + "counted; release some first"
            )
        }
        return nil
    }
}
