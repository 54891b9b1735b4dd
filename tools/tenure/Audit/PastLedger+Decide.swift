// What was answered at a moment of the past.
//
// A decision follows from state, command, caller and time, and the log has the state; so a refusal
// that was only counted, or is on no record, can be made again exactly, beside what was booked then
// too. Not on record is who waited in memory: where others waited, what is told is what the state
// alone allowed.

internal import TenureBase
internal import TenureModel
internal import TenureWire

extension PastLedger {
    /// How many leases are named that hold what is lacking.
    private static let holdersMax = 5

    /// What a command is answered here, and what of that was in the way.
    ///
    /// - Parameters:
    ///   - words: the command as a client sends it.
    ///   - now: the ledger time of the decision, not before that of the state.
    /// - Returns: `position`, `time`, `queued`, `state`, and the answer; of a refusal its code,
    ///   reason and limit, and who held most of what was lacking.
    /// - Throws: a failure when the words are no command of the ledger.
    mutating func decide(_ words: [String], now: LedgerTime) throws -> Document {
        let command: Command
        switch CommandParser.parse(RequestArguments(words)) {
        case .ledger(let parsed): command = parsed
        case .refused(let refusal): throw Failure(.usage, refusal.message)
        case .connection, .openSession:
            throw Failure(.usage, "only what the ledger decides by itself can be decided again")
        }
        return try decide(command, now: now)
    }

    /// What a command is answered here, likewise.
    mutating func decide(_ command: Command, now: LedgerTime) throws -> Document {
        self.now = now
        let carrying = try besideBookings(command)
        return .map(
            [
                .init("position", .id(position)), .init("time", .id(now.nanoseconds)),
                .init("queued", .count(UInt64(state.queuedCount))),
            ] + (try fields(of: try ask(carrying), to: carrying))
        )
    }

    /// The command with what bookings and windows left to it, by the leases there were.
    func besideBookings(_ command: Command) throws -> Command {
        try readingRows { () throws(RowFault) in try besideBookedRows(command) }
    }

    private func besideBookedRows(_ command: Command) throws(RowFault) -> Command {
        var ends: [String: LeaseEnds] = [:]
        for pool in try state.poolsToScan(for: command) {
            var found = state.newLeaseEnds(of: pool)
            try state.scan(&found, atMost: .max)
            ends[pool] = found
        }
        guard let carrying = try state.besideBookings(command, by: ends, now: now) else {
            violated("a command waits for ends of leases that were all read")
        }
        return carrying
    }

    private mutating func fields(
        of answer: Answer,
        to command: Command
    ) throws -> [Document.Field] {
        guard case .refused(let refusal) = answer else {
            return [.init("state", .string("answered")), .init("answer", answer.document)]
        }
        var fields: [Document.Field] = [
            .init("state", .string("refused")), .init("code", .string(refusal.code.rawValue)),
            .init("reason", .string(refusal.message)), .init("limit", .string(refusal.limit)),
        ]
        if !refusal.pools.isEmpty {
            fields.append(.init("pools", .list(refusal.pools.map(\.document))))
        }
        let request = try readingRows { () throws(RowFault) in try state.asked(by: command) }
        if let request, refusal.isOfWant {
            fields.append(.init("holders", .list(try holders(request, refusal))))
        }
        return fields
    }

    // MARK: Who has it

    /// The leases that hold most of what a request lacks, most first.
    ///
    /// Of its first kind where several are lacking together; of a quota those of its tenant.
    private func holders(
        _ request: AcquireRequest,
        _ refusal: Refusal
    ) throws -> [Document] {
        let words = refusal.limit.split(separator: " ").map(String.init)
        let kinds = request.claims.flatMap(\.amounts).map(\.kind.name)
        guard let kind = kinds.first(where: words.contains) ?? kinds.first else { return [] }
        let isOfQuota = refusal.code == .quota
        // `a/b cpu`, or `leases of a/b`.
        let owner = words.count == 3 && words[1] == "of" ? words[2] : words.first
        var found: [(amount: Int64, document: Document)] = []
        try forEachLease { lease, item in
            let amount = item.amount(of: kind)
            let isMeant =
                isOfQuota
                ? lease.terms.tenant == owner || lease.terms.tenant.hasPrefix((owner ?? "") + "/")
                : item.isOf(request)
            guard amount > 0, isMeant else { return }
            // The oldest of those that hold the same stays first.
            let place = found.firstIndex { $0.amount < amount } ?? found.count
            found.insert((amount, item.holding(amount)), at: place)
            found.removeLast(max(0, found.count - Self.holdersMax))
        }
        return found.map(\.document)
    }
}

extension PoolLimit {
    /// The pool and its answer as fields.
    fileprivate var document: Document {
        .map([
            .init("pool", .string(pool)), .init("code", .string(code.rawValue)),
            .init("limit", .string(limit)),
        ])
    }
}

extension Document {
    /// Whether this is a lease of a pool that the request asks.
    fileprivate func isOf(_ request: AcquireRequest) -> Bool {
        guard case .string(let pool)? = self["pool"] else { return false }
        return request.mayAsk(pool)
    }

    /// Base units of a kind that the lease has.
    fileprivate func amount(of kind: String) -> Int64 {
        guard case .list(let parts)? = self["placements"] else { return 0 }
        return parts.reduce(0) { sum, part in
            guard part["kind"] == .string(kind), case .integer(let units)? = part["amount"] else {
                return sum
            }
            return sum + units
        }
    }

    /// Who has it, and how much.
    fileprivate func holding(_ amount: Int64) -> Document {
        let told = ["lease", "state", "tenant", "holder", "priority", "ttl"].compactMap { name in
            self[name].map { Document.Field(name, $0) }
        }
        return .map(told + [.init("amount", .integer(amount))])
    }
}
