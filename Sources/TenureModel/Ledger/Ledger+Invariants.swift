// I2 and I3, recomputed from the leases: what audits and tests ask for after every step.

extension LedgerState {
    /// Who holds what, a line each, without positions, ids and times.
    ///
    /// O(leases).
    package func contentLines() throws(RowFault) -> [String] {
        var lines: [String] = []
        for resource in resources.compactMap({ $0 }) {
            lines.append(
                "resource \(resource.name) \(resource.capacity) \(resource.held) "
                    + "\(resource.reserved) \(resource.quarantined) \(resource.state.name)"
            )
        }
        try forEachLease { lease in
            if lease.state == .ended { return }
            let terms = lease.terms
            let parts = views(of: lease.placements).map { "\($0.resource)=\($0.amount)" }
            lines.append(
                "lease \(terms.holder) \(terms.pool) \(terms.tenant) \(lease.state.rawValue) "
                    + parts.joined(separator: ",")
            )
        }
        return lines
    }

    /// Calls `body` with every lease, in no stated order.
    ///
    /// O(leases).
    package func forEachLease(_ body: (Lease) -> Void) throws(RowFault) {
        let changed = leases.keys { _ in true }
        for id in changed.keys.sorted() where changed[id] == true {
            if let lease = try lease(id) { body(lease) }
        }
        var after: LeaseID?
        while true {
            let page = try source.leases(after: after, limit: 1_000)
            guard let last = page.last else { return }
            for lease in page where changed[lease.id] == nil { body(lease) }
            after = last.id
        }
    }

    /// The first violation of I2 or I3, as a sentence; nothing when both hold.
    ///
    /// Reads every lease: O(leases).
    package func invariantFault() throws(RowFault) -> String? {
        var taken: [ResourceID: [LeaseState: UInt64]] = [:]
        var dated: [ResourceID: DatedAmounts] = [:]
        var used: [String: [Kind: UInt64]] = [:]
        var count: UInt64 = 0
        var counts: [String: UInt64] = [:]
        var remembered: String?
        var budgetHeld: [String: UInt64] = [:]
        try forEachLease { lease in
            if lease.state == .ended {
                if !lease.placements.isEmpty || lease.token.rawValue == lease.id.rawValue {
                    remembered = "I2: lease \(lease.id.rawValue) has ended and holds something"
                }
                return
            }
            count += 1
            tally(lease, &budgetHeld)
            for level in Self.levels(of: lease.terms.tenant) { counts[level, default: 0] += 1 }
            tally(lease, &taken, &used)
            for placement in lease.placements {
                dated[placement.resource, default: DatedAmounts()]
                    .add(placement.amount, countedLifetime(of: lease))
            }
        }
        if let remembered { return remembered }
        if let fault = try subleasesFault() { return fault }
        if let fault = try tagFault() { return fault }
        if let fault = windowFault() { return fault }
        if count != facts.leases {
            return "I6: \(facts.leases) leases are counted, \(count) are there"
        }
        if let fault = resourceFault(taken) ?? lifetimesFault(dated) ?? leaseCountFault(counts)
            ?? budgetFault(budgetHeld)
        {
            return fault
        }
        if let fault = try usageFault(used) { return fault }
        if let fault = try guaranteeFault() { return fault }
        return try borrowerFault()
    }

    /// The first violation of N1 to N3, as a sentence.
    private func subleasesFault() throws(RowFault) -> String? {
        var parents: [Lease] = []
        var subleases: [Lease] = []
        try forEachLease { lease in
            if !lease.subleases.isEmpty { parents.append(lease) }
            if lease.parent != nil, lease.state.isHeld { subleases.append(lease) }
        }
        for sublease in subleases {
            let name = "sub-lease \(sublease.id.rawValue)"
            guard let id = sublease.parent, let parent = try lease(id), parent.state.isHeld,
                parent.subleases.contains(sublease.id), parent.parent == nil
            else { return "N1: \(name) has a parent that is not held or does not name it" }
            let owner = parent.terms.tenant
            let tenant = sublease.terms.tenant
            if tenant != owner, !tenant.hasPrefix(owner + "/") {
                return "N3: \(name) is of tenant \(tenant), its parent of \(owner)"
            }
        }
        for parent in parents {
            let name = "lease \(parent.id.rawValue)"
            if !parent.state.isHeld { return "N1: \(name) is not held and names sub-leases" }
            if parent.subleases.count > Limits.subleasesPerLease {
                return "N2: \(name) has \(parent.subleases.count) sub-leases"
            }
            for id in parent.subleases {
                guard let sublease = try lease(id), sublease.parent == parent.id,
                    sublease.state.isHeld || sublease.state == .quarantined
                else { return "N1: \(name) names \(id.rawValue), which is no sub-lease of it" }
            }
        }
        return nil
    }

    private func tally(
        _ lease: Lease,
        _ taken: inout [ResourceID: [LeaseState: UInt64]],
        _ used: inout [String: [Kind: UInt64]]
    ) {
        for placement in lease.placements {
            let state = lease.state.isHeld ? .held : lease.state
            taken[placement.resource, default: [:]][state, default: 0] += placement.amount
            guard let kind = resource(placement.resource)?.kind else { continue }
            for level in Self.levels(of: lease.terms.tenant) {
                used[level, default: [:]][kind, default: 0] += placement.amount
            }
        }
    }

    private func resourceFault(_ taken: [ResourceID: [LeaseState: UInt64]]) -> String? {
        for resource in resources.compactMap({ $0 }) {
            let sums = taken[resource.id] ?? [:]
            if sums[.held] ?? 0 != resource.held || sums[.reserved] ?? 0 != resource.reserved
                || sums[.quarantined] ?? 0 != resource.quarantined
            {
                return "I2: \(resource.name) counts held \(resource.held), reserved "
                    + "\(resource.reserved), quarantined \(resource.quarantined); its leases "
                    + "hold \(sums[.held] ?? 0), \(sums[.reserved] ?? 0), "
                    + "\(sums[.quarantined] ?? 0)"
            }
            if resource.used + resource.free != resource.capacity + resource.debt {
                return "I2: \(resource.name) does not balance"
            }
        }
        return nil
    }

    private func lifetimesFault(_ dated: [ResourceID: DatedAmounts]) -> String? {
        for resource in resources.compactMap({ $0 }) {
            let sums = dated[resource.id] ?? DatedAmounts()
            if sums != resource.dated {
                return "I2: \(resource.name) counts \(resource.dated.entries) by length of life, "
                    + "its leases hold \(sums.entries)"
            }
        }
        return nil
    }

    private func usageFault(_ used: [String: [Kind: UInt64]]) throws(RowFault) -> String? {
        for level in used.keys.sorted() {
            let entries = try usage(of: level)?.entries ?? []
            let sums = used[level] ?? [:]
            for entry in entries where entry.used != sums[entry.kind] ?? 0 {
                return "I3: tenant \(level) counts \(entry.used) of \(entry.kind.name), its "
                    + "leases hold \(sums[entry.kind] ?? 0)"
            }
            if entries.count != sums.count {
                return "I3: tenant \(level) counts \(entries.count) kinds, its leases hold "
                    + "\(sums.count)"
            }
        }
        return nil
    }
}
