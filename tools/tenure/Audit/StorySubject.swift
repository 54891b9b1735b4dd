// What an explanation is about: found by its number, or by the id of a request.
//
// The number of a lease, ticket or session has the position of its record, so that it is found
// without a search. The id of a request is looked for in all records of its tenant.

internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// Something that has a story.
enum StorySubject: Equatable {
    case lease(LeaseID)
    /// A place in the queue, or a booking.
    case ticket(TicketID)
    case session(SessionID)
    /// A request whose answer was a refusal that stays.
    case refusal(Refused)

    /// The record of such an answer.
    struct Refused: Equatable {
        let position: Position
        let time: LedgerTime
        let key: RequestKey
        let code: String
        let message: String
    }
}

extension StorySubject {
    /// What the events of a record gave this number to: a lease also its later tokens.
    fileprivate init?(_ number: UInt64, in record: LoggedRecord) throws {
        for event in record.events {
            switch event {
            case .granted(let grant) where grant.lease.id.rawValue == number:
                self = .lease(grant.lease.id)
            case .subleased(let carved) where carved.lease.id.rawValue == number:
                self = .lease(carved.lease.id)
            case .grown(let growth) where growth.token.rawValue == number:
                self = .lease(growth.lease)
            case .handedOver(let change) where change.token.rawValue == number:
                self = .lease(change.lease)
            case .queued(let ticket) where ticket.id.rawValue == number:
                self = .ticket(ticket.id)
            case .booked(let booking) where booking.id.rawValue == number:
                self = .ticket(booking.id)
            case .sessionOpened(let session) where session.id.rawValue == number:
                self = .session(session.id)
            case .windowPlanned(let window) where window.id.rawValue == number:
                throw Failure(.usage, "\(number) is a window: see 'tenure audit timeline'")
            default: continue
            }
            return
        }
        return nil
    }

    /// What a record says became of a request id; nothing where it is not about it.
    fileprivate init?(_ key: RequestKey, in record: LoggedRecord) {
        var found: StorySubject?
        for event in record.events {
            switch event {
            case .granted(let grant) where grant.lease.terms.isAnswer(to: key):
                found = .lease(grant.lease.id)
            case .subleased(let carved)
            where carved.lease.terms.isAnswer(to: key) || carved.stored?.key == key:
                found = .lease(carved.lease.id)
            case .grown(let growth) where growth.stored?.key == key: found = .lease(growth.lease)
            case .handedOver(let change) where change.stored?.key == key:
                found = .lease(change.lease)
            case .queued(let ticket) where ticket.request.isAsked(as: key):
                found = .ticket(ticket.id)
            case .booked(let booking) where booking.ticket.request.isAsked(as: key):
                found = .ticket(booking.id)
            case .answered(let stored) where stored.key == key:
                guard case .refused(let code, let message) = stored.outcome else { continue }
                found = .refusal(
                    Refused(
                        position: record.position,
                        time: record.time,
                        key: key,
                        code: code,
                        message: message
                    )
                )
            default: continue
            }
        }
        guard let found else { return nil }
        self = found
    }
}

extension LeaseTerms {
    fileprivate func isAnswer(to key: RequestKey) -> Bool {
        requestID == key.id && tenant == key.tenant
    }
}

extension AcquireRequest {
    fileprivate func isAsked(as key: RequestKey) -> Bool {
        requestID == key.id && tenant == key.tenant
    }
}

extension History {
    /// What has this number, or had it as its token: a lease, ticket, booking or session.
    ///
    /// - Throws: a failure that says why nothing has: because nothing ever had, or because the log
    ///   does not go back so far.
    mutating func subject(_ number: UInt64) throws -> StorySubject {
        let position = Token(rawValue: number).position
        var found: StorySubject?
        if Token(rawValue: number).epoch > 0, position > 0 {
            try readRecords(
                from: position,
                to: position,
                until: { found != nil },
                passing: { _ in false },
                admitting: { _ in true },
                { found = try StorySubject(number, in: $0) }
            )
        }
        if let found { return found }
        if Token(rawValue: number).epoch > 0, let first = try firstPosition, position < first {
            throw Failure(
                .refused,
                "the log begins at position \(first), and the record of \(number) is at "
                    + "\(position): bring its segment back to archive/, or ask an older copy"
            )
        }
        throw Failure(
            .refused,
            "no lease, ticket or session of this ledger has the number \(number); for the id of a "
                + "request say --tenant"
        )
    }

    /// What became of a request with this id, the last time that it was asked.
    ///
    /// Reads all segments in which the tenant is.
    ///
    /// - Throws: a failure when no record has it.
    mutating func subject(ofRequest id: String, tenant: String) throws -> StorySubject {
        let key = RequestKey(tenant: tenant, id: id)
        let filter = RecordFilter([.name(id)])
        var found: StorySubject?
        try readRecords(
            from: 1,
            to: .max,
            passing: { !$0.tenants.contains(tenant) },
            admitting: { filter.admits($0) },
            { found = StorySubject(key, in: $0) ?? found }
        )
        guard let found else {
            let begin = try firstPosition ?? 1
            throw Failure(
                .refused,
                "no record has an answer to a request '\(Table.cell(id))' of tenant "
                    + "'\(Table.cell(tenant))'; a refusal that may end by itself keeps no id: see "
                    + "'tenure audit decide'"
                    + (begin > 1 ? "; the history begins at position \(begin)" : "")
            )
        }
        return found
    }
}
