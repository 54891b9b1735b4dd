// Deadlocks of those who wait for more while they hold something.
//
// Who waits so is a session with all its leases, or a lease without a session that is to grow. It
// holds what nothing but itself ends: leases with a longest life, reservations and leases that were
// told to leave give back in time, and so do all who do not wait.
//
//   D1  A set of them is deadlocked when none can get all that it waits for as long as the others
//       hold what they hold, however everybody else gives back. (Holt, "Some deadlock properties of
//       computer systems", 1972: those are left when one after the other of those who can be served
//       is taken to have finished; the order does not matter, because it only makes room.)
//   D2  A wait that would belong to such a set is refused, naming who waits for whom.
//
// Amounts, quotas and numbers of leases count. What others are guaranteed, budgets, breakers and
// drains do not: they can pass without anybody who waits. Where several claims are asked for, a
// place counts when a search finds it.

internal import TenureBase

/// One who holds something while it waits.
package enum WaitingHolder: Hashable, Sendable {
    case session(SessionID)
    /// One without a session.
    case lease(LeaseID)
}

/// One thing that it waits for.
package struct HoldingWait: Sendable {
    package let holder: WaitingHolder
    package let request: AcquireRequest
    /// Whether a lease is to grow, so that there is not one more.
    package let isGrowth: Bool
    /// The request id of a growth: who asks twice waits for one thing.
    package let requestID: String?

    package init(
        holder: WaitingHolder,
        request: AcquireRequest,
        isGrowth: Bool,
        requestID: String? = nil
    ) {
        self.holder = holder
        self.request = request
        self.isGrowth = isGrowth
        self.requestID = requestID
    }
}

/// What leases hold together: of resources, of quotas, and as leases at each level.
struct HeldAmounts {
    private(set) var taken: [ResourceID: UInt64] = [:]
    private(set) var used: [QuotaKey: UInt64] = [:]
    private(set) var counts: [String: UInt64] = [:]

    init(_ leases: [Leaving]) {
        for leaving in leases {
            for placement in leaving.placements {
                taken[placement.resource, default: 0] += placement.amount
            }
            used.merge(leaving.used, uniquingKeysWith: +)
            counts.merge(leaving.leases, uniquingKeysWith: +)
        }
    }

    /// Takes away what one of them holds.
    mutating func subtract(_ leaving: Leaving) {
        for placement in leaving.placements {
            taken[placement.resource, default: placement.amount] -= placement.amount
        }
        used.merge(leaving.used, uniquingKeysWith: -)
        counts.merge(leaving.leases, uniquingKeysWith: -)
    }
}

/// How much may still be looked for in one question; who is left then is taken to be served.
struct DeadlockEffort {
    /// In searches for a place for one claim.
    private var left = Limits.deadlockSearches

    /// Counts one more search; false when it is one too many.
    mutating func spend(on request: AcquireRequest) -> Bool {
        // Several claims are placed in many ways.
        let cost = request.claims.count > 1 ? 64 : 1
        guard left >= cost else { return false }
        left -= cost
        return true
    }
}

extension HoldingWait {
    /// Whether it is the same request, asked again.
    fileprivate func isSame(as other: HoldingWait) -> Bool {
        requestID == other.requestID && request.claims == other.request.claims
    }
}

/// All that a holder waits for, and all that it holds.
struct WaitingParty {
    let holder: WaitingHolder
    var waits: [HoldingWait]
    var leases: [Leaving]

    /// How others call it.
    var name: String {
        switch holder {
        case .session(let id):
            let name = leases.first.map { " (\($0.lease.terms.holder))" } ?? ""
            return "session \(id.rawValue)\(name)"
        case .lease(let id):
            let name = leases.first.map { " of \($0.lease.terms.holder)" } ?? ""
            return "lease \(id.rawValue)\(name)"
        }
    }
}

extension LedgerState {
    /// Who would wait with `command` while it holds something; nothing when nobody would.
    package func waitingHolder(of command: Command) throws(RowFault) -> WaitingHolder? {
        switch command {
        case .grow(let reference, _):
            guard let lease = try lease(reference.lease) else { return nil }
            return lease.terms.session.map { .session($0) } ?? .lease(lease.id)
        case .acquire(let request): return request.session.map { .session($0) }
        default: return nil
        }
    }

    /// Why `newest` can not wait beside `waits`: it would never be served (D2).
    ///
    /// Of `waits`, those of `Limits.deadlockHolders` holders count: the rest is taken to give back.
    /// O(holders²) searches for a place, at most `Limits.deadlockSearches`.
    package mutating func deadlock(
        closedBy newest: HoldingWait,
        beside waits: [HoldingWait],
        now: LedgerTime
    ) throws(RowFault) -> Refusal? {
        guard try holdsSomething(newest.holder, now: now) else { return nil }
        var effort = DeadlockEffort()
        let stuck = try stuck(try parties(of: [newest] + waits, now: now), &effort)
        guard stuck.contains(where: { $0.holder == newest.holder }) else { return nil }
        // What can not be had even from nobody is refused for another reason.
        guard try canBeServed([newest], beside: HeldAmounts([]), &effort) else { return nil }
        let steps = try cycle(from: newest.holder, among: stuck)
        return Refusal(
            .deadlock,
            "waiting would never end: " + steps.joined(separator: "; ")
                + "; release something, or ask without WAIT",
            limit: newest.request.totals.count == 1 ? newest.request.totals[0].kind.name : ""
        )
    }

    /// Whether one holds what nothing but itself gives back.
    package func holdsSomething(
        _ holder: WaitingHolder,
        now: LedgerTime
    ) throws(RowFault) -> Bool {
        try !holdings(of: holder, now: now).isEmpty
    }

    /// Whether a request can not be served as long as those who wait hold what they hold.
    package mutating func needsWhatIsHeld(
        _ request: AcquireRequest,
        by waits: [HoldingWait],
        now: LedgerTime
    ) throws(RowFault) -> Bool {
        let held = try parties(of: waits, now: now).flatMap(\.leases)
        let wait = HoldingWait(
            holder: .lease(LeaseID(rawValue: 0)),
            request: request,
            isGrowth: false
        )
        var effort = DeadlockEffort()
        return try !canBeServed([wait], beside: HeldAmounts(held), &effort)
    }

    // MARK: Who holds what

    private func parties(
        of waits: [HoldingWait],
        now: LedgerTime
    ) throws(RowFault) -> [WaitingParty] {
        var parties: [WaitingParty] = []
        var indices: [WaitingHolder: Int] = [:]
        for wait in waits {
            if let index = indices[wait.holder] {
                let known = parties[index].waits
                if wait.requestID == nil || !known.contains(where: { $0.isSame(as: wait) }) {
                    parties[index].waits.append(wait)
                }
                continue
            }
            guard parties.count < Limits.deadlockHolders else { continue }
            indices[wait.holder] = parties.count
            let leases = try holdings(of: wait.holder, now: now)
            parties.append(WaitingParty(holder: wait.holder, waits: [wait], leases: leases))
        }
        return parties
    }

    /// What a holder holds until it gives it back itself.
    private func holdings(
        of holder: WaitingHolder,
        now: LedgerTime
    ) throws(RowFault) -> [Leaving] {
        var ids: [LeaseID] = []
        switch holder {
        case .lease(let id): ids = [id]
        case .session(let id):
            guard let session = try session(id), session.ended == nil, dueTime(of: session) > now
            else { return [] }
            ids = try members(of: id, limit: Limits.deadlockLeases)
        }
        var held: [Leaving] = []
        for id in ids {
            // What is carved from a lease of others ends with that.
            guard let lease = try lease(id), lease.state == .held, lease.parent == nil,
                lease.terms.lifetimeEnd == .never, dueTime(of: lease) > now
            else { continue }
            held.append(try leaving(lease))
        }
        return held
    }

    // MARK: The reduction

    /// Those who are left when one after the other who can be served has finished.
    private mutating func stuck(
        _ all: [WaitingParty],
        _ effort: inout DeadlockEffort
    ) throws(RowFault) -> [WaitingParty] {
        var left = all
        var held = HeldAmounts(left.flatMap(\.leases))
        var isDone = false
        while !isDone {
            isDone = true
            for index in left.indices.reversed() {
                guard try canBeServed(left[index].waits, beside: held, &effort) else { continue }
                for leaving in left.remove(at: index).leases { held.subtract(leaving) }
                isDone = false
            }
        }
        return left
    }

    /// Whether all of `waits` fit together beside what is held, when everybody else has given back.
    ///
    /// In some order: what is placed first may be in the way of what follows. Few are tried in all
    /// orders, more in two.
    mutating func canBeServed(
        _ waits: [HoldingWait],
        beside held: HeldAmounts,
        _ effort: inout DeadlockEffort
    ) throws(RowFault) -> Bool {
        guard limitsAllow(waits, beside: held) else { return false }
        var ways = 1
        for wait in waits {
            ways = min(ways * poolsInOrder(of: wait.request).count, Self.waysMax + 1)
        }
        if ways > Self.waysMax { return true }
        return Self.orders(of: waits).contains { fit($0[...], beside: held.taken, &effort) }
    }

    /// How many waits of one holder are tried in all orders.
    private static let fewWaits = 5
    /// How many ways there may be to choose pools; who has more is taken to be served.
    private static let waysMax = 64

    /// The orders in which waits are tried.
    private static func orders(of waits: [HoldingWait]) -> [[HoldingWait]] {
        guard waits.count > 1 else { return [waits] }
        guard waits.count <= fewWaits else { return [waits, waits.reversed()] }
        return waits.indices.flatMap { index in
            var rest = waits
            let first = rest.remove(at: index)
            return orders(of: rest).map { [first] + $0 }
        }
    }

    /// Whether waits fit, one after the other, beside what is taken, each in one of its pools.
    private mutating func fit(
        _ waits: ArraySlice<HoldingWait>,
        beside taken: [ResourceID: UInt64],
        _ effort: inout DeadlockEffort
    ) -> Bool {
        guard let wait = waits.first else { return true }
        for pool in poolsInOrder(of: wait.request) {
            guard let slot = pools.index(forKey: pool) else { continue }
            guard effort.spend(on: wait.request) else { return true }
            var placer = Placer(
                resources: resources,
                selector: wait.request.selector,
                view: .empty,
                withheld: taken
            )
            let isPlaced = placer.place(
                wait.request.claims,
                strategy: .firstFit,
                in: &pools.values[slot].index
            )
            if isPlaced, fit(waits.dropFirst(), beside: placer.taken, &effort) { return true }
        }
        return false
    }

    func limitsAllow(_ waits: [HoldingWait], beside held: HeldAmounts) -> Bool {
        guard !quotas.isEmpty || !tenantLimits.isEmpty else { return true }
        var (used, counts) = (held.used, held.counts)
        for wait in waits {
            for level in Self.levels(of: wait.request.tenant) {
                if !wait.isGrowth { counts[level, default: 0] += 1 }
                for total in wait.request.totals {
                    used[QuotaKey(tenant: level, kind: total.kind), default: 0] += total.amount
                }
            }
        }
        // Only what is asked for can be too much: a limit may have been cut below what is held.
        let levels = Set(waits.flatMap { Self.levels(of: $0.request.tenant) })
        let kinds = Set(waits.flatMap { $0.request.totals.map(\.kind) })
        return levels.allSatisfy { level in
            let most = tenantLimits[level]?.leases ?? .max
            if waits.contains(where: { !$0.isGrowth }), counts[level, default: 0] > most {
                return false
            }
            return kinds.allSatisfy { kind in
                let key = QuotaKey(tenant: level, kind: kind)
                return quota(key).map { used[key, default: 0] <= $0.ceiling } ?? true
            }
        }
    }
}
