// Prices at which shared devices are given out: what is left of a place is worth what it can still
// earn, and a request goes where the least worth is lost.
//
//   worth(place) = sum of slice[free of a device]          what its free shares can earn
//                - devices that its free CPU can not feed
//                - overload * what the typical requests could not use of it
//   cost = floor((worth before - worth after + pressure[model] * devices + stretch) / step)
//
// `slice` is the dual of the cutting-stock problem of the mix of shares (Gilmore and Gomory 1961),
// approximated by multiplicative weights (Plotkin, Shmoys and Tardos 1995): the price of a size
// rises where fillings leave it short. `pressure` is how much the requests that are bound to a
// model ask of it. Both are learnt from a mix and then fixed: two ledgers with the same prices
// decide alike. `stretch` is for keeping the place, and the device that a share comes from, taken
// for longer than what is there does (after "non-invasive lifetime-aware scoring" of Ling et al.,
// LAVA, MLSys 2025): what ends together leaves whole devices and places free.

/// Prices for the shares of devices, learnt from a mix of requests.
package struct FairPrices: DevicePolicy, Equatable {
    /// How a device with r hundredths free is valued, in devices; 0...100.
    private(set) var slice: [Double]
    /// Thousandths of a CPU that a device needs to be of use.
    private(set) var cpuPerDevice: Double
    /// What a device of each model costs on top, in devices.
    private(set) var pressure: [Double]
    /// How far CPUs are short, 0...1.
    private(set) var overload: Double
    /// The requests that are weighed when CPUs are short.
    private(set) var typical: [TypicalDemand]

    /// Costs are whole steps of so many devices, so that near-equal places tie.
    private static let step = 0.03
    /// What it costs, in devices, to keep a place or a device taken for one class of lives longer.
    private static let stretch = 0.03
    private static let rounds = 3000
    private static let learningRate = 9.0

    /// The prices for a mix on what the pool has.
    ///
    /// About 10 ms for some hundred sorts of requests: O(rounds * 100 * sizes).
    package init(learning mix: DeviceMix, on supply: DeviceSupply) {
        let asked = mix.sorted
        let shared = asked.filter { $0.demand.count > 0 }
        let devices = shared.reduce(0) { $0 + $1.count * Double($1.demand.total) / 1000 }
        let cpuBeside = shared.reduce(0) { $0 + $1.count * Double($1.demand.cpu) }
        let cpu = asked.reduce(0) { $0 + $1.count * Double($1.demand.cpu) }
        let supplied = supply.devices > 0 ? supply.cpu / supply.devices : 0
        let fed = devices > 0 ? cpuBeside / devices : supplied
        cpuPerDevice = min(max(fed, 1), 1e15).rounded()
        slice = FairPrices.slicePrices(
            shared.filter(\.demand.isShare).map { ($0.demand.share, $0.count) }
        )
        pressure = FairPrices.pressures(
            shared.filter { !$0.demand.models.isEmpty },
            supply,
            scale: devices > 0 ? supply.devices / devices : 0
        )
        let load = devices > 0 && supplied > 0 ? cpu / devices / supplied : 0
        overload = FairPrices.rounded(min(1, max(0, 20 * (load - 0.98))))
        typical = overload > 0 ? FairPrices.typical(of: mix) : []
    }

    /// The prices of a record.
    package init(_ policy: LearntPolicy) {
        slice = policy.slice.map { Double($0) / LearntPolicy.unit }
        cpuPerDevice = Double(policy.cpuPerDevice)
        pressure = policy.pressure.map { Double($0) / LearntPolicy.unit }
        overload = Double(policy.overload) / LearntPolicy.unit
        typical = overload > 0 ? FairPrices.typical(of: DeviceMix(policy)) : []
    }

    /// The record of these prices, which were learnt from `mix`.
    func record(version: UInt32, models: [[Label]], mix: DeviceMix) -> LearntPolicy {
        func whole(_ value: Double) -> Double { (value * LearntPolicy.unit).rounded() }
        return LearntPolicy(
            version: version,
            seen: UInt64(mix.seen),
            models: models,
            pressure: models.indices.map { model in
                model < pressure.count ? UInt32(min(whole(pressure[model]), 1e9)) : 0
            },
            slice: slice.map { UInt16(whole($0)) },
            cpuPerDevice: UInt64(cpuPerDevice),
            overload: UInt16(whole(overload)),
            mix: mix.sorted.prefix(LearntPolicy.sortsMax).map { sort in
                LearntPolicy.Sort(
                    demand: sort.demand,
                    count: UInt64((sort.count * LearntPolicy.countUnit).rounded())
                )
            }
        )
    }

    /// To the ten-thousandths in which prices are recorded.
    private static func rounded(_ value: Double) -> Double {
        (value * LearntPolicy.unit).rounded() / LearntPolicy.unit
    }

    private static func typical(of mix: DeviceMix) -> [TypicalDemand] {
        mix.typical(0.95) { $0.count > 0 }
    }

    package func bid(for demand: DeviceDemand, at place: DevicePlace) -> DeviceBid {
        let cpu = place.cpu - demand.cpu
        if demand.count == 0 {
            let lost = worth(place, cpu: place.cpu) - worth(place, cpu: cpu)
            return DeviceBid(cost: steps(lost + stretch(demand, place.lifetime)), device: 0)
        }
        let before = worth(place, cpu: place.cpu)
        let pressing = Int(place.model) < pressure.count ? pressure[Int(place.model)] : 0
        let price =
            before + pressing * Double(demand.total) / 1000 + stretch(demand, place.lifetime)
        if !demand.isShare {
            var after = place
            after.take(demand, from: 0)
            return DeviceBid(cost: steps(price - worth(after, cpu: after.cpu)), device: 0)
        }
        var best: DeviceBid?
        for (device, free) in place.devices.enumerated() where Int(free) >= demand.share {
            if place.hasEarlier(like: device) { continue }
            let after = worth(
                place,
                cpu: cpu,
                with: Int(free) - demand.share,
                of: device
            )
            let cost = steps(price - after + stretch(demand, place.lifetime(ofDevice: device)))
            if let best, best.cost <= cost { continue }
            best = DeviceBid(cost: cost, device: device)
        }
        return best ?? DeviceBid(cost: .max, device: 0)
    }

    /// What it costs that something is taken for longer than it is.
    private func stretch(_ demand: DeviceDemand, _ lifetime: LifetimeClass) -> Double {
        guard demand.lifetime > lifetime else { return 0 }
        return Self.stretch * Double(demand.lifetime.rawValue - lifetime.rawValue)
    }

    private func steps(_ lost: Double) -> Int32 {
        Int32(min(max((lost / Self.step).rounded(.down), -1e9), 1e9))
    }

    /// What a place can still earn with so much CPU, one device having `free` instead.
    private func worth(
        _ place: DevicePlace,
        cpu: UInt64,
        with free: Int = 0,
        of changed: Int = -1
    ) -> Double {
        if place.devices.isEmpty { return 0 }
        var earns = 0.0
        var left = 0
        for (device, unchanged) in place.devices.enumerated() {
            let free = device == changed ? free : Int(unchanged)
            earns += slice[free / 10]
            left += free
        }
        let devices = Double(left) / 1000
        earns -= max(0, devices - Double(cpu) / cpuPerDevice)
        if overload > 0 {
            earns -= overload * unusable(place, devices, cpu, with: free, of: changed)
        }
        return earns
    }

    /// What the typical requests could not use of what is free, in devices.
    private func unusable(
        _ place: DevicePlace,
        _ devices: Double,
        _ cpu: UInt64,
        with free: Int,
        of changed: Int
    ) -> Double {
        var sum = 0.0
        for each in typical {
            let demand = each.demand
            var slots = 0
            if demand.allows(place.model) {
                for (device, unchanged) in place.devices.enumerated() {
                    let free = device == changed ? free : Int(unchanged)
                    slots += demand.count == 1 ? free / demand.share : free / DevicePlace.whole
                }
            }
            var usable = Double(slots)
            if demand.cpu > 0 {
                usable = min(usable, Double(cpu) / Double(demand.cpu) * Double(demand.count))
            }
            sum += each.weight * (devices - Double(demand.share) / 1000 * usable)
        }
        return sum
    }

    /// The value of every free amount in hundredths, a whole device being one.
    private static func slicePrices(_ shares: [(share: Int, count: Double)]) -> [Double] {
        var bySize: [Int: Double] = [:]
        for (share, count) in shares { bySize[(share + 9) / 10, default: 0] += count }
        let sizes = bySize.keys.sorted()
        guard !sizes.isEmpty else { return (0...100).map { rounded(Double($0) / 100) } }
        let demand = sizes.map { bySize[$0] ?? 0 }
        let volume = zip(sizes, demand).reduce(0) { $0 + Double($1.0) / 100 * $1.1 }
        var prices = sizes.map { Double($0) / 100 }
        var sums = [Double](repeating: 0, count: 101)
        var filling = KnapsackRound()
        for round in 0..<rounds {
            filling.solve(sizes: sizes, prices: prices)
            if round >= rounds / 5 { filling.addShares(to: &sums) }
            filling.forEachUse(sizes: sizes) { size in
                prices[size] *= exponential(-learningRate / Double(rounds) * volume / demand[size])
            }
            let worth = zip(prices, demand).reduce(0) { $0 + $1.0 * $1.1 }
            for size in prices.indices { prices[size] *= volume / worth }
        }
        return sums.map { rounded($0 / sums[100]) }
    }

    /// Requests bound to models, spread over the models that will do, over what there is of each.
    private static func pressures(
        _ bound: [(demand: DeviceDemand, count: Double)],
        _ supply: DeviceSupply,
        scale: Double
    ) -> [Double] {
        var pressure = [Double](repeating: 0, count: supply.models.count)
        guard !bound.isEmpty else { return pressure }
        for _ in 0..<20 {
            var volume = [Double](repeating: 0, count: pressure.count)
            for (demand, count) in bound {
                let models = demand.models.map(Int.init).filter { $0 < pressure.count }
                let weights = models.map { supply.models[$0] / (0.1 + pressure[$0]) }
                let sum = weights.reduce(0, +)
                guard sum > 0 else { continue }
                let asked = count * Double(demand.total) / 1000 * scale
                for (model, weight) in zip(models, weights) {
                    volume[model] += asked * weight / sum
                }
            }
            for model in pressure.indices where supply.models[model] > 0 {
                pressure[model] = (pressure[model] + volume[model] / supply.models[model]) / 2
            }
        }
        return pressure.map(rounded)
    }
}

/// The best filling of one device at given prices, by dynamic programming over hundredths.
private struct KnapsackRound {
    private var best = [Double](repeating: 0, count: 101)
    private var taken = [Int](repeating: -1, count: 101)

    /// Finds the filling of every amount that earns the most.
    mutating func solve(sizes: [Int], prices: [Double]) {
        for room in 1...100 {
            var earns = best[room - 1]
            var size = -1
            for (index, hundredths) in sizes.enumerated() {
                if hundredths > room { break }
                let with = best[room - hundredths] + prices[index]
                if with > earns {
                    earns = with
                    size = index
                }
            }
            best[room] = earns
            taken[room] = size
        }
    }

    /// Adds what each amount earns, in parts of a whole device.
    func addShares(to sums: inout [Double]) {
        guard best[100] > 0 else { return }
        for room in 0...100 { sums[room] += best[room] / best[100] }
    }

    /// Calls `body` with each size in the filling of a whole device, as often as it is used.
    func forEachUse(sizes: [Int], _ body: (Int) -> Void) {
        var room = 100
        while room > 0 {
            if taken[room] < 0 {
                room -= 1
            } else {
                body(taken[room])
                room -= sizes[taken[room]]
            }
        }
    }
}
