// Looking for the places of a request, by the strategy that it gets.

extension LedgerState {
    /// Places for all claims, and why there; nothing when they do not fit now.
    ///
    /// Places of `nearby` come before those that the strategy prefers. Where that is dearer than it
    /// may be, once more at the lowest price.
    mutating func place(
        _ request: AcquireRequest,
        nearby: Nearby = Nearby()
    ) -> (placements: [Placement], why: GrantReason)? {
        guard let slot = pools.index(forKey: request.pool) else { return nil }
        let strategy = strategy(of: request, poolAt: slot)
        guard let found = place(request, strategy, nearby, poolAt: slot) else { return nil }
        guard strategy != .cost, request.within == nil,
            tooDear(request, found.placements) != nil
        else {
            return found
        }
        return place(request, .cost, nearby, poolAt: slot) ?? found
    }

    private mutating func place(
        _ request: AcquireRequest,
        _ strategy: Strategy,
        _ nearby: Nearby,
        poolAt slot: Int
    ) -> (placements: [Placement], why: GrantReason)? {
        if strategy.learns { prepareScores(slot) }
        var placer = Placer(
            resources: resources,
            selector: request.selector,
            nearby: nearby,
            heldBack: pools.values[slot].index.heldBack,
            withheld: request.leftToOthers(of: resources)
        )
        let settings = pools.values[slot].pool.settings
        placer.turn =
            settings.turn == 0 ? nil : ResourceID(rawValue: UInt32(clamping: settings.turn))
        placer.weights = settings.weights
        placer.lifetime = request.lifetime(under: settings)
        placer.locality = request.locality
        placer.rules = placeRules(of: request, .now, poolAt: slot)
        guard placer.place(request.claims, strategy: strategy, in: &pools.values[slot].index) else {
            return nil
        }
        let why = GrantReason(
            policyVersion: Placer.policyVersion,
            strategy: strategy,
            considered: placer.considered,
            passedOver: placer.passedOver,
            learntVersion: strategy.learns ? pools.values[slot].pool.policy?.version ?? 0 : 0,
            candidates: placer.candidates,
            affinities: request.affinityTexts
        )
        return (placer.placements, why)
    }
}

extension AcquireRequest {
    /// How long it lives at most, in all; the shortest where that is not told, which leaves out how
    /// long anything lasts.
    fileprivate func lifetime(under settings: PoolSettings) -> LifetimeClass {
        let milliseconds = maxLifetimeMilliseconds ?? settings.maxLifetime
        return milliseconds == 0 ? .shortest : LifetimeClass(milliseconds: milliseconds)
    }
}

extension GrantReason {
    /// The first version of the policy by which fair price looks at how long leases live.
    private static let lifetimesVersion: UInt16 = 6

    /// Whether leases of the pool are counted by length of life from this grant on.
    var countsLifetimes: Bool {
        strategy == .fairPrice && policyVersion >= Self.lifetimesVersion
    }
}
