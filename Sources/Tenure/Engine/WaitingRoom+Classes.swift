// The classes of those who wait, which rise as they wait.

internal import TenureModel

extension WaitingRoom {
    /// Raises the classes of those who have waited long enough at `now`.
    mutating func rise(at now: LedgerTime) {
        while let (rise, waiter) = rises.first, rise.time <= now {
            rises.remove(at: rise)
            raise(waiter, now: now)
            reordered.formUnion(waiter.lacks)
        }
    }

    mutating func raise(_ waiter: Waiter, now: LedgerTime) {
        let priority = waiter.request.priority
        waiter.rank = waiter.aging.rank(
            of: priority,
            waited: now.milliseconds(since: waiter.since)
        )
        waiter.nextRise = waiter.aging.nextRise(of: priority, since: waiter.since, after: now)
        guard waiter.nextRise < .never else { return }
        rises.insert(waiter, at: Rise(time: waiter.nextRise, age: waiter.age))
    }

    /// Has those who wait in a pool age as it says now.
    mutating func set(_ aging: Aging, of pool: String, now: LedgerTime) {
        for waiter in waiters where waiter.pools.first == pool {
            set(aging, for: waiter, now: now)
        }
    }

    /// Has one who waits age so.
    mutating func set(_ aging: Aging, for waiter: Waiter, now: LedgerTime) {
        guard waiter.aging != aging else { return }
        rises.remove(at: Rise(time: waiter.nextRise, age: waiter.age))
        waiter.aging = aging
        raise(waiter, now: now)
        reordered.formUnion(waiter.lacks)
    }
}
