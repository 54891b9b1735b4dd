// Limits, as preemption sees them: without those who give way.

import TenureModel
import Testing

@Suite("Preemption within limits")
struct PreemptionLimitTests {
    private func request(
        _ amount: UInt64,
        _ tenant: String,
        _ priority: Priority,
        _ change: (inout AcquireRequest) -> Void = { _ in }
    ) -> AcquireRequest {
        .of(amount) { request in
            request.tenant = tenant
            request.priority = priority
            request.ttlMilliseconds = 100_000
            change(&request)
        }
    }

    private func stands(_ world: inout World, _ grant: Grant) throws -> Bool {
        try world.ask(.check(grant.reference)).code == nil
    }

    @Test(arguments: ["a/b", "a"])
    func `at its own quota, or one above, a tenant takes the place of its own`(
        level: String
    ) throws {
        var world = try World.slots(10, .preemptionGap(1))
        try world.ask(.setQuota(tenant: level, kind: .slot, limit: 3))
        let other = try world.granted(request(4, "x", .low))
        let kept = try world.granted(request(1, "a/b", .low))
        let taken = try world.granted(request(2, "a/b", .low))
        // There is room in the pool: only the quota is in the way, and only its own can help.
        _ = try world.granted(request(2, "a/b", .high))
        #expect(try stands(&world, other) && stands(&world, kept))
        #expect(try !stands(&world, taken))
        #expect(try world.ask(.acquire(request(3, "a/b", .high))).code == .quota)
        #expect(try stands(&world, kept))
    }

    @Test
    func `both the pool and the quota have to have room without those who leave`() throws {
        var world = try World.slots(4, .preemptionGap(1))
        try world.ask(.setQuota(tenant: "a", kind: .slot, limit: 2))
        let own = try world.granted(request(1, "a", .low))
        let other = try world.granted(request(3, "x", .low))
        // The quota lets 2 through when its own lease has left, the pool when both have.
        _ = try world.granted(request(2, "a", .high))
        #expect(try !stands(&world, own) && !stands(&world, other))
        #expect(try world.ask(.acquire(request(1, "a", .high))).code == .quota)
        #expect(try world.count("free") == 2)
    }

    @Test
    func `as many leases as a tenant may have: one of its own makes room`() throws {
        var world = try World.slots(10, .preemptionGap(1))
        var limits = TenantRequest(tenant: "a")
        limits.leases = .amount(2)
        try world.ask(.setTenant(limits))
        let other = try world.granted(request(1, "x", .low))
        let older = try world.granted(request(1, "a", .low))
        let newer = try world.granted(request(1, "a/b", .low))
        _ = try world.granted(request(5, "a", .normal))
        #expect(try stands(&world, other) && stands(&world, older))
        #expect(try !stands(&world, newer))
        #expect(try world.ask(.acquire(request(1, "a", .low))).code == .quota)
    }

    @Test
    func `of several pools, too, one that finds who gives way may still be too fast`() throws {
        var world = try World.slots(10, .preemptionGap(1))
        try world.declarePool("other", .preemptionGap(1))
        var limits = TenantRequest(tenant: "a")
        (limits.leases, limits.rate) = (.amount(1), .amount(1))
        try world.ask(.setTenant(limits))
        let low = try world.granted(request(1, "a", .low))
        let high = request(5, "a", .normal) {
            $0.fallbackPools = ["other"]
            $0.waitMilliseconds = 60_000
        }
        // What it may not have yet is not what somebody else could leave: nobody is woken for it.
        let answer = try world.ask(.acquire(high))
        #expect(answer.code == .busy, "\(answer)")
        world.pass(milliseconds: 1_000)
        _ = try world.granted(high)
        #expect(try !stands(&world, low))
    }

    @Test
    func `with notice the quota is what is waited for, and the pool stays open`() throws {
        var world = try World.slots(10, .preemptionGap(1), .preemptionGrace(1_000))
        try world.ask(.setQuota(tenant: "a", kind: .slot, limit: 3))
        let low = try world.granted(request(3, "a", .low))
        let high = request(2, "a", .high) { $0.waitMilliseconds = 60_000 }
        let answer = try world.ask(.acquire(high))
        guard case .refused(let refusal) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(refusal.code == .quota)
        #expect(refusal.limit == "a slot")
        #expect(refusal.message.contains("gets the place of 1 lease of lower classes"))
        // Asked again it names the same, and nobody is told twice.
        let position = world.state.position
        #expect(try world.ask(.acquire(high)) == answer)
        #expect(world.state.position == position)
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        #expect(try !stands(&world, low))
        _ = try world.granted(high)
    }

    @Test
    func `a budget has what those who give way leave of theirs`() throws {
        var world = World()
        try world.declarePool("pool", .preemptionGap(1), .maxLifetime(3_600_000))
        var resource = ResourceRequest(name: "slots", pool: "pool", kind: .slot, capacity: 2)
        resource.cost = 1_000
        try world.ask(.setResource(resource))
        // A slot for an hour costs 1,000 thousandths: the budget holds two.
        try world.ask(
            .setBudget(BudgetRequest(tenant: "a", limit: 2_000, windowMilliseconds: 86_400_000))
        )
        let low = try world.granted(request(2, "a", .low))
        _ = try world.granted(request(1, "a", .high))
        #expect(try !stands(&world, low))
        #expect(try world.read(.budget("a"))["held"]?.asInteger == 1_000)
    }

    @Test
    func `what is kept for others is not taken with the place of their lease`() throws {
        var world = try World.slots(4, .preemptionGap(1))
        try world.guarantee(2, to: "owner", lending: 0)
        let covered = try world.granted(request(2, "owner", .low))
        let other = try world.granted(request(2, "x", .normal))
        // Without it what it had would be kept for its tenant.
        #expect(try world.ask(.acquire(request(2, "y", .normal))).code == .exhausted)
        #expect(try stands(&world, covered))
        _ = try world.granted(request(2, "y", .high))
        #expect(try stands(&world, covered) && !stands(&world, other))
    }
}
