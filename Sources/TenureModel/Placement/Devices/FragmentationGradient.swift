// Placement by fragmentation gradient descent (Weng et al., "Beware of Fragmentation: Scheduling
// GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX ATC 2023, section 4).
//
// The fragments of a place are the free shares that a request drawn from the typical workload could
// not use; a request goes where it adds the fewest. Scores are whole numbers as in the published
// simulator: floor(100 * sigmoid(fragments taken away / 1000)).

/// Ranks places by the fragments that a request would add.
package struct FragmentationGradient: DevicePolicy {
    private let typical: [TypicalDemand]

    /// Goes by the sorts that make up 95 % of a mix.
    package init(_ mix: DeviceMix) {
        typical = mix.typical(0.95)
    }

    package func bid(for demand: DeviceDemand, at place: DevicePlace) -> DeviceBid {
        let before = fragments(place, cpu: place.cpu)
        let cpu = place.cpu - demand.cpu
        if !demand.isShare {
            var after = place
            after.take(demand, from: 0)
            return DeviceBid(cost: -score(before - fragments(after, cpu: after.cpu)), device: 0)
        }
        var best: DeviceBid?
        for (device, free) in place.devices.enumerated() where Int(free) >= demand.share {
            if place.devices[..<device].contains(free) { continue }
            let after = fragments(place, cpu: cpu, with: Int(free) - demand.share, of: device)
            let cost = -score(before - after)
            if let best, best.cost <= cost { continue }
            best = DeviceBid(cost: cost, device: device)
        }
        return best ?? DeviceBid(cost: .max, device: 0)
    }

    /// What of a place the typical requests could not use, in whole thousandths of a device.
    package func fragments(of place: DevicePlace) -> Int {
        Int(fragments(place, cpu: place.cpu).rounded())
    }

    private func score(_ taken: Double) -> Int32 {
        Int32(100 / (1 + exponential(-taken / 1000)))
    }

    private func fragments(
        _ place: DevicePlace,
        cpu: UInt64,
        with free: Int = 0,
        of changed: Int = -1
    ) -> Double {
        var sum = 0.0
        for each in typical {
            let demand = each.demand
            var all = 0
            var tooSmall = 0
            var fitting = 0
            for (device, unchanged) in place.devices.enumerated() {
                let free = device == changed ? free : Int(unchanged)
                all += free
                if free >= demand.share { fitting += 1 } else { tooSmall += free }
            }
            let isUsable =
                demand.count > 0 && demand.allows(place.model) && fitting >= demand.count
                && cpu >= demand.cpu
            sum += each.weight * Double(isUsable ? tooSmall : all)
        }
        return sum
    }
}
