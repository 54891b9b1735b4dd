// Requests that wait durably: queueing, being served, giving up, and what is told of them.
//
//   T1  A ticket is there from its queueing until the frame that grants it or ends it.
//   T2  A request id has one ticket at most, and none beside an answer that binds (I7).
//   T3  What became of a ticket can be asked for as long as answers are kept.
//
// Who is served when is the engine's to know: a ticket is one request that waits among others.

internal import TenureBase

extension LedgerState {
    /// The tickets that wait, oldest first.
    package var queued: [Ticket] { tickets.inOrder }

    /// How many tickets wait.
    package var queuedCount: Int { tickets.count }

    /// The ticket that waits under this name.
    package func ticket(_ id: TicketID) -> Ticket? { tickets[id] }

    /// Gives a request that was refused for want a place in the queue.
    ///
    /// Only of a request that `acquire` has just refused so.
    package func queue(
        _ request: AcquireRequest,
        caller: Caller,
        now: LedgerTime
    ) -> Decision {
        guard let patience = request.queueMilliseconds ?? request.waitMilliseconds else {
            violated("T1: only who says how long is queued")
        }
        if tickets.count >= Limits.tickets {
            return Decision(
                refused: .busy,
                "\(Limits.tickets) requests are queued already; retry after a pause"
            )
        }
        if tickets.count(of: request.tenant) >= Limits.ticketsPerTenant {
            return Decision(
                refused: .busy,
                "\(Limits.ticketsPerTenant) requests of tenant \(request.tenant) are queued "
                    + "already; retry after a pause"
            )
        }
        var asked = request
        asked.waitMilliseconds = nil
        asked.queueMilliseconds = nil
        let ticket = Ticket(
            id: TicketID(rawValue: nextToken.rawValue),
            request: asked,
            holder: request.holder ?? caller.generatedHolder,
            uid: caller.uid,
            since: now,
            until: now.advanced(byMilliseconds: patience)
        )
        let answer = QueuedRequest(
            ticket: ticket.id,
            holder: ticket.holder,
            waitMilliseconds: patience,
            position: nextPosition,
            replayed: false
        )
        return Decision(.queued(ticket), .queued(answer))
    }

    /// Lets a ticket that is asked for again wait longer; nothing to do when it does already.
    package func prolong(
        _ id: TicketID,
        milliseconds: UInt64,
        now: LedgerTime
    ) -> Event? {
        let until = now.advanced(byMilliseconds: milliseconds)
        guard let ticket = tickets[id], until > ticket.until else { return nil }
        return .ticketProlonged(id, until: until)
    }

    /// Decides a ticket anew: a grant, an end, or a refusal without events when it is to wait on.
    ///
    /// What is `withheld` is promised to others before it, who wait in these pools; of what is
    /// booked there is `bookedRoom`.
    package mutating func serve(
        _ id: TicketID,
        withheld: [ResourceID: UInt64] = [:],
        poolsWithWaiters: [String: String] = [:],
        bookedRoom: [ResourceID: UInt64] = [:],
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard let ticket = tickets[id] else { violated("T1: only who waits is served") }
        let caller = Caller(uid: ticket.uid, isAdmin: false, generatedHolder: ticket.holder)
        var request = ticket.request
        request.withheld = withheld
        request.poolsWithWaiters = poolsWithWaiters
        request.bookedRoom = bookedRoom
        let decision = try acquire(request, serving: ticket.id, caller: caller, now: now)
        guard case .refused(let refusal) = decision.answer, !refusal.isOfWant else {
            return decision
        }
        return try end(ticket, .refused, refusal, now: now)
    }

    /// Ends a ticket whose time is over; `refusal` says what was missing.
    package func giveUp(
        _ id: TicketID,
        _ refusal: Refusal,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard let ticket = tickets[id] else { violated("T1: only who waits gives up") }
        return try end(ticket, .timeout, refusal, now: now)
    }

    func cancelTicket(
        _ id: TicketID,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard let ticket = tickets[id] else {
            guard try storedAnswer(.note(of: id)) != nil else {
                return Decision(.refused(noTicket(id)))
            }
            return Decision(cancelled(id, "already ended", at: facts.position))
        }
        guard caller.isAdmin || (ticket.uid != nil && ticket.uid == caller.uid) else {
            return Decision(
                refused: .notPermitted,
                "ticket \(id.rawValue) is another user's; ask that user, or an admin"
            )
        }
        let refusal = Refusal(.timeout, "ticket \(id.rawValue) was cancelled before it was granted")
        let ended = try end(ticket, .cancelled, refusal, now: now)
        return Decision(ended.events, cancelled(id, "cancelled", at: nextPosition))
    }

    private func cancelled(_ id: TicketID, _ status: String, at position: Position) -> Answer {
        .document(
            .map([
                .init("status", .string(status)), .init("ticket", .id(id.rawValue)),
                .init("position", .id(position)),
            ])
        )
    }

    private func end(
        _ ticket: Ticket,
        _ cause: TicketEnd.Cause,
        _ refusal: Refusal,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let end = TicketEnd(
            ticket: ticket.id,
            cause: cause,
            code: refusal.code,
            message: refusal.message,
            keptUntil: now.advanced(byMilliseconds: Limits.requestWindowMilliseconds),
            body: ticket.request.requestID == nil ? nil : ticket.request.canonicalBytes
        )
        var events = [Event.ticketEnded(end)]
        if let key = ticket.requestKey { events = try superseded(key) + events }
        return Decision(events, .refused(refusal))
    }

    /// What makes room for the answer of a request id: it may have one that binds nobody.
    func superseded(_ key: RequestKey) throws(RowFault) -> [Event] {
        guard let stored = try storedAnswer(key) else { return [] }
        invariant(!stored.outcome.isBinding, "I7: a request id is answered once")
        let due = DueKey(time: stored.expires, subject: .storedAnswer, id: stored.position)
        return [.answersForgotten([DueEntry(key: due, request: key)])]
    }

    /// A queued request as it is answered now.
    func queued(_ ticket: Ticket, now: LedgerTime) -> Answer {
        .queued(
            QueuedRequest(
                ticket: ticket.id,
                holder: ticket.holder,
                waitMilliseconds: ticket.until.milliseconds(since: now),
                position: Token(rawValue: ticket.id.rawValue).position,
                replayed: true
            )
        )
    }

    // MARK: Reads

    func ticketAnswer(
        _ id: TicketID,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        if let ticket = tickets[id] { return shown(document(of: ticket, now: now)) }
        if bookings[id] != nil { return try bookingAnswer(id, caller: caller, now: now) }
        guard let note = try storedAnswer(.note(of: id)) else {
            return Decision(.refused(noTicket(id)))
        }
        let answer = repeated(note, now: now)
        guard case .grant(let grant) = answer else { return Decision(answer) }
        let uid = try lease(grant.lease)?.terms.uid
        guard !caller.isAdmin, uid == nil || uid != caller.uid,
            case .map(let fields) = grant.document
        else { return Decision(answer) }
        return Decision(.document(.map(fields.filter { $0.name != "token" })))
    }

    func ticketPage(_ filter: TicketFilter, _ page: Page, now: LedgerTime) -> Decision {
        self.page(
            page,
            of: tickets.inOrder,
            id: \.id.rawValue,
            where: { filter.admits($0.request) },
            { document(of: $0, now: now) }
        )
    }

    private func document(of ticket: Ticket, now: LedgerTime) -> Document {
        let request = ticket.request
        let amounts = request.totals.map { total in
            Document.Field(total.kind.name, .count(total.amount))
        }
        return .map([
            .init("status", .string("queued")), .init("ticket", .id(ticket.id.rawValue)),
            .init("pool", .string(request.poolText)), .init("tenant", .string(request.tenant)),
            .init("holder", .string(ticket.holder)),
            .init("priority", .string(request.priority.name)), .init("amounts", .map(amounts)),
            .init("waited", .count(now.milliseconds(since: ticket.since))),
            .init("wait", .count(ticket.until.milliseconds(since: now))),
            // Who is in the way of whom is the engine's to know.
            .init("startsBy", .null),
            .init("session", request.session.map { .id($0.rawValue) } ?? .null),
            .init("request", .optional(request.requestID)),
            .init("purpose", .optional(request.purpose)),
        ])
    }

    private func noTicket(_ id: TicketID) -> Refusal {
        Refusal(
            .notFound,
            "ticket \(id.rawValue) is not queued; it ended longer ago than answers are kept, or "
                + "there never was such a ticket"
        )
    }
}

// Application: T1 and T3.
extension LedgerState {
    mutating func applyTicket(_ event: Event) throws(RowFault) {
        switch event {
        case .queued(let ticket):
            tickets.set(ticket)
            changedTickets[ticket.id] = facts.position
        case .ticketProlonged(let id, let until):
            var ticket = try known(id)
            ticket.until = until
            tickets.set(ticket)
            changedTickets[id] = facts.position
        case .ticketEnded(let end):
            let ticket: Ticket
            if let booking = removeBooking(end.ticket) {
                ticket = booking.ticket
            } else {
                ticket = try known(end.ticket)
                remove(ticket)
            }
            let outcome = StoredAnswer.Outcome.refused(
                code: end.code.rawValue,
                message: end.message
            )
            note(outcome, of: ticket.id, until: end.keptUntil)
            if let key = ticket.requestKey, let body = end.body {
                store(
                    StoredAnswer(
                        key: key,
                        body: body,
                        outcome: outcome,
                        position: facts.position,
                        expires: end.keptUntil
                    )
                )
            }
        default: violated("M1: only tickets come here")
        }
    }

    /// A grant ends the ticket, or the booking, that it serves.
    mutating func applyServing(_ served: ServedTicket, by lease: Lease) throws(RowFault) {
        if removeBooking(served.ticket) == nil { remove(try known(served.ticket)) }
        note(.granted(lease), of: served.ticket, until: served.keptUntil)
    }

    private mutating func remove(_ ticket: Ticket) {
        _ = tickets.remove(ticket.id)
        changedTickets[ticket.id] = facts.position
    }

    private mutating func note(
        _ outcome: StoredAnswer.Outcome,
        of ticket: TicketID,
        until time: LedgerTime
    ) {
        let answer = StoredAnswer(
            key: .note(of: ticket),
            body: [],
            outcome: outcome,
            position: facts.position,
            expires: time
        )
        store(answer, due: DueKey(time: time, subject: .ticket, id: ticket.rawValue))
    }

    private func known(_ id: TicketID) throws(RowFault) -> Ticket {
        guard let ticket = tickets[id] else {
            throw .damaged(
                "the log changes ticket \(id.rawValue) at position \(facts.position), but the "
                    + "state does not have it"
            )
        }
        return ticket
    }
}

extension TicketFilter {
    /// Whether a request is one of those that are asked for.
    func admits(_ request: AcquireRequest) -> Bool {
        if let pool, !request.mayAsk(pool) { return false }
        guard let tenant else { return true }
        return request.tenant == tenant || request.tenant.hasPrefix(tenant + "/")
    }
}

extension StoredAnswer.Outcome {
    /// Whether it is the only answer that the request id can have.
    ///
    /// That a wait was over is told to who asks for it; asking for the same anew is allowed.
    var isBinding: Bool {
        if case .refused(let code, _) = self {
            return RefusalCode(rawValue: code)?.isTerminal ?? true
        }
        return true
    }
}

extension Refusal {
    /// Whether it is for want of something that may come free.
    package var isOfWant: Bool { code == .exhausted || code == .quota }
}
