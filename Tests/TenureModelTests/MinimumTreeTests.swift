// The tree of costs behind remembered bids, against a sorted list.

import Testing

@testable import TenureModel

@Suite("Minimum tree")
struct MinimumTreeTests {
    /// Few different costs, so that most are equal to others.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `the least leaves come in the order of cost and number`(seed: UInt64) {
        var dice = Dice(seed: seed)
        let count = Int(dice.pick(1...40))
        var tree = MinimumTree(count: count)
        var costs = [Int32](repeating: .max, count: count)
        for _ in 0..<120 {
            let leaf = Int(dice.pick(0...UInt64(count - 1)))
            costs[leaf] = dice.chance(15) ? .max : Int32(dice.pick(0...4)) - 2
            tree.set(leaf, costs[leaf])
            let wanted = Int(dice.pick(0...6))
            var found: [Int] = []
            tree.forEachLeast(wanted) { leaf, cost in
                found.append(leaf)
                #expect(cost == costs[leaf])
            }
            let order = costs.indices.filter { costs[$0] < .max }
                .sorted { (costs[$0], $0) < (costs[$1], $1) }
            #expect(found == Array(order.prefix(wanted)), "seed \(seed): \(costs)")
            #expect(tree.first == order.first)
        }
    }
}
