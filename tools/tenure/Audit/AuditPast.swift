// `audit as-of`, `audit diff` and `audit who`: the ledger as it was, and what became another.

internal import ArgumentParser
internal import TenureModel

struct AuditAsOf: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "as-of",
        abstract: "Show the ledger as it was at a moment, or ask it something there.",
        discussion: """
            Without a command everything is shown: pools, resources, quotas, budgets, sessions, \
            leases, tickets, bookings, windows. With one, its answer at that moment: anything \
            that a client can ask and that changes nothing.

            \(Moment.words) The state is made by replaying the log from its first record, or that \
            snapshot.

            EXAMPLES
              tenure audit as-of /var/lib/tenure 4711
              tenure audit as-of /var/lib/tenure 2026-11-22T10:30:00Z RESOURCE LIST POOL gpus
              tenure audit as-of /backup/tenure 2h30m --json LEASE GET 281474976710661
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(help: "Position, ledger time, wall time or 'end'.")
    var moment: Moment

    @Flag(help: "Answer as JSON.")
    var json = false

    @Argument(parsing: .remaining, help: "A command that reads, as a client sends it.")
    var words: [String] = []

    func run() throws {
        var past = try StoppedLedger(directory).past(at: moment)
        let document = words.isEmpty ? try past.document() : try past.answer(words)
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}

struct AuditDiff: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what is another at one moment than at an earlier one.",
        discussion: """
            Where the two moments are, and a line for everything that came (+), went (-), or has \
            another value in a field (~). What is told as a time from now does not count, such as what is left to a lease: so \
            renewals are not seen.

            \(Moment.words)

            EXAMPLES
              tenure audit diff /var/lib/tenure 4711 end
              tenure audit diff /backup/tenure 2026-11-22T10:30:00Z 2026-11-22T11:00:00Z --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(help: "The earlier moment.")
    var from: Moment

    @Argument(help: "The later moment.")
    var to: Moment

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        var before: PastLedger?
        var after = try StoppedLedger(directory).past(from: from, at: to) { past, step in
            if case .from = step { before = copy past }
        }
        guard var before else { throw Failure(.software, "the first moment was not come to") }
        let changes = StateDiff(from: try before.document(), to: try after.document()).changes
        guard json else {
            let moments = ["--- \(before.place)", "+++ \(after.place)"]
            return try Terminal.data(moments + changes.map(StateDiff.line))
        }
        try Terminal.data(
            JSONText.of(
                .map([
                    .init("from", .map(before.label)), .init("to", .map(after.label)),
                    .init("changes", .list(changes)),
                ])
            )
        )
    }
}

struct AuditWho: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "who",
        abstract: "Tell who had a resource at a moment, since when, and how that ended.",
        discussion: """
            Since when is told of the holder, and of this resource: from the grant, the hand-over \
            or whatever else brought it, as far as history goes back. It ended where the lease had \
            nothing of the resource any more, though it may have gone on with others.

            \(Moment.words)

            EXAMPLES
              tenure audit who /var/lib/tenure box/gpu0 --at 2026-11-22T10:30:00Z
              tenure audit who /backup/tenure box/gpu0 --at 4711 --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(help: "Name of the resource.")
    var resource: String

    @Option(help: ArgumentHelp("Position, ledger time, wall time or 'end'.", valueName: "moment"))
    var at = Moment.end

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        var history = HoldingHistory(of: resource)
        let past = try StoppedLedger(directory).past(from: at, at: .end) { past, step in
            switch step {
            case .begin: try history.begin(with: past)
            case .from: try history.watch(past)
            case .before: break
            case .behind(let record): try history.note(record, in: past)
            }
        }
        let document = history.document(clock: past.clock)
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}

extension StateDiff {
    /// A change for people.
    static func line(_ change: Document) -> String {
        func text(_ name: String) -> String {
            if case .string(let text)? = change[name] { text } else { "" }
        }
        let kind = Kind(text("kind"))
        func value(_ name: String, _ field: String) -> String {
            Rendering.value(.init(field, change[name] ?? .null), kind: kind)
        }
        let what = "\(text("of")) \(text("name"))"
        let line =
            switch text("change") {
            case "added": "+ \(what) \(value("after", "after"))"
            case "removed": "- \(what) \(value("before", "before"))"
            default:
                "~ \(what) \(text("field")): \(value("before", text("field"))) -> "
                    + value("after", text("field"))
            }
        return Table.cell(line)
    }
}
