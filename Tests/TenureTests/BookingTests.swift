// Bookings, case by case: what they keep from others, how they begin, and what becomes of them.

import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Bookings")
struct BookingTests {
    private typealias Scene = BookingScene

    // MARK: What is kept free

    @Test
    func `who ends before the start passes, who may live longer does not, and then it begins`()
        throws
    {
        let scene = try Scene([4])
        let booking = try scene.book(3, at: 10_000, for: 5_000)
        let endless = try scene.ask(Scene.request(2, life: nil))
        let refusal = try #require(scene.refusal(endless))
        #expect(refusal.code == .exhausted && refusal.limit == "cpu")
        #expect(refusal.message.contains("is booked for a time that this request may live into"))
        #expect(scene.refusal(try scene.ask(Scene.request(2, life: 10_001))) != nil)
        #expect(scene.grant(try scene.ask(Scene.request(4, life: 9_900))) != nil)
        try scene.pass(milliseconds: 9_900)
        // One is not booked.
        #expect(scene.grant(try scene.ask(Scene.request(1, life: nil))) != nil)
        try scene.pass(milliseconds: 99)
        #expect(try scene.shown(booking)["status"] == .string("booked"))
        try scene.pass(milliseconds: 1)
        let grant = try scene.begun(booking)
        #expect(grant.placements.map(\.amount) == [3_000] && grant.holder == "booker")
        #expect(try scene.lifetimeEnd(of: grant) == scene.end(of: booking))
        #expect(grant.ttlMilliseconds == 4_999)
        let late = scene.late()
        #expect(late.map(\.queued) == [booking])
        #expect(try scene.core.invariantFault() == nil)
        try scene.pass(milliseconds: 5_000)
        #expect(scene.grant(try scene.ask(Scene.request(3, life: nil))) != nil)
    }

    @Test
    func `what has no known end is held for ever, and what ends in time is not`() throws {
        let scene = try Scene([4, 4])
        _ = try scene.take(2, life: nil)
        _ = try scene.take(4, life: 8_000)
        #expect(try scene.refusedBooking(4, places: 2, at: 20_000, for: 1_000).code == .exhausted)
        #expect(try scene.refusedBooking(4, at: 7_000, for: 1_000).code == .exhausted)
        let refusal = try scene.refusedBooking(4, at: 7_999, for: 1_000)
        #expect(refusal.message.contains("what has no MAXLIFETIME counts as held for ever"))
        let booking = try scene.book(4, at: 8_001, for: 1_000)
        try scene.pass(milliseconds: 8_001)
        _ = try scene.begun(booking)
    }

    @Test
    func `bookings leave each other their times, and meet only where they overlap`() throws {
        let scene = try Scene([4])
        let second = try scene.book(3, at: 20_000, for: 5_000)
        #expect(try scene.refusedBooking(2, at: 16_000, for: 4_001).code == .exhausted)
        #expect(try scene.refusedBooking(2, at: 24_999, for: 1_000).code == .exhausted)
        let first = try scene.book(4, at: 16_000, for: 3_999)
        let third = try scene.book(4, at: 25_000, for: 1_000)
        _ = try scene.book(1, at: 20_000, for: 4_999)
        #expect(try scene.refusedBooking(1, at: 1_000, for: 25_000).code == .exhausted)
        for (booking, pause) in [(first, 16_000), (second, 4_000), (third, 5_000)] {
            try scene.pass(milliseconds: UInt64(pause))
            _ = try scene.begun(booking)
        }
    }

    @Test
    func `with a lock-delay what ends is free that much later`() throws {
        let scene = try Scene([], .lockDelay(2_000))
        try scene.declare("g0", .gpu, 1_000)
        func booked(at start: UInt64, for length: UInt64) -> BookingRequest {
            Scene.booking(
                Scene.claims([ClaimAmount(kind: .gpu, amount: 1_000)]),
                at: start,
                for: length
            )
        }
        let first = try scene.book(booked(at: 1_000, for: 1_000))
        #expect(throws: Refusal.self) { try scene.book(booked(at: 3_999, for: 1_000)) }
        let second = try scene.book(booked(at: 4_000, for: 5_000))
        try scene.pass(milliseconds: 1_000)
        _ = try scene.begun(first)
        // Nobody took it back before now, so that it is quarantined from now on.
        try scene.pass(milliseconds: 2_500)
        try scene.pass(milliseconds: 600)
        #expect(try scene.shown(second)["status"] == .string("booked"))
        guard case .string(let why)? = try scene.shown(second)["lost"] else { throw NotGranted() }
        #expect(why.contains("1 was booked and 0 is free"))
        try scene.pass(milliseconds: 1_400)
        let grant = try scene.begun(second)
        #expect(try scene.lifetimeEnd(of: grant) == scene.end(of: second))
    }

    @Test
    func `a reservation, a growth and one who waits leave a booking its places`() throws {
        let scene = try Scene([4])
        let short = try scene.take(1, life: 1_000)
        let long = try scene.take(1, life: nil)
        let booking = try scene.book(3, at: 10_000, for: 5_000)
        let reserved = try scene.ask(
            Scene.request(1, life: nil) { $0.holdMilliseconds = 5_000 }
        )
        #expect(scene.refusal(reserved)?.code == .exhausted)
        let amount = ClaimAmount(kind: .cpu, amount: 1_000)
        let growth = GrowRequest(claims: [Claim(amounts: [amount])])
        let grown = try scene.ask(.grow(long.reference, growth))
        let refusal = try #require(scene.refusal(grown))
        #expect(refusal.message.contains("retry when the booking is over"))
        #expect(scene.grant(try scene.ask(.grow(short.reference, growth))) != nil)
        let waiting = try scene.ask(Scene.request(2, life: nil, wait: 60_000, id: "w"))
        try scene.pass(milliseconds: 10_000)
        #expect(scene.waits(waiting))
        _ = try scene.begun(booking)
        try scene.pass(milliseconds: 5_000)
        #expect(scene.grant(waiting) != nil)
    }

    @Test
    func `a plan beside a booking has no version, and one from before is not kept to`() throws {
        let scene = try Scene([4, 4])
        var asked = Scene.request(2, life: nil) { $0.strategy = .firstFit }
        asked.planOnly = true
        let free = try scene.ask(asked)
        let version = try #require(scene.grant(free)?.version)
        _ = try scene.book(4, at: 10_000, for: 5_000)
        let beside = try #require(scene.grant(try scene.ask(asked)))
        #expect(beside.version == nil && beside.placements.map(\.resource) == ["n1"])
        asked.planOnly = false
        asked.plan = version
        #expect(scene.refusal(try scene.ask(asked))?.code == .conflict)
    }

    @Test
    func `whoever preempts takes nothing of a booking that it may live into`() throws {
        let scene = try Scene([4], .preemptionGap(1))
        let victim = try scene.take(4, life: 9_000)
        let booking = try scene.book(3, at: 10_000, for: 5_000)
        func critical(_ cpus: UInt64, _ life: UInt64?, wait: UInt64? = nil) throws -> Int {
            try scene.ask(Scene.request(cpus, life: life, wait: wait) { $0.priority = .critical })
        }
        #expect(scene.refusal(try critical(2, nil))?.code == .exhausted)
        let waiting = try critical(2, nil, wait: 60_000)
        try scene.settle()
        #expect(scene.waits(waiting))
        #expect(try scene.core.ask(.check(victim.reference)).isDocument)
        #expect(try scene.scene.abandon(waiting))
        #expect(scene.grant(try critical(1, nil)) != nil)
        try scene.pass(milliseconds: 10_000)
        _ = try scene.begun(booking)
    }

    // MARK: Beside those who wait

    @Test
    func `a booking takes nothing that is promised to one who waits and may live into it`() throws {
        let scene = try Scene([4])
        _ = try scene.take(4, life: 10_000)
        let head = try scene.ask(Scene.request(3, life: 5_000, wait: 60_000, id: "head"))
        #expect(try scene.refusedBooking(2, at: 12_000, for: 1_000).code == .exhausted)
        _ = try scene.book(1, at: 12_000, for: 1_000)
        let after = try scene.book(4, at: 16_001, for: 1_000)
        try scene.pass(milliseconds: 10_000)
        #expect(scene.grant(head) != nil)
        try scene.pass(milliseconds: 6_001)
        _ = try scene.begun(after)
    }

    @Test
    func `who waits and may live into a booking is promised what is beside it`() throws {
        let scene = try Scene([4, 4])
        _ = try scene.take(4, life: 5_000)
        _ = try scene.take(4, life: 20_000)
        let booking = try scene.book(3, at: 8_000, for: 2_000)
        let head = try scene.ask(Scene.request(2, life: 4_000, wait: 60_000, id: "head"))
        let short = try scene.ask(Scene.request(4, life: 1_000, wait: 60_000, id: "short"))
        let ticket = try #require(try scene.core.state.queued.first?.id)
        // On the first node, but not before the booking, whose way it would be in.
        #expect(try scene.ticket(ticket)["startsBy"] == .integer(10_000))
        try scene.pass(milliseconds: 5_000)
        #expect(scene.waits(head) && scene.grant(short) != nil)
        try scene.pass(milliseconds: 3_000)
        _ = try scene.begun(booking)
        #expect(scene.waits(head))
        try scene.pass(milliseconds: 2_000)
        #expect(scene.grant(head) != nil)
    }

    @Test
    func `whoever was kept out by a booking is served when that is cancelled`() throws {
        let scene = try Scene([4])
        let booking = try scene.book(4, at: 10_000, for: 5_000)
        let waiting = try scene.ask(Scene.request(1, life: nil, wait: 60_000))
        #expect(scene.waits(waiting))
        let stranger = Caller(uid: 7, isAdmin: false)
        let refused = try scene.core.process([(.cancelBooking(booking), stranger)])
        guard case .refused(let refusal) = refused[0] else { throw NotGranted() }
        #expect(refusal.code == .notPermitted)
        for status in ["cancelled", "already ended"] {
            let answer = try scene.core.ask(.cancelBooking(booking))
            #expect(answer.document["status"] == .string(status))
        }
        scene.collect()
        try scene.settle()
        #expect(scene.grant(waiting) != nil)
        let late = scene.late()
        #expect(late.map(\.queued) == [booking])
        #expect(try scene.ended(booking).code == .timeout)
    }

    // MARK: Losses and restarts

    @Test
    func `what is lost is looked for elsewhere, and the record says why`() throws {
        let scene = try Scene([4, 4])
        let booking = try scene.book(3, at: 10_000, for: 5_000)
        try scene.ask(.setResourceState(name: "n0", state: .draining))
        try scene.pass(milliseconds: 10_000)
        #expect(try scene.begun(booking).placements.map(\.resource) == ["n1"])
        let moved = try scene.world.frames().joined().compactMap { event -> String? in
            if case .bookingMoved(booking, let reason) = event { reason } else { nil }
        }
        #expect(moved == ["n0 is draining"])
        #expect(try scene.figure("bookingsMoved") == 1)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `where nothing is left it ends, and says what is missing`() throws {
        let scene = try Scene([4, 2])
        let booking = try scene.book(3, at: 10_000, for: 5_000, id: "b")
        try scene.ask(.setResourceState(name: "n0", state: .draining))
        try scene.pass(milliseconds: 10_000)
        let refusal = try scene.ended(booking)
        #expect(refusal.code == .exhausted)
        #expect(
            refusal.message.contains("could not begin: n0 is draining, and elsewhere: no place")
        )
        #expect(scene.late().map(\.queued) == [booking])
        #expect(try scene.figure("bookingsLost") == 1 && scene.figure("booked") == 0)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test(arguments: [false, true])
    func `it survives a restart, withholds after it, and begins late with its own end`(
        hasCheckpoint: Bool
    ) throws {
        let scene = try Scene([4])
        _ = try scene.take(2, life: 2_000)
        let first = try scene.book(3, at: 10_000, for: 5_000, id: "b")
        let second = try scene.book(4, at: 20_000, for: 1_000)
        if hasCheckpoint { try scene.core.checkpointNow() }
        try scene.reopen(after: 1_000)
        #expect(try scene.figure("booked") == 2)
        #expect(scene.refusal(try scene.ask(Scene.request(2, life: nil))) != nil)
        #expect(scene.grant(try scene.ask(Scene.request(1, life: 18_000))) != nil)
        try scene.reopen(after: 12_000)
        try scene.pass(milliseconds: 1)
        let grant = try scene.begun(first)
        #expect(try scene.lifetimeEnd(of: grant) == scene.end(of: first))
        #expect(try #require(grant.ttlMilliseconds) < 2_000)
        try scene.reopen(after: 20_000)
        try scene.pass(milliseconds: 1)
        #expect(try scene.ended(second).code == .timeout)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test(.timeLimit(.minutes(10)))
    func `in a program a booking begins by itself, and is explained`() async throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.open()
        for command in LedgerScratch.setup(cpus: 1) { _ = try await ledger.set(command) }
        let soon = Scene.booking(Scene.claims(1), at: 60, for: 60_000)
        guard case .id(let number)? = try await ledger.book(soon)["booking"] else {
            throw NotGranted()
        }
        let later = Scene.booking(Scene.claims(1), at: 3_600_000, for: 60_000)
        guard case .id(let other)? = try await ledger.book(later)["booking"] else {
            throw NotGranted()
        }
        let told = try await ledger.explain(.lease(LeaseID(rawValue: other)))
        #expect(told["status"] == .string("booked"))
        let booking = Query.booking(TicketID(rawValue: number))
        while try await ledger.read(booking)["lease"] == nil {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try await ledger.read(booking)["holder"] == .string("booker"))
        let ended = try await ledger.cancelBooking(TicketID(rawValue: other))
        #expect(ended["status"] == .string("cancelled"))
        ledger.shutdown()
    }

    // MARK: Limits, ids and lists

    @Test
    func `a request id books once, and answers with the grant when it has begun`() throws {
        let scene = try Scene([4])
        let asked = Scene.booking(Scene.claims(3), at: 1_000, for: 5_000) { $0.requestID = "b" }
        let booking = try scene.book(asked)
        let again = try scene.core.ask(.book(asked)).document
        #expect(again["booking"] == .id(booking.rawValue) && again["replayed"] == .bool(true))
        let shown = try scene.core.ask(.query(.request(id: "b", tenant: "default"))).document
        #expect(shown["booking"] == .id(booking.rawValue))
        for other in [
            Command.book(
                Scene.booking(Scene.claims(3), at: 1_001, for: 5_000) { $0.requestID = "b" }
            ),
            .acquire(Scene.request(1, life: 100, id: "b")),
        ] {
            guard case .refused(let refusal) = try scene.core.ask(other) else { throw NotGranted() }
            #expect(refusal.code == .conflict)
        }
        try scene.pass(milliseconds: 1_000)
        let grant = try scene.begun(booking)
        guard case .grant(let repeated) = try scene.core.ask(.book(asked)) else {
            throw NotGranted()
        }
        #expect(repeated.lease == grant.lease && repeated.replayed)
    }

    @Test
    func `more than a quota ever allows is not booked, and one that is used up ends it`() throws {
        let scene = try Scene([8])
        try scene.ask(.setQuota(tenant: "default", kind: .cpu, limit: 4_000))
        let refusal = try scene.refusedBooking(5, at: 1_000, for: 1_000)
        #expect(refusal.code == .quota && refusal.limit == "default cpu")
        let booking = try scene.book(3, at: 1_000, for: 1_000)
        _ = try scene.take(2, life: nil)
        try scene.pass(milliseconds: 1_000)
        #expect(try scene.ended(booking).code == .quota)
    }

    @Test
    func `a pool has so many bookings, and lists them page by page`() throws {
        let scene = try Scene([4])
        var booked: [TicketID] = []
        for number in 0..<UInt64(Limits.bookingsPerPool) {
            booked.append(try scene.book(4, at: 1_000 + 10 * number, for: 10))
        }
        #expect(try scene.refusedBooking(1, at: 90_000, for: 10).code == .busy)
        let filter = TicketFilter(pool: "main", tenant: "default")
        let query = Query.bookings(filter, page: Page(limit: 3))
        let page = try scene.core.ask(.query(query)).document
        guard case .list(let items)? = page["items"] else { throw NotGranted() }
        #expect(items.compactMap { $0["booking"] } == booked.prefix(3).map { .id($0.rawValue) })
        #expect(page["cursor"] == .string("\(booked[2].rawValue)"))
        let rest = Query.bookings(filter, page: Page(limit: 1, after: "\(booked[2].rawValue)"))
        guard case .list(let next)? = try scene.core.ask(.query(rest)).document["items"] else {
            throw NotGranted()
        }
        #expect(next.first?["booking"] == .id(booked[3].rawValue))
    }

    @Test
    func `what makes no sense of a booking is refused`() throws {
        let scene = try Scene([4])
        for change: (inout AcquireRequest) -> Void in [
            { $0.maxLifetimeMilliseconds = 5 }, { $0.waitMilliseconds = 5 }, { $0.planOnly = true },
            { $0.fallbackPools = ["q"] }, { $0.claims[0].amounts[0].most = 4_000 },
            { $0.session = SessionID(rawValue: 1) }, { $0.within = "node" },
        ] {
            let asked = Scene.booking(Scene.claims(3), at: 1_000, for: 5_000, change)
            #expect(throws: Refusal.self) { try scene.book(asked) }
        }
        #expect(throws: Refusal.self) { try scene.book(4, at: 0, for: 1_000) }
        #expect(throws: Refusal.self) { try scene.book(4, at: 1_000, for: 0) }
        #expect(try scene.refusedBooking(5, at: 1_000, for: 1_000).code == .unsatisfiable)
        #expect(try scene.ended(TicketID(rawValue: 5)).code == .notFound)
    }
}
