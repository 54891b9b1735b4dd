// EXPLAIN of one who waits: since when, who comes before, what is lacking, and who has it.

internal import TenureBase
internal import TenureModel

extension Explanation {
    /// Why a ticket waits, or what became of it; nothing when there is no such ticket.
    func explain(_ ticket: TicketID) -> Answer? {
        switch ledger.ask(.ticket(ticket)) {
        case .document(let document) where document["booking"] != nil: return .document(document)
        case .document(let document): return wait(of: ticket, document)
        case .grant(let grant): return explain(grant.lease)
        case .refused(let refusal) where refusal.code == .notFound: return nil
        case .refused(let refusal):
            return .document(
                .map([
                    .init("ticket", .id(ticket.rawValue)), .init("state", .string("ended")),
                    .init("code", .string(refusal.code.rawValue)),
                    .init("reason", .string(refusal.message)),
                ])
            )
        default: return nil
        }
    }

    private func wait(of ticket: TicketID, _ known: Document) -> Answer {
        let standing = ledger.onWriter { $0.standing(of: ticket) }.flatMap(\.self)
        guard let standing else {
            return Self.justEnded(ticket)
        }
        var fields = Self.kept.compactMap { name in
            known[name].map { Document.Field(name == "status" ? "state" : name, $0) }
        }
        let name = Priority(rawValue: standing.rank)?.name ?? "overdue"
        fields.append(.init("class", .string(name)))
        fields.append(.init("before", .count(UInt64(standing.before))))
        fields.append(.init("code", .optional(standing.refusal?.code.rawValue)))
        fields.append(.init("reason", .optional(standing.refusal?.message)))
        fields.append(.init("lacks", .list(standing.lacks.map(document))))
        fields += holders(of: standing)
        return .document(.map(fields))
    }

    /// What is said of a ticket that was served between two questions.
    static func justEnded(_ ticket: TicketID) -> Answer {
        .refused(Refusal(.busy, "ticket \(ticket.rawValue) has just ended; ask again"))
    }

    /// Of what QUEUE GET tells.
    private static let kept = [
        "ticket", "status", "pool", "tenant", "holder", "priority", "amounts", "waited", "wait",
    ]

    private func document(_ lack: WaitStanding.Lack) -> Document {
        let shortage = lack.shortage
        return .map([
            .init("limit", .string(shortage.limit)),
            .init("pool", shortage.isQuota ? .null : .string(shortage.pool)),
            .init("before", .count(UInt64(lack.before))),
        ])
    }

    // MARK: Who has it

    /// The leases that hold most of what is lacking, and when the first of them ends.
    ///
    /// Looks at `EngineLimits.explainLeases` leases at most, the oldest first.
    private func holders(of standing: WaitStanding) -> [Document.Field] {
        guard let lack = standing.lacks.first?.shortage else { return [] }
        let filter = LeaseFilter(pool: lack.isQuota ? nil : lack.pool, tenant: lack.tenant)
        let kind = lack.kindName
        var found: [Holder] = []
        var page = Page(limit: Limits.pageItems)
        var looked = 0
        while looked < EngineLimits.explainLeases {
            guard case .document(let list) = ledger.ask(.leases(filter, page: page)),
                case .list(let items)? = list["items"]
            else { break }
            looked += items.count
            found += items.compactMap { Holder($0, of: kind) }
            found.sort { ($0.amount, $1.lease) > ($1.amount, $0.lease) }
            found = Array(found.prefix(Self.holdersMax))
            guard case .string(let cursor)? = list["cursor"] else {
                return [.init("holders", .list(found.map(\.document)))]
            }
            page.after = cursor
        }
        return [
            .init("holders", .list(found.map(\.document))),
            .init("searchedLeases", .count(UInt64(looked))),
        ]
    }

    /// How many leases are named.
    private static let holdersMax = 5

    /// A lease that has some of what is lacking.
    private struct Holder {
        let lease: UInt64
        /// Base units of the kind; 1 where leases are what is counted.
        let amount: UInt64
        let document: Document

        init?(_ item: Document, of kind: String?) {
            guard case .id(let lease)? = item["lease"], case .list(let parts)? = item["placements"]
            else { return nil }
            var amount: UInt64 = kind == nil ? 1 : 0
            for part in parts {
                guard let kind, part["kind"] == .string(kind),
                    case .integer(let units)? = part["amount"]
                else { continue }
                amount += UInt64(clamping: units)
            }
            guard amount > 0 else { return nil }
            self.lease = lease
            self.amount = amount
            let told = ["lease", "state", "tenant", "holder", "priority", "ttl"].compactMap {
                name in
                item[name].map { Document.Field(name, $0) }
            }
            document = .map(told + [.init("amount", .count(amount))])
        }
    }
}

extension Shortage {
    /// The tenant whose use is in the way; nothing where it is that of others.
    fileprivate var tenant: String? {
        guard isQuota, !limit.hasSuffix(" borrowed") else { return nil }
        for start in ["leases of ", "budget of "] where limit.hasPrefix(start) {
            return String(limit.dropFirst(start.count))
        }
        return limit.split(separator: " ").first.map(String.init)
    }

    /// The kind of which there is too little; nothing where it is leases or money.
    fileprivate var kindName: String? {
        if !isQuota { return limit }
        if limit.hasPrefix("leases of ") || limit.hasPrefix("budget of ") { return nil }
        let words = limit.split(separator: " ")
        return words.count > 1 ? String(words[1]) : nil
    }
}
