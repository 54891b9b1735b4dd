// Fair prices that follow what is asked for.
//
// The prices are made anew at the 50th request, and then whenever half as many again have come, at
// least 1,000 later once they are many. Each time what was seen before counts for less, so that
// prices follow a workload that changes.

/// Prices and the mix from which the next ones are learnt.
package struct LearntPrices: Sendable {
    /// The prices that hold now.
    package private(set) var prices: FairPrices
    /// How often they were made anew.
    package private(set) var version = 0

    private let supply: DeviceSupply
    private var mix = DeviceMix()
    private var next = 50

    /// From so many requests on, prices are made anew after so many more.
    private static let stride = 1_000
    /// What a request counts after every `stride` later ones: a half after about 7,000.
    private static let decay = 0.9

    /// The prices for a pool that has not been asked for anything.
    package init(on supply: DeviceSupply) {
        self.supply = supply
        prices = FairPrices(learning: mix, on: supply)
    }

    /// Notes a request; true when the prices are others from now on.
    package mutating func note(_ demand: DeviceDemand) -> Bool {
        mix.add(demand)
        guard mix.seen >= next else { return false }
        prices = FairPrices(learning: mix, on: supply)
        version += 1
        next = mix.seen + max(1, min(mix.seen / 2, Self.stride))
        if mix.seen >= Self.stride { mix.decay(to: Self.decay) }
        return true
    }
}
