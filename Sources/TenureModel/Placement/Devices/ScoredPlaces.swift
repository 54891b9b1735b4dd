// Places with the bids of the sorts of requests seen lately, so that a decision looks only at what
// has changed since the same sort was placed last.
//
//   P1  A remembered bid is what the policy would bid now: forgetting all of them changes nothing.
//
// Every sort has a row: the bids of all places as leaves of a tree of minima. A change of a place
// goes to a list; a row that is asked for first takes in the changes after its own mark. With n
// places and c changes since, a decision is O(c * (bid + log n)). Rows share a byte budget, the
// least recently used goes first.

/// Places and remembered bids.
package struct ScoredPlaces: Sendable {
    private struct RowKey: Hashable {
        let demand: DeviceDemand
        let policy: UInt8
    }

    private struct Row {
        var costs: MinimumTree
        var devices: [UInt8]
        /// How many changes the row has taken in, counted from the beginning.
        var mark: Int
        var used: UInt64
    }

    package private(set) var places: [DevicePlace]
    /// Bids that were found remembered, and bids that were asked of the policy.
    package private(set) var remembered: UInt64 = 0
    package private(set) var computed: UInt64 = 0

    private var rows: [RowKey: Row] = [:]
    private var changes: [Int32] = []
    private var changesForgotten = 0
    /// The highest mark of a row: changes from there on were taken in by none.
    private var highestMark = 0
    private var uses: UInt64 = 0
    private let byteBudget: Int
    /// Leaves of every row.
    private var capacity: Int

    /// Bytes that all rows may take by default: a row of 1,213 places takes 21 KiB.
    package static let byteBudgetDefault = 16 << 20

    /// Places with rows of at most `byteBudget` bytes in all; at least one row is kept.
    package init(_ places: [DevicePlace], byteBudget: Int = byteBudgetDefault) {
        self.places = places
        self.byteBudget = byteBudget
        capacity = MinimumTree.capacity(for: places.count)
    }

    private var rowsMax: Int { max(1, byteBudget / (capacity * 9 + 64)) }

    /// The place and device with the lowest bid; of equal ones the first place.
    ///
    /// `number` tells policies apart that are asked in turn.
    package mutating func best(
        for demand: DeviceDemand,
        by policy: some DevicePolicy,
        number: UInt8 = 0
    ) -> (place: Int, device: Int)? {
        uses += 1
        let key = RowKey(demand: demand, policy: number)
        var row = takeRow(key, policy)
        row.used = uses
        let best = row.costs.first
        let device = best.map { Int(row.devices[$0]) } ?? 0
        rows[key] = row
        return best.map { ($0, device) }
    }

    /// Calls `body` with the `count` places of the lowest bids and these, the lowest first.
    ///
    /// As they were when `best` was asked for the same demand; O(log n).
    func forEachBest(
        _ count: Int,
        for demand: DeviceDemand,
        number: UInt8,
        _ body: (Int, Int32) -> Void
    ) {
        rows[RowKey(demand: demand, policy: number)]?.costs.forEachLeast(count, body)
    }

    /// Changes a place.
    package mutating func change(_ place: Int, _ body: (inout DevicePlace) -> Void) {
        body(&places[place])
        // Several changes of one place in a row are one for who has not looked in between.
        if changes.last == Int32(place), changesForgotten + changes.count > highestMark { return }
        changes.append(Int32(place))
        if changes.count > 4 * max(places.count, 256) { forgetChanges() }
    }

    /// Adds a place behind the others; O(rows) when all rows have to be made larger.
    package mutating func append(_ place: DevicePlace) {
        places.append(place)
        if places.count > capacity {
            forget()
            capacity *= 2
        } else {
            change(places.count - 1) { $0 = place }
        }
    }

    /// Forgets all bids, because the policy is another one.
    package mutating func forget() {
        rows = [:]
        changesForgotten += changes.count
        changes = []
    }

    /// The row of a demand with all changes taken in, removed from the table while it is changed.
    private mutating func takeRow(_ key: RowKey, _ policy: some DevicePolicy) -> Row {
        let now = changesForgotten + changes.count
        highestMark = now
        guard var row = rows.removeValue(forKey: key), row.mark >= changesForgotten else {
            return makeRow(key.demand, policy, mark: now)
        }
        for place in changes[(row.mark - changesForgotten)...] {
            set(Int(place), key.demand, policy, in: &row)
        }
        remembered += UInt64(max(0, places.count - (now - row.mark)))
        row.mark = now
        return row
    }

    private mutating func makeRow(
        _ demand: DeviceDemand,
        _ policy: some DevicePolicy,
        mark: Int
    ) -> Row {
        while rows.count >= rowsMax, let oldest = rows.min(by: { $0.value.used < $1.value.used }) {
            rows[oldest.key] = nil
        }
        var row = Row(
            costs: MinimumTree(count: capacity),
            devices: Array(repeating: 0, count: capacity),
            mark: mark,
            used: uses
        )
        for place in places.indices { set(place, demand, policy, in: &row) }
        return row
    }

    private mutating func set(
        _ place: Int,
        _ demand: DeviceDemand,
        _ policy: some DevicePolicy,
        in row: inout Row
    ) {
        computed += 1
        guard places[place].fits(demand) else { return row.costs.set(place, .max) }
        let bid = policy.bid(for: demand, at: places[place])
        row.devices[place] = UInt8(bid.device)
        row.costs.set(place, bid.cost)
    }

    /// Drops the older half of the changes; rows that have not taken them in are made anew.
    private mutating func forgetChanges() {
        let half = changes.count / 2
        changes.removeFirst(half)
        changesForgotten += half
    }
}

/// A complete binary tree whose leaves are costs and whose inner nodes are minima.
struct MinimumTree {
    private var nodes: [Int32]
    private let capacity: Int

    /// A tree in which no leaf has a cost.
    init(count: Int) {
        capacity = MinimumTree.capacity(for: count)
        nodes = Array(repeating: .max, count: 2 * capacity)
    }

    /// How many leaves a tree for `count` of them has.
    static func capacity(for count: Int) -> Int {
        var capacity = 1
        while capacity < count { capacity *= 2 }
        return capacity
    }

    /// The first leaf with the lowest cost; `nil` when none has a cost.
    var first: Int? {
        guard nodes[1] < .max else { return nil }
        var node = 1
        while node < capacity {
            node *= 2
            if nodes[node] != nodes[node / 2] { node += 1 }
        }
        return node - capacity
    }

    /// Calls `body` with the `count` leaves of the lowest costs and these, of equal ones the first.
    ///
    /// O(count² log n): what is open are the subtrees beside the ways to the leaves found so far.
    func forEachLeast(_ count: Int, _ body: (Int, Int32) -> Void) {
        var open = [1]
        for _ in 0..<count {
            var best = 0
            for index in open.indices where comesBefore(open[index], open[best]) { best = index }
            guard !open.isEmpty, nodes[open[best]] < .max else { return }
            var node = open.remove(at: best)
            while node < capacity {
                node *= 2
                if nodes[node] == nodes[node / 2] {
                    open.append(node + 1)
                } else {
                    open.append(node)
                    node += 1
                }
            }
            body(node - capacity, nodes[node])
        }
    }

    /// Whether the least leaf below `left` comes before that below `right`.
    private func comesBefore(_ left: Int, _ right: Int) -> Bool {
        if nodes[left] != nodes[right] { return nodes[left] < nodes[right] }
        // No subtree is inside another one: their first leaves tell their order.
        return left << left.leadingZeroBitCount < right << right.leadingZeroBitCount
    }

    /// Sets the cost of a leaf; O(log n), less when minima above do not change.
    mutating func set(_ leaf: Int, _ cost: Int32) {
        var node = capacity + leaf
        if nodes[node] == cost { return }
        nodes[node] = cost
        while node > 1 {
            node /= 2
            let minimum = min(nodes[2 * node], nodes[2 * node + 1])
            if nodes[node] == minimum { return }
            nodes[node] = minimum
        }
    }
}
