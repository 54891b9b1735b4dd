// Cordoning and draining resources and nodes, and what happens at the end of a drain.
//
// A drain may have an end. It is a deadline of every lease that has something on the resource, and
// nothing moves it: neither renewal nor grace. From then on those leases are invalid, whether or
// not they were taken back. Nothing says which leases a resource has, so they are looked for in the
// order of their age, some in each frame; the row of the resource keeps how far that is.
//
//   H1  Once a drain has ended, the resource changes its state only when nothing is held or
//       reserved on it: what was told to be over does not come back to life.
//   H2  No lease up to `Drain.past` has anything on the resource that is not quarantined. Nothing
//       is granted on it meanwhile, and nothing goes back there from a sub-lease to its parent, so
//       that this stays true.

internal import TenureBase

extension LedgerState {
    /// When the lease ends by a drain; `never` when no drain of what it has ends.
    func drainEnd(of lease: Lease) -> LedgerTime {
        guard !draining.isEmpty else { return .never }
        return lease.placements.reduce(.never) { end, placement in
            min(end, resource(placement.resource)?.drain?.by ?? .never)
        }
    }

    /// What its holder is told; nothing when nothing of it is on a resource that is drained.
    func drainNotice(of lease: Lease, now: LedgerTime) -> DrainNotice? {
        guard !draining.isEmpty, lease.state != .quarantined,
            lease.placements.contains(where: { draining.contains($0.resource) })
        else { return nil }
        return DrainNotice(milliseconds: ttl(until: drainEnd(of: lease), now: now))
    }

    /// The resource as fields, with what is left of its drain.
    func document(of resource: Resource, now: LedgerTime) -> Document {
        guard case .map(let fields) = resource.document else { return resource.document }
        let window = windowField(of: resource.id)
        guard resource.state == .draining else { return .map(fields + window) }
        let left = ttl(until: resource.drain?.by ?? .never, now: now)
        return .map(fields + [DrainNotice(milliseconds: left).field] + window)
    }

    // MARK: Changing states

    func setResourceState(
        _ name: String,
        _ state: ResourceState,
        byMilliseconds: UInt64?,
        now: LedgerTime
    ) -> Decision {
        guard let resource = resource(named: name) else {
            return Decision(.refused(noResource(name)))
        }
        if let refusal = fault(ofDrainBy: byMilliseconds, state) ?? drainFault(resource, now: now) {
            return Decision(.refused(refusal))
        }
        return Decision(
            leavingWindows([resource.id]) + [
                stateChange(resource, state, byMilliseconds, now: now)
            ],
            done
        )
    }

    func setNodeState(_ request: NodeRequest, now: LedgerTime) -> Decision {
        if let pool = request.pool, pools.index(forKey: pool) == nil {
            return Decision(.refused(noPool(pool)))
        }
        if let refusal = fault(ofDrainBy: request.byMilliseconds, request.state) {
            return Decision(.refused(refusal))
        }
        let names = request.pool.map { [$0] } ?? pools.keys.sorted()
        let found = names.flatMap { pools[$0]?.index.resources(inPlace: request.node) ?? [] }
        if let refusal = nodeFault(request.node, request.pool, found: found.count) {
            return Decision(.refused(refusal))
        }
        var events: [Event] = []
        var changed: [ResourceID] = []
        for resource in found.compactMap({ resource($0) }) where resource.state.isOperators {
            if resource.state == request.state, resource.drain == nil,
                request.byMilliseconds == nil, windows.running(resource.id) == nil
            {
                continue
            }
            if let refusal = drainFault(resource, now: now) { return Decision(.refused(refusal)) }
            changed.append(resource.id)
            events.append(stateChange(resource, request.state, request.byMilliseconds, now: now))
        }
        return Decision(
            leavingWindows(changed) + events,
            .document(
                .map([
                    .init("status", .string("ok")), .init("resources", .count(events.count)),
                    .init("position", .id(events.isEmpty ? facts.position : nextPosition)),
                ])
            )
        )
    }

    /// The refusal where a node has no resources, or more than change in one step.
    func nodeFault(_ node: String, _ pool: String?, found count: Int) -> Refusal? {
        if count == 0 {
            return Refusal(
                .notFound,
                "no resource is on node \(node.printable)"
                    + (pool.map { " in pool \($0)" } ?? "") + "; see RESOURCE LIST"
            )
        }
        guard count > Limits.nodeResources else { return nil }
        return Refusal(
            .malformed,
            "node \(node) has \(count) resources, above the limit of \(Limits.nodeResources) in "
                + "one step; name a POOL, or change them one by one"
        )
    }

    private func stateChange(
        _ resource: Resource,
        _ state: ResourceState,
        _ byMilliseconds: UInt64?,
        now: LedgerTime
    ) -> Event {
        guard let byMilliseconds else { return .resourceStateSet(resource.id, state) }
        return .resourceDrained(resource.id, by: now.advanced(byMilliseconds: byMilliseconds))
    }

    private func fault(ofDrainBy milliseconds: UInt64?, _ state: ResourceState) -> Refusal? {
        guard let milliseconds else { return nil }
        guard state == .draining else {
            return Refusal(.malformed, "BY is the end of a drain; nothing else has one")
        }
        guard milliseconds > 0, milliseconds <= Limits.millisecondsMax else {
            return Refusal(.malformed, "BY is from 1 to \(Limits.millisecondsMax) ms")
        }
        return nil
    }

    /// The refusal of a change while the end of the drain is carried out (H1).
    func drainFault(_ resource: Resource, now: LedgerTime) -> Refusal? {
        guard let drain = resource.drain, drain.by <= now, resource.isInUse else { return nil }
        return Refusal(
            .busy,
            "the drain of \(resource.name) has ended and what is left on it is being taken back; "
                + "retry when that is done",
            limit: "drain"
        )
    }

    // MARK: Events

    /// Applies what changes the state of a resource.
    mutating func applyState(_ event: Event) {
        switch event {
        case .resourceStateSet(let id, let state):
            resource(id).map { endDrain(of: $0) }
            changeResource(id) { $0.state = state }
        case .resourceDrained(let id, let by):
            resource(id).map { endDrain(of: $0) }
            insertDue(time: by, .drain, UInt64(id.rawValue))
            changeResource(id) {
                $0.state = .draining
                $0.drain = Drain(by: by)
            }
        case .drainAdvanced(let id, let past):
            changeResource(id) { $0.drain?.past = past }
        default: violated("M1: only states of resources come here")
        }
    }

    /// Forgets when the drain of a resource ends.
    mutating func endDrain(of resource: Resource) {
        guard let drain = resource.drain else { return }
        removeDue(time: drain.by, .drain, UInt64(resource.id.rawValue))
        changeResource(resource.id) { $0.drain = nil }
    }

    // MARK: The end of a drain

    /// One step: takes back what has something on the resource, of some leases by age.
    mutating func reclaimDrained(
        _ entry: DueEntry,
        into batch: inout Batch,
        now: LedgerTime
    ) throws(RowFault) {
        guard let number = UInt32(exactly: entry.key.id),
            let resource = resource(ResourceID(rawValue: number)),
            let drain = resource.drain, drain.by == entry.key.time
        else { return }
        var left = resource.held + resource.reserved
        var past = drain.past
        var taken: [Reclaimed] = []
        var looked = 0
        var rows = MergedLeases(
            state: leases,
            source: source,
            after: past.rawValue == 0 ? nil : past
        )
        while left > 0, looked < Limits.drainScan, batch.weight < Limits.reclaimBatch {
            guard let lease = try rows.next() else {
                violated("H2: \(left) of \(resource.name) are held by no lease")
            }
            looked += 1
            past = lease.id
            let amount = lease.amount(of: resource.id)
            guard lease.state != .quarantined, amount > 0 else { continue }
            left -= amount
            // One that ends in this frame for another reason ends once.
            guard batch.leases.insert(lease.id).inserted else { continue }
            batch.weight += 1
            batch.ending.append(lease)
            taken.append(reclaimed(lease, cause: .revoked, now: now))
            try reclaimSubleases(of: lease, into: &batch, now: now)
        }
        if !taken.isEmpty {
            let evidence = "drain of \(resource.name) ended at ledger time \(drain.by.nanoseconds)"
            batch.others.append(.reclaimed(taken, cause: .revoked, evidence: evidence))
        }
        batch.weight = Limits.reclaimBatch
        if left == 0 {
            batch.others.append(.resourceStateSet(resource.id, .draining))
        } else {
            batch.others.append(.drainAdvanced(resource.id, past: past))
            // Behind what is due by now, so that a long look does not hold that up.
            dueQueue.postpone(entry, until: now)
        }
    }
}

extension Resource {
    /// Whether holders have something on it.
    fileprivate var isInUse: Bool { held > 0 || reserved > 0 }
}

extension ResourceState {
    /// Whether an operator has put it there, and not what detection saw.
    fileprivate var isOperators: Bool {
        switch self {
        case .active, .cordoned, .draining: true
        case .unconfirmed, .lost: false
        }
    }
}

extension Lease {
    /// How much of one resource it has.
    fileprivate func amount(of resource: ResourceID) -> UInt64 {
        placements.reduce(0) { $1.resource == resource ? $0 + $1.amount : $0 }
    }
}
