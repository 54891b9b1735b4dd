// `audit leaks`: what did not come back.

internal import ArgumentParser
internal import TenureModel

struct AuditLeaks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leaks",
        abstract: "Tell what was reclaimed because its holder did not give it back.",
        discussion: """
            A row for each lease that expired, or whose holder was found dead, and for each \
            sub-lease that was revoked with it: what it held, why it was taken back, and how long \
            it was idle: from the last sign of life (grant, renewal, keep-alive, or until its \
            process was found dead) until then, and how much of that was in gaps, in which nobody \
            could renew. Below that what was idle by tenant and kind, as amounts times hours. A \
            reservation that lapsed does not count: it was never a lease.

            A sign of life before the history that is left is not known; idle is told from there \
            on.

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
        var report = LeakReport(tenant: tenant)
        var lines = LeakLines(isJSON: json)
        let past = try StoppedLedger(directory).past(from: from, at: to, isBesideData: true) {
            past,
            step in
            switch step {
            case .begin:
                try report.begin(with: past)
                report.isCounting = from == nil
            case .from: report.isCounting = true
            case .before(let record): try report.note(record, in: past) { try lines.add($0) }
            case .behind: break
            }
        }
        try lines.finish(past.label, totals: report.totals)
    }
}

/// Writes what was found as it is found, so that memory does not grow with it.
private struct LeakLines {
    /// Rows of one table: its columns are as wide as these need.
    private static let pageRows = 1_000

    let isJSON: Bool
    private var page: [Document] = []
    private var count = 0

    init(isJSON: Bool) { self.isJSON = isJSON }

    mutating func add(_ item: Document) throws {
        count += 1
        if isJSON {
            return try Terminal.part((count == 1 ? "{\"items\":[" : ",") + JSONText.of(item))
        }
        page.append(item.without(["position", "time", "evidence"]))
        if page.count == Self.pageRows { try flush() }
    }

    private mutating func flush() throws {
        guard !page.isEmpty else { return }
        try Terminal.data(Rendering.lines(.list(page)) + [""])
        page = []
    }

    mutating func finish(_ label: [Document.Field], totals: [Document]) throws {
        if isJSON {
            let rest = JSONText.of(.map([.init("totals", .list(totals))] + label))
            return try Terminal.data((count == 0 ? "{\"items\":[" : "") + "]," + rest.dropFirst())
        }
        guard count > 0 else { return Terminal.word("nothing was reclaimed") }
        try flush()
        try Terminal.data(
            Rendering.lines(
                .list(totals.map { $0.without(["idleUnitSeconds", "gapUnitSeconds"]) })
            )
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
