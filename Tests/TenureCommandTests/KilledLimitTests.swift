// Preemption, budgets, limits, breakers, plans and revocation of the shipped daemon, over a kill.
//
// Each test says what a stock client says, kills the daemon with SIGKILL, starts it again, and asks
// for what had been acknowledged.

import TenureModel
import TenureTesting
import Testing

@Suite("Acknowledged over kill -9: limits and choices", .waiting, .timeLimit(.minutes(10)))
struct KilledLimitTests {
    private let daemon = TestDaemon()

    // MARK: Who gives way

    @Test
    func `who gave way has gone after a kill, and who took is there`() async throws {
        try await daemon.startWithSeats("preemptionGap 2")
        let low = try await daemon.lease("ACQUIRE seats seat=8 PRIORITY low")
        #expect(try await daemon.refusal("ACQUIRE seats seat=1 PRIORITY normal") == .exhausted)
        let high = try await daemon.lease("ACQUIRE seats seat=3 PRIORITY high")
        try await daemon.killAndStart()
        #expect(try await daemon.check(low) == "EXPIRED")
        #expect(try await daemon.check(high) == "held")
        #expect(try await daemon.refusal("ACQUIRE seats seat=6 PRIORITY critical") == .exhausted)
    }

    @Test
    func `revocation by a tag takes what it told, and nothing comes back by a kill`() async throws {
        try await daemon.startWithSeats()
        let tagged = try await daemon.lease("ACQUIRE seats seat=2 TAG app=web")
        let child = try await daemon.lease("SUBLEASE \(tagged.lease) \(tagged.token) row=1")
        let other = try await daemon.lease("ACQUIRE seats seat=2 TAG app=db")
        let words = "LEASE REVOKE ALL campaign TAG app=web"
        #expect(try await daemon.say(words + " DRYRUN")["status"] == .string("dry run"))
        #expect(try await daemon.check(tagged) == "held")
        #expect(try await daemon.say(words)["revoked"] == .integer(2))
        try await daemon.killAndStart()
        #expect(try await daemon.check(tagged) == "EXPIRED")
        #expect(try await daemon.check(child) == "EXPIRED")
        #expect(try await daemon.check(other) == "held")
    }

    // MARK: What a tenant may have

    @Test
    func `what a budget holds and has spent is the same after a kill`() async throws {
        try await daemon.start()
        try await daemon.say("POOL SET priced maxLifetime 100000")
        // A millisecond of one is a thousandth.
        try await daemon.say("RESOURCE SET chip POOL priced KIND chip CAPACITY 8 COST 3600")
        try await daemon.say("BUDGET SET p LIMIT 250 WINDOW 86400000")
        let first = try await daemon.lease("ACQUIRE priced chip=1 TENANT p/q TTL 100000")
        _ = try await daemon.lease("ACQUIRE priced chip=1 TENANT p TTL 100000")
        try await daemon.killAndStart()
        let before = try await daemon.say("BUDGET GET p")
        #expect(before["held"] == .integer(200_000))
        #expect(before["spent"] == .integer(0))
        #expect(try await daemon.refusal("ACQUIRE priced chip=1 TENANT p") == .quota)
        try await daemon.say("RELEASE \(first.lease) \(first.token)")
        let settled = try await daemon.say("BUDGET GET p")
        try await daemon.killAndStart()
        let after = try await daemon.say("BUDGET GET p")
        #expect(after["held"] == .integer(100_000))
        #expect(after["spent"] == settled["spent"])
        guard case .integer(let spent)? = after["spent"] else {
            Issue.record("nothing spent: \(after)")
            return
        }
        #expect((1...100_000).contains(spent))
    }

    @Test
    func `limits and guarantees of tenants bind after a kill`() async throws {
        try await daemon.startWithSeats()
        try await daemon.say("TENANT SET t LEASES 1")
        try await daemon.say("QUOTA SET g seat LIMIT 8 GUARANTEE 4 LEND 0")
        let held = try await daemon.lease("ACQUIRE seats seat=1 TENANT t/u")
        try await daemon.killAndStart()
        #expect(try await daemon.refusal("ACQUIRE seats seat=1 TENANT t") == .quota)
        #expect(try await daemon.refusal("ACQUIRE seats seat=4 TENANT other") == .quota)
        _ = try await daemon.lease("ACQUIRE seats seat=3 TENANT other")
        _ = try await daemon.lease("ACQUIRE seats seat=4 TENANT g")
        try await daemon.killAndStart()
        try await daemon.say("RELEASE \(held.lease) \(held.token)")
        try await daemon.killAndStart()
        let limits = try await daemon.items("TENANT LIST")
        #expect(limits.map { $0["count"] } == [.integer(0)])
        _ = try await daemon.lease("ACQUIRE seats seat=1 TENANT t")
    }

    @Test
    func `an open breaker stays open over a kill, until it is closed`() async throws {
        try await daemon.startWithSeats("breakerFailures 1 breakerOpen 3600000")
        let lease = try await daemon.lease("ACQUIRE seats seat=1")
        let report = "REPORT \(lease.lease) \(lease.token) FAILED RESOURCE row"
        #expect(try await daemon.say(report)["opened"] == .list([.string("row")]))
        try await daemon.killAndStart()
        #expect(try await daemon.items("BREAKER LIST").map { $0["state"] } == [.string("open")])
        #expect(try await daemon.refusal("ACQUIRE seats seat=1") == .exhausted)
        try await daemon.say("BREAKER RESET RESOURCE row")
        try await daemon.killAndStart()
        #expect(try await daemon.items("BREAKER LIST") == [])
        _ = try await daemon.lease("ACQUIRE seats seat=1")
    }

    // MARK: What a request may leave open

    @Test
    func `a plan is granted as told, once, and its answer is there after a kill`() async throws {
        try await daemon.startWithSeats()
        let words = "seats seat=3 HOLDER h TTL 600000"
        let plan = try await daemon.say("PLAN \(words)")
        let version = try daemon.number("version", in: plan)
        let commit = "ACQUIRE \(words) REQUEST r PLAN \(version)"
        let granted = try await daemon.say(commit)
        #expect(daemon.amounts(granted) == daemon.amounts(plan))
        try await daemon.killAndStart()
        #expect(try daemon.held(await daemon.say(commit)) == daemon.held(granted))
        let other = "ACQUIRE \(words) REQUEST other PLAN \(version)"
        #expect(try await daemon.refusal(other) == .conflict)
        #expect(try await daemon.items("LEASE LIST").count == 1)
    }

    @Test
    func `the pool and the amount that were chosen are those of the answer after a kill`()
        async throws
    {
        try await daemon.startWithSeats()
        try await daemon.say("POOL SET spare")
        try await daemon.say("RESOURCE SET back POOL spare KIND seat CAPACITY 3")
        let first = "ACQUIRE seats,spare seat=1..6 HOLDER a TTL 600000 REQUEST a"
        let second = "ACQUIRE seats,spare seat=3..6 HOLDER b TTL 600000 REQUEST b"
        #expect(daemon.amounts(try await daemon.say(first)) == ["row": 6])
        let fallen = try await daemon.say(second)
        #expect(fallen["pool"] == .string("spare"))
        #expect(daemon.amounts(fallen) == ["back": 3])
        try await daemon.killAndStart()
        #expect(daemon.amounts(try await daemon.say(first)) == ["row": 6])
        let again = try await daemon.say(second)
        #expect(try daemon.held(again) == daemon.held(fallen))
        #expect(daemon.amounts(again) == ["back": 3])
        #expect(again["replayed"] == .bool(true))
    }
}
