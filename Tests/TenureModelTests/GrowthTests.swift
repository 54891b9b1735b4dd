// Growing a lease: all or nothing, where it is before elsewhere, with a new token.

import TenureModel
import Testing

@Suite("Growth")
struct GrowthTests {
    private static func grow(
        _ claims: Claim...,
        change: (inout GrowRequest) -> Void = { _ in }
    ) -> GrowRequest {
        var request = GrowRequest(claims: claims)
        change(&request)
        return request
    }

    @Test
    func `a lease that grows holds both, keeps id and deadline, and has a new token`() throws {
        var world = try World.slots(5)
        let deadline = world.now.advanced(byMilliseconds: 1_000)
        let lease = try world.granted(.of(2))
        world.pass(milliseconds: 400)
        let grown = try #require(
            try world.ask(.grow(lease.reference, Self.grow(.of((.slot, 3))))).asGrant
        )
        #expect(grown.status == .grown)
        #expect(grown.lease == lease.lease)
        #expect(grown.token.position == world.state.position)
        #expect(grown.parts == ["slots=5"])
        #expect(grown.ttlMilliseconds.map { $0 <= 600 && $0 >= 599 } == true)
        #expect(try world.count("held") == 5)
        #expect(try world.ask(.check(lease.reference)).code == .fenced)
        world.reach(LedgerTime(nanoseconds: deadline.nanoseconds - 1))
        #expect(try world.ask(.check(grown.reference)).code == nil)
        world.reach(deadline)
        #expect(try world.ask(.check(grown.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 5)
    }

    @Test
    func `what does not fit whole changes nothing`() throws {
        var world = try World.slots(5)
        try world.ask(.setQuota(tenant: "org", kind: .slot, limit: 4))
        let lease = try world.granted(.of(2) { $0.tenant = "org/a" })
        _ = try world.granted(.of(1) { $0.tenant = "other" })
        let position = world.state.position
        let answer = try world.ask(.grow(lease.reference, Self.grow(.of((.slot, 3)))))
        #expect(answer.code == .quota)
        #expect(answer.sentence.contains("tenant org uses 2 of its slot quota of 4"))
        try world.ask(.setQuota(tenant: "org", kind: .slot, limit: 9))
        #expect(
            try world.ask(.grow(lease.reference, Self.grow(.of((.slot, 3))))).code == .exhausted
        )
        #expect(
            try world.ask(.grow(lease.reference, Self.grow(.of((.slot, 6))))).code
                == .unsatisfiable
        )
        #expect(world.state.position == position + 1)
        #expect(try world.ask(.check(lease.reference)).code == nil)
    }

    @Test
    func `beyond its places a lease grows by the strategy, and no turn is taken`() throws {
        var world = try World.hosts(4)
        let lease = try world.granted(.of(1_000, .gpu))
        _ = try world.granted(AcquireRequest(pool: "pool", claims: [.of(places: 4, (.gpu, 1_000))]))
        // n0 and n1 are full, n2 is half free, n3 wholly.
        let spread = Self.grow(.of((.gpu, 1_000))) { $0.strategy = .spread }
        let grown = try #require(try world.ask(.grow(lease.reference, spread)).asGrant)
        #expect(grown.parts == ["n0-g0=1000", "n3-g0=1000"])
        var turns = try World.hosts(3)
        var request = AcquireRequest.of(1_000, .gpu)
        request.strategy = .roundRobin
        let first = try turns.granted(request)
        let growth = Self.grow(.of(places: 3, (.gpu, 1_000))) { $0.strategy = .roundRobin }
        let wide = try #require(try turns.ask(.grow(first.reference, growth)).asGrant)
        #expect(wide.parts == ["n0-g0=1000", "n0-g1=1000", "n1-g0=1000", "n2-g0=1000"])
        #expect(try turns.granted(request).parts == ["n1-g1=1000"])
    }

    @Test
    func `it takes no range, because all of it is to be had or nothing`() throws {
        var world = try World.slots(5)
        let lease = try world.granted(.of(1))
        let range = Claim(amounts: [ClaimAmount(kind: .slot, amount: 1, most: 3)])
        let answer = try world.ask(.grow(lease.reference, Self.grow(range)))
        #expect(answer.code == .malformed && answer.sentence.contains("no range"))
    }

    @Test
    func `it comes from where the lease is as long as there is room`() throws {
        var world = try World.hosts(3)
        let selector = [Label(name: "none", value: "")]
        let first = try world.granted(
            AcquireRequest(pool: "pool", claims: [.of((.cpu, 8_000))])
        )
        let lease = try world.granted(AcquireRequest(pool: "pool", claims: [.of((.cpu, 1_000))]))
        #expect(lease.placements.map(\.node) == ["n1"])
        try world.ask(.release(first.reference, parts: nil))
        let grown = try #require(
            try world.ask(.grow(lease.reference, Self.grow(.of(places: 3, (.gpu, 1_000))))).asGrant
        )
        // n0 comes first in the pool, n1 has the lease and room for two.
        #expect(grown.parts == ["n1-cpu=1000", "n1-g0=1000", "n1-g1=1000", "n0-g0=1000"])
        let more = Self.grow(.of((.cpu, 1))) { $0.selector = selector }
        #expect(try world.ask(.grow(grown.reference, more)).code == .unsatisfiable)
    }

    @Test
    func `with a node it comes from there or not at all`() throws {
        var world = try World.hosts(2)
        let lease = try world.granted(AcquireRequest(pool: "pool", claims: [.of((.gpu, 2_000))]))
        let one = Claim.of((.gpu, 1_000))
        let here = try world.ask(.grow(lease.reference, Self.grow(one) { $0.node = "n0" }))
        #expect(here.code == .exhausted)
        #expect(here.sentence.contains("place n0 of pool pool"))
        let large = Claim.of((.gpu, 3_000))
        let never = try world.ask(.grow(lease.reference, Self.grow(large) { $0.node = "n0" }))
        #expect(never.code == .unsatisfiable)
        #expect(never.sentence.contains("place n0 of pool pool"))
        let none = try world.ask(.grow(lease.reference, Self.grow(one) { $0.node = "n9" }))
        #expect(none.code == .notFound)
        let there = try world.ask(.grow(lease.reference, Self.grow(one) { $0.node = "n1" }))
        #expect(there.asGrant?.parts == ["n0-g0=1000", "n0-g1=1000", "n1-g0=1000"])
    }

    @Test
    func `with a node several claims come from there together or not at all`() throws {
        var world = try World.hosts(2)
        let lease = try world.granted(AcquireRequest(pool: "pool", claims: [.of((.gpu, 1_000))]))
        let one = Claim.of((.gpu, 1_000))
        let two = try world.ask(
            .grow(lease.reference, Self.grow(one, one) { $0.node = "n0" })
        )
        #expect(two.code == .exhausted)
        let three = try world.ask(
            .grow(lease.reference, Self.grow(one, one, one) { $0.node = "n0" })
        )
        #expect(three.code == .unsatisfiable)
        let cpu = Claim.of((.cpu, 1_000))
        let both = try world.ask(.grow(lease.reference, Self.grow(one, cpu) { $0.node = "n0" }))
        #expect(both.asGrant?.parts == ["n0-g0=1000", "n0-g1=1000", "n0-cpu=1000"])
    }

    @Test
    func `where only another way fits, places of the lease come first as well`() throws {
        var world = World()
        try world.declarePool()
        for (number, memory) in [0, 8, 0].enumerated() {
            try world.declare("n\(number)-cpu", .cpu, 8, node: "n\(number)")
            if number > 0 { try world.declare("n\(number)-slot", .slot, 1, node: "n\(number)") }
            guard memory > 0 else { continue }
            try world.declare("n\(number)-memory", .memory, 8, node: "n\(number)")
        }
        let slots = Claim.of(places: 2, (.slot, 1))
        let lease = try world.granted(AcquireRequest(pool: "pool", claims: [slots]))
        let growth = Self.grow(.of((.cpu, 8)), .of((.cpu, 4), (.memory, 8)))
        let grown = try #require(try world.ask(.grow(lease.reference, growth)).asGrant)
        #expect(
            grown.parts.sorted()
                == ["n1-cpu=4", "n1-memory=8", "n1-slot=1", "n2-cpu=8", "n2-slot=1"]
        )
    }

    @Test
    func `what is cordoned does not grow a lease that is on it`() throws {
        var world = try World.slots(5)
        let lease = try world.granted(.of(2))
        try world.ask(.setResourceState(name: "slots", state: .cordoned))
        let answer = try world.ask(.grow(lease.reference, Self.grow(.of((.slot, 1)))))
        #expect(answer.code == .exhausted)
    }

    @Test
    func `a reservation, an ended lease and a stale token do not grow`() throws {
        var world = try World.slots(5)
        let one = Self.grow(.of((.slot, 1)))
        let held = try world.granted(.of(1) { $0.holdMilliseconds = 500 })
        let answer = try world.ask(.grow(held.reference, one))
        #expect(answer.code == .malformed)
        #expect(answer.sentence.contains("COMMIT"))
        let lease = try world.granted(.of(1))
        let wrong = LeaseReference(lease: lease.lease, token: held.token)
        #expect(try world.ask(.grow(wrong, one)).code == .fenced)
        try world.ask(.release(lease.reference, parts: nil))
        #expect(try world.ask(.grow(lease.reference, one)).code == .expired)
        #expect(try world.ask(.grow(lease.reference, Self.grow())).code == .malformed)
    }

    @Test
    func `in a session it lives by the session as before`() throws {
        var world = try World.slots(5)
        let session = try world.opened(ttl: 500)
        let lease = try world.granted(
            .of(1) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) }
        )
        let grown = try #require(
            try world.ask(.grow(lease.reference, Self.grow(.of((.slot, 2))))).asGrant
        )
        try world.ask(.closeSession(session))
        #expect(try world.ask(.check(grown.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 5)
    }

    @Test
    func `I7: with a request id, repeating it with the old token gives the first answer`() throws {
        var world = try World.slots(5)
        let lease = try world.granted(.of(1) { $0.tenant = "org" })
        let growth = Self.grow(.of((.slot, 2))) { $0.requestID = "g1" }
        let first = try #require(try world.ask(.grow(lease.reference, growth)).asGrant)
        world.checkpoint()
        try world.restart()
        let again = try #require(try world.ask(.grow(lease.reference, growth)).asGrant)
        #expect(again.replayed)
        #expect(again.token == first.token)
        #expect(again.parts == ["slots=3"])
        #expect(again.status == .grown)
        #expect(try world.count("held") == 3)
        let stored = try world.ask(.query(.request(id: "g1", tenant: "org"))).asGrant
        #expect(stored?.token == first.token)
        var other = growth
        other.claims = [.of((.slot, 1))]
        #expect(try world.ask(.grow(lease.reference, other)).code == .conflict)
        // The same words of another holder of the lease are another body.
        #expect(try world.ask(.grow(first.reference, growth)).code == .conflict)
        #expect(
            try world.ask(.acquire(.of(1) { ($0.tenant, $0.requestID) = ("org", "g1") })).code
                == .conflict
        )
    }

    /// How the lease ends, and by which cause.
    @Test(arguments: ["release", "expiry", "revoke", "session"])
    func `both tokens of a lease that has grown are told apart after its end`(
        how: String
    ) throws {
        var world = try World.slots(5, .lockDelay(how == "revoke" ? 200 : 0))
        let session = try world.opened(ttl: 90_000)
        let lease = try world.granted(
            .of(1) {
                if how == "session" { ($0.session, $0.ttlMilliseconds) = (session.session, nil) }
            }
        )
        let grown = try #require(
            try world.ask(.grow(lease.reference, Self.grow(.of((.slot, 1))))).asGrant
        )
        switch how {
        case "release": try world.ask(.release(grown.reference, parts: nil))
        case "revoke": try world.ask(.revoke(lease.lease, reason: "drill"))
        case "session": try world.ask(.closeSession(session))
        default: world.pass(milliseconds: 1_000)
        }
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        world.checkpoint()
        try world.restart()
        #expect(try world.count("free") == 5)
        #expect(try world.ask(.check(lease.reference)).code == .fenced)
        #expect(try world.ask(.check(grown.reference)).code == .expired)
        let again = try world.ask(.release(grown.reference, parts: nil))
        #expect(again.ending?.status == .alreadyEnded)
        #expect(try world.ask(.query(.lease(lease.lease))).code == .notFound)
        #expect(try world.read(.leases(LeaseFilter(), page: Page())).items.isEmpty)
        #expect(try world.read(.status)["leases"]?.asInteger == 0)
        world.pass(milliseconds: Limits.requestWindowMilliseconds)
        try world.reclaim()
        #expect(try world.ask(.check(grown.reference)).code == .fenced)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    @Test
    func `a lease does not grow beyond the most parts that one has`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        for number in 0...Limits.partsPerLease { try world.declare("s\(number)", .slot, 1) }
        let all = AcquireRequest(
            pool: "pool",
            claims: (0..<4).map { _ in .of(places: 1_024, (.slot, 1)) }
        )
        #expect(try world.ask(.acquire(all)).code == .malformed)
        var leases: Grant?
        for _ in 0..<4 {
            let claim = Claim.of(places: 1_024, (.slot, 1))
            if let held = leases {
                leases = try world.ask(.grow(held.reference, Self.grow(claim))).asGrant
            } else {
                leases = try world.granted(AcquireRequest(pool: "pool", claims: [claim]))
            }
        }
        let full = try #require(leases)
        #expect(full.placements.count == Limits.partsPerLease)
        let answer = try world.ask(.grow(full.reference, Self.grow(.of((.slot, 1)))))
        #expect(answer.code == .malformed)
        #expect(answer.sentence.contains("4097 parts"))
    }
}
