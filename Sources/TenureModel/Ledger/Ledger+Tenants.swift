// Limits of tenants: how many leases at once, how many grants a second.
//
// They bind at every level of a tenant's path. Leases are counted at the levels that limit them;
// the rate is a time that every grant moves on, and is part of the state, so that replay and
// restart find the same (I6).

internal import TenureBase

extension LedgerState {
    func setTenant(_ request: TenantRequest) throws(RowFault) -> Decision {
        let tenant = request.tenant
        guard Names.isValidTenant(tenant) else {
            return Decision(refused: .malformed, "TENANT '\(tenant.printable)' is no path of names")
        }
        var limits = tenantLimits[tenant] ?? TenantLimits(tenant: tenant)
        let counted = limits.leases != nil
        if let bound = request.leases { limits.leases = bound.amount }
        if let bound = request.rate { limits.rate = bound.amount }
        limits.burst = request.burst ?? limits.burst
        if let fault = limits.fault { return Decision(refused: .malformed, fault) }
        if limits.rate == nil { limits.arrival = .zero }
        if limits.leases == nil { limits.count = 0 }
        if !counted, limits.leases != nil { limits.count = try countLeases(of: tenant) }
        return Decision(.tenantLimitsSet(limits), done)
    }

    func deleteTenant(_ tenant: String) -> Decision {
        guard tenantLimits[tenant] != nil else { return Decision(.refused(noLimits(tenant))) }
        return Decision(.tenantLimitsSet(TenantLimits(tenant: tenant)), done)
    }

    private func noLimits(_ tenant: String) -> Refusal {
        Refusal(.notFound, "tenant \(tenant.printable) has no limits of its own; see TENANT LIST")
    }

    /// How many leases a tenant and all below it have.
    ///
    /// Nothing without use; else O(leases), once when a limit is set where there was none.
    private func countLeases(of tenant: String) throws(RowFault) -> UInt64 {
        guard try usage(of: tenant) != nil else { return 0 }
        var count: UInt64 = 0
        try forEachLease { lease in
            if lease.state != .ended, Self.levels(of: lease.terms.tenant).contains(tenant) {
                count += 1
            }
        }
        return count
    }

    /// The first level that may not have one more lease.
    func leaseCountRefusal(_ levels: [String]) -> Refusal? {
        guard !tenantLimits.isEmpty else { return nil }
        for level in levels {
            guard let limits = tenantLimits[level], let most = limits.leases, limits.count >= most
            else { continue }
            return Refusal(
                .quota,
                "tenant \(level) has \(limits.count) leases of at most \(most); release one first",
                limit: Shortage(leasesOf: level).limit
            )
        }
        return nil
    }

    /// The refusal of what comes too fast; the level that makes it wait longest.
    func rateRefusal(_ levels: [String], now: LedgerTime) -> Refusal? {
        guard !tenantLimits.isEmpty else { return nil }
        var longest: (level: String, milliseconds: UInt64)?
        for level in levels {
            guard let pause = tenantLimits[level]?.pause(at: now), pause > 0 else { continue }
            if pause > longest?.milliseconds ?? 0 { longest = (level, pause) }
        }
        guard let longest, let limits = tenantLimits[longest.level] else { return nil }
        return Refusal(
            .busy,
            "tenant \(longest.level) has its \(limits.rate ?? 0) grants per second; retry after "
                + "\(longest.milliseconds) ms",
            limit: "rate of \(longest.level)"
        )
    }

    // MARK: Applying

    mutating func apply(_ limits: TenantLimits) {
        tenantLimits[limits.tenant] = limits.isEmpty ? nil : limits
        changedTenantLimits[limits.tenant] = facts.position
        (quotasChanged, usageChanged) = (facts.position, facts.position)
    }

    /// Moves on what a grant moves on at every level.
    mutating func noteGrant(to tenant: String) {
        guard !tenantLimits.isEmpty else { return }
        let now = facts.time
        changeLimits(of: tenant) { $0.noteGrant(at: now) }
    }

    /// Counts one lease less at every level.
    mutating func noteEnd(of lease: Lease) {
        guard !tenantLimits.isEmpty else { return }
        changeLimits(of: lease.terms.tenant) { limits in
            guard limits.leases != nil else { return }
            invariant(limits.count > 0, "I3: no more leases end than there were")
            limits.count -= 1
        }
    }

    private mutating func changeLimits(of tenant: String, _ body: (inout TenantLimits) -> Void) {
        for level in Self.levels(of: tenant) {
            guard var limits = tenantLimits[level] else { continue }
            let before = limits
            body(&limits)
            guard limits != before else { continue }
            tenantLimits[level] = limits
            changedTenantLimits[level] = facts.position
        }
    }

    // MARK: Reading

    func tenantAnswer(_ tenant: String, now: LedgerTime) -> Decision {
        guard let limits = tenantLimits[tenant] else { return Decision(.refused(noLimits(tenant))) }
        return shown(limits.document(now: now))
    }

    func tenantList(below tenant: String?, now: LedgerTime) -> Decision {
        let names = tenantLimits.keys.filter { name in
            tenant.map { name == $0 || name.hasPrefix($0 + "/") } ?? true
        }
        return list(names.sorted().compactMap { tenantLimits[$0]?.document(now: now) })
    }

    /// I3: the counts of `found` leases by tenant are those that are kept.
    func leaseCountFault(_ found: [String: UInt64]) -> String? {
        for (tenant, limits) in tenantLimits.sorted(by: { $0.key < $1.key })
        where limits.leases != nil && limits.count != found[tenant] ?? 0 {
            return "I3: tenant \(tenant) counts \(limits.count) leases, there are "
                + "\(found[tenant] ?? 0)"
        }
        return nil
    }
}

extension TenantLimits {
    /// The first limit that is out of bounds, as a sentence.
    fileprivate var fault: String? {
        if leases ?? 0 > Limits.amountMax { return "LEASES is above \(Limits.amountMax)" }
        if let rate, rate == 0 || rate > Limits.grantRateMax {
            return "RATE is not 1 to \(Limits.grantRateMax) grants per second"
        }
        if burst == 0 || burst > Limits.grantBurstMax {
            return "BURST is not 1 to \(Limits.grantBurstMax) grants"
        }
        return nil
    }

    fileprivate func document(now: LedgerTime) -> Document {
        .map([
            .init("tenant", .string(tenant)), .init("leases", leases.map(Document.count) ?? .null),
            .init("count", leases == nil ? .null : .count(count)),
            .init("rate", rate.map(Document.count) ?? .null), .init("burst", .count(burst)),
            .init("pause", rate == nil ? .null : .count(pause(at: now))),
        ])
    }
}
