// The verbs of `audit`: read a stopped ledger or a copy, and change nothing.

internal import ArgumentParser
internal import Glibc
internal import TenureLog
internal import TenureModel
internal import TenureStorage

struct AuditNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Verify, print and explain the history of a ledger that is not served.",
        discussion: """
            A ledger that is being served is asked with the other verbs; an audit works on a \
            stopped one or on a copy of its directory, and writes nothing to it.
            """,
        subcommands: [
            AuditVerify.self, AuditLog.self, AuditTimeline.self, AuditAsOf.self, AuditDiff.self,
            AuditWho.self, AuditUsage.self, AuditLeaks.self, AuditExplain.self, AuditDecide.self,
            AuditBundle.self, AuditUnbundle.self, ScanState.self,
        ]
    )
}

struct AuditVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every byte: log, seals, state, and that they tell the same.",
        discussion: """
            Exit code 0 when everything holds, 65 when something is damaged; every problem is \
            named with its file and place. That the end of the log was cut off, or that all of it \
            is another, only an anchor can tell that was kept elsewhere: see 'tenure anchor'.

            EXAMPLES
              tenure audit verify /var/lib/tenure
              tenure audit verify /backup/tenure --json
              tenure audit verify /backup/tenure --anchor 4711:21d9fe01…
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Option(
        help: ArgumentHelp(
            "What 'tenure anchor' or 'tenure backup' printed.",
            valueName: "position:seal"
        )
    )
    var anchor: LogAnchor?

    @Flag(help: "Do not replay the log to compare it with the state.")
    var noReplay = false

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let report = try StoppedLedger(directory).verify(replaying: !noReplay, anchor: anchor)
        let document = report.document
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
        if report.isDamaged {
            throw Failure(code: report.exitCode, "'\(directory)' is damaged; see the findings")
        }
    }
}

struct AuditLog: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Print the history: every change with its position and time.",
        discussion: """
            One line per event. Times are ledger time: nanoseconds since the ledger was created. \
            Where history does not go back to the first position asked for, that is said: pruned, \
            or with exit code 65 missing.

            EXAMPLES
              tenure audit log /var/lib/tenure --from 1000 --to 1010
              tenure audit log /backup/tenure --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Option(help: ArgumentHelp("First position.", valueName: "position"))
    var from: UInt64 = 1

    @Option(help: ArgumentHelp("Last position.", valueName: "position"))
    var to: UInt64 = .max

    @Flag(help: "Answer as JSON, one object per event.")
    var json = false

    func validate() throws {
        if from < 1 { throw ValidationError("positions start at 1") }
        if to < from { throw ValidationError("--to is before --from") }
    }

    func run() throws {
        var history = try StoppedLedger(directory).history(from: from, to: to, isBesideData: true)
        try history.read { entry in
            try Terminal.data(json ? JSONText.of(entry.document) : entry.line)
        }
        try history.finish()
    }
}

struct AuditTimeline: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeline",
        abstract: "Print what happened to one lease, session, ticket, resource or tenant.",
        discussion: """
            A number is a lease (also by a later token), a session, a ticket, a booking or a \
            window; a name is a resource or a tenant, the tenant with all below it. Leases that \
            were placed on the resource, or that the tenant held, are followed to their end, with \
            the session that they were in. After a prune that begins with what was there then.

            EXAMPLES
              tenure audit timeline /var/lib/tenure 281474976710661
              tenure audit timeline /var/lib/tenure box/gpu0
              tenure audit timeline /backup/tenure research/vision --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(
        help:
            "Number of a lease, session, ticket, booking or window, name of a resource, or tenant."
    )
    var subject: String

    @Flag(help: "Answer as JSON, one object per event.")
    var json = false

    func validate() throws {
        if UInt64(subject) == nil, !Names.isValid(subject) {
            throw ValidationError("'\(Table.cell(subject))' is no id and no name")
        }
    }

    func run() throws {
        var history = try StoppedLedger(directory).history(from: 1, to: .max, isBesideData: true)
        var found = false
        try history.read(about: Timeline(of: subject)) { entry in
            found = true
            try Terminal.data(json ? JSONText.of(entry.document) : entry.line)
        }
        try history.finish()
        if !found {
            throw Failure(.refused, "nothing in '\(directory)' is about '\(subject)'")
        }
    }
}

/// What `verify` starts as a child, which a damaged state may end.
struct ScanState: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan-state",
        abstract: "Scan the rows of a state for another process.",
        shouldDisplay: false
    )

    @Argument(help: "Directory of the ledger.")
    var directory: String

    @Argument(help: "Id of the ledger.")
    var ledger: String

    @Argument(help: "Name of the state in the directory.")
    var name = DataDirectory.Name.state

    func run() throws {
        guard let id = LedgerID(ledger) else {
            throw ValidationError("'\(Table.cell(ledger))' is no id of a ledger")
        }
        Glibc.exit(StateScan.runAsChild(path: directory, ledger: id, name: name))
    }
}

extension LogAnchor: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}
