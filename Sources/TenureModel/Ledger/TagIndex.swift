// What live leases with tags hold, by tag: how a request finds out what it is to be near.
//
//   Y1  The index has exactly what leases that are held or reserved hold, under each of their tags.
//
// It is derived: made of all leases when a request with NEAR or AWAY comes for the first time since
// the opening, some at a time, and kept from then on. Until a lease was looked at, what becomes of
// it changes nothing here. About 100 bytes for each resource that leases of one tenant hold under
// one tag; nothing as long as no request asks, nothing for leases without tags.

internal import TenureBase

/// Amounts of resources by tag and tenant.
struct TagIndex {
    private var held: [Label: [String: [ResourceID: UInt64]]] = [:]
    /// The last lease that was looked at; nothing before the first.
    private(set) var scanned: LeaseID?
    /// Whether all were.
    private(set) var isComplete = false

    /// Whether a lease was looked at.
    func hasScanned(_ id: LeaseID) -> Bool { isComplete || scanned.map { id <= $0 } ?? false }

    /// Takes in a lease that is looked at for the first time: the next one.
    mutating func scan(_ lease: Lease) {
        scanned = lease.id
        if lease.state.isLive { count(lease.placements, of: lease, by: .adding) }
    }

    /// Says that there are no more.
    mutating func complete() { isComplete = true }

    /// Whether the other one counts the same.
    func isSame(as other: TagIndex) -> Bool { held == other.held }

    /// Adds what a lease holds, or takes it out.
    mutating func count(
        _ placements: [Placement],
        of lease: Lease,
        by direction: LedgerState.Direction
    ) {
        for tag in lease.terms.tags {
            for placement in placements { count(placement, tag, lease.terms.tenant, direction) }
        }
    }

    private mutating func count(
        _ placement: Placement,
        _ tag: Label,
        _ tenant: String,
        _ direction: LedgerState.Direction
    ) {
        let before = held[tag]?[tenant]?[placement.resource] ?? 0
        guard direction == .subtracting else {
            held[tag, default: [:]][tenant, default: [:]][placement.resource] =
                before + placement.amount
            return
        }
        invariant(before >= placement.amount, "Y1: no more is taken out than was put in")
        let rest = before - placement.amount
        held[tag]?[tenant]?[placement.resource] = rest > 0 ? rest : nil
        if held[tag]?[tenant]?.isEmpty == true { held[tag]?[tenant] = nil }
        if held[tag]?.isEmpty == true { held[tag] = nil }
    }

    /// Calls `body` with what leases of `tenant` and all below it hold under `tag`, in no order.
    func forEachResource(with tag: Label, of tenant: String, _ body: (ResourceID) -> Void) {
        for (owner, resources) in held[tag] ?? [:]
        where owner == tenant || owner.hasPrefix(tenant + "/") {
            for resource in resources.keys { body(resource) }
        }
    }
}

extension LedgerState {
    /// Looks at the next leases for the index, so many at most; true when all were looked at.
    package mutating func scanTags(atMost limit: Int) throws(RowFault) -> Bool {
        if tags?.isComplete == true { return true }
        if limit == 0 { return false }
        // Taken out, so that it is changed and not copied.
        var index = tags ?? TagIndex()
        tags = nil
        defer { tags = index }
        var rows = MergedLeases(state: leases, source: source, after: index.scanned)
        for _ in 0..<limit {
            guard let lease = try rows.next() else {
                index.complete()
                return true
            }
            index.scan(lease)
        }
        return false
    }

    /// Makes the index, if it was not made since the opening: O(leases).
    mutating func prepareTags() throws(RowFault) { _ = try scanTags(atMost: .max) }

    /// Takes in what a lease gets, or no longer has, while it is in `state`.
    mutating func countTags(
        _ placements: [Placement],
        of lease: Lease,
        as state: LeaseState,
        by direction: Direction
    ) {
        guard !lease.terms.tags.isEmpty, state.isLive, tags?.hasScanned(lease.id) == true else {
            return
        }
        tags?.count(placements, of: lease, by: direction)
    }

    private func countedTags() throws(RowFault) -> TagIndex {
        var index = TagIndex()
        try forEachLease { lease in
            if lease.state.isLive { index.count(lease.placements, of: lease, by: .adding) }
        }
        return index
    }

    /// What violates Y1, as a sentence; nothing when it holds or there is no index.
    func tagFault() throws(RowFault) -> String? {
        guard let tags, tags.isComplete, try !tags.isSame(as: countedTags()) else { return nil }
        return "Y1: the index of tags is not what the leases hold"
    }
}

extension LeaseState {
    /// Whether somebody has it or is about to.
    fileprivate var isLive: Bool { isHeld || self == .reserved }
}
