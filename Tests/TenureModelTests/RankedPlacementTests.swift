// Strategies that rank places or take them in turn, each against the slow and obvious way.

import TenureModel
import TenureTesting
import Testing

@Suite("Ranked placement", .computing)
struct RankedPlacementTests {
    private static let strategies: [Strategy] = [
        .spread, .roundRobin, .cost, .performance, .balanced,
    ]

    /// A ledger and the same pool as lists.
    private struct Pair {
        var world = World()
        var slow = SlowPool()
        var dice: Dice
        var held: [Grant] = []

        init(seed: UInt64) throws {
            dice = Dice(seed: seed)
            world.checksEveryStep = false
            let weights = (0..<3).map { _ in dice.pick(0...20) }
            try world.declarePool(
                "pool",
                .weightCost(weights[0]),
                .weightPerformance(weights[1]),
                .weightUtilisation(weights[2])
            )
            slow.weights.cost = weights[0]
            slow.weights.performance = weights[1]
            slow.weights.utilisation = weights[2]
            for node in 0..<Int(dice.pick(1...24)) { try declare("n\(node)") }
        }

        private mutating func declare(_ node: String) throws {
            var place = SlowPool.Place(name: node, things: [])
            let zone = "z\(dice.pick(0...2))"
            for index in 0..<Int(dice.pick(1...5)) {
                let kind = index == 0 ? Kind.cpu : dice.chance(70) ? .gpu : .slot
                let capacity = kind == .gpu ? 1_000 : kind == .cpu ? 8_000 : dice.pick(1...6)
                let thing = SlowPool.Thing(
                    name: "\(node)-\(index)",
                    kind: kind,
                    capacity: capacity,
                    free: capacity,
                    cost: dice.pick(0...4),
                    performance: dice.pick(0...3),
                    zone: zone
                )
                place.things.append(thing)
                try declare(thing, node)
            }
            slow.places.append(place)
        }

        private mutating func declare(_ thing: SlowPool.Thing, _ node: String) throws {
            var request = ResourceRequest(
                name: thing.name,
                pool: "pool",
                kind: thing.kind,
                capacity: thing.capacity,
                node: node
            )
            request.cost = thing.cost
            request.labels = [
                Label(name: "zone", value: thing.zone),
                Label(name: "performance", value: "\(thing.performance)"),
            ]
            #expect(try world.ask(.setResource(request)).code == nil)
        }

        /// Changes something of a resource, or gives a lease back.
        mutating func disturb() throws {
            guard dice.chance(50), !held.isEmpty else {
                let things = slow.places.flatMap { place in place.things.map { (place.name, $0) } }
                guard let (node, found) = things.randomElement(using: &dice) else { return }
                var thing = found
                if dice.chance(50) {
                    thing.isActive.toggle()
                    let state: ResourceState = thing.isActive ? .active : .cordoned
                    try world.ask(.setResourceState(name: thing.name, state: state))
                } else {
                    thing.cost = dice.pick(0...4)
                    try declare(thing, node)
                }
                slow.change(thing.name) { $0 = thing }
                return
            }
            let grant = held.remove(at: Int.random(in: 0..<held.count, using: &dice))
            try world.ask(.release(grant.reference, parts: nil))
            slow.take(grant.placements.map { ($0.resource, $0.amount) }, givingBack: true)
        }

        mutating func claims() -> [Claim] {
            (0..<Int(dice.pick(1...2))).map { _ in
                var amounts: [ClaimAmount] = []
                if dice.chance(60) {
                    let share = dice.pick(1...9) * 100
                    let amount = dice.chance(50) ? share : 1_000 * dice.pick(1...3)
                    amounts.append(ClaimAmount(kind: .gpu, amount: amount))
                }
                if dice.chance(40) || amounts.isEmpty {
                    amounts.append(ClaimAmount(kind: .cpu, amount: dice.pick(1...8) * 500))
                }
                // All slots of a place together are never asked for: one resource gives them.
                if dice.chance(20) { amounts.append(ClaimAmount(kind: .slot, amount: 1)) }
                return Claim(places: Int(dice.pick(1...3)), amounts: amounts.shuffled(using: &dice))
            }
        }
    }

    @Test(arguments: strategies, 1...40 as ClosedRange<UInt64>)
    func `a strategy decides as one that looks at every place`(
        strategy: Strategy,
        seed: UInt64
    ) throws {
        var pair = try Pair(seed: seed)
        var granted = 0
        for step in 0..<150 {
            if pair.dice.chance(40) { try pair.disturb() }
            if pair.dice.chance(5) {
                pair.world.checkpoint()
                try pair.world.restart()
            }
            let zone = pair.dice.chance(25) ? "z\(pair.dice.pick(0...2))" : nil
            var request = AcquireRequest(pool: "pool", claims: pair.claims())
            request.strategy = strategy
            if let zone { request.selector = [Label(name: "zone", value: zone)] }
            let expected = pair.slow.parts(for: request.claims, strategy, zone: zone)
            let answer = try pair.world.ask(.acquire(request))
            guard let grant = answer.asGrant else {
                #expect(expected == nil, "seed \(seed), step \(step): \(answer)")
                continue
            }
            // What fits in another order only is the claims' matter, not the strategy's.
            if let expected {
                #expect(grant.parts == expected, "seed \(seed), step \(step)")
                granted += 1
            }
            pair.slow.take(grant.placements.map { ($0.resource, $0.amount) })
            if strategy == .roundRobin { pair.slow.turn = grant.placements.last?.node }
            pair.held.append(grant)
        }
        #expect(granted > 0)
        #expect(try pair.world.state.invariantFault() == nil)
    }

    @Test
    func `K1: a search by rank looks at few of many places`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        for node in 0..<1_000 {
            var request = ResourceRequest(
                name: "n\(node)",
                pool: "pool",
                kind: .slot,
                capacity: 100
            )
            request.cost = UInt64(1_000 + (node * 7_919) % 1_000)
            request.labels = [Label(name: "performance", value: "\((node * 31) % 1_000)")]
            try world.ask(.setResource(request))
        }
        for strategy in Self.strategies {
            for _ in 0..<20 {
                _ = try world.granted(.of(3) { $0.strategy = strategy })
                guard case .granted(let record)? = world.log.last?.events.first else { return }
                #expect(record.why.strategy == strategy)
                #expect(record.why.considered <= 30, "\(strategy): \(record.why.considered)")
            }
        }
    }

    @Test
    func `grants in turn go round, over a restart and a place that is gone`() throws {
        var world = World()
        try world.declarePool("pool", .strategy(.roundRobin))
        for name in ["a", "b", "c"] { try world.declare(name, .slot, 9) }
        #expect(try world.granted(.of(1)).parts == ["a=1"])
        let second = try world.granted(.of(1))
        #expect(second.parts == ["b=1"])
        try world.ask(.release(second.reference, parts: nil))
        world.checkpoint()
        try world.restart()
        #expect(try world.granted(.of(1) { $0.planOnly = true }).parts == ["c=1"])
        try world.ask(.deleteResource(name: "b"))
        try world.restart()
        #expect(try world.granted(.of(1)).parts == ["c=1"])
        let gang = AcquireRequest(pool: "pool", claims: [.of(places: 3, (.slot, 2))])
        #expect(try world.granted(gang).parts == ["a=2", "c=2", "a=2"])
        // Another strategy does not move the turn.
        #expect(try world.granted(.of(1) { $0.strategy = .spread }).parts == ["c=1"])
        #expect(try world.granted(.of(1)).parts == ["c=1"])
    }

    @Test
    func `a performance that is no whole number counts as none`() throws {
        var world = World()
        try world.declarePool("pool", .strategy(.performance))
        for (name, value) in [("a", "+9"), ("b", "fast"), ("c", "-3"), ("d", "2"), ("e", "1")] {
            try world.declare(name, .slot, 1, labels: [Label(name: "performance", value: value)])
        }
        let order = try (0..<5).map { _ in try world.granted(.of(1)).placements[0].resource }
        #expect(order == ["d", "e", "a", "b", "c"])
    }

    @Test
    func `a weight is at most a thousand`() throws {
        var world = World()
        for setting in [PoolSetting.weightCost, PoolSetting.weightUtilisation] {
            try world.declarePool("pool", setting(1_000))
            let answer = try world.ask(.setPool(name: "pool", settings: [setting(1_001)]))
            #expect(answer.code == .malformed && answer.sentence.contains("weight"))
        }
        #expect(try world.read(.pool("pool"))["weightCost"]?.asInteger == 1_000)
        #expect(try world.read(.pool("pool"))["weightPerformance"]?.asInteger == 1)
    }
}
