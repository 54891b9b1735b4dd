// The experiment of Weng et al., "Beware of Fragmentation", USENIX ATC 2023, section 6: how much of
// a cluster's devices a policy gives out when more is asked for than there is.
//
// The tasks of a list are shuffled by a seed, and drawn again when they are used up, until the
// devices asked for reach 130 % of what there is. Each task arrives once and none leaves; one that
// fits nowhere is dropped. The names of the nodes get a random order, which breaks ties.

internal import TenureModel

/// One run of the experiment: what a policy gave out.
package struct ExperimentRun: Equatable, Sendable {
    /// Devices given out in per cent of all, averaged over the arrivals at which 100 % were asked.
    package let atCapacity: Double
    /// The same after the last arrival.
    package let atEnd: Double
    /// How many tasks arrived.
    package let arrivals: Int
    /// Time spent in decisions.
    package let deciding: Duration
    /// Bids that were found remembered, of all that decisions looked at.
    package let rememberedShare: Double
}

/// A cluster and a list of tasks, as placement sees them.
package struct Experiment: Sendable {
    let places: [DevicePlace]
    let demands: [DeviceDemand]

    /// Devices asked for, in per cent of all.
    package static let askedPercent = 130

    /// Reads the nodes and the amounts of the tasks of a trace.
    package init(_ trace: Trace) {
        var models: [String: UInt16] = [:]
        func number(_ model: String) -> UInt16 {
            if let known = models[model] { return known }
            let next = UInt16(models.count)
            models[model] = next
            return next
        }
        places = trace.nodes.map { node in
            DevicePlace(
                cpu: node.cpu,
                memory: node.memory,
                model: number(node.model),
                devices: Array(repeating: UInt16(DevicePlace.whole), count: node.gpus)
            )
        }
        demands = trace.tasks.map { task in
            let isShare = task.gpu % UInt64(DevicePlace.whole) != 0
            return DeviceDemand(
                cpu: task.cpu,
                memory: task.memory,
                count: isShare ? 1 : Int(task.gpu) / DevicePlace.whole,
                share: isShare ? Int(task.gpu) : DevicePlace.whole,
                models: task.models.split(separator: "|").map { number(String($0)) }
            )
        }
    }

    /// Runs the experiment once for every seed, on all CPUs, and calls `progress` after each.
    package func run(
        _ policy: ExperimentPolicy,
        seeds: ClosedRange<UInt64>,
        progress: (Int) -> Void = { _ in }
    ) async -> [ExperimentRun] {
        await withTaskGroup { group in
            for seed in seeds {
                group.addTask { (seed, run(policy, seed: seed)) }
            }
            var runs: [UInt64: ExperimentRun] = [:]
            for await (seed, run) in group {
                runs[seed] = run
                progress(runs.count)
            }
            return seeds.compactMap { runs[$0] }
        }
    }

    /// Runs the experiment once.
    package func run(_ policy: ExperimentPolicy, seed: UInt64) -> ExperimentRun {
        var random = SplitMix(state: seed)
        let cluster = places.shuffled(with: &random)
        let arrivals = arrivals(with: &random)
        let capacity = cluster.reduce(0) { $0 + $1.free }
        var chooser = policy.chooser(for: cluster, knowing: demands, random: random)
        let clock = ContinuousClock()
        var deciding = Duration.zero
        var asked = 0
        var given = 0
        var sum = 0.0
        var samples = 0
        for demand in arrivals {
            let began = clock.now
            if chooser.place(demand) { given += demand.total }
            deciding += clock.now - began
            asked += demand.total
            if Int((Double(asked) * 100 / Double(capacity)).rounded()) == 100 {
                sum += Double(given) * 100 / Double(capacity)
                samples += 1
            }
        }
        return ExperimentRun(
            atCapacity: samples > 0 ? sum / Double(samples) : 0,
            atEnd: Double(given) * 100 / Double(max(capacity, 1)),
            arrivals: arrivals.count,
            deciding: deciding,
            rememberedShare: chooser.rememberedShare
        )
    }

    private func arrivals(with random: inout SplitMix) -> [DeviceDemand] {
        let shuffled = demands.shuffled(with: &random)
        let devices = places.reduce(0) { $0 + $1.free }
        var arrivals: [DeviceDemand] = []
        var asked = 0
        while asked * 100 < devices * Self.askedPercent {
            let index = arrivals.count
            let demand =
                index < shuffled.count ? shuffled[index] : demands[random.below(demands.count)]
            arrivals.append(demand)
            asked += demand.total
        }
        return arrivals
    }
}

extension Array {
    /// The elements in a seeded order (Fisher and Yates).
    fileprivate func shuffled(with random: inout SplitMix) -> [Element] {
        var elements = self
        for place in elements.indices.dropLast() {
            elements.swapAt(place, place + random.below(elements.count - place))
        }
        return elements
    }
}
