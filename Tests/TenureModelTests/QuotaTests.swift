// Quotas bind on every level of a tenant's path, and use is counted on every level (I3).

import TenureModel
import Testing

@Suite("Quotas")
struct QuotaTests {
    @Test(arguments: [
        ("org/team/job", "org/team/job"), ("org/team", "org/team"), ("org", "org"),
    ])
    func `I3: a quota on any prefix binds, and the refusal names its level`(
        level: String,
        named: String
    ) throws {
        var world = try World.slots(10)
        try world.ask(.setQuota(tenant: level, kind: .slot, limit: 3))
        let request = AcquireRequest.of(2) { $0.tenant = "org/team/job" }
        let first = try world.granted(request)
        let answer = try world.ask(.acquire(request))
        #expect(answer.code == .quota)
        for word in ["tenant \(named) ", "slot", "uses 2", "of 3", "2 more"] {
            #expect(answer.sentence.contains(word), "\(answer.sentence)")
        }
        try world.ask(.release(first.reference, parts: nil))
        _ = try world.granted(request)
    }

    @Test
    func `the limiting level is the lowest one`() throws {
        var world = try World.slots(10)
        try world.ask(.setQuota(tenant: "a", kind: .slot, limit: 1))
        try world.ask(.setQuota(tenant: "a/b", kind: .slot, limit: 2))
        let sentence = { (amount: UInt64, world: inout World) throws -> String in
            try world.ask(.acquire(.of(amount) { $0.tenant = "a/b" })).sentence
        }
        #expect(try sentence(3, &world).contains("tenant a/b "))
        #expect(try sentence(2, &world).contains("tenant a "))
    }

    @Test
    func `a sibling and a longer name are not bound`() throws {
        var world = try World.slots(10)
        try world.ask(.setQuota(tenant: "a/b", kind: .slot, limit: 0))
        for tenant in ["a", "a/bc", "a/c/b", "b"] {
            _ = try world.granted(.of(1) { $0.tenant = tenant })
        }
        #expect(try world.ask(.acquire(.of(1) { $0.tenant = "a/b/c" })).code == .quota)
    }

    @Test
    func `I3: held, reserved and quarantined all count`() throws {
        var world = try World.slots(10, .lockDelay(100))
        try world.ask(.setQuota(tenant: "t", kind: .slot, limit: 6))
        let request = AcquireRequest.of(2) { $0.tenant = "t" }
        let lost = try world.granted(request)
        _ = try world.granted(request)
        _ = try world.granted(.of(2) { ($0.tenant, $0.holdMilliseconds) = ("t", 100_000) })
        try world.ask(.revoke(lost.lease, reason: "test"))
        let quota = try world.read(.quota(tenant: "t", kind: .slot))
        #expect(quota["used"]?.asInteger == 6)
        #expect(quota["held"]?.asInteger == 2)
        #expect(quota["reserved"]?.asInteger == 2)
        #expect(quota["quarantined"]?.asInteger == 2)
        #expect(try world.ask(.acquire(.of(1) { $0.tenant = "t" })).code == .quota)
        world.pass(milliseconds: 100)
        try world.reclaim()
        #expect(try world.ask(.acquire(.of(1) { $0.tenant = "t" })).code == nil)
    }

    @Test
    func `a quota of one kind lets another through, and a deleted one everything`() throws {
        var world = try World.hosts(1)
        try world.ask(.setQuota(tenant: "default", kind: .gpu, limit: 500))
        #expect(try world.ask(.acquire(.of(501, .gpu))).code == .quota)
        _ = try world.granted(.of(8_000, .cpu))
        try world.ask(.deleteQuota(tenant: "default", kind: .gpu))
        _ = try world.granted(.of(1_000, .gpu))
    }

    @Test
    func `what is not named stays, and unlimited takes a bound away`() throws {
        var world = try World.slots(10)
        let fields = { (world: inout World) throws -> [Int64?] in
            let quota = try world.read(.quota(tenant: "t", kind: .slot))
            return ["limit", "guarantee", "borrow", "lend", "weight"].map { quota[$0]?.asInteger }
        }
        var request = QuotaRequest(tenant: "t", kind: .slot, limit: 8)
        try world.ask(.setQuota(request))
        #expect(try fields(&world) == [8, 0, nil, nil, 1])
        request = QuotaRequest(tenant: "t", kind: .slot)
        (request.guarantee, request.weight) = (4, 3)
        (request.borrowing, request.lending) = (.amount(2), .amount(1))
        try world.ask(.setQuota(request))
        #expect(try fields(&world) == [8, 4, 2, 1, 3])
        try world.ask(.setQuota(tenant: "t", kind: .slot, limit: 9))
        #expect(try fields(&world) == [9, 4, 2, 1, 3])
        request = QuotaRequest(tenant: "t", kind: .slot)
        (request.borrowing, request.lending) = (.unlimited, .unlimited)
        try world.ask(.setQuota(request))
        #expect(try fields(&world) == [9, 4, nil, nil, 3])
    }

    @Test
    func `a gang counts whole against the quota`() throws {
        var world = try World.hosts(2)
        try world.ask(.setQuota(tenant: "default", kind: .gpu, limit: 3_000))
        var request = AcquireRequest(pool: "pool", claims: [.of(places: 2, (.gpu, 2_000))])
        #expect(try world.ask(.acquire(request)).code == .quota)
        request.claims = [.of((.gpu, 2_000)), .of((.gpu, 1_000))]
        _ = try world.granted(request)
        #expect(try world.ask(.acquire(.of(1, .gpu))).code == .quota)
    }

    @Test
    func `lists and usage show every level`() throws {
        var world = try World.slots(10)
        try world.ask(.setQuota(tenant: "a", kind: .slot, limit: 9))
        try world.ask(.setQuota(tenant: "a/b", kind: .slot, limit: 8))
        try world.ask(.setQuota(tenant: "ab", kind: .slot, limit: 7))
        _ = try world.granted(.of(3) { $0.tenant = "a/b/c" })
        #expect(try world.read(.quotas(tenant: nil)).items.count == 3)
        let below = try world.read(.quotas(tenant: "a")).items
        #expect(below.map { $0["tenant"]?.asString } == ["a", "a/b"])
        #expect(below.map { $0["used"]?.asInteger } == [3, 3])
        for level in ["a", "a/b", "a/b/c"] {
            let items = try world.read(.usage(tenant: level)).items
            #expect(items.map { $0["used"]?.asInteger } == [3])
        }
        #expect(try world.read(.usage(tenant: "a/b/c/d")).items.isEmpty)
    }

    @Test
    func `I3: use that would no longer fit its counter is refused`() throws {
        var world = World()
        try world.declarePool()
        for name in 0..<4 { try world.declare("r\(name)", .slot, Limits.amountMax) }
        var answers: [Answer] = []
        for _ in 0..<4 { answers.append(try world.ask(.acquire(.of(Limits.amountMax)))) }
        #expect(answers.first?.asGrant != nil)
        #expect(answers.last?.code == .busy)
    }
}
