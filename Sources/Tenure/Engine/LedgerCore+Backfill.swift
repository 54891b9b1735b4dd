// Backfill: passing those who wait without making them wait longer.
//
//   W5  The first of a line that has waited for the `starvationLimit` of its pool, 0 unless set,
//       has a date, where the ends of leases that are in its way are known. It is granted by then,
//       unless what was promised to it is lost: to somebody who comes before it, to one who waits
//       while it holds what the first needs (D2), or because resources fail, shrink or are to be
//       drained. Nobody else who passes it moves the date.
//
// The first in order is promised the earliest time at which its request fits, in the places where
// it does; the first of the next line what is left beside that. Who comes later passes when its
// longest life is over by that date, or beside what is promised; nobody passes one who has waited
// for so long, has no date, and wants the same, but who is gone when a booking begins that alone
// keeps that one out.
//
// Dates follow from the leases, and who waits is known here alone, so they are kept here: a record
// says what was granted, not who might have been before. Before anybody passes, those are looked at
// whose turn it may be, so that nobody takes what the first of a line could have now.

internal import TenureModel

/// When leases end, as far as somebody waits for that.
struct Backfill {
    var ends: [String: LeaseEnds] = [:]
    /// The position that they are of.
    var position: Position = 0
    /// When dates that may be too late are worked out anew.
    var nextDating = LedgerTime.never

    /// Whether some leases were not looked at yet.
    var isBuilding: Bool { ends.values.contains { !$0.isComplete } }
}

/// One who may pass others.
struct Passer {
    let order: WaitOrder
    let needs: [Shortage]
    let pool: String
    let selector: [Label]
    /// When what it gets is free again at the latest.
    let end: LedgerTime
}

/// Whether one is let pass.
enum Passage {
    /// Anywhere; whether somebody is passed at all.
    case free(past: Bool)
    /// Where what is promised to others is left alone; who the first of them is.
    case beside([ResourceID: UInt64], first: Waiter)
    /// Not at all, because of those who wait for this; of capacity, who.
    case held(Shortage, by: Waiter?)

    /// Whether one is not let pass.
    var isHeld: Bool { if case .held = self { true } else { false } }
}

extension LedgerCore {
    /// Whether `passer` may pass those who wait before it (W2, W5).
    func passage(of passer: Passer) throws(LedgerFailure) -> Passage {
        if let quota = waiting.quotaObstacle(to: passer.order, needing: passer.needs) {
            return .held(quota, by: nil)
        }
        let now = now
        var withheld: [ResourceID: UInt64] = [:]
        var first: Waiter?
        var isPassing = false
        var times: [PromisedTime] = []
        var dated: Waiter?
        for (head, promise) in try promises(in: passer.pool)
        where head.order.isBefore(passer.order) {
            let contended = passer.needs.first { head.lacks.contains($0) && !$0.isQuota }
            let isContending = head.contends(for: passer.needs, selecting: passer.selector)
            isPassing = isPassing || isContending
            if mayStillBePassed(head, now: now) { continue }
            switch promise?.outlook {
            // It is its turn.
            case .dated(let date, _) where date <= now && isContending: break
            case .dated(let date, _) where passer.end <= date: continue
            case .notBefore(let date) where passer.end <= date: continue
            case .dated:
                guard let promise, let ends = backfill.ends[passer.pool],
                    let some = state.withheld(by: promise, ends)
                else { break }
                withheld.merge(some, uniquingKeysWith: max)
                if !some.isEmpty, first == nil { first = head }
                if let time = try promisedTime(promise, of: head) { times.append(time) }
                if dated == nil { dated = head }
                continue
            case .notBefore, .unknown, nil: break
            }
            if isContending, let contended { return .held(contended, by: head) }
        }
        let more = withheldBesideBookings(from: passer, times, now: now)
        withheld.merge(more, uniquingKeysWith: max)
        if !more.isEmpty, first == nil { first = dated }
        if let first { return .beside(withheld, first: first) }
        return .free(past: isPassing || waiting.isGuestPassed(by: passer))
    }

    /// Whether nothing is promised to `head` yet: it has not waited as long as its pool says.
    private func mayStillBePassed(_ head: Waiter, now: LedgerTime) -> Bool {
        now.milliseconds(since: head.since) < state.starvationLimit(of: head.home)
    }

    /// How a waiter may pass in one of its pools.
    func passer(
        _ waiter: Waiter,
        in pool: String,
        now: LedgerTime
    ) throws(LedgerFailure) -> Passer {
        Passer(
            order: waiter.order,
            needs: waiter.needs(in: pool),
            pool: pool,
            selector: waiter.request.selector,
            end: try latestEnd(of: waiter.command, asking: waiter.asked(of: pool), now: now)
        )
    }

    func latestEnd(
        of command: Command,
        asking request: AcquireRequest,
        now: LedgerTime
    ) throws(LedgerFailure) -> LedgerTime {
        do throws(RowFault) {
            return try state.latestEnd(of: command, asking: request, now: now)
        } catch {
            throw LedgerFailure(error)
        }
    }

    // MARK: Promises

    /// The first of every line for capacity of a pool with what each is promised, in order; of
    /// those who are at home there.
    ///
    /// Nothing is promised to those behind the first few, to who contends with one before it that
    /// has no date, and to anybody as long as not all leases were looked at. With `refreshing` an
    /// earlier date is looked for.
    func promises(
        in pool: String,
        refreshing: Bool = false
    ) throws(LedgerFailure) -> [(head: Waiter, promise: Promise?)] {
        let heads = waiting.residents(in: pool)
        guard !heads.isEmpty, let ends = try ends(of: pool) else { return heads.map { ($0, nil) } }
        var besides: [ResourceID: UInt64] = [:]
        var times: [PromisedTime] = []
        var found: [(head: Waiter, promise: Promise?)] = []
        for head in heads {
            let isBehindOneWithoutDate = found.contains { before in
                before.promise?.date == nil
                    && before.head.contends(
                        for: head.needs(in: pool),
                        selecting: head.request.selector
                    )
            }
            guard found.count < EngineLimits.datedHeads, !isBehindOneWithoutDate,
                !mayStillBePassed(head, now: now)
            else {
                head.promise = nil
                found.append((head, nil))
                continue
            }
            let promise = try promise(
                to: head,
                besides: besides,
                times,
                ends,
                refreshing: refreshing
            )
            // When there is one again, others may pass.
            if promise == nil { head.promise = nil }
            besides = besides.adding(promise?.own ?? [:])
            if let promise, let time = try promisedTime(promise, of: head) { times.append(time) }
            found.append((head, promise))
        }
        return found
    }

    /// What is promised to the first of a line: what was, as long as that can be kept.
    ///
    /// A date that took long to find is not worked out anew at once; until then there is none.
    private func promise(
        to head: Waiter,
        besides: [ResourceID: UInt64],
        _ times: [PromisedTime],
        _ ends: LeaseEnds,
        refreshing: Bool
    ) throws(LedgerFailure) -> Promise? {
        let now = now
        let version = state.lastChange(of: head.home)
        if let known = head.promise, known.besides == besides {
            let date = known.date
            let isKept =
                date.map { now < $0 && state.withheld(by: known, ends) != nil }
                ?? (known.version == version)
            if isKept, !refreshing || known.version == version { return known }
            if now < head.nextDating {
                backfill.nextDating = min(backfill.nextDating, head.nextDating)
                return isKept ? known : nil
            }
            let made = try self.date(head, besides: besides, times, ends, now: now)
            guard isKept, let date, made.date ?? .never >= date else {
                return keep(made, for: head)
            }
            head.promise = known.confirmed(at: version)
            return head.promise
        }
        return keep(try date(head, besides: besides, times, ends, now: now), for: head)
    }

    private func keep(_ promise: Promise, for head: Waiter) -> Promise {
        if promise.outlook != head.promise?.outlook { waiting.letPass(in: head.home) }
        head.promise = promise
        return promise
    }

    private func date(
        _ head: Waiter,
        besides: [ResourceID: UInt64],
        _ times: [PromisedTime],
        _ ends: LeaseEnds,
        now: LedgerTime
    ) throws(LedgerFailure) -> Promise {
        let request = head.homeRequest
        let end = try latestEnd(of: head.command, asking: request, now: now)
        var made = state.promise(
            to: request,
            besides: besides,
            times: times,
            by: ends,
            now: now
        ) { date in
            // A lease that grows ends when it would have ended.
            if head.grows != nil || end == .never { return end }
            let life = end.nanoseconds - now.nanoseconds
            return date.advanced(byNanoseconds: life).advanced(byNanoseconds: Self.lateness)
        }
        if made.outlook == .unknown, state.hasBookings(in: head.home) {
            var request = request
            request.bookedRoom = try bookedRoom(for: head.command, asking: request, now: now)
            // Who is gone when that begins is in nobody's way.
            let start = state.firstBooking(inTheWayOf: request)
            made = start.map { made.notBefore($0) } ?? made
        }
        waits.dated += 1
        let pause =
            made.steps > EngineLimits.freeDatingSteps
            ? UInt64(made.steps) * EngineLimits.datingNanosecondsPerStep : 0
        head.nextDating = now.advanced(byNanoseconds: pause)
        return made
    }

    // MARK: Those behind the first

    /// The next of those behind the first of a line who may pass; nothing when nobody may.
    func nextFollower() throws(LedgerFailure) -> Waiter? {
        try gatherFollowers()
        return waiting.takeFollower()
    }

    /// Whether somebody is to be looked at before anybody else passes.
    func isAnybodyMarked() throws(LedgerFailure) -> Bool {
        try gatherFollowers()
        return waiting.hasTurns || !waiting.followers.isEmpty
    }

    private func gatherFollowers() throws(LedgerFailure) {
        guard waiting.mustGather else { return }
        var open: Set<String> = []
        for pool in waiting.passablePools where try mayPass(in: pool) { open.insert(pool) }
        waiting.gatherFollowers { pool in
            guard open.contains(pool) else { return nil }
            if state.preempts(in: pool) { return { _ in true } }
            let room = state.room(in: pool)
            return { room.mightFit($0.request.claims) }
        }
    }

    /// Which guests of a pool it might serve as it is: the others need not be looked at.
    ///
    /// Only what they were found to lack counts: who lacks more than that is looked at, and stands
    /// in the lines of all of it from then on (W1).
    func admissionOfGuests(to pool: String) -> (Waiter) -> Bool {
        if state.preempts(in: pool) { return { _ in true } }
        let room = state.room(in: pool)
        return { room.mightFit($0.lacking(in: pool)) }
    }

    /// Whether anybody may pass the first of a line in a pool.
    private func mayPass(in pool: String) throws(LedgerFailure) -> Bool {
        let now = now
        // Dates come forward here, whoever is let pass.
        let isPassable = try promises(in: pool, refreshing: true).contains { head, promise in
            switch promise?.outlook {
            case .dated, .notBefore: true
            case .unknown, nil: mayStillBePassed(head, now: now)
            }
        }
        return isPassable || waiting.hasGuestInFront(in: pool)
    }

    // MARK: What is told

    /// Adds by when they start to what is told of tickets.
    func dated(_ decision: Decision, of query: Query) throws(LedgerFailure) -> Decision {
        switch query {
        case .ticket, .tickets: break
        default: return decision
        }
        guard case .document(let document) = decision.answer else { return decision }
        var decision = decision
        let now = now
        var dates: [UInt64: UInt64] = [:]
        for pool in waiting.awaited.keys {
            for (head, promise) in try promises(in: pool) {
                guard let ticket = head.ticket, let date = promise?.date else { continue }
                dates[ticket.rawValue] = date.milliseconds(after: now)
            }
        }
        decision.answer = .document(document.withStarts(dates))
        return decision
    }

    /// The refusal of one who may not pass `head`, or only where nothing is free.
    func refusal(
        of request: AcquireRequest,
        lacking shortage: Shortage,
        behind head: Waiter?,
        growing: Bool = false
    ) -> Refusal {
        let date = head.flatMap { $0.promise?.date }
        if growing {
            return request.refusal(
                behindThoseWhoLack: shortage,
                promised: promised(head, date),
                remedy: "retry when they have been served"
            )
        }
        guard date != nil else { return request.refusal(behindThoseWhoLack: shortage) }
        return request.refusal(
            behindThoseWhoLack: shortage,
            promised: promised(head, date),
            remedy: "say WAIT to queue behind them, ask with a MAXLIFETIME that ends before, or "
                + "with a higher PRIORITY"
        )
    }

    private func promised(_ head: Waiter?, _ date: LedgerTime?) -> String {
        guard let head, let date else { return "" }
        return ": \(head.name) is promised what it needs within \(date.milliseconds(after: now)) ms"
    }
}

extension LedgerTime {
    /// Milliseconds from `now` to this time, rounded up.
    fileprivate func milliseconds(after now: LedgerTime) -> UInt64 {
        let whole = milliseconds(since: now)
        return now.advanced(byMilliseconds: whole) < self ? whole + 1 : whole
    }
}

extension Document {
    /// The same with `startsBy` of the tickets that have a date, in milliseconds.
    fileprivate func withStarts(_ dates: [UInt64: UInt64]) -> Document {
        switch self {
        case .list(let items): return .list(items.map { $0.withStarts(dates) })
        case .map(let fields):
            var date: UInt64?
            for case .id(let ticket) in fields.filter({ $0.name == "ticket" }).map(\.value) {
                date = dates[ticket]
            }
            return .map(
                fields.map { field in
                    guard field.name == "startsBy" else {
                        return Field(field.name, field.value.withStarts(dates))
                    }
                    return Field(field.name, date.map { .count($0) } ?? .null)
                }
            )
        default: return self
        }
    }
}
