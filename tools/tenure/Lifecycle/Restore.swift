// `restore`: makes a ledger from a backup, checked as a whole.

internal import ArgumentParser
internal import TenureLog
internal import TenureModel
internal import TenureStorage

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a ledger from a backup, and check it.",
        discussion: """
            Copies a backup, or another stopped ledger, to a new data directory, and audits the \
            copy: every byte, and that all records can be applied. With --anchor it must have the \
            history that the anchor was taken of. Exit code 0 means a ledger that can be served.

            It goes on in a new epoch: what the original granted after the backup was made is \
            fenced off, and its holders are told so. Never serve it beside the original.

            EXAMPLES
              tenure restore /backup/tenure-2026-11-22 --data /srv/tenure
              tenure restore /backup/tenure --data /srv/tenure --anchor 4711:21d9fe01…
            """
    )

    @Argument(help: ArgumentHelp("Directory of the backup.", valueName: "backup"))
    var backup: String

    @Option(help: ArgumentHelp("Data directory to make.", valueName: "directory"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "What 'tenure anchor' or 'tenure backup' printed.",
            valueName: "position:seal"
        )
    )
    var anchor: LogAnchor?

    @Flag(help: "Do not apply the records to see what they make.")
    var noReplay = false

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let path = try Places.current.dataDirectory(option: data)
        let copy = CheckedCopy(of: backup, to: path, anchor: anchor, isReplayed: !noReplay)
        try copy.show(try copy.make(), json: json)
    }
}

/// A copy of a ledger that is not used before it was checked.
struct CheckedCopy {
    private let source: String
    private let destination: String
    private let anchor: LogAnchor?
    private let isReplayed: Bool

    /// From one directory to another, which must not exist, or be empty.
    init(of source: String, to destination: String, anchor: LogAnchor?, isReplayed: Bool) {
        (self.source, self.destination) = (source, destination)
        (self.anchor, self.isReplayed) = (anchor, isReplayed)
    }

    /// Copies and checks.
    ///
    /// - Throws: a failure with code 65 when the copy is damaged, or does not have the anchor.
    func make() throws -> LogCopySummary {
        let (source, destination) = (source, destination)
        let summary = try usingDirectory { () throws(StorageError) in
            try DataDirectory.copy(source, to: destination)
        }
        let copy = StoppedLedger(destination)
        let report = try copy.verify(replaying: false, anchor: anchor)
        if report.isDamaged {
            try Terminal.data(Rendering.lines(report.document))
            throw Failure(code: report.exitCode, "the copy '\(destination)' is damaged")
        }
        if isReplayed, let fault = try copy.past(at: .end).fault() {
            throw Failure(.damaged, "the log of '\(destination)' can not be replayed: \(fault)")
        }
        return summary
    }

    /// Shows what was copied.
    func show(_ summary: LogCopySummary, json: Bool) throws {
        let document = Document.map([
            .init("source", .string(source)), .init("copy", .string(destination)),
            .init("anchor", .string("\(summary.anchor)")),
            .init("segments", .count(summary.segments)), .init("bytes", .count(summary.bytes)),
        ])
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}
