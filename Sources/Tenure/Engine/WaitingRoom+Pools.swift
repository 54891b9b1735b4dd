// Those who wait for several pools.
//
//   W6  Who waits for several pools stands in the lines of all of them, is looked at when any of
//       them may have what it lacks there, and leaves all of them at once.
//
// It has its place by class, share and age in each: it passes nobody there who comes before it, and
// what it could have there now nobody takes who comes after it. Something is promised to it at home
// only, the first of its pools in which it waits for capacity. Elsewhere it is a guest: others pass
// who fit where it does not, because one request must not hold back several pools until it is
// served by one of them. The first who is at home in a line has his promise there, whoever stands
// before him as a guest.

internal import TenureModel

extension WaitingRoom {
    /// The first of every line for capacity of `pool`, in order; those who are at home there.
    func residents(in pool: String) -> [Waiter] {
        let found = awaited[pool]?.flatMap { queues[$0]?.residents ?? [] } ?? []
        return Self.inOrder(found).reversed()
    }

    /// Whether a guest is the first of a line for capacity of `pool`.
    func hasGuestInFront(in pool: String) -> Bool {
        guard severalCount > 0, let awaited = awaited[pool] else { return false }
        return awaited.contains { shortage in
            queues[shortage]?.heads.contains { $0.isGuest(in: pool) } ?? false
        }
    }

    /// Whether one who comes before `passer` as a guest waits for what that needs.
    ///
    /// To be asked where nobody else is passed.
    func isGuestPassed(by passer: Passer) -> Bool {
        guard severalCount > 0 else { return false }
        let needs = passer.needs.filter { !$0.isQuota }
        return obstacle(to: passer.order, needing: needs, selecting: passer.selector) != nil
    }

    /// Finds a home for a waiter that turns out to lack this.
    ///
    /// The first of its pools of which it lacks room; where there is none, of which it lacks
    /// anything, and where there is none either, the one that it has.
    mutating func settle(_ waiter: Waiter, lacking shortages: [Shortage]) {
        guard waiter.request.asksSeveralPools else { return }
        let room = Set(shortages.lazy.filter { !$0.isBesideRoom }.map(\.pool))
        let any = Set(shortages.lazy.filter { !$0.isQuota }.map(\.pool))
        let home =
            waiter.pools.first(where: room.contains) ?? waiter.pools.first(where: any.contains)
        guard let home, home != waiter.home else { return }
        for shortage in waiter.lacks {
            queues[shortage]?.remove(waiter, selecting: shortage.selector(of: waiter))
        }
        let left = waiter.home
        waiter.home = home
        for shortage in waiter.lacks {
            queues[shortage]?.insert(waiter, selecting: shortage.selector(of: waiter))
        }
        // What was promised to it is there for others, and they may pass it where it was at home.
        waiter.promise = nil
        freed.formUnion(awaited[left] ?? [])
        letPass(in: home)
    }

    /// Has one who waits for all pools ask those that there are now.
    mutating func set(_ pools: [String], for waiter: Waiter) {
        guard waiter.pools != pools else { return }
        waiter.ask(pools)
        mark(waiter)
    }
}
