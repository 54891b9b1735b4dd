// Places in the queue: requests that wait durably.
//
// A ticket is a row from its queueing to its end. What became of it is then kept as a stored
// answer, its note, for as long as answers are kept: under a tenant that nobody can be.

/// A request that waits, and survives every restart.
package struct Ticket: Hashable, Sendable {
    package let id: TicketID
    /// What was asked, without how long to wait for it.
    package let request: AcquireRequest
    /// Who will hold it: the request's holder, or the one that was made up.
    package let holder: String
    package let uid: UInt32?
    /// When it was queued.
    package let since: LedgerTime
    /// When it gives up.
    package var until: LedgerTime

    package init(
        id: TicketID,
        request: AcquireRequest,
        holder: String,
        uid: UInt32?,
        since: LedgerTime,
        until: LedgerTime
    ) {
        self.id = id
        self.request = request
        self.holder = holder
        self.uid = uid
        self.since = since
        self.until = until
    }

    /// The request's id within its tenant.
    var requestKey: RequestKey? {
        request.requestID.map { RequestKey(tenant: request.tenant, id: $0) }
    }
}

/// How a ticket ended without a grant.
package struct TicketEnd: Hashable, Sendable {
    /// Why a ticket ended.
    package enum Cause: UInt8, CaseIterable, Sendable {
        /// Its time was over.
        case timeout = 0
        /// Who asked called it off, or an admin did.
        case cancelled = 1
        /// Waiting can not help any more: its session ended, or nothing can hold it.
        case refused = 2

        /// The name in answers.
        package var name: String {
            switch self {
            case .timeout: "timeout"
            case .cancelled: "cancelled"
            case .refused: "refused"
            }
        }
    }

    package let ticket: TicketID
    package let cause: Cause
    /// What those are answered who ask for it.
    package let code: RefusalCode
    package let message: String
    /// Until when that is kept.
    package let keptUntil: LedgerTime
    /// What was asked, when a request id keeps the answer as well.
    package let body: [UInt8]?

    package init(
        ticket: TicketID,
        cause: Cause,
        code: RefusalCode,
        message: String,
        keptUntil: LedgerTime,
        body: [UInt8]?
    ) {
        self.ticket = ticket
        self.cause = cause
        self.code = code
        self.message = message
        self.keptUntil = keptUntil
        self.body = body
    }
}

/// The ticket that a grant ended, in the record of the grant.
package struct ServedTicket: Hashable, Sendable {
    package let ticket: TicketID
    /// Until when the grant can be asked for by the ticket.
    package let keptUntil: LedgerTime

    package init(ticket: TicketID, keptUntil: LedgerTime) {
        self.ticket = ticket
        self.keptUntil = keptUntil
    }
}

extension RequestKey {
    /// The key under which it is kept what became of a ticket.
    ///
    /// No tenant is called nothing, so that it is nobody's request id.
    static func note(of ticket: TicketID) -> RequestKey {
        RequestKey(tenant: "", id: "\(ticket.rawValue)")
    }
}

/// The tickets that wait, which stay in memory, and how they are found.
struct TicketTable {
    private var rows: [TicketID: Ticket] = [:]
    private var byRequest: [RequestKey: TicketID] = [:]
    private var counts: [String: Int] = [:]

    /// How many wait.
    var count: Int { rows.count }

    /// All of them, oldest first.
    var inOrder: [Ticket] { rows.values.sorted { $0.id < $1.id } }

    subscript(id: TicketID) -> Ticket? { rows[id] }

    /// The ticket that a request id has.
    subscript(key: RequestKey) -> Ticket? { byRequest[key].flatMap { rows[$0] } }

    /// How many of exactly this tenant wait.
    func count(of tenant: String) -> Int { counts[tenant, default: 0] }

    /// Sets a ticket, new or changed.
    mutating func set(_ ticket: Ticket) {
        if rows.updateValue(ticket, forKey: ticket.id) != nil { return }
        counts[ticket.request.tenant, default: 0] += 1
        if let key = ticket.requestKey { byRequest[key] = ticket.id }
    }

    /// Takes a ticket out.
    mutating func remove(_ id: TicketID) -> Ticket? {
        guard let ticket = rows.removeValue(forKey: id) else { return nil }
        let tenant = ticket.request.tenant
        let left = counts[tenant, default: 1] - 1
        counts[tenant] = left > 0 ? left : nil
        if let key = ticket.requestKey { byRequest[key] = nil }
        return ticket
    }
}

extension Event {
    /// The facts of an event of a ticket as fields.
    var ticketFields: [Document.Field] {
        switch self {
        case .queued(let ticket):
            let request = ticket.request
            return [
                .init("ticket", .id(ticket.id.rawValue)),
                .init("pool", .string(request.poolText)),
                .init("tenant", .string(request.tenant)), .init("holder", .string(ticket.holder)),
                .init("uid", ticket.uid.map { .count(UInt64($0)) } ?? .null),
                .init("until", ticket.until.document),
                .init("priority", .string(request.priority.name)),
                .init(
                    "amounts",
                    .map(request.totals.map { .init($0.kind.name, .count($0.amount)) })
                ),
                .init("session", request.session.map { .id($0.rawValue) } ?? .null),
                .init("request", .optional(request.requestID)),
                .init("purpose", .optional(request.purpose)),
            ]
        case .ticketProlonged(let id, let until):
            return [.init("ticket", .id(id.rawValue)), .init("until", until.document)]
        case .ticketEnded(let end):
            return [
                .init("ticket", .id(end.ticket.rawValue)),
                .init("reason", .string(end.cause.name)),
                .init("code", .string(end.code.rawValue)), .init("message", .string(end.message)),
            ]
        default: return []
        }
    }
}
