// Bookings: what each request is told to leave to them, and their beginning.
//
// What windows will drain is left to them in the same way, until they begin.
//
// Whatever is decided in a pool with bookings carries how much there is beside them for something
// that may live so long (K1 in Ledger+BookedRoom.swift). That follows from the ends of leases,
// which are kept for such pools whether somebody waits or not; as long as not all leases were
// looked at, what was not counts as held for ever.
//
// A booking begins in its places or, if something of them is lost, elsewhere in the pool. What is
// only late, because a lease or its quarantine ended late, is waited for as long as it comes back
// before the booking ends. One that can do neither ends, and says why.

internal import TenureBase
internal import TenureModel

/// Bookings that could not begin yet, and who is to be told of which.
struct BookingProgress {
    /// The last change of the pool at which one could not begin that is due; 0 to try it again
    /// whenever there is something to do.
    var late: [TicketID: Position] = [:]
    /// Who made those that have not begun.
    var listeners: [TicketID: Submission] = [:]
    /// How many began, how many of them elsewhere, and how many ended without.
    var begun: UInt64 = 0
    var moved: UInt64 = 0
    var lost: UInt64 = 0
}

extension LedgerCore {
    // MARK: Beside bookings

    /// Whether anything is booked, or to be drained by a window, that has not begun.
    private var hasBookings: Bool { state.bookings.pending > 0 }

    /// The same with what it must leave to bookings; nothing when that can not be told yet.
    ///
    /// A booking itself carries what comes back before it begins, and waits until all leases were
    /// looked at.
    func besideBookings(
        _ submission: Submission,
        now: LedgerTime
    ) throws(LedgerFailure) -> Submission? {
        if case .book(let booking) = submission.command {
            return try carrying(booking, submission, now: now)
        }
        if case .planWindow(let window) = submission.command {
            return try counting(window, submission, now: now)
        }
        if hasBookings, case .query(.optimize(let request)) = submission.command {
            _ = try ends(of: request.pool)
            // As if every lease lived for ever.
            let room = state.bookedRoom(
                in: request.pool,
                from: now,
                before: .never,
                by: backfill.ends[request.pool]
            )
            return submission.withholding(state.excess(over: room))
        }
        guard hasBookings, let request = try asked(by: submission.command) else {
            return submission
        }
        let room = try bookedRoom(for: submission.command, asking: request, now: now)
        return submission.within(room)
    }

    /// How much there is for a request beside bookings, of what is booked in the pools it asks.
    func bookedRoom(
        for command: Command,
        asking request: AcquireRequest,
        now: LedgerTime
    ) throws(LedgerFailure) -> [ResourceID: UInt64] {
        guard hasBookings else { return [:] }
        var room: [ResourceID: UInt64] = [:]
        for pool in state.bookedPools where request.mayAsk(pool) {
            _ = try ends(of: pool)
            let found = state.bookedRoom(
                in: pool,
                from: now,
                before: try latestEnd(of: command, asking: request.asked(of: pool), now: now),
                by: backfill.ends[pool]
            )
            room.merge(found, uniquingKeysWith: min)
        }
        return room
    }

    private func carrying(
        _ booking: BookingRequest,
        _ submission: Submission,
        now: LedgerTime
    ) throws(LedgerFailure) -> Submission? {
        let pool = booking.request.pool
        guard state.hasPool(pool) else { return submission }
        guard let ends = try ends(of: pool) else { return nil }
        var booking = booking
        let start = now.advanced(byMilliseconds: booking.startMilliseconds)
        booking.freed = state.amountsBack(by: ends, until: start)
        booking.promised = try promised(in: pool, atOrAfter: start)
        return submission.asking(.book(booking))
    }

    /// The same with how many leases may still be there when the window begins; nothing until all
    /// leases were looked at.
    private func counting(
        _ window: WindowRequest,
        _ submission: Submission,
        now: LedgerTime
    ) throws(LedgerFailure) -> Submission? {
        var window = window
        let start = now.advanced(byMilliseconds: window.startMilliseconds)
        for (pool, resources) in state.resources(of: window) {
            guard let ends = try ends(of: pool) else { return nil }
            window.leases += ends.leases(on: resources, after: start)
        }
        return submission.asking(.planWindow(window))
    }

    /// Has dates worked out anew: what was promised may be what a window takes.
    private func forgetPromises() {
        for waiter in waiting.waiters { waiter.promise = nil }
        for pool in waiting.awaited.keys { waiting.letPass(in: pool) }
    }

    /// What is promised to those who wait in a pool and may live beyond `start`.
    ///
    /// Whatever the class of a booking: it takes what is there later, and nobody's turn.
    private func promised(
        in pool: String,
        atOrAfter start: LedgerTime
    ) throws(LedgerFailure) -> [ResourceID: UInt64] {
        guard !waiting.isEmpty else { return [:] }
        var promised: [ResourceID: UInt64] = [:]
        for (head, promise) in try promises(in: pool) {
            guard let promise, let date = promise.date,
                try latestEnd(of: head.command, asking: head.request, now: date)
                    .advanced(byNanoseconds: Self.lateness) > start
            else { continue }
            promised = promised.adding(promise.own)
        }
        return promised
    }

    /// From when to when what is promised to one who waits may be held; nothing in pools without
    /// bookings, which it does not meet.
    func promisedTime(
        _ promise: Promise,
        of head: Waiter
    ) throws(LedgerFailure) -> PromisedTime? {
        guard state.hasBookings(in: head.request.pool), let date = promise.date else { return nil }
        let end = try latestEnd(of: head.command, asking: head.request, now: date)
            .advanced(byNanoseconds: Self.lateness)
        return PromisedTime(places: promise.own, from: date, until: end)
    }

    /// How much later than its date one who waits may be granted and still not live into a booking
    /// that its date is before: a pause that is longer is a gap, for everybody.
    static let lateness = Pulse.stallNanoseconds

    /// What must stay free from one who passes others, where bookings meet what is promised to
    /// these at the given times.
    func withheldBesideBookings(
        from passer: Passer,
        _ times: [PromisedTime],
        now: LedgerTime
    ) -> [ResourceID: UInt64] {
        guard !times.isEmpty, let ends = backfill.ends[passer.pool] else { return [:] }
        let room = state.bookedRoom(
            in: passer.pool,
            from: now,
            before: passer.end,
            by: ends,
            beside: times
        )
        return state.excess(over: room)
    }

    /// What becomes of a plan, or of what was planned, where bookings leave less: a plan rests on
    /// the time, which its version does not say (V1).
    func withBookings(
        _ decision: Decision,
        of submission: Submission,
        now: LedgerTime
    ) throws(LedgerFailure) -> Decision {
        guard hasBookings, let request = try asked(by: submission.command),
            !request.bookedRoom.isEmpty
        else { return decision }
        if request.planOnly { return decision.withoutVersion() }
        guard request.plan != nil, case .grant(let grant) = decision.answer, !grant.replayed else {
            return decision
        }
        let alone = try decide(submission.within([:]), now: now)
        if case .grant(let other) = alone.answer, other.placements == grant.placements {
            return decision
        }
        return Decision(
            refused: .conflict,
            "what is planned is booked, or drained, for a time that it may live into; "
                + submission.command.remedyForPlan
        )
    }

    // MARK: Beginning

    /// Keeps the ends of leases of pools with bookings, and begins those that are due.
    func keepBookings() throws(LedgerFailure) {
        if waiting.isEmpty { try keepEnds() }
        guard hasBookings, !isReadOnly else { return }
        for pool in state.bookedPools { _ = try ends(of: pool) }
        let now = now
        for id in state.bookings(dueAt: now) {
            // What is due may be what is booked.
            guard try !isAnythingDue() else { return }
            try begin(id)
        }
    }

    /// When something is to be done for bookings.
    var nextBooking: LedgerTime {
        guard hasBookings, !isReadOnly else { return .never }
        return state.nextBooking { bookings.late[$0] != nil }
    }

    private func begin(_ id: TicketID) throws(LedgerFailure) {
        try noteStall()
        let time = now
        guard let booking = state.booking(id) else { return }
        guard time < booking.end else {
            let isLate = bookings.late[id] != nil
            let refusal = Refusal(
                .timeout,
                isLate
                    ? "what was booked did not come back before its end"
                    : "the ledger did not run before its end"
            )
            return try endBooking(id, refusal, at: time)
        }
        let version = max(state.lastChange(of: booking.pool), 1)
        guard bookings.late[id] != version,
            let (decision, comesBack) = try decide(booking, now: time)
        else { return }
        switch decision.answer {
        case .grant:
            bookings.begun += 1
            if case .bookingMoved? = decision.events.first { bookings.moved += 1 }
            try commitToMemory(decision.events, at: time)
            tell(decision.answer, of: id)
        case .refused(let refusal) where refusal.code == .busy: bookings.late[id] = 0
        case .refused(let refusal) where refusal.code == .exhausted && comesBack:
            bookings.late[id] = version
        case .refused(let refusal): try endBooking(id, refusal, at: time)
        default: violated("K1: a booking begins or is refused")
        }
    }

    /// A lease in its places, or in others that are nobody's, as one who came when it was made.
    ///
    /// And whether what is missing comes back in time. Nothing as long as not all leases were
    /// looked at.
    ///
    /// The ends of leases are not held on to, so that what is decided changes them in place.
    private func decide(
        _ booking: Booking,
        now: LedgerTime
    ) throws(LedgerFailure) -> (Decision, comesBack: Bool)? {
        guard let ends = try ends(of: booking.pool) else { return nil }
        let request = booking.ticket.request
        let passer = Passer(
            order: WaitOrder(
                rank: request.priority.rawValue,
                payer: try payer(of: request.tenant),
                age: WaitAge(position: Token(rawValue: booking.id.rawValue).position, number: 0)
            ),
            needs: request.possibleShortages,
            pool: request.pool,
            selector: request.selector,
            end: booking.freeBy
        )
        var withheld: [ResourceID: UInt64] = [:]
        var mayMove = true
        switch try passage(of: passer) {
        case .free: break
        case .beside(let some, _): withheld = some
        case .held: mayMove = false
        }
        let room = state.bookedRoom(
            in: booking.pool,
            from: now,
            before: booking.freeBy,
            by: ends,
            except: booking.id
        )
        do throws(RowFault) {
            let decision = try state.begin(
                booking.id,
                room: room,
                withheld: withheld,
                mayMove: mayMove,
                now: now
            )
            return (decision, state.comesBack(booking, by: ends))
        } catch {
            throw LedgerFailure(error)
        }
    }

    private func endBooking(
        _ id: TicketID,
        _ refusal: Refusal,
        at time: LedgerTime
    ) throws(LedgerFailure) {
        let decision: Decision
        do throws(RowFault) {
            decision = try state.endBooking(id, refusal, now: time)
        } catch {
            throw LedgerFailure(error)
        }
        bookings.lost += 1
        counters.refused += 1
        try commitToMemory(decision.events, at: time)
        tell(decision.answer, of: id)
    }

    // MARK: Telling

    /// Keeps who made a booking, to be told what becomes of it.
    private func noteBooking(_ decision: Decision, by submission: Submission) {
        for case .booked(let booking) in decision.events {
            bookings.listeners[booking.id] = submission
        }
    }

    /// What follows from a command that was answered for good.
    func follow(_ submission: Submission, _ decision: Decision) {
        switch submission.command {
        case .cancelTicket(let id): dismiss(id)
        case .book: noteBooking(decision, by: submission)
        case .cancelBooking(let id): dismissBooking(id)
        case .planWindow: forgetPromises()
        case .query(.optimize(let request)) where request.isOffered:
            outbox.offer(decision.answer, at: state.position, time: now)
        default: break
        }
    }

    /// Forgets a booking that a command has ended, and tells who made it.
    private func dismissBooking(_ id: TicketID) {
        guard state.booking(id) == nil else { return }
        let refusal = Refusal(.timeout, "the booking was cancelled before it began")
        tell(.refused(refusal), of: id)
    }

    private func tell(_ answer: Answer, of id: TicketID) {
        bookings.late[id] = nil
        guard let submission = bookings.listeners.removeValue(forKey: id) else { return }
        outbox.add(answer, of: id, to: submission)
    }
}

extension AcquireRequest {
    /// Whether a pool may be one of those that it asks.
    fileprivate func mayAsk(_ name: String) -> Bool {
        pool == Self.allPools || pool == name || fallbackPools.contains(name)
    }
}

extension Submission {
    /// The same with so much of what is booked, and no more.
    func within(_ room: [ResourceID: UInt64]) -> Submission {
        switch command {
        case .acquire(var request):
            if request.bookedRoom == room { return self }
            request.bookedRoom = room
            return asking(.acquire(request))
        case .grow(let reference, var request):
            if request.bookedRoom == room { return self }
            request.bookedRoom = room
            return asking(.grow(reference, request))
        default: return self
        }
    }
}
