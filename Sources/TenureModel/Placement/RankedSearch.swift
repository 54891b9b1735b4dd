// Finds places in the order of a ranking: the best first, of equal ones the first.
//
// A best-first search over the trees of the index. What is open is a heap of ranges of places with
// the best rank that a place of the range could have (K1), and of places whose rank is known. When
// a place comes up no other can be better. Where the measures tell places apart, few are looked at;
// where all are equal, the first that fits is.

/// Which places are preferred; of ranks the lower is better.
enum Ranking {
    /// The largest share of the scarcest kind free.
    case spread
    /// The lowest price for all that is asked there.
    case cost
    /// The highest `performance`.
    case performance
    /// The least sum of the price, the lack of performance and the free share of the scarcest
    /// kind, each weighted.
    case balanced(ObjectiveWeights)
}

/// A search of the places that might fit one claim.
struct RankedSearch {
    /// A range of places, or one with its rank.
    private struct Entry: Comparable {
        let rank: UInt64
        /// The first place of the range.
        let slot: Int
        /// The node of the trees; 0 when the rank is known.
        let node: Int

        static func < (left: Entry, right: Entry) -> Bool {
            left.rank != right.rank ? left.rank < right.rank : left.slot < right.slot
        }
    }

    /// What comes up next.
    enum Step {
        /// A place whose rank is to be found out, and told by `found`.
        case candidate(Int)
        /// The best place, with its rank.
        case best(Int, rank: UInt64)
    }

    private let measure: RankMeasure
    private let needs: [PlaceIndex.Need]
    /// Places that others of the request are in already: their ranks are told, not looked up.
    private let known: [Int]
    private var open: MinimumHeap<Entry>

    /// A search over `index` for `amounts`; nothing when it lacks a kind.
    ///
    /// The index must have been prepared for ranks.
    init?(
        _ ranking: Ranking,
        for amounts: [ClaimAmount],
        in index: PlaceIndex,
        leavingOut known: [Int]
    ) {
        guard let needs = index.needs(of: amounts), let ranks = index.ranks,
            let measure = RankMeasure(ranking, for: amounts, in: ranks)
        else { return nil }
        self.measure = measure
        self.needs = needs
        self.known = known
        open = MinimumHeap()
        add(node: 1, slot: 0, in: index, ranks)
    }

    /// Opens ranges until a place comes up; nothing when none is left.
    mutating func next(in index: PlaceIndex) -> Step? {
        guard let ranks = index.ranks else { return nil }
        while let entry = open.popFirst() {
            if entry.node == 0 { return .best(entry.slot, rank: entry.rank) }
            if entry.node >= index.capacity {
                if known.contains(entry.slot) { continue }
                return .candidate(entry.slot)
            }
            let depth = entry.node.leadingZeroBitCount - index.capacity.leadingZeroBitCount
            add(node: 2 * entry.node, slot: entry.slot, in: index, ranks)
            add(
                node: 2 * entry.node + 1,
                slot: entry.slot + 1 << (depth - 1),
                in: index,
                ranks
            )
        }
        return nil
    }

    /// The best places that `look` finds a rank for, which stay to be found.
    mutating func peek(
        _ count: Int,
        in index: PlaceIndex,
        _ look: (Int) -> UInt64?
    ) -> [(slot: Int, rank: UInt64)] {
        var best: [(slot: Int, rank: UInt64)] = []
        while best.count < count, let step = next(in: index) {
            switch step {
            case .candidate(let slot):
                if let rank = look(slot) { found(slot, rank: rank) }
            case .best(let slot, let rank): best.append((slot, rank))
            }
        }
        for (slot, rank) in best { found(slot, rank: rank) }
        return best
    }

    /// Tells the rank of a place that fits.
    mutating func found(_ slot: Int, rank: UInt64) {
        open.insert(Entry(rank: rank, slot: slot, node: 0))
    }

    private mutating func add(node: Int, slot: Int, in index: PlaceIndex, _ ranks: PlaceRanks) {
        guard index.mightFit(needs, node: node, view: .now) else { return }
        open.insert(Entry(rank: measure.bound(of: node, in: ranks), slot: slot, node: node))
    }
}

/// A ranking made ready for one claim.
struct RankMeasure {
    /// A kind that is asked for: its trees and the factor of its price.
    private struct Priced {
        let tree: Int
        let amount: UInt64
        let kind: Kind
    }

    private let ranking: Ranking
    private let priced: [Priced]
    /// The trees of the scarcest kind.
    private let scarcest: Int
    /// The scarcest kind that is asked for.
    let scarcestKind: Kind
    /// What the claim would cost at the highest prices of the pool.
    private let highestPrice: UInt64
    /// The highest performance in the pool.
    private let highestPerformance: UInt64

    /// The measures of `ranks` for `amounts`; nothing when a kind is not there.
    init?(_ ranking: Ranking, for amounts: [ClaimAmount], in ranks: PlaceRanks) {
        var priced: [Priced] = []
        for amount in Placer.scarcestFirst(amounts) {
            guard let tree = ranks.kinds.firstIndex(where: { $0.kind == amount.kind }) else {
                return nil
            }
            priced.append(Priced(tree: tree, amount: amount.amount, kind: amount.kind))
        }
        guard let first = priced.first else { return nil }
        self.ranking = ranking
        self.priced = priced
        scarcest = first.tree
        scarcestKind = first.kind
        highestPrice = priced.reduce(0) { sum, part in
            let price = ranks.kinds[part.tree].price.nodes[1]
            return sum.addingSaturating(HourlyPrice.of(part.amount, part.kind, at: price))
        }
        highestPerformance = ranks.performance.nodes[1]
    }

    /// The best rank that a place below `node` could have (K1).
    func bound(of node: Int, in ranks: PlaceRanks) -> UInt64 {
        switch ranking {
        case .spread: PlaceRanks.unit - ranks.kinds[scarcest].free.nodes[node]
        case .cost: lowestPrice(below: node, in: ranks)
        case .performance: highestPerformance - ranks.performance.nodes[node]
        case .balanced(let weights):
            balance(
                weights,
                price: weights.cost == 0 ? 0 : lowestPrice(below: node, in: ranks),
                performance: ranks.performance.nodes[node],
                free: PlaceRanks.unit - ranks.kinds[scarcest].taken.nodes[node]
            )
        }
    }

    /// The rank of a place, by what the claim would cost there, and by its performance and the
    /// share of the scarcest kind that is free there.
    func rank(price: UInt64, performance: UInt64, free: UInt64) -> UInt64 {
        switch ranking {
        case .spread: PlaceRanks.unit - free
        case .cost: price
        case .performance: highestPerformance - min(performance, highestPerformance)
        case .balanced(let weights):
            balance(weights, price: price, performance: performance, free: free)
        }
    }

    private func lowestPrice(below node: Int, in ranks: PlaceRanks) -> UInt64 {
        var sum: UInt64 = 0
        for part in priced {
            let price = ~ranks.kinds[part.tree].cheapness.nodes[node]
            sum = sum.addingSaturating(HourlyPrice.of(part.amount, part.kind, at: price))
        }
        return sum
    }

    private func balance(
        _ weights: ObjectiveWeights,
        price: UInt64,
        performance: UInt64,
        free: UInt64
    ) -> UInt64 {
        let lack = highestPerformance - min(performance, highestPerformance)
        return weights.cost * PlaceRanks.share(price, of: highestPrice)
            + weights.performance * PlaceRanks.share(lack, of: highestPerformance)
            + weights.utilisation * free
    }
}

/// What amounts cost for an hour.
enum HourlyPrice {
    /// `amount` base units at `cost` thousandths for one unit and hour, in millionths, rounded up.
    ///
    /// A unit is that of budgets (`Kind.baseUnitsPriced`). As large as it gets where 64 bits can
    /// not tell it.
    static func of(_ amount: UInt64, _ kind: Kind, at cost: UInt64) -> UInt64 {
        let units = kind.baseUnitsPriced
        // Rankings ask this of many ranges: what comes out even needs no long division.
        if 1_000 % units == 0 {
            return amount.multiplyingSaturating(by: cost).multiplyingSaturating(by: 1_000 / units)
        }
        let product = UInt128(amount) * UInt128(cost)
        let (millionths, overflow) = product.multipliedReportingOverflow(by: 1_000)
        if overflow { return .max }
        let (whole, rest) = millionths.quotientAndRemainder(dividingBy: UInt128(units))
        return UInt64(clamping: whole + (rest > 0 ? 1 : 0))
    }

    /// What parts cost for an hour, in millionths.
    static func of(_ parts: [Placement], in resources: [Resource?]) -> UInt64 {
        parts.reduce(0) { sum, part in
            guard let resource = resources[Int(part.resource.rawValue)] else { return sum }
            return sum.addingSaturating(of(part.amount, resource.kind, at: resource.cost))
        }
    }
}

extension UInt64 {
    /// The sum, or the largest number when it is larger.
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The product, or the largest number when it is larger.
    func multiplyingSaturating(by other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}

/// A binary heap that gives the least element first.
struct MinimumHeap<Element: Comparable> {
    private var elements: [Element] = []

    /// Adds an element; O(log n).
    mutating func insert(_ element: Element) {
        var index = elements.count
        elements.append(element)
        while index > 0 {
            let parent = (index - 1) / 2
            if elements[parent] <= element { break }
            elements.swapAt(parent, index)
            index = parent
        }
    }

    /// Takes the least element out; O(log n).
    mutating func popFirst() -> Element? {
        guard let first = elements.first, let last = elements.popLast() else { return nil }
        if elements.isEmpty { return first }
        elements[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < elements.count && elements[child] < elements[least] {
                least = child
            }
            if least == index { return first }
            elements.swapAt(least, index)
            index = least
        }
    }
}
