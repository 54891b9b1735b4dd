// What plans of a day are held against.

import TenureLog
import TenureModel
import TenureTesting

@testable import Tenure
@testable import TenureModel

extension CampaignDay {
    /// A quarantine begins late by less than this, in nanoseconds.
    private static let slack: UInt64 = 100_000

    // MARK: Answers and records

    /// Takes in what is answered to plans.
    mutating func notePlan(_ document: Document, _ command: Command) {
        switch (command, document["status"]) {
        case (.book, .string("booked")):
            guard case .id(let id)? = document["booking"] else { break }
            booked.append(TicketID(rawValue: id))
            tally.hit(.booked)
        case (.cancelBooking, .string("cancelled")): tally.hit(.bookingCancelled)
        case (.planWindow, .string("planned")):
            guard case .id(let id)? = document["window"] else { break }
            windows.append(WindowID(rawValue: id))
            tally.hit(.windowPlanned)
        case (.revokeAll, .string("dry run")): tally.hit(.toldWhomToRevoke)
        default: break
        }
    }

    /// Takes in a refusal because of a plan.
    mutating func notePlanned(_ refusal: Refusal) {
        if refusal.message.contains("can not keep") { tally.hit(.notBookable) }
        if refusal.message.contains("is booked for a time") { tally.hit(.keptForBooking) }
        if refusal.message.contains("drained for a time") { tally.hit(.keptForWindow) }
    }

    // MARK: At rest

    /// K1, and whether windows begin and end in time, whenever there is nothing left to do.
    mutating func checkPlans() throws {
        let core = try scene.core
        let now = core.now
        for window in core.state.windows.inOrder {
            let due = window.hasBegun ? window.end : window.start
            if due <= now { fault("K3: window \(window.id.rawValue) is overdue") }
        }
        if core.state.bookings.count == 0 { return }
        let sums = try BookedSums(core.state, lockDelay: terms.lockDelay)
        for sentence in sums.faults(at: now, slack: Self.slack, whole: CampaignTerms.whole) {
            fault(sentence)
        }
        // What is due and not late for a reason begins at once.
        guard isCalm else { return }
        for booking in core.state.bookings.inOrder where booking.start <= now {
            fault("booking \(booking.id.rawValue) waits beyond its start")
        }
    }

    /// Whether nothing but time can be in the way of what is booked.
    private var isCalm: Bool {
        !terms.hasQuotas && !terms.hasBudgets && !terms.hasTenantLimits && !terms.hasBreakers
            && !terms.hasDrains && !terms.hasRestarts && !terms.plans.hasWindows
            && terms.lockDelay == 0
    }

    /// What bookings and windows leave to one who waits is what the sums say.
    mutating func checkRoom(for waiter: Waiter, _ sums: BookedSums) throws {
        let core = try scene.core
        guard core.hasBookings, !core.backfill.isBuilding else { return }
        let now = core.now
        var room: [ResourceID: UInt64] = [:]
        for pool in waiter.pools where core.state.hasBookings(in: pool) {
            let request = waiter.asked(of: pool)
            let end = try core.latestEnd(of: waiter.command, asking: request, now: now)
            room.merge(sums.room(in: pool, from: now, before: end), uniquingKeysWith: min)
        }
        let told = try core.bookedRoom(for: waiter.command, asking: waiter.request, now: now)
        tally.roomsCompared += 1
        if told != room { fault("beside what is booked there is \(room), not \(told)") }
    }

    // MARK: The log

    /// K2, K3 and K4, by the records of the day.
    mutating func checkPlanned(_ bookings: BookingAudit, _ windows: WindowAudit) throws {
        for sentence in bookings.faults + windows.faults { fault(sentence) }
        let open = Set(bookings.open.keys)
        if open != Set(try scene.core.state.bookings.inOrder.map(\.id)) {
            fault("K4: bookings are missing")
        }
        if isCalm, bookings.moved > 0 || !bookings.lost.isEmpty {
            fault("\(bookings.moved) bookings were moved, and lost were \(bookings.lost)")
        }
        for end in bookings.lost where !mayLose(for: end.code) {
            fault("a booking is lost without need: \(end.message)")
        }
        tally.hit(.bookingBegun, bookings.begun)
        tally.hit(.bookingMoved, bookings.moved)
        tally.hit(.bookingLost, bookings.lost.count)
        tally.hit(.windowBegun, windows.begun)
        tally.hit(.windowOver, windows.ends[.over, default: 0])
        tally.hit(.windowCancelled, windows.ends[.cancelled, default: 0])
        tally.hit(.windowLeft, windows.ends[.changed, default: 0])
    }

    /// Whether there is something in the day for which a booking may be refused so at its start.
    private func mayLose(for code: RefusalCode) -> Bool {
        let isHurt =
            terms.hasDrains || terms.hasBreakers || terms.plans.hasWindows
            || terms.hasRestarts && terms.lockDelay > 0
        return switch code {
        case .quota: terms.hasQuotas || terms.hasBudgets || terms.hasTenantLimits
        case .circuitOpen: terms.hasBreakers
        case .exhausted: isHurt
        // What was cut everywhere is nowhere to be had.
        case .unsatisfiable: terms.hasDrains
        case .timeout: isHurt || terms.hasRestarts || terms.hasTenantLimits
        default: false
        }
    }

    // MARK: Dates

    /// By when those who are first are promised what they need, in the order of each pool.
    func promisedDates() throws -> [String: [PromisedDate]] {
        let core = try scene.core
        let sums = try BookedSums(core.state, lockDelay: terms.lockDelay)
        var dates: [String: [PromisedDate]] = [:]
        for pool in CampaignTerms.pools {
            dates[pool] = try core.promises(in: pool).map { head, promise in
                guard let promise, let date = promise.date else {
                    return PromisedDate(age: head.age, date: nil, isFree: false)
                }
                let request = head.homeRequest
                let end = try core.latestEnd(of: head.command, asking: request, now: date)
                let room = sums.room(in: pool, from: date, before: end)
                let isFree = promise.own.allSatisfy { $1 <= room[$0] ?? .max }
                return PromisedDate(age: head.age, date: date, isFree: isFree)
            }
        }
        return dates
    }

    /// W5: who had a date that is still to come, and is still first, has no later one, and nothing
    /// of what it is promised is booked.
    mutating func checkKept(
        _ before: [String: [PromisedDate]],
        after command: String
    ) throws {
        let after = try promisedDates()
        let now = try scene.core.now
        for (pool, dates) in before {
            for one in dates {
                guard let date = one.date, date > now,
                    let found = after[pool]?.first(where: { $0.age == one.age })
                else { continue }
                tally.hit(.dateKept)
                if found.date.map({ $0 > date }) ?? true {
                    let later = found.date.map { "\($0)" } ?? "none"
                    fault("W5: a date of \(date) is \(later) after \(command)")
                }
                if one.isFree {
                    tally.hit(.promiseKept)
                    if !found.isFree { fault("W5: what is promised by \(date) is booked") }
                }
            }
        }
    }

    /// The same of those who are the first of a pool, and stay it: the order of the others follows
    /// from shares.
    mutating func checkFirstKept(
        _ before: [String: [PromisedDate]],
        after command: String
    ) throws {
        let after = try promisedDates()
        let firsts = before.filter { pool, dates in
            dates.first.map { $0.age == after[pool]?.first?.age } ?? false
        }
        try checkKept(firsts.mapValues { Array($0.prefix(1)) }, after: command)
    }

    // MARK: Revocations

    /// The leases that a request means, and what is carved from them, by looking at all.
    func leases(meantBy request: RevokeRequest) throws -> Set<LeaseID> {
        let state = try scene.core.state
        var all: [Lease] = []
        var rows = MergedLeases(state: state.leases, source: state.source, after: nil)
        while let lease = try rows.next() { all.append(lease) }
        let valid = all.filter { $0.state != .quarantined && $0.state != .ended }
        let meant = valid.filter { lease in
            let terms = lease.terms
            if let pool = request.filter.pool, terms.pool != pool { return false }
            if let holder = request.filter.holder, terms.holder != holder { return false }
            if let tenant = request.filter.tenant, !(terms.tenant + "/").hasPrefix(tenant + "/") {
                return false
            }
            let hasTags = request.tags.allSatisfy { wanted in
                let values = wanted.value.split(separator: "|").map(String.init)
                return terms.tags.contains {
                    $0.name == wanted.name && values.contains($0.value)
                }
            }
            guard hasTags, let node = request.node else { return hasTags }
            let carved = all.filter { $0.parent == lease.id }
            return ([lease] + carved).flatMap(\.placements).contains {
                state.resource($0.resource)?.node == node
            }
        }
        let ids = Set(meant.map(\.id))
        return ids.union(valid.filter { $0.parent.map(ids.contains) ?? false }.map(\.id))
    }

    /// Those who were meant were taken from their holders in one frame, and nobody else.
    mutating func checkRevoked(_ meant: Set<LeaseID>, by request: RevokeRequest) {
        func isMeant(_ event: Event) -> Bool {
            if case .reclaimed(_, _, let evidence) = event {
                evidence == request.reason
            } else {
                false
            }
        }
        var taken: Set<LeaseID> = []
        for record in heard where record.events.contains(where: isMeant) {
            for case .reclaimed(let leases, _, _) in record.events {
                taken.formUnion(leases.map(\.lease))
            }
        }
        tally.hit(.revokedWithOthers, taken.count)
        if taken != meant {
            fault("\(taken.symmetricDifference(meant)) are revoked wrongly by \(request)")
        }
    }

    // MARK: Moves

    /// What a lease has, by resource.
    func placements(of id: LeaseID) throws -> [String: UInt64] {
        let state = try scene.core.state
        var placements: [String: UInt64] = [:]
        for placement in try state.lease(id)?.placements ?? [] {
            let name = state.resource(placement.resource)?.name ?? ""
            placements[name, default: 0] += placement.amount
        }
        return placements
    }

    func totals(_ placements: [String: UInt64]) throws -> [Kind: UInt64] {
        let state = try scene.core.state
        var totals: [Kind: UInt64] = [:]
        for (name, amount) in placements {
            guard let kind = state.resource(named: name)?.kind else { continue }
            totals[kind, default: 0] += amount
        }
        return totals
    }

    /// O2: the lease has what the plan told, beside what it had.
    mutating func checkGrown(_ told: ToldMove, _ before: [String: UInt64]) throws {
        let after = try placements(of: told.lease)
        // It may have ended meanwhile, at its time.
        if after.isEmpty { return }
        if after != before.merging(told.places, uniquingKeysWith: +) {
            fault("O2: \(before) became \(after) by \(told)")
        }
    }

    /// A lease that was moved has as much of each kind as before, and one that was not what it had.
    mutating func checkFinished(
        _ move: Move,
        isMade: Bool,
        from before: [String: UInt64],
        by reference: LeaseReference
    ) throws {
        let after = try placements(of: move.lease)
        // Its holder has changed it meanwhile, or it has ended at its time.
        if before != move.grown || after.isEmpty { return }
        // It has waited to grow, and does with what is given back.
        if try scene.core.state.lease(move.lease)?.token != reference.token { return }
        let isRight =
            isMade ? try totals(after) == totals(move.before) : after == move.before
        if !isRight { fault("a move leaves \(after) of \(move.before)") }
    }
}

/// By when one who is first in a line has what it needs.
struct PromisedDate {
    let age: WaitAge
    let date: LedgerTime?
    /// Whether what is promised is there from then on, beside leases, bookings and windows.
    let isFree: Bool
}
