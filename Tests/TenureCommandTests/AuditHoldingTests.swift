// Since when a lease had a resource and how that ended, and what counts as a leak.

import Foundation
import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Audits of holding", .serialized, .waiting, .timeLimit(.minutes(5)))
struct AuditHoldingTests {
    private let daemon = TestDaemon()

    /// A ledger with two GPUs, which one lease each has whole.
    private func twoGPUs() throws -> TimedLedger {
        let ledger = try TimedLedger(of: daemon)
        try ledger.say("POOL SET p")
        for name in ["gpu0", "gpu1"] {
            try ledger.say("RESOURCE SET \(name) POOL p KIND gpu CAPACITY 1 NODE a")
        }
        return ledger
    }

    private func who(_ resource: String, at position: String) async throws -> [[String: Any]] {
        try await daemon.audited("who", resource, "--at", position)
    }

    @Test
    func `what is given back in part ends on its resource, and begins anew there`() async throws {
        let ledger = try twoGPUs()
        try ledger.pass(1)
        let answer = try ledger.say("ACQUIRE p gpu=2 HOLDER both TTL 600000")
        let both = try daemon.held(answer)
        try ledger.pass(1)
        try ledger.say("RELEASE \(both.lease) \(both.token) gpu0=1")
        try ledger.pass(1)
        let between = try daemon.held(ledger.say("ACQUIRE p gpu=1 HOLDER between TTL 600000"))
        try ledger.pass(1)
        try ledger.say("RELEASE \(between.lease) \(between.token)")
        try ledger.pass(1)
        let grown = try ledger.say("GROW \(both.lease) \(both.token) gpu=1")
        ledger.end()
        let first = try await who("gpu0", at: daemon.number("position", in: answer))
        #expect(first.texts("holder") == ["both"])
        #expect(first.texts("since") == [TimedLedger.text(1)])
        #expect(first.texts("ended") == [TimedLedger.text(2)])
        #expect(first.texts("how") == ["given back in part"])
        let second = try await who("gpu0", at: between.position)
        #expect(second.texts("holder") == ["between"] && second.texts("how") == ["released"])
        let third = try await who("gpu0", at: daemon.number("position", in: grown))
        #expect(third.texts("holder") == ["both"])
        #expect(third.texts("since") == [TimedLedger.text(5)])
        // Of the other resource nothing was given back.
        let other = try await who("gpu1", at: between.position)
        #expect(other.texts("since") == [TimedLedger.text(1)] && other.texts("how") == [nil])
    }

    @Test
    func `what is not committed, and what is carved out, ends on its resource`() async throws {
        let ledger = try twoGPUs()
        let reserved = try ledger.say("RESERVE p gpu=2 HOLDER res HOLD 600000 TTL 600000")
        let held = try daemon.held(reserved)
        try ledger.pass(1)
        let committed = try ledger.say("COMMIT \(held.lease) \(held.token) gpu1=1")
        try ledger.pass(1)
        let carved = try ledger.say("SUBLEASE \(held.lease) \(held.token) gpu1=1 HOLDER part")
        let part = try daemon.held(carved)
        try ledger.pass(1)
        try ledger.say("RELEASE \(part.lease) \(part.token)")
        ledger.end()
        let first = try await who("gpu0", at: daemon.number("position", in: reserved))
        #expect(first.texts("how") == ["not committed"])
        #expect(first.texts("ended") == [TimedLedger.text(1)])
        let second = try await who("gpu1", at: daemon.number("position", in: committed))
        #expect(second.texts("holder") == ["res"] && second.texts("how") == ["carved out"])
        let third = try await who("gpu1", at: daemon.number("position", in: carved))
        #expect(third.texts("holder") == ["part"] && third.texts("how") == ["released"])
        let last = try await who("gpu1", at: "end")
        #expect(last.texts("holder") == ["res"])
        #expect(last.texts("since") == [TimedLedger.text(3)])
    }

    @Test
    func `leaks tell gaps apart, count sub-leases, and no reservation`() async throws {
        let ledger = try twoGPUs()
        try ledger.say("RESERVE p gpu=1 TENANT r HOLD 2000")
        let owner = try daemon.held(ledger.say("ACQUIRE p gpu=1 TENANT a HOLDER own TTL 60000"))
        try ledger.pass(3)
        try ledger.say("SUBLEASE \(owner.lease) \(owner.token) gpu1=1 TENANT a/b HOLDER sub")
        try ledger.pass(1)
        ledger.end()
        // Down for eight seconds, and behind that a grace.
        try ledger.pass(8)
        try ledger.open()
        try ledger.pass(100)
        ledger.end()
        let answer = try await daemon.audit("leaks")
        let leaks = try #require(answer["items"] as? [[String: Any]])
        #expect(Set(leaks.texts("holder")) == ["own", "sub"], "\(leaks)")
        for leak in leaks {
            let isOwner = leak["holder"] as? String == "own"
            #expect(leak["cause"] as? String == (isOwner ? "expired" : "revoked"))
            #expect(leak["parent"] as? String == (isOwner ? nil : owner.lease))
            let (idle, lived) = (leak["idle"] as? Int ?? 0, leak["lived"] as? Int ?? 0)
            #expect(idle == lived && idle >= 60_000 - 3_000)
            // The last record before it was the grant of the sub-lease.
            #expect(leak["inGaps"] as? Int == 9_000)
        }
        let totals = try #require(answer["totals"] as? [[String: Any]])
        #expect(totals.texts("tenant") == ["a/b"])
        #expect(totals.map { $0["leases"] as? Int } == [1])
        #expect(totals.texts("gapUnitSeconds") == ["9000"])
    }
}

extension HeldLease {
    /// Where a lease was granted whose token has not changed.
    fileprivate var position: String { "\((UInt64(token) ?? 0) & 0xffff_ffff_ffff)" }
}
