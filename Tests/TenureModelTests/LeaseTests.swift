// The life of a lease: deadlines, renewal, release whole and in part, tokens, its longest life.

import TenureModel
import Testing

@Suite("Leases")
struct LeaseTests {
    /// When something happens, in nanoseconds from the deadline.
    @Test(arguments: [(-1, true), (0, false), (1, false)])
    func `I5: a renewal counts before the deadline, not at it`(offset: Int, counts: Bool) throws {
        var world = try World.slots(1)
        let deadline = world.now.advanced(byMilliseconds: 1_000)
        let lease = try world.granted(.of(1))
        #expect(lease.ttlMilliseconds == 1_000)
        world.reach(LedgerTime(nanoseconds: UInt64(Int(deadline.nanoseconds) + offset)))
        #expect((try world.ask(.check(lease.reference)).code == nil) == counts)
        let answer = try world.ask(.renew(lease.reference, ttlMilliseconds: nil))
        #expect((answer.renewal != nil) == counts)
        if counts {
            #expect(answer.renewal?.token == lease.token)
            #expect(answer.renewal?.ttlMilliseconds == 1_000)
        } else {
            #expect(answer.code == .expired)
        }
        try world.reclaim()
        #expect(try world.count("held") == (counts ? 1 : 0))
    }

    @Test
    func `a lease past its deadline is invalid although nothing was reclaimed`() throws {
        var world = try World.slots(1)
        let lease = try world.granted(.of(1))
        world.pass(milliseconds: 1_000)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        #expect(try world.ask(.renew(lease.reference, ttlMilliseconds: 5)).code == .expired)
        #expect(
            try world.ask(.release(lease.reference, parts: nil)).ending?.status == .alreadyEnded
        )
        let shown = try world.read(.lease(lease.lease))
        #expect(shown["state"]?.asString == "ended")
        #expect(shown["ttl"]?.asInteger == 0)
        #expect(try world.count("held") == 1)
    }

    @Test
    func `a renewal never moves the deadline back`() throws {
        var world = try World.slots(1)
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = 10_000 })
        let position = world.state.position
        let answer = try world.ask(.renew(lease.reference, ttlMilliseconds: 10))
        #expect(answer.renewal?.ttlMilliseconds == 9_999)
        #expect(answer.renewal?.position == position)
        #expect(world.state.position == position)
        world.pass(milliseconds: 9_000)
        #expect(try world.ask(.renew(lease.reference, ttlMilliseconds: 10)).renewal != nil)
        #expect(try world.ask(.check(lease.reference)).code == nil)
    }

    @Test
    func `no renewal goes beyond the longest life`() throws {
        var world = try World.slots(2, .maxLifetime(2_500))
        let pool = try world.granted(.of(1))
        let own = try world.granted(.of(1) { $0.maxLifetimeMilliseconds = 1_500 })
        world.pass(milliseconds: 999)
        for lease in [pool, own] {
            #expect(try world.ask(.renew(lease.reference, ttlMilliseconds: 1_400)).renewal != nil)
        }
        world.pass(milliseconds: 500)
        #expect(try world.ask(.renew(own.reference, ttlMilliseconds: 1_000)).renewal != nil)
        world.pass(milliseconds: 1)
        #expect(try world.ask(.renew(own.reference, ttlMilliseconds: 1_000)).code == .expired)
        #expect(try world.ask(.renew(pool.reference, ttlMilliseconds: 9_000)).renewal != nil)
        world.pass(milliseconds: 1_000)
        #expect(try world.ask(.check(pool.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 2)
    }

    @Test
    func `a lease that asks for no TTL gets the pool's`() throws {
        var world = try World.slots(1, .ttlDefault(7_000))
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = nil })
        #expect(lease.ttlMilliseconds == 7_000)
        world.pass(milliseconds: 3_000)
        let renewal = try world.ask(.renew(lease.reference, ttlMilliseconds: nil)).renewal
        #expect(renewal?.ttlMilliseconds == 7_000)
    }

    @Test(arguments: [1, 2, 59_999, 60_000] as [UInt64])
    func `a TTL inside the bounds is taken as it is`(ttl: UInt64) throws {
        var world = try World.slots(1, .ttlMax(60_000))
        let grant = try world.granted(.of(1) { $0.ttlMilliseconds = ttl })
        #expect(grant.ttlMilliseconds == ttl)
    }

    @Test
    func `the longest durations saturate and do not trap`() throws {
        var world = World()
        try world.declarePool("pool", .ttlMax(Limits.millisecondsMax))
        try world.declare("slots", .slot, 2)
        world.reach(LedgerTime(nanoseconds: .max - 1_000_000_000))
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = Limits.millisecondsMax })
        #expect(lease.ttlMilliseconds == nil)
        #expect(try world.ask(.renew(lease.reference, ttlMilliseconds: 5)).renewal != nil)
    }

    @Test
    func `release gives all of it back, and again is a success`() throws {
        var world = try World.slots(3)
        let lease = try world.granted(.of(3))
        #expect(try world.ask(.release(lease.reference, parts: nil)).ending?.status == .released)
        #expect(try world.count("free") == 3)
        let position = world.state.position
        for _ in 0..<2 {
            let again = try world.ask(.release(lease.reference, parts: nil)).ending
            #expect(again?.status == .alreadyEnded)
            #expect(again?.position == position)
        }
        #expect(world.state.position == position)
        #expect(try world.ask(.revoke(lease.lease, reason: "x")).ending?.status == .alreadyEnded)
    }

    /// Whatever has become of the ledger meanwhile, whose token it is decides.
    @Test(arguments: [false, true])
    func `what ended stays known as ended, in later epochs and after a restart`(
        isRaised: Bool
    ) throws {
        var world = try World.slots(3)
        let lease = try world.granted(.of(1))
        try world.ask(.release(lease.reference, parts: nil))
        if isRaised { try world.ask(.housekeeping(.raiseEpoch(reason: "cut"))) }
        world.checkpoint()
        try world.restart()
        let later = try world.granted(.of(1))
        #expect(later.token.epoch == (isRaised ? 2 : 1))
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        #expect(
            try world.ask(.release(lease.reference, parts: nil)).ending?.status == .alreadyEnded
        )
        let mixed = LeaseReference(lease: lease.lease, token: later.token)
        #expect(try world.ask(.release(mixed, parts: nil)).code == .fenced)
        #expect(try world.ask(.check(later.reference)).code == nil)
    }

    @Test
    func `a part is given back and never more than is held`() throws {
        var world = try World.hosts(1)
        let claim = Claim.of((.gpu, 2_000), (.memory, 4 << 30))
        let lease = try world.granted(AcquireRequest(pool: "pool", claims: [claim]))
        let release = { (resource: String, quantity: String, world: inout World) in
            try world.ask(
                .release(lease.reference, parts: [Part(resource: resource, quantity: quantity)])
            )
        }
        let first = try release("n0-mem", "3Gi", &world)
        #expect(first.ending?.status == .reduced)
        #expect(
            first.ending?.placements.map { "\($0.resource)=\($0.amount)" }
                == ["n0-g0=1000", "n0-g1=1000", "n0-mem=\(1 << 30)"]
        )
        #expect(try release("n0-mem", "2Gi", &world).code == .malformed)
        #expect(try release("n0-mem", "1Gi", &world).ending?.status == .reduced)
        #expect(try release("n0-mem", "1", &world).code == .malformed)
        #expect(try release("n0-g0", "1", &world).ending?.status == .reduced)
        #expect(try world.count("free", of: "n0-g0") == 1000)
        #expect(try release("n0-g1", "1", &world).ending?.status == .released)
        #expect(try release("n0-g1", "1", &world).ending?.status == .alreadyEnded)
        #expect(try world.state.contentLines().filter { $0.hasPrefix("lease") }.isEmpty)
    }

    @Test
    func `a part of a resource that several places share counts all of them`() throws {
        var world = try World.hosts(1, gpus: 1)
        let claim = Claim.of(places: 4, (.gpu, 200))
        let lease = try world.granted(AcquireRequest(pool: "pool", claims: [claim]))
        let part = { [Part(resource: "n0-g0", quantity: $0)] }
        let answer = try world.ask(.release(lease.reference, parts: part("500m")))
        #expect(answer.ending?.placements.map(\.amount).reduce(0, +) == 300)
        #expect(try world.count("held", of: "n0-g0") == 300)
        #expect(try world.ask(.release(lease.reference, parts: part("301m"))).code == .malformed)
    }

    @Test
    func `revoke needs no token and ends at once`() throws {
        var world = try World.slots(1)
        let lease = try world.granted(.of(1))
        #expect(try world.ask(.revoke(lease.lease, reason: "drill")).ending?.status == .revoked)
        #expect(try world.count("free") == 1)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        guard case .reclaimed(_, .revoked, let evidence)? = world.log.last?.events.first else {
            Issue.record("a revocation is a reclaim")
            return
        }
        #expect(evidence == "drill")
    }

    @Test
    func `I4: tokens rise over restarts, and with the epoch`() throws {
        var world = try World.slots(9)
        let first = try world.granted(.of(1))
        try world.restart()
        let second = try world.granted(.of(1))
        #expect(second.token > first.token)
        var facts = LedgerFacts()
        facts.position = 2
        facts.epoch = 2
        var raised = World(facts: facts)
        try raised.declarePool()
        try raised.declare("slots", .slot, 1)
        let third = try raised.granted(.of(1))
        #expect(third.token.epoch == 2)
        #expect(third.token > second.token)
        #expect(third.token.rawValue >> 63 == 0)
    }
}
