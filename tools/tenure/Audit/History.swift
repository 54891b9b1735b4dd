// The log of a stopped ledger as events, one after the other.
//
// What is damaged is said on stderr when everything else has been told, and makes exit code 65:
// an audit that stops at the first bad byte would hide what is behind it.

internal import TenureBase
internal import TenureLog
package import TenureModel
internal import TenureStorage

/// One event with its place in history.
package struct HistoryEntry {
    package let position: Position
    package let time: LedgerTime
    package let event: Event
    private let names: ResourceNames

    /// An event, and the names of resources as they were then.
    package init(position: Position, time: LedgerTime, event: Event, names: ResourceNames) {
        (self.position, self.time) = (position, time)
        (self.event, self.names) = (event, names)
    }

    /// What the event says, with the names of resources: worked out for what is shown.
    package var fields: [Document.Field] { names.fields(of: event) }

    /// For programs: position, time and event first, then what the event says.
    package var document: Document {
        .map(
            [
                .init("position", .id(position)), .init("time", .id(time.nanoseconds)),
                .init("event", .string(event.name)),
            ] + fields
        )
    }

    /// For people: the same on one line, without what is absent.
    package var line: String {
        let head = "\(position) \(Durations.text(time.nanoseconds / 1_000_000)) \(event.name)"
        let tail = fields.filter { $0.value != .null }.map(Rendering.assignment)
        return ([head] + tail).joined(separator: " ")
    }
}

/// The names of resources as the history gives them; events have their numbers only.
package struct ResourceNames {
    private(set) var known: [ResourceID: ResourceName] = [:]

    /// No resource has been declared yet.
    package init() {}

    /// Learns what an event declares.
    package mutating func learn(_ event: Event) {
        guard case .resourceSet(let declaration) = event else { return }
        let request = declaration.request
        known[declaration.id] = ResourceName(name: request.name, kind: request.kind)
    }

    /// Learns what a snapshot has.
    fileprivate mutating func learn(_ resources: [Resource]) {
        for resource in resources {
            known[resource.id] = ResourceName(name: resource.name, kind: resource.kind)
        }
    }

    /// Learns what the records of a segment declare.
    mutating func learn(_ index: SegmentIndex) {
        for entry in index.declared {
            known[entry.resource] = ResourceName(name: entry.name, kind: entry.kind)
        }
    }

    /// How a resource is called, as far as that is known.
    func name(of resource: ResourceID) -> ResourceName? { known[resource] }

    /// The fields of an event, a name in place of each number that is known.
    package func fields(of event: Event) -> [Document.Field] {
        event.fields { known[$0] }
    }
}

/// A record of the log.
struct LoggedRecord {
    let position: Position
    let time: LedgerTime
    let events: [Event]
}

/// What a snapshot says of the time before the history that is left.
struct Before {
    /// How resources were called then.
    private(set) var names = ResourceNames()
    /// What the wall clock showed at the last opening.
    let clock: WallClock
    /// The last position that is in the snapshot; 0 without any.
    let position: Position
    private let base: ReplayBase
    private let resident: ResidentRows
    private let path: String

    fileprivate init(_ base: ReplayBase, in path: String) throws {
        resident = try usingDirectory { () throws(StorageError) in try base.resident(in: path) }
        names.learn(resident.resources)
        (clock, position) = (base.clock, base.position)
        (self.base, self.path) = (base, path)
    }

    /// Tells a timeline what there was.
    func tell(_ timeline: inout Timeline) throws {
        for (id, name) in names.known { timeline.learn(id, as: name.name) }
        for ticket in resident.tickets { timeline.learn(ticket) }
        for booking in resident.bookings { timeline.learn(booking) }
        for window in resident.windows { timeline.learn(window) }
        var told = timeline
        try usingDirectory { () throws(StorageError) in
            try base.forEachLease(in: path) { told.learn($0) }
        }
        timeline = told
    }
}

/// A range of the log, and what was found wrong while it was read.
struct History {
    let directory: DataDirectory
    private let range: ClosedRange<Position>
    /// What is known of the time before the history begins.
    let before: Before
    /// How much is told of what is wrong.
    static let toldMax = 1_000

    /// What was wrong: so many sentences, each once.
    private(set) var sentences: [String] = []
    /// How often something was wrong.
    private(set) var problems: UInt64 = 0
    private var isComplete = true
    /// What else there is to say of it.
    private var notes: [String] = []
    private let isBesideData: Bool

    /// Nothing has been read yet; the directory stays locked against a daemon.
    ///
    /// `base` is where the history of the directory begins.
    init(
        _ directory: DataDirectory,
        from base: ReplayBase,
        range: ClosedRange<Position>,
        isBesideData: Bool = false
    ) throws {
        self.directory = directory
        before = try Before(base, in: directory.path)
        self.range = range
        self.isBesideData = isBesideData
    }

    /// Calls `body` with every event of the range, in order.
    ///
    /// Segments before the range are passed over where an index says what they declare; others are
    /// read, because that is where the names of resources are.
    mutating func read(_ body: (HistoryEntry) throws -> Void) throws {
        let range = range
        try requireHistory(from: range.lowerBound)
        let reached = try read(
            passing: { $0.end.position <= range.lowerBound },
            admitting: { _ in true },
            body
        )
        try requireHistory(behind: reached)
    }

    /// Calls `body` with every event of the range that is in a record that is admitted, in order.
    ///
    /// - Returns: the last position that was read or passed over.
    @discardableResult
    mutating func read(
        passing isPassed: (SegmentIndex) -> Bool,
        admitting isAdmitted: (RawSpan) -> Bool,
        _ body: (HistoryEntry) throws -> Void
    ) throws -> Position {
        var names = before.names
        var reached: Position = 0
        let range = range
        let summary = try readRecords(
            from: 1,
            to: range.upperBound,
            passing: { index in
                guard isPassed(index) else { return false }
                names.learn(index)
                reached = max(reached, index.end.position - 1)
                return true
            },
            admitting: isAdmitted,
            { record in
                for event in record.events {
                    names.learn(event)
                    guard range.contains(record.position) else { continue }
                    try body(
                        HistoryEntry(
                            position: record.position,
                            time: record.time,
                            event: event,
                            names: names
                        )
                    )
                }
            }
        )
        return max(reached, summary.lastPosition)
    }

    /// Calls `body` with records from one position to another, in order.
    ///
    /// Passed over are segments of which `isPassed` says so by their index, records that are not
    /// admitted, and all segments behind the one in which `isDone` has become true.
    ///
    /// - Throws: what `body` throws, or a failure when the log can not be read at all; what is
    ///   wrong in it, `finish` tells.
    @discardableResult
    mutating func readRecords(
        from first: Position,
        to last: Position,
        until isDone: () -> Bool = { false },
        passing isPassed: (SegmentIndex) -> Bool,
        admitting isAdmitted: (RawSpan) -> Bool,
        _ body: (LoggedRecord) throws -> Void
    ) throws -> LogSummary {
        var failure: (any Error)?
        var faults = Faults()
        let reader = LogReader(disk: directory.disk, ledgerID: directory.ledger)
        let indexes = SegmentIndexing(of: directory.ledger, on: directory.disk)
        let bar = AuditBar("read", of: directory, to: last, isBesideData: isBesideData)
        defer { bar?.clear() }
        let summary: LogSummary
        do throws(LogError) {
            summary = try reader.read(
                from: first,
                to: last,
                isDone: { failure != nil || isDone() },
                passing: { name in
                    bar?.note(name.firstPosition)
                    guard let index = indexes.stored(of: name), isPassed(index) else { return nil }
                    return index.end
                },
                frame: { (frame) throws(LogError) in
                    bar?.note(frame.position)
                    guard failure == nil, frame.position <= last, isAdmitted(frame.payload),
                        let record = faults.record(frame)
                    else { return }
                    do {
                        try body(record)
                    } catch {
                        failure = error
                    }
                },
                problem: { faults.add("\($0)", isLoss: $0.affectsRecords) }
            )
        } catch {
            throw Failure(.damaged, "the log can not be read: \(error)")
        }
        take(faults)
        if let failure { throw failure }
        return summary
    }

    /// What was wrong in one reading.
    private struct Faults {
        var sentences: [String] = []
        var count: UInt64 = 0
        var isComplete = true

        mutating func add(_ sentence: String, isLoss: Bool = true) {
            count += 1
            if isLoss { isComplete = false }
            if sentences.count < History.toldMax { sentences.append(sentence) }
        }

        /// The record of a frame; nothing when it can not be read.
        mutating func record(_ frame: borrowing Frame) -> LoggedRecord? {
            let position = frame.position
            do throws(DecodeError) {
                let decoded = try EventCodec.decode(frame.payload)
                for tag in decoded.unknownTags {
                    add("position \(position): unknown event \(tag)")
                }
                return LoggedRecord(
                    position: position,
                    time: LedgerTime(nanoseconds: frame.time),
                    events: decoded.events
                )
            } catch {
                add("position \(position): \(error)")
                return nil
            }
        }
    }

    /// Takes in what was wrong; what an earlier reading has told is told once.
    private mutating func take(_ faults: Faults) {
        let known = Set(sentences)
        let new = faults.sentences.filter { !known.contains($0) }
        sentences += new.prefix(Self.toldMax - sentences.count)
        problems = max(problems, faults.count)
        isComplete = isComplete && faults.isComplete
    }

    /// The first position of the first segment there is; nothing without any.
    var firstPosition: Position? { get throws { try segments.first?.firstPosition } }

    /// All segments there are, in order.
    private var segments: [SegmentName] {
        get throws {
            do throws(DiskError) {
                let names =
                    try directory.disk.list(LogPath.log)
                    + directory.disk.list(LogPath.archive)
                return names.compactMap(SegmentName.init).sorted()
            } catch {
                throw Failure(.inputOutput, "the log can not be listed: \(error)")
            }
        }
    }

    /// Has it told that the history begins behind a position; as a loss, where no snapshot stands
    /// for what was before it.
    mutating func requireHistory(from first: Position) throws {
        guard let begin = try firstPosition else {
            isComplete = false
            return notes.append("there is no segment of the log")
        }
        guard begin > first else { return }
        let isPruned = begin <= before.position + 1
        if !isPruned { isComplete = false }
        notes.append(
            "the history begins at position \(begin): what was before it "
                + (isPruned ? "was pruned" : "is missing")
        )
    }

    /// Has it told that segments are missing between where reading has ended and the next one.
    private mutating func requireHistory(behind last: Position) throws {
        guard last > 0, last < range.upperBound, isComplete else { return }
        let next = try segments.first { $0.firstPosition > last }?.firstPosition
        guard let next, next > last + 1 else { return }
        isComplete = false
        notes.append("positions \(last + 1) to \(next - 1) are missing")
    }

    /// Tells what was wrong.
    ///
    /// - Throws: a failure with code 65 when a record may be lost or can not be read.
    func finish() throws {
        for sentence in notes + sentences { Terminal.word("tenure: \(sentence)") }
        if problems > UInt64(sentences.count) {
            Terminal.word("tenure: \(problems) things are wrong; 'audit verify' tells all")
        }
        if !isComplete {
            throw Failure(.damaged, "the history in '\(directory.path)' is not complete")
        }
    }
}
