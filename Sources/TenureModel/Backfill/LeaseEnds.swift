// When the leases of one pool are over at the latest, in order.
//
// A lease whose longest life is known gives back what it holds at the end of that life, or when its
// quarantine is over after that. Neither renewal nor grace nor a new holder moves that time. What
// is carved from a lease that is held goes back to that one: its quarantine frees nothing.
//
//   B1  An entry is what the row of its lease says; a lease without a known end has none, and is
//       known by its resources alone.
//
// It is derived, kept while somebody waits or something is booked, and built by looking at every
// lease once, some at a time. With n leases it has about 100 bytes for each; a change is O(log n).

/// The leases of one pool that are known to end.
package struct LeaseEnds {
    /// What comes back, and when.
    struct Entry {
        let end: LedgerTime
        let placements: [Placement]
    }

    /// Orders by end, then by age.
    struct Key: Comparable {
        let end: LedgerTime
        let lease: LeaseID

        static func < (left: Key, right: Key) -> Bool {
            left.end != right.end ? left.end < right.end : left.lease < right.lease
        }
    }

    package let pool: String
    /// The lock-delay that the ends include, in milliseconds.
    let lockDelay: UInt64
    /// The last lease that was looked at; all that are older were.
    private(set) var scanned: LeaseID?
    /// Whether every lease was looked at.
    package private(set) var isComplete = false
    private var entries: [LeaseID: Entry] = [:]
    private var order = OrderedKeys<Key>()
    /// No entry is empty.
    private var parts: [ResourceID: ReturningAmounts] = [:]
    /// The leases without a known end: what they have something of, and who has something of it.
    private var endless: [LeaseID: [ResourceID]] = [:]
    private var endlessOn: [ResourceID: Set<LeaseID>] = [:]

    init(pool: String, lockDelay: UInt64) {
        self.pool = pool
        self.lockDelay = lockDelay
    }

    /// How many leases have a known end.
    package var count: Int { entries.count }

    /// What comes back to a resource until `end`.
    func amount(backTo resource: ResourceID, until end: LedgerTime) -> UInt64 {
        amounts(backTo: resource, until: CollectionOfOne(end))[0]
    }

    /// What comes back to a resource until each of these times, which are in order.
    func amounts(
        backTo resource: ResourceID,
        until times: some Collection<LedgerTime>
    ) -> [UInt64] {
        parts[resource]?.sums(until: times) ?? Array(repeating: 0, count: times.count)
    }

    /// What comes back until `end`, of all resources to which anything ever does.
    func amountsBack(until end: LedgerTime) -> [ResourceID: UInt64] {
        parts.mapValues { $0.sums(until: CollectionOfOne(end))[0] }.filter { $0.value > 0 }
    }

    /// How many leases with a known end have something of a resource.
    func count(on resource: ResourceID) -> Int { parts[resource]?.count ?? 0 }

    /// How many leases may still have something of these resources behind `time`; O(those leases).
    package func leases(on resources: [ResourceID], after time: LedgerTime) -> Int {
        var found: Set<LeaseID> = []
        for id in resources {
            parts[id]?.forEachLease(after: time) { found.insert($0) }
            found.formUnion(endlessOn[id] ?? [])
        }
        return found.count
    }

    /// Calls `body` with every entry, the earliest end first, until it returns false.
    func visit(_ body: (Entry) -> Bool) {
        order.forEach(from: Key(end: .zero, lease: LeaseID(rawValue: 0))) { key in
            entries[key.lease].map(body) ?? true
        }
    }

    /// Takes in what a lease is now; nothing when it is gone.
    ///
    /// With `goesBack` what it holds goes to the lease that it was carved from, and not to anybody.
    mutating func set(_ id: LeaseID, _ lease: Lease?, goesBack: Bool) {
        remove(id)
        guard let lease, lease.terms.pool == pool, lease.state != .ended else { return }
        guard let end = end(of: lease, goesBack) else { return setEndless(lease) }
        entries[id] = Entry(end: end, placements: lease.placements)
        order.insert(Key(end: end, lease: id))
        for placement in [].adding(lease.placements) {
            let part = ReturningAmounts.Part(end: end, lease: id, amount: placement.amount)
            parts[placement.resource, default: ReturningAmounts()].insert(part)
        }
    }

    /// Takes in the next lease of the first look at all of them.
    mutating func scan(_ lease: Lease, goesBack: Bool) {
        set(lease.id, lease, goesBack: goesBack)
        scanned = lease.id
    }

    /// Every lease was looked at.
    mutating func complete() { isComplete = true }

    private mutating func setEndless(_ lease: Lease) {
        let resources = lease.placements.map(\.resource)
        endless[lease.id] = resources
        for resource in resources { endlessOn[resource, default: []].insert(lease.id) }
    }

    private mutating func remove(_ id: LeaseID) {
        for resource in endless.removeValue(forKey: id) ?? [] {
            endlessOn[resource]?.remove(id)
            if endlessOn[resource]?.isEmpty == true { endlessOn[resource] = nil }
        }
        guard let entry = entries.removeValue(forKey: id) else { return }
        order.remove(Key(end: entry.end, lease: id))
        for placement in entry.placements {
            parts[placement.resource]?.remove(id, end: entry.end)
            if parts[placement.resource]?.isEmpty == true { parts[placement.resource] = nil }
        }
    }

    /// When what it holds is free at the latest; nothing when that is not known.
    private func end(of lease: Lease, _ goesBack: Bool) -> LedgerTime? {
        var end = lease.terms.lifetimeEnd.advanced(byMilliseconds: lockDelay)
        switch lease.state {
        // The lease that it was carved from ends when it would have.
        case .quarantined: end = goesBack ? max(end, lease.deadline) : lease.deadline
        case .held, .reserved, .preempted: break
        case .ended: return nil
        }
        return end < .never ? end : nil
    }
}
