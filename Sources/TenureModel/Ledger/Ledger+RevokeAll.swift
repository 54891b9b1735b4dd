// Taking leases from their holders at once: all of a tenant, a holder, a node, a pool, or a tag.
//
// Step by step, each at most one frame: who asks goes on where the step before ended. What is
// granted meanwhile is younger than all that was looked at, so it comes up last.

extension LedgerState {
    func revokeAll(_ request: RevokeRequest, now: LedgerTime) throws(RowFault) -> Decision {
        if let refusal = refusal(of: request) { return Decision(.refused(refusal)) }
        var last: LeaseID?
        switch Self.id(after: request.after, of: "step") {
        case .success(let id): last = id.map { LeaseID(rawValue: $0) }
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        var batch = Batch()
        var taken: [Reclaimed] = []
        var looked = 0
        var isLast = false
        var rows = MergedLeases(state: leases, source: source, after: last)
        while batch.weight < Limits.reclaimBatch, looked < Limits.pageScan {
            guard let lease = try rows.next() else {
                isLast = true
                break
            }
            looked += 1
            last = lease.id
            // What is carved from one of them ends with it.
            guard !lease.state.isOver, try admits(lease, request), !batch.leases.contains(lease.id)
            else { continue }
            batch.leases.insert(lease.id)
            batch.weight += 1
            batch.ending.append(lease)
            taken.append(reclaimed(lease, cause: .revoked, now: now))
            try reclaimSubleases(of: lease, into: &batch, now: now)
        }
        let cursor = isLast ? nil : last.map { "\($0.rawValue)" }
        return Decision(
            request.isDry ? [] : try events(taken, batch, request.reason, now: now),
            answer(request, batch, cursor)
        )
    }

    private func events(
        _ taken: [Reclaimed],
        _ batch: Batch,
        _ reason: String,
        now: LedgerTime
    ) throws(RowFault) -> [Event] {
        if taken.isEmpty { return [] }
        return try settling(batch.ending, now: now)
            + [.reclaimed(taken, cause: .revoked, evidence: reason)] + batch.subleases
    }

    private func answer(
        _ request: RevokeRequest,
        _ batch: Batch,
        _ cursor: String?
    ) -> Answer {
        let changes = !request.isDry && !batch.ending.isEmpty
        let items = batch.ending.map { lease in
            Document.map([
                .init("lease", .id(lease.id.rawValue)), .init("state", .string(lease.state.name)),
                .init("pool", .string(lease.terms.pool)),
                .init("tenant", .string(lease.terms.tenant)),
                .init("holder", .string(lease.terms.holder)),
                .init("placements", .list(views(of: lease.placements).map(\.document))),
            ])
        }
        return .document(
            .map([
                .init("status", .string(request.isDry ? "dry run" : "revoked")),
                .init("revoked", .count(changes ? batch.leases.count : 0)),
                .init("items", .list(items)), .init("cursor", .optional(cursor)),
                .init("position", .id(changes ? nextPosition : facts.position)),
            ])
        )
    }

    private func refusal(of request: RevokeRequest) -> Refusal? {
        guard request.reason.isPlainText, !request.reason.isEmpty else {
            return Refusal(
                .malformed,
                "a reason is 1 to \(Limits.textBytes) bytes without control characters"
            )
        }
        let filter = request.filter
        if filter == LeaseFilter(), request.node == nil, request.tags.isEmpty {
            return Refusal(
                .malformed,
                "nothing says which leases; name a POOL, TENANT, HOLDER, NODE or TAG"
            )
        }
        if let pool = filter.pool, pools.index(forKey: pool) == nil { return noPool(pool) }
        return nil
    }

    private func admits(_ lease: Lease, _ request: RevokeRequest) throws(RowFault) -> Bool {
        guard request.filter.admits(lease), Label.match(request.tags, in: lease.terms.tags) else {
            return false
        }
        guard let node = request.node else { return true }
        // What is carved from it and ends with its own holder would go back to it.
        return try placementsWithSubleases(of: lease).contains {
            resource($0.resource)?.place == node
        }
    }
}
