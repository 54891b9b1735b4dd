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
        var isDue = false
        let past = try StoppedLedger(directory).past(from: from, at: to) { past, step in
            switch step {
            case .begin:
                try account.hold(past)
                isDue = from == nil
            case .from: isDue = true
            case .before(let record):
                guard isDue, !account.hasBegun else { break }
                // Nothing was used before the first record of all.
                account.begin(at: record.time)
            case .behind(let record): try account.note(record, in: past)
            }
            if isDue, !account.hasBegun, past.position > 0 { account.begin(at: past.now) }
        }
        try account.finish(at: past.now)
        if csv { return try Terminal.data(CSVText.lines(UsageAccount.columns, account.rows)) }
        let document = Document.map(past.label + [.init("items", .list(account.rows))])
        if json { return try Terminal.data(JSONText.of(document)) }
        let shown = account.rows.map { $0.without(["unitSeconds"]) }
        try Terminal.data(Rendering.lines(.list(shown)))
    }
}
