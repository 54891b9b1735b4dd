// What is set aside for those for whom others leave.

internal import TenureModel

extension WaitingRoom {
    /// What a waiter lacks by a refusal and by what is set aside for it.
    ///
    /// The capacity that it was short of before as well, unless only a limit is in its way. Of
    /// several pools those count of which the refusal tells, each by itself, and with the others it
    /// is as before.
    func shortages(of waiter: Waiter, refused refusal: Refusal, isFirst: Bool) -> [Shortage] {
        let answers =
            refusal.pools.isEmpty
            ? waiter.pools.map { PoolLimit(pool: $0, code: refusal.code, limit: refusal.limit) }
            : refusal.pools
        let set = waiter.earmark?.lacks ?? []
        var lacks: [Shortage] = []
        for answer in answers {
            guard
                var found = waiter.request.shortages(
                    in: answer.pool,
                    by: answer.code,
                    answer.limit
                )
            else { continue }
            found += set.filter { !found.contains($0) }
            if !isFirst, waiter.earmark != nil || !found.contains(where: \.isBesideRoom) {
                let known = waiter.lacks.filter { $0.pool == answer.pool && !$0.isQuota }
                found = known.filter { !found.contains($0) } + found
            }
            lacks += found.filter { !lacks.contains($0) }
        }
        guard answers.count < waiter.pools.count else { return lacks }
        let untold = Set(waiter.pools).subtracting(answers.map(\.pool))
        return waiter.lacks.filter { untold.contains($0.pool) } + lacks
    }

    /// Changes the place of a waiter in its queues; who may come before it now is looked at.
    mutating func set(_ earmark: Earmark?, for waiter: Waiter) {
        let isWeaker = waiter.earmark != nil && earmark?.isForAll != true
        for shortage in waiter.lacks {
            queues[shortage]?.remove(waiter, selecting: shortage.selector(of: waiter))
        }
        waiter.earmark = earmark
        for shortage in waiter.lacks {
            queues[shortage]?.insert(waiter, selecting: shortage.selector(of: waiter))
        }
        if isWeaker { reordered.formUnion(waiter.lacks) }
    }
}

extension Shortage {
    /// Which labels a waiter wants in the line of those who lack this.
    func selector(of waiter: Waiter) -> [Label] { isQuota ? [] : waiter.request.selector }
}
