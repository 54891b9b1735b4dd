// `replay openb --experiment`: the runs of an experiment, and what they gave.

internal import ArgumentParser
internal import TenureModel

/// The experiments that can be run.
enum ExperimentName: String, CaseIterable, ExpressibleByArgument {
    /// Weng et al., "Beware of Fragmentation", USENIX ATC 2023.
    case atc23
}

extension ExperimentPolicy: ExpressibleByArgument {}

/// Seeds as `FIRST..LAST`.
struct SeedRange: ExpressibleByArgument {
    let seeds: ClosedRange<UInt64>

    /// The most seeds of one run.
    private static let countMax: UInt64 = 1_000

    init?(argument: String) {
        let ends = argument.split(separator: ".", omittingEmptySubsequences: false)
        guard ends.count == 3, ends[1].isEmpty, let first = UInt64(ends[0]),
            let last = UInt64(ends[2]), first <= last, last - first < Self.countMax
        else { return nil }
        seeds = first...last
    }

    init(_ seeds: ClosedRange<UInt64>) {
        self.seeds = seeds
    }

    var defaultValueDescription: String { "\(seeds.lowerBound)..\(seeds.upperBound)" }
}

/// The figures of an experiment.
struct ExperimentReport {
    let workload: String
    let seeds: ClosedRange<UInt64>
    private var rows: [Document] = []

    init(workload: String, seeds: ClosedRange<UInt64>) {
        self.workload = workload
        self.seeds = seeds
    }

    /// Adds what a policy gave.
    mutating func add(_ policy: ExperimentPolicy, _ runs: [ExperimentRun]) {
        let count = Double(max(runs.count, 1))
        let arrivals = runs.reduce(0) { $0 + $1.arrivals }
        let deciding = runs.reduce(Duration.zero) { $0 + $1.deciding }
        rows.append(
            .map([
                .init("policy", .string(policy.rawValue)),
                .init(
                    "at100",
                    .string(Self.percent(runs.reduce(0) { $0 + $1.atCapacity } / count))
                ),
                .init("end", .string(Self.percent(runs.reduce(0) { $0 + $1.atEnd } / count))),
                .init(
                    "decisionMicroseconds",
                    .string(Self.percent(deciding / .microseconds(1) / Double(max(arrivals, 1))))
                ),
                .init(
                    "rememberedPercent",
                    .string(
                        Self.percent(runs.reduce(0) { $0 + $1.rememberedShare } / count * 100)
                    )
                ),
            ])
        )
    }

    /// Everything, for programs.
    var document: Document {
        .map([
            .init("workload", .string(workload)),
            .init("firstSeed", .count(seeds.lowerBound)),
            .init("lastSeed", .count(seeds.upperBound)),
            .init("askedPercent", .count(Experiment.askedPercent)),
            .init("policies", .list(rows)),
        ])
    }

    /// Two digits behind the point.
    private static func percent(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
