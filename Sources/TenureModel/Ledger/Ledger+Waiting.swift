// What a request can lack, and what of that a frame may have brought.
//
// Who waits and in which order is the engine's to know: a waiter is no part of the state.

/// What a request can lack: some of a kind in a pool, or room in a quota.
package struct Shortage: Hashable, Sendable {
    /// The pool; empty for a quota.
    package let pool: String
    /// The kind by its name; of a quota `tenant kind`, as its refusal has it.
    package let limit: String

    /// Whether a quota is in the way, so that capacity is not what is waited for.
    package var isQuota: Bool { pool.isEmpty }

    /// Whether other leases are in the way, or missing, so that room is not what is waited for.
    package var isAffinity: Bool {
        !isQuota && (limit.hasPrefix("NEAR ") || limit.hasPrefix("AWAY "))
    }

    /// Whether who lacks it holds up nobody who needs room.
    package var isBesideRoom: Bool { isQuota || isAffinity }

    /// Too little of `kind` in `pool`.
    package init(of kind: Kind, in pool: String) {
        self.pool = pool
        limit = kind.name
    }

    /// Too little left in the quota of `tenant` for `kind`.
    package init(quotaOf tenant: String, _ kind: Kind) {
        pool = ""
        limit = "\(tenant) \(kind.name)"
    }

    /// Too little that others are not guaranteed, for `tenant` to borrow more of `kind`.
    package init(borrowingBy tenant: String, _ kind: Kind) {
        pool = ""
        limit = "\(tenant) \(kind.name) borrowed"
    }

    /// As many leases as `tenant` may have.
    package init(leasesOf tenant: String) {
        pool = ""
        limit = "leases of \(tenant)"
    }

    /// Enough left in the budget of `tenant`.
    package init(budgetOf tenant: String) {
        pool = ""
        limit = "budget of \(tenant)"
    }

    /// Whether it is of this kind that there is too little to borrow.
    package func isBorrowing(of kind: Kind) -> Bool {
        isQuota && limit.hasSuffix(" \(kind.name) borrowed")
    }

    /// Whether it is money that there is too little of: how much is needed depends on the place.
    fileprivate var isBudget: Bool { isQuota && limit.hasPrefix("budget of ") }

    fileprivate init(pool: String, limit: String) {
        self.pool = pool
        self.limit = limit
    }
}

extension AcquireRequest {
    /// Everything that the request could lack of its one pool: its kinds there and in the quotas
    /// above it.
    ///
    /// Only of a request that is well formed.
    package var possibleShortages: [Shortage] { possibleShortages(in: [pool]) }

    /// Everything that the request could lack where it asks these pools.
    package func possibleShortages(in pools: [String]) -> [Shortage] {
        let kinds = totals.map(\.kind)
        let levels = LedgerState.levels(of: tenant)
        return pools.flatMap { pool in kinds.map { Shortage(of: $0, in: pool) } }
            + levels.flatMap { level in kinds.map { Shortage(quotaOf: level, $0) } }
            + kinds.map { Shortage(borrowingBy: tenant, $0) }
            + levels.flatMap { [Shortage(leasesOf: $0), Shortage(budgetOf: $0)] }
            + pools.flatMap { pool in othersNeeded.map { Shortage(pool: pool, limit: $0) } }
    }

    /// What it lacks by `refusal`, the answer of its one pool; nothing when waiting can not help.
    ///
    /// All of its kinds where each alone is free, but not together.
    package func shortages(by refusal: Refusal) -> [Shortage]? {
        shortages(in: pool, by: refusal.code, refusal.limit)
    }

    /// What it lacks of `pool` by the code and the limit that are the answer there; nothing when
    /// waiting can not help.
    package func shortages(
        in pool: String,
        by code: RefusalCode,
        _ limit: String
    ) -> [Shortage]? {
        switch code {
        case .quota: [Shortage(pool: "", limit: limit)]
        case .exhausted where limit.isEmpty: totals.map { Shortage(of: $0.kind, in: pool) }
        case .exhausted: [Shortage(pool: pool, limit: limit)]
        default: nil
        }
    }

    /// Why it is not granted although it would fit: others have waited for `shortage` before it.
    package func refusal(
        behindThoseWhoLack shortage: Shortage,
        promised: String = "",
        remedy: String = "say WAIT to queue behind them, or ask with a higher PRIORITY"
    ) -> Refusal {
        if shortage.isQuota {
            return Refusal(
                .quota,
                "others wait before this request for the quota '\(shortage.limit)'; \(remedy)",
                limit: shortage.limit
            )
        }
        return Refusal(
            .exhausted,
            "others wait before this request for \(shortage.limit) of pool \(shortage.pool)"
                + "\(promised); \(remedy)",
            limit: shortage.limit
        )
    }
}

extension [Label] {
    /// Whether what one selector lets through can not be let through by the other: both name a
    /// label, and no value that one allows is allowed by the other.
    package func excludes(_ other: [Label]) -> Bool {
        contains { label in
            other.contains { opposite in
                guard opposite.name == label.name else { return false }
                let allowed = Set(label.value.split(separator: "|"))
                return allowed.isDisjoint(with: opposite.value.split(separator: "|"))
            }
        }
    }
}

/// Whom a frame may let through, or make hopeless.
package struct Relief {
    /// Of these there may be enough now.
    package fileprivate(set) var shortages: Set<Shortage> = []
    /// More of these may be borrowed now.
    package fileprivate(set) var borrowed: Set<Kind> = []
    /// Leases of these pools are others now, or have other places, where that is asked for.
    package fileprivate(set) var touched: Set<String> = []
    /// Whoever waits in these pools may fit now, or never.
    package fileprivate(set) var pools: Set<String> = []
    /// Whether there are other pools now, or others of their settings.
    package fileprivate(set) var changesPools = false
    /// These tenants' shares may be others now.
    package fileprivate(set) var levels: Set<String> = []
    /// Whether the shares of all may be others now, because there is more or less of a kind.
    package fileprivate(set) var changesCapacity = false
    /// Whoever waits for more of these leases may wait in vain.
    package fileprivate(set) var leases: Set<LeaseID> = []
    /// Of these leases the end, or what they hold, is another now.
    package fileprivate(set) var ends: [LeaseID] = []
    /// Whoever waits in these sessions waits in vain.
    package fileprivate(set) var sessions: [SessionID] = []
    /// Pools in which leases give way, and others may than before: for that, all that a request
    /// needs counts, not only what it was found to lack, and all that is guaranteed anywhere.
    fileprivate var preempting: Set<String> = []
    /// Whether a tenant may have more leases at once.
    fileprivate var raisesLimits = false
    /// Whether there may be more of something in a pool.
    package fileprivate(set) var bringsCapacity = false

    /// Whether it frees more than what it names.
    package var isBroad: Bool {
        !borrowed.isEmpty || !touched.isEmpty || bringsCapacity || !preempting.isEmpty
    }

    /// Whether it may serve those who lack something that it does not name: who borrows, who goes
    /// by other leases, who takes the place of others, or who pays less elsewhere.
    package func mayServe(_ shortage: Shortage) -> Bool {
        if shortage.isAffinity, touched.contains(shortage.pool) { return true }
        if borrowed.contains(where: { shortage.isBorrowing(of: $0) }) { return true }
        if shortage.isBudget { return bringsCapacity }
        // Leases that use up a quota give way only to what then has room.
        return shortage.isQuota ? !preempting.isEmpty : preempting.contains(shortage.pool)
    }
}

extension LedgerState {
    /// Whether leases of `pool` give way to requests of higher classes, or within guarantees.
    package func preempts(in pool: String) -> Bool {
        guard let settings = settings(ofPool: pool) else { return false }
        return settings.preemptionGap > 0 || settings.reclaimBorrowed > 0
    }

    /// Whom the passing of time may let through, where leases give way that have run long enough.
    ///
    /// Nothing where that is nowhere.
    package var reliefByRuntime: Relief? {
        var relief = Relief()
        for state in pools.values where state.pool.settings.preemptionMinRuntime > 0 {
            if preempts(in: state.pool.name) { relief.pools.insert(state.pool.name) }
        }
        return relief.pools.isEmpty ? nil : relief
    }

    /// Whom `events` may let through.
    ///
    /// To be asked before they are applied, because they may end what they are about.
    package func relief(of events: [Event]) throws(RowFault) -> Relief {
        var relief = Relief()
        for event in events {
            try add(event, to: &relief)
            if !event.leavesEndsAlone { try add(event.leases, to: &relief) }
        }
        for shortage in relief.shortages where !shortage.isQuota {
            relief.bringsCapacity = true
            if preempts(in: shortage.pool) { relief.preempting.insert(shortage.pool) }
        }
        if !relief.borrowed.isEmpty || relief.raisesLimits {
            for name in pools.keys where preempts(in: name) { relief.preempting.insert(name) }
        }
        return relief
    }

    private func add(_ leases: [LeaseID], to relief: inout Relief) throws(RowFault) {
        for id in leases {
            relief.ends.append(id)
            guard let lease = try lease(id) else { continue }
            // What a sub-lease gives back goes there, and to nobody when that one has ended.
            if let parent = lease.parent { relief.ends.append(parent) }
            relief.ends += lease.subleases
        }
    }

    private func add(_ event: Event, to relief: inout Relief) throws(RowFault) {
        relief.leases.formUnion(event.leases)
        switch event {
        // A grant, too: a gang is placed claim by claim, and may fit once a place is taken.
        case .granted(let record):
            add(record.lease, to: &relief)
            if let served = record.served { addBooking(served.ticket, to: &relief) }
        case .ticketEnded(let end): addBooking(end.ticket, to: &relief)
        case .windowEnded(let end): addWindow(end.window, to: &relief)
        case .grown(let record):
            guard var lease = try lease(record.lease) else { return }
            lease.placements = record.added
            add(lease, to: &relief)
        case .committed, .reduced, .released, .reclaimed, .quarantineEnded:
            for id in event.leases {
                if let lease = try lease(id) { add(lease, to: &relief) }
            }
        case .subleased(let record): touch(record.lease.terms.pool, &relief)
        case .sessionEnded(let id, _, _): relief.sessions.append(id)
        case .resourceStateSet(let id, _), .resourceDrained(let id, _):
            guard let resource = resource(id) else { return }
            touch(resource.pool, &relief)
            relief.shortages.insert(Shortage(of: resource.kind, in: resource.pool))
            relief.borrowed.insert(resource.kind)
        case .resourceSet(let declaration):
            relief.pools.insert(declaration.request.pool)
            relief.borrowed.insert(declaration.request.kind)
            relief.changesCapacity = true
        case .resourceDeleted(let id):
            relief.changesCapacity = true
            if let pool = resource(id)?.pool { relief.pools.insert(pool) }
        case .breakerSet(let breaker):
            if breaker.state != .closed { add(breaker.subject, to: &relief) }
        case .breakerCleared(let subject, _): add(subject, to: &relief)
        case .poolSet(let pool): change(pool.name, &relief)
        case .poolDeleted(let name): change(name, &relief)
        // A gang is placed in another order by other prices, and may fit.
        case .policyLearnt(let pool, _): relief.pools.insert(pool)
        case .quotaSet(let quota): change(quota.tenant, quota.kind, &relief)
        case .quotaDeleted(let key): change(key.tenant, key.kind, &relief)
        case .tenantLimitsSet(let limits):
            relief.shortages.insert(Shortage(leasesOf: limits.tenant))
            relief.raisesLimits = true
        case .budgetSet(let budget):
            relief.shortages.insert(Shortage(budgetOf: budget.tenant))
        case .budgetDeleted(let tenant):
            relief.shortages.insert(Shortage(budgetOf: tenant))
        case .budgetHeld, .budgetSettled, .opened, .grace, .epochRaised, .pruned, .renewed,
            .wallClockSet, .preempted, .handedOver, .sessionOpened, .sessionKept, .sessionForgotten,
            .answered,
            .answersForgotten, .refused, .refusalsCounted,
            .leasesForgotten, .drainAdvanced, .queued, .ticketProlonged, .booked, .bookingMoved,
            .windowPlanned, .windowBegan:
            break
        }
    }

    /// What was withheld for a booking is not any more.
    private func addBooking(_ id: TicketID, to relief: inout Relief) {
        if let booking = bookings[id] { relief.pools.insert(booking.pool) }
    }

    /// What was withheld for a window is not any more; what drained in it has events of its own.
    private func addWindow(_ id: WindowID, to relief: inout Relief) {
        for member in windows[id]?.members ?? [] {
            if let pool = resource(member.resource)?.pool { relief.pools.insert(pool) }
        }
    }

    private func change(_ pool: String, _ relief: inout Relief) {
        relief.pools.insert(pool)
        relief.changesPools = true
    }

    /// The quota of a tenant is another.
    private func change(_ tenant: String, _ kind: Kind, _ relief: inout Relief) {
        relief.shortages.insert(Shortage(quotaOf: tenant, kind))
        relief.borrowed.insert(kind)
        relief.levels.insert(tenant)
    }

    private func add(_ subject: BreakerSubject, to relief: inout Relief) {
        switch subject {
        case .pool(let name): relief.pools.insert(name)
        case .resource(let id):
            guard let resource = resource(id) else { return }
            touch(resource.pool, &relief)
            relief.shortages.insert(Shortage(of: resource.kind, in: resource.pool))
        }
    }

    /// Who waits to be near leases, or away from them, is looked at whatever changes in the pool.
    ///
    /// Nobody does before the index of tags is there.
    private func touch(_ pool: String, _ relief: inout Relief) {
        if tags != nil { relief.touched.insert(pool) }
    }

    private func add(_ lease: Lease, to relief: inout Relief) {
        touch(lease.terms.pool, &relief)
        let levels = Self.levels(of: lease.terms.tenant)
        for level in levels where budgets[level] != nil {
            relief.shortages.insert(Shortage(budgetOf: level))
        }
        for level in levels where tenantLimits[level]?.leases != nil {
            relief.shortages.insert(Shortage(leasesOf: level))
        }
        relief.levels.formUnion(levels)
        var kinds: [Kind] = []
        for placement in lease.placements {
            guard let kind = resource(placement.resource)?.kind, !kinds.contains(kind) else {
                continue
            }
            kinds.append(kind)
            if reservedKinds[kind] != nil { relief.borrowed.insert(kind) }
            relief.shortages.insert(Shortage(of: kind, in: lease.terms.pool))
            for level in levels { relief.shortages.insert(Shortage(quotaOf: level, kind)) }
        }
    }
}

extension Event {
    /// Whether its leases hold what they held, and end when they did at the latest.
    fileprivate var leavesEndsAlone: Bool {
        switch self {
        case .renewed, .handedOver, .budgetSettled, .leasesForgotten: true
        default: false
        }
    }
}
