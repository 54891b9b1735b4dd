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
    private var known: [ResourceID: ResourceName] = [:]

    /// No resource has been declared yet.
    package init() {}

    /// Learns what an event declares.
    package mutating func learn(_ event: Event) {
        guard case .resourceSet(let declaration) = event else { return }
        let request = declaration.request
        known[declaration.id] = ResourceName(name: request.name, kind: request.kind)
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

/// A range of the log, and what was found wrong while it was read.
struct History {
    private let directory: DataDirectory
    private let range: ClosedRange<Position>
    private var problems: [LogProblem] = []
    private var unreadable: [String] = []

    /// Nothing has been read yet; the directory stays locked against a daemon.
    init(_ directory: DataDirectory, range: ClosedRange<Position>) {
        self.directory = directory
        self.range = range
    }

    /// Calls `body` with every event of the range, in order.
    ///
    /// Segments before the range are passed over where an index says what they declare; others are
    /// read, because that is where the names of resources are.
    mutating func read(_ body: (HistoryEntry) throws -> Void) throws {
        let range = range
        try read(
            passing: { $0.end.position <= range.lowerBound },
            admitting: { _ in true },
            body
        )
    }

    /// Calls `body` with every event that is about the subject of a timeline, in order.
    ///
    /// Only segments are read that have no index or one in which the subject is.
    mutating func read(
        about timeline: Timeline,
        _ body: (HistoryEntry) throws -> Void
    ) throws {
        var timeline = timeline
        var filter = timeline.filter
        try read(
            passing: { !timeline.isPart(of: $0) },
            admitting: { filter.admits($0) },
            { entry in
                let followed = timeline.followed.count
                guard timeline.concerns(entry.event) else { return }
                if timeline.followed.count != followed { filter = timeline.filter }
                try body(entry)
            }
        )
    }

    private mutating func read(
        passing isPassed: (SegmentIndex) -> Bool,
        admitting isAdmitted: (RawSpan) -> Bool,
        _ body: (HistoryEntry) throws -> Void
    ) throws {
        var names = ResourceNames()
        let range = range
        try readRecords(
            from: 1,
            to: range.upperBound,
            passing: { index in
                guard isPassed(index) else { return false }
                names.learn(index)
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
        var unreadable: [String] = []
        var problems: [LogProblem] = []
        let summary: LogSummary
        let reader = LogReader(disk: directory.disk, ledgerID: directory.ledger)
        let indexes = SegmentIndexing(of: directory.ledger, on: directory.disk)
        do throws(LogError) {
            summary = try reader.read(
                from: first,
                to: last,
                isDone: { failure != nil || isDone() },
                passing: { name in
                    guard let index = indexes.stored(of: name), isPassed(index) else { return nil }
                    return index.end
                },
                frame: { (frame) throws(LogError) in
                    guard failure == nil, frame.position <= last else { return }
                    guard isAdmitted(frame.payload) else { return }
                    let decoded: EventCodec.Decoded
                    do throws(DecodeError) {
                        decoded = try EventCodec.decode(frame.payload)
                    } catch {
                        unreadable.append("position \(frame.position): \(error)")
                        return
                    }
                    for tag in decoded.unknownTags {
                        unreadable.append("position \(frame.position): unknown event \(tag)")
                    }
                    let record = LoggedRecord(
                        position: frame.position,
                        time: LedgerTime(nanoseconds: frame.time),
                        events: decoded.events
                    )
                    do {
                        try body(record)
                    } catch {
                        failure = error
                    }
                },
                problem: { problems.append($0) }
            )
        } catch {
            throw Failure(.damaged, "the log can not be read: \(error)")
        }
        self.problems += problems.filter { !self.problems.contains($0) }
        self.unreadable += unreadable.filter { !self.unreadable.contains($0) }
        if let failure { throw failure }
        return summary
    }

    /// The first position of the first segment there is; nothing without any.
    var firstPosition: Position? {
        get throws {
            do throws(DiskError) {
                let names =
                    try directory.disk.list(LogPath.log)
                    + directory.disk.list(LogPath.archive)
                return names.compactMap(SegmentName.init).min()?.firstPosition
            } catch {
                throw Failure(.inputOutput, "the log can not be listed: \(error)")
            }
        }
    }

    /// What was wrong.
    var sentences: [String] { problems.map(\.description) + unreadable }

    /// Tells what was wrong.
    ///
    /// - Throws: a failure with code 65 when a record may be lost or can not be read.
    func finish() throws {
        for sentence in sentences { Terminal.word("tenure: \(sentence)") }
        if problems.contains(where: \.affectsRecords) || !unreadable.isEmpty {
            throw Failure(.damaged, "the history in '\(directory.path)' is not complete")
        }
    }
}

extension Timeline {
    /// Whether records of a segment may be about the subject as it is known by now.
    fileprivate func isPart(of index: SegmentIndex) -> Bool {
        followed.contains { index.contains($0) }
            || index.tenants.contains { follows(.tenant($0)) }
    }

    /// Passes over records that can not be about the subject as it is known by now.
    fileprivate var filter: RecordFilter {
        RecordFilter(followed.union(tenant.map { [.tenant($0)] } ?? []))
    }
}
