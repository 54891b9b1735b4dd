// One request to several pools, amounts from least to most, and what they may cost.

import TenureModel
import Testing

@Suite("Several pools")
struct SeveralPoolsTests {
    /// Pools with these many slots in one resource each, the tiers counting down.
    private func world(_ slots: [(String, UInt64)]) throws -> World {
        var world = World()
        for (index, (name, units)) in slots.enumerated() {
            try world.declarePool(name, .tier(UInt64(slots.count - index)))
            try world.declare("\(name)-s", .slot, units, pool: name)
        }
        return world
    }

    private func request(_ amount: UInt64, _ pools: String...) -> AcquireRequest {
        .of(amount, pool: pools[0]) { $0.fallbackPools = Array(pools.dropFirst()) }
    }

    @Test
    func `the first pool in order that grants does, and the answer tells what the others said`()
        throws
    {
        var world = try world([("a", 2), ("b", 4), ("c", 9)])
        let first = try world.granted(request(2, "a", "b", "c"))
        #expect(first.pool == "a" && first.fallback.isEmpty)
        let second = try world.granted(request(2, "a", "b", "c"))
        #expect(second.pool == "b" && second.parts == ["b-s=2"])
        #expect(second.fallback == [PoolRefusal(pool: "a", code: .exhausted)])
        let third = try world.granted(request(3, "a", "b", "c"))
        #expect(third.pool == "c")
        #expect(
            third.fallback == [
                PoolRefusal(pool: "a", code: .unsatisfiable),
                PoolRefusal(pool: "b", code: .exhausted),
            ]
        )
        #expect(try world.read(.lease(third.lease))["pool"] == .string("c"))
        let alone = try world.granted(.of(1, pool: "c"))
        #expect(alone.pool == nil && alone.fallback.isEmpty)
    }

    @Test
    func `a star asks all pools, the lowest tier first, of one tier by name`() throws {
        var world = try world([("a", 2), ("b", 2), ("c", 2)])
        try world.ask(.setPool(name: "b", settings: [.tier(1)]))
        let pools = try (0..<3).map { _ in try world.granted(request(2, "*")).pool }
        #expect(pools == ["b", "c", "a"])
        let answer = try world.ask(.acquire(request(2, "*")))
        #expect(answer.code == .exhausted)
        #expect(answer.sentence.contains("none of 3 pools") && answer.sentence.contains("b: "))
        var empty = World()
        #expect(try empty.ask(.acquire(request(2, "*"))).code == .notFound)
    }

    @Test
    func `only what fits no pool even when empty is refused for good`() throws {
        var world = try world([("a", 2), ("b", 4)])
        var ask = request(5, "a", "b")
        ask.requestID = "r"
        let answer = try world.ask(.acquire(ask))
        #expect(answer.code == .unsatisfiable)
        #expect(answer.sentence.contains("none of 2 pools"))
        let again = try world.ask(.acquire(ask))
        #expect(again.code == answer.code && again.sentence == answer.sentence)
        #expect(world.log.last?.events.count == 1)
        _ = try world.granted(.of(4, pool: "b"))
        #expect(try world.ask(.acquire(request(3, "a", "b"))).code == .exhausted)
        #expect(try world.ask(.acquire(request(3, "b", "a"))).code == .exhausted)
    }

    @Test
    func `I7: the id of a request stands for all of its pools`() throws {
        var world = try world([("a", 2), ("b", 4)])
        var ask = request(3, "a", "b")
        ask.requestID = "r"
        let first = try world.granted(ask)
        let again = try world.granted(ask)
        #expect(again.replayed && again.lease == first.lease)
        var other = ask
        other.fallbackPools = []
        #expect(try world.ask(.acquire(other)).code == .conflict)
        other.fallbackPools = ["b"]
        other.maxCost = 9
        #expect(try world.ask(.acquire(other)).code == .conflict)
        other.maxCost = nil
        other.claims[0].amounts[0].most = 4
        #expect(try world.ask(.acquire(other)).code == .conflict)
    }

    @Test
    func `a pool that is not there, named twice, or one too many is refused`() throws {
        var world = try world([("a", 2), ("b", 4)])
        #expect(try world.ask(.acquire(request(1, "a", "x"))).code == .notFound)
        for ask in [request(1, "a", "a"), request(1, "*", "a"), request(1, "a", "*")] {
            #expect(try world.ask(.acquire(ask)).code == .malformed)
        }
        var many = request(1, "a")
        many.fallbackPools = (1..<Limits.poolsPerRequest).map { "p\($0)" }
        #expect(try world.ask(.acquire(many)).code == .notFound)
        many.fallbackPools.append("b")
        #expect(try world.ask(.acquire(many)).code == .malformed)
    }

    @Test
    func `one that waits is told at once what no waiting helps in one of its pools`() throws {
        var world = try world([("a", 2), ("b", 4)])
        try world.ask(.setPool(name: "b", settings: [.ttlDefault(4_000), .ttlMax(5_000)]))
        _ = try world.granted(.of(1, pool: "a"))
        var ask = request(2, "a", "b")
        ask.ttlMilliseconds = 9_000
        #expect(try world.ask(.acquire(ask)).code == .exhausted)
        ask.waitMilliseconds = 1
        let answer = try world.ask(.acquire(ask))
        #expect(answer.code == .malformed && answer.sentence.contains("b: "))
        // Of those who ask less one grants, whatever the other says.
        ask = request(1, "a", "b")
        (ask.ttlMilliseconds, ask.waitMilliseconds) = (9_000, 1)
        #expect(try world.granted(ask).pool == "a")
    }

    @Test
    func `the refusal tells the limit in each pool`() throws {
        var world = try world([("a", 2), ("b", 4), ("c", 1)])
        _ = try world.granted(.of(2, pool: "a"))
        _ = try world.granted(.of(3, pool: "b"))
        let answer = try world.ask(.acquire(request(2, "a", "b", "c")))
        #expect(
            answer.sentence.contains(
                "none of 3 pools grants it (a: EXHAUSTED slot, b: EXHAUSTED slot, "
                    + "c: UNSATISFIABLE slot); a: "
            )
        )
        guard case .refused(let refusal) = answer else { return #expect(Bool(false)) }
        #expect(refusal.pools.map(\.limit) == ["slot", "slot", "slot"])
    }

    @Test
    func `a quota that is in the way in all pools is named`() throws {
        var world = try world([("a", 2), ("b", 4)])
        try world.ask(.setQuota(tenant: "default", kind: .slot, limit: 1))
        let answer = try world.ask(.acquire(request(3, "a", "b")))
        #expect(answer.code == .quota && answer.sentence.contains("tenant default"))
    }

    // MARK: Ranges

    private func ranged(_ least: UInt64, _ most: UInt64, _ kind: Kind) -> AcquireRequest {
        let amount = ClaimAmount(kind: kind, amount: least, most: most)
        return AcquireRequest(pool: "pool", claims: [Claim(amounts: [amount])])
    }

    @Test(
        arguments: [
            (1_000, 4_000, 3_000), (1_000, 2_000, 2_000), (3_000, 8_000, 3_000),
            (500, 4_000, 3_000),
            (200, 900, 900), (500, 1_000, 1_000),
        ] as [(UInt64, UInt64, UInt64)]
    )
    func `the most that fits in one place is granted`(
        least: UInt64,
        most: UInt64,
        got: UInt64
    ) throws {
        var world = try World.hosts(2, gpus: 4, .strategy(.firstFit))
        // One device of each host is taken in part.
        for node in 0..<2 {
            var ask = AcquireRequest(pool: "pool", claims: [.of((.gpu, 200), (.cpu, 8_000))])
            ask.ttlMilliseconds = 9_000
            #expect(try world.granted(ask).placements[0].node == "n\(node)")
        }
        let grant = try world.granted(ranged(least, most, .gpu))
        #expect(grant.placements.reduce(0) { $0 + $1.amount } == got)
        #expect(Set(grant.placements.map(\.node)).count == 1)
    }

    @Test
    func `quota and price bound the most, and below the least there is nothing`() throws {
        var world = World()
        try world.declarePool()
        var resource = ResourceRequest(name: "s", pool: "pool", kind: .slot, capacity: 100)
        resource.cost = 10
        try world.ask(.setResource(resource))
        try world.ask(.setQuota(tenant: "a", kind: .slot, limit: 30))
        var ask = ranged(5, 1_000, .slot)
        ask.tenant = "a"
        ask.planOnly = true
        #expect(try world.granted(ask).parts == ["s=30"])
        ask.maxCost = 70
        #expect(try world.granted(ask).parts == ["s=7"])
        ask.maxCost = 49
        let dear = try world.ask(.acquire(ask))
        #expect(dear.code == .exhausted && dear.sentence.contains("MAXCOST 49"))
        ask.maxCost = nil
        try world.ask(.setQuota(tenant: "a", kind: .slot, limit: 4))
        #expect(try world.ask(.acquire(ask)).code == .quota)
        #expect(try world.granted(ranged(5, 1_000, .slot)).parts == ["s=100"])
        #expect(try world.ask(.acquire(ranged(5, 1_000, .slot))).code == .exhausted)
        #expect(try world.ask(.acquire(ranged(500, 1_000, .slot))).code == .unsatisfiable)
        #expect(try world.ask(.acquire(ranged(5, 5, .slot))).code == .malformed)
    }

    /// The most is the most: each amount is tried, from the top.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `a range is granted as if every amount of it were tried`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        for node in 0..<4 {
            for gpu in 0..<Int(dice.pick(1...3)) {
                try world.declare("n\(node)-g\(gpu)", .gpu, 1_000, node: "n\(node)")
            }
            try world.declare("n\(node)-c", .cpu, dice.pick(1...9), node: "n\(node)")
        }
        try world.ask(.setQuota(tenant: "default", kind: .cpu, limit: dice.pick(8...30)))
        for _ in 0..<30 {
            let (least, extra) = (dice.pick(1...3), dice.pick(1...8))
            let devices = dice.pick(1...2)
            var ask = AcquireRequest(
                pool: "pool",
                claims: [
                    Claim(
                        places: Int(dice.pick(1...2)),
                        amounts: [
                            ClaimAmount(kind: .gpu, amount: devices * 1_000, most: 3_000),
                            ClaimAmount(kind: .cpu, amount: least, most: least + extra),
                        ]
                    )
                ]
            )
            ask.strategy = dice.pick(Strategy.allCases, or: .firstFit)
            ask.ttlMilliseconds = 50
            let expected = try slow(ask, &world, devices...3, least...(least + extra))
            let grant = try world.ask(.acquire(ask)).asGrant
            #expect(grant?.parts == expected, "seed \(seed)")
            world.pass(milliseconds: dice.pick(0...20))
            try world.reclaim()
        }
    }

    private func slow(
        _ ask: AcquireRequest,
        _ world: inout World,
        _ devices: ClosedRange<UInt64>,
        _ cpus: ClosedRange<UInt64>
    ) throws -> [String]? {
        var plan = ask
        plan.planOnly = true
        func parts(_ devices: UInt64, _ cpus: UInt64) throws -> [String]? {
            plan.claims[0].amounts = [
                ClaimAmount(kind: .gpu, amount: devices * 1_000),
                ClaimAmount(kind: .cpu, amount: cpus),
            ]
            return try world.ask(.acquire(plan)).asGrant?.parts
        }
        for device in devices.reversed() where try parts(device, cpus.lowerBound) != nil {
            for cpu in cpus.reversed() {
                if let found = try parts(device, cpu) { return found }
            }
        }
        return nil
    }

    // MARK: Price

    @Test
    func `with MAXCOST the cheapest are taken, and nothing that is dearer`() throws {
        var world = World()
        try world.declarePool("pool", .strategy(.firstFit))
        for (name, cost) in [("a", 9), ("b", 5), ("c", 7)] as [(String, UInt64)] {
            var resource = ResourceRequest(name: name, pool: "pool", kind: .slot, capacity: 2)
            resource.cost = cost
            try world.ask(.setResource(resource))
        }
        #expect(try world.granted(.of(1)).parts == ["a=1"])
        let capped = { (cost: UInt64) in AcquireRequest.of(2) { $0.maxCost = cost } }
        #expect(try world.granted(capped(20)).parts == ["b=2"])
        // The strategy asked for finds only what is too dear; what is cheap enough is found yet.
        #expect(
            try world.granted(
                .of(1) {
                    $0.maxCost = 7
                    $0.strategy = .firstFit
                }
            ).parts == ["c=1"]
        )
        let answer = try world.ask(.acquire(.of(1) { $0.maxCost = 6 }))
        #expect(answer.code == .exhausted && answer.sentence.contains("costs 7 thousandths"))
        #expect(try world.granted(.of(1) { $0.maxCost = 7 }).price == 7)
    }
}
