// `audit leaks`: what did not come back.

internal import ArgumentParser
internal import TenureModel

struct AuditLeaks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leaks",
        abstract: "Tell what was reclaimed because its holder did not give it back.",
        discussion: """
            A row for each lease that expired, or whose holder was found dead: what it held, why \
            it was taken back, and how long it was idle: from the last sign of life (grant, \
            renewal, keep-alive, or until its process was found dead) until then. Below that what \
            was idle by tenant and kind, as amounts times hours.

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
    func without(_ names: Set<String>) -> Document {
        guard case .map(let fields) = self else { return self }
        return .map(fields.filter { !names.contains($0.name) })
    }
}
