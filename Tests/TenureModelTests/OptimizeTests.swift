// Plans of moves: what they propose, that they are kept, and who is never in one.

import TenureModel
import TenureTesting
import Testing

@Suite("Moves")
struct OptimizeTests {
    /// A pool that has learnt that requests want two whole devices of one host.
    private static func pairs(_ hosts: Int) throws -> World {
        var world = try World.hosts(hosts)
        try world.learn([.of(2_000, .gpu)])
        return world
    }

    private static func lease(
        _ amount: UInt64,
        on node: String,
        _ world: inout World,
        _ change: (inout AcquireRequest) -> Void = { $0.tags = TestedPlan.movable }
    ) throws -> Grant {
        let others = (0..<4).map { "n\($0)" }.filter { $0 != node }
        for other in others {
            try world.ask(.setNodeState(NodeRequest(node: other, state: .cordoned)))
        }
        let lease = try world.granted(.of(amount, .gpu, change))
        for other in others {
            try world.ask(.setNodeState(NodeRequest(node: other, state: .active)))
        }
        return lease
    }

    @Test
    func `two halves on two hosts come together, and one host is whole again`() throws {
        var world = try Self.pairs(2)
        let first = try Self.lease(500, on: "n0", &world)
        _ = try Self.lease(500, on: "n1", &world) { _ in }
        let plan = try world.plan()
        // Each host has 1.5 devices free, and no room for two; then one has two, the other one.
        #expect(plan.before == 3_000 && plan.after == 1_000 && plan.version == world.state.position)
        let move = try #require(plan.moves.first)
        #expect(plan.moves.count == 1 && plan.leases == 1 && !plan.isCut)
        #expect(move.lease == first.lease && move.from == "n0" && move.to == "n1")
        #expect(move.gain == 2_000 && move.placements == ["n1-g0=500"])
        let before = world.state.position
        let moved = try world.make(move, of: first, plan.version)
        #expect(moved.position == before + 1 && moved.parts == ["n0-g0=500", "n1-g0=500"])
        #expect(try world.count("held", of: "n1-g0") == 1_000)
        let done = try world.plan()
        #expect(done.before == 1_000 && done.after == 1_000 && done.moves.isEmpty)
    }

    @Test
    func `without having learnt anything, or with nothing to gain, a plan is empty`() throws {
        var world = try World.hosts(2)
        _ = try world.granted(.of(500, .gpu) { $0.tags = TestedPlan.movable })
        let plan = try world.plan()
        #expect(plan.before == 0 && plan.moves.isEmpty && plan.leases == 1)
        var learnt = try Self.pairs(2)
        _ = try Self.lease(500, on: "n0", &learnt)
        #expect(try learnt.plan().moves.isEmpty)
    }

    /// Who does not consent, or can not grow, by what makes it so.
    @Test(arguments: [
        "no tag", "another value", "reservation", "sub-lease", "with a sub-lease", "told to leave",
        "quarantined", "over", "budget", "quota", "elsewhere",
    ])
    func `a lease that can not be moved is in no plan`(why: String) throws {
        var world = try Self.pairs(2)
        if why == "quarantined" { try world.ask(.setPool(name: "pool", settings: [.lockDelay(9)])) }
        if why == "told to leave" {
            try world.ask(
                .setPool(name: "pool", settings: [.preemptionGap(1), .preemptionGrace(5_000)])
            )
        }
        if why == "budget" {
            let window: UInt64 = 60_000
            try world.ask(
                .setBudget(
                    BudgetRequest(tenant: "default", limit: 9_000, windowMilliseconds: window)
                )
            )
        }
        let lease = try Self.lease(500, on: "n0", &world) { request in
            request.tags = why == "no tag" ? [] : TestedPlan.movable
            if why == "another value" { request.tags = [Label(name: "movable", value: "no")] }
            if why == "reservation" { request.holdMilliseconds = 1_000 }
            if why == "told to leave" { request.priority = .low }
            if why == "budget" { request.maxLifetimeMilliseconds = 1_000 }
        }
        _ = try Self.lease(500, on: "n1", &world) { $0.tenant = "other" }
        switch why {
        case "sub-lease", "with a sub-lease":
            var part = SubleaseRequest(parts: [Part(resource: "n0-g0", quantity: "250m")])
            part.tags = TestedPlan.movable
            try world.ask(.sublease(lease.reference, part))
        case "told to leave":
            let urgent = AcquireRequest.of(2_000, .gpu) {
                $0.priority = .critical
                $0.waitMilliseconds = 60_000
            }
            try world.ask(.acquire(urgent))
            #expect(try world.read(.lease(lease.lease))["state"] == .string("preempted"))
        case "quarantined": try world.ask(.revoke(lease.lease, reason: "drill"))
        case "over": world.pass(milliseconds: 1_000)
        case "quota": try world.ask(.setQuota(tenant: "default", kind: .gpu, limit: 999))
        case "elsewhere":
            try world.declarePool("away")
            try world.declare("x", .gpu, 1_000, pool: "away")
            #expect(try world.plan(pool: "away").leases == 0)
            try world.ask(.setResourceState(name: "n1-g0", state: .cordoned))
            try world.ask(.setResourceState(name: "n1-g1", state: .cordoned))
        default: break
        }
        let plan = try world.plan()
        #expect(plan.moves.isEmpty, "\(plan.moves)")
        #expect(plan.leases == (["quota", "elsewhere"].contains(why) ? 1 : 0))
    }

    @Test
    func `a quota with room for both is no obstacle`() throws {
        var world = try Self.pairs(2)
        try world.ask(.setQuota(tenant: "default", kind: .gpu, limit: 1_000))
        _ = try Self.lease(500, on: "n0", &world)
        _ = try Self.lease(500, on: "n1", &world) { $0.tenant = "other" }
        #expect(try world.plan().moves.count == 1)
    }

    @Test
    func `what is promised to others is left alone`() throws {
        var world = try Self.pairs(2)
        _ = try Self.lease(500, on: "n0", &world)
        _ = try Self.lease(500, on: "n1", &world) { _ in }
        var request = OptimizeRequest(pool: "pool")
        // The devices of n1, in the order of their declaration.
        request.withheld = [ResourceID(rawValue: 6): 1_000]
        #expect(try world.plan(request).moves.map(\.placements) == [["n1-g0=500"]])
        // Without it there is another device, but who moves later may get the first.
        request.withheld = [ResourceID(rawValue: 5): 1]
        #expect(try world.plan(request).moves.isEmpty)
        request.withheld = [:]
        #expect(try world.plan(request).moves.map(\.placements) == [["n1-g0=500"]])
    }

    @Test
    func `consent to the same labels keeps to places that have them`() throws {
        for (consent, isMoved) in [("true", false), ("any", true)] {
            var world = try Self.pairs(2)
            _ = try Self.lease(500, on: "n0", &world) {
                $0.tags = [Label(name: "movable", value: consent)]
            }
            _ = try Self.lease(500, on: "n1", &world) { _ in }
            try world.declare(
                "n1-g1",
                .gpu,
                1_000,
                node: "n1",
                labels: [Label(name: "model", value: "T4")]
            )
            #expect(try world.plan().moves.isEmpty != isMoved, "\(consent)")
        }
    }

    @Test
    func `a gang moves place by place, one of them in a plan`() throws {
        var world = try World.hosts(4)
        try world.learn([.of(2_000, .gpu)])
        var gang = AcquireRequest(pool: "pool", claims: [.of(places: 2, (.gpu, 500))])
        gang.tags = TestedPlan.movable
        gang.strategy = .spread
        let lease = try world.granted(gang)
        #expect(lease.parts == ["n0-g0=500", "n1-g0=500"])
        _ = try Self.lease(500, on: "n2", &world) { _ in }
        _ = try Self.lease(500, on: "n3", &world) { _ in }
        let plan = try world.plan()
        #expect(plan.moves.map(\.from) == ["n0"] && plan.moves.map(\.to) == ["n2"])
        let moved = try world.make(plan.moves[0], of: lease, plan.version)
        let next = try world.plan()
        #expect(next.before == plan.after)
        #expect(next.moves.map(\.from) == ["n1"] && next.moves.map(\.to) == ["n3"])
        _ = try world.make(next.moves[0], of: moved, next.version)
        #expect(try world.plan().before == next.after)
    }

    @Test
    func `what costs less elsewhere is proposed for cost, whatever there is to share`() throws {
        var world = World()
        try world.declarePool()
        for (name, cost) in [("dear", 3_000), ("cheap", 1_000), ("same", 3_000)] as [(_, UInt64)] {
            var request = ResourceRequest(name: name, pool: "pool", kind: .cpu, capacity: 8_000)
            request.cost = cost
            try world.ask(.setResource(request))
        }
        let lease = try world.granted(.of(2_500, .cpu) { $0.tags = TestedPlan.movable })
        var request = OptimizeRequest(pool: "pool", goal: .cost)
        let plan = try world.plan(request)
        // 2.5 CPUs at 3 and at 1 for an hour, in millionths.
        #expect(plan.before == 7_500_000 && plan.after == 2_500_000)
        #expect(plan.moves.map(\.to) == ["cheap"] && plan.moves.map(\.gain) == [5_000_000])
        _ = try world.make(plan.moves[0], of: lease, plan.version)
        #expect(try world.plan(request).before == 2_500_000)
        request.goal = .fragmentation
        let answer = try world.ask(.query(.optimize(request)))
        #expect(answer.code == .malformed && answer.sentence.contains("FOR cost"))
    }

    @Test
    func `bounds, pages and names are checked`() throws {
        var world = try Self.pairs(2)
        for moves in [0, Limits.moves + 1] {
            let request = OptimizeRequest(pool: "pool", moves: moves)
            #expect(try world.ask(.query(.optimize(request))).code == .malformed)
        }
        let none = OptimizeRequest(pool: "none")
        #expect(try world.ask(.query(.optimize(none))).code == .notFound)
        let wrong = OptimizeRequest(pool: "pool", after: "x")
        #expect(try world.ask(.query(.optimize(wrong))).code == .malformed)
        let first = try Self.lease(500, on: "n0", &world)
        let second = try Self.lease(500, on: "n1", &world)
        let behind = OptimizeRequest(pool: "pool", after: "\(first.lease.rawValue)")
        #expect(try world.plan(behind).moves.map(\.lease) == [second.lease])
        #expect(try world.plan(behind).leases == 1)
    }

    @Test
    func `an open breaker of the pool is told, because nothing could be moved`() throws {
        var world = try Self.pairs(2)
        try world.ask(
            .setPool(name: "pool", settings: [.breakerRefusals(1), .breakerWindow(10_000)])
        )
        let refused = RefusalRecord(
            tenant: "t",
            pool: "pool",
            code: .exhausted,
            limit: "",
            message: ""
        )
        try world.ask(.housekeeping(.refused(refused)))
        let answer = try world.ask(.query(.optimize(OptimizeRequest(pool: "pool"))))
        #expect(answer.code == .circuitOpen)
    }

    @Test
    func `more shapes than are looked at are left out, and the answer says so`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        let places = Limits.moveLooks / 4 + 1
        for number in 0..<places {
            var request = ResourceRequest(
                name: "r\(number)",
                pool: "pool",
                kind: .slot,
                capacity: 100
            )
            request.cost = number == places - 1 ? 1 : 1_000
            try world.ask(.setResource(request))
        }
        // Dearer ones come first: of five shapes four are looked at.
        for amount in 1...5 as ClosedRange<UInt64> {
            _ = try world.granted(.of(amount) { $0.tags = TestedPlan.movable })
        }
        let plan = try world.plan(OptimizeRequest(pool: "pool", goal: .cost))
        #expect(plan.isCut && plan.leases == 5)
        #expect(plan.moves.map(\.placements) == [["r\(places - 1)=5"]])
    }
}
