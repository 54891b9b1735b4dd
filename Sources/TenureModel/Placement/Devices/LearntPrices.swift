// When prices are made anew: at the 50th request, and then whenever half as many again have come,
// at least 1,000 later once they are many. Each time what was seen before counts for less, so that
// prices follow a workload that changes.

/// The requests from which the next prices are learnt.
struct LearningMix {
    private var mix = DeviceMix()
    private var next = LearningMix.first

    /// The request at which prices are learnt first.
    private static let first = 50
    /// From so many requests on, prices are made anew after so many more.
    private static let stride = 1_000
    /// What a request counts after every `stride` later ones: a half after about 7,000.
    private static let decay = 0.9
    /// The most sorts that are told apart; past it the less frequent half is forgotten.
    private static let sortsMax = 4_096

    /// Nothing was asked for.
    init() {}

    /// Requests that were noted, those of the record included.
    var seen: UInt64 { UInt64(mix.seen) }

    /// Goes on where a record left off.
    init(_ policy: LearntPolicy) {
        mix = DeviceMix(policy)
        turn()
    }

    /// Notes a request, placed or not; true when it is time to learn.
    mutating func note(_ demand: DeviceDemand) -> Bool {
        mix.add(demand)
        if mix.sorts > Self.sortsMax { mix.forgetRare() }
        return mix.seen >= next
    }

    /// What is to be learnt from; from here on it counts for less.
    mutating func take() -> DeviceMix {
        let taken = mix
        turn()
        return taken
    }

    private mutating func turn() {
        next = mix.seen + max(1, min(mix.seen / 2, Self.stride))
        if mix.seen >= Self.stride { mix.decay(to: Self.decay) }
    }
}

/// Prices that follow what is asked for, learnt where they are used.
package struct LearntPrices: Sendable {
    /// The prices that hold now.
    package private(set) var prices: FairPrices
    /// How often they were made anew.
    package private(set) var version = 0

    private let supply: DeviceSupply
    private var mix = LearningMix()

    /// The prices for a pool that has not been asked for anything.
    package init(on supply: DeviceSupply) {
        self.supply = supply
        prices = FairPrices(learning: DeviceMix(), on: supply)
    }

    /// Notes a request; true when the prices are others from now on.
    package mutating func note(_ demand: DeviceDemand) -> Bool {
        guard mix.note(demand) else { return false }
        prices = FairPrices(learning: mix.take(), on: supply)
        version += 1
        return true
    }
}
