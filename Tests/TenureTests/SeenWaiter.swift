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
    let needs: [Shortage]
    var lacks: [Shortage]
    let ticket: TicketID?

    init(_ waiter: Waiter, in state: LedgerState, now: LedgerTime) throws {
        ticket = waiter.ticket
        age = waiter.age
        request = waiter.request
        needs = waiter.request.possibleShortages
        lacks = waiter.lacks
        let aged = state.aging(of: request.pool).rank(
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
        rank = state.aging(of: newcomer.pool).rank(
            of: newcomer.priority,
            waited: milliseconds
        )
        isEarmarked = false
        age = .newest
        request = newcomer
        needs = newcomer.possibleShortages
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

    /// Whether this one is before `other` in a queue that `other` has to pass.
    func isInTheWay(of other: SeenWaiter) -> Bool {
        isBefore(other)
            && lacks.contains { lack in
                other.needs.contains(lack)
                    && (lack.isQuota || !request.selector.excludes(other.request.selector))
            }
    }
}

extension LedgerCore {
    /// What would be decided about one who waits, on a copy of the state, with what is promised to
    /// those before it left alone.
    func freshLook(at waiter: Waiter, now: LedgerTime) throws -> Decision {
        func decide(withholding withheld: [ResourceID: UInt64]) throws -> Decision {
            var state = state
            if let ticket = waiter.ticket {
                return try state.serve(ticket, withheld: withheld, now: now)
            }
            var command = waiter.command
            switch command {
            case .acquire(var request):
                request.withheld = withheld
                command = .acquire(request)
            case .grow(let reference, var request):
                request.withheld = withheld
                command = .grow(reference, request)
            default: break
            }
            return try state.decide(command, caller: .embedder, now: now)
        }
        let decision = try decide(withholding: [:])
        guard case .grant = decision.answer,
            case .beside(let withheld, _) = try passage(of: passer(waiter, now: now))
        else { return decision }
        var beside = try decide(withholding: withheld)
        // Nobody is told to leave for what is promised to others.
        if case .refused = beside.answer { beside.events = [] }
        return beside
    }
}
