// What an event is about, for histories of one thing and for the index that finds them.

/// Something that has a history of its own.
package enum Subject: Hashable, Sendable {
    /// A lease, session, ticket, booking or window: ids are tokens, and no two things share one.
    case id(UInt64)
    /// A resource by its number, as all events but its declaration have it.
    case resource(ResourceID)
    /// A resource by its name, where it is declared.
    case name(String)
    /// A tenant, and thereby all tenants above it.
    case tenant(String)
}

extension Event {
    /// Calls `body` with everything that this event is about, also more than once.
    ///
    /// Events that are about the ledger as a whole, or about a pool, have no subject.
    package func forEachSubject(_ body: (Subject) -> Void) {
        switch self {
        case .granted(let record):
            if let served = record.served { body(.id(served.ticket.rawValue)) }
            record.lease.forEachSubject(body)
        case .subleased(let record):
            record.lease.forEachSubject(body)
            record.stored?.forEachSubject(body)
        case .grown(let record):
            body(.id(record.lease.rawValue))
            for part in record.added { body(.resource(part.resource)) }
            record.stored?.forEachSubject(body)
        case .handedOver(let record):
            body(.id(record.lease.rawValue))
            if let session = record.session { body(.id(session.rawValue)) }
            record.stored?.forEachSubject(body)
        case .committed(let lease, _, _), .renewed(let lease, _), .reduced(let lease, _),
            .released(let lease), .budgetHeld(let lease, _):
            body(.id(lease.rawValue))
        case .reclaimed(let ended, _, _): for lease in ended { body(.id(lease.lease.rawValue)) }
        case .preempted(let leases, _, _), .quarantineEnded(let leases),
            .leasesForgotten(let leases):
            for lease in leases { body(.id(lease.rawValue)) }
        case .budgetSettled(let settled): for part in settled { body(.id(part.lease.rawValue)) }
        case .sessionOpened(let session): body(.id(session.id.rawValue))
        case .sessionKept(let session, _), .sessionEnded(let session, _, _),
            .sessionForgotten(let session):
            body(.id(session.rawValue))
        case .queued(let ticket): ticket.forEachSubject(body)
        case .ticketProlonged(let ticket, _), .bookingMoved(let ticket, _):
            body(.id(ticket.rawValue))
        case .ticketEnded(let end): body(.id(end.ticket.rawValue))
        case .booked(let booking): booking.forEachSubject(body)
        default: forEachSubjectOfSettings(body)
        }
    }

    /// The session that the event opens, keeps, ends or forgets.
    package var session: SessionID? {
        switch self {
        case .sessionOpened(let session): session.id
        case .sessionKept(let id, _), .sessionEnded(let id, _, _), .sessionForgotten(let id): id
        default: nil
        }
    }

    private func forEachSubjectOfSettings(_ body: (Subject) -> Void) {
        switch self {
        case .resourceSet(let declaration):
            body(.name(declaration.request.name))
            body(.resource(declaration.id))
        case .resourceStateSet(let resource, _), .resourceDrained(let resource, _),
            .drainAdvanced(let resource, _), .resourceDeleted(let resource):
            body(.resource(resource))
        case .breakerSet(let breaker):
            breaker.subject.forEachSubject(body)
            for probe in breaker.probes { body(.id(probe.rawValue)) }
        case .breakerCleared(let breaker, _): breaker.forEachSubject(body)
        case .windowPlanned(let window): window.forEachSubject(body)
        case .windowBegan(let window): body(.id(window.rawValue))
        case .windowEnded(let end): body(.id(end.window.rawValue))
        case .quotaSet(let quota): body(.tenant(quota.tenant))
        case .quotaDeleted(let key): body(.tenant(key.tenant))
        case .tenantLimitsSet(let limits): body(.tenant(limits.tenant))
        case .budgetSet(let budget): body(.tenant(budget.tenant))
        case .budgetDeleted(let tenant): body(.tenant(tenant))
        case .answered(let answer): answer.forEachSubject(body)
        case .refused(let refusal): body(.tenant(refusal.tenant))
        case .refusalsCounted(let counts): for count in counts { body(.tenant(count.tenant)) }
        default: break
        }
    }
}

extension Lease {
    /// Calls `body` with everything that the lease is about.
    package func forEachSubject(_ body: (Subject) -> Void) {
        body(.id(id.rawValue))
        if let session = terms.session { body(.id(session.rawValue)) }
        if let parent { body(.id(parent.rawValue)) }
        body(.tenant(terms.tenant))
        for part in placements { body(.resource(part.resource)) }
    }
}

extension Ticket {
    /// Calls `body` with everything that the ticket is about.
    package func forEachSubject(_ body: (Subject) -> Void) {
        body(.id(id.rawValue))
        if let session = request.session { body(.id(session.rawValue)) }
        body(.tenant(request.tenant))
    }
}

extension Booking {
    /// Calls `body` with everything that the booking is about.
    package func forEachSubject(_ body: (Subject) -> Void) {
        body(.id(id.rawValue))
        body(.tenant(ticket.request.tenant))
        for part in placements { body(.resource(part.resource)) }
    }
}

extension Window {
    /// Calls `body` with everything that the window is about.
    package func forEachSubject(_ body: (Subject) -> Void) {
        body(.id(id.rawValue))
        for member in members { body(.resource(member.resource)) }
    }
}

extension StoredAnswer {
    /// Who asked: the tenant in which the id of the request counts.
    fileprivate func forEachSubject(_ body: (Subject) -> Void) { body(.tenant(key.tenant)) }
}

extension BreakerSubject {
    fileprivate func forEachSubject(_ body: (Subject) -> Void) {
        if case .resource(let resource) = self { body(.resource(resource)) }
    }
}
