// What is borrowed and asked back: by whom, from whom, and what is left alone.

import TenureModel
import Testing

@Suite("Reclaim of what is borrowed")
struct BorrowedReclaimTests {
    private func request(
        _ amount: UInt64,
        _ tenant: String,
        _ priority: Priority = .normal,
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

    @Test
    func `nobody gives back where the pool does not ask`() throws {
        var world = try World.slots(4)
        try world.guarantee(4, to: "owner", lending: nil)
        let borrowed = try world.granted(request(4, "other", .low))
        #expect(try world.ask(.acquire(request(1, "owner", .critical))).code == .exhausted)
        #expect(try stands(&world, borrowed))
    }

    @Test
    func `whatever its class, in one frame, with cause and evidence`() throws {
        var world = try World.slots(4, .reclaimBorrowed(1))
        try world.guarantee(4, to: "owner", lending: nil)
        let borrowed = try world.granted(request(4, "other", .critical))
        #expect(borrowed.confidence?.preemption == 1_000)
        let own = try world.granted(request(1, "owner/team", .low))
        let events = try #require(world.log.last?.events)
        guard case .reclaimed(let taken, .preempted, let evidence) = events.first,
            case .granted = events.last
        else {
            Issue.record("\(events)")
            return
        }
        #expect(taken.map(\.lease) == [borrowed.lease])
        for word in ["gave back", "borrowed", "owner/team", "low", "guarantee"] {
            #expect(evidence.contains(word), "\(evidence)")
        }
        // Who gave back can not take it again: it would have to be covered itself.
        #expect(own.confidence?.preemption == 0)
        #expect(try world.ask(.acquire(request(4, "other", .critical))).code == .exhausted)
        #expect(try stands(&world, own))
    }

    @Test
    func `P2: the lowest class first, then the most recent, and no more than is needed`() throws {
        var world = try World.slots(6, .reclaimBorrowed(1))
        try world.guarantee(4, to: "owner", lending: nil)
        let high = try world.granted(request(1, "x", .high))
        let older = try world.granted(request(3, "y", .low))
        let newer = try world.granted(request(1, "x", .low))
        let newest = try world.granted(request(1, "y", .low))
        _ = try world.granted(request(1, "owner"))
        #expect(try !stands(&world, newest))
        #expect(try stands(&world, newer) && stands(&world, older))
        // The newest one left is not enough, and not needed beside the older one.
        _ = try world.granted(request(3, "owner"))
        #expect(try !stands(&world, older))
        #expect(try stands(&world, newer) && stands(&world, high))
    }

    @Test
    func `P5: only down to the guarantee, and a lease of which a part is covered stays`() throws {
        var world = try World.slots(8, .reclaimBorrowed(1))
        try world.guarantee(4, to: "owner", lending: nil)
        try world.guarantee(3, to: "other", lending: nil)
        let first = try world.granted(request(2, "other", .low))
        let second = try world.granted(request(2, "other", .low))
        let third = try world.granted(request(4, "other", .high))
        // Of 8 used 5 are borrowed: the two small ones, and not both of them and the large one.
        #expect(try world.ask(.acquire(request(4, "owner"))).asGrant != nil)
        #expect(try !stands(&world, first) && !stands(&world, second))
        #expect(try stands(&world, third))
        let answer = try world.ask(.acquire(request(1, "owner")))
        #expect(answer.code == .exhausted)
        #expect(try stands(&world, third))
    }

    @Test
    func `who asks for more than its guarantee covers gets nothing back`() throws {
        var world = try World.slots(4, .reclaimBorrowed(1))
        try world.guarantee(3, to: "owner", lending: nil)
        let borrowed = try world.granted(request(4, "other", .low))
        #expect(try world.ask(.acquire(request(4, "owner", .critical))).code == .exhausted)
        #expect(try stands(&world, borrowed))
    }

    @Test
    func `P1: a lease from before the pool asked back, and one that has not run, stay`() throws {
        var world = try World.slots(2)
        try world.guarantee(2, to: "owner", lending: nil)
        let before = try world.granted(request(1, "other"))
        try world.declarePool("pool", .reclaimBorrowed(1), .preemptionMinRuntime(1_000))
        let after = try world.granted(request(1, "other"))
        world.pass(milliseconds: 999)
        #expect(try world.ask(.acquire(request(1, "owner"))).code == .exhausted)
        world.pass(milliseconds: 1)
        _ = try world.granted(request(1, "owner"))
        #expect(try stands(&world, before) && !stands(&world, after))
        #expect(try world.ask(.acquire(request(1, "owner"))).code == .exhausted)
    }

    @Test
    func `a tenant is asked by one beside it under the same guarantee, not by one above`() throws {
        var world = try World.slots(6, .reclaimBorrowed(1))
        try world.guarantee(6, to: "a", lending: nil)
        try world.guarantee(2, to: "a/b", lending: nil)
        let own = try world.granted(request(2, "a/b"))
        let sibling = try world.granted(request(4, "a/c"))
        try world.ask(.release(own.reference, parts: nil))
        _ = try world.granted(request(2, "a/c"))
        // All of `a` is covered against others, and not among its own.
        try world.guarantee(1, to: "z", lending: nil)
        #expect(try world.ask(.acquire(request(1, "z"))).code == .exhausted)
        #expect(try world.granted(request(2, "a/b")).placements.count == 1)
        #expect(try stands(&world, sibling))
        #expect(try world.ask(.acquire(request(1, "a/d"))).code == .exhausted)
    }

    @Test
    func `P5: a lease stays of which another kind is covered`() throws {
        var world = try World.hosts(1, gpus: 2, .reclaimBorrowed(1))
        for (tenant, kind) in [("owner", Kind.gpu), ("other", .cpu)] {
            var quota = QuotaRequest(tenant: tenant, kind: kind, limit: 100_000)
            quota.guarantee = 2_000
            try world.ask(.setQuota(quota))
        }
        let both = Claim.of((.gpu, 1000), (.cpu, 1000))
        var mixed = AcquireRequest(pool: "pool", claims: [both])
        mixed.tenant = "other"
        let first = try world.granted(mixed)
        _ = try world.granted(mixed)
        var own = AcquireRequest.of(1000, .gpu)
        own.tenant = "owner"
        #expect(try world.ask(.acquire(own)).code == .exhausted)
        // One CPU more, and one of the two can go without touching what is guaranteed.
        mixed.claims = [.of((.cpu, 1000))]
        _ = try world.granted(mixed)
        _ = try world.granted(own)
        #expect(try stands(&world, first))
    }

    @Test
    func `P6: by class nobody comes below a guarantee where borrowed amounts are asked back`()
        throws
    {
        for asksBack: UInt64 in [0, 1] {
            var world = try World.slots(4, .preemptionGap(1), .reclaimBorrowed(asksBack))
            try world.guarantee(3, to: "owner", lending: nil)
            let covered = try world.granted(request(3, "owner", .low))
            let borrowed = try world.granted(request(1, "other", .low))
            _ = try world.granted(request(1, "x", .high))
            #expect(try !stands(&world, borrowed))
            let answer = try world.ask(.acquire(request(1, "x", .high)))
            #expect((answer.code == .exhausted) == (asksBack == 1))
            #expect(try stands(&world, covered) == (asksBack == 1))
        }
    }

    @Test
    func `with notice who waits gets what is told to leave, and nobody is told beside it`() throws {
        var world = try World.slots(4, .reclaimBorrowed(1), .preemptionGrace(5_000))
        try world.guarantee(2, to: "owner", lending: nil)
        let told = try world.granted(request(2, "other", .high))
        let first = try world.granted(request(1, "other", .high))
        try world.ask(.release(first.reference, parts: nil))
        let last = try world.granted(request(2, "other", .critical))
        let answer = try world.ask(.acquire(request(2, "owner")))
        #expect(answer.sentence.contains("1 lease of those who borrow would leave"))
        let waiting = request(2, "owner") { $0.waitMilliseconds = 60_000 }
        #expect(try world.ask(.acquire(waiting)).code == .exhausted)
        guard case .document(let check) = try world.ask(.check(told.reference)) else { return }
        #expect(check["status"]?.asString == "preempted")
        // One of a lower class that came since would be the first, but enough leaves already.
        try world.ask(.release(last.reference, parts: [Part(resource: "slots", quantity: "1")]))
        let low = try world.granted(request(1, "other", .low))
        #expect(try world.ask(.acquire(waiting)).code == .exhausted)
        #expect(try stands(&world, low))
        world.pass(milliseconds: 5_000)
        try world.reclaim()
        _ = try world.granted(waiting)
        #expect(try stands(&world, low))
    }

    @Test(arguments: [PoolSetting.reclaimBorrowed(1), .preemptionGap(1)])
    func `a lease that is carved up whole gives way with all that is carved from it`(
        setting: PoolSetting
    ) throws {
        var world = try World.slots(3, setting)
        try world.guarantee(3, to: "owner", lending: nil)
        let parent = try world.granted(request(3, "other", .low))
        let first = try world.carved(parent, SubleaseTests.carve("2"))
        let second = try world.carved(parent, SubleaseTests.carve("1") { $0.tenant = "other/one" })
        let frames = world.log.count
        _ = try world.granted(request(3, "owner"))
        #expect(world.log.count == frames + 1)
        for gone in [parent, first, second] { #expect(try !stands(&world, gone)) }
        #expect(try world.count("free") == 0)
    }

    @Test
    func `what is quarantined with what is carved from a lease is waited for`() throws {
        var world = try World.hosts(1, gpus: 1, .preemptionGap(1), .lockDelay(1_000))
        let parent = try world.granted(.of(1000, .gpu) { $0.priority = .low })
        _ = try world.carved(parent, SubleaseTests.carve("1", of: "n0-g0"))
        var high = AcquireRequest.of(1000, .gpu)
        high.priority = .high
        high.waitMilliseconds = 60_000
        #expect(try world.ask(.acquire(high)).code == .exhausted)
        try world.reclaim()
        #expect(try world.count("quarantined", of: "n0-g0") == 1000)
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        _ = try world.granted(high)
    }

    @Test
    func `I6: a restart finds the same borrowers`() throws {
        var world = try World.slots(40, .reclaimBorrowed(1))
        try world.guarantee(5, to: "owner", lending: nil)
        var leases: [Grant] = []
        for tenant in 0..<40 { leases.append(try world.granted(request(1, "t\(tenant)"))) }
        world.checkpoint()
        try world.ask(.release(leases[7].reference, parts: nil))
        _ = try world.granted(request(1, "t8"))
        try world.restart()
        _ = try world.granted(request(1, "owner"))
        // The tenant that borrows most is among those that are looked at.
        #expect(try world.state.borrowed(by: "t8", of: .slot) == 1)
        world.checkpoint()
        #expect(try world.replayed().differences(to: world.rows.content) == [])
    }
}
