// Tickets: written the same way in events and in rows.
//
//   ticket   since u64 · until u64 · holder text · uid optional u32 · request
//   request  pool text · count of claims, each: places count · count of amounts, each: kind text
//            · amount u64; tenant text · holder optional text · TTL ms optional u64
//            · session optional u64 · longest life ms optional u64 · hold ms optional u64
//            · priority u8 · request id optional text · strategy optional u8 · selector · tags
//            · purpose optional text; if one of them, a rule or another pool is given: most cost
//            optional u64 · of each amount: most optional u64; rules, pools that are asked next
//            among them (PlacementRuleCoding.swift), if there are
//
// The request is last, so that a later version can append to it.

package import TenureBase
package import TenureModel

extension FieldWriter {
    mutating func ticketFields(of event: Event) {
        switch event {
        case .queued(let queued):
            u64(queued.id.rawValue)
            ticket(queued)
        case .ticketProlonged(let id, let until):
            u64(id.rawValue)
            time(until)
        case .ticketEnded(let end):
            u64(end.ticket.rawValue)
            u8(end.cause.rawValue)
            text(end.code.rawValue)
            text(end.message)
            time(end.keptUntil)
            bool(end.body != nil)
            if let body = end.body { counted(body) }
        default: violated("E1: \(event.tag) is no event of a ticket")
        }
    }

    mutating func ticket(_ ticket: Ticket) {
        time(ticket.since)
        time(ticket.until)
        text(ticket.holder)
        optionalU32(ticket.uid)
        request(ticket.request)
    }

    private mutating func request(_ request: AcquireRequest) {
        text(request.pool)
        count(request.claims.count)
        for claim in request.claims {
            count(claim.places)
            count(claim.amounts.count)
            for amount in claim.amounts {
                kind(amount.kind)
                u64(amount.amount)
            }
        }
        text(request.tenant)
        optionalText(request.holder)
        optionalU64(request.ttlMilliseconds)
        optionalU64(request.session?.rawValue)
        optionalU64(request.maxLifetimeMilliseconds)
        optionalU64(request.holdMilliseconds)
        u8(request.priority.rawValue)
        optionalText(request.requestID)
        bool(request.strategy != nil)
        if let strategy = request.strategy { u8(strategy.code) }
        labels(request.selector)
        labels(request.tags)
        optionalText(request.purpose)
        let mosts = request.claims.flatMap(\.amounts).map(\.most)
        guard
            request.maxCost != nil || mosts.contains(where: { $0 != nil })
                || request.hasPlacementRules
        else { return }
        optionalU64(request.maxCost)
        for most in mosts { optionalU64(most) }
        if request.hasPlacementRules { placementRules(of: request) }
    }
}

extension ByteReader {
    mutating func ticketEvent(_ tag: EventTag) throws(DecodeError) -> Event {
        let id = TicketID(rawValue: try read())
        switch tag {
        case .queued: return .queued(try ticket(id))
        case .ticketProlonged: return .ticketProlonged(id, until: try time())
        default:
            let cause = try coded(TicketEnd.Cause.init(rawValue:), "cause")
            let code = try refusalCode()
            let message = try readString()
            let keptUntil = try time()
            return .ticketEnded(
                TicketEnd(
                    ticket: id,
                    cause: cause,
                    code: code,
                    message: message,
                    keptUntil: keptUntil,
                    body: try bool() ? try readCounted() : nil
                )
            )
        }
    }

    /// The ticket that a grant served; 0 for none, where something is behind it.
    mutating func optionalServedTicket() throws(DecodeError) -> ServedTicket? {
        let start = offset
        let ticket = TicketID(rawValue: try read())
        if ticket.rawValue > 0 { return ServedTicket(ticket: ticket, keptUntil: try time()) }
        guard remaining > 0 else { throw .trailing(offset: start) }
        return nil
    }

    mutating func ticket(_ id: TicketID) throws(DecodeError) -> Ticket {
        let since = try time()
        let until = try time()
        let holder = try readString()
        let uid = try optionalU32()
        return Ticket(
            id: id,
            request: try request(),
            holder: holder,
            uid: uid,
            since: since,
            until: until
        )
    }

    private mutating func request() throws(DecodeError) -> AcquireRequest {
        let pool = try readString()
        var claims: [Claim] = []
        for _ in 0..<(try readCount()) { claims.append(try claim()) }
        var request = AcquireRequest(pool: pool, claims: claims)
        request.tenant = try readString()
        request.holder = try optionalText()
        request.ttlMilliseconds = try optionalU64()
        request.session = try optionalU64().map(SessionID.init(rawValue:))
        request.maxLifetimeMilliseconds = try optionalU64()
        request.holdMilliseconds = try optionalU64()
        request.priority = try coded(Priority.init(rawValue:), "priority")
        request.requestID = try optionalText()
        request.strategy = try bool() ? try coded(Strategy.init(code:), "strategy") : nil
        request.selector = try labels()
        request.tags = try labels()
        request.purpose = try optionalText()
        if remaining > 0 { try bounds(of: &request) }
        if remaining > 0 { try placementRules(of: &request) }
        return request
    }

    /// What an amount or the price may be at most; a tail that says nothing is none.
    private mutating func bounds(of request: inout AcquireRequest) throws(DecodeError) {
        let start = offset
        request.maxCost = try optionalU64()
        var isGiven = request.maxCost != nil
        for claim in request.claims.indices {
            for amount in request.claims[claim].amounts.indices {
                let most = try optionalU64()
                request.claims[claim].amounts[amount].most = most
                isGiven = isGiven || most != nil
            }
        }
        guard isGiven || remaining > 0 else { throw .trailing(offset: start) }
    }

    private mutating func claim() throws(DecodeError) -> Claim {
        let start = offset
        guard let places = Int(exactly: try readVarint()) else {
            throw .invalid(offset: start, field: "places")
        }
        var amounts: [ClaimAmount] = []
        for _ in 0..<(try readCount()) {
            let kind = try kind()
            amounts.append(ClaimAmount(kind: kind, amount: try read()))
        }
        return Claim(places: places, amounts: amounts)
    }
}

extension TicketID: NumberKey {}

extension Ticket: StorableRow {
    package static var table: RowTable { .tickets }

    package func writePayload(to writer: inout FieldWriter) { writer.ticket(self) }

    package static func read(
        _ key: TicketID,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Ticket {
        try reader.ticket(key)
    }
}
