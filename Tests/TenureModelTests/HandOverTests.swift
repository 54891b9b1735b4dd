// Handing a lease over: another holder, another token, another life, in one frame.

import TenureModel
import Testing

@Suite("Handing over")
struct HandOverTests {
    private static func to(
        _ holder: String?,
        ttl: UInt64? = nil,
        _ session: SessionReference? = nil,
        request: String? = nil
    ) -> HandOverRequest {
        var handOver = HandOverRequest(holder: holder)
        handOver.ttlMilliseconds = ttl
        handOver.session = session?.session
        handOver.requestID = request
        return handOver
    }

    @Test
    func `the old token is fenced from then on, and the new one has the lease`() throws {
        var world = try World.slots(3)
        let lease = try world.granted(.of(2) { $0.holder = "one" })
        let handed = try #require(
            try world.ask(.handOver(lease.reference, Self.to("two"))).asGrant
        )
        #expect(handed.status == .handedOver)
        #expect(handed.lease == lease.lease)
        #expect(handed.holder == "two")
        #expect(handed.parts == ["slots=2"])
        #expect(handed.token.position == world.state.position)
        for command in [
            Command.check(lease.reference), .release(lease.reference, parts: nil),
            .renew(lease.reference, ttlMilliseconds: nil),
            .handOver(lease.reference, Self.to("three")),
        ] {
            let answer = try world.ask(command)
            #expect(answer.code == .fenced)
            #expect(answer.sentence.contains("stop using it"))
        }
        #expect(try world.ask(.check(handed.reference)).code == nil)
        #expect(try world.count("held") == 2)
        let shown = try world.read(.lease(lease.lease))
        #expect(shown["holder"]?.asString == "two")
        #expect(try world.ask(.release(handed.reference, parts: nil)).ending?.status == .released)
        #expect(
            try world.ask(.release(handed.reference, parts: nil)).ending?.status == .alreadyEnded
        )
        #expect(try world.ask(.release(lease.reference, parts: nil)).code == .fenced)
    }

    @Test
    func `a TTL that is given counts from now, also when it is shorter`() throws {
        var world = try World.slots(1)
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = 10_000 })
        let short = try #require(
            try world.ask(.handOver(lease.reference, Self.to("two", ttl: 500))).asGrant
        )
        #expect(short.ttlMilliseconds == 500)
        world.pass(milliseconds: 300)
        let renewal = try world.ask(.renew(short.reference, ttlMilliseconds: nil)).renewal
        #expect(renewal?.ttlMilliseconds == 500)
        world.pass(milliseconds: 500)
        #expect(try world.ask(.check(short.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 1)
    }

    @Test
    func `without a word about its life it is renewed, never shortened, nor past its end`() throws {
        var world = try World.slots(2)
        let lease = try world.granted(
            .of(1) { ($0.ttlMilliseconds, $0.maxLifetimeMilliseconds) = (1_000, 1_500) }
        )
        try world.ask(.renew(lease.reference, ttlMilliseconds: 1_200))
        let first = try #require(
            try world.ask(.handOver(lease.reference, Self.to("two"))).asGrant
        )
        #expect(first.ttlMilliseconds == 1_199)
        world.pass(milliseconds: 900)
        let second = try #require(
            try world.ask(.handOver(first.reference, Self.to("three", ttl: 60_000))).asGrant
        )
        #expect(second.ttlMilliseconds.map { $0 < 600 && $0 >= 599 } == true)
        world.pass(milliseconds: 600)
        #expect(try world.ask(.check(second.reference)).code == .expired)
        #expect(
            try world.ask(.handOver(second.reference, Self.to("four"))).code == .expired
        )
    }

    @Test
    func `it moves from session to session, out of one and into one`() throws {
        var world = try World.slots(3)
        let first = try world.opened(ttl: 5_000)
        let second = try world.opened(ttl: 5_000)
        var lease = try world.granted(
            .of(1) { ($0.session, $0.ttlMilliseconds) = (first.session, nil) }
        )
        let stays = try #require(
            try world.ask(.handOver(lease.reference, Self.to("a"))).asGrant
        )
        lease = try #require(
            try world.ask(.handOver(stays.reference, Self.to("b", second))).asGrant
        )
        world.checkpoint()
        try world.restart()
        try world.ask(.closeSession(first))
        try world.reclaim()
        #expect(try world.ask(.check(lease.reference)).code == nil)
        #expect(try world.ask(.handOver(lease.reference, Self.to("c", first))).code == .expired)
        lease = try #require(
            try world.ask(.handOver(lease.reference, Self.to("c", ttl: 900))).asGrant
        )
        #expect(lease.ttlMilliseconds == 900)
        try world.ask(.closeSession(second))
        try world.reclaim()
        #expect(try world.ask(.check(lease.reference)).code == nil)
        let third = try world.opened(ttl: 90_000)
        lease = try #require(
            try world.ask(.handOver(lease.reference, Self.to("d", third))).asGrant
        )
        #expect(lease.ttlMilliseconds == 89_999)
        world.pass(milliseconds: 60_000)
        try world.reclaim()
        #expect(try world.ask(.check(lease.reference)).code == nil)
        #expect(try world.ask(.renew(lease.reference, ttlMilliseconds: 9)).code == .malformed)
        try world.ask(.closeSession(third))
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 3)
    }

    @Test
    func `the token is shown to the user that took the lease over, and no more to the other`()
        throws
    {
        var world = try World.slots(1)
        let (one, two) = (Caller(uid: 1, isAdmin: false), Caller(uid: 2, isAdmin: false))
        let lease = try world.granted(.of(1) { $0.holder = "one" }, as: one)
        let taken = try #require(
            try world.ask(.handOver(lease.reference, Self.to("two")), as: two).asGrant
        )
        let mine = try world.read(.lease(lease.lease), as: two)
        #expect(mine["token"] == .id(taken.token.rawValue))
        #expect(try world.read(.lease(lease.lease), as: one)["token"] == nil)
    }

    @Test
    func `I7: with a request id, repeating it with the old token gives the first answer`() throws {
        var world = try World.slots(1)
        let lease = try world.granted(.of(1))
        let to = Self.to("two", request: "h1")
        let first = try #require(try world.ask(.handOver(lease.reference, to)).asGrant)
        let position = world.state.position
        let again = try #require(try world.ask(.handOver(lease.reference, to)).asGrant)
        #expect(again.replayed && again.token == first.token && again.holder == "two")
        #expect(again.status == .handedOver)
        #expect(world.state.position == position)
        let other = Self.to("three", request: "h1")
        #expect(try world.ask(.handOver(lease.reference, other)).code == .conflict)
        // Also after its end, and after that it is known what the last token was.
        try world.ask(.release(first.reference, parts: nil))
        #expect(try world.ask(.handOver(lease.reference, to)).asGrant?.token == first.token)
    }

    @Test
    func `what can not be handed over is refused and stays`() throws {
        var world = try World.slots(3, .ttlMax(60_000))
        let lease = try world.granted(.of(1))
        let reserved = try world.granted(.of(1) { $0.holdMilliseconds = 500 })
        #expect(try world.ask(.handOver(reserved.reference, Self.to("x"))).code == .malformed)
        let rows: [(HandOverRequest, RefusalCode, String)] = [
            (Self.to("no name\n"), .malformed, "HOLDER"),
            (Self.to("x", ttl: 60_001), .malformed, "TTL 60001"),
            (Self.to("x", ttl: 0), .malformed, "TTL"),
            (Self.to("x", request: ""), .malformed, "REQUEST"),
        ]
        for (request, code, word) in rows {
            let answer = try world.ask(.handOver(lease.reference, request))
            #expect(answer.code == code && answer.sentence.contains(word), "\(answer)")
        }
        let both = Self.to("x", ttl: 5, try world.opened(ttl: 100))
        #expect(try world.ask(.handOver(lease.reference, both)).code == .malformed)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        world.pass(milliseconds: 1_000)
        #expect(try world.ask(.handOver(lease.reference, Self.to("x"))).code == .expired)
        #expect(try world.ask(.handOver(reserved.reference, Self.to("x"))).code == .expired)
    }
}
