// Granting what was planned: the same decision, because nothing that it rests on has changed.
//
//   V1  A decision about a request rests on its pools, and on use, quotas and limits of tenants
//       where there are any that may bind. If none of these changed behind a position, places and
//       price are those of that position. What goes by the hour is decided anew: whether a session
//       lives, what a budget still holds, and how fast grants may come.
//
// Where a lease grows in a named place rests on less: on that place, and on what the pool and its
// resources are.

extension LedgerState {
    /// Notes that a pool is not what it was, and so what there is to be guaranteed.
    ///
    /// Without `reshaping` it is as before what its places are and what they could give.
    mutating func noteChange(of pool: String, reshaping: Bool = true) {
        let position = facts.position
        pools.update(pool) { state in
            state.changed = position
            if reshaping { state.reshaped = position }
        }
        usageChanged = facts.position
    }

    /// Why the plan that a request names is not what would be decided now; nothing if it is.
    func outdated(_ request: AcquireRequest) -> Refusal? {
        guard let version = request.plan else { return nil }
        if let refusal = unreached(version) { return refusal }
        for name in poolsInOrder(of: request) {
            guard let changed = pools[name]?.changed, changed > version else { continue }
            return conflict(version, "pool \(name) has changed at position \(changed)")
        }
        if request.pool == AcquireRequest.allPools, poolsChanged > version {
            return conflict(version, "pools have changed at position \(poolsChanged)")
        }
        if isLimited(request.tenant) || quotasChanged > version, usageChanged > version {
            return conflict(version, "use or quotas have changed at position \(usageChanged)")
        }
        return nil
    }

    /// Why a move that a growth carries out is not what was planned; nothing if it is (O2).
    func outdated(_ request: GrowRequest, in pool: String) -> Refusal? {
        guard let version = request.plan, let node = request.node,
            let slot = pools.index(forKey: pool)
        else { return nil }
        if let refusal = unreached(version) { return refusal }
        let state = pools.values[slot]
        let taken = state.index.resources(inPlace: node).map { lastTaken[Int($0.rawValue)] }
        let (what, changed) =
            state.reshaped > version
            ? ("pool \(pool)", state.reshaped) : ("place \(node)", taken.max() ?? 0)
        guard changed > version else { return nil }
        return Refusal(
            .conflict,
            "\(what) has changed at position \(changed), after the plan of version \(version); "
                + "OPTIMIZE again"
        )
    }

    /// The refusal of a version that no plan can have.
    private func unreached(_ version: Position) -> Refusal? {
        guard version > facts.position else { return nil }
        return Refusal(
            .malformed,
            "PLAN \(version) is no version of a plan: the ledger is at \(facts.position)"
        )
    }

    /// Whether a quota, or a limit of the tenant or one above it, may bind.
    private func isLimited(_ tenant: String) -> Bool {
        !quotas.isEmpty || Self.levels(of: tenant).contains { tenantLimits[$0] != nil }
    }

    private func conflict(_ version: Position, _ what: String) -> Refusal {
        Refusal(.conflict, "\(what), after the plan of version \(version); PLAN again")
    }
}
