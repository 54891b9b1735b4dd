// Sub-leases: a part of a lease that is a lease of its own.
//
// It has its own holder, token and life; the lease that it is carved from, its parent, has so much
// less. Amounts of a sub-lease that ended go back to the parent as long as that is held and their
// resource is not drained, and are free otherwise. It never outlives its parent: it is valid as
// long as both are, and the frame that ends the parent takes its sub-leases back.
//
//   N1  A sub-lease that is held has a parent that is held and names it, and has none of its own.
//   N2  A lease has at most `Limits.subleasesPerLease`, those in quarantine included.
//   N3  The tenant of a sub-lease is its parent's or below it.

internal import TenureBase

extension LedgerState {
    func sublease(
        _ reference: LeaseReference,
        _ request: SubleaseRequest,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        if let fault = request.fault { return Decision(refused: .malformed, fault) }
        let known = try lease(reference.lease)
        let key = known.flatMap { requestKey(request.requestID, in: $0) }
        let body = key == nil ? [] : request.canonicalBytes(of: reference)
        if let key, let answered = try answered(key, body: body, now: now) { return answered }
        let parent: Lease
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended: return Decision(refused: .expired, endedSentence(reference))
        case .valid(let found, _): parent = found
        }
        let parts: [Placement]
        switch placements(of: request.parts, in: parent) {
        case .success(let found): parts = found
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        let tenant = request.tenant ?? parent.terms.tenant
        if let refusal = try refusal(of: request, for: tenant, parts, in: parent, now: now) {
            return Decision(.refused(refusal))
        }
        let lease = sublease(of: parent, request, tenant, parts, caller: caller, now: now)
        let stored = key.map { newAnswer($0, .granted(lease), body: body, now: now) }
        return Decision(
            .subleased(SubleaseRecord(lease: lease, stored: stored)),
            .grant(
                Grant(
                    status: .granted,
                    lease: lease.id,
                    token: lease.token,
                    holder: lease.terms.holder,
                    ttlMilliseconds: ttl(until: try end(of: lease), now: now),
                    placements: views(of: lease.placements),
                    position: nextPosition,
                    replayed: false
                )
            )
        )
    }

    /// Why it can not be carved out; nothing when it can.
    private func refusal(
        of request: SubleaseRequest,
        for tenant: String,
        _ parts: [Placement],
        in parent: Lease,
        now: LedgerTime
    ) throws(RowFault) -> Refusal? {
        let id = parent.id.rawValue
        if parent.state == .reserved {
            return Refusal(.malformed, "\(id) is a reservation; COMMIT it before it is carved up")
        }
        if parent.state == .preempted {
            return Refusal(.malformed, "lease \(id) was told to leave and is not carved up")
        }
        if let above = parent.parent {
            return Refusal(
                .malformed,
                "lease \(id) is a sub-lease of \(above.rawValue) and has none of its own; carve "
                    + "from that one"
            )
        }
        let owner = parent.terms.tenant
        guard tenant == owner || tenant.hasPrefix(owner + "/") else {
            return Refusal(
                .malformed,
                "TENANT \(tenant) is neither \(owner), which has the lease, nor below it"
            )
        }
        let (session, ttl) = (request.session, request.ttlMilliseconds)
        if let refusal = try refusal(of: session, ttl, in: parent.terms.pool, now: now) {
            return refusal
        }
        if let refusal = try limitRefusal(of: tenant, below: owner, parts, now: now) {
            return refusal
        }
        guard parent.subleases.count < Limits.subleasesPerLease else {
            return Refusal(
                .busy,
                "lease \(id) has \(Limits.subleasesPerLease) sub-leases, the most that end in one "
                    + "frame with it; release one, or acquire a second lease"
            )
        }
        return nil
    }

    /// The first limit that the tenant of a sub-lease or one above it has reached.
    ///
    /// Amounts are counted anew only between it and the parent's tenant: the levels above have them
    /// already. It is one lease more for all.
    private func limitRefusal(
        of tenant: String,
        below owner: String,
        _ parts: [Placement],
        now: LedgerTime
    ) throws(RowFault) -> Refusal? {
        let levels = Self.levels(of: tenant)
        let above = Self.levels(of: owner)
        let below = levels.filter { !above.contains($0) }
        if let refusal = try limitRefusal(totals(of: parts), at: below) { return refusal }
        return leaseCountRefusal(levels) ?? rateRefusal(levels, now: now)
    }

    /// The amounts in all, by kind, in the order of first mention.
    package func totals(of placements: [Placement]) -> [ClaimAmount] {
        var totals: [ClaimAmount] = []
        for placement in placements {
            guard let kind = resource(placement.resource)?.kind else { continue }
            if let index = totals.firstIndex(where: { $0.kind == kind }) {
                totals[index].amount += placement.amount
            } else {
                totals.append(ClaimAmount(kind: kind, amount: placement.amount))
            }
        }
        return totals
    }

    private func sublease(
        of parent: Lease,
        _ request: SubleaseRequest,
        _ tenant: String,
        _ placements: [Placement],
        caller: Caller,
        now: LedgerTime
    ) -> Lease {
        let end = parent.terms.lifetimeEnd
        let byTTL = request.ttlMilliseconds.map { now.advanced(byMilliseconds: $0) }
        var lease = Lease(
            id: LeaseID(rawValue: nextToken.rawValue),
            token: nextToken,
            state: .held,
            deadline: min(byTTL ?? .never, end),
            placements: placements,
            terms: LeaseTerms(
                pool: parent.terms.pool,
                tenant: tenant,
                holder: request.holder ?? caller.generatedHolder,
                uid: caller.uid,
                granted: now,
                ttlMilliseconds: request.ttlMilliseconds ?? 0,
                lifetimeEnd: end,
                session: request.session,
                priority: parent.terms.priority,
                tags: request.tags,
                purpose: request.purpose,
                requestID: request.requestID,
                wasReserved: false
            )
        )
        lease.parent = parent.id
        return lease
    }

    /// The sub-leases that end because `parent` does, as they are taken back.
    ///
    /// Its holder may say that it is done, but not for theirs: they may still be in use.
    func subleasesTaken(
        with parent: Lease,
        except taken: Set<LeaseID> = [],
        now: LedgerTime
    ) throws(RowFault) -> Event? {
        var ended: [Reclaimed] = []
        for id in parent.subleases where !taken.contains(id) {
            guard let lease = try lease(id), lease.state.isHeld else { continue }
            ended.append(reclaimed(lease, cause: .revoked, now: now))
        }
        if ended.isEmpty { return nil }
        let evidence = "lease \(parent.id.rawValue), from which it was carved, has ended"
        return .reclaimed(ended, cause: .revoked, evidence: evidence)
    }

    // MARK: Applying

    mutating func applySublease(_ record: SubleaseRecord) throws(RowFault) {
        let lease = record.lease
        guard let id = lease.parent else { violated("N1: a sub-lease has a parent") }
        var parent = try known(id)
        invariant(parent.state.isHeld, "N1: the parent of a sub-lease is held")
        invariant(parent.parent == nil, "N1: a sub-lease has none of its own")
        try count(lease.placements, of: parent, as: parent.state, by: .subtracting)
        parent.placements = parent.placements.subtracting(lease.placements)
        parent.subleases.append(lease.id)
        leases.update(id, parent, at: facts.position)
        try insert(lease, record.stored)
    }

    /// Gives amounts of a sub-lease back to its parent, when that is held.
    ///
    /// Not those of a resource that is drained: nobody gets anything there (H2).
    mutating func giveBack(
        _ amounts: [Placement],
        of lease: Lease,
        isOver: Bool
    ) throws(RowFault) {
        guard let id = lease.parent, var parent = try self.lease(id), parent.state.isHeld else {
            return
        }
        let amounts = amounts.filter { !draining.contains($0.resource) }
        if !amounts.isEmpty {
            try count(amounts, of: parent, as: parent.state, by: .adding)
            parent.placements = parent.placements.adding(amounts)
        }
        if isOver { parent.subleases.removeAll { $0 == lease.id } }
        leases.update(id, parent, at: facts.position)
    }
}

extension StoredAnswer.Outcome {
    /// The answer that shows `lease` as it was granted.
    static func granted(_ lease: Lease) -> StoredAnswer.Outcome {
        .granted(
            status: lease.state.rawValue,
            lease: lease.id,
            holder: lease.terms.holder,
            deadline: lease.deadline,
            placements: lease.placements
        )
    }
}

extension SubleaseRequest {
    /// The first thing that is malformed, as a sentence; nothing when all is well.
    var fault: String? {
        if parts.isEmpty || parts.count > Limits.partsPerLease {
            return "a sub-lease has 1 to \(Limits.partsPerLease) parts"
        }
        var request = AcquireRequest(
            pool: "any",
            claims: [Claim(amounts: [ClaimAmount(kind: .cpu, amount: 1)])]
        )
        if let tenant { request.tenant = tenant }
        request.holder = holder
        request.ttlMilliseconds = ttlMilliseconds
        request.session = session
        request.requestID = requestID
        request.tags = tags
        request.purpose = purpose
        return request.fault
    }

    /// What was asked for, every field of it in a fixed order, and of which lease.
    ///
    /// Not the body of another sort of request: see `GrowRequest`.
    func canonicalBytes(of reference: LeaseReference) -> [UInt8] {
        var writer = ByteWriter(capacity: 96)
        writer.write("")
        writer.write("SUBLEASE")
        writer.write(reference.lease.rawValue)
        writer.write(reference.token.rawValue)
        writer.writeVarint(UInt64(parts.count))
        for part in parts {
            writer.write(part.resource)
            writer.write(part.quantity)
        }
        writer.write(tenant ?? "")
        writer.write(holder ?? "")
        for number in [ttlMilliseconds, session?.rawValue] {
            writer.write(UInt8(number == nil ? 0 : 1))
            writer.writeVarint(number ?? 0)
        }
        writer.write(tags)
        writer.write(purpose ?? "")
        return writer.bytes
    }
}
