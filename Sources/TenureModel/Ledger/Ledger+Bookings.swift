// Bookings: making them, beginning them, calling them off, and what is told of them.
//
// When each begins is the engine's to know, as it knows whose turn it is of those who wait. What
// comes back until then, and what is promised to others, is carried into the decision.

internal import TenureBase

extension LedgerState {
    /// Books amounts of a pool for later, if they are there then whatever else is granted (K1).
    mutating func book(
        _ asked: BookingRequest,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        if let fault = asked.fault { return Decision(refused: .malformed, fault) }
        var identity = Identity(ticket: nil)
        if asked.request.requestID != nil {
            identity.body = asked.canonicalBytes
            if let answered = try answered(asked.request, &identity, now: now) { return answered }
        }
        let start = now.advanced(byMilliseconds: asked.startMilliseconds)
        let end = start.advanced(byMilliseconds: asked.lengthMilliseconds)
        let settings = settings(ofPool: asked.request.pool)
        let ticket = Ticket(
            id: TicketID(rawValue: nextToken.rawValue),
            request: asked.request,
            holder: asked.request.holder ?? caller.generatedHolder,
            uid: caller.uid,
            since: now,
            until: end
        )
        var booking = Booking(
            ticket: ticket,
            start: start,
            freeBy: end.advanced(byMilliseconds: settings?.lockDelay ?? 0),
            placements: []
        )
        let request = booking.request(at: start, settings)
        if let refusal = tooLong(asked, settings) { return Decision(.refused(refusal)) }
        let terms: Terms
        switch try self.terms(of: request, now: start) {
        case .success(let found): terms = found
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        if let refusal = infeasible(request) {
            return refuseForGood(asked.request, refusal, identity, now: now)
        }
        if let refusal = neverAllowed(terms) ?? tooManyBookings(beside: ticket.request) {
            return Decision(.refused(refusal))
        }
        guard let placements = bookable(asked, from: start, to: booking.freeBy) else {
            return Decision(.refused(unbookable(asked)))
        }
        if placements.count > Limits.partsPerLease {
            let parts = "\(placements.count) parts, above the limit of \(Limits.partsPerLease)"
            return Decision(refused: .malformed, "it needs \(parts); book it in smaller ones")
        }
        booking = Booking(
            ticket: ticket,
            start: start,
            freeBy: booking.freeBy,
            placements: placements
        )
        return Decision(
            identity.superseded + [.booked(booking)],
            .document(answer(to: booking, replayed: false, now: now))
        )
    }

    private func tooLong(_ asked: BookingRequest, _ settings: PoolSettings?) -> Refusal? {
        guard let most = settings?.maxLifetime, most > 0, asked.lengthMilliseconds > most else {
            return nil
        }
        return Refusal(
            .malformed,
            "FOR \(asked.lengthMilliseconds) ms is above maxLifetime \(most) ms of pool "
                + asked.request.pool
        )
    }

    /// Where a booking fits from its start to its end; nothing when it does not.
    private func bookable(
        _ asked: BookingRequest,
        from start: LedgerTime,
        to end: LedgerTime
    ) -> [Placement]? {
        guard let index = pools[asked.request.pool]?.index else { return nil }
        let kinds = Set(asked.request.totals.map(\.kind))
        var slots: Set<Int> = []
        for id in asked.freed.keys {
            guard let kind = resource(id)?.kind, kinds.contains(kind),
                let slot = index.slot(of: id)
            else { continue }
            slots.insert(slot)
        }
        var placer = Placer(
            resources: resources,
            selector: asked.request.selector,
            freed: asked.freed,
            heldBack: index.heldBack,
            withheld: booked(in: asked.request.pool, from: start, before: end)
                .adding(asked.promised)
        )
        guard placer.place(asked.request.claims, first: slots.sorted(), in: index) else {
            return nil
        }
        // A gang may have several parts on one resource.
        return [Placement]().adding(placer.placements)
    }

    private func unbookable(_ asked: BookingRequest) -> Refusal {
        let totals = asked.request.totals
        let wanted = totals.map { "\($0.kind.name)=\(Quantity.text($0.amount, kind: $0.kind))" }
        return Refusal(
            .exhausted,
            "pool \(asked.request.pool) can not keep \(wanted.joined(separator: ",")) free from "
                + "\(asked.startMilliseconds) ms on for \(asked.lengthMilliseconds) ms, beside "
                + "what is booked or drained then, promised to those who wait, and held: what has "
                + "no MAXLIFETIME counts as held for ever; book another time, see BOOKING LIST",
            limit: totals.count == 1 ? totals[0].kind.name : ""
        )
    }

    /// The refusal of more than a quota ever lets through.
    private func neverAllowed(_ terms: Terms) -> Refusal? {
        for level in terms.tenantLevels {
            for total in terms.totals {
                guard let quota = quota(QuotaKey(tenant: level, kind: total.kind)),
                    total.amount > quota.ceiling
                else { continue }
                let text = { Quantity.text($0, kind: total.kind) }
                return Refusal(
                    .quota,
                    "tenant \(level) may have \(text(quota.ceiling)) of \(total.kind.name) at the "
                        + "most, so that \(text(total.amount)) could never begin; book less",
                    limit: "\(level) \(total.kind.name)"
                )
            }
        }
        return nil
    }

    private func tooManyBookings(beside request: AcquireRequest) -> Refusal? {
        let what: String
        if bookings.count >= Limits.bookings {
            what = "\(Limits.bookings) bookings are there already"
        } else if bookings.count(of: request.tenant) >= Limits.bookingsPerTenant {
            what = "tenant \(request.tenant) has \(Limits.bookingsPerTenant) bookings already"
        } else if bookings.count(in: request.pool) >= Limits.bookingsPerPool {
            what = "pool \(request.pool) has \(Limits.bookingsPerPool) bookings already"
        } else {
            return nil
        }
        return Refusal(.busy, "\(what); retry when some have begun, or cancel one")
    }

    // MARK: Beginning and ending

    /// Begins a booking: a lease where it was booked or, if something of that is lost, elsewhere;
    /// or a refusal without events.
    ///
    /// Elsewhere it leaves others what is `withheld` for them, and of what is booked takes no more
    /// than there is `room`; not at all unless it `mayMove`.
    package mutating func begin(
        _ id: TicketID,
        room: [ResourceID: UInt64],
        withheld: [ResourceID: UInt64],
        mayMove: Bool,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard let booking = bookings[id] else { violated("K4: only what is booked begins") }
        let ticket = booking.ticket
        var request = booking.request(at: now, settings(ofPool: booking.pool))
        let caller = Caller(uid: ticket.uid, isAdmin: false, generatedHolder: ticket.holder)
        var identity = Identity(ticket: id)
        if let key = ticket.requestKey {
            identity.body = booking.canonicalBytes
            identity.superseded = try superseded(key)
        }
        guard let lost = lost(of: booking) else {
            return try beginInPlace(booking, request, identity, caller: caller, now: now)
        }
        guard mayMove, booking.end.milliseconds(since: now) > 0 else {
            return Decision(refused: .exhausted, lost)
        }
        request.bookedRoom = room
        request.withheld = withheld
        var decision = try acquireFromOne(
            request,
            identity,
            giveWay: .never,
            caller: caller,
            now: now
        )
        switch decision.answer {
        case .grant: decision.events.insert(.bookingMoved(id, reason: lost), at: 0)
        case .refused(let refusal):
            // Nothing but the end of a booking is kept for its request id.
            decision = Decision(
                refused: refusal.code,
                "\(lost), and elsewhere: \(refusal.message)",
                limit: refusal.limit
            )
        default: break
        }
        return decision
    }

    private mutating func beginInPlace(
        _ booking: Booking,
        _ request: AcquireRequest,
        _ identity: Identity,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        var terms: Terms
        switch try self.terms(of: request, now: now) {
        case .success(let found): terms = found
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        terms.lifetimeEnd = booking.end
        terms.deadline = min(
            now.advanced(byMilliseconds: terms.ttlMilliseconds),
            terms.lifetimeEnd
        )
        var refusal = circuitRefusal(of: request.pool, now: now)
        if refusal == nil { refusal = endlessRefusal(terms) }
        if refusal == nil { refusal = try quotaRefusal(terms) }
        if refusal == nil { refusal = leaseCountRefusal(terms.tenantLevels) }
        if refusal == nil { refusal = try uncountable(terms) }
        if let refusal { return Decision(.refused(refusal)) }
        let why = GrantReason(
            policyVersion: Placer.policyVersion,
            strategy: .firstFit,
            considered: 0,
            passedOver: PassedOver()
        )
        return try grant(
            request,
            terms,
            booking.placements,
            why: why,
            identity,
            caller: caller,
            now: now
        )
    }

    /// Ends a booking that can not begin, for `refusal`.
    package func endBooking(
        _ id: TicketID,
        _ refusal: Refusal,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard let booking = bookings[id] else { violated("K4: only what is booked ends") }
        let told = Refusal(
            refusal.code,
            "booking \(id.rawValue) could not begin: \(refusal.message)",
            limit: refusal.limit
        )
        let isLate = now >= booking.end
        return try end(booking, isLate ? .timeout : .refused, told, now: now)
    }

    func cancelBooking(
        _ id: TicketID,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard let booking = bookings[id] else {
            guard try storedAnswer(.note(of: id)) != nil else {
                return Decision(.refused(noBooking(id)))
            }
            return Decision(cancelled(id, "already ended", at: facts.position))
        }
        let uid = booking.ticket.uid
        guard caller.isAdmin || (uid != nil && uid == caller.uid) else {
            return Decision(
                refused: .notPermitted,
                "booking \(id.rawValue) is another user's; ask that user, or an admin"
            )
        }
        let refusal = Refusal(.timeout, "booking \(id.rawValue) was cancelled before it began")
        let ended = try end(booking, .cancelled, refusal, now: now)
        return Decision(ended.events, cancelled(id, "cancelled", at: nextPosition))
    }

    private func cancelled(_ id: TicketID, _ status: String, at position: Position) -> Answer {
        .document(
            .map([
                .init("status", .string(status)), .init("booking", .id(id.rawValue)),
                .init("position", .id(position)),
            ])
        )
    }

    private func end(
        _ booking: Booking,
        _ cause: TicketEnd.Cause,
        _ refusal: Refusal,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let key = booking.ticket.requestKey
        let end = TicketEnd(
            ticket: booking.id,
            cause: cause,
            code: refusal.code,
            message: refusal.message,
            keptUntil: now.advanced(byMilliseconds: Limits.requestWindowMilliseconds),
            body: key == nil ? nil : booking.canonicalBytes
        )
        var events = [Event.ticketEnded(end)]
        if let key { events = try superseded(key) + events }
        return Decision(events, .refused(refusal))
    }

    // MARK: Applying

    mutating func applyBooking(_ event: Event) {
        switch event {
        case .booked(let booking):
            bookings.insert(booking)
            bookings.changed[booking.id] = facts.position
            noteChange(of: booking.pool)
        // Where it begins, the grant behind it says.
        case .bookingMoved: break
        default: violated("M1: only bookings come here")
        }
    }

    /// Takes a booking out that begins or ends; nothing when there is none of this name.
    mutating func removeBooking(_ id: TicketID) -> Booking? {
        guard let booking = bookings.remove(id) else { return nil }
        bookings.changed[id] = facts.position
        noteChange(of: booking.pool)
        return booking
    }
}
