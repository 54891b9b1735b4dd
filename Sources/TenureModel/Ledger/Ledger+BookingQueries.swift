// What is told of bookings.

extension LedgerState {
    func bookingAnswer(
        _ id: TicketID,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        if let booking = bookings[id] { return shown(document(of: booking, now: now)) }
        guard try storedAnswer(.note(of: id)) != nil else {
            return Decision(.refused(noBooking(id)))
        }
        return try ticketAnswer(id, caller: caller, now: now)
    }

    func bookingPage(_ filter: TicketFilter, _ page: Page, now: LedgerTime) -> Decision {
        self.page(
            page,
            of: bookings.inOrder,
            id: \.id.rawValue,
            where: { filter.admits($0.ticket.request) },
            { document(of: $0, now: now) }
        )
    }

    /// What is answered to who booked, or books the same again.
    func answer(to booking: Booking, replayed: Bool, now: LedgerTime) -> Document {
        .map(
            terms(of: booking, now: now) + [
                .init("position", .id(Token(rawValue: booking.id.rawValue).position)),
                .init("replayed", .bool(replayed)),
            ]
        )
    }

    private func terms(of booking: Booking, now: LedgerTime) -> [Document.Field] {
        [
            .init("status", .string("booked")), .init("booking", .id(booking.id.rawValue)),
            .init("pool", .string(booking.pool)),
            .init("tenant", .string(booking.ticket.request.tenant)),
            .init("holder", .string(booking.ticket.holder)),
            .init("start", .count(booking.start.milliseconds(since: now))),
            .init("end", .count(booking.end.milliseconds(since: now))),
            .init("placements", .list(views(of: booking.placements).map(\.document))),
        ]
    }

    private func document(of booking: Booking, now: LedgerTime) -> Document {
        let request = booking.ticket.request
        return .map(
            terms(of: booking, now: now) + [
                .init("priority", .string(request.priority.name)),
                .init("lost", .optional(booking.start <= now ? lost(of: booking) : nil)),
                .init("request", .optional(request.requestID)),
                .init("purpose", .optional(request.purpose)),
            ]
        )
    }

    func noBooking(_ id: TicketID) -> Refusal {
        Refusal(
            .notFound,
            "booking \(id.rawValue) is not there; it ended longer ago than answers are kept, or "
                + "there never was such a booking"
        )
    }
}
