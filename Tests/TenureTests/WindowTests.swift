// Planned drains, case by case: what they keep free, how they begin and end, and what becomes of
// them.

import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Windows")
struct WindowTests {
    private typealias Scene = BookingScene

    // MARK: Before it begins

    @Test
    func `K2: who ends before a window passes, and nobody who may live into it`() throws {
        let scene = try Scene([4])
        let window = try scene.plan(.resource("n0"), at: 10_000, for: 5_000, by: 1_000)
        #expect(window["status"] == .string("planned") && window["resource"] == .string("n0"))
        #expect(window["start"] == .integer(10_000) && window["end"] == .integer(15_000))
        #expect(window["leases"] == .integer(0) && window["bookings"] == .integer(0))
        let endless = try #require(scene.refusal(try scene.ask(Scene.request(1, life: nil))))
        #expect(endless.code == .exhausted && endless.limit == "cpu")
        #expect(endless.message.contains("is drained for a time that this request may live into"))
        #expect(scene.refusal(try scene.ask(Scene.request(1, life: 10_001))) != nil)
        let held = Scene.request(1, life: nil) { $0.holdMilliseconds = 5_000 }
        #expect(scene.refusal(try scene.ask(held)) != nil)
        let planned = Scene.request(1, life: nil) { $0.planOnly = true }
        #expect(scene.refusal(try scene.ask(planned)) != nil)
        #expect(scene.grant(try scene.ask(Scene.request(3, life: 9_900))) != nil)
        // The other node is no part of it.
        try scene.declare("n1", .cpu, 4_000)
        let elsewhere = scene.grant(try scene.ask(Scene.request(1, life: nil)))
        #expect(elsewhere?.placements.map(\.resource) == ["n1"])
        #expect(try scene.core.invariantFault() == nil)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `what is held does not stand in its way, and is counted`() throws {
        let scene = try Scene([8, 8])
        _ = try scene.take(1, life: nil)
        _ = try scene.take(1, life: 10_001)
        let short = try scene.take(1, life: 9_999)
        #expect(short.placements.map(\.resource) == ["n0"])
        let document = try scene.plan(.resource("n0"), at: 10_000, for: 5_000)
        #expect(document["leases"] == .integer(2))
        #expect(try scene.plan(.resource("n1"), at: 10_000, for: 5_000)["leases"] == .integer(0))
        let amount = ClaimAmount(kind: .cpu, amount: 1_000)
        let growth = GrowRequest(claims: [Claim(amounts: [amount])])
        #expect(scene.grant(try scene.ask(.grow(short.reference, growth))) != nil)
        #expect(scene.refusal(try scene.ask(Scene.request(1, life: nil))) != nil)
    }

    @Test
    func `K2: neither who preempts nor who waits takes what it needs`() throws {
        let scene = try Scene([4], .preemptionGap(1))
        let victim = try scene.take(4, life: 9_000)
        let window = try scene.window("n0", at: 10_000, for: 5_000)
        func critical(_ life: UInt64?, wait: UInt64? = nil) throws -> Int {
            try scene.ask(Scene.request(1, life: life, wait: wait) { $0.priority = .critical })
        }
        #expect(scene.refusal(try critical(nil))?.code == .exhausted)
        let waiting = try critical(nil, wait: 60_000)
        #expect(scene.waits(waiting))
        #expect(try scene.core.ask(.check(victim.reference)).isDocument)
        try scene.pass(milliseconds: 9_000)
        #expect(scene.waits(waiting))
        try scene.pass(milliseconds: 1_000)
        #expect(try scene.state("n0") == "draining" && scene.waits(waiting))
        try scene.pass(milliseconds: 5_000)
        #expect(try scene.state("n0") == "active" && scene.grant(waiting) != nil)
        #expect(throws: Refusal.self) { try scene.told(.query(.window(window))) }
    }

    @Test
    func `a plan of moves has none into what a window takes`() throws {
        let scene = try Scene([])
        for (name, cost) in [("dear", UInt64(3_000)), ("cheap", 1_000)] {
            var request = ResourceRequest(name: name, pool: "main", kind: .cpu, capacity: 4_000)
            request.cost = cost
            request.node = "node-\(name)"
            try scene.told(.setResource(request))
        }
        let asked = Scene.request(2, life: nil) {
            $0.strategy = .firstFit
            $0.tags = [Label(name: "movable", value: "any")]
        }
        let movable = try #require(scene.grant(try scene.ask(asked)))
        #expect(movable.placements.map(\.resource) == ["dear"])
        func moves() throws -> Int {
            let optimize = OptimizeRequest(pool: "main", goal: .cost)
            guard case .list(let items)? = try scene.told(.query(.optimize(optimize)))["items"]
            else { throw NotGranted() }
            return items.count
        }
        #expect(try moves() == 1)
        let window = try scene.window("cheap", at: 10_000, for: 1_000)
        #expect(try moves() == 0)
        try scene.told(.cancelWindow(window))
        #expect(try moves() == 1)
    }

    @Test
    func `who would live into a window is promised a place behind it, and others pass`() throws {
        let scene = try Scene([4], .maxLifetime(0))
        _ = try scene.take(2, life: 2_000)
        let window = try scene.window("n0", at: 10_000, for: 5_000)
        let head = try scene.ask(Scene.request(3, life: nil, wait: 60_000, id: "head"))
        let ticket = try #require(try scene.core.state.queued.first?.id)
        #expect(try scene.ticket(ticket)["startsBy"] == .integer(15_000))
        #expect(scene.grant(try scene.ask(Scene.request(2, life: 9_000))) != nil)
        // Nothing that it is promised goes to a booking, and what is beside that does.
        #expect(try scene.refusedBooking(2, at: 16_000, for: 1_000).code == .exhausted)
        _ = try scene.book(1, at: 16_000, for: 1_000)
        try scene.pass(milliseconds: 10_000)
        #expect(try scene.told(.query(.window(window)))["status"] == .string("running"))
        #expect(scene.waits(head))
        try scene.pass(milliseconds: 5_000)
        #expect(scene.grant(head) != nil)
        try scene.pass(milliseconds: 1_000)
        #expect(try scene.core.invariantFault() == nil)
    }

    @Test
    func `a date that was promised where a window is planned is worked out anew`() throws {
        let scene = try Scene([4, 4])
        _ = try scene.take(4, life: 5_000)
        _ = try scene.take(4, life: 20_000)
        let head = try scene.ask(Scene.request(2, life: 4_000, wait: 60_000, id: "head"))
        let ticket = try #require(try scene.core.state.queued.first?.id)
        #expect(try scene.ticket(ticket)["startsBy"] == .integer(5_000))
        let window = try scene.window("n0", at: 8_000, for: 40_000)
        #expect(try scene.ticket(ticket)["startsBy"] == .integer(20_000))
        try scene.pass(milliseconds: 5_000)
        #expect(scene.waits(head))
        let short = try scene.ask(Scene.request(4, life: 1_000))
        #expect(scene.grant(short) != nil)
        try scene.pass(milliseconds: 1_000)
        try scene.told(.cancelWindow(window))
        try scene.settle()
        scene.collect()
        #expect(scene.grant(head)?.placements.map(\.resource) == ["n0"])
    }

    // MARK: Beginning and ending

    @Test
    func `at its time it drains, takes back what is left, and is over by itself`() throws {
        let scene = try Scene([4])
        let lease = try scene.take(2, life: nil)
        let window = try scene.window("n0", at: 10_000, for: 5_000, by: 1_000)
        try scene.pass(milliseconds: 9_999)
        #expect(try scene.state("n0") == "active")
        #expect(try scene.told(.check(lease.reference))["draining"] == nil)
        try scene.pass(milliseconds: 1)
        #expect(try scene.state("n0") == "draining")
        #expect(try scene.told(.query(.window(window)))["status"] == .string("running"))
        #expect(try scene.told(.query(.resource("n0")))["window"] == .id(window.rawValue))
        #expect(try scene.told(.check(lease.reference))["draining"] == .integer(999))
        try scene.pass(milliseconds: 1_001)
        guard case .refused(let ended) = try scene.core.ask(.check(lease.reference)) else {
            throw NotGranted()
        }
        #expect(ended.code == .expired)
        try scene.pass(milliseconds: 3_998)
        #expect(try scene.state("n0") == "draining")
        try scene.pass(milliseconds: 1)
        #expect(try scene.state("n0") == "active")
        #expect(
            try scene.windowFrames() == [
                ["window-planned"], ["window-began", "resource-drained"],
                ["window-ended", "resource-state"],
            ]
        )
        #expect(try scene.windowEnds() == [WindowEnd(window: window, cause: .over)])
        #expect(scene.grant(try scene.ask(Scene.request(4, life: nil))) != nil)
        #expect(try scene.figure("windows") == 0)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `without BY nothing is taken back, and each is again what it was`() throws {
        let scene = try Scene([4, 4, 4])
        let lease = try scene.take(2, life: nil)
        try scene.told(.setResourceState(name: "n1", state: .cordoned))
        try scene.told(.setResourceState(name: "n2", state: .draining))
        for name in ["n0", "n1", "n2"] { _ = try scene.window(name, at: 10_000, for: 5_000) }
        try scene.pass(milliseconds: 10_000)
        for name in ["n0", "n1", "n2"] { #expect(try scene.state(name) == "draining") }
        try scene.pass(milliseconds: 5_000)
        #expect(try scene.core.ask(.check(lease.reference)).isDocument)
        #expect(try ["n0", "n1", "n2"].map(scene.state) == ["active", "cordoned", "draining"])
    }

    @Test
    func `H1: what a drain has ended is taken back before the window is over`() throws {
        let scene = try Scene([400])
        var leases: [Grant] = []
        for _ in 0..<300 { leases.append(try scene.take(1, life: nil)) }
        let window = try scene.window("n0", at: 1_000, for: 1_000, by: 990)
        try scene.pass(milliseconds: 1_000)
        // The writer sleeps over the end of the drain and over that of the window.
        try scene.pass(milliseconds: 5_000)
        #expect(try scene.state("n0") == "active")
        for lease in leases { #expect(try !scene.core.ask(.check(lease.reference)).isDocument) }
        let events = try scene.world.frames().joined().map(\.name)
        let end = try #require(events.lastIndex(of: "window-ended"))
        let revoked = events.indices.filter { events[$0] == "revoked" }
        #expect(revoked.count == 3 && revoked.allSatisfy { $0 < end })
        #expect(try scene.windowEnds() == [WindowEnd(window: window, cause: .over)])
    }

    @Test
    func `one window begins when the one before it is over, and nothing is granted between`()
        throws
    {
        let scene = try Scene([400])
        for _ in 0..<300 { _ = try scene.take(1, life: nil) }
        let first = try scene.window("n0", at: 1_000, for: 1_000, by: 990)
        let second = try scene.window("n0", at: 2_000, for: 9_000)
        let waiting = try scene.ask(Scene.request(1, life: nil, wait: 60_000))
        try scene.pass(milliseconds: 1_000)
        try scene.pass(milliseconds: 4_000)
        #expect(try scene.windowEnds() == [WindowEnd(window: first, cause: .over)])
        #expect(try scene.told(.query(.window(second)))["status"] == .string("running"))
        #expect(try scene.state("n0") == "draining" && scene.waits(waiting))
        #expect(try scene.core.invariantFault() == nil)
        try scene.pass(milliseconds: 6_000)
        #expect(try scene.state("n0") == "active" && scene.grant(waiting) != nil)
    }

    @Test
    func `who cancels it, before or meanwhile, has what it was at once`() throws {
        let scene = try Scene([4])
        let planned = try scene.window("n0", at: 10_000, for: 5_000)
        let waiting = try scene.ask(Scene.request(1, life: nil, wait: 60_000))
        #expect(scene.waits(waiting))
        #expect(try scene.told(.cancelWindow(planned))["status"] == .string("cancelled"))
        try scene.settle()
        #expect(scene.grant(waiting) != nil)
        let running = try scene.window("n0", at: 1_000, for: 5_000, by: 4_000)
        try scene.pass(milliseconds: 1_000)
        #expect(try scene.state("n0") == "draining")
        try scene.told(.cancelWindow(running))
        #expect(try scene.state("n0") == "active")
        #expect(try scene.windowEnds().map(\.cause) == [.cancelled, .cancelled])
        #expect(throws: Refusal.self) { try scene.told(.cancelWindow(running)) }
        try scene.pass(milliseconds: 60_000)
        #expect(try scene.core.ask(.check(scene.grant(waiting)!.reference)).isDocument)
    }

    @Test(arguments: [ResourceState.active, .cordoned, .draining])
    func `K3: what an operator changes meanwhile is the operator's, and on record`(
        state: ResourceState
    ) throws {
        let scene = try Scene([4])
        let window = try scene.window("n0", at: 1_000, for: 5_000)
        try scene.pass(milliseconds: 1_000)
        try scene.told(.setResourceState(name: "n0", state: state))
        #expect(try scene.windowEnds() == [WindowEnd(window: window, cause: .changed)])
        try scene.pass(milliseconds: 5_000)
        #expect(try scene.state("n0") == state.name)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test(arguments: [false, true])
    func `it survives a restart, and begins late or is passed over`(
        hasCheckpoint: Bool
    ) throws {
        let scene = try Scene([4])
        let first = try scene.window("n0", at: 10_000, for: 5_000, by: 1_000)
        let second = try scene.window("n0", at: 20_000, for: 1_000)
        let third = try scene.window("n0", at: 40_000, for: 10_000)
        if hasCheckpoint { try scene.core.checkpointNow() }
        try scene.reopen(after: 1_000)
        #expect(scene.refusal(try scene.ask(Scene.request(2, life: nil))) != nil)
        #expect(scene.grant(try scene.ask(Scene.request(1, life: 8_900))) != nil)
        try scene.reopen(after: 11_000)
        try scene.pass(milliseconds: 1)
        #expect(try scene.state("n0") == "draining")
        #expect(try scene.told(.query(.window(first)))["status"] == .string("running"))
        if hasCheckpoint { try scene.core.checkpointNow() }
        try scene.reopen(after: 13_000)
        try scene.pass(milliseconds: 1)
        #expect(try scene.state("n0") == "active")
        #expect(
            try scene.windowEnds() == [
                WindowEnd(window: first, cause: .over), WindowEnd(window: second, cause: .missed),
            ]
        )
        #expect(try scene.told(.query(.window(third)))["status"] == .string("planned"))
        try scene.pass(milliseconds: 15_000)
        #expect(try scene.state("n0") == "draining")
        #expect(try scene.core.invariantFault() == nil)
        #expect(try scene.world.replayFaults() == [])
    }
}
