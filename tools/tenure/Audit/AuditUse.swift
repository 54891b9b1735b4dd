// `audit usage` and `audit leaks`: who used how much for how long, and what did not come back.

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

    @Option(help: ArgumentHelp("Count from here on.", valueName: "moment"))
    var from: Moment?

    @Option(help: ArgumentHelp("Count up to here.", valueName: "moment"))
    var to = Moment.end

    @Option(help: ArgumentHelp("Length of a span; one span when absent.", valueName: "duration"))
    var every: String?

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
        if let every, try Durations.parse(every) == 0 {
            throw ValidationError("--every must be longer than 0")
        }
    }

    func run() throws {
        let ledger = StoppedLedger(directory)
        let span = try every.map { try Durations.parse($0) }
        let start = try from.map { try ledger.past(at: $0).now }
        var account = UsageAccount(from: start, spanMilliseconds: span, levels: level)
        var last: PastRecord?
        let past = try ledger.past(at: to) { past, record in
            if let last { try account.note(last, in: past) }
            last = record
        }
        if let last { try account.note(last, in: past) }
        account.finish(at: past.now)
        let rows = account.rows
        if csv { return try Terminal.data(CSVText.lines(rows)) }
        let document = Document.map(past.label + [.init("items", .list(rows))])
        if json { return try Terminal.data(JSONText.of(document)) }
        try Terminal.data(Rendering.lines(.list(rows.map { $0.without(["unitSeconds"]) })))
    }
}

struct AuditLeaks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leaks",
        abstract: "Tell what was reclaimed because its holder did not give it back.",
        discussion: """
            A row for each lease that expired, or whose holder was found dead: what it held, why \
            it was taken back, and how long it was idle: from the last sign of life (grant, \
            renewal, keep-alive) until then. Below that what was idle by tenant and kind, as \
            amounts times hours.

            \(Moment.words)

            EXAMPLES
              tenure audit leaks /var/lib/tenure --from 2026-11-21T00:00:00Z
              tenure audit leaks /backup/tenure --tenant research --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Option(help: ArgumentHelp("What was reclaimed behind this.", valueName: "moment"))
    var from: Moment?

    @Option(help: ArgumentHelp("What was reclaimed up to this.", valueName: "moment"))
    var to = Moment.end

    @Option(help: "Leases of this tenant and all below it.")
    var tenant: String?

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        var report = LeakReport(tenant: tenant, from: from)
        let past = try StoppedLedger(directory).past(at: to) { past, record in
            try report.note(record, in: past)
        }
        let (items, totals) = (report.items, report.totals)
        if json {
            let fields: [Document.Field] = [
                .init("items", .list(items)), .init("totals", .list(totals)),
            ]
            return try Terminal.data(JSONText.of(.map(past.label + fields)))
        }
        guard !items.isEmpty else { return Terminal.word("nothing was reclaimed") }
        let shown = items.map { $0.without(["position", "time", "evidence"]) }
        try Terminal.data(Rendering.lines(.list(shown)) + [""])
        try Terminal.data(
            Rendering.lines(.list(totals.map { $0.without(["idleUnitSeconds"]) }))
        )
    }
}

extension Document {
    /// The same map without some fields.
    fileprivate func without(_ names: Set<String>) -> Document {
        guard case .map(let fields) = self else { return self }
        return .map(fields.filter { !names.contains($0.name) })
    }
}
