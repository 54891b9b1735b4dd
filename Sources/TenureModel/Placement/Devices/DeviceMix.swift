// What has been asked for lately: the counts from which prices are learnt.

/// How often each sort of request was seen, old ones counting less.
package struct DeviceMix: Sendable {
    private var counts: [DeviceDemand: Double] = [:]
    /// Requests that were added.
    package private(set) var seen = 0

    /// Nothing was asked for.
    package init() {}

    /// The mix of a record.
    package init(_ policy: LearntPolicy) {
        for sort in policy.mix {
            counts[sort.demand] = Double(sort.count) / LearntPolicy.countUnit
        }
        seen = Int(min(policy.seen, LearntPolicy.seenMax))
    }

    /// Notes a request, placed or not.
    package mutating func add(_ demand: DeviceDemand) {
        counts[demand, default: 0] += 1
        seen += 1
    }

    /// How many sorts are told apart.
    var sorts: Int { counts.count }

    /// Forgets the sorts that were hardly ever asked for: the less frequent half.
    mutating func forgetRare() {
        for sort in sorted.dropFirst(sorts / 2) { counts[sort.demand] = nil }
    }

    /// Lets all that was seen count for `factor` of what it did, and forgets what hardly counts.
    package mutating func decay(to factor: Double) {
        counts = counts.compactMapValues { count in
            count * factor < 0.01 ? nil : count * factor
        }
    }

    /// The sorts, most frequent first; equal ones in an order of their own, never that of a hash.
    package var sorted: [(demand: DeviceDemand, count: Double)] {
        counts.map { ($0.key, $0.value) }.sorted { left, right in
            if left.1 != right.1 { return left.1 > right.1 }
            return DeviceMix.precedes(left.0, right.0)
        }
    }

    private static func precedes(_ left: DeviceDemand, _ right: DeviceDemand) -> Bool {
        if left.cpu != right.cpu { return left.cpu < right.cpu }
        if left.share != right.share { return left.share < right.share }
        if left.count != right.count { return left.count < right.count }
        if left.memory != right.memory { return left.memory < right.memory }
        return left.models.lexicographicallyPrecedes(right.models)
    }

    /// The most frequent sorts that make up `part` of the requests, with weights that sum to one.
    package func typical(
        _ part: Double,
        where isWanted: (DeviceDemand) -> Bool = { _ in true }
    ) -> [TypicalDemand] {
        let wanted = sorted.filter { isWanted($0.demand) }
        let all = wanted.reduce(0) { $0 + $1.count }
        var chosen: [(demand: DeviceDemand, weight: Double)] = []
        var sum = 0.0
        for (demand, count) in wanted where sum < part * all {
            chosen.append((demand, count))
            sum += count
        }
        return chosen.map { TypicalDemand(demand: $0.demand, weight: $0.weight / sum) }
    }
}

/// A sort of request among the typical ones, and its part of them.
package struct TypicalDemand: Equatable, Sendable {
    package let demand: DeviceDemand
    package let weight: Double
}

/// The devices and CPUs that a pool has in all, which prices are relative to.
package struct DeviceSupply: Equatable, Sendable {
    /// Thousandths of a CPU.
    package private(set) var cpu = 0.0
    /// Devices.
    package private(set) var devices = 0.0
    /// Devices of each model.
    package private(set) var models: [Double] = []

    /// The supply of places as they are when nothing is taken.
    package init(_ empty: [DevicePlace]) {
        for place in empty { add(place) }
    }

    /// Adds a place of which nothing is taken.
    mutating func add(_ place: DevicePlace) {
        cpu += Double(place.cpu)
        devices += Double(place.devices.count)
        let model = Int(place.model)
        if models.count <= model {
            models += Array(repeating: 0, count: model + 1 - models.count)
        }
        models[model] += Double(place.devices.count)
    }
}
