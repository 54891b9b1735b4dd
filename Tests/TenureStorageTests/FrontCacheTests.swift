// The front cache: how much it holds changes what it costs, never what it answers.

import TenureLog
import TenureModel
import TenureStorage
import TenureTesting
import Testing

@Suite("Front cache")
struct FrontCacheTests {
    static let budgets = [
        FrontCacheBudget(bytes: 0, rows: 0), FrontCacheBudget(rows: 1),
        FrontCacheBudget(bytes: 4_000), FrontCacheBudget(rows: 7), FrontCacheBudget(),
    ]

    @Test(arguments: budgets)
    func `I10: results are the same with any room`(budget: FrontCacheBudget) throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        let cache = try FrontCache(store, budget: budget)
        var model = ModelState(seed: 31)
        for round in 0..<8 {
            try expectRows(cache, of: model)
            model.change(15)
            let changes = model.freeze()
            try store.commit(changes, seal: .zero)
            var absorption = FrozenAbsorption(changes)
            while cache.absorb(next: round, of: &absorption) {}
            try expectRows(cache, of: model)
            try expectRows(cache, of: model)
            let figures = cache.figures
            #expect(figures.rows <= budget.rows)
            #expect(figures.bytes <= budget.bytes)
            #expect(figures.rows > 0 || budget.rows == 0)
        }
    }

    @Test
    func `what fits is read once`() throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        let cache = try FrontCache(store)
        let absent = LeaseID(rawValue: 1)
        #expect(try cache.lease(absent) == nil)
        #expect(try cache.lease(absent) == nil)
        #expect(cache.figures.misses == 1)
        #expect(cache.figures.hits == 1)
    }

    @Test
    func `the row used longest ago makes room`() throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        let cache = try FrontCache(store, budget: FrontCacheBudget(rows: 2))
        for id in [1, 2, 1, 3] as [UInt64] { _ = try cache.lease(LeaseID(rawValue: id)) }
        #expect(cache.figures.evictions == 1)
        let misses = cache.figures.misses
        _ = try cache.lease(LeaseID(rawValue: 1))
        #expect(cache.figures.misses == misses)
        _ = try cache.lease(LeaseID(rawValue: 2))
        #expect(cache.figures.misses == misses + 1)
    }

    @Test
    func `an absence that was proved ends when a checkpoint brings the row`() throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        let cache = try FrontCache(store)
        var values = RandomValues(seed: 32)
        let lease = values.lease()
        #expect(try cache.lease(lease.id) == nil)
        var changes = FrozenChanges()
        changes.leases[lease.id] = Changed(value: lease, position: 1)
        try store.commit(changes, seal: .zero)
        cache.absorbAll(changes)
        #expect(try cache.lease(lease.id) == lease)
        changes.leases[lease.id] = Changed(value: nil, position: 2)
        try store.commit(changes, seal: .zero)
        cache.absorbAll(changes)
        #expect(try cache.lease(lease.id) == nil)
    }
}

extension FrontCache {
    /// Takes over all rows of a checkpoint.
    func absorbAll(_ changes: FrozenChanges) {
        var absorption = FrozenAbsorption(changes)
        while absorb(next: 1_000, of: &absorption) {}
    }
}
