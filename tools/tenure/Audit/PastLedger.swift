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

    /// The ledger in `directory` at a moment.
    ///
    /// Replays the log from its first record: O(records before). `body` sees each record with the
    /// ledger as it was before it.
    ///
    /// - Throws: what `body` throws, or a failure when the log does not have all records up to
    ///   there, when one of them can not be read, or when it ends before a position.
    init(
        _ directory: DataDirectory,
        from base: ReplayBase,
        at moment: Moment,
        seeing body: (borrowing PastLedger, PastRecord) throws -> Void = { _, _ in }
    ) throws {
        let path = directory.path
        (state, sessions) = try usingDirectory { () throws(StorageError) in
            (try base.makeState(in: path), try base.sessions(in: path))
        }
        (position, time) = (base.position, base.facts.time)
        clock = base.clock
        try Self.require(moment, notBefore: base)
        var failure: (any Error)?
        var next: LedgerTime?
        let reader = LogReader(disk: directory.disk, ledgerID: directory.ledger)
        do throws(LogError) {
            _ = try reader.read(from: position + 1, to: moment.lastPosition) {
                failure != nil || next != nil
            } frame: { (frame) throws(LogError) in
                guard failure == nil, next == nil else { return }
                do {
                    let time = LedgerTime(nanoseconds: frame.time)
                    // What is behind the moment may be of a later version.
                    guard !moment.excludes(frame.position, time),
                        let record = try record(frame, upTo: moment)
                    else {
                        next = time
                        return
                    }
                    try body(self, record)
                    try take(record)
                } catch {
                    failure = error
                }
            } problem: { problem in
                guard failure == nil, next == nil, problem.affectsRecords,
                    position < moment.lastPosition
                else { return }
                failure = Failure(.damaged, "\(problem)")
            }
        } catch {
            throw Failure(.damaged, "the log can not be read: \(error)")
        }
        if let failure { throw failure }
        try requireEnd(of: moment)
        stand(at: moment, before: next)
    }

    /// Refuses a moment whose history was pruned.
    private static func require(_ moment: Moment, notBefore base: ReplayBase) throws {
        guard base.position > 0 else { return }
        let (first, time) = (base.position, base.facts.time)
        let isBefore =
            switch moment {
            case .position(let asked): asked < first
            case .ledgerTime(let asked): asked < time
            case .wallTime(let wall): base.clock.nanoseconds(at: time).map { wall < $0 } ?? false
            case .end: false
            }
        guard isBefore else { return }
        throw Failure(
            .refused,
            "history up to position \(first), \(Durations.text(time.nanoseconds / 1_000_000)), was "
                + "pruned; a backup of before may have it"
        )
    }

    /// Refuses a position that the log does not reach.
    func requireEnd(of moment: Moment) throws {
        guard case .position(let last) = moment, position < last else { return }
        throw Failure(.refused, "the log ends at position \(position)")
    }

    /// Has it be as late as a moment says: not before its last record, and not behind the time of
    /// the next one, or where there is none behind the last.
    mutating func stand(at moment: Moment, before next: LedgerTime?) {
        let asked =
            switch moment {
            case .ledgerTime(let asked): asked
            case .wallTime(let wall): clock.ledgerTime(at: wall)
            case .position, .end: time
            }
        now = max(time, min(asked, next ?? time))
    }

    /// The record that comes next; nothing when it is behind the moment.
    private func record(
        _ frame: borrowing Frame,
        upTo moment: Moment
    ) throws -> PastRecord? {
        guard frame.position == position + 1 else {
            throw Failure(
                .damaged,
                "the log does not have the record at position \(position + 1); the past is made "
                    + "from the first record on"
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
        let record = PastRecord(
            position: frame.position,
            time: time,
            events: decoded.events,
            clock: clock
        )
        return moment.includes(record) ? record : nil
    }

    private mutating func take(_ record: PastRecord) throws {
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

extension ReplayBase {
    /// What the wall clock showed at the last opening before.
    var clock: WallClock {
        var clock = WallClock()
        if let opening = facts.opening { clock.note(opening.wallNanoseconds, at: facts.openedAt) }
        return clock
    }
}
