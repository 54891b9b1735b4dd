// Beginning bookings: in their places, elsewhere, late, or not at all.
//
// Some in each group, so that answers do not wait for many that are due at once.

internal import TenureBase
internal import TenureModel

extension LedgerCore {
    /// Keeps the ends of leases of pools with bookings, and begins those that are due.
    func keepBookings() throws(LedgerFailure) {
        if waiting.isEmpty { try keepEnds() }
        guard hasBookings else { return }
        if isReadOnly {
            bookings.fullUntil = now
            return
        }
        for pool in state.bookedPools { _ = try ends(of: pool) }
        try beginDue()
    }

    /// Begins those that are due, at most `EngineLimits.groupLooks`: the rest in the next group.
    ///
    /// First those that were not tried yet, then those that are late, in turn.
    private func beginDue() throws(LedgerFailure) {
        let due = state.bookings(dueAt: now)
        let late = due.filter { bookings.late[$0] != nil }
        let first = bookings.lastLate
        let inTurn =
            late.filter { id in first.map { id > $0 } ?? true }
            + late.filter { id in first.map { id <= $0 } ?? false }
        let all = due.filter { bookings.late[$0] == nil } + inTurn
        bookings.isCut = false
        var looks = 0
        for (index, id) in all.enumerated() {
            // What is due may be what is booked.
            guard try !isAnythingDue() else { return }
            guard looks < EngineLimits.groupLooks else {
                bookings.isCut = all[index...].contains(where: isUntried)
                return
            }
            let isLate = bookings.late[id] != nil
            guard try begin(id) else { continue }
            looks += 1
            if isLate { bookings.lastLate = id }
        }
    }

    /// Whether one that is due is to be tried now, whatever else there is to do.
    private func isUntried(_ id: TicketID) -> Bool {
        guard let version = bookings.late[id] else { return true }
        guard version > 0, let booking = state.booking(id) else { return false }
        return version != max(state.lastChange(of: booking.pool), 1)
    }

    /// When something is to be done for bookings.
    var nextBooking: LedgerTime {
        guard hasBookings, !isReadOnly else { return .never }
        if bookings.isCut { return now }
        return state.nextBooking { bookings.late[$0] != nil }
    }

    /// Begins one or ends it, if it can; false when it was not looked at.
    private func begin(_ id: TicketID) throws(LedgerFailure) -> Bool {
        try noteStall()
        let time = now
        guard let booking = state.booking(id) else { return false }
        guard time < booking.end else {
            try endBooking(id, Refusal(.timeout, whyNotBegun(booking)), at: time)
            return true
        }
        let version = max(state.lastChange(of: booking.pool), 1)
        guard bookings.late[id] != version,
            let (decision, comesBack) = try decide(booking, now: time)
        else { return false }
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
        default: violated("K4: a booking begins or is refused")
        }
        return true
    }

    /// Why one whose end has come did not begin.
    private func whyNotBegun(_ booking: Booking) -> String {
        if bookings.late[booking.id] != nil {
            return "what was booked did not come back before its end"
        }
        return bookings.fullUntil >= booking.start
            ? "the disk was too full for a lease before its end"
            : "the ledger did not run before its end"
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
        guard state.isLost(booking) else {
            return (try begin(booking, now: now), comesBack: false)
        }
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
        let decision = try begin(
            booking,
            room: room,
            withheld: withheld,
            mayMove: mayMove,
            now: now
        )
        return (decision, state.comesBack(booking, by: ends))
    }

    private func begin(
        _ booking: Booking,
        room: [ResourceID: UInt64] = [:],
        withheld: [ResourceID: UInt64] = [:],
        mayMove: Bool = false,
        now: LedgerTime
    ) throws(LedgerFailure) -> Decision {
        do throws(RowFault) {
            return try state.begin(
                booking.id,
                room: room,
                withheld: withheld,
                mayMove: mayMove,
                now: now
            )
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
}
