// The policies of the experiment: those that the ledger has, and five to compare them with.
//
// The five are described in section 6 of the paper; formulas and constants are those of its
// published simulator, in which a node has at most 128 CPUs and 8 devices.

internal import TenureModel

/// A policy by the name that the command line knows.
package enum ExperimentPolicy: String, CaseIterable, Sendable {
    case bestFit = "best-fit"
    case dotProduct = "dot-product"
    case fairPrice = "fair-price"
    case fragmentation
    case clustering = "gpu-clustering"
    case packing = "gpu-packing"
    case random

    /// Something that places tasks in a cluster by this policy.
    func chooser(
        for cluster: [DevicePlace],
        knowing demands: [DeviceDemand],
        random: SplitMix
    ) -> any ExperimentChooser {
        switch self {
        case .bestFit: PolicyChooser(cluster, BestFitBids())
        case .dotProduct: PolicyChooser(cluster, DotProductBids())
        case .packing: PolicyChooser(cluster, PackingBids())
        case .clustering: ClusteringChooser(cluster)
        case .random: RandomChooser(cluster, random)
        case .fairPrice: FairPriceChooser(cluster)
        case .fragmentation:
            // The published one knows the list; fair prices are learnt on the way.
            PolicyChooser(cluster, FragmentationGradient(DeviceMix(demands)))
        }
    }
}

extension DeviceMix {
    /// The mix of a list of tasks, without their memory, which the published simulator ignores.
    fileprivate init(_ demands: [DeviceDemand]) {
        self.init()
        for demand in demands {
            add(
                DeviceDemand(
                    cpu: demand.cpu,
                    memory: 0,
                    count: demand.count,
                    share: demand.share,
                    models: demand.models
                )
            )
        }
    }
}

/// Places one task after the other.
protocol ExperimentChooser {
    /// Places a task; false when it fits nowhere.
    mutating func place(_ demand: DeviceDemand) -> Bool
    /// Bids that were found remembered, of all that were looked at.
    var rememberedShare: Double { get }
}

/// Goes by bids that depend on the place alone.
private struct PolicyChooser<Policy: DevicePolicy>: ExperimentChooser {
    private var places: ScoredPlaces
    private let policy: Policy

    init(_ cluster: [DevicePlace], _ policy: Policy) {
        places = ScoredPlaces(cluster)
        self.policy = policy
    }

    mutating func place(_ demand: DeviceDemand) -> Bool {
        places.take(demand, by: policy)
    }

    var rememberedShare: Double { places.rememberedShare }
}

/// Goes by fair prices, learnt from the tasks so far.
private struct FairPriceChooser: ExperimentChooser {
    private var places: ScoredPlaces
    private var learnt: LearntPrices

    init(_ cluster: [DevicePlace]) {
        places = ScoredPlaces(cluster)
        learnt = LearntPrices(on: DeviceSupply(cluster))
    }

    mutating func place(_ demand: DeviceDemand) -> Bool {
        if learnt.note(demand) { places.forget() }
        return places.take(demand, by: learnt.prices)
    }

    var rememberedShare: Double { places.rememberedShare }
}

extension ScoredPlaces {
    fileprivate mutating func take(_ demand: DeviceDemand, by policy: some DevicePolicy) -> Bool {
        guard let best = best(for: demand, by: policy) else { return false }
        change(best.place) { $0.take(demand, from: best.device) }
        return true
    }

    fileprivate var rememberedShare: Double {
        let all = remembered + computed
        return all == 0 ? 0 : Double(remembered) / Double(all)
    }
}

/// The largest node that the published simulator knows.
private enum LargestNode {
    static let cpu = 128_000.0
    static let devices = 8_000.0
}

/// The least of CPU and devices left over.
private struct BestFitBids: DevicePolicy {
    func bid(for demand: DeviceDemand, at place: DevicePlace) -> DeviceBid {
        let cpu = Double(place.cpu - demand.cpu) / LargestNode.cpu
        let devices = Double(place.free - demand.total) / LargestNode.devices
        let score = Int32((1 - (cpu + devices) / 2) * 100)
        return DeviceBid(cost: -score, device: place.fullest(for: demand.share) ?? 0)
    }
}

/// The least alignment of what is asked with what is free.
private struct DotProductBids: DevicePolicy {
    func bid(for demand: DeviceDemand, at place: DevicePlace) -> DeviceBid {
        let cpu = Double(place.cpu) / LargestNode.cpu * Double(demand.cpu) / LargestNode.cpu
        let devices =
            Double(place.free) / LargestNode.devices * Double(demand.total) / LargestNode.devices
        let score = Int32(100 * (1 - (cpu + devices) / 2))
        return DeviceBid(cost: -score, device: place.fullest(for: demand.share) ?? 0)
    }
}

/// Devices in use before free ones, free ones before free nodes.
private struct PackingBids: DevicePolicy {
    func bid(for demand: DeviceDemand, at place: DevicePlace) -> DeviceBid {
        guard demand.count > 0 else { return DeviceBid(cost: 0, device: 0) }
        let device = place.fullest(for: demand.share) ?? 0
        let wholes = place.devices.count { Int($0) == DevicePlace.whole }
        if wholes == place.devices.count {
            return DeviceBid(cost: -Int32(max(33 - wholes, wholes)), device: device)
        }
        let used = place.devices.sorted().filter { Int($0) >= demand.share }.prefix(demand.count)
        let freed = used.count { Int($0) == DevicePlace.whole }
        if freed > 0 { return DeviceBid(cost: -Int32(max(50 - freed, 33)), device: device) }
        let percent = used.reduce(0) { $0 + Int($1) * 100 / DevicePlace.whole }
        return DeviceBid(cost: -Int32(max(100 - percent / 10, 50)), device: device)
    }
}

/// Tasks of one sort together: nodes that have the same sort, alone or among others, come first.
private struct ClusteringChooser: ExperimentChooser {
    private var places: [DevicePlace]
    /// How many tasks of each number of devices a node has; 0 stands for a share of one.
    private var sorts: [[Int: Int]]
    let rememberedShare = 0.0

    init(_ cluster: [DevicePlace]) {
        places = cluster
        sorts = Array(repeating: [:], count: cluster.count)
    }

    mutating func place(_ demand: DeviceDemand) -> Bool {
        let sort = demand.isShare ? 0 : demand.count
        var best: (place: Int, score: Int)?
        for (index, place) in places.enumerated() where place.fits(demand) {
            let score = demand.count == 0 ? 0 : score(of: index, for: sort)
            if let best, best.score >= score { continue }
            best = (index, score)
        }
        guard let best else { return false }
        let device = places[best.place].fullest(for: demand.share) ?? 0
        places[best.place].take(demand, from: device)
        if demand.count > 0 { sorts[best.place][sort, default: 0] += 1 }
        return true
    }

    private func score(of place: Int, for sort: Int) -> Int {
        let full = 25 * (Int(LargestNode.devices) - places[place].free) / Int(LargestNode.devices)
        let here = sorts[place]
        if here[sort] != nil { return full + (here.count == 1 ? 75 : 50) }
        return here.isEmpty ? full + 25 : full
    }
}

/// Any node on which the task fits, and any device.
private struct RandomChooser: ExperimentChooser {
    private var places: [DevicePlace]
    private var random: SplitMix
    let rememberedShare = 0.0

    init(_ cluster: [DevicePlace], _ random: SplitMix) {
        places = cluster
        self.random = random
    }

    mutating func place(_ demand: DeviceDemand) -> Bool {
        let fitting = places.indices.filter { places[$0].fits(demand) }
        guard !fitting.isEmpty else { return false }
        let place = fitting[random.below(fitting.count)]
        let devices = places[place].devices.indices.filter {
            Int(places[place].devices[$0]) >= demand.share
        }
        let device = devices.isEmpty ? 0 : devices[random.below(devices.count)]
        places[place].take(demand, from: device)
        return true
    }
}
