// Waiting, growth, hand-over, sub-leases, bookings and windows of the shipped daemon, over a kill.
//
// Each test says what a stock client says, kills the daemon with SIGKILL, starts it again, and asks
// for what had been acknowledged. Times are ten minutes where something has to last, and a
// millisecond where something has to come.

import TenureClient
import TenureModel
import TenureTesting
import Testing

@Suite("Acknowledged over kill -9: waits and changes", .waiting, .timeLimit(.minutes(10)))
struct KilledWaitTests {
    private let daemon = TestDaemon()

    // MARK: Waiting

    @Test
    func `a ticket keeps its place over a kill and is granted once`() async throws {
        try await daemon.startWithSeats()
        let first = try await daemon.lease("ACQUIRE seats seat=8")
        let words = "ACQUIRE seats seat=5 HOLDER w TTL 600000 REQUEST r QUEUE 600000"
        let ticket = try await daemon.number("ticket", in: daemon.say(words))
        try await daemon.killAndStart()
        #expect(try await daemon.items("QUEUE LIST").map { $0["ticket"] } == [id(ticket)])
        let again = try await daemon.say(words)
        #expect(again["ticket"] == id(ticket))
        #expect(again["replayed"] == .bool(true))
        try await daemon.say("RELEASE \(first.lease) \(first.token)")
        let granted = try await daemon.wait(for: "QUEUE GET \(ticket)") {
            $0["status"] == .string("granted")
        }
        try await daemon.killAndStart()
        let lease = try daemon.held(granted)
        #expect(try await daemon.check(lease) == "held")
        #expect(try daemon.held(await daemon.say("QUEUE GET \(ticket)")) == lease)
        #expect(try daemon.held(await daemon.say(words)) == lease)
        #expect(
            try await daemon.say("QUEUE CANCEL \(ticket)")["status"] == .string("already ended")
        )
        #expect(try await daemon.items("LEASE LIST").count == 1)
    }

    @Test
    func `a cancelled ticket stays cancelled over a kill`() async throws {
        try await daemon.startWithSeats()
        let first = try await daemon.lease("ACQUIRE seats seat=8")
        let queued = try await daemon.say("ACQUIRE seats seat=1 REQUEST r QUEUE 600000")
        let ticket = try daemon.number("ticket", in: queued)
        #expect(try await daemon.say("QUEUE CANCEL \(ticket)")["status"] == .string("cancelled"))
        try await daemon.killAndStart()
        try await daemon.say("RELEASE \(first.lease) \(first.token)")
        #expect(try await daemon.refusal("QUEUE GET \(ticket)") == .timeout)
        #expect(try await daemon.items("QUEUE LIST") == [])
        #expect(try await daemon.items("LEASE LIST") == [])
    }

    @Test
    func `a wait with a request id goes on without its connection and its daemon`() async throws {
        try await daemon.startWithSeats()
        let first = try await daemon.lease("ACQUIRE seats seat=8")
        let words = ["ACQUIRE", "seats", "seat=2", "HOLDER", "w", "TTL", "600000", "REQUEST", "r"]
        let client = try await TenureClient.connect(to: .unixSocket(path: daemon.socket))
        let waiting = Task { try await client.send(words + ["WAIT", "600000"]) }
        try await daemon.wait(for: "STATUS") { $0["queued"] == .integer(1) }
        try await daemon.killAndStart()
        await #expect(throws: (any Error).self) { try await waiting.value }
        await client.close()
        #expect(try await daemon.items("QUEUE LIST").map { $0["holder"] } == [.string("w")])
        try await daemon.say("RELEASE \(first.lease) \(first.token)")
        let granted = try await daemon.wait(for: "REQUEST GET r") {
            $0["status"] == .string("granted")
        }
        #expect(try daemon.held(await daemon.ask(words + ["WAIT", "1"])) == daemon.held(granted))
    }

    // MARK: Changes of a lease

    @Test
    func `growth is there after a kill, with its token and without the old one`() async throws {
        try await daemon.startWithSeats()
        let lease = try await daemon.lease("ACQUIRE seats seat=2")
        let words = "GROW \(lease.lease) \(lease.token) seat=3 REQUEST g"
        let grown = try daemon.held(await daemon.say(words))
        #expect(grown.lease == lease.lease)
        try await daemon.killAndStart()
        #expect(try await daemon.check(lease) == "FENCED")
        #expect(try await daemon.check(grown) == "held")
        let again = try await daemon.say(words)
        #expect(try daemon.held(again) == grown)
        #expect(again["replayed"] == .bool(true))
        #expect(daemon.amounts(again) == ["row": 5])
        let shrunk = try await daemon.say("RELEASE \(grown.lease) \(grown.token) row=4")
        #expect(shrunk["status"] == .string("partly released"))
        try await daemon.killAndStart()
        #expect(daemon.amounts(try await daemon.say("LEASE GET \(lease.lease)")) == ["row": 1])
        #expect(try await daemon.say("RESOURCE GET row")["free"] == .integer(7))
    }

    @Test
    func `a lease that was handed over answers to the new holder only, after a kill as before`()
        async throws
    {
        try await daemon.startWithSeats()
        let old = try await daemon.lease("ACQUIRE seats seat=2 HOLDER old")
        let words = "HANDOVER \(old.lease) \(old.token) HOLDER new REQUEST h"
        let new = try daemon.held(await daemon.say(words))
        try await daemon.killAndStart()
        #expect(try await daemon.check(old) == "FENCED")
        #expect(try await daemon.check(new) == "held")
        #expect(try daemon.held(await daemon.say(words)) == new)
        let shown = try await daemon.say("LEASE GET \(new.lease)")
        #expect(shown["holder"] == .string("new"))
        #expect(daemon.amounts(shown) == ["row": 2])
        #expect(try await daemon.refusal("RELEASE \(old.lease) \(old.token)") == .fenced)
    }

    @Test
    func `a sub-lease is part of its parent over a kill, and ends with it`() async throws {
        try await daemon.startWithSeats()
        let parent = try await daemon.lease("ACQUIRE seats seat=6")
        let carve = "SUBLEASE \(parent.lease) \(parent.token)"
        let child = try await daemon.lease("\(carve) row=2 HOLDER child")
        let other = try await daemon.lease("\(carve) row=1 HOLDER other")
        try await daemon.killAndStart()
        let shown = try await daemon.say("LEASE GET \(child.lease)")
        #expect(shown["parent"] == id(parent.lease))
        #expect(daemon.amounts(shown) == ["row": 2])
        try await daemon.say("RELEASE \(other.lease) \(other.token)")
        try await daemon.killAndStart()
        #expect(daemon.amounts(try await daemon.say("LEASE GET \(parent.lease)")) == ["row": 4])
        try await daemon.say("RELEASE \(parent.lease) \(parent.token)")
        try await daemon.killAndStart()
        #expect(try await daemon.check(child) == "EXPIRED")
        #expect(try await daemon.say("RESOURCE GET row")["held"] == .integer(0))
    }

    // MARK: Bookings and windows

    @Test
    func `what is booked is kept over a kill and becomes one lease`() async throws {
        try await daemon.startWithSeats()
        let later = "BOOK seats seat=6 AT 600000 FOR 600000 HOLDER later REQUEST later"
        let booking = try await daemon.number("booking", in: daemon.say(later))
        let now = "BOOK seats seat=2 AT 1 FOR 590000 HOLDER now REQUEST now"
        let begun = try await daemon.number("booking", in: daemon.say(now))
        let granted = try await daemon.wait(for: "BOOKING GET \(begun)") {
            $0["status"] == .string("granted")
        }
        try await daemon.killAndStart()
        #expect(try await daemon.check(daemon.held(granted)) == "held")
        #expect(try daemon.held(await daemon.say(now)) == daemon.held(granted))
        let kept = try await daemon.say("BOOKING GET \(booking)")
        #expect(kept["status"] == .string("booked"))
        #expect(daemon.amounts(kept) == ["row": 6])
        #expect(try await daemon.say(later)["booking"] == id(booking))
        let taken = "BOOK seats seat=3 AT 700000 FOR 600000"
        #expect(try await daemon.refusal(taken) == .exhausted)
        #expect(try await daemon.refusal("ACQUIRE seats seat=3 TTL 1000") == .exhausted)
        _ = try await daemon.lease("ACQUIRE seats seat=3 MAXLIFETIME 1000 TTL 1000")
        #expect(
            try await daemon.say("BOOKING CANCEL \(booking)")["status"] == .string("cancelled")
        )
        try await daemon.killAndStart()
        #expect(try await daemon.refusal("BOOKING GET \(booking)") == .timeout)
        #expect(try await daemon.items("BOOKING LIST") == [])
        #expect(try await daemon.refusal(taken) == nil)
    }

    @Test
    func `a planned drain is kept free for over a kill, until it is cancelled`() async throws {
        try await daemon.startWithSeats()
        let plan = "NODE DRAIN hall AT 600000 FOR 600000 BY 1000 REASON fan"
        let window = try await daemon.number("window", in: daemon.say(plan))
        try await daemon.killAndStart()
        let shown = try await daemon.say("WINDOW GET \(window)")
        #expect(shown["status"] == .string("planned"))
        #expect(shown["reason"] == .string("fan"))
        #expect(try await daemon.refusal(plan) == .conflict)
        #expect(try await daemon.refusal("ACQUIRE seats seat=1") == .exhausted)
        _ = try await daemon.lease("ACQUIRE seats seat=1 MAXLIFETIME 1000 TTL 1000")
        try await daemon.say("WINDOW CANCEL \(window)")
        try await daemon.killAndStart()
        #expect(try await daemon.refusal("WINDOW GET \(window)") == .notFound)
        _ = try await daemon.lease("ACQUIRE seats seat=1")
    }

    @Test
    func `a drain with an end takes back what is left, and goes on after a kill`() async throws {
        try await daemon.startWithSeats()
        let lease = try await daemon.lease("ACQUIRE seats seat=1")
        try await daemon.say("RESOURCE DRAIN row BY 1")
        try await daemon.wait(for: "RESOURCE GET row") { $0["held"] == .integer(0) }
        try await daemon.killAndStart()
        #expect(try await daemon.check(lease) == "EXPIRED")
        #expect(try await daemon.say("RESOURCE GET row")["state"] == .string("draining"))
        #expect(try await daemon.refusal("ACQUIRE seats seat=1") == .exhausted)
        try await daemon.say("RESOURCE UNCORDON row")
        try await daemon.killAndStart()
        _ = try await daemon.lease("ACQUIRE seats seat=1")
        #expect(try await daemon.stop() == 0)
        #expect(try await daemon.run(["audit", "verify", daemon.data]).status == 0)
    }

    /// A number as the client reads it.
    private func id(_ number: String) -> Document { .integer(Int64(number) ?? -1) }
}
