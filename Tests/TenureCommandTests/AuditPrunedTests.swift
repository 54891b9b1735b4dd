// Audits of a ledger whose old history was pruned: what was held then is not forgotten, and what
// is not known any more is not answered for another moment.

import Foundation
import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Audits behind a snapshot", .serialized, .waiting, .timeLimit(.minutes(5)))
struct AuditPrunedTests {
    private let daemon = TestDaemon()

    /// A ledger with three leases of before its snapshot: one expires behind it, one was handed
    /// over and is released, one stays.
    ///
    /// - Returns: the position of the snapshot.
    private func prune() async throws -> String {
        let hour: UInt64 = 3_600
        let now = UInt64(Date().timeIntervalSince1970)
        let ledger = try TimedLedger(of: daemon, wall: now - hour)
        try ledger.say("POOL SET p")
        try ledger.say("RESOURCE SET a/gpu POOL p KIND gpu CAPACITY 4")
        try ledger.pass(5)
        try ledger.say("ACQUIRE p gpu=1 TENANT early HOLDER early TTL 60000")
        let given = try daemon.held(ledger.say("ACQUIRE p gpu=1 TENANT moved HOLDER b TTL 6000000"))
        try ledger.say("ACQUIRE p gpu=1 TENANT kept HOLDER kept TTL 600000000")
        let moved = try daemon.held(
            ledger.say("HANDOVER \(given.lease) \(given.token) HOLDER moved")
        )
        try ledger.pass(3)
        for _ in 0..<400 {
            let short = try daemon.held(ledger.say("ACQUIRE p gpu=1 TENANT short TTL 60000"))
            try ledger.say("RELEASE \(short.lease) \(short.token)")
        }
        try ledger.checkpoint()
        ledger.end()
        let pruned = try await daemon.run([
            "prune", "--data", daemon.data, "--socket", daemon.socket, "--keep", "0s", "--json",
        ])
        try #require(pruned.words.contains("\"status\":\"pruned\""), "\(pruned.words)")
        ledger.setWall(UInt64(Date().timeIntervalSince1970) + 1)
        try ledger.open(boot: "second")
        try ledger.pass(100)
        try ledger.say("RELEASE \(moved.lease) \(moved.token)")
        ledger.end()
        let refused = try await daemon.run(["audit", "as-of", daemon.data, "1"])
        let position = try #require(refused.words.firstMatch(of: /up to position ([0-9]+)/))
        return String(position.1)
    }

    @Test
    func `what was held at the snapshot is told by who, leaks and usage`() async throws {
        let snapshot = try await prune()
        // One of the short ones may be held there, too.
        let then = try await daemon.audited("who", "a/gpu", "--at", snapshot)
            .filter { $0["tenant"] as? String != "short" }
        try #require(then.texts("holder") == ["early", "moved", "kept"])
        #expect(then.texts("how") == ["expired", "released", nil])
        // Its second holder has it since an event that is pruned.
        #expect(then.texts("since")[1] == "before the snapshot")
        let granted = try #require(then.texts("since")[0])
        #expect(granted.hasSuffix("Z") && then.texts("since")[2] == granted)
        let leaks = try await daemon.audit("leaks")
        let rows = try #require(leaks["items"] as? [[String: Any]])
        try #require(rows.texts("holder") == ["early"])
        #expect(rows.texts("cause") == ["expired"])
        #expect(rows.texts("seen") == ["before the snapshot"])
        let (idle, lived) = (rows[0]["idle"] as? Int ?? 0, rows[0]["lived"] as? Int ?? 0)
        #expect(idle > 0 && lived >= idle + 3_000)
        let usage = try await daemon.audited("usage")
        #expect(Set(usage.texts("tenant")).isSuperset(of: ["early", "moved", "kept"]))
        for row in usage where row["tenant"] as? String == "kept" {
            #expect(row["peak"] as? Int == 1_000 && row["grants"] as? Int == 0)
            #expect(UInt64(row["unitSeconds"] as? String ?? "") ?? 0 >= 100_000)
        }
        // From the snapshot on is from the beginning of what is left.
        #expect(try await daemon.audited("usage", "--from", snapshot).count == usage.count)
    }

    @Test
    func `a moment of the pruned past is refused wherever it is said`() async throws {
        _ = try await prune()
        for moment in ["3", "1ms", "2001-01-01T00:00:00Z"] {
            for words in [
                ["as-of", daemon.data, moment], ["diff", daemon.data, moment, "end"],
                ["who", daemon.data, "a/gpu", "--at", moment],
                ["usage", daemon.data, "--from", moment], ["usage", daemon.data, "--to", moment],
                ["leaks", daemon.data, "--from", moment], ["leaks", daemon.data, "--to", moment],
            ] {
                let answer = try await daemon.run(["audit"] + words)
                #expect(answer.status == 1, "\(words): \(answer.words)")
                #expect(answer.words.contains("was pruned"), "\(words): \(answer.words)")
            }
        }
    }
}
