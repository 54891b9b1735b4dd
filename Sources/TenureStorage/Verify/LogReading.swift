// A3: reading the whole log, decoding every record, and replaying those up to the checkpoint.

internal import TenureBase
internal import TenureLog
internal import TenureModel

/// One pass over archive/ and log/.
struct LogReading {
    /// How many unreadable records are told one by one.
    private static let toldMax = 100

    private let replayed: (any ReplayedState)?
    private let last: Position?
    private let anchor: LogAnchor?
    private let first: Position
    private var applied: Position
    private var time: LedgerTime?
    private var told = 0
    private var hasFailed = false
    /// What the records of the segment that is being read are about.
    private var subjects = SegmentSubjects()

    /// Gives `replayed` every record behind `first` up to `last`.
    init(
        _ replayed: (any ReplayedState)?,
        behind first: Position,
        until last: Position?,
        anchor: LogAnchor?
    ) {
        self.replayed = replayed
        (self.first, applied) = (first, first)
        self.last = last
        self.anchor = anchor
    }

    /// Whether every record from where it begins to the checkpoint was applied.
    var isWhole: Bool { !hasFailed && last != nil && applied == last }

    /// Reads everything there is.
    mutating func read(
        _ directory: DataDirectory,
        _ report: inout VerifyReport,
        _ isAt: (Position) -> Void = { _ in }
    ) throws(StorageError) {
        var problems: [LogProblem] = []
        var findings: [Finding] = []
        var problemsBefore = 0
        let reader = LogReader(disk: directory.disk, ledgerID: directory.ledger)
        do throws(LogError) {
            report.log = try reader.read(
                anchor: anchor,
                ended: { name, end in
                    let index = SegmentIndex(subjects.take(), from: name.firstPosition, to: end)
                    defer { problemsBefore = problems.count }
                    // Of a damaged segment not all records are known.
                    guard problems.count == problemsBefore else { return }
                    check(index, of: name, in: directory) { findings.append($0) }
                },
                frame: { (frame) throws(LogError) in
                    isAt(frame.position)
                    take(frame) { findings.append($0) }
                },
                problem: { problems.append($0) }
            )
        } catch {
            throw StorageError(error, in: directory.path)
        }
        report.findings += problems.map(Finding.init)
        report.findings += findings
        if told > Self.toldMax {
            report.add(.damage, at: "log", "\(told) records can not be read in all")
        }
        if let start = report.log?.firstPosition, start > 1 {
            report.add(start: start, isCovered: first > 0 && start <= first + 1)
        }
        if let anchor, let log = report.log { compare(anchor, with: log, &report) }
    }

    /// I10: an index that says less than its segment would hide records from who asks for them.
    private func check(
        _ index: SegmentIndex,
        of name: SegmentName,
        in directory: DataDirectory,
        _ tell: (Finding) -> Void
    ) {
        do throws(DiskError) {
            let file = try directory.disk.open(name.index, .readOnly)
            let bytes = index.bytes
            // A longer one is not read, and differs.
            let stored = try file.readAll(limit: bytes.count, path: name.index)
            if stored == bytes { return }
            if SegmentIndex.isEarlier(stored) {
                let sentence =
                    "an earlier version made the index, which is not used; remove the file"
                return tell(Finding(.note, at: name.index, sentence))
            }
        } catch {
            if error.isMissing { return }
        }
        tell(
            Finding(
                .damage,
                at: name.index,
                "the index is not that of its segment; remove the file, no record is affected"
            )
        )
    }

    /// I9: what an anchor that was kept elsewhere says of the history.
    private func compare(
        _ anchor: LogAnchor,
        with log: LogSummary,
        _ report: inout VerifyReport
    ) {
        let position = anchor.position
        // Every history goes on from the empty one.
        if log.hasAnchor || position == 0 && anchor.seal == .zero { return }
        if let first = log.firstPosition, position < first {
            report.add(
                .damage,
                at: "archive",
                "history starts at position \(first), so that nothing shows whether it is the "
                    + "one of which the anchor was taken, at \(position)"
            )
        } else if log.lastPosition < position {
            report.add(
                .damage,
                at: "log",
                "history ends at position \(log.lastPosition), and went on to \(position) when the "
                    + "anchor was taken: the rest is missing"
            )
        } else {
            report.add(
                .damage,
                at: "log",
                "history up to position \(position) is not the one of which the anchor was taken"
            )
        }
    }

    private mutating func take(_ frame: borrowing Frame, _ tell: (Finding) -> Void) {
        let now = LedgerTime(nanoseconds: frame.time)
        let place = "log: position \(frame.position)"
        if let time, now <= time {
            tell(Finding(.damage, at: place, "its ledger time is not above the one before"))
        }
        time = now
        let decoded: EventCodec.Decoded
        do throws(DecodeError) {
            decoded = try EventCodec.decode(frame.payload)
        } catch {
            fail("\(error)", place, tell)
            return
        }
        for event in decoded.events { subjects.add(event, at: frame.position, time: now) }
        guard decoded.isComplete else {
            fail("it has events with tags \(decoded.unknownTags) of a later version", place, tell)
            return
        }
        apply(decoded.events, frame.position, now, place, tell)
    }

    private mutating func apply(
        _ events: [Event],
        _ position: Position,
        _ now: LedgerTime,
        _ place: String,
        _ tell: (Finding) -> Void
    ) {
        guard !hasFailed, let last, position <= last, position == applied + 1 else { return }
        applied = position
        guard let replayed else { return }
        do throws(RowFault) {
            try replayed.apply(events, at: position, time: now)
        } catch {
            fail("it can not be applied: \(error.sentence)", place, tell)
        }
    }

    private mutating func fail(_ what: String, _ place: String, _ tell: (Finding) -> Void) {
        hasFailed = true
        told += 1
        if told <= Self.toldMax { tell(Finding(.damage, at: place, what)) }
    }
}

extension VerifyReport {
    /// Tells that history does not go back to the first record, and whether it need not.
    fileprivate mutating func add(start: Position, isCovered: Bool) {
        if isCovered {
            let sentence =
                "history starts at position \(start), behind what the snapshot stands for"
            return add(.note, at: "archive", sentence)
        }
        add(
            .damage,
            at: "archive",
            "history starts at position \(start), and no snapshot stands for what was before it; "
                + "bring the missing segments, or the snapshot, back from a backup"
        )
    }
}

extension Finding {
    fileprivate init(_ problem: LogProblem) {
        let severity: Severity = problem.affectsRecords ? .damage : .warning
        self.init(
            severity,
            at: "\(problem.segment), offset \(problem.offset)",
            "\(problem)"
        )
    }
}
