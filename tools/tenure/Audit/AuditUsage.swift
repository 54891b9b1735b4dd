// `audit usage`: who used how much for how long.

internal import ArgumentParser
internal import TenureModel

struct AuditUsage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Tell which tenant used how much of each kind for how long.",
        discussion: """
            A row for each span of time, tenant and kind: amounts times the hours for which they \
            were leased, reserved or quarantined, in cores, GPUs, GiB, Gbit/s or units; the most \
            at a time; and how many leases were granted. In CSV and JSON also as base units times \
            seconds.

            \(Moment.words)

            EXAMPLES
              tenure audit usage /var/lib/tenure --every 1d
              tenure audit usage /var/lib/tenure --from 2026-11-01T00:00:00Z --level 1 --csv
              tenure audit usage /backup/tenure --from 4711 --to 9000 --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Option(help: ArgumentHelp("Count what is behind this.", valueName: "moment"))
    var from: Moment?

    @Option(help: ArgumentHelp("Count up to this.", valueName: "moment"))
    var to = Moment.end

    @Option(
        help: ArgumentHelp("Length of a span; one span when absent.", valueName: "duration"),
        transform: Durations.parse
    )
    var every: UInt64?

    @Option(
        help: ArgumentHelp(
            "Count a tenant with all below it, by so many levels of its path.",
            valueName: "n"
        )
    )
    var level: Int?

    @Flag(help: "Answer as JSON.")
    var json = false

    @Flag(help: "Answer as CSV.")
    var csv = false

    func validate() throws {
        if json, csv { throw ValidationError("say --json or --csv") }
        if let level, level < 1 { throw ValidationError("--level begins at 1") }
        if every == 0 { throw ValidationError("--every must be longer than 0") }
    }

    func run() throws {
        var account = UsageAccount(spanMilliseconds: every, levels: level)
        var start = from.map { MomentPassing(of: $0) }
        var last: PastRecord?
        let past = try StoppedLedger(directory).past(at: to) { past, record in
            if let last { try account.note(last, in: past) }
            last = record
            guard !account.hasBegun, start?.isPassed(by: record) ?? true else { return }
            var then = copy past
            then.stand(at: from ?? .end, before: record.time)
            // Nothing was used before the first record.
            account.begin(at: from == nil || then.position == 0 ? record.time : then.now)
        }
        if let from, !account.hasBegun {
            try past.requireEnd(of: from)
            account.begin(at: past.now)
        }
        if let last { try account.note(last, in: past) }
        try account.finish(at: past.now)
        if csv { return try Terminal.data(CSVText.lines(UsageAccount.columns, account.rows)) }
        let document = Document.map(past.label + [.init("items", .list(account.rows))])
        if json { return try Terminal.data(JSONText.of(document)) }
        let shown = account.rows.map { $0.without(["unitSeconds"]) }
        try Terminal.data(Rendering.lines(.list(shown)))
    }
}
