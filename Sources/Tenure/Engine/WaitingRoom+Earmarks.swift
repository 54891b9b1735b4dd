// What is set aside for those for whom others leave.

internal import TenureModel

extension WaitingRoom {
    /// What a waiter lacks by a refusal and by what is set aside for it.
    ///
    /// The capacity that it was short of before as well, unless only a limit is in its way.
    func shortages(of waiter: Waiter, refused refusal: Refusal, isFirst: Bool) -> [Shortage] {
        var found = waiter.request.shortages(by: refusal) ?? []
        found += (waiter.earmark?.lacks ?? []).filter { !found.contains($0) }
        guard !isFirst, waiter.earmark != nil || !found.contains(where: \.isBesideRoom) else {
            return found
        }
        return waiter.lacks.filter { !$0.isQuota && !found.contains($0) } + found
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
