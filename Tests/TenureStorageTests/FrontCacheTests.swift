// The front cache: how much it holds changes what it costs, never what it answers.

import TenureLog
import TenureModel
import TenureSimulation
import TenureStorage
import TenureTesting
import Testing

@Suite("Front cache", .computing)
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
        #expect(try cache.usage("nobody") == nil)
        #expect(try cache.usage("nobody") == nil)
        #expect(cache.figures.misses == 1)
        #expect(cache.figures.hits == 1)
    }

    @Test
    func `the row used longest ago makes room`() throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        let cache = try FrontCache(store, budget: FrontCacheBudget(rows: 2))
        for tenant in ["a", "b", "a", "c"] { _ = try cache.usage(tenant) }
        #expect(cache.figures.evictions == 1)
        let misses = cache.figures.misses
        _ = try cache.usage("a")
        #expect(cache.figures.misses == misses)
        _ = try cache.usage("b")
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

    /// K2: the ids that the store has, those it lost and those it never had, against the store.
    ///
    /// After each checkpoint every id of a small world is asked for twice, before and after the
    /// next one is frozen; a wrong "absent" would be a second grant for one request.
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `I7: an id is called new only if the store has no answer for it`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let store = SimulatedStateStore(ledger: Scratch.id)
        var cache = try FrontCache(store, budget: FrontCacheBudget(rows: 0))
        var values = RandomValues(seed: seed)
        var live: [RequestKey: StoredAnswer] = [:]
        let keys = (0..<40).map { RequestKey(tenant: "t\($0 % 3)", id: "r\($0)") }
        var absences: UInt64 = 0
        for round in 1...60 {
            var changes = FrozenChanges()
            let isSweep = round % 10 == 0
            for key in keys where isSweep || random.chance(20) {
                let isStored = live[key] != nil
                if isSweep && !isStored { continue }
                live[key] =
                    isSweep || (isStored && random.chance(60)) ? nil : values.storedAnswer(key)
                changes.storedAnswers[key] = Changed(value: live[key], position: Position(round))
            }
            try store.commit(changes, seal: .zero)
            var absorption = FrozenAbsorption(changes)
            var isMore = true
            while isMore {
                isMore = cache.absorb(next: 3, of: &absorption)
                // What the checkpoint changes is the overlay's to tell until it is taken over.
                for key in keys where !isMore || changes.storedAnswers[key] == nil {
                    #expect(try cache.storedAnswer(key) == live[key], "seed \(seed), \(round)")
                }
            }
            if round % 7 == 0 {
                absences += cache.figures.absences
                // Opened again: what is stored now is not known to the new cache.
                cache = try FrontCache(store, budget: FrontCacheBudget(rows: 0))
                for key in keys { #expect(try cache.storedAnswer(key) == live[key]) }
                #expect(live.isEmpty || cache.figures.absences == 0)
            }
        }
        #expect(absences > 0, "nothing was proved, so nothing was tested")
    }

    /// Ids are given in rising order, so the highest stored one divides what may be stored from
    /// what can not; it is found again at the opening, and rises with the checkpoints.
    @Test
    func `a lease or session above every stored one is absent without a look`() throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        var values = RandomValues(seed: 34)
        var cache = try FrontCache(store, budget: FrontCacheBudget(rows: 0))
        func lookUp(_ lease: LeaseID, _ session: SessionID) throws -> (rows: Int, absences: Int) {
            let before = cache.figures.absences
            let lease = try cache.lease(lease)
            let session = try cache.session(session)
            let rows = (lease == nil ? 0 : 1) + (session == nil ? 0 : 1)
            return (rows, Int(cache.figures.absences - before))
        }
        var leases: [LeaseID] = []
        var sessions: [SessionID] = []
        for _ in 0..<6 {
            var changes = FrozenChanges()
            let made = (values.lease(), values.session())
            changes.leases[made.0.id] = Changed(value: made.0, position: 1)
            changes.sessions[made.1.id] = Changed(value: made.1, position: 1)
            leases.append(made.0.id)
            sessions.append(made.1.id)
            try store.commit(changes, seal: .zero)
            cache.absorbAll(changes)
            for _ in 0..<2 {
                for (lease, session) in zip(leases, sessions) {
                    #expect(try lookUp(lease, session) == (2, 0))
                }
                let highest = (leases.map(\.rawValue).max(), sessions.map(\.rawValue).max())
                if let lease = highest.0, let session = highest.1, max(lease, session) < .max {
                    let above = (LeaseID(rawValue: lease + 1), SessionID(rawValue: session + 1))
                    #expect(try lookUp(above.0, above.1) == (0, 2))
                }
                // Opened again, the same is known from the store.
                cache = try FrontCache(store, budget: FrontCacheBudget(rows: 0))
            }
        }
    }

    @Test
    func `ids beyond the budget are not known, until there are none again`() throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        // Room for the hashes of two answers, and for no row.
        let cache = try FrontCache(store, budget: FrontCacheBudget(bytes: 64))
        var values = RandomValues(seed: 33)
        let keys = (0..<4).map { RequestKey(tenant: "t", id: "r\($0)") }
        func absencesProved(of key: RequestKey) throws -> UInt64 {
            let before = cache.figures.absences
            #expect(try cache.storedAnswer(key) == nil)
            return cache.figures.absences - before
        }
        func checkpoint(_ keys: ArraySlice<RequestKey>, stored: Bool) throws {
            var changes = FrozenChanges()
            for key in keys {
                let answer = stored ? values.storedAnswer(key) : nil
                changes.storedAnswers[key] = Changed(value: answer, position: 1)
            }
            try store.commit(changes, seal: .zero)
            cache.absorbAll(changes)
            #expect(cache.figures.bytes <= 64)
        }
        #expect(try absencesProved(of: keys[0]) == 1)
        try checkpoint(keys[..<2], stored: true)
        #expect(try absencesProved(of: keys[2]) == 1)
        try checkpoint(keys[2..<3], stored: true)
        #expect(try absencesProved(of: keys[3]) == 0)
        try checkpoint(keys[1..<3], stored: false)
        #expect(try absencesProved(of: keys[3]) == 0)
        #expect(try cache.storedAnswer(keys[0]) != nil)
        try checkpoint(keys[..<1], stored: false)
        #expect(try absencesProved(of: keys[3]) == 1)
    }
}

extension FrontCache {
    /// Takes over all rows of a checkpoint.
    func absorbAll(_ changes: FrozenChanges) {
        var absorption = FrozenAbsorption(changes)
        while absorb(next: 1_000, of: &absorption) {}
    }
}
