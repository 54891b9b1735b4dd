// Reservations resolve once: committed, cancelled, or lapsed.

import TenureModel
import Testing

@Suite("Reservations")
struct ReservationTests {
    private func world() throws -> (World, Grant) {
        var world = try World.slots(10)
        let reserved = try world.granted(.of(6) { $0.holdMilliseconds = 100 })
        return (world, reserved)
    }

    private func counts(_ world: inout World) throws -> [Int64?] {
        [try world.count("free"), try world.count("reserved"), try world.count("held")]
    }

    @Test
    func `I2: it counts in full until it is resolved`() throws {
        var (world, reserved) = try world()
        #expect(reserved.status == .reserved)
        #expect(reserved.ttlMilliseconds == 100)
        #expect(try counts(&world) == [4, 6, 0])
        #expect(try world.ask(.acquire(.of(5))).code == .exhausted)
        let lease = try #require(try world.ask(.commit(reserved.reference, parts: nil)).asGrant)
        #expect(lease.status == .granted && !lease.replayed)
        #expect(lease.token == reserved.token)
        #expect(lease.ttlMilliseconds == 1_000)
        #expect(try counts(&world) == [4, 0, 6])
    }

    @Test
    func `a commit of a part gives the rest back`() throws {
        var (world, reserved) = try world()
        let part = [Part(resource: "slots", quantity: "2")]
        let lease = try #require(try world.ask(.commit(reserved.reference, parts: part)).asGrant)
        #expect(lease.parts == ["slots=2"])
        #expect(try counts(&world) == [8, 0, 2])
    }

    @Test
    func `a second commit repeats the answer and changes nothing`() throws {
        var (world, reserved) = try world()
        let part = [Part(resource: "slots", quantity: "2")]
        try world.ask(.commit(reserved.reference, parts: part))
        let position = world.state.position
        let again = try #require(try world.ask(.commit(reserved.reference, parts: nil)).asGrant)
        #expect(again.replayed)
        #expect(again.parts == ["slots=2"])
        #expect(world.state.position == position)
    }

    @Test
    func `cancel gives all back, and again is a success`() throws {
        var (world, reserved) = try world()
        #expect(try world.ask(.cancel(reserved.reference)).ending?.status == .cancelled)
        #expect(try counts(&world) == [10, 0, 0])
        #expect(try world.ask(.cancel(reserved.reference)).ending?.status == .alreadyEnded)
        #expect(try world.ask(.commit(reserved.reference, parts: nil)).code == .expired)
    }

    @Test(arguments: [(-1, true), (0, false)])
    func `I5: it lapses at its deadline`(offset: Int, holds: Bool) throws {
        var world = try World.slots(10)
        let deadline = world.now.advanced(byMilliseconds: 100)
        let reserved = try world.granted(.of(6) { $0.holdMilliseconds = 100 })
        world.reach(LedgerTime(nanoseconds: UInt64(Int(deadline.nanoseconds) + offset)))
        let answer = try world.ask(.commit(reserved.reference, parts: nil))
        #expect((answer.asGrant != nil) == holds)
        if !holds { #expect(answer.code == .expired) }
        try world.reclaim()
        #expect(try counts(&world) == (holds ? [4, 0, 6] : [10, 0, 0]))
    }

    @Test
    func `a reservation that lapses is clean, a lease that expires waits out the lock-delay`()
        throws
    {
        var world = try World.slots(2, .lockDelay(50))
        _ = try world.granted(.of(1) { $0.holdMilliseconds = 1_000 })
        _ = try world.granted(.of(1))
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        #expect(try world.count("free") == 1)
        #expect(try world.count("quarantined") == 1)
    }

    @Test
    func `a reservation in a session ends with it, and its commit lives by it`() throws {
        var world = try World.slots(2)
        let session = try world.opened(ttl: 500)
        let change = { (request: inout AcquireRequest) in
            (request.session, request.ttlMilliseconds) = (session.session, nil)
            request.holdMilliseconds = 10_000
        }
        let first = try world.granted(.of(1, .slot, pool: "pool", change))
        #expect(first.ttlMilliseconds == 499)
        let lease = try #require(try world.ask(.commit(first.reference, parts: nil)).asGrant)
        #expect(lease.ttlMilliseconds == 499)
        let second = try world.granted(.of(1, .slot, pool: "pool", change))
        world.pass(milliseconds: 500)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        #expect(try world.ask(.commit(second.reference, parts: nil)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 2)
    }
}
