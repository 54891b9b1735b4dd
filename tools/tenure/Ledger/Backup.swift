// `backup`: a checked copy of a ledger that may be served.

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

            Keep 'anchor' elsewhere: 'tenure audit verify --anchor' tells by it whether a log was \
            cut or changed.

            To restore, see 'tenure restore'.

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
        let copy = CheckedCopy(
            of: source,
            to: destination,
            anchor: nil,
            isReplayed: !noReplay
        )
        try copy.show(try copy.make(), json: json)
    }
}
