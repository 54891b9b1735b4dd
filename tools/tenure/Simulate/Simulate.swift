// `simulate`: the engine of this program over a simulated disk, clock and clients.

internal import ArgumentParser
internal import TenureModel
internal import TenureSimulation

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Live through crashes of a simulated machine, and check what is promised.",
        discussion: """
            The whole engine, as it is in this program, over a disk in memory that forgets what was \
            not synced, tears it and fails, and a clock that jumps. A seed gives the work, the \
            faults and the crashes; the same seed is the same run on every machine, to the \
            'fingerprint' over all answers and operations of the disk. A slow ledger of its own says \
            what each answer must be and what must be there after each crash. In the end nothing \
            fails any more: all that was leaked must have come back.

            Exit code 0 when everything held, 70 when not; the sentence then names the seed, which \
            repeats it with --seed and the same --ops.

            EXAMPLES
              tenure simulate
              tenure simulate --seed 4711 --ops 200
              tenure simulate --seed 1 --seeds 100000 --ops 200 --json
            """
    )

    @Option(help: ArgumentHelp("First seed.", valueName: "number"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("How many seeds, one after the other.", valueName: "count"))
    var seeds: UInt64?

    @Option(help: ArgumentHelp("Commands of each seed, at least.", valueName: "count"))
    var ops = 200

    @Flag(help: "Answer as JSON.")
    var json = false

    func validate() throws {
        if let seeds, seeds < 1 { throw ValidationError("--seeds is at least 1") }
        if ops < 1 || ops > 10_000_000 { throw ValidationError("--ops is 1 to 10000000") }
        if seed.addingReportingOverflow(seeds ?? 0).overflow {
            throw ValidationError("--seed is too large for so many seeds")
        }
    }

    func run() throws {
        // One that was asked for by name, or enough of them to meet everything.
        let count = seeds ?? (seed == 1 ? 100 : 1)
        var all = SimulationTally()
        var progress = ProgressBar("seeds")
        for current in seed..<seed + count {
            var simulation = try Simulation(seed: current)
            do {
                try simulation.run(operations: ops)
            } catch {
                progress.clear()
                throw Failure(
                    .software,
                    "\(error)\nagain: tenure simulate --seed \(current) --ops \(ops)"
                )
            }
            all.add(simulation.tally)
            progress.show(all.seeds, of: Int(clamping: count))
        }
        progress.clear()
        try Terminal.data(
            json ? [JSONText.of(all.document)] : Rendering.lines(all.document)
        )
    }
}

extension SimulationTally {
    /// What was met, and which probes were not.
    fileprivate var document: Document {
        let hit = Self.expected.count - missing.count
        return .map([
            .init("seeds", .count(seeds)), .init("commands", .count(commands)),
            .init("lives", .count(lives)), .init("recoveries", .count(recoveries)),
            .init("diskOperations", .count(operations)),
            .init("virtualTime", .string(Durations.text(virtualMilliseconds))),
            .init("probesHit", .string("\(hit) of \(Self.expected.count)")),
            .init("missing", .list(missing.map { .string($0) })),
            .init("fingerprint", .string(String(fingerprint, radix: 16))),
            .init(
                "probes",
                .map(
                    probes.sorted { $0.key < $1.key }
                        .map { .init($0.key, .count(UInt64($0.value))) }
                )
            ),
        ])
    }
}
