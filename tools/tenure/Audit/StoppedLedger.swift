// A directory that nobody serves: opened for reading, checked as a whole.

internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// The directory of a ledger that is not served.
final class StoppedLedger {
    private let path: String
    /// Opened once: a snapshot can not be open twice in one process.
    private var base: ReplayBase?

    /// The program that scans the state, as a child that a damaged state may end.
    static let scanner = StateScanRunner(
        executable: "/proc/self/exe",
        arguments: ["audit", "scan-state"]
    )

    /// The ledger in `path`.
    init(_ path: String) {
        self.path = path
    }

    /// The events from one position to another.
    ///
    /// `isBesideData` when lines of data are written while it is read.
    func history(
        from first: Position,
        to last: Position,
        isBesideData: Bool = false
    ) throws -> History {
        let directory = try directory()
        // Without where it begins it is told all the same, with numbers for names.
        let base = try? base(of: directory)
        return try History(
            directory,
            from: base ?? .empty,
            range: first...last,
            isBesideData: isBesideData
        )
    }

    /// Locked against a daemon.
    func directory() throws -> DataDirectory {
        try requireDirectory()
        do throws(StorageError) {
            let directory = try DataDirectory.open(at: path, access: .audit)
            for warning in directory.warnings { Terminal.word("tenure: \(warning)") }
            return directory
        } catch {
            throw Failure(code: error.exitCode, error.description)
        }
    }

    /// From where on the history can be replayed.
    func base(of directory: DataDirectory) throws -> ReplayBase {
        if let base { return base }
        let made = try usingDirectory { () throws(StorageError) in try ReplayBase(of: directory) }
        base = made
        return made
    }

    /// Says what to do with a file, which is no ledger.
    private func requireDirectory() throws {
        guard PathFacts.exists(path), !PathFacts.isDirectory(path) else { return }
        let isBundle = PathFacts.isFile(path) && LedgerBundle.isOne(path)
        throw Failure(
            .usage,
            isBundle
                ? "'\(path)' is a bundle: make a directory of it with 'tenure audit unbundle', and "
                    + "ask that"
                : "'\(path)' is no directory: name that of the ledger"
        )
    }

    /// The ledger as it was at a moment; `body` sees every step of the replay.
    ///
    /// With an earlier moment it sees the ledger there too, once and before all that is behind it.
    ///
    /// - Throws: a failure when a moment was pruned, or the earlier one is the later one.
    func past(
        from earlier: Moment? = nil,
        at moment: Moment,
        isBesideData: Bool = false,
        seeing body: PastLedger.Observer = { _, _ in }
    ) throws -> PastLedger {
        let directory = try directory()
        let base = try base(of: directory)
        var finder = MomentFinder(in: directory, from: base, isBesideData: isBesideData)
        let from = try earlier.map { try finder.find($0) }
        let found = try finder.find(moment)
        let bar = AuditBar(
            "replay",
            of: directory,
            to: found.lastPosition,
            isBesideData: isBesideData
        )
        defer { bar?.clear() }
        return try PastLedger(directory, from: base, past: from, at: found) { past, step in
            if case .before(let record) = step { bar?.note(record.position) }
            try body(past, step)
        }
    }

    /// Checks everything; with `replaying`, also that the log gives the stored state (I6).
    func verify(replaying: Bool, anchor: LogAnchor? = nil) throws -> VerifyReport {
        try requireDirectory()
        var bar: AuditBar?
        defer { bar?.clear() }
        do throws(StorageError) {
            return try Verify.run(
                at: path,
                runner: StoppedLedger.scanner,
                replayed: replaying ? LedgerFromLog() : nil,
                anchor: anchor,
                reading: { directory in
                    bar = AuditBar("verify", of: directory)
                    return { [bar] in bar?.note($0) }
                }
            )
        } catch {
            throw Failure(code: error.exitCode, error.description)
        }
    }
}

/// The state that follows from the log alone.
final class LedgerFromLog: ReplayedState {
    private var state = LedgerState.forReplay(over: NoRows())

    func begin(from snapshot: LedgerState) { state = snapshot }

    func apply(_ events: [Event], at position: Position, time: LedgerTime) throws(RowFault) {
        try state.apply(events, at: position, time: time)
    }

    func fault() throws(RowFault) -> String? { try state.invariantFault() }

    func rows() throws(RowFault) -> FrozenChanges { state.freeze() }
}

extension VerifyReport {
    /// Everything that was looked at, then everything that was found.
    var document: Document {
        let verdict = isDamaged ? "damaged" : "sound"
        var fields: [Document.Field] = [
            .init("verdict", .string(verdict)),
            .init("ledger", .optional(ledger.map { "\($0)" })),
            .init("checkpoint", checkpoint.map { .id($0.position) } ?? .null),
            .init("replayAgrees", replayAgrees.map(Document.bool) ?? .null),
            .init("rows", .count(rows.total)),
        ]
        if let log {
            fields += [
                .init("firstPosition", log.firstPosition.map(Document.id) ?? .null),
                .init("lastPosition", .id(log.lastPosition)),
                .init("records", .count(log.frames)), .init("groups", .count(log.groups)),
                .init("segments", .count(log.segments)), .init("bytes", .count(log.bytes)),
                .init("seal", .string("\(log.seal)")),
            ]
        }
        if let pages {
            fields.append(.init("pages", .count(pages.total)))
            fields.append(.init("pagesNotCovered", .count(pages.notCovered)))
        }
        let found = findings.map { finding -> Document in
            .map([
                .init("severity", .string(finding.severity.rawValue)),
                .init("place", .string(finding.place)),
                .init("sentence", .string(finding.sentence)),
            ])
        }
        return .map(fields + [.init("findings", .list(found))])
    }
}
