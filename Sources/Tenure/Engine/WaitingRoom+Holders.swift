// Those who hold something while they wait.

internal import TenureModel

extension WaitingRoom {
    /// Notes who holds something while it waits, or waits for more of a lease; has it looked at.
    mutating func note(_ waiter: Waiter, holdsAs holder: WaitingHolder?) {
        guard holder != nil || waiter.grows != nil else { return }
        waiter.holder = holder
        holding.insert(waiter, at: waiter.age)
        mark(waiter)
    }

    /// What those wait for who hold something and have not hung up.
    var holdingWaits: [HoldingWait] {
        holding.values.compactMap { waiter in
            guard let holder = waiter.holder, !waiter.parties.isEmpty else { return nil }
            return HoldingWait(
                holder: holder,
                request: waiter.request,
                isGrowth: waiter.grows != nil,
                requestID: waiter.growthID
            )
        }
    }

    /// Whether one who need not be the first of a line may be served after a change, or in vain.
    func mayPass(_ waiter: Waiter, after relief: Relief) -> Bool {
        waiter.lacks.contains(where: relief.shortages.contains)
            || waiter.grows.map(relief.leases.contains) == true
    }

    /// Everybody who is first in a line where `waiter` would be served by `pool` and comes before
    /// it.
    func obstacles(to waiter: Waiter, in pool: String) -> [Waiter] {
        let order = waiter.order
        return waiter.needs(in: pool).flatMap { need in
            let selector = need.isQuota ? [] : waiter.request.selector
            return (queues[need]?.lines ?? []).compactMap { line -> Waiter? in
                guard !line.selector.excludes(selector), let head = line.head,
                    head.order.isBefore(order)
                else { return nil }
                return head
            }
        }
    }
}
