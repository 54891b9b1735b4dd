// A tree of maxima over slots: finds the first slot with at least so much in O(log n). And sums.

/// A complete binary tree whose leaves are slots and whose inner nodes are maxima.
struct MaximumTree {
    /// Node 1 is the root; the leaf of slot s is node `capacity + s`.
    private(set) var nodes: [UInt64]
    private(set) var capacity: Int

    /// A tree of zeros with room for `capacity` slots, a power of two.
    init(capacity: Int) {
        self.capacity = capacity
        nodes = Array(repeating: 0, count: 2 * capacity)
    }

    /// The value of `slot`.
    subscript(slot: Int) -> UInt64 { nodes[capacity + slot] }

    /// Sets the value of `slot`; O(log n), less when maxima above do not change.
    mutating func set(_ slot: Int, _ value: UInt64) {
        var node = capacity + slot
        if nodes[node] == value { return }
        nodes[node] = value
        while node > 1 {
            node /= 2
            let maximum = max(nodes[2 * node], nodes[2 * node + 1])
            if nodes[node] == maximum { return }
            nodes[node] = maximum
        }
    }

    /// Doubles the number of slots; O(n).
    mutating func grow() {
        var larger = MaximumTree(capacity: 2 * capacity)
        for slot in 0..<capacity where self[slot] > 0 { larger.set(slot, self[slot]) }
        self = larger
    }
}

/// An amount for each place, and their sum.
struct PlaceSums {
    private var values: [UInt64]
    /// All of them.
    private(set) var total: UInt128 = 0

    /// Nothing for each of `count` places.
    init(count: Int) {
        values = Array(repeating: 0, count: count)
    }

    /// Sets the amount of `slot`.
    mutating func set(_ slot: Int, _ value: UInt64) {
        total = total - UInt128(values[slot]) + UInt128(value)
        values[slot] = value
    }

    /// Doubles the number of places.
    mutating func grow() {
        values += Array(repeating: 0, count: values.count)
    }
}
