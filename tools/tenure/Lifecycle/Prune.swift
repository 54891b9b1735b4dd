// `snapshot` and `prune`: what is kept of a ledger's history, and in which form.

internal import ArgumentParser
internal import Tenure
internal import TenureClient
internal import TenureLog
internal import TenureModel
internal import TenureStorage
internal import TenureWire

struct Snapshot: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Keep the state at the end of the retired history beside it.",
        discussion: """
            Makes, or moves on, the snapshot of a ledger from the segments in archive/: a state \
            can be made anew from it, and history before it deleted. The ledger may be served; \
            the daemon is not asked, and waits for nothing. Every page and row of the snapshot \
            is checked before it counts.

            EXAMPLES
              tenure snapshot
              tenure snapshot --data /srv/tenure --json
            """
    )

    @Option(help: ArgumentHelp("Data directory of the ledger.", valueName: "directory"))
    var data: String?

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let path = try Places.current.dataDirectory(option: data)
        let directory = try usingDirectory { () throws(StorageError) in
            try DataDirectory.open(at: path, access: .copy)
        }
        let snapshot = try Self.make(in: directory, through: .max)
        guard let snapshot else {
            throw Failure(.refused, "no segment of '\(path)' is retired yet; there is time")
        }
        let document = Document.map([
            .init("snapshot", .string(snapshot.name)), .init("position", .id(snapshot.position)),
        ])
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }

    /// The newest snapshot, made or moved on if need be.
    static func make(
        in directory: DataDirectory,
        through last: Position
    ) throws -> StateSnapshot? {
        let making = SnapshotMaking(in: directory, runner: StoppedLedger.scanner)
        return try usingDirectory { () throws(StorageError) in try making.make(through: last) }
    }
}

struct Prune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Delete old history, for which a snapshot stands from then on.",
        discussion: """
            Makes a snapshot, has the ledger record what is deleted and the seal of its end, and \
            then deletes the retired segments that are older. What is left verifies as before, \
            and goes on from the snapshot; audits of before it need a backup. The ledger may be \
            served: then the daemon records it, for an admin; otherwise this does.

            Ages are of ledger time. Segments are deleted as a whole, so that up to one more than \
            asked for is kept.

            EXAMPLES
              tenure prune --keep 90d --dry-run
              tenure prune --data /srv/tenure --keep 90d
              tenure prune --before 4711
            """
    )

    @OptionGroup var options: GlobalOptions

    @Option(
        help: ArgumentHelp("Keep what is younger.", valueName: "duration"),
        transform: Durations.parse
    )
    var keep: UInt64?

    @Option(help: ArgumentHelp("Keep this position and all behind it.", valueName: "position"))
    var before: UInt64?

    @Flag(help: "Tell what would be deleted, and change nothing.")
    var dryRun = false

    func validate() throws {
        guard (keep == nil) != (before == nil) else {
            throw ValidationError("say either --keep or --before")
        }
        if before == 0 { throw ValidationError("positions start at 1") }
    }

    func run() async throws {
        let path = try Places.current.dataDirectory(option: options.data)
        let directory = try usingDirectory { () throws(StorageError) in
            try DataDirectory.open(at: path, access: .copy)
        }
        let pruning = Pruning(of: directory)
        let (keep, before) = (keep, before)
        let last = try usingDirectory { () throws(StorageError) in
            if let before { return before - 1 }
            let (age, overflow) = (keep ?? 0).multipliedReportingOverflow(by: 1_000_000)
            return overflow ? 0 : try pruning.lastPosition(olderThan: age)
        }
        if dryRun {
            let summary = try usingDirectory { () throws(StorageError) in
                try pruning.preview(through: last)
            }
            return try show(summary, "would be pruned")
        }
        guard let snapshot = try Snapshot.make(in: directory, through: last) else {
            return try show(PruningSummary(), "nothing to prune")
        }
        let preview = try usingDirectory { () throws(StorageError) in
            try pruning.preview(through: min(last, snapshot.position))
        }
        guard let end = preview.end else { return try show(preview, "nothing to prune") }
        try await record(["PRUNE", "\(end.position)", "\(end.seal)"], in: path)
        let summary = try usingDirectory { () throws(StorageError) in
            try pruning.delete(through: end.position, coveredBy: snapshot)
        }
        try show(summary, "pruned")
    }

    /// Has the ledger record it: here, or by the daemon that has it open.
    private func record(_ words: [String], in path: String) async throws {
        let ledger: Ledger
        do {
            ledger = try Ledger.open(at: path)
        } catch {
            guard error.exitCode == ExitStatus.locked.rawValue else {
                throw Failure(code: error.exitCode, error.sentence)
            }
            _ = try await options.withClient { try await $0.send(words) }
            return
        }
        defer { ledger.shutdown() }
        guard case .ledger(let command) = CommandParser.parse(RequestArguments(words)) else {
            throw Failure(.software, "PRUNE can not be read")
        }
        if case .refused(let refusal) = await ledger.perform(command) { throw refusal }
    }

    private func show(_ summary: PruningSummary, _ status: String) throws {
        try options.show(
            .map([
                .init("status", .string(status)),
                .init("segments", .count(UInt64(summary.segments))),
                .init("bytes", .count(summary.bytes)),
                .init("through", .id(summary.end?.position ?? 0)),
                .init("firstPosition", .id(summary.firstPosition)),
            ])
        )
    }
}
