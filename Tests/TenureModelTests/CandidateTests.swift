// What a grant says of the places that came next, of its price, and of how good the choice was.

import TenureModel
import Testing

@Suite("Candidates")
struct CandidateTests {
    /// Four places of one kind with 4, 8, 2 and 8 slots, at rising prices.
    private func world(_ strategy: Strategy) throws -> World {
        var world = World()
        try world.declarePool("pool", .strategy(strategy))
        for (index, slots) in [4, 8, 2, 8].enumerated() {
            var request = ResourceRequest(
                name: "n\(index)",
                pool: "pool",
                kind: .slot,
                capacity: UInt64(slots)
            )
            request.cost = UInt64(10 + index)
            request.labels = [
                Label(name: "performance", value: "\(index)"),
                Label(name: "zone", value: index == 1 ? "a" : "b"),
            ]
            try world.ask(.setResource(request))
        }
        return world
    }

    private func candidates(_ world: World) -> [Candidate] {
        guard case .granted(let record)? = world.log.last?.events.first else { return [] }
        return record.why.candidates
    }

    private static let unit: Int64 = 1 << 20

    @Test(
        arguments: [
            (Strategy.firstFit, ["n0", "n1", "n3"], [1, 2, 4]),
            (.roundRobin, ["n0", "n1", "n3"], [1, 2, 4]),
            (.bestFit, ["n0", "n1", "n3"], [4, 8, 8]),
            (.spread, ["n0", "n1", "n3"], [0, 0, 0]),
            (.cost, ["n0", "n1", "n3"], [30_000, 33_000, 39_000]),
            (.performance, ["n3", "n1", "n0"], [0, 2, 3]),
            (
                .balanced, ["n0", "n1", "n3"],
                // The price of the dearest, what is lacking of performance 3, and all of it free.
                [
                    30 * unit / 39 + unit + unit, 33 * unit / 39 + 2 * unit / 3 + unit,
                    unit + 0 + unit,
                ].sorted()
            ),
        ] as [(Strategy, [String], [Int64])]
    )
    func `the best three places are recorded, the chosen one first`(
        strategy: Strategy,
        places: [String],
        scores: [Int64]
    ) throws {
        var world = try world(strategy)
        let grant = try world.granted(.of(3))
        let found = candidates(world)
        #expect(found.first?.place == grant.placements[0].node)
        #expect(found.map(\.score) == scores, "\(found)")
        if strategy != .balanced { #expect(found.map(\.place) == places) }
    }

    @Test
    func `places without the labels are no candidates`() throws {
        for strategy in [Strategy.firstFit, .bestFit, .spread, .roundRobin, .cost] {
            var world = try world(strategy)
            _ = try world.granted(.of(1) { $0.selector = [Label(name: "zone", value: "b")] })
            #expect(Set(candidates(world).map(\.place)) == ["n0", "n2", "n3"], "\(strategy)")
        }
    }

    @Test
    func `of bids the three lowest are recorded, of equal ones the first`() throws {
        var world = try World.hosts(9, gpus: 1)
        var random = Dice(seed: 4)
        for _ in 0..<40 {
            _ = try world.ask(.acquire(.of(random.pick(1...9) * 100, .gpu)))
            guard case .granted(let record)? = world.log.last?.events.first else { continue }
            let found = record.why.candidates
            #expect(found.first?.place == "n\(try place(of: record))")
            #expect(found.map(\.score) == found.map(\.score).sorted())
            #expect(Set(found.map(\.place)).count == found.count)
        }
    }

    private func place(of record: GrantRecord) throws -> Int {
        // Each host has a device, CPUs and memory, declared in this order.
        Int(try #require(record.lease.placements.first).resource.rawValue - 1) / 3
    }

    @Test
    func `a grant tells its price by the hour, rounded up`() throws {
        var world = World()
        try world.declarePool()
        for (name, kind, cost) in [("g", Kind.gpu, 2_500), ("s", .slot, 7)]
            as [(String, Kind, UInt64)]
        {
            var request = ResourceRequest(
                name: name,
                pool: "pool",
                kind: kind,
                capacity: 4_000,
                node: "n"
            )
            request.cost = cost
            try world.ask(.setResource(request))
        }
        let claim = Claim.of((.gpu, 1_500), (.slot, 3))
        #expect(try world.granted(AcquireRequest(pool: "pool", claims: [claim])).price == 3_771)
        #expect(try world.granted(.of(1, .gpu)).price == 3)
        #expect(try world.granted(.of(1, .gpu) { $0.planOnly = true }).price == 3)
    }

    @Test
    func `confidence is the margin over the second best, and what is left of the scarcest kind`()
        throws
    {
        var world = try world(.cost)
        let first = try world.granted(.of(3)).confidence
        // 33 against 30; 19 of 22 slots are left.
        #expect(first == Confidence(margin: 90, left: 863))
        #expect(try world.granted(.of(2) { $0.strategy = .spread }).confidence?.margin == 0)
        let only = try world.granted(.of(8) { $0.strategy = .bestFit }).confidence
        #expect(only == Confidence(margin: nil, left: 409))
        #expect(try world.granted(.of(1) { $0.strategy = .firstFit }).confidence?.margin == nil)
    }
}
