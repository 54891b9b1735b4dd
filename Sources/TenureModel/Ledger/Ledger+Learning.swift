// What pools learn from the requests they get, and when the prices change.
//
// Requests are counted once as they come, granted or not, by whoever has them decided (`note`).
// The count is not part of the state: what was counted since the last record is lost in a crash.
// Prices change with a record only, so that a decision depends on nothing but the log.

extension Strategy {
    /// Whether it goes by what was asked for.
    var learns: Bool { self == .fairPrice || self == .fragmentation }
}

extension LedgerState {
    /// The strategy that a request gets: with prices only where devices are shared out.
    func strategy(
        of request: AcquireRequest,
        poolAt slot: Int
    ) -> Strategy {
        if request.within != nil { return .locality }
        if request.strategy == nil, request.maxCost != nil { return .cost }
        let asked = request.strategy ?? pools.values[slot].pool.settings.strategy
        let shares = pools.values[slot].index.sharesDevices
        switch asked {
        case .automatic: return shares ? .fairPrice : .firstFit
        case .fairPrice, .fragmentation: return shares ? asked : .bestFit
        case .firstFit, .bestFit, .spread, .roundRobin, .cost, .performance, .balanced, .locality:
            return asked
        }
    }

    /// Makes a pool ready to bid.
    mutating func prepareScores(_ slot: Int) {
        let policy = pools.values[slot].pool.policy
        pools.values[slot].index.prepareScores(policy, in: resources)
    }

    /// Bids that decisions looked at since the opening.
    package var scoreFigures: ScoreFigures {
        pools.values.reduce(into: ScoreFigures()) { figures, state in
            guard let places = state.index.scores?.places else { return }
            figures.remembered &+= places.remembered
            figures.computed &+= places.computed
        }
    }

    /// Forgets all bids; changes nothing but how long decisions take (P1 of ScoredPlaces).
    package mutating func forgetScores() {
        for slot in pools.values.indices { pools.values[slot].index.scores?.places.forget() }
    }

    /// Counts a request that was granted or refused for want, if the pools asked learn from it.
    ///
    /// Of several pools those up to the one that granted it.
    package mutating func note(_ request: AcquireRequest, grantedBy pool: String? = nil) {
        guard request.asksSeveralPools else { return noteOne(request) }
        for name in poolsInOrder(of: request) {
            noteOne(request.asked(of: name))
            if name == pool { return }
        }
    }

    private mutating func noteOne(_ request: AcquireRequest) {
        guard !request.planOnly, let slot = pools.index(forKey: request.pool),
            strategy(of: request, poolAt: slot).learns,
            pools.values[slot].note(request)
        else { return }
        poolToLearn = request.pool
    }

    /// What is to be learnt now, once; the result comes back as `Housekeeping.learnt`.
    package mutating func takeLearning() -> LearningTask? {
        guard let name = poolToLearn else { return nil }
        poolToLearn = nil
        return pools.index(forKey: name).map { pools.values[$0].takeLearning(in: resources) }
    }

    func learn(_ name: String, _ policy: LearntPolicy) -> [Event] {
        // The pool may be gone, or have learnt in the meantime.
        guard let pool = pools[name]?.pool, policy.version == (pool.policy?.version ?? 0) + 1,
            policy.fault == nil
        else { return [] }
        return [.policyLearnt(pool: name, policy)]
    }
}

/// How often a bid was found remembered.
package struct ScoreFigures: Sendable {
    /// Bids that were remembered.
    package fileprivate(set) var remembered: UInt64 = 0
    /// Bids that were made anew.
    package fileprivate(set) var computed: UInt64 = 0

    /// Nothing was looked at.
    package init() {}
}

extension LedgerState.PoolState {
    /// Requests of one gang that are counted, at most.
    private static let placesCounted = 64

    /// Counts what is asked for; true when it is time to learn.
    fileprivate mutating func note(_ request: AcquireRequest) -> Bool {
        var isTime = false
        for claim in request.claims {
            guard let demand = index.demand(of: claim, selector: request.selector) else { continue }
            // Of memory prices know nothing.
            let counted = DeviceDemand(
                cpu: demand.cpu,
                memory: 0,
                count: demand.count,
                share: demand.share,
                models: demand.models
            )
            for _ in 0..<min(claim.places, Self.placesCounted) {
                isTime = learning.note(counted) || isTime
            }
        }
        return isTime
    }

    fileprivate mutating func takeLearning(in resources: [Resource?]) -> LearningTask {
        LearningTask(
            pool: pool.name,
            version: (pool.policy?.version ?? 0) + 1,
            models: index.models.labels,
            supply: index.supply(in: resources),
            mix: learning.take()
        )
    }

    /// The prices are others from here on.
    mutating func apply(_ policy: LearntPolicy) {
        pool.policy = policy
        let knowsModels = index.models.labels.starts(with: policy.models)
        if knowsModels {
            index.scores?.policyChanged()
        } else {
            // Recorded when other models had been met before: its numbers hold.
            index.models = DeviceModels(policy.models)
            index.scores = nil
        }
        // Recovery: what the record was learnt from has not been counted here.
        if !knowsModels || learning.seen < policy.seen { learning = LearningMix(policy) }
    }
}
