// Setting quotas, and what they let through.
//
// A quota binds its tenant and all below it, over all pools. Of a request for more of a kind, in
// this order:
//
//   1  at every level, from the whole path up: use stays within limit and borrowing limit;
//   2  what others were guaranteed and do not lend stays free for them, unless the guarantee of a
//      level covers the request beside what is kept for others below that level.

extension LedgerState {
    /// Sets a quota, or changes what the request names of one.
    func setQuota(_ request: QuotaRequest) -> Decision {
        let tenant = request.tenant
        guard Names.isValidTenant(tenant) else {
            return Decision(refused: .malformed, "TENANT '\(tenant.printable)' is no path of names")
        }
        let key = QuotaKey(tenant: tenant, kind: request.kind)
        guard let limit = request.limit ?? quota(key)?.limit else {
            return Decision(
                refused: .malformed,
                "tenant \(tenant) has no quota for \(request.kind.name) yet; say LIMIT"
            )
        }
        let before = quota(key) ?? Quota(tenant: tenant, kind: request.kind, limit: limit)
        let quota = before.changed(by: request)
        if let fault = quota.fault { return Decision(refused: .malformed, fault) }
        return Decision(.quotaSet(quota), quota.guarantee > 0 ? answer(guaranteeing: quota) : done)
    }

    /// Tells how the guarantees compare with what there is: more than that can not be held.
    private func answer(guaranteeing quota: Quota) -> Answer {
        let kind = quota.kind
        let guaranteed = guaranteed(of: kind, with: quota)
        let capacity = resources.reduce(into: UInt128(0)) { sum, resource in
            if let resource, resource.kind == kind { sum += UInt128(resource.capacity) }
        }
        let text = { (amount: UInt128) in Quantity.text(UInt64(clamping: amount), kind: kind) }
        let warning =
            "\(text(guaranteed)) of \(kind.name) are guaranteed in all and there are "
            + "\(text(capacity)); guarantees hold as far as that goes"
        return .document(
            .map([
                .init("status", .string("ok")),
                .init("guaranteed", .count(UInt64(clamping: guaranteed))),
                .init("capacity", .count(UInt64(clamping: capacity))),
                .init("warning", guaranteed > capacity ? .string(warning) : .null),
                .init("position", .id(nextPosition)),
            ])
        )
    }

    /// What is guaranteed of a kind in all, with `changed` in place of the quota of its tenant.
    ///
    /// A tenant and those below it count once: the larger of its own and the sum of theirs.
    private func guaranteed(of kind: Kind, with changed: Quota) -> UInt128 {
        var all: [String: UInt64] = [changed.tenant: changed.guarantee]
        for (tenant, quotas) in quotas where tenant != changed.tenant {
            all[tenant] = quotas.first { $0.kind == kind }?.guarantee
        }
        // As if nothing were lent or used.
        var tree = GuaranteeTree()
        for (tenant, guarantee) in all { tree.insert(tenant, reserve: guarantee, used: 0) }
        return tree.keep
    }

    func deleteQuota(_ tenant: String, _ kind: Kind) -> Decision {
        let key = QuotaKey(tenant: tenant, kind: kind)
        guard quota(key) != nil else {
            return Decision(
                refused: .notFound,
                "tenant \(tenant.printable) has no quota for \(kind.name); see QUOTA LIST"
            )
        }
        return Decision(.quotaDeleted(key), done)
    }

    /// The first quota that does not let the request through.
    mutating func quotaRefusal(_ terms: Terms) throws(RowFault) -> Refusal? {
        guard !quotas.isEmpty else { return nil }
        if let refusal = try limitRefusal(terms.totals, at: terms.tenantLevels) { return refusal }
        guard !reservedKinds.isEmpty else { return nil }
        for total in terms.totals {
            if let refusal = try guaranteeRefusal(total, terms.tenantLevels) { return refusal }
        }
        return nil
    }

    /// The first limit or borrowing limit at `levels` that does not let so much more through.
    func limitRefusal(
        _ totals: [ClaimAmount],
        at levels: [String]
    ) throws(RowFault) -> Refusal? {
        for level in levels {
            guard let quotas = quotas[level] else { continue }
            let used = try usage(of: level)?.entries ?? []
            for total in totals {
                guard let quota = quotas.first(where: { $0.kind == total.kind }) else { continue }
                let before = used.first { $0.kind == total.kind }?.used ?? 0
                if let refusal = quota.refusal(of: total.amount, usedBefore: before) {
                    return refusal
                }
            }
        }
        return nil
    }

    /// The refusal of what would take away what others were guaranteed.
    private mutating func guaranteeRefusal(
        _ wanted: ClaimAmount,
        _ levels: [String]
    ) throws(RowFault) -> Refusal? {
        guard let tree = try guaranteeTree(of: wanted.kind) else { return nil }
        let amount = UInt128(wanted.amount)
        let kept = tree.keptForOthers(levels)
        if try coveringLevel(wanted, levels, kept) != nil { return nil }
        // With less than that free it is capacity that is missing, and is told so.
        guard let all = kept.last, tree.free >= amount, tree.free < amount + all else { return nil }
        let text = { (amount: UInt128) in
            Quantity.text(UInt64(clamping: amount), kind: wanted.kind)
        }
        let most = tree.largest(without: levels).map { tenant, keep in
            ", most of it for tenant \(tenant): \(text(UInt128(keep)))"
        }
        return Refusal(
            .quota,
            "\(text(amount)) more of \(wanted.kind.name) for tenant \(levels[0]) would be borrowed "
                + "of what others are guaranteed: \(text(tree.free)) is free and \(text(all)) of "
                + "that is kept\(most ?? ""); ask for less, or wait until more is free",
            limit: Shortage(borrowingBy: levels[0], wanted.kind).limit
        )
    }

    /// The deepest level whose guarantee covers so much more beside what is kept for others below
    /// it; nothing when none does.
    func coveringLevel(
        _ wanted: ClaimAmount,
        _ levels: [String],
        _ kept: [UInt128]?
    ) throws(RowFault) -> String? {
        for (index, level) in levels.enumerated() {
            guard let quota = quota(QuotaKey(tenant: level, kind: wanted.kind)),
                quota.guarantee > 0
            else { continue }
            let used = try used(by: level, of: wanted.kind)
            let all = UInt128(used) + UInt128(wanted.amount) + (kept?[index] ?? 0)
            if all <= UInt128(quota.guarantee) { return level }
        }
        return nil
    }

    /// How much of what a tenant and all below it use of a kind no guarantee covers, neither its
    /// own nor one above it: what may be asked back.
    ///
    /// Without a guarantee at any level all of it.
    package func borrowed(by tenant: String, of kind: Kind) throws(RowFault) -> UInt64 {
        var least = try used(by: tenant, of: kind)
        for level in Self.levels(of: tenant) {
            guard let quota = quota(QuotaKey(tenant: level, kind: kind)) else { continue }
            least = min(least, quota.borrowed(at: try used(by: level, of: kind)))
        }
        return least
    }
}

extension Quota {
    /// The refusal of `amount` more; nothing when limit and borrowing limit let it through.
    fileprivate func refusal(of amount: UInt64, usedBefore before: UInt64) -> Refusal? {
        // Each is at most 2^62.
        let after = before + amount
        guard after > ceiling else { return nil }
        let text = { Quantity.text($0, kind: kind) }
        let bound =
            after > limit
            ? "its \(kind.name) quota of \(text(limit))"
            : "the \(kind.name) that it may have, \(text(guarantee)) guaranteed and "
                + "\(text(ceiling - guarantee)) borrowed"
        return Refusal(
            .quota,
            "tenant \(tenant) uses \(text(before)) of \(bound); \(text(amount)) more does not fit",
            limit: "\(tenant) \(kind.name)"
        )
    }
}
