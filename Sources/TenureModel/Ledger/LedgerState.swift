// The state of a ledger: what is true after a position.
//
// `decide` says what a command would change, without changing it; `apply` changes it. Both are
// synchronous, deterministic, and know no clock, no randomness and no hash order: time, identity
// and rows are handed in. Recovery calls `apply` only.
//
//   M1  Events are applied once and in log order.
//   M2  Ledger time strictly increases.
//   M3  A decision changes nothing until its events are applied.
//
// Decisions are in Ledger+<subject>.swift, the application of events in Ledger+Apply.swift.

internal import TenureBase

/// The rows in memory, the overlay of changed rows, and the way to all others.
package struct LedgerState {
    /// Where rows come from that are neither in memory nor changed.
    let source: any RowSource
    /// What of the state is not a row.
    package internal(set) var facts: LedgerFacts

    var pools = PoolTable()
    /// By id; the first is not used.
    var resources: [Resource?] = [nil]
    var resourceIDs: [String: ResourceID] = [:]
    /// The positions at which something of them was taken or given back last, or that of the
    /// checkpoint that the state was read from; by id.
    var lastTaken: [Position] = [0]
    /// Those that are draining, so that without any nobody looks for them.
    var draining: Set<ResourceID> = []
    var quotas: [String: [Quota]] = [:]
    var tenantLimits: [String: TenantLimits] = [:]
    var budgets: [String: Budget] = [:]
    /// Of how many tenants something is kept free, by kind; no entry is 0.
    var reservedKinds: [Kind: Int] = [:]
    /// What is kept free of a kind, as far as it was asked for.
    var guarantees: [Kind: GuaranteeTree] = [:]
    /// Who uses more than was guaranteed, as far as it was asked for.
    var borrowers: [BorrowerTree.Key: BorrowerTree] = [:]
    var breakers = BreakerTable()
    /// What leases hold by their tags; made when a request asks.
    var tags: TagIndex?
    /// What the resources of each kind have in all; derived from them.
    var capacities: [Kind: UInt128] = [:]

    var leases = Table<LeaseID, Lease>()
    var sessions = Table<SessionID, Session>()
    var storedAnswers = Table<RequestKey, StoredAnswer>()
    var usage = Table<String, TenantUsage>()
    var due = Table<DueKey, DueEntry>()
    var members = Table<MemberKey, MemberKey>()
    var preemptible = Table<PreemptibleKey, PreemptibleKey>()
    var reclaimable = Table<ReclaimableKey, ReclaimableKey>()
    var dueQueue = DueQueue()
    var tickets = TicketTable()
    package internal(set) var bookings = BookingTable()
    package internal(set) var windows = WindowTable()
    /// The position at which a pool was set or deleted last, or that of the checkpoint that the
    /// state was read from.
    var poolsChanged: Position
    /// The same of what tenants use.
    var usageChanged: Position
    /// The same of what tenants may use.
    var quotasChanged: Position
    /// The pool that has seen enough requests to learn from them, if one has; see `takeLearning`.
    package internal(set) var poolToLearn: String?

    private let lookups = LookupCounter()

    var changedPools: [String: Position] = [:]
    var changedResources: [ResourceID: Position] = [:]
    var changedQuotas: [QuotaKey: Position] = [:]
    var changedTenantLimits: [String: Position] = [:]
    var changedBudgets: [String: Position] = [:]
    var changedTickets: [TicketID: Position] = [:]

    /// Counts lookups; a class, because reading a row changes nothing of the state.
    private final class LookupCounter {
        var overlayHits: UInt64 = 0
    }

    /// How often a row was found in the overlay, so that neither cache nor store was asked.
    package var overlayHits: UInt64 { lookups.overlayHits }

    /// A pool with its places.
    struct PoolState {
        var pool: Pool
        var index = PlaceIndex()
        /// What was asked for lately, from which the next prices are learnt.
        var learning: LearningMix
        /// The position of the last change of anything of it, or a later one.
        var changed: Position
        /// The same of all but what is taken of its resources.
        var reshaped: Position

        init(pool: Pool, changed: Position) {
            self.pool = pool
            self.changed = changed
            reshaped = changed
            index.models = DeviceModels(pool.policy?.models ?? [])
            learning = pool.policy.map { LearningMix($0) } ?? LearningMix()
        }
    }

    /// The state at a checkpoint; frames behind it are to be applied.
    package init(resident: ResidentRows, rows: any RowSource) {
        source = rows
        facts = resident.facts
        poolsChanged = facts.position
        usageChanged = facts.position
        quotasChanged = facts.position
        for pool in resident.pools {
            pools.insert(PoolState(pool: pool, changed: facts.position))
        }
        for quota in resident.quotas {
            quotas[quota.tenant, default: []].append(quota)
            guaranteesChanged(from: nil, to: quota)
        }
        for budget in resident.budgets { budgets[budget.tenant] = budget }
        for limits in resident.tenantLimits { tenantLimits[limits.tenant] = limits }
        for ticket in resident.tickets { tickets.set(ticket) }
        for booking in resident.bookings { bookings.insert(booking) }
        for resource in resident.resources.sorted(by: { $0.id < $1.id }) { place(resource) }
        for window in resident.windows { restore(window) }
        restoreBreakers(resident.breakers)
    }

    /// The position of the last applied frame.
    package var position: Position { facts.position }

    /// How many rows changed since the last checkpoint.
    package var changedRows: Int {
        leases.count + sessions.count + storedAnswers.count + usage.count + due.count
            + members.count + preemptible.count + reclaimable.count + changedSettings
    }

    private var changedSettings: Int {
        changedPools.count + changedResources.count + changedQuotas.count
            + changedTenantLimits.count + breakers.changed.count + changedBudgets.count
            + changedTickets.count + bookings.changed.count + windows.changed.count
    }

    /// How many scattered rows the changes cost as much as, when they are written.
    ///
    /// New rows follow each other in the order of their keys and share pages.
    ///
    /// Mutates nothing: as a getter it would be asked of a copy of the whole state, which costs
    /// more than the answer.
    package mutating func scatteredRows() -> Int {
        let scattered =
            leases.scattered + sessions.scattered + storedAnswers.scattered + usage.scattered
            + due.scattered + members.scattered + preemptible.scattered + reclaimable.scattered
        let settings = changedSettings
        return scattered + settings + (changedRows - scattered - settings) / 2
    }

    /// Takes everything that changed since the last checkpoint, to be written in one transaction.
    ///
    /// The rows stay readable here until `thaw`. Not to be called again before that.
    package mutating func freeze() -> FrozenChanges {
        var changes = FrozenChanges()
        changes.facts = facts
        for (name, position) in changedPools {
            changes.pools[name] = Changed(value: pools[name]?.pool, position: position)
        }
        for (id, position) in changedResources {
            let resource = resources[Int(id.rawValue)]
            changes.resources[id] = Changed(value: resource, position: position)
        }
        for (key, position) in changedQuotas {
            changes.quotas[key] = Changed(value: quota(key), position: position)
        }
        for (tenant, position) in changedTenantLimits {
            changes.tenantLimits[tenant] = Changed(
                value: tenantLimits[tenant],
                position: position
            )
        }
        for (subject, position) in breakers.changed {
            changes.breakers[subject] = Changed(value: breakers[subject], position: position)
        }
        breakers.changed = [:]
        for (id, position) in changedTickets {
            changes.tickets[id] = Changed(value: tickets[id], position: position)
        }
        for (id, position) in bookings.changed {
            changes.bookings[id] = Changed(value: bookings[id], position: position)
        }
        bookings.changed = [:]
        for (id, position) in windows.changed {
            changes.windows[id] = Changed(value: windows[id], position: position)
        }
        windows.changed = [:]
        changedPools = [:]
        changedResources = [:]
        changedQuotas = [:]
        for (tenant, position) in changedBudgets {
            changes.budgets[tenant] = Changed(value: budgets[tenant], position: position)
        }
        changedTenantLimits = [:]
        changedBudgets = [:]
        changedTickets = [:]
        changes.leases = leases.freeze()
        changes.sessions = sessions.freeze()
        changes.storedAnswers = storedAnswers.freeze()
        changes.usage = usage.freeze()
        changes.due = due.freeze()
        changes.members = members.freeze()
        changes.preemptible = preemptible.freeze()
        changes.reclaimable = reclaimable.freeze()
        dueQueue.freeze()
        return changes
    }

    /// Forgets what was frozen: `source` has it now.
    package mutating func thaw() {
        leases.thaw()
        sessions.thaw()
        storedAnswers.thaw()
        usage.thaw()
        due.thaw()
        members.thaw()
        preemptible.thaw()
        reclaimable.thaw()
        dueQueue.thaw()
    }

    /// The sessions behind `id`, or from the start, in the order of their opening.
    package func sessions(after id: SessionID?, limit: Int) throws(RowFault) -> [Session] {
        let changed = sessions.keys { key in id.map { key > $0 } ?? true }
        var found: [SessionID: Session] = [:]
        for key in changed.keys where changed[key] == true {
            if let session = try session(key) { found[key] = session }
        }
        var stored = 0
        var behind = id
        // What the store still has may be gone already; read on until there is enough.
        while stored < limit {
            let page = try source.sessions(after: behind, limit: limit)
            guard let last = page.last else { break }
            for session in page where changed[session.id] == nil {
                found[session.id] = session
                stored += 1
            }
            behind = last.id
        }
        return found.keys.sorted().prefix(limit).compactMap { found[$0] }
    }

    /// What the numbers in `events` stand for, to be asked before the events are applied: they may
    /// end what they are about.
    package func subjects(of events: [Event]) throws(RowFault) -> EventSubjects {
        var subjects = EventSubjects()
        for event in events {
            for id in event.resources {
                guard let resource = resource(id) else { continue }
                subjects.resources[id] = ResourceName(name: resource.name, kind: resource.kind)
            }
            if case .granted(let record) = event {
                subjects.leases[record.lease.id] = record.lease.terms
                continue
            }
            if case .subleased(let record) = event {
                subjects.leases[record.lease.id] = record.lease.terms
                continue
            }
            for id in event.leases { subjects.leases[id] = try lease(id)?.terms }
        }
        return subjects
    }

    /// A state, as a rule before the first record, into which a history is replayed that nobody
    /// goes on with.
    ///
    /// What falls due is not looked for in it, so that memory is needed for what is there alone.
    package static func forReplay(
        over rows: any RowSource,
        resident: ResidentRows = ResidentRows()
    ) -> LedgerState {
        var state = LedgerState(resident: resident, rows: rows)
        state.dueQueue.isIdle = true
        return state
    }

    /// When the next thing falls due; `never` when nothing does.
    package mutating func nextDue() throws(RowFault) -> LedgerTime {
        try dueQueue.nextTime(from: source)
    }
}

// Rows, wherever they are.
extension LedgerState {
    private func overlay<Row>(_ known: Row??) -> Row?? {
        if known != nil { lookups.overlayHits += 1 }
        return known
    }

    /// A lease or reservation, or what is quarantined of one.
    package func lease(_ id: LeaseID) throws(RowFault) -> Lease? {
        if let known = overlay(leases.changed(id)) { return known }
        return try source.lease(id)
    }

    func session(_ id: SessionID) throws(RowFault) -> Session? {
        if let known = overlay(sessions.changed(id)) { return known }
        return try source.session(id)
    }

    func storedAnswer(_ key: RequestKey) throws(RowFault) -> StoredAnswer? {
        if let known = overlay(storedAnswers.changed(key)) { return known }
        return try source.storedAnswer(key)
    }

    func usage(of tenant: String) throws(RowFault) -> TenantUsage? {
        if let known = overlay(usage.changed(tenant)) { return known }
        return try source.usage(tenant)
    }

    /// A resource that is there.
    package func resource(_ id: ResourceID) -> Resource? {
        let index = Int(id.rawValue)
        return index < resources.count ? resources[index] : nil
    }

    /// The settings of the pool called `name`.
    func settings(ofPool name: String) -> PoolSettings? {
        guard let slot = pools.index(forKey: name) else { return nil }
        return pools.values[slot].pool.settings
    }

    /// The resource that has this name now.
    package func resource(named name: String) -> Resource? {
        resourceIDs[name].flatMap { resource($0) }
    }

    func quota(_ key: QuotaKey) -> Quota? {
        quotas[key.tenant]?.first { $0.kind == key.kind }
    }

    /// Puts a resource into memory, its name and its pool's index.
    mutating func place(_ resource: Resource) {
        let index = Int(resource.id.rawValue)
        while resources.count <= index {
            resources.append(nil)
            lastTaken.append(facts.position)
        }
        let (now, before) = (grantable(resource), grantable(at: index))
        guarantees[resource.kind]?.setFree(now, before: before)
        if let before = resources[index] { capacities[before.kind]? -= UInt128(before.capacity) }
        capacities[resource.kind, default: 0] += UInt128(resource.capacity)
        resources[index] = resource
        resourceIDs[resource.name] = resource.id
        if resource.state == .draining {
            draining.insert(resource.id)
        } else if !draining.isEmpty {
            draining.remove(resource.id)
        }
        guard let slot = pools.index(forKey: resource.pool) else { return }
        pools.values[slot].index.set(resource, in: resources)
    }

    /// The levels of a tenant's path, the whole path first.
    static func levels(of tenant: String) -> [String] {
        var levels = [tenant]
        // Bytes, because a character of its own costs many times as much to find.
        var rest = tenant.utf8[...]
        while let slash = rest.lastIndex(of: UInt8(ascii: "/")) {
            rest = rest[..<slash]
            levels.append(String(Substring(rest)))
        }
        return levels
    }

    /// What placements look like from outside.
    func views(of placements: [Placement]) -> [PlacementView] {
        placements.map { placement in
            guard let resource = resource(placement.resource) else {
                return PlacementView(
                    resource: "#\(placement.resource.rawValue)",
                    node: "",
                    kind: .cpu,
                    amount: placement.amount
                )
            }
            return PlacementView(
                resource: resource.name,
                node: resource.place,
                kind: resource.kind,
                amount: placement.amount
            )
        }
    }
}
