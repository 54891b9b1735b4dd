// What a replay tells when it is done, for people and for programs.

internal import TenureModel

/// The figures of a replay.
struct ReplayReport {
    let trace: Trace
    let outcome: ReplayOutcome
    /// The run without crashes, when there is one to compare with.
    let reference: ReplayOutcome?

    /// Whether tasks waited where they did not fit.
    let isWaiting: Bool

    /// Whether both runs decided alike and ended in the same state; nil with only one run.
    var isAlike: Bool? {
        reference.map { $0.decisions == outcome.decisions && $0.state == outcome.state }
    }

    /// Everything, for programs.
    var document: Document {
        var fields: [Document.Field] = [
            .init("nodes", .count(trace.nodes.count)),
            .init("tasks", .count(trace.tasks.count)),
            .init("offeredGPUPercent", .string(offered)),
            .init("granted", .count(outcome.granted)),
            .init("refused", .count(refusedCount)),
            .init("refusals", .list(refusals)),
            .init("use", .list(use)),
            .init("errors", .count(outcome.errors)),
            .init("operations", .count(outcome.operations)),
            .init("operationsPerSecond", Figures.rate(outcome.operations, in: outcome.elapsed)),
            .init("latencyMicroseconds", .list(latencies)),
            .init("rowHitPercent", .string(rowHits)),
            .init("logBytes", .count(outcome.logBytes)),
            .init("decisionDigest", .string(outcome.decisions.text)),
            .init("stateDigest", .string(outcome.state)),
            .init("ledger", outcome.figures),
        ]
        if isWaiting { fields += waits }
        if let isAlike {
            fields.append(.init("crashes", .count(outcome.crashes)))
            fields.append(.init("sameAsWithoutCrashes", .bool(isAlike)))
        }
        return .map(fields)
    }

    /// The same for people.
    var lines: [String] {
        Rendering.lines(document)
    }

    private var offered: String { Figures.percent(trace.offeredGPUPercent, of: 100) }

    /// Rows that were found in memory: in the overlay or in the front cache.
    private var rowHits: String {
        guard case .integer(let permille)? = outcome.figures["rowHitPermille"] else { return "-" }
        return Figures.percent(Double(permille), of: 1000)
    }

    private var refusedCount: Int { outcome.refused.values.reduce(0) { $0 + $1.count } }

    private var latencies: [Document] {
        [("acquire", outcome.acquires), ("release", outcome.releases)].compactMap { name, each in
            each.count == 0 ? nil : .map([.init("operation", .string(name))] + each.fields)
        }
    }

    /// By code, in the order of precedence of the codes.
    private var refusals: [Document] {
        RefusalCode.allCases.compactMap { code in
            outcome.refused[code].map { reason in
                .map([
                    .init("code", .string(code.rawValue)),
                    .init("count", .count(reason.count)),
                    .init("first", .string(reason.first)),
                ])
            }
        }
    }

    /// How long tasks waited, in seconds of the trace, and what was idle meanwhile.
    private var waits: [Document.Field] {
        let waited = outcome.waited.sorted()
        let part = { (percent: Int) -> Document in
            waited.isEmpty ? .null : .count(waited[(waited.count - 1) * percent / 100])
        }
        let devices = trace.capacities.first { $0.kind == .gpu }?.amount ?? 0
        return [
            .init("grantedAfterWaiting", .count(outcome.grantedAfterWaiting)),
            .init("waitedSecondsP50", part(50)),
            .init("waitedSecondsP99", part(99)),
            .init("waitedSecondsLongest", part(100)),
            .init(
                "wasteGPUPercent",
                .string(Figures.percent(outcome.idle.mean, of: Double(devices)))
            ),
        ]
    }

    private var use: [Document] {
        trace.capacities.map { kind, capacity in
            let peak = outcome.use.peak(kind)
            let mean = outcome.use.mean(kind)
            return .map([
                .init("kind", .string(kind.name)),
                .init("capacity", .count(capacity)),
                .init("peakPercent", .string(Figures.percent(Double(peak), of: Double(capacity)))),
                .init("meanPercent", .string(Figures.percent(mean, of: Double(capacity)))),
            ])
        }
    }
}
