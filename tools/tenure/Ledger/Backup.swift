// `backup`: a copy of a ledger, made while it is served, and checked.

internal import ArgumentParser
internal import TenureLog
internal import TenureModel
internal import TenureStorage

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a ledger, served or not, and check the copy.",
        discussion: """
            Copies the whole log up to its last group, as the user of the daemon and on its \
            machine, without asking the daemon and without keeping it from anything. Then audits \
            the copy: every byte, and that all records can be applied and what they make is \
            consistent. Exit code 0 means a copy that was checked; do not use another.

            Keep 'seal' elsewhere: 'tenure audit verify' tells it of every copy, and a log that \
            was cut or changed before it has another.

            To restore, serve a copy of the backup. It goes on in a new epoch, so that no token \
            that the original gave out later is given out again. Never serve it beside the \
            original.

            EXAMPLES
              tenure backup /backup/tenure-2026-11-22
              tenure backup --data /srv/tenure /backup/srv --json
            """
    )

    @Option(help: ArgumentHelp("Data directory of the ledger.", valueName: "directory"))
    var data: String?

    @Argument(help: "Directory to make: must not exist, or be empty.")
    var destination: String

    @Flag(help: "Do not apply the records to see what they make.")
    var noReplay = false

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let source = try Places.current.dataDirectory(option: data)
        let copied: Document
        do throws(StorageError) {
            let summary = try DataDirectory.copy(source, to: destination)
            copied = .map([
                .init("source", .string(source)), .init("copy", .string(destination)),
                .init("lastPosition", .id(summary.lastPosition)),
                .init("seal", .string("\(summary.seal)")),
                .init("segments", .count(summary.segments)), .init("bytes", .count(summary.bytes)),
            ])
        } catch {
            throw Failure(code: error.exitCode, error.description)
        }
        let copy = StoppedLedger(destination)
        let report = try copy.verify(replaying: false)
        if report.isDamaged {
            try Terminal.data(Rendering.lines(report.document))
            throw Failure(code: report.exitCode, "the copy '\(destination)' is damaged")
        }
        if !noReplay, let fault = try copy.past(at: .end).fault() {
            throw Failure(.damaged, "the log of '\(destination)' can not be replayed: \(fault)")
        }
        try Terminal.data(json ? [JSONText.of(copied)] : Rendering.lines(copied))
    }
}
