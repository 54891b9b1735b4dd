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
    package var poolText: String { ([pool] + fallbackPools).joined(separator: ",") }

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
    func poolsInOrder(of request: AcquireRequest) -> [String] {
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
        // Nobody gives way as long as another pool has room.
        for mayPreempt in [false, true] {
            refused = []
            for name in names {
                let one = request.asked(of: name)
                guard !request.poolsWithWaiters.contains(name) else {
                    let sentence = "others wait before this request in pool \(name)"
                    refused.append((name, Refusal(.exhausted, sentence)))
                    continue
                }
                var decision = try acquireFromOne(
                    one,
                    identity,
                    mayPreempt: mayPreempt,
                    caller: caller,
                    now: now
                )
                switch decision.answer {
                case .refused(let refusal): refused.append((name, refusal))
                case .grant(var grant):
                    grant.pool = name
                    grant.fallback = refused.map { PoolRefusal(pool: $0, code: $1.code) }
                    decision.answer = .grant(grant)
                    return decision
                default: return decision
                }
            }
            if !names.contains(where: { preempts(in: $0) }) { break }
        }
        return refusal(of: request, refused, identity, now: now)
    }

    /// Whatever may pass by itself before what will not.
    private func refusal(
        of request: AcquireRequest,
        _ refused: [(pool: String, refusal: Refusal)],
        _ identity: Identity,
        now: LedgerTime
    ) -> Decision {
        guard !refused.isEmpty else {
            return Decision(refused: .notFound, "there is no pool; create one with POOL SET")
        }
        let passing = refused.first { [.exhausted, .quota].contains($0.refusal.code) }
        let lasting = refused.first { $0.refusal.code != .unsatisfiable }
        let decisive = passing ?? lasting ?? refused[0]
        let shown = refused.prefix(4).map { "\($0.pool): \($0.refusal.code.rawValue)" }
        let more = refused.count > shown.count ? " and \(refused.count - shown.count) more" : ""
        let refusal = Refusal(
            decisive.refusal.code,
            "none of \(refused.count) pools grants it (\(shown.joined(separator: ", "))\(more)); "
                + "\(decisive.pool): \(decisive.refusal.message)",
            limit: decisive.refusal.limit
        )
        guard refusal.code == .unsatisfiable else { return Decision(.refused(refusal)) }
        return refuseForGood(request, refusal, identity, now: now)
    }
}
