// One request to several pools: the first that grants it does.
//
// The order is that of the request, or for `*` that of the tiers. What each pool would answer alone
// is its answer here. Only where none of them could hold the request even when empty is it refused
// for good.

extension AcquireRequest {
    /// Stands for all pools, by tier.
    public static let allPools = "*"

    /// Whether more than one pool may be asked.
    public var asksSeveralPools: Bool { !fallbackPools.isEmpty || pool == Self.allPools }

    /// The pools as they were asked for, in one word.
    package var poolText: String {
        fallbackPools.isEmpty ? pool : ([pool] + fallbackPools).joined(separator: ",")
    }

    /// Whether a pool may be one of those that it asks.
    package func mayAsk(_ name: String) -> Bool {
        pool == Self.allPools || pool == name || fallbackPools.contains(name)
    }

    /// The same request to one pool.
    package func asked(of name: String) -> AcquireRequest {
        var request = self
        request.pool = name
        request.fallbackPools = []
        return request
    }
}

extension LedgerState {
    /// The pools that a request asks, in order.
    package func poolsInOrder(of request: AcquireRequest) -> [String] {
        guard request.pool == AcquireRequest.allPools else {
            return [request.pool] + request.fallbackPools
        }
        let byTier = pools.values.map(\.pool).sorted { left, right in
            (left.settings.tier, left.name) < (right.settings.tier, right.name)
        }
        return byTier.prefix(Limits.poolsPerRequest).map(\.name)
    }

    mutating func acquireFromSeveral(
        _ request: AcquireRequest,
        _ identity: Identity,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let names = poolsInOrder(of: request)
        if let missing = names.first(where: { pools.index(forKey: $0) == nil }) {
            return Decision(.refused(noPool(missing)))
        }
        var refused: [(pool: String, refusal: Refusal)] = []
        // Nobody gives way as long as another pool has room, and nobody is told to leave.
        for giveWay in [GivingWay.never, .atOnce] {
            for (index, name) in names.enumerated() {
                if let limit = request.poolsWithWaiters[name] {
                    if giveWay == .never {
                        refused.append((name, Self.behindOthers(in: name, limit)))
                    }
                    continue
                }
                var decision = try acquireFromOne(
                    request.asked(of: name),
                    identity,
                    giveWay: giveWay,
                    caller: caller,
                    now: now
                )
                switch decision.answer {
                case .refused(let refusal):
                    if giveWay == .never {
                        refused.append((name, refusal))
                    } else {
                        // Who finds leases that would give way may lack only money, or time.
                        refused[index] = (name, refusal)
                    }
                case .grant(var grant):
                    grant.pool = name
                    grant.fallback = refused.prefix(index)
                        .map { PoolRefusal(pool: $0, code: $1.code) }
                    decision.answer = .grant(grant)
                    return decision
                default: return decision
                }
            }
            if !names.contains(where: { preempts(in: $0) }) { break }
        }
        return refusal(of: request, refused, identity, now: now)
    }

    private static func behindOthers(in pool: String, _ limit: String) -> Refusal {
        let what = limit.isEmpty ? "" : " for \(limit)"
        let sentence = "others wait before this request\(what) in pool \(pool)"
        return Refusal(.exhausted, sentence, limit: limit)
    }

    /// Whatever may pass by itself before what will not; of one that waits what no waiting helps
    /// before both, as it would be told by one pool.
    private func refusal(
        of request: AcquireRequest,
        _ refused: [(pool: String, refusal: Refusal)],
        _ identity: Identity,
        now: LedgerTime
    ) -> Decision {
        guard !refused.isEmpty else {
            return Decision(refused: .notFound, "there is no pool; create one with POOL SET")
        }
        let waits = request.waits || identity.ticket != nil
        let ending = refused.first { waits && !$0.refusal.leavesOtherPools }
        let passing = refused.first { $0.refusal.isOfWant }
        let lasting = refused.first { $0.refusal.code != .unsatisfiable }
        let decisive = ending ?? passing ?? lasting ?? refused[0]
        let limits = refused.map { PoolLimit(pool: $0, code: $1.code, limit: $1.limit) }
        let shown = limits.prefix(4).map(\.text)
        let more = refused.count > shown.count ? " and \(refused.count - shown.count) more" : ""
        var refusal = Refusal(
            decisive.refusal.code,
            "none of \(refused.count) pools grants it (\(shown.joined(separator: ", "))\(more)); "
                + "\(decisive.pool): \(decisive.refusal.message)",
            limit: decisive.refusal.limit
        )
        refusal.pools = limits
        guard refusal.code == .unsatisfiable else { return Decision(.refused(refusal)) }
        return refuseForGood(request, refusal, identity, now: now)
    }
}

extension Refusal {
    /// Whether a request that waits goes on to wait for its other pools.
    ///
    /// What can change by a change of the pool alone, so that it is looked at again then.
    fileprivate var leavesOtherPools: Bool {
        isOfWant || code == .unsatisfiable || code == .circuitOpen
    }
}
