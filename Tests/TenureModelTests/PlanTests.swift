// V1: what was planned is what is granted, or nothing is.

import TenureModel
import Testing

@Suite("Plans")
struct PlanTests {
    private func plan(_ request: AcquireRequest, _ world: inout World) throws -> Grant {
        var request = request
        request.planOnly = true
        return try world.granted(request)
    }

    @Test
    func `V1: a plan is granted as long as nothing that it rests on has changed`() throws {
        var world = try World.hosts(3)
        try world.declarePool("other")
        try world.declare("o", .slot, 5, pool: "other")
        let request = AcquireRequest.of(1_000, .gpu)
        let planned = try plan(request, &world)
        let version = try #require(planned.version)
        #expect(version == world.state.position)
        // Another pool is nothing that it rests on.
        _ = try world.granted(.of(1, pool: "other"))
        let grant = try world.granted(.of(1_000, .gpu) { $0.plan = version })
        #expect(grant.parts == planned.parts && grant.version == nil)
        let answer = try world.ask(.acquire(.of(1_000, .gpu) { $0.plan = version }))
        #expect(answer.code == .conflict)
        #expect(answer.sentence.contains("pool pool has changed at position \(grant.position)"))
    }

    /// One change each, after which a plan of before is not granted.
    static let changes: [(String, Command)] = [
        ("a grant", .acquire(.of(1, .gpu))),
        ("a setting", .setPool(name: "pool", settings: [.strategy(.bestFit)])),
        ("a cordon", .setResourceState(name: "n0-g0", state: .cordoned)),
        ("a resource that is gone", .deleteResource(name: "n0-g0")),
        (
            "a resource that came",
            .setResource(ResourceRequest(name: "x", pool: "pool", kind: .gpu, capacity: 1_000))
        ),
        ("a quota", .setQuota(tenant: "default", kind: .gpu, limit: 9_000)),
        ("a restart", .query(.status)),
    ]

    @Test(arguments: changes.indices)
    func `V1: what changes the pool or a quota outdates a plan`(index: Int) throws {
        var world = try World.hosts(2)
        try world.ask(.setQuota(tenant: "other", kind: .gpu, limit: 1))
        let version = try plan(.of(1_000, .gpu), &world).version
        let (name, change) = Self.changes[index]
        #expect(try world.ask(change).code == nil, "\(name)")
        if name == "a restart" {
            world.checkpoint()
            _ = try world.granted(.of(1, .gpu))
            world.checkpoint()
            try world.restart()
        }
        let answer = try world.ask(.acquire(.of(1_000, .gpu) { $0.plan = version }))
        #expect(answer.code == .conflict, "\(name): \(answer)")
    }

    @Test
    func `V1: the end of a lease outdates a plan, and so does use where there are quotas`() throws {
        var world = try World.slots(4)
        try world.declarePool("other")
        try world.declare("o", .slot, 5, pool: "other")
        let held = try world.granted(.of(1))
        var version = try plan(.of(2), &world).version
        try world.ask(.release(held.reference, parts: nil))
        #expect(try world.ask(.acquire(.of(2) { $0.plan = version })).code == .conflict)
        version = try plan(.of(2), &world).version
        try world.ask(.setQuota(tenant: "default", kind: .slot, limit: 4))
        try world.ask(.deleteQuota(tenant: "default", kind: .slot))
        #expect(try world.ask(.acquire(.of(2) { $0.plan = version })).code == .conflict)
        try world.ask(.setQuota(tenant: "default", kind: .slot, limit: 4))
        version = try plan(.of(2), &world).version
        _ = try world.granted(.of(1, pool: "other"))
        #expect(try world.ask(.acquire(.of(2) { $0.plan = version })).code == .conflict)
    }

    @Test
    func `V1: growth and what comes back outdate a plan, another holder does not`() throws {
        var world = try World.slots(9)
        let lease = try world.granted(.of(3))
        var version = try plan(.of(2), &world).version
        let growth = GrowRequest(claims: [.of((.slot, 1))])
        let grown = try #require(try world.ask(.grow(lease.reference, growth)).asGrant)
        #expect(try world.ask(.acquire(.of(2) { $0.plan = version })).code == .conflict)
        version = try plan(.of(2), &world).version
        let handOver = HandOverRequest(holder: "next")
        let next = try #require(try world.ask(.handOver(grown.reference, handOver)).asGrant)
        _ = try world.granted(.of(2) { $0.plan = version })
        let carving = SubleaseRequest(parts: [Part(resource: "slots", quantity: "2")])
        let part = try #require(try world.ask(.sublease(next.reference, carving)).asGrant)
        version = try plan(.of(2), &world).version
        try world.ask(.release(next.reference, parts: nil))
        #expect(try world.ask(.check(part.reference)).code == .expired)
        #expect(try world.ask(.acquire(.of(2) { $0.plan = version })).code == .conflict)
    }

    @Test
    func `V1: a limit of the tenant outdates a plan, and so does a lease where there is one`()
        throws
    {
        var world = try World.slots(4)
        try world.declarePool("other")
        try world.declare("o", .slot, 5, pool: "other")
        var version = try plan(.of(2), &world).version
        var limit = TenantRequest(tenant: "default")
        limit.leases = .amount(1)
        try world.ask(.setTenant(limit))
        #expect(try world.ask(.acquire(.of(2) { $0.plan = version })).code == .conflict)
        version = try plan(.of(2), &world).version
        _ = try world.granted(.of(1, pool: "other"))
        #expect(try world.ask(.acquire(.of(2) { $0.plan = version })).code == .conflict)
        // The limits of others are nothing that it rests on.
        let free = try plan(.of(2) { $0.tenant = "free" }, &world).version
        _ = try world.granted(.of(1, pool: "other") { $0.tenant = "free" })
        _ = try world.granted(
            .of(2) {
                $0.tenant = "free"
                $0.plan = free
            }
        )
    }

    @Test
    func `a plan over all pools rests on which there are`() throws {
        var world = try World.slots(4)
        var request = AcquireRequest.of(2, pool: "*")
        request.plan = try plan(request, &world).version
        try world.declarePool("a")
        #expect(try world.ask(.acquire(request)).code == .conflict)
        request.plan = nil
        request.plan = try plan(request, &world).version
        let grant = try world.granted(request)
        #expect(
            grant.pool == "pool" && grant.fallback == [PoolRefusal(pool: "a", code: .unsatisfiable)]
        )
    }

    @Test
    func `a version of no plan, and a plan of a plan, are malformed`() throws {
        var world = try World.slots(4)
        let position = world.state.position
        #expect(try world.ask(.acquire(.of(1) { $0.plan = position + 1 })).code == .malformed)
        let answer = try world.ask(
            .acquire(
                .of(1) {
                    $0.plan = position
                    $0.planOnly = true
                }
            )
        )
        #expect(answer.code == .malformed)
    }

    /// Random ledgers, changed at random between a plan and its commit.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `V1: what is granted by a plan is what the plan told`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var world = try World.hosts(4)
        world.checksEveryStep = false
        try world.declarePool("other", .tier(1))
        for name in ["o0", "o1"] { try world.declare(name, .gpu, 1_000, pool: "other") }
        if dice.chance(50) { try world.ask(.setQuota(tenant: "t", kind: .gpu, limit: 3_000)) }
        var (granted, outdated) = (0, 0)
        for _ in 0..<120 {
            var request = AcquireRequest.of(dice.pick(1...20) * 100, .gpu)
            request.strategy = dice.pick(Strategy.allCases, or: .firstFit)
            request.tenant = dice.pick(["t", "u"], or: "t")
            request.ttlMilliseconds = 30
            if dice.chance(40) { request.pool = dice.pick(["*", "other"], or: "*") }
            if dice.chance(20) { request.claims[0].amounts[0].most = 2_000 + dice.pick(1...9) }
            var asked = request
            asked.planOnly = true
            guard let planned = try world.ask(.acquire(asked)).asGrant else { continue }
            try disturb(&world, &dice)
            request.plan = planned.version
            switch try world.ask(.acquire(request)) {
            case .grant(let grant):
                #expect(grant.parts == planned.parts, "seed \(seed)")
                #expect(grant.price == planned.price && grant.pool == planned.pool)
                granted += 1
            case .refused(let refusal) where refusal.code == .conflict: outdated += 1
            case .refused(let refusal): Issue.record("\(refusal)")
            default: Issue.record("no grant and no refusal")
            }
            world.pass(milliseconds: dice.pick(0...9))
            try world.reclaim()
        }
        #expect(granted > 10 && outdated > 5, "\(granted) granted, \(outdated) outdated")
    }

    private func disturb(_ world: inout World, _ dice: inout Dice) throws {
        guard dice.chance(60) else { return }
        switch dice.pick(0...4) {
        case 0:
            var other = AcquireRequest.of(dice.pick(1...10) * 100, .gpu)
            other.ttlMilliseconds = 20
            other.tenant = dice.pick(["t", "u"], or: "t")
            other.pool = dice.pick(["pool", "other"], or: "pool")
            try world.ask(.acquire(other))
        case 1:
            let state = dice.pick([ResourceState.active, .cordoned], or: .active)
            try world.ask(.setResourceState(name: "n\(dice.pick(0...3))-g0", state: state))
        case 2: try world.ask(.query(.status))
        case 3: try world.ask(.setPool(name: "other", settings: [.tier(dice.pick(0...2))]))
        default:
            world.pass(milliseconds: 15)
            try world.reclaim()
        }
    }
}
