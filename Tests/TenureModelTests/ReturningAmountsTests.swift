// What comes back to a resource, against a look at all of it.

import TenureTesting
import Testing

@testable import TenureModel

@Suite("Returning amounts", .computing)
struct ReturningAmountsTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `sums by time are those of a list, however often it changes`(seed: UInt64) {
        var dice = Dice(seed: seed)
        var amounts = ReturningAmounts()
        var list: [LeaseID: (end: LedgerTime, amount: UInt64)] = [:]
        func time(_ dice: inout Dice) -> LedgerTime {
            LedgerTime(nanoseconds: dice.pick(0...500))
        }
        for step in 0..<4_000 {
            let id = LeaseID(rawValue: dice.pick(1...1_500))
            // It grows first, then it shrinks to nothing.
            if let known = list.removeValue(forKey: id) {
                amounts.remove(id, end: known.end)
            } else if dice.chance(step < 2_500 ? 100 : 10) {
                let part = ReturningAmounts.Part(
                    end: time(&dice),
                    lease: id,
                    amount: dice.pick(0...1_000)
                )
                amounts.insert(part)
                list[id] = (part.end, part.amount)
            }
            guard step % 50 == 0 else { continue }
            let times = (0..<5).map { _ in time(&dice) }.sorted()
            let sums = times.map { time in
                list.values.reduce(0) { $1.end <= time ? $0 + $1.amount : $0 }
            }
            #expect(amounts.sums(until: times) == sums)
            #expect(amounts.count == list.count && amounts.isEmpty == list.isEmpty)
            var later: Set<LeaseID> = []
            amounts.forEachLease(after: times[2]) { later.insert($0) }
            #expect(later == Set(list.filter { $0.value.end > times[2] }.keys))
        }
        for (id, known) in list { amounts.remove(id, end: known.end) }
        #expect(amounts.isEmpty)
    }
}
