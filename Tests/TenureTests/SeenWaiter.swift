// One who waits as a slow and obvious oracle sees him.

import TenureModel

@testable import Tenure

/// One who waits as he was seen at a moment: the slow order, from shares as they were then.
struct SeenWaiter {
    let rank: UInt8
    /// Whether others leave for it.
    let isEarmarked: Bool
    let shares: [Share]
    let age: WaitAge
    let request: AcquireRequest
    /// The pools that it asks, in order.
    let pools: [String]
    let needs: [Shortage]
    var lacks: [Shortage]
    let ticket: TicketID?

    init(_ waiter: Waiter, in state: LedgerState, now: LedgerTime) throws {
        ticket = waiter.ticket
        age = waiter.age
        request = waiter.request
        pools = state.poolsInOrder(of: request)
        needs = request.possibleShortages(in: pools)
        lacks = waiter.lacks
        let aged = state.aging(of: pools.first ?? "").rank(
            of: request.priority,
            waited: now.milliseconds(since: waiter.since)
        )
        rank = waiter.earmark?.isForAll == true ? Aging.overdue : aged
        isEarmarked = waiter.earmark != nil
        shares = try Self.shares(of: request.tenant, in: state)
    }

    /// One who came in the step, and may have waited in it for so long.
    init(
        newcomer: AcquireRequest,
        waited milliseconds: UInt64,
        in state: LedgerState
    ) throws {
        request = newcomer
        pools = state.poolsInOrder(of: newcomer)
        rank = state.aging(of: pools.first ?? "").rank(
            of: newcomer.priority,
            waited: milliseconds
        )
        isEarmarked = false
        age = .newest
        needs = newcomer.possibleShortages(in: pools)
        lacks = []
        ticket = nil
        shares = try Self.shares(of: newcomer.tenant, in: state)
    }

    /// The share of each level from the root down, the last repeated.
    static func shares(of tenant: String, in state: LedgerState) throws -> [Share] {
        let names = tenant.split(separator: "/").map(String.init)
        var shares = try names.indices.map { depth in
            try state.share(of: names[...depth].joined(separator: "/"))
        }
        while shares.count < Limits.tenantLevels { shares.append(shares[shares.count - 1]) }
        return shares
    }

    func isBefore(_ other: SeenWaiter) -> Bool {
        if rank != other.rank { return rank > other.rank }
        if isEarmarked != other.isEarmarked { return isEarmarked }
        if rank < Aging.overdue {
            for (mine, theirs) in zip(shares, other.shares) where mine != theirs {
                return mine < theirs
            }
        }
        return age < other.age
    }

    /// The first of its pools of which it lacks room, or anything where it lacks room nowhere.
    var home: String? {
        func first(_ isMeant: (Shortage) -> Bool) -> String? {
            pools.first { pool in lacks.contains { $0.pool == pool && isMeant($0) } }
        }
        return first { !$0.isBesideRoom } ?? first { !$0.isQuota }
    }

    /// Whether this one is before `other` in a queue that `other` has to pass to be served by
    /// `pool`: of quotas, or of what it lacks at home.
    func isInTheWay(of other: SeenWaiter, in pool: String) -> Bool {
        isBefore(other) && isLacking(something: other, in: home == pool ? pool : "")
    }

    /// Whether this one is a guest of `pool` that comes before `other` and lacks there what `other`
    /// needs.
    func isGuestInTheWay(of other: SeenWaiter, in pool: String) -> Bool {
        home != pool && isBefore(other) && lacks.contains { $0.pool == pool }
            && isLacking(something: other, in: pool)
    }

    private func isLacking(something other: SeenWaiter, in pool: String) -> Bool {
        lacks.contains { lack in
            guard other.needs.contains(lack) else { return false }
            if lack.isQuota { return true }
            return lack.pool == pool && !request.selector.excludes(other.request.selector)
        }
    }

    /// The pools of this one in which nobody of `all` is in its way.
    func openPools(among all: [SeenWaiter]) -> [String] {
        pools.filter { pool in !all.contains { $0.isInTheWay(of: self, in: pool) } }
    }
}

extension LedgerState {
    /// Whether what `guest` asks would be granted by `pool` alone.
    func wouldGrant(_ guest: SeenWaiter, in pool: String, now: LedgerTime) throws -> Bool {
        var state = self
        var request = guest.request.asked(of: pool)
        request.requestID = nil
        let decision = try state.decide(.acquire(request), caller: .embedder, now: now)
        if case .grant = decision.answer { return true }
        return false
    }
}

extension LedgerCore {
    /// What would be decided about one who waits, on a copy of the state, with what is promised to
    /// those before it left alone; as if it asked none of the `blocked` pools.
    ///
    /// Unless it is `besideBookings`, as if nothing were booked or to be drained.
    func freshLook(
        at waiter: Waiter,
        leavingOut blocked: [String] = [],
        besideBookings: Bool = true,
        now: LedgerTime
    ) throws -> Decision {
        var pools = Dictionary(uniqueKeysWithValues: blocked.map { ($0, "") })
        let room =
            besideBookings
            ? try bookedRoom(for: waiter.command, asking: waiter.request, now: now) : [:]
        var withheld: [ResourceID: UInt64] = [:]
        while true {
            var decision = try freshLook(at: waiter, withholding: withheld, pools, room, now: now)
            // Nobody is told to leave for what is promised to others.
            if !withheld.isEmpty, case .refused = decision.answer { decision.events = [] }
            guard case .grant(let grant) = decision.answer else { return decision }
            let pool = grant.pool ?? waiter.request.pool
            switch try passage(of: passer(waiter, in: pool, now: now)) {
            case .beside(let more, _):
                if more.allSatisfy({ withheld[$0, default: 0] >= $1 }) { return decision }
                withheld.merge(more, uniquingKeysWith: max)
            case .held where waiter.pools.count > 1: pools[pool] = ""
            default: return decision
            }
        }
    }

    private func freshLook(
        at waiter: Waiter,
        withholding withheld: [ResourceID: UInt64],
        _ pools: [String: String],
        _ room: [ResourceID: UInt64],
        now: LedgerTime
    ) throws -> Decision {
        var state = state
        if let ticket = waiter.ticket {
            return try state.serve(
                ticket,
                withheld: withheld,
                poolsWithWaiters: pools,
                bookedRoom: room,
                now: now
            )
        }
        var command = waiter.command
        switch command {
        case .acquire(var request):
            request.withheld = withheld
            request.poolsWithWaiters = pools
            request.bookedRoom = room
            command = .acquire(request)
        case .grow(let reference, var request):
            request.withheld = withheld
            request.bookedRoom = room
            command = .grow(reference, request)
        default: break
        }
        return try state.decide(command, caller: .embedder, now: now)
    }
}
