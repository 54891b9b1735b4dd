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
    /// The last that was late and tried again.
    var lastLate: TicketID?
    /// Whether some are due that were not tried, because enough were.
    var isCut = false
    /// Until when the disk had no room for a lease.
    var fullUntil = LedgerTime.zero
    /// Who made those that have not begun.
    var listeners: [TicketID: Submission] = [:]
    /// How many began, how many of them elsewhere, and how many ended without.
    var begun: UInt64 = 0
    var moved: UInt64 = 0
    var lost: UInt64 = 0
}

extension LedgerCore {
    // MARK: Beside bookings

    /// Whether anything is booked, or to be drained by a window, that has not begun; asked of every
    /// command, and so without a method of the state, for which all of it would be copied.
    var hasBookings: Bool { state.bookings.pending > 0 }

    /// The same with what it must leave to bookings; nothing when that can not be told yet.
    ///
    /// To be asked where anything is booked, and of what is to be booked or drained, which waits
    /// until all leases were looked at.
    func besideBookings(
        _ submission: Submission,
        now: LedgerTime
    ) throws(LedgerFailure) -> Submission? {
        let command = submission.command
        for pool in try poolsToScan(for: command) { _ = try ends(of: pool) }
        var promised: [ResourceID: UInt64] = [:]
        if case .book(let booking) = command {
            let start = now.advanced(byMilliseconds: booking.startMilliseconds)
            promised = try self.promised(in: booking.request.pool, atOrAfter: start)
        }
        do throws(RowFault) {
            return try state.besideBookings(
                command,
                by: backfill.ends,
                promised: promised,
                now: now
            ).map(submission.asking)
        } catch {
            throw LedgerFailure(error)
        }
    }

    private func poolsToScan(for command: Command) throws(LedgerFailure) -> [String] {
        do throws(RowFault) {
            return try state.poolsToScan(for: command)
        } catch {
            throw LedgerFailure(error)
        }
    }

    /// How much there is for a request beside bookings, of what is booked in the pools it asks.
    func bookedRoom(
        for command: Command,
        asking request: AcquireRequest,
        now: LedgerTime
    ) throws(LedgerFailure) -> [ResourceID: UInt64] {
        guard hasBookings else { return [:] }
        for pool in state.poolsToScan(for: request) { _ = try ends(of: pool) }
        do throws(RowFault) {
            return try state.bookedRoom(
                for: command,
                asking: request,
                by: backfill.ends,
                now: now
            )
        } catch {
            throw LedgerFailure(error)
        }
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
                try latestEnd(of: head.command, asking: head.homeRequest, now: date)
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
        guard state.hasBookings(in: head.home), let date = promise.date else { return nil }
        let end = try latestEnd(of: head.command, asking: head.homeRequest, now: date)
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
    ///
    /// To be asked where anything is booked.
    func withBookings(
        _ decision: Decision,
        of submission: Submission,
        now: LedgerTime
    ) throws(LedgerFailure) -> Decision {
        guard let request = try asked(by: submission.command),
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

    func tell(_ answer: Answer, of id: TicketID) {
        bookings.late[id] = nil
        guard let submission = bookings.listeners.removeValue(forKey: id) else { return }
        outbox.add(answer, of: id, to: submission)
    }
}

extension Command {
    /// Whether it books, or plans a drain, for later.
    var plansAhead: Bool {
        switch self {
        case .book, .planWindow: true
        default: false
        }
    }
}
