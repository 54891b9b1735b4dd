// Counting amounts: on the resource, and on every level of the tenant. I2 and I3 live here.

internal import TenureBase

extension LedgerState {
    enum Direction {
        case adding
        case subtracting
    }

    /// Adds placements to what is taken, or subtracts them, on resources and tenants alike.
    mutating func count(
        _ placements: [Placement],
        of lease: Lease,
        as state: LeaseState,
        by direction: Direction
    ) throws(RowFault) {
        var totals: [ClaimAmount] = []
        let lifetime = countedLifetime(of: lease)
        for placement in placements {
            let index = Int(placement.resource.rawValue)
            guard index < resources.count, let kind = resources[index]?.kind else {
                throw .damaged(
                    "lease \(lease.id.rawValue) holds resource \(placement.resource.rawValue), "
                        + "which does not exist"
                )
            }
            let before = guarantees.isEmpty ? 0 : grantable(at: index)
            resources[index]?.take(placement.amount, lifetime, as: state, by: direction)
            if !guarantees.isEmpty {
                let now = grantable(at: index)
                guarantees[kind]?.setFree(now, before: before)
            }
            changedResources[placement.resource] = facts.position
            lastTaken[index] = facts.position
            if let position = totals.firstIndex(where: { $0.kind == kind }) {
                totals[position].amount += placement.amount
            } else {
                totals.append(ClaimAmount(kind: kind, amount: placement.amount))
            }
        }
        countTags(placements, of: lease, as: state, by: direction)
        reindex(placements, in: lease.terms.pool)
        usageChanged = facts.position
        for level in Self.levels(of: lease.terms.tenant) {
            try count(totals, at: level, as: state, by: direction)
        }
    }

    /// The class that a lease is counted under; without an end where it is not.
    func countedLifetime(of lease: Lease) -> LifetimeClass {
        guard lease.terms.lifetimeEnd != .never, let slot = pools.index(forKey: lease.terms.pool)
        else { return .endless }
        let since = pools.values[slot].pool.settings.lifetimesSince
        let isCounted = since > 0 && Token(rawValue: lease.id.rawValue).position >= since
        return isCounted ? lease.terms.lifetime : .endless
    }

    /// Counts what a lease holds under the class that it is of now, and no more under `before`.
    mutating func recount(_ lease: Lease, asOf before: LifetimeClass) {
        let lifetime = countedLifetime(of: lease)
        if lifetime == before { return }
        for placement in lease.placements {
            let index = Int(placement.resource.rawValue)
            resources[index]?.dated.subtract(placement.amount, before)
            resources[index]?.dated.add(placement.amount, lifetime)
            changedResources[placement.resource] = facts.position
        }
        reindex(lease.placements, in: lease.terms.pool)
    }

    private mutating func reindex(_ placements: [Placement], in pool: String) {
        guard let slot = pools.index(forKey: pool) else { return }
        pools.values[slot].changed = facts.position
        pools.values[slot].index.update(placements, in: resources)
    }

    private mutating func count(
        _ totals: [ClaimAmount],
        at tenant: String,
        as state: LeaseState,
        by direction: Direction
    ) throws(RowFault) {
        let known = try usage(of: tenant)
        var row = known ?? TenantUsage(tenant: tenant)
        for total in totals {
            row.take(total, as: state, by: direction)
            if guarantees.isEmpty, borrowers.isEmpty { continue }
            let used = row.entries.first { $0.kind == total.kind }?.used ?? 0
            guarantees[total.kind]?.setUsed(used, by: tenant)
            noteUse(used, by: tenant, of: total.kind)
        }
        if row.entries.isEmpty {
            if known != nil { usage.remove(tenant, at: facts.position) }
        } else if known == nil {
            usage.insert(tenant, row, at: facts.position)
        } else {
            usage.update(tenant, row, at: facts.position)
        }
    }
}

extension Resource {
    fileprivate mutating func take(
        _ amount: UInt64,
        _ lifetime: LifetimeClass,
        as state: LeaseState,
        by direction: LedgerState.Direction
    ) {
        switch state {
        case .held, .preempted: held.move(amount, direction)
        case .reserved: reserved.move(amount, direction)
        case .quarantined: quarantined.move(amount, direction)
        case .ended: violated("I2: what has ended holds nothing")
        }
        switch direction {
        case .adding: dated.add(amount, lifetime)
        case .subtracting: dated.subtract(amount, lifetime)
        }
    }
}

extension TenantUsage {
    fileprivate mutating func take(
        _ total: ClaimAmount,
        as state: LeaseState,
        by direction: LedgerState.Direction
    ) {
        let index = entries.firstIndex { $0.kind >= total.kind } ?? entries.count
        if index == entries.count || entries[index].kind != total.kind {
            let empty = Entry(kind: total.kind, held: 0, reserved: 0, quarantined: 0)
            entries.insert(empty, at: index)
        }
        switch state {
        case .held, .preempted: entries[index].held.move(total.amount, direction)
        case .reserved: entries[index].reserved.move(total.amount, direction)
        case .quarantined: entries[index].quarantined.move(total.amount, direction)
        case .ended: violated("I3: what has ended holds nothing")
        }
        if entries[index].used == 0 { entries.remove(at: index) }
    }
}

extension UInt64 {
    /// Adds or subtracts, where our own reasoning says that it can not go out of range.
    fileprivate mutating func move(_ amount: UInt64, _ direction: LedgerState.Direction) {
        switch direction {
        case .adding:
            let (sum, overflow) = addingReportingOverflow(amount)
            invariant(!overflow, "I2: what is taken never exceeds 2^64")
            self = sum
        case .subtracting:
            invariant(self >= amount, "I2: no more is given back than was taken")
            self -= amount
        }
    }
}
