// Growing a lease: more amounts, all of them or nothing, in one frame.
//
// A lease that has grown has a new token. Whoever guards a thing that came with the growth may have
// seen a token of somebody who had it after this lease was granted: the old token would not pass,
// and would not keep that one out. In order of precedence: malformed, a repeated or conflicting
// request id, the token, an open breaker of the pool, unsatisfiable, quota, exhausted.

internal import TenureBase

/// What is to be added to which lease, and where.
private struct Growth {
    let lease: Lease
    let asked: AcquireRequest
    let node: String?
    let nearby: Nearby

    /// The refusal in the words of the one place that was asked for.
    func refusal(_ refusal: Refusal) -> Refusal {
        guard let node else { return refusal }
        let place = "place \(node) of pool \(asked.pool)"
        let sentence =
            refusal.code == .unsatisfiable
            ? "the claims do not fit \(place) even when it is empty; ask for less, or leave NODE "
                + "out"
            : "\(place) has not enough free for what was asked; leave NODE out, or retry when "
                + "leases end"
        return Refusal(refusal.code, sentence, limit: refusal.limit)
    }
}

extension LedgerState {
    mutating func grow(
        _ reference: LeaseReference,
        _ request: GrowRequest,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        if let fault = request.fault { return Decision(refused: .malformed, fault) }
        let known = try lease(reference.lease)
        let key = known.flatMap { requestKey(request.requestID, in: $0) }
        let body = key == nil ? [] : request.canonicalBytes(of: reference)
        if let key, let answered = try answered(key, body: body, now: now) { return answered }
        let lease: Lease
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended: return Decision(refused: .expired, endedSentence(reference))
        case .valid(let found, _): lease = found
        }
        if lease.state == .reserved {
            return Decision(
                refused: .malformed,
                "\(lease.id.rawValue) is a reservation; COMMIT it before it grows"
            )
        }
        if lease.state == .preempted {
            return Decision(
                refused: .malformed,
                "lease \(lease.id.rawValue) was told to leave and does not grow; acquire anew"
            )
        }
        if let parent = lease.parent {
            return Decision(
                refused: .malformed,
                "\(lease.id.rawValue) is a sub-lease of \(parent.rawValue) and does not grow; "
                    + "carve another one from that"
            )
        }
        if let refusal = growthRefusal(lease) { return Decision(.refused(refusal)) }
        let asked = request.asked(by: lease)
        let nearby = nearby(lease, request)
        if let place = request.node, pools[asked.pool]?.index.slot(ofPlace: place) == nil {
            return Decision(
                refused: .notFound,
                "pool \(asked.pool) has no place \(place.printable); see RESOURCE LIST"
            )
        }
        if let refusal = outdated(request, in: asked.pool) { return Decision(.refused(refusal)) }
        if let refusal = circuitRefusal(of: asked.pool, now: now) {
            return Decision(.refused(refusal))
        }
        let growth = Growth(lease: lease, asked: asked, node: request.node, nearby: nearby)
        return try grow(growth, key: key, body: body, now: now)
    }

    private mutating func grow(
        _ growth: Growth,
        key: RequestKey?,
        body: [UInt8],
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        var lease = growth.lease
        let terms = Terms(
            tenantLevels: Self.levels(of: lease.terms.tenant),
            totals: growth.asked.totals,
            ttlMilliseconds: lease.terms.ttlMilliseconds,
            deadline: lease.deadline,
            lifetimeEnd: lease.terms.lifetimeEnd
        )
        let quota = try quotaRefusal(terms)
        if quota == nil, let refusal = try uncountable(terms) { return Decision(.refused(refusal)) }
        guard quota == nil, let (added, why) = place(growth.asked, nearby: growth.nearby) else {
            let never = infeasible(growth.asked, nearby: growth.nearby).map { growth.refusal($0) }
            let booked = bookedRefusal(
                of: growth.asked,
                nearby: growth.nearby,
                remedy: "retry when the booking is over"
            )
            return Decision(
                .refused(never ?? quota ?? booked ?? growth.refusal(exhaustion(of: growth.asked)))
            )
        }
        lease.placements = lease.placements.adding(added)
        let most = try placementsWithSubleases(of: lease).count
        guard most <= Limits.partsPerLease else {
            return Decision(
                refused: .malformed,
                "the lease would have \(most) parts, above the limit of "
                    + "\(Limits.partsPerLease); acquire a second one"
            )
        }
        lease.token = nextToken
        let record = GrowthRecord(
            lease: lease.id,
            token: lease.token,
            added: added,
            stored: key.map { newAnswer($0, .changed(.grown, lease), body: body, now: now) },
            why: why
        )
        var answer = try changed(lease, .grown, now: now)
        answer.breakers = breakerNotice(
            of: record.added,
            in: growth.asked.pool,
            kinds: terms.totals.map(\.kind)
        )
        return Decision(
            [.grown(record)] + breakerEvents(of: record.added, to: lease.id, in: growth.asked.pool),
            .grant(answer)
        )
    }

    /// What a lease holds when all that its sub-leases have has come back.
    func placementsWithSubleases(of lease: Lease) throws(RowFault) -> [Placement] {
        var all = lease.placements
        for id in lease.subleases {
            if let sublease = try self.lease(id) { all = all.adding(sublease.placements) }
        }
        return all
    }

    /// The answer that shows a lease as the frame of the decision leaves it.
    func changed(
        _ lease: Lease,
        _ change: LeaseChange,
        now: LedgerTime
    ) throws(RowFault) -> Grant {
        Grant(
            status: change.status,
            lease: lease.id,
            token: lease.token,
            holder: lease.terms.holder,
            ttlMilliseconds: ttl(until: try end(of: lease), now: now),
            placements: views(of: lease.placements),
            position: nextPosition,
            replayed: false
        )
    }

    /// The key of the request id `id` among those of the lease's tenant.
    func requestKey(_ id: String?, in lease: Lease) -> RequestKey? {
        id.map { RequestKey(tenant: lease.terms.tenant, id: $0) }
    }

    /// What a command asks of a pool, so that it can be in the way of others.
    ///
    /// Nothing when it asks nothing of a pool, or of a lease that is not there.
    package func asked(by command: Command) throws(RowFault) -> AcquireRequest? {
        switch command {
        case .acquire(let request): request
        case .grow(let reference, let request):
            try lease(reference.lease).map { request.asked(by: $0) }
        default: nil
        }
    }

    /// Where a lease grows first: in the one place that was asked for, or where it is.
    private func nearby(_ lease: Lease, _ request: GrowRequest) -> Nearby {
        if let node = request.node { return Nearby(places: [node], isAll: true) }
        var places: [String] = []
        for placement in lease.placements {
            guard let place = resource(placement.resource)?.place, !places.contains(place) else {
                continue
            }
            places.append(place)
        }
        return Nearby(places: places)
    }

    // MARK: Applying

    mutating func applyGrowth(_ record: GrowthRecord) throws(RowFault) {
        var lease = try known(record.lease)
        invariant(
            record.token.position == facts.position,
            "I4: the token of a growth is its own position"
        )
        try count(record.added, of: lease, as: lease.state, by: .adding)
        lease.placements = lease.placements.adding(record.added)
        lease.token = record.token
        leases.update(lease.id, lease, at: facts.position)
        if let stored = record.stored { store(stored) }
    }
}

extension StoredAnswer.Outcome {
    /// The answer that shows `lease` as it is after `change`.
    static func changed(_ change: LeaseChange, _ lease: Lease) -> StoredAnswer.Outcome {
        .changed(
            change,
            lease: lease.id,
            token: lease.token,
            holder: lease.terms.holder,
            deadline: lease.deadline,
            placements: lease.placements
        )
    }
}

extension GrowRequest {
    /// The first thing that is malformed, as a sentence; nothing when all is well.
    var fault: String? {
        if let node, !Names.isValid(node) { return "NODE '\(node.printable)' is no name" }
        if node != nil, waitMilliseconds != nil {
            return "NODE and WAIT exclude each other: who waits is in the way of all places; leave "
                + "one of them out"
        }
        if plan != nil, node == nil {
            return "PLAN is of a plan of moves, each of which has its place; name that with NODE"
        }
        var request = AcquireRequest(pool: "any", claims: claims)
        request.selector = selector
        request.requestID = requestID
        request.waitMilliseconds = waitMilliseconds
        if request.isRanged { return "GROW adds all that it names; give one amount, no range" }
        return request.fault
    }

    /// The same as a request of the lease's holder for a lease of its own.
    func asked(by lease: Lease) -> AcquireRequest {
        var request = AcquireRequest(pool: lease.terms.pool, claims: claims)
        request.tenant = lease.terms.tenant
        request.priority = lease.terms.priority
        request.selector = selector
        request.strategy = strategy
        request.waitMilliseconds = waitMilliseconds
        request.plan = plan
        request.withheld = withheld
        request.bookedRoom = bookedRoom
        return request
    }

    /// What was asked for, every field of it but wait and plan in a fixed order, and of which
    /// lease.
    ///
    /// Not the body of another sort of request: that of a new lease begins with the name of a pool.
    func canonicalBytes(of reference: LeaseReference) -> [UInt8] {
        var writer = ByteWriter(capacity: 96)
        writer.write("")
        writer.write("GROW")
        writer.write(reference.lease.rawValue)
        writer.write(reference.token.rawValue)
        writer.write(claims)
        writer.write(node ?? "")
        writer.write(selector)
        writer.write(strategy?.rawValue ?? "")
        return writer.bytes
    }
}

extension [Placement] {
    /// The placements with `parts` added, one entry for what is added to a resource.
    func adding(_ parts: [Placement]) -> [Placement] {
        var sum = self
        var indices: [ResourceID: Int] = [:]
        for index in sum.indices.reversed() { indices[sum[index].resource] = index }
        for part in parts {
            if let index = indices[part.resource] {
                sum[index].amount += part.amount
            } else {
                indices[part.resource] = sum.count
                sum.append(part)
            }
        }
        return sum
    }
}
