// Circuit breakers: what opens them, what is not granted then, and how they close.

import TenureModel
import Testing

@Suite("Breakers")
struct BreakerTests {
    private static let failed = Report(hasFailed: true, reason: "xid 79")
    private static let works = Report(hasFailed: false)

    private static func world(_ settings: PoolSetting...) throws -> World {
        var world = try World.hosts(2, gpus: 1)
        let all = [.breakerFailures(2), .breakerWindow(10_000), .breakerOpen(1_000)] + settings
        try world.ask(.setPool(name: "pool", settings: all + [.strategy(.firstFit)]))
        return world
    }

    private static func long(_ amount: UInt64 = 100) -> AcquireRequest {
        .of(amount, .gpu) { $0.ttlMilliseconds = 30 * 86_400_000 }
    }

    /// Leases on the first device report that it failed, until its breaker is open.
    private static func open(_ world: inout World) throws -> [Grant] {
        let leases = [try world.granted(long()), try world.granted(long())]
        for lease in leases { try world.ask(.report(lease.reference, failed)) }
        #expect(try breaker(&world)?["state"]?.asString == "open")
        return leases
    }

    private static func breaker(_ world: inout World, _ name: String = "n0-g0") throws -> Document?
    {
        let query = Query.breakers(pool: "pool", page: Page())
        return try world.read(query).items.first { $0["name"]?.asString == name }
    }

    @Test
    func `so many leases that report a failure open the breaker; one holder counts once`() throws {
        var world = try Self.world()
        let first = try world.granted(Self.long())
        for _ in 0..<3 {
            #expect(try world.ask(.report(first.reference, Self.failed)).code == nil)
            world.pass(milliseconds: 1)
        }
        #expect(try Self.breaker(&world)?["state"]?.asString == "closed")
        let second = try world.granted(Self.long())
        #expect(second.parts == ["n0-g0=100"])
        let answer = try world.ask(.report(second.reference, Self.failed)).document
        #expect(answer["opened"] == .list([.string("n0-g0")]))
        let breaker = try #require(try Self.breaker(&world))
        #expect(breaker["cause"]?.asString?.hasSuffix("n0-g0 failed: xid 79") == true)
        #expect(breaker["retry"]?.asInteger.map { $0 >= 999 } == true)
        // What is held stays, what comes goes elsewhere and says so.
        #expect(try world.ask(.check(first.reference)).code == nil)
        let third = try world.granted(Self.long())
        #expect(third.parts == ["n1-g0=100"])
        #expect(third.breakers == BreakerNotice(onTrial: [], leftOut: ["n0-g0"]))
        let none = try world.ask(.acquire(Self.long(950)))
        #expect(none.code == .exhausted && none.sentence.contains("breakers hold 1 resources back"))
    }

    @Test
    func `C3: what is held back covers no guarantee of others`() throws {
        var world = try Self.world()
        var quota = QuotaRequest(tenant: "owner", kind: .gpu, limit: 2_000)
        (quota.guarantee, quota.lending) = (1_000, .amount(0))
        try world.ask(.setQuota(quota))
        var plan = Self.long(300)
        (plan.tenant, plan.planOnly) = ("other", true)
        #expect(try world.ask(.acquire(plan)).code == nil)
        let leases = try Self.open(&world)
        #expect(try world.ask(.acquire(plan)).code == .quota)
        var own = plan
        own.tenant = "owner"
        #expect(try world.granted(own).parts == ["n1-g0=300"])
        world.checkpoint()
        try world.restart()
        #expect(try world.ask(.acquire(plan)).code == .quota)
        // What ends on it is free, and does not count either.
        try world.ask(.release(leases[0].reference, parts: nil))
        #expect(try world.ask(.acquire(plan)).code == .quota)
        try world.ask(.resetBreaker(.resource("n0-g0")))
        #expect(try world.ask(.acquire(plan)).code == nil)
    }

    @Test
    func `failures that are older than the window do not count`() throws {
        var world = try Self.world()
        let first = try world.granted(Self.long())
        let second = try world.granted(Self.long())
        try world.ask(.report(first.reference, Self.failed))
        world.pass(milliseconds: 10_000)
        try world.ask(.report(second.reference, Self.failed))
        #expect(try Self.breaker(&world)?["state"]?.asString == "closed")
    }

    @Test
    func `C2: half-open, at most so many leases find out, and are told so`() throws {
        var world = try Self.world(.breakerProbes(2))
        _ = try Self.open(&world)
        world.pass(milliseconds: 999)
        #expect(try world.reclaim() == 0)
        world.pass(milliseconds: 1)
        #expect(try world.reclaim() == 1)
        #expect(try Self.breaker(&world)?["state"]?.asString == "half-open")
        let probes = [try world.granted(Self.long()), try world.granted(Self.long())]
        for probe in probes {
            #expect(probe.parts == ["n0-g0=100"])
            #expect(probe.breakers?.onTrial == ["n0-g0"])
        }
        #expect(try world.granted(Self.long()).parts == ["n1-g0=100"])
        // One that ends without a verdict makes room for another.
        try world.ask(.revoke(probes[0].lease, reason: "test"))
        #expect(try world.granted(Self.long()).breakers?.onTrial == ["n0-g0"])
        #expect(try world.granted(Self.long()).parts == ["n1-g0=100"])
    }

    @Test
    func `C2: who takes the place of a probe is the probe in its stead`() throws {
        var world = try Self.world(.breakerProbes(2), .preemptionGap(1))
        _ = try Self.open(&world)
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        var request = Self.long()
        request.priority = .low
        let first = try world.granted(request)
        #expect(first.breakers?.onTrial == ["n0-g0"])
        request = Self.long(1_000)
        request.priority = .critical
        #expect(try world.granted(request).parts == ["n1-g0=1000"])
        request = Self.long(800)
        request.priority = .critical
        let second = try world.granted(request)
        #expect(second.parts == ["n0-g0=800"])
        #expect(try world.ask(.check(first.reference)).code == .expired)
        #expect(try Self.breaker(&world)?["probes"] == .list([.id(second.lease.rawValue)]))
    }

    @Test
    func `C2: a lease grows past what is held back, and onto what is half-open as a probe`() throws
    {
        var world = try Self.world()
        let lease = try Self.open(&world)[0]
        let more = GrowRequest(claims: [.of((.gpu, 100))])
        let first = try #require(try world.ask(.grow(lease.reference, more)).asGrant)
        #expect(first.parts == ["n0-g0=100", "n1-g0=100"])
        #expect(first.breakers == BreakerNotice(onTrial: [], leftOut: ["n0-g0"]))
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        let second = try #require(try world.ask(.grow(first.reference, more)).asGrant)
        #expect(second.parts == ["n0-g0=200", "n1-g0=100"])
        #expect(second.breakers?.onTrial == ["n0-g0"])
        #expect(try Self.breaker(&world)?["probes"] == .list([.id(lease.lease.rawValue)]))
        #expect(try world.granted(Self.long()).parts == ["n1-g0=100"])
        try world.ask(.report(second.reference, Self.works))
        #expect(try Self.breaker(&world) == nil)
    }

    @Test
    func `C2: a probe that grows where it is on trial is one probe`() throws {
        var world = try Self.world(.breakerProbes(2))
        _ = try Self.open(&world)
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        let probe = try world.granted(Self.long())
        let more = GrowRequest(claims: [.of((.gpu, 100))])
        let grown = try #require(try world.ask(.grow(probe.reference, more)).asGrant)
        #expect(grown.parts == ["n0-g0=200"])
        #expect(try Self.breaker(&world)?["probes"] == .list([.id(probe.lease.rawValue)]))
        #expect(try world.granted(Self.long()).breakers?.onTrial == ["n0-g0"])
        #expect(try world.granted(Self.long()).breakers?.onTrial == [])
    }

    @Test(arguments: [true, false])
    func `a probe that works or is given back closes the breaker`(reports: Bool) throws {
        var world = try Self.world()
        _ = try Self.open(&world)
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        let probe = try world.granted(Self.long())
        let partly = [Part(resource: "n0-g0", quantity: "50m")]
        try world.ask(.release(probe.reference, parts: partly))
        #expect(try Self.breaker(&world) != nil)
        if reports {
            let answer = try world.ask(.report(probe.reference, Self.works)).document
            #expect(answer["closed"] == .list([.string("n0-g0")]))
        } else {
            try world.ask(.release(probe.reference, parts: nil))
        }
        #expect(try Self.breaker(&world) == nil)
        let next = try world.granted(Self.long())
        #expect(next.parts == ["n0-g0=100"] && next.breakers == nil)
    }

    @Test
    func `each failure of a probe doubles the time, up to an hour; a success starts anew`() throws {
        var world = try Self.world()
        _ = try Self.open(&world)
        var wait: UInt64 = 1_000
        for _ in 0..<14 {
            world.pass(milliseconds: wait - 1)
            #expect(try world.reclaim() == 0)
            world.pass(milliseconds: 1)
            #expect(try world.reclaim() == 1)
            let probe = try world.granted(Self.long())
            #expect(probe.breakers?.onTrial == ["n0-g0"])
            try world.ask(.report(probe.reference, Self.failed))
            try world.ask(.release(probe.reference, parts: nil))
            wait = min(wait * 2, 3_600_000)
        }
        world.pass(milliseconds: wait)
        try world.reclaim()
        let probe = try world.granted(Self.long())
        try world.ask(.report(probe.reference, Self.works))
        _ = try Self.open(&world)
        #expect(try Self.breaker(&world)?["retry"]?.asInteger.map { $0 <= 1_000 } == true)
    }

    @Test
    func `C1: a restart closes nothing`() throws {
        var world = try Self.world()
        _ = try Self.open(&world)
        for upkeep in 0..<2 {
            if upkeep == 1 { world.checkpoint() }
            try world.restart()
            #expect(try Self.breaker(&world)?["state"]?.asString == "open")
            var plan = Self.long()
            plan.planOnly = true
            #expect(try world.granted(plan).parts == ["n1-g0=100"])
        }
        world.pass(milliseconds: 1_000)
        #expect(try world.reclaim() == 1)
        let probe = try world.granted(Self.long())
        world.checkpoint()
        try world.restart()
        #expect(try world.granted(Self.long()).parts == ["n1-g0=100"])
        try world.ask(.report(probe.reference, Self.works))
        #expect(try world.granted(Self.long()).parts == ["n0-g0=100"])
        world.checkpoint()
        #expect(world.rows.content.differences(to: try world.replayed()).isEmpty)
        #expect(world.rows.content.breakers.isEmpty)
        #expect(world.rows.content.due.keys.allSatisfy { $0.subject != .breaker })
    }

    @Test
    func `operators close breakers: by reset, by settings, and with what they guard`() throws {
        var world = try Self.world()
        let leases = try Self.open(&world)
        try world.ask(.resetBreaker(.resource("n0-g0")))
        #expect(try Self.breaker(&world) == nil)
        #expect(try world.ask(.resetBreaker(.resource("n0-g0"))).code == .notFound)
        for lease in leases { try world.ask(.report(lease.reference, Self.failed)) }
        #expect(try Self.breaker(&world) != nil)
        try world.ask(.setPool(name: "pool", settings: [.breakerFailures(0)]))
        #expect(try Self.breaker(&world) == nil)
        let off = try world.ask(.report(leases[0].reference, Self.failed)).document
        #expect(off["status"] == .string("nothing changed"))
        try world.ask(.setPool(name: "pool", settings: [.breakerFailures(1)]))
        try world.ask(.report(leases[0].reference, Self.failed))
        for lease in leases { try world.ask(.release(lease.reference, parts: nil)) }
        #expect(try Self.breaker(&world) != nil)
        try world.ask(.deleteResource(name: "n0-g0"))
        world.checkpoint()
        #expect(world.rows.content.breakers.isEmpty)
    }

    @Test
    func `a report is about one resource, the devices, or all where there are none`() throws {
        var world = try World.hosts(1)
        try world.ask(.setPool(name: "pool", settings: [.breakerFailures(1)]))
        let claims = [Claim.of((.gpu, 2_000), (.cpu, 1_000))]
        func granted(_ claims: [Claim]) throws -> Grant {
            try world.granted(AcquireRequest(pool: "pool", claims: claims))
        }
        func opened(_ lease: Grant, _ report: Report) throws -> Document? {
            let answer = try world.ask(.report(lease.reference, report)).document
            for name in ["n0-g0", "n0-g1", "n0-cpu"] {
                try world.ask(.resetBreaker(.resource(name)))
            }
            return answer["opened"]
        }
        let mixed = try granted(claims)
        #expect(
            try opened(mixed, Report(hasFailed: true))
                == .list([.string("n0-g0"), .string("n0-g1")])
        )
        #expect(
            try opened(mixed, Report(hasFailed: true, resource: "n0-cpu"))
                == .list([.string("n0-cpu")])
        )
        let cpu = try granted([Claim.of((.cpu, 1_000))])
        #expect(try opened(cpu, Report(hasFailed: true)) == .list([.string("n0-cpu")]))
        let other = Report(hasFailed: true, resource: "n0-mem")
        #expect(try world.ask(.report(cpu.reference, other)).code == .malformed)
        var stale = cpu.reference
        stale = LeaseReference(lease: stale.lease, token: Token(rawValue: 1))
        #expect(try world.ask(.report(stale, Self.failed)).code == .fenced)
        let held = try world.granted(.of(1, .cpu) { $0.holdMilliseconds = 1_000 })
        #expect(try world.ask(.report(held.reference, Self.failed)).code == .malformed)
        try world.ask(.release(cpu.reference, parts: nil))
        #expect(try world.ask(.report(cpu.reference, Self.failed)).code == .expired)
    }

    // MARK: Pools

    private static func count(_ count: UInt64, _ code: RefusalCode = .exhausted) -> Command {
        .housekeeping(
            .refusalsCounted([
                RefusalCount(tenant: "t", pool: "pool", code: code, limit: "slot", count: count)
            ])
        )
    }

    @Test
    func `a storm of refusals without a grant opens the breaker of the pool`() throws {
        var world = try World.slots(
            2,
            .breakerRefusals(100),
            .breakerWindow(10_000),
            .breakerOpen(1_000)
        )
        try world.ask(Self.count(99))
        try world.ask(Self.count(500, .quota))
        let lease = try world.granted(.of(2) { $0.ttlMilliseconds = 3_600_000 })
        // A grant forgets what was refused before it.
        try world.ask(Self.count(99))
        world.pass(milliseconds: 10_000)
        try world.ask(Self.count(99))
        #expect(try world.ask(.acquire(.of(1))).code == .exhausted)
        try world.ask(
            .housekeeping(
                .refused(
                    RefusalRecord(
                        tenant: "t",
                        pool: "pool",
                        code: .exhausted,
                        limit: "",
                        message: ""
                    )
                )
            )
        )
        let refused = try world.ask(.acquire(.of(1)))
        #expect(refused.code == .circuitOpen)
        #expect(refused.sentence.contains("100 requests were refused"))
        #expect(refused.sentence.contains("tried again in 999 ms"))
        let more = GrowRequest(claims: [.of((.slot, 1))])
        #expect(try world.ask(.grow(lease.reference, more)).code == .circuitOpen)
        world.checkpoint()
        try world.restart()
        #expect(try world.ask(.acquire(.of(1))).code == .circuitOpen)
        // Half-open and still full: open for twice as long.
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        #expect(try world.ask(.acquire(.of(1))).code == .exhausted)
        try world.ask(Self.count(1))
        world.pass(milliseconds: 1_999)
        try world.reclaim()
        #expect(try world.ask(.acquire(.of(1))).code == .circuitOpen)
        world.pass(milliseconds: 1)
        try world.reclaim()
        try world.ask(.release(lease.reference, parts: nil))
        _ = try world.granted(.of(1))
        #expect(try world.read(.breakers(pool: nil, page: Page())).items.isEmpty)
        world.checkpoint()
        #expect(world.rows.content.differences(to: try world.replayed()).isEmpty)
    }

    @Test
    func `lists have pages and pools`() throws {
        var world = try Self.world(.breakerRefusals(1))
        let leases = try Self.open(&world)
        try world.ask(.resetBreaker(.resource("n0-g0")))
        _ = leases
        try world.declarePool("other", .breakerRefusals(1))
        for pool in ["other", "pool"] {
            try world.ask(
                .housekeeping(
                    .refusalsCounted([
                        RefusalCount(
                            tenant: "t",
                            pool: pool,
                            code: .exhausted,
                            limit: "",
                            count: 1
                        )
                    ])
                )
            )
        }
        let first = try world.read(.breakers(pool: nil, page: Page(limit: 1)))
        #expect(first.items.map { $0["name"]?.asString } == ["other"])
        let cursor = try #require(first["cursor"]?.asString)
        let second = try world.read(.breakers(pool: nil, page: Page(limit: 1, after: cursor)))
        #expect(second.items.map { $0["name"]?.asString } == ["pool"])
        #expect(second["cursor"] == .null)
        let query = Query.breakers(pool: "other", page: Page())
        #expect(try world.read(query).items.count == 1)
    }
}
