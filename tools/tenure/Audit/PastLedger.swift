// The state as it was at a moment of the past, made from the log alone.

internal import TenureBase
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// A record of a log.
struct PastRecord {
    let position: Position
    let time: LedgerTime
    let events: [Event]
    /// What the wall clock showed at the openings by then.
    let clock: WallClock
}

/// What a replay has come to.
enum PastStep {
    /// The history begins: nothing is there, or what a snapshot has.
    case begin
    /// The first of two moments, as the ledger stands there.
    case from
    /// The next record; the ledger is as it was before it.
    case before(PastRecord)
    /// The same record; the ledger is as it was behind it.
    case behind(PastRecord)
}

/// A ledger as it was behind one of its records.
struct PastLedger {
    var state: LedgerState
    /// The position of the last record that is in the state.
    private(set) var position: Position
    /// The ledger time of that record.
    private(set) var time: LedgerTime
    /// What the wall clock showed at the openings.
    private(set) var clock: WallClock
    /// The sessions that are open, or have ended and are still known.
    private(set) var sessions: Set<SessionID>
    /// The time that was asked for: not before that of the record.
    var now = LedgerTime.zero

    /// What sees a ledger at every step of its replay.
    typealias Observer = (borrowing PastLedger, PastStep) throws -> Void

    /// The ledger in `directory` at a moment.
    ///
    /// Replays the log from its first record, or the snapshot where history was pruned: O(records
    /// before). `body` sees every step, also that to an earlier moment when there is one.
    ///
    /// - Throws: what `body` throws, or a failure when the log does not have all records up to
    ///   there, when one of them can not be read, when it ends before a position, or when the
    ///   earlier moment is the later one.
    init(
        _ directory: DataDirectory,
        from base: ReplayBase,
        past earlier: PastMoment? = nil,
        at moment: PastMoment,
        seeing body: Observer = { _, _ in }
    ) throws {
        let path = directory.path
        (state, sessions) = try usingDirectory { () throws(StorageError) in
            (try base.makeState(in: path), try base.sessions(in: path))
        }
        (position, time) = (base.position, base.facts.time)
        clock = base.clock
        now = time
        try body(self, .begin)
        var awaited = earlier
        let next = try replay(directory, past: &awaited, to: moment, body)
        try requireEnd(of: moment)
        stand(at: moment, before: next)
        guard let awaited else { return }
        // No record is between them.
        try requireOrder(of: awaited, before: next)
        try reach(awaited, before: next, body)
    }

    /// Replays what happened by a moment.
    ///
    /// - Returns: the time of the record behind it, if there is one.
    private mutating func replay(
        _ directory: DataDirectory,
        past awaited: inout PastMoment?,
        to moment: PastMoment,
        _ body: Observer
    ) throws -> LedgerTime? {
        var failure: (any Error)?
        var next: LedgerTime?
        let reader = LogReader(disk: directory.disk, ledgerID: directory.ledger)
        let last = moment.lastPosition
        do throws(LogError) {
            // And the one behind it, for its time.
            _ = try reader.read(from: position + 1, to: last == .max ? last : last + 1) {
                failure != nil || next != nil
            } frame: { (frame) throws(LogError) in
                guard failure == nil, next == nil else { return }
                do {
                    let time = LedgerTime(nanoseconds: frame.time)
                    // What is behind the moment may be of a later version.
                    guard moment.includes(frame.position, time) else {
                        next = time
                        return
                    }
                    try take(record(frame), past: &awaited, body)
                } catch {
                    failure = error
                }
            } problem: { problem in
                guard failure == nil, next == nil, problem.affectsRecords, position < last else {
                    return
                }
                failure = Failure(.damaged, "\(problem)")
            }
        } catch {
            throw Failure(.damaged, "the log can not be read: \(error)")
        }
        if let failure { throw failure }
        return next
    }

    /// Has `body` see the ledger as it stands at a moment that is behind its last record.
    private func reach(
        _ moment: PastMoment,
        before next: LedgerTime?,
        _ body: Observer
    ) throws {
        var then = copy self
        then.stand(at: moment, before: next)
        try body(then, .from)
    }

    /// Refuses an earlier moment that is later than this one, where no record tells that.
    private func requireOrder(of earlier: PastMoment, before next: LedgerTime?) throws {
        let isLater: Bool
        switch earlier {
        case .position(let asked): isLater = next != nil && asked > position
        case .end: isLater = next != nil
        case .time:
            var then = copy self
            then.stand(at: earlier, before: next)
            isLater = then.now > now
        }
        guard !isLater else {
            throw Failure(.usage, "the moment to begin at is later than the one to end at")
        }
        try requireEnd(of: earlier)
    }

    /// Refuses a position that the log does not reach.
    private func requireEnd(of moment: PastMoment) throws {
        guard case .position(let last) = moment, position < last else { return }
        throw Failure(.refused, "the log ends at position \(position)")
    }

    /// Has it be as late as a moment says: not before its last record, and not behind the time of
    /// the next one, or where there is none behind the last.
    private mutating func stand(at moment: PastMoment, before next: LedgerTime?) {
        let asked = if case .time(let asked) = moment { asked } else { time }
        now = max(time, min(asked, next ?? time))
    }

    /// The record that comes next.
    private func record(_ frame: borrowing Frame) throws -> PastRecord {
        guard frame.position == position + 1 else {
            throw Failure(
                .damaged,
                "the log does not have the record at position \(position + 1), without which "
                    + "the past can not be made"
            )
        }
        let decoded: EventCodec.Decoded
        do throws(DecodeError) {
            decoded = try EventCodec.decode(frame.payload)
        } catch {
            throw Failure(.damaged, "position \(frame.position): \(error)")
        }
        guard decoded.isComplete else {
            throw Failure(.damaged, "position \(frame.position) has events of a later version")
        }
        let time = LedgerTime(nanoseconds: frame.time)
        var clock = clock
        for event in decoded.events { clock.note(event, at: time) }
        return PastRecord(
            position: frame.position,
            time: time,
            events: decoded.events,
            clock: clock
        )
    }

    private mutating func take(
        _ record: PastRecord,
        past awaited: inout PastMoment?,
        _ body: Observer
    ) throws {
        if let moment = awaited, !moment.includes(record.position, record.time) {
            awaited = nil
            try reach(moment, before: record.time, body)
        }
        try body(self, .before(record))
        try apply(record)
        try body(self, .behind(record))
    }

    private mutating func apply(_ record: PastRecord) throws {
        (position, time, clock) = (record.position, record.time, record.clock)
        now = time
        for event in record.events {
            switch event {
            case .sessionOpened(let session): sessions.insert(session.id)
            case .sessionForgotten(let id): sessions.remove(id)
            default: break
            }
        }
        try readingRows { () throws(RowFault) in
            try state.apply(record.events, at: record.position, time: record.time)
        }
    }

    /// Decides a command here, at the time that was asked for; changes nothing.
    mutating func ask(_ command: Command) throws -> Answer {
        try readingRows { () throws(RowFault) in
            try state.decide(command, caller: .embedder, now: now).answer
        }
    }

    /// What of the state is not as it must be (I2, I3, N1 to N3); nothing when all is.
    func fault() throws -> String? {
        try readingRows { () throws(RowFault) in try state.invariantFault() }
    }

    /// A lease or reservation, or what is quarantined of one.
    func lease(_ id: LeaseID) throws -> Lease? {
        try readingRows { () throws(RowFault) in try state.lease(id) }
    }

    /// Calls `body` with every lease and reservation, by age, and what a list says of it.
    func forEachLease(_ body: (Lease, Document) -> Void) throws {
        try readingRows { () throws(RowFault) in
            try state.forEachLease(caller: .embedder, now: now, body)
        }
    }

    /// Calls `body` with every lease, reservation and quarantine, in no stated order.
    func forEachHolding(_ body: (Lease) -> Void) throws {
        try readingRows { () throws(RowFault) in
            try state.forEachLease { if $0.state != .ended { body($0) } }
        }
    }

    /// Calls `body` with every item of a list, page by page.
    mutating func forEachItem(
        of query: (Page) -> Query,
        _ body: (Document) throws -> Void
    ) throws {
        var page = Page(limit: Limits.pageItems)
        while true {
            guard case .document(let list) = try ask(.query(query(page))),
                case .list(let items)? = list["items"]
            else { return }
            for item in items { try body(item) }
            guard case .string(let cursor)? = list["cursor"] else { return }
            page.after = cursor
        }
    }
}

/// What `body` says of the rows of a state.
///
/// - Throws: a failure with code 65 when a row can not be read.
func readingRows<Value>(_ body: () throws(RowFault) -> Value) throws -> Value {
    do throws(RowFault) {
        return try body()
    } catch {
        throw Failure(.damaged, error.sentence)
    }
}
