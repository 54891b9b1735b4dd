// The verb `replay`: a production trace through the ledger, and what came of it.

internal import ArgumentParser
internal import FoundationEssentials
internal import Tenure
internal import TenureModel

struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a cluster trace through a ledger of its own, in virtual time.",
        subcommands: [ReplayOpenb.self]
    )
}

struct ReplayOpenb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openb",
        abstract: "Run a trace in the format of Alibaba's cluster-trace-gpu-v2023.",
        discussion: """
            Every task acquires when it was created and releases when it was deleted, in the \
            order of the trace; time is the trace's, so weeks pass in seconds. The ledger is a \
            real one: each batch is synced. --nodes-sample and --copies set the load: a seeded \
            part of the nodes, and copies of the tasks shifted circularly in time by seeded \
            offsets. With --crash-every the run is made twice, once dropping the ledger without \
            a checkpoint after every so many operations and opening it again; exit code 65 when \
            the two do not end alike.

            With --wait a task that does not fit waits, and runs from its grant for as long as \
            in the trace. Then the answer has how long tasks waited, and the waste: the devices \
            that were free while a task waited for one that it could not use, averaged over the \
            time after the first tenth of the trace.

            With --experiment atc23 the tasks are placed as in Weng et al., "Beware of \
            Fragmentation" (USENIX ATC 2023), without a ledger: shuffled by a seed, drawn until \
            130 % of the devices are asked for, each once, none leaving. The answer is how much \
            of the devices is given out when 100 % were asked for, and at the end, as the mean \
            over the seeds.

            EXAMPLES
              tenure replay openb --nodes nodes.csv --pods pods.csv
              tenure replay openb --nodes nodes.csv --pods pods.csv \\
                --nodes-sample 0.25 --copies 4 --seed 7 --step 1m
              tenure replay openb --nodes nodes.csv --pods pods.csv \\
                --strategy fair-price --wait 1d
              tenure replay openb --nodes nodes.csv --pods pods.csv \\
                --crash-every 500 --data /srv/replay --json
              tenure replay openb --nodes nodes.csv --pods pods.csv \\
                --experiment atc23 --policy fair-price --seeds 42..51
            """
    )

    @Option(help: ArgumentHelp("CSV of the nodes.", valueName: "file"))
    var nodes: String

    @Option(help: ArgumentHelp("CSV of the tasks.", valueName: "file"))
    var pods: String

    @Option(help: ArgumentHelp("Part of the nodes, above 0 up to 1.", valueName: "share"))
    var nodesSample = 1.0

    @Option(help: ArgumentHelp("Copies of the tasks, the trace included.", valueName: "n"))
    var copies = 1

    @Option(help: ArgumentHelp("Seed of the sample and the shifts.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(
        help: ArgumentHelp(
            "What so much of the trace's time does is one group of commits; default: 1s."
        ),
        transform: Durations.parse
    )
    var step: UInt64 = 1_000

    @Option(
        help: ArgumentHelp("One of \(StrategyOption.names).", valueName: "name"),
        transform: StrategyOption.parse
    )
    var strategy = Strategy.bestFit

    @Option(
        help: ArgumentHelp(
            "Tasks that do not fit wait so long at most; they run as long as in the trace."
        ),
        transform: Durations.parse
    )
    var wait: UInt64?

    @Flag(help: "Tasks that wait do not say how long they run, so that nobody passes them.")
    var withoutLengths = false

    @Option(
        help: ArgumentHelp("Nothing is promised to those who have waited less; default: 0s."),
        transform: Durations.parse
    )
    var starvationLimit: UInt64 = 0

    @Option(help: ArgumentHelp("Drop and reopen the ledger so often.", valueName: "operations"))
    var crashEvery: Int?

    @Option(help: ArgumentHelp("Byte budget of the front cache.", valueName: "n"))
    var cacheBytes: Int?

    @Option(
        help: ArgumentHelp(
            "Keep the ledger here; missing or empty, on any file system.",
            valueName: "directory"
        )
    )
    var data: String?

    @Option(help: ArgumentHelp("Run this experiment instead of the replay.", valueName: "name"))
    var experiment: ExperimentName?

    @Option(help: ArgumentHelp("A policy of the experiment, or several; all.", valueName: "name"))
    var policy: [ExperimentPolicy] = []

    @Option(help: ArgumentHelp("Seeds of the experiment.", valueName: "first..last"))
    var seeds = SeedRange(42...51)

    @Flag(help: "Answer as JSON.")
    var json = false

    func validate() throws {
        guard experiment != nil || policy.isEmpty else {
            throw ValidationError("--policy needs --experiment; a replay takes --strategy")
        }
        guard nodesSample > 0, nodesSample <= 1 else {
            throw ValidationError("--nodes-sample is above 0 and at most 1")
        }
        guard (1...1000).contains(copies) else {
            throw ValidationError("--copies is from 1 to 1000")
        }
        guard step >= 1_000, step % 1_000 == 0 else {
            throw ValidationError("--step is in whole seconds, at least 1s")
        }
        if let crashEvery, crashEvery < 1 { throw ValidationError("--crash-every is at least 1") }
        if crashEvery != nil, strategy != .firstFit, strategy != .bestFit {
            throw ValidationError(
                "--crash-every needs first-fit or best-fit: what other strategies have counted "
                    + "since they last learnt is lost in a crash, and the two runs may differ"
            )
        }
        if crashEvery != nil, wait != nil {
            throw ValidationError(
                "--crash-every and --wait exclude each other: these waits end with the ledger"
            )
        }
        if starvationLimit > 0, wait == nil {
            throw ValidationError("--starvation-limit needs --wait: else nobody waits")
        }
        if withoutLengths, wait == nil {
            throw ValidationError(
                "--without-lengths needs --wait: else no task says how long it runs"
            )
        }
        if let cacheBytes, cacheBytes < 0 { throw ValidationError("--cache-bytes is at least 0") }
    }

    func run() async throws {
        if experiment != nil { return try await runExperiment() }
        let trace = try scaledTrace()
        let directory = try ReplayDirectory(kept: data)
        let outcome: ReplayOutcome
        var reference: ReplayOutcome?
        do {
            if crashEvery != nil {
                reference = try replay(trace, at: directory.reference, crashEvery: nil)
            }
            outcome = try replay(trace, at: directory.ledger, crashEvery: crashEvery)
        } catch {
            directory.remove()
            throw error
        }
        directory.remove()
        let report = ReplayReport(
            trace: trace,
            outcome: outcome,
            reference: reference,
            isWaiting: wait != nil
        )
        try Terminal.data(json ? [JSONText.of(report.document)] : report.lines)
        if report.isAlike == false {
            throw Failure(.damaged, "the run with crashes ended differently from the one without")
        }
    }

    private func runExperiment() async throws {
        let trace: Trace
        do {
            trace = try Trace(nodesFile: nodes, demandsFile: pods)
        } catch let fault as TraceFault {
            throw Failure(.damaged, fault.description)
        }
        let experiment = Experiment(trace)
        let seeds = seeds.seeds
        var report = ExperimentReport(workload: pods, seeds: seeds)
        for policy in policy.isEmpty ? ExperimentPolicy.allCases : policy {
            var bar = ProgressBar(policy.rawValue)
            let runs = await experiment.run(policy, seeds: seeds) { bar.show($0, of: seeds.count) }
            bar.clear()
            report.add(policy, runs)
        }
        try Terminal.data(
            json ? [JSONText.of(report.document)] : Rendering.lines(report.document)
        )
    }

    private func scaledTrace() throws -> Trace {
        do {
            let trace = try Trace(nodesFile: nodes, tasksFile: pods)
            return trace.scaled(nodes: nodesSample, copies: copies, seed: seed)
                .coarsened(to: step / 1_000)
        } catch let fault as TraceFault {
            throw Failure(.damaged, fault.description)
        }
    }

    private func replay(_ trace: Trace, at path: String, crashEvery: Int?) throws -> ReplayOutcome {
        var bar = ProgressBar(crashEvery == nil ? "replay" : "replay with crashes")
        var configuration = LedgerConfiguration()
        // What a replay leaves is read at once or not at all: memory may keep it.
        configuration.allowUnsafeFileSystem = true
        if let cacheBytes { configuration.cacheBytes = cacheBytes }
        let run = try ReplayRun(
            trace,
            at: path,
            strategy: strategy,
            waitMilliseconds: wait,
            saysLengths: !withoutLengths,
            starvationLimit: starvationLimit,
            configuration: configuration
        )
        let outcome = try run.finish(crashEvery: crashEvery) { bar.show($0, of: $1) }
        bar.clear()
        return outcome
    }
}

/// Where the ledgers of a replay are, and what of them stays.
struct ReplayDirectory {
    /// The ledger of the run.
    let ledger: String
    /// The ledger of the run without crashes, to compare with.
    let reference: String
    private let temporary: String

    /// With `kept`, the ledger of the run stays there; everything else goes.
    init(kept: String?) throws {
        let name = "tenure-replay-\(ProcessInfo.processInfo.processIdentifier)"
        temporary = FileManager.default.temporaryDirectory.appending(path: name).path
        ledger = kept ?? temporary + "/ledger"
        reference = temporary + "/reference"
        do {
            try FileManager.default.createDirectory(
                atPath: temporary,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw Failure(.cannotCreate, "'\(temporary)' can not be made: \(error)")
        }
    }

    /// Removes what does not stay.
    func remove() {
        do {
            try FileManager.default.removeItem(atPath: temporary)
        } catch {
            Terminal.word("tenure: '\(temporary)' can not be removed: \(error)")
        }
    }
}
