// Circuit breakers: what is not granted because it failed too often, and how that ends.
//
//   closed ──failures or refusals──▶ open ──time──▶ half-open ──a probe succeeds──▶ closed
//                                      ▲                 │
//                                      └───one failure───┘  twice as long, up to an hour
//
// A resource's breaker counts leases that report it as failed. Open, its resource is left out of
// the places; half-open, at most `probesMax` leases at a time find out. A pool's breaker counts
// requests that it refused as exhausted since its last grant. Open, the pool answers CIRCUITOPEN;
// half-open, the next grant closes it and the next refusal opens it.
//
//   C1  A breaker changes by events only, each with the whole row: a restart closes nothing.
//   C2  What is granted on a half-open resource is a probe, and there are never more than allowed.
//   C3  The index of a pool leaves out exactly the resources whose breaker holds back, and what is
//       free on them covers no guarantee.

internal import TenureBase

/// The breakers that have a row.
struct BreakerTable {
    fileprivate(set) var rows: [BreakerSubject: Breaker] = [:]
    /// What each probe finds out about.
    fileprivate(set) var probes: [LeaseID: [BreakerSubject]] = [:]
    var changed: [BreakerSubject: Position] = [:]

    subscript(subject: BreakerSubject) -> Breaker? { rows[subject] }

    /// Whether nothing is granted on a resource.
    func holdBack(_ resource: ResourceID) -> Bool {
        !rows.isEmpty && rows[.resource(resource)]?.holdsBack == true
    }
}

// Applying.
extension LedgerState {
    /// Puts the rows of a checkpoint into memory.
    mutating func restoreBreakers(_ rows: [Breaker]) {
        for row in rows { keep(row) }
    }

    /// Applies what becomes of a breaker.
    mutating func applyBreaker(_ event: Event) {
        switch event {
        case .breakerSet(let breaker): put(breaker)
        case .breakerCleared(let subject, _): clear(subject)
        default: violated("M1: only breakers come here")
        }
    }

    /// Takes a lease that has ended out of the probes, so that another may find out.
    mutating func endProbes(of lease: LeaseID) {
        guard let subjects = breakers.probes[lease] else { return }
        for subject in subjects {
            guard var breaker = breakers.rows[subject] else { continue }
            breaker.probes.removeAll { $0 == lease }
            put(breaker)
        }
    }

    private mutating func put(_ breaker: Breaker) {
        clear(breaker.subject)
        if breaker.state == .open { insertDue(time: breaker.until, .breaker, breaker.number) }
        keep(breaker)
        breakers.changed[breaker.subject] = facts.position
    }

    private mutating func keep(_ breaker: Breaker) {
        setRow(breaker.subject, breaker)
        for lease in breaker.probes {
            breakers.probes[lease, default: []].append(breaker.subject)
        }
    }

    private mutating func clear(_ subject: BreakerSubject) {
        guard let breaker = breakers.rows[subject] else { return }
        setRow(subject, nil)
        if breaker.state == .open { removeDue(time: breaker.until, .breaker, breaker.number) }
        for lease in breaker.probes {
            breakers.probes[lease]?.removeAll { $0 == subject }
            if breakers.probes[lease]?.isEmpty == true { breakers.probes[lease] = nil }
        }
        breakers.changed[subject] = facts.position
    }

    /// Keeps a row or forgets it, and tells who asks what could be granted (C3).
    private mutating func setRow(_ subject: BreakerSubject, _ breaker: Breaker?) {
        guard case .resource(let id) = subject, let resource = resource(id) else {
            breakers.rows[subject] = breaker
            return
        }
        let before = grantable(resource)
        breakers.rows[subject] = breaker
        let now = grantable(resource)
        guarantees[resource.kind]?.setFree(now, before: before)
        guard let slot = pools.index(forKey: resource.pool) else { return }
        let back = breaker?.holdsBack ?? false
        pools.values[slot].index.hold(resource, back: back, in: resources)
        noteChange(of: resource.pool)
    }
}

// Granting.
extension LedgerState {
    /// The refusal of a pool whose breaker is open.
    func circuitRefusal(of pool: String, now: LedgerTime) -> Refusal? {
        guard let breaker = breakers[.pool(pool)], breaker.state == .open else { return nil }
        return Refusal(
            .circuitOpen,
            "pool \(pool) does not grant since \(now.milliseconds(since: breaker.since)) ms: "
                + "\(breaker.cause); it is tried again in "
                + "\(breaker.until.milliseconds(since: now)) ms, or after BREAKER RESET POOL "
                + pool,
            limit: "breaker"
        )
    }

    /// What a grant to `lease` does to breakers (C2): its half-open resources are on trial, and its
    /// pool works.
    func breakerEvents(
        of placements: [Placement],
        to lease: LeaseID,
        in pool: String
    ) -> [Event] {
        guard !breakers.rows.isEmpty else { return [] }
        var events: [Event] = []
        if breakers[.pool(pool)] != nil {
            events.append(.breakerCleared(.pool(pool), reason: "the pool grants"))
        }
        for id in onTrial(placements) {
            guard var breaker = breakers[.resource(id)] else { continue }
            invariant(!breaker.holdsBack, "C2: nothing is granted past a breaker")
            // One that grows there finds out already.
            if breaker.probes.contains(lease) { continue }
            breaker.probes.append(lease)
            events.append(.breakerSet(breaker))
        }
        return events
    }

    /// What a grant, or a plan, says of breakers; nothing when none has to do with it.
    func breakerNotice(
        of placements: [Placement],
        in pool: String,
        kinds: @autoclosure () -> [Kind]
    ) -> BreakerNotice? {
        guard !breakers.rows.isEmpty else { return nil }
        let leftOut = leftOut(of: pool, kinds: kinds())
        let onTrial = onTrial(placements).compactMap { resource($0)?.name }
        if leftOut.isEmpty, onTrial.isEmpty { return nil }
        return BreakerNotice(
            onTrial: onTrial,
            leftOut: Array(leftOut.prefix(BreakerNotice.leftOutMax))
        )
    }

    /// The resources of a pool of these kinds that breakers hold back, by declaration.
    func leftOut(of pool: String, kinds: [Kind]) -> [String] {
        guard let held = pools[pool]?.index.heldBack, !held.isEmpty else { return [] }
        return held.sorted().compactMap { resource($0) }.filter { kinds.contains($0.kind) }
            .map(\.name)
    }

    private func onTrial(_ placements: [Placement]) -> [ResourceID] {
        Set(placements.map(\.resource)).sorted().filter {
            breakers[.resource($0)]?.state == .halfOpen
        }
    }

    /// What the whole release of a lease says of what it was to find out: it works.
    func breakerEvents(ofRelease lease: LeaseID) -> [Event] {
        guard let probes = breakers.probes[lease] else { return [] }
        return probes.sorted().map {
            .breakerCleared($0, reason: "lease \(lease.rawValue) on trial was given back")
        }
    }
}

extension Event {
    /// A breaker as it is once leases have ended in the same frame; anything else as it is.
    func withoutProbes(_ ended: [LeaseID]) -> Event {
        guard case .breakerSet(var breaker) = self else { return self }
        breaker.probes.removeAll { ended.contains($0) }
        return .breakerSet(breaker)
    }
}

// Time.
extension LedgerState {
    /// Turns an open breaker half-open.
    func breakerDue(_ entry: DueEntry, into batch: inout Batch) {
        let found: Breaker?
        if let id = UInt32(exactly: entry.key.id) {
            found = breakers[.resource(ResourceID(rawValue: id))]
        } else {
            found = breakers.rows.values.first { $0.number == entry.key.id }
        }
        guard var breaker = found, breaker.state == .open, breaker.until == entry.key.time else {
            return
        }
        breaker.state = .halfOpen
        breaker.until = .never
        batch.weight += 1
        batch.others.append(.breakerSet(breaker))
    }
}
