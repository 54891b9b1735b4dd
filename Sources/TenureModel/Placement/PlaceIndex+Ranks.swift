// Measures by which places are ranked: how loaded they are, what they cost, how fast they are.
//
//   K1  The rank of an inner node is not above that of any place below it that might fit.
//
// Each measure is a tree of maxima over the places. A node of a tree so tells the best that a whole
// range of places could offer, and a search that opens the most promising range first finds the
// best place without looking at the others. The trees are made when a strategy first asks, and
// kept from then on.

internal import TenureBase

/// The measures of all places of a pool.
struct PlaceRanks {
    /// What ranks places in one kind.
    struct KindRanks {
        let kind: Kind
        /// The share of the kind that is free, of `unit`.
        var free: MaximumTree
        /// The share that is taken; `unit` less the above.
        var taken: MaximumTree
        /// The lowest price, as its complement.
        var cheapness: MaximumTree
        /// The highest price.
        var price: MaximumTree
    }

    /// The whole of a share.
    static let unit: UInt64 = 1 << 20

    fileprivate(set) var kinds: [KindRanks] = []
    /// The highest `performance` that a label of an active resource of the place states.
    fileprivate(set) var performance: MaximumTree

    fileprivate init(capacity: Int) {
        performance = MaximumTree(capacity: capacity)
    }

    /// Doubles the number of places.
    mutating func grow() {
        performance.grow()
        for index in kinds.indices {
            kinds[index].free.grow()
            kinds[index].taken.grow()
            kinds[index].cheapness.grow()
            kinds[index].price.grow()
        }
    }

    /// The part `amount` of `all`, of `unit`; 0 of nothing.
    static func share(_ amount: UInt64, of all: UInt64) -> UInt64 {
        if amount >= all { return all == 0 ? 0 : unit }
        return UInt64(UInt128(amount) * UInt128(unit) / UInt128(all))
    }
}

extension PlaceIndex {
    /// Ranks all places from here on; O(places) the first time.
    mutating func prepareRanks(in resources: [Resource?]) {
        guard ranks == nil else { return }
        ranks = PlaceRanks(capacity: capacity)
        for kind in trees.map(\.kind) {
            for slot in places.indices { rank(slot, kind: kind, in: resources) }
        }
        for slot in places.indices { rankPerformance(slot, in: resources) }
    }

    /// Takes in what became of one kind in one place.
    mutating func rank(_ slot: Int, kind: Kind, in resources: [Resource?]) {
        guard let tree = rankIndex(of: kind) else { return }
        var free: UInt64 = 0
        var all: UInt64 = 0
        var lowest = UInt64.max
        var highest: UInt64 = 0
        for id in places[slot].resources {
            guard let resource = resources[Int(id.rawValue)], resource.kind == kind,
                resource.state == .active
            else { continue }
            free = saturatingSum(free, resource.free)
            all = saturatingSum(all, resource.capacity)
            lowest = min(lowest, resource.cost)
            highest = max(highest, resource.cost)
        }
        let share = PlaceRanks.share(free, of: all)
        ranks?.kinds[tree].free.set(slot, share)
        ranks?.kinds[tree].taken.set(slot, all == 0 ? 0 : PlaceRanks.unit - share)
        ranks?.kinds[tree].cheapness.set(slot, ~lowest)
        ranks?.kinds[tree].price.set(slot, highest)
    }

    /// Takes in what the labels of one place say, and whether its resources are active.
    mutating func rankPerformance(_ slot: Int, in resources: [Resource?]) {
        let best = places[slot].resources.lazy.compactMap { id in
            resources[Int(id.rawValue)].flatMap { $0.state == .active ? $0.performance : nil }
        }
        ranks?.performance.set(slot, best.max() ?? 0)
    }

    private mutating func rankIndex(of kind: Kind) -> Int? {
        guard let ranks else { return nil }
        if let index = ranks.kinds.firstIndex(where: { $0.kind == kind }) { return index }
        let tree = MaximumTree(capacity: capacity)
        self.ranks?.kinds.append(
            PlaceRanks.KindRanks(kind: kind, free: tree, taken: tree, cheapness: tree, price: tree)
        )
        return ranks.kinds.count
    }
}

extension Resource {
    /// What its label `performance` states, as a whole number; 0 without one.
    var performance: UInt64 {
        guard let label = labels.first(where: { $0.name == "performance" }) else { return 0 }
        return label.value.utf8.first == 0x2b ? 0 : UInt64(label.value) ?? 0
    }
}
