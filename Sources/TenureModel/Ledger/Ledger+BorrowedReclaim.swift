// Asking back what is borrowed: in a pool that allows it, a request that its tenant's guarantee
// covers takes back what tenants use above their guarantees.
//
//   P5  A lease gives back only for a kind that the request wants and the guarantee of a level of
//       its tenant covers, which the lease's tenant is not below; and only as long as at every
//       level of the lease's tenant that is not one of the request's as much is used of every kind
//       as is guaranteed there. So nobody comes below a guarantee, and a lease of which a part is
//       guaranteed stays whole.
//   P6  In such a pool, what is used of a guarantee does not fall by preemption by class, at any
//       level, with what the request gets counted where it counts.
//   P7  There is no loop. Of every level take the part of its guarantee that is used, and add up
//       those of the same depth. A request that asks back raises the sum of the depth of the level
//       that covers it, by what it asks; those below stay, because who gives keeps what is
//       guaranteed to it (P5) and the levels that both share are above. One by class lowers none
//       (P6). So the sums, the deepest first, only ever rise by what is asked back; they are
//       bounded by the guarantees; and as long as they stay the classes rise (P3). A pool that does
//       not ask back may lower them, but its own classes only rise.
//
// The order among those who borrow is that of P2. The tenants that borrow most are looked at:
// `Limits.reclaimTenants` for each kind.

internal import TenureBase

extension LedgerState {
    /// Whether a lease may be asked back at all: its pool allowed it when it was granted (P1).
    func isReclaimable(_ lease: Lease) -> Bool {
        guard lease.parent == nil,
            let since = settings(ofPool: lease.terms.pool)?.reclaimSince, since > 0
        else { return false }
        return Token(rawValue: lease.id.rawValue).position > since
    }

    /// Who would give back what it borrows; nothing when the request would not fit even then, or no
    /// guarantee covers it.
    mutating func reclaim(
        for request: AcquireRequest,
        _ terms: Terms,
        _ settings: PoolSettings,
        now: LedgerTime
    ) throws(RowFault) -> Preemption? {
        let covering = try coveringLevels(of: terms)
        guard !covering.isEmpty else { return nil }
        let keys = try borrowed(in: request.pool, from: covering, of: terms.tenantLevels)
        return try search(keys, for: request, terms, settings, now: now) {
            (state, leaving, departures) throws(RowFault) in
            guard state.owes(leaving, to: covering) else { return false }
            return try state.keepsGuarantees(
                leaving,
                beside: departures,
                for: terms,
                atSharedLevels: false
            )
        }
    }

    /// The deepest level whose guarantee covers what is wanted of a kind, for those kinds of which
    /// one does.
    private mutating func coveringLevels(of terms: Terms) throws(RowFault) -> [Kind: String] {
        var covering: [Kind: String] = [:]
        for total in terms.totals {
            let kept = try guaranteeTree(of: total.kind)?.keptForOthers(terms.tenantLevels)
            covering[total.kind] = try coveringLevel(total, terms.tenantLevels, kept)
        }
        return covering
    }

    /// Whether a lease holds a kind that is covered by the guarantee of a level that it is not in.
    private func owes(_ leaving: Leaving, to covering: [Kind: String]) -> Bool {
        let levels = Self.levels(of: leaving.lease.terms.tenant)
        return leaving.placements.contains { placement in
            guard let kind = resource(placement.resource)?.kind, let level = covering[kind] else {
                return false
            }
            return !levels.contains(level)
        }
    }

    /// Leases of those who borrow most, in the order in which they give way.
    private mutating func borrowed(
        in pool: String,
        from covering: [Kind: String],
        of path: [String]
    ) throws(RowFault) -> [PreemptibleKey] {
        let changed = reclaimable.keys { $0.pool == pool }
        var found: [PreemptibleKey] = []
        var tenants: Set<String> = []
        for (kind, level) in covering.sorted(by: { $0.key < $1.key }) {
            let key = BorrowerTree.Key(pool: pool, kind: kind)
            var met = 0
            var chosen = 0
            var gone: [String] = []
            try borrowerTree(key).forEachBorrower(from: level, of: path) {
                (tenant) throws(RowFault) in
                met += 1
                if tenants.contains(tenant) {
                    chosen += 1
                } else {
                    let limit = Limits.preemptionCandidates
                    let keys = try reclaimable(in: pool, of: tenant, changed, limit: limit)
                    if keys.isEmpty {
                        gone.append(tenant)
                    } else {
                        chosen += 1
                        tenants.insert(tenant)
                        found += keys.map(\.preemptible)
                    }
                }
                return chosen < Limits.reclaimTenants && met < Limits.reclaimLevels
            }
            for tenant in gone.reversed() { borrowers[key]?.remove(tenant) }
        }
        return Array(found.sorted().prefix(Limits.preemptionCandidates))
    }

    /// Whether what is used of guarantees is not less when a lease has left, beside `departures`,
    /// and the request is there (P5, P6).
    func keepsGuarantees(
        _ leaving: Leaving,
        beside departures: Departures,
        for terms: Terms,
        atSharedLevels: Bool = true
    ) throws(RowFault) -> Bool {
        for (key, amount) in leaving.used {
            guard let guarantee = quota(key)?.guarantee, guarantee > 0 else { continue }
            var left = try used(by: key.tenant, of: key.kind)
            let floor = min(left, guarantee)
            if terms.tenantLevels.contains(key.tenant) {
                guard atSharedLevels else { continue }
                left += terms.totals.first { $0.kind == key.kind }?.amount ?? 0
            }
            if left - amount - departures.used[key, default: 0] < floor { return false }
        }
        return true
    }

    /// Whether what others were guaranteed stays free for them when some have left and the request
    /// is there.
    func leavesGuaranteed(
        _ departures: Departures,
        _ terms: Terms
    ) throws(RowFault) -> Bool {
        guard !reservedKinds.isEmpty else { return true }
        for total in terms.totals {
            guard var tree = guarantees[total.kind] else { continue }
            for (key, left) in departures.used where key.kind == total.kind {
                tree.setUsed(try used(by: key.tenant, of: key.kind) - left, by: key.tenant)
            }
            for (id, amount) in departures.amounts {
                guard let resource = resource(id), resource.kind == total.kind,
                    resource.state == .active, !breakers.holdBack(id)
                else { continue }
                tree.setFree(amount, before: 0)
            }
            let kept = tree.keptForOthers(terms.tenantLevels)
            if try coveringLevel(total, terms.tenantLevels, kept) != nil { continue }
            guard let all = kept.last else { continue }
            if tree.free < UInt128(total.amount) + all { return false }
        }
        return true
    }

    /// Whether all of a new lease would be borrowed, so that it may be asked back whatever its
    /// class.
    func isBorrowed(_ totals: [ClaimAmount], by tenant: String) throws(RowFault) -> Bool {
        for level in Self.levels(of: tenant) {
            for total in totals {
                guard let quota = quota(QuotaKey(tenant: level, kind: total.kind)) else { continue }
                if try used(by: level, of: total.kind) < quota.guarantee { return false }
            }
        }
        return true
    }
}
