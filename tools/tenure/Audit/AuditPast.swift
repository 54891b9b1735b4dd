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

            \(Moment.words) The state is made from the first record on, so the whole log must be \
            there.

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
            A line for everything that came (+), went (-), or has another value in a field (~). \
            What is told as a time from now does not count, such as what is left to a lease: so \
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
        var passing = MomentPassing(of: from)
        var before: PastLedger?
        let ledger = StoppedLedger(directory)
        var after = try ledger.past(at: to) { past, record in
            guard before == nil, passing.isPassed(by: record) else { return }
            before = copy past
            before?.stand(at: from, before: record.time)
        }
        if before == nil {
            // Nothing happened between them, or they are turned round.
            guard try ledger.past(at: from).position <= after.position else {
                throw Failure(.usage, "the first moment is not before the second one")
            }
        }
        var earlier = before ?? after
        let changes = StateDiff(from: try earlier.document(), to: try after.document()).changes
        guard json else { return try Terminal.data(changes.map(StateDiff.line)) }
        try Terminal.data(
            JSONText.of(
                .map([
                    .init("from", .map(earlier.label)), .init("to", .map(after.label)),
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
            or the growth that brought it.

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
        var passing = MomentPassing(of: at)
        var history = HoldingHistory(of: resource)
        var past = try StoppedLedger(directory).past(at: .end) { past, record in
            if !history.isWatching, passing.isPassed(by: record) {
                var then = copy past
                then.stand(at: at, before: record.time)
                try history.watch(&then)
            }
            history.note(record)
        }
        if !history.isWatching {
            try past.requireEnd(of: at)
            try history.watch(&past)
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
