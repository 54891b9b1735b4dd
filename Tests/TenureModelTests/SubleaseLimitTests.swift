// What bounds sub-leases: quotas, limits of tenants, and how many one lease and one frame have.

import TenureModel
import Testing

@Suite("Limits of sub-leases")
struct SubleaseLimitTests {
    @Test
    func `I3: it counts for its own tenant, at or below its parent's, within the quotas`() throws {
        var world = try World.slots(9)
        try world.ask(.setQuota(tenant: "org", kind: .slot, limit: 4))
        try world.ask(.setQuota(tenant: "org/a", kind: .slot, limit: 2))
        let parent = try world.granted(.of(4) { $0.tenant = "org" })
        let tooMuch = try world.ask(
            .sublease(parent.reference, SubleaseTests.carve("3") { $0.tenant = "org/a/b" })
        )
        #expect(tooMuch.code == .quota)
        #expect(tooMuch.sentence.contains("tenant org/a uses 0"))
        let part = try world.carved(parent, SubleaseTests.carve("2") { $0.tenant = "org/a/b" })
        let used = { (tenant: String, world: inout World) in
            try world.read(.usage(tenant: tenant)).items.first?["used"]?.asInteger ?? 0
        }
        #expect(try used("org", &world) == 4)
        #expect(try used("org/a", &world) == 2)
        #expect(try used("org/a/b", &world) == 2)
        #expect(
            try world.ask(
                .sublease(parent.reference, SubleaseTests.carve("1") { $0.tenant = "org/a" })
            ).code
                == .quota
        )
        for tenant in ["other", "or", "organ", "org2"] {
            let answer = try world.ask(
                .sublease(parent.reference, SubleaseTests.carve("1") { $0.tenant = tenant })
            )
            #expect(answer.code == .malformed, "\(tenant)")
        }
        try world.ask(.release(part.reference, parts: nil))
        #expect(try used("org", &world) == 4)
        #expect(try used("org/a", &world) == 0)
    }

    @Test
    func `what others were guaranteed does not stop a sub-lease, which takes nothing free`() throws
    {
        var world = try World.slots(10)
        _ = try world.guarantee(6, to: "other", lending: 0)
        try world.ask(.setQuota(QuotaRequest(tenant: "org/a", kind: .slot, limit: 9)))
        let parent = try world.granted(.of(4) { $0.tenant = "org" })
        let more = GrowRequest(claims: [.of((.slot, 1))])
        try world.ask(.setQuota(QuotaRequest(tenant: "org", kind: .slot, limit: 9)))
        #expect(try world.ask(.grow(parent.reference, more)).code == .quota)
        _ = try world.carved(parent, SubleaseTests.carve("2") { $0.tenant = "org/a" })
        #expect(try world.held(by: parent) == 2)
    }

    @Test
    func `a sub-lease is one lease more, and one grant, of its tenant and all above`() throws {
        var world = try World.slots(10)
        let parent = try world.granted(.of(8) { $0.tenant = "org" })
        var limits = TenantRequest(tenant: "org")
        limits.leases = .amount(2)
        try world.ask(.setTenant(limits))
        let part = try world.carved(parent, SubleaseTests.carve("1") { $0.tenant = "org/a" })
        let second = SubleaseTests.carve("1") { $0.tenant = "org/b" }
        #expect(try world.ask(.sublease(parent.reference, second)).code == .quota)
        try world.ask(.release(part.reference, parts: nil))
        (limits.leases, limits.rate, limits.burst) = (.amount(9), .amount(1), 1)
        try world.ask(.setTenant(limits))
        _ = try world.carved(parent, second)
        #expect(try world.ask(.sublease(parent.reference, second)).code == .busy)
    }

    @Test
    func `N2: a lease has 64 sub-leases and no more, and they end with it in one frame`() throws {
        var world = try World.slots(100)
        let parent = try world.granted(.of(100))
        for _ in 0..<Limits.subleasesPerLease {
            _ = try world.carved(parent, SubleaseTests.carve("1"))
        }
        let answer = try world.ask(.sublease(parent.reference, SubleaseTests.carve("1")))
        #expect(answer.code == .busy)
        #expect(answer.sentence.contains("64 sub-leases"))
        world.checkpoint()
        try world.restart()
        world.pass(milliseconds: 1_000)
        #expect(try world.reclaim() == 1)
        #expect(try world.count("free") == 100)
    }

    @Test
    func `a session with many that are carved up ends in frames of a bounded size`() throws {
        var world = try World.slots(1_000)
        world.checksEveryStep = false
        let session = try world.opened(ttl: 500)
        for _ in 0..<10 {
            let parent = try world.granted(
                .of(60) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) }
            )
            for _ in 0..<50 { _ = try world.carved(parent, SubleaseTests.carve("1")) }
        }
        try world.ask(.closeSession(session))
        try world.reclaim()
        let most = world.log.map { $0.events.reduce(0) { $0 + $1.leases.count } }.max() ?? 0
        #expect(most <= Limits.reclaimBatch + Limits.subleasesPerLease)
        #expect(try world.count("free") == 1_000)
        #expect(try world.state.invariantFault() == nil)
    }
}
