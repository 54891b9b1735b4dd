// What deciding alone costs: requests of a trace placed on its nodes, without log, disk or socket.
//
// The tasks are drawn by a seed until the pool is full. From then on each is one decision, and
// where it is refused, leases drawn by the seed end until there is room again: the pool stays about
// full, and every place changes now and then. Only `decide` is timed; applying what was decided is
// not, and neither is working out prices, which has a thread of its own in a ledger.

internal import ArgumentParser
internal import TenureModel
internal import TenureStorage

struct BenchPlace: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "place",
        abstract: "Measure placement decisions on the nodes of a trace, without a ledger's disk.",
        discussion: """
            Nanoseconds of granted and of refused decisions, and how many of the bids that they \
            looked at were remembered. With --copies the pool has so many times the nodes; with \
            --forget bids are forgotten before every decision.

            EXAMPLES
              tenure bench place --nodes nodes.csv --pods pods.csv
              tenure bench place --nodes nodes.csv --pods pods.csv --copies 83 --strategy best-fit
            """
    )

    @Option(help: ArgumentHelp("CSV of the nodes.", valueName: "file"))
    var nodes: String

    @Option(help: ArgumentHelp("CSV of the tasks.", valueName: "file"))
    var pods: String

    @Option(help: ArgumentHelp("How often each node is there.", valueName: "n"))
    var copies = 1

    @Option(
        help: ArgumentHelp("One of \(StrategyOption.names).", valueName: "name"),
        transform: StrategyOption.parse
    )
    var strategy = Strategy.automatic

    @Option(help: ArgumentHelp("Decisions that are timed.", valueName: "n"))
    var decisions = 50_000

    @Option(help: ArgumentHelp("Seed of what is asked for and what ends.", valueName: "n"))
    var seed: UInt64 = 1

    @Flag(help: "Forget all bids before every decision.")
    var forget = false

    @Flag(help: "Answer as JSON.")
    var json = false

    func validate() throws {
        guard (1...1_000).contains(copies) else {
            throw ValidationError("--copies is from 1 to 1000")
        }
        guard (1...100_000_000).contains(decisions) else {
            throw ValidationError("--decisions is from 1 to 100000000")
        }
    }

    func run() throws {
        let trace: Trace
        do {
            trace = try Trace(nodesFile: nodes, demandsFile: pods)
        } catch let fault as TraceFault {
            throw Failure(.damaged, fault.description)
        }
        var bench = try PlacementBench(
            trace.repeatingNodes(copies),
            strategy: strategy,
            forgets: forget,
            seed: seed
        )
        var bar = ProgressBar("place")
        try bench.fill()
        for step in 0..<decisions {
            try bench.step()
            if step % 256 == 0 { bar.show(step, of: decisions) }
        }
        bar.clear()
        let document = bench.document
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}

/// A state in memory that requests are placed in.
private struct PlacementBench {
    private let requests: [AcquireRequest]
    private let nodes: Int
    private let forgets: Bool
    private var state: LedgerState
    private var random: SplitMix
    private var held: [LeaseReference] = []
    private var time = LedgerTime(nanoseconds: 1)
    private var granted = Latencies()
    private var refused = Latencies()
    private var before = ScoreFigures()

    init(_ trace: Trace, strategy: Strategy, forgets: Bool, seed: UInt64) throws {
        requests = trace.tasks.map { $0.request() }
        nodes = trace.nodes.count
        self.forgets = forgets
        random = SplitMix(state: seed)
        state = LedgerState(resident: ResidentRows(), rows: NoRows())
        for command in trace.declarations(strategy: strategy) { try apply(command) }
    }

    /// Asks until the first request is refused.
    mutating func fill() throws {
        while case .grant = try ask(timed: false) {}
        before = state.scoreFigures
    }

    /// One timed decision, and room for the next when it was refused.
    mutating func step() throws {
        guard case .refused = try ask(timed: true), !held.isEmpty else { return }
        for _ in 0..<4 where !held.isEmpty {
            let index = random.below(held.count)
            held.swapAt(index, held.count - 1)
            try apply(.release(held.removeLast(), parts: nil))
        }
    }

    private mutating func ask(timed: Bool) throws -> Answer {
        let request = requests[random.below(requests.count)]
        if forgets { state.forgetScores() }
        let clock = ContinuousClock()
        let began = clock.now
        let decision = try state.decide(.acquire(request), caller: .embedder, now: time)
        let took = clock.now - began
        state.note(request)
        if let task = state.takeLearning() {
            try apply(.housekeeping(.learnt(pool: task.pool, task.learn())))
        }
        switch decision.answer {
        case .grant(let grant):
            if timed { granted.record(took) }
            // What was learnt in between has taken the position that the decision names.
            guard grant.position == state.position + 1 else { return decision.answer }
            held.append(LeaseReference(lease: grant.lease, token: grant.token))
            try apply(decision.events)
        default:
            if timed { refused.record(took) }
        }
        return decision.answer
    }

    private mutating func apply(_ command: Command) throws {
        let decision = try state.decide(command, caller: .embedder, now: time)
        if case .refused(let refusal) = decision.answer { throw refusal }
        try apply(decision.events)
    }

    private mutating func apply(_ events: [Event]) throws {
        guard !events.isEmpty else { return }
        try state.apply(events, at: state.position + 1, time: time)
        time = time.advanced(byNanoseconds: 1)
    }

    var document: Document {
        let figures = state.scoreFigures
        let remembered = Double(figures.remembered - before.remembered)
        let all = remembered + Double(figures.computed - before.computed)
        return .map([
            .init("nodes", .count(nodes)),
            .init("leases", .count(held.count)),
            .init("granted", .count(granted.count)),
            .init("refused", .count(refused.count)),
            .init("bidsRememberedPercent", .string(Figures.percent(remembered, of: all))),
            .init(
                "nanoseconds",
                .list(
                    [("granted", granted), ("refused", refused)].compactMap { name, latencies in
                        latencies.count == 0
                            ? nil : .map([.init("decision", .string(name))] + latencies.precise)
                    }
                )
            ),
        ])
    }
}

extension Trace {
    /// The same tasks on so many times the nodes.
    fileprivate func repeatingNodes(_ copies: Int) -> Trace {
        guard copies > 1 else { return self }
        let all = (0..<copies).flatMap { copy in
            nodes.map { node in
                TraceNode(
                    name: copy == 0 ? node.name : "\(node.name).\(copy)",
                    cpu: node.cpu,
                    memory: node.memory,
                    gpus: node.gpus,
                    model: node.model
                )
            }
        }
        return Trace(nodes: all, tasks: tasks)
    }
}
