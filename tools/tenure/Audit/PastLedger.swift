// The state as it was at a position of the past, and what was answered then.
//
// A decision follows from state, command, caller and time, and the log has the state; so a refusal
// that was only counted, or is on no record, can be made again exactly, beside what was booked then
// too. Not on record is who waited in memory: where others waited, what is told is what the state
// alone allowed.

internal import TenureBase
internal import TenureLog
internal import TenureModel
internal import TenureStorage
internal import TenureWire

/// A ledger as it was behind one of its records.
struct PastLedger {
    private var state = LedgerState(resident: ResidentRows(), rows: NoRows())
    /// The position of the last record that is in the state.
    private(set) var position: Position = 0
    /// The ledger time of that record.
    private(set) var time = LedgerTime.zero

    /// How many leases are named that hold what is lacking.
    private static let holdersMax = 5

    /// The ledger in `directory` behind the record at `last`.
    ///
    /// Replays the log from its first record: O(records before).
    ///
    /// - Throws: a failure when the log does not have all records up to there, or one of them can
    ///   not be read.
    init(_ directory: DataDirectory, at last: Position) throws {
        var fault: String?
        let reader = LogReader(disk: directory.disk, ledgerID: directory.ledger)
        do throws(LogError) {
            _ = try reader.read { (frame) throws(LogError) in
                guard fault == nil, frame.position <= last else { return }
                fault = take(frame)
            } problem: { problem in
                if fault == nil, problem.affectsRecords, position < last { fault = "\(problem)" }
            }
        } catch {
            throw Failure(.damaged, "the log can not be read: \(error)")
        }
        if let fault { throw Failure(.damaged, fault) }
        guard position == last else {
            throw Failure(.refused, "the log in '\(directory.path)' ends at position \(position)")
        }
    }

    /// Applies a record; returns why that can not be done.
    private mutating func take(_ frame: borrowing Frame) -> String? {
        guard frame.position == position + 1 else {
            return "the log does not have the record at position \(position + 1); the past is made "
                + "from the first record on"
        }
        do throws(DecodeError) {
            let decoded = try EventCodec.decode(frame.payload)
            guard decoded.isComplete else {
                return "position \(frame.position) has events of a later version"
            }
            position = frame.position
            time = LedgerTime(nanoseconds: frame.time)
            try apply(decoded.events)
        } catch {
            return "position \(frame.position): \(error)"
        }
        return nil
    }

    private mutating func apply(_ events: [Event]) throws(DecodeError) {
        do throws(RowFault) {
            try state.apply(events, at: position, time: time)
        } catch {
            throw .invalid(offset: 0, field: error.sentence)
        }
    }

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
        do throws(RowFault) {
            let command = try besideBookings(command, now: now)
            let decision = try state.decide(command, caller: .embedder, now: now)
            return .map(
                [
                    .init("position", .id(position)), .init("time", .id(now.nanoseconds)),
                    .init("queued", .count(UInt64(state.queuedCount))),
                ] + (try fields(of: decision.answer, to: command, now: now))
            )
        } catch {
            throw Failure(.damaged, error.sentence)
        }
    }

    /// The command with what bookings and windows left to it, by the leases there were.
    private func besideBookings(
        _ command: Command,
        now: LedgerTime
    ) throws(RowFault) -> Command {
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
        to command: Command,
        now: LedgerTime
    ) throws(RowFault) -> [Document.Field] {
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
        if let request = try state.asked(by: command), refusal.isOfWant {
            fields.append(.init("holders", .list(try holders(request, refusal, now: now))))
        }
        return fields
    }

    // MARK: Who has it

    /// The leases that hold most of what a request lacks, most first.
    ///
    /// Of its first kind where several are lacking together; of a quota those of its tenant.
    private mutating func holders(
        _ request: AcquireRequest,
        _ refusal: Refusal,
        now: LedgerTime
    ) throws(RowFault) -> [Document] {
        let words = refusal.limit.split(separator: " ").map(String.init)
        let kinds = request.claims.flatMap(\.amounts).map(\.kind.name)
        guard let kind = kinds.first(where: words.contains) ?? kinds.first else { return [] }
        var filter = LeaseFilter()
        if refusal.code == .quota { filter.tenant = words.first { $0 != kind } }
        var page = Page(limit: Limits.pageItems)
        var found: [(amount: Int64, document: Document)] = []
        while true {
            let query = Command.query(.leases(filter, page: page))
            let answer = try state.decide(query, caller: .embedder, now: now).answer
            guard case .document(let list) = answer, case .list(let items)? = list["items"] else {
                return []
            }
            for item in items where refusal.code == .quota || item.isOf(request) {
                let amount = item.amount(of: kind)
                if amount > 0 { found.append((amount, item.holding(amount))) }
            }
            // The oldest of those that hold the same stays first.
            found.sort { $0.amount > $1.amount }
            found.removeLast(max(0, found.count - Self.holdersMax))
            guard case .string(let cursor)? = list["cursor"] else { return found.map(\.document) }
            page.after = cursor
        }
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
