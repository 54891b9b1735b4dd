// Looks for the fewest leases without which a request fits, in its pool and in all limits.

/// A lease that gives way, with what goes with it.
struct Leaving {
    let lease: Lease
    /// What it and all that is carved from it hold.
    var placements: [Placement]
    /// What that is of every quota that counts it.
    var used: [QuotaKey: UInt64] = [:]
    /// How many leases that is at every level that counts them.
    var leases: [String: UInt64] = [:]
}

/// What is free without leases that give way.
struct Departures {
    private(set) var amounts: [ResourceID: UInt64] = [:]
    private(set) var used: [QuotaKey: UInt64] = [:]
    private(set) var leases: [String: UInt64] = [:]

    mutating func add(_ leaving: Leaving) {
        for placement in leaving.placements {
            amounts[placement.resource, default: 0] += placement.amount
        }
        used.merge(leaving.used) { $0 + $1 }
        leases.merge(leaving.leases) { $0 + $1 }
    }
}

/// The limits above a request.
struct LimitRoom {
    struct Amount {
        let key: QuotaKey
        /// What would be used with the request.
        let wanted: UInt64
        let ceiling: UInt64
    }

    struct Count {
        let level: String
        /// How many there would be with the request.
        let wanted: UInt64
        let most: UInt64
    }

    var amounts: [Amount] = []
    var counts: [Count] = []

    /// Whether the request keeps to all of them when some have left.
    func allows(after departures: Departures) -> Bool {
        amounts.allSatisfy { $0.wanted - departures.used[$0.key, default: 0] <= $0.ceiling }
            && counts.allSatisfy { $0.wanted - departures.leases[$0.level, default: 0] <= $0.most }
    }

    /// Whether a lease is counted where there is not enough room.
    func isHelped(by leaving: Leaving) -> Bool {
        amounts.contains { $0.wanted > $0.ceiling && leaving.used[$0.key] != nil }
            || counts.contains { $0.wanted > $0.most && leaving.leases[$0.level] != nil }
    }
}

/// Looks for the fewest leases that make room for a request.
struct PreemptionSearch {
    private let request: AcquireRequest
    private let index: PlaceIndex
    private let resources: [Resource?]
    private let kinds: Set<Kind>
    private let room: LimitRoom
    /// Whether no limit is in the way.
    private let isOfCapacity: Bool
    /// In the order in which they give way.
    private var leases: [(leaving: Leaving, isLeaving: Bool)] = []
    private(set) var departures = Departures()
    /// The places of those leases, in the order of the first of each.
    private var slots: [Int] = []
    private var found: Placer?

    init(
        _ request: AcquireRequest,
        in index: PlaceIndex,
        _ resources: [Resource?],
        within room: LimitRoom
    ) {
        self.request = request
        self.index = index
        self.resources = resources
        self.room = room
        kinds = Set(request.totals.map(\.kind))
        isOfCapacity = room.allows(after: Departures())
    }

    /// Whether the request fits without those that were added.
    var fits: Bool { found != nil }

    /// Whether it could fit better without a lease.
    func isHelped(by leaving: Leaving) -> Bool {
        room.isHelped(by: leaving) || !touched(by: leaving).isEmpty
    }

    /// What a lease holds of what is asked for.
    private func touched(by leaving: Leaving) -> [Placement] {
        leaving.placements.filter { placement in
            resources[Int(placement.resource.rawValue)].map { kinds.contains($0.kind) } ?? false
        }
    }

    /// One more gives way, if that helps.
    mutating func add(_ leaving: Leaving, isLeaving: Bool) {
        guard isHelped(by: leaving) else { return }
        leases.append((leaving, isLeaving))
        departures.add(leaving)
        let new = touched(by: leaving).compactMap { index.slot(of: $0.resource) }
        for slot in new where !slots.contains(slot) { slots.append(slot) }
        guard room.allows(after: departures) else { return }
        // One place is enough for most requests, and only those that changed can be it.
        found = isOfCapacity && isOnePlace ? place(in: Set(new).sorted()) : place(in: slots)
    }

    private var isOnePlace: Bool { request.claims.count == 1 && request.claims[0].places == 1 }

    private func place(in slots: [Int]) -> Placer? {
        var placer = Placer(
            resources: resources,
            selector: request.selector,
            freed: departures.amounts,
            heldBack: index.heldBack,
            withheld: request.leftToOthers(of: resources, freed: departures.amounts)
        )
        return placer.place(request.claims, first: slots, in: index) ? placer : nil
    }

    /// The same without the lease at an index.
    private func sparing(_ index: Int) -> PreemptionSearch {
        var search = self
        search.leases.remove(at: index)
        search.departures = Departures()
        for entry in search.leases { search.departures.add(entry.leaving) }
        search.found = room.allows(after: search.departures) ? search.place(in: slots) : nil
        return search
    }

    /// What was found, without those who need not give way for `fits` to hold (P2).
    func spared(
        where fits: (PreemptionSearch) throws(RowFault) -> Bool
    ) throws(RowFault) -> LedgerState.Preemption? {
        guard found != nil else { return nil }
        var search = self
        for index in leases.indices.reversed() where !leases[index].isLeaving {
            let trial = search.sparing(index)
            if try fits(trial) { search = trial }
        }
        guard let placer = search.found else { return nil }
        let used = Set(placer.placements.map(\.resource))
        let victims = search.leases.map(\.leaving).filter { leaving in
            leaving.lease.state == .held || room.isHelped(by: leaving)
                || leaving.placements.contains { used.contains($0.resource) }
        }
        return LedgerState.Preemption(victims: victims.map(\.lease), placer: placer)
    }
}

extension LedgerState {
    /// A lease with what goes when it goes.
    func leaving(_ lease: Lease) throws(RowFault) -> Leaving {
        var leaving = Leaving(lease: lease, placements: [])
        for one in [lease] + (try heldSubleases(of: lease)) {
            leaving.placements = leaving.placements.adding(one.placements)
            let levels = Self.levels(of: one.terms.tenant)
            if !tenantLimits.isEmpty {
                for level in levels { leaving.leases[level, default: 0] += 1 }
            }
            guard !quotas.isEmpty else { continue }
            for total in totals(of: one.placements) {
                for level in levels {
                    let key = QuotaKey(tenant: level, kind: total.kind)
                    leaving.used[key, default: 0] += total.amount
                }
            }
        }
        return leaving
    }

    /// The limits above a request.
    func room(for terms: Terms) throws(RowFault) -> LimitRoom {
        var room = LimitRoom()
        for level in terms.tenantLevels {
            if let limits = tenantLimits[level], let most = limits.leases {
                room.counts.append(
                    LimitRoom.Count(level: level, wanted: limits.count + 1, most: most)
                )
            }
            for total in terms.totals {
                let key = QuotaKey(tenant: level, kind: total.kind)
                guard let quota = quota(key) else { continue }
                let used = try used(by: level, of: total.kind)
                room.amounts.append(
                    LimitRoom.Amount(key: key, wanted: used + total.amount, ceiling: quota.ceiling)
                )
            }
        }
        return room
    }
}
