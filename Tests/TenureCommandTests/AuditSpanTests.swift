// From one moment to another: also where no record is between them, where they are turned round,
// and where the wall clock was wrong.

import Foundation
import Tenure
import TenureCommand
import TenureModel
import TenureTesting
import Testing

@Suite("Audits between moments", .serialized, .waiting, .timeLimit(.minutes(5)))
struct AuditSpanTests {
    private let daemon = TestDaemon()

    private func ledger(wall: UInt64 = TimedLedger.wall) throws -> TimedLedger {
        let ledger = try TimedLedger(of: daemon, wall: wall)
        try ledger.say("POOL SET p")
        try ledger.say("RESOURCE SET gpu0 POOL p KIND gpu CAPACITY 4")
        return ledger
    }

    @Test
    func `a lease ends between two moments without a record between them`() async throws {
        let ledger = try ledger()
        try ledger.pass(3)
        try ledger.say("ACQUIRE p gpu=1 HOLDER brief TTL 3000")
        ledger.end()
        try ledger.pass(8)
        try ledger.open()
        ledger.end()
        let answer = try await daemon.audit("diff", ["4s", "8s"])
        let changes = try #require(answer["changes"] as? [[String: Any]])
        let states = changes.filter {
            $0["of"] as? String == "leases" && $0["field"] as? String == "state"
        }
        #expect(states.texts("before") == ["held"] && states.texts("after") == ["ended"])
        let times = ["from", "to"].map { (answer[$0] as? [String: Any])?["time"] as? String }
        #expect(times == ["4000999999", "8000999999"])
        let lines = try await daemon.run(["audit", "diff", daemon.data, "4s", "8s"]).words
        let moments = lines.split(separator: "\n").filter { $0.contains(" position ") }
        #expect(moments.map { $0.prefix(13) } == ["--- position ", "+++ position "], "\(lines)")
        #expect(moments.first?.hasSuffix(", 4s, \(TimedLedger.text(4))") ?? false, "\(lines)")
        #expect(moments.last?.hasSuffix(", 8s, \(TimedLedger.text(8))") ?? false, "\(lines)")
        // What is over the end is the end.
        #expect(try await daemon.audited("diff", "9h", "end").isEmpty)
    }

    @Test
    func `moments that are turned round are refused`() async throws {
        let ledger = try ledger()
        try ledger.pass(3)
        try ledger.say("ACQUIRE p gpu=1 TTL 3000")
        ledger.end()
        try ledger.pass(8)
        try ledger.open()
        ledger.end()
        let times = [TimedLedger.text(8), TimedLedger.text(4)]
        for (from, to) in [
            ("8s", "4s"), ("end", "2"), ("3", "2"), ("end", "4s"), (times[0], times[1]),
        ] {
            for words in [
                ["diff", daemon.data, from, to],
                ["usage", daemon.data, "--from", from, "--to", to],
                ["leaks", daemon.data, "--from", from, "--to", to],
            ] {
                let answer = try await daemon.run(["audit"] + words)
                #expect(answer.status == 64, "\(words): \(answer.words)")
            }
        }
        let beyond = try await daemon.run(["audit", "usage", daemon.data, "--from", "99999"])
        #expect(beyond.status == 1 && beyond.words.contains("ends at position"))
    }

    @Test(arguments: [false, true])
    func `a wall clock that was ahead at the opening hides nothing behind it`(
        isIndexed: Bool
    ) async throws {
        let ahead: UInt64 = 7_200
        let ledger = try ledger(wall: TimedLedger.wall + ahead)
        for _ in 0..<(isIndexed ? 40 : 0) {
            let short = try daemon.held(ledger.say("ACQUIRE p gpu=1 TENANT a TTL 600000"))
            try ledger.say("RELEASE \(short.lease) \(short.token)")
        }
        for _ in 0..<(isIndexed ? 4 : 0) { try ledger.checkpoint() }
        let files = try FileManager.default.contentsOfDirectory(atPath: daemon.data + "/archive")
        #expect(files.contains { $0.hasSuffix("1.idx") } == isIndexed, "\(files)")
        try ledger.say("ACQUIRE p gpu=1 TENANT a HOLDER first TTL 600000")
        try ledger.pass(2)
        ledger.setWall(TimedLedger.wall + 2)
        // By then it is looked at again.
        try ledger.pass(10)
        let second = try daemon.held(
            ledger.say("ACQUIRE p gpu=1 TENANT a HOLDER second TTL 600000")
        )
        try ledger.pass(60)
        try ledger.say("RELEASE \(second.lease) \(second.token)")
        ledger.end()
        let moment = TimedLedger.text(30)
        let state = try await daemon.audit("as-of", [moment])
        let leases = try #require(state["leases"] as? [[String: Any]])
        #expect(leases.texts("holder") == ["first", "second"])
        #expect(state["wall"] as? String == moment)
        let holders = try await daemon.audited("who", "gpu0", "--at", moment)
        #expect(holders.texts("how") == [nil, "released"])
        let changes = try await daemon.audited("diff", moment, "end")
        #expect(changes.filter { $0["of"] as? String == "leases" }.texts("change") == ["removed"])
        let usage = try await daemon.audited("usage", "--from", moment)
        #expect(usage.map { $0["peak"] as? Int } == [2_000])
        #expect(try await daemon.audited("usage", "--to", moment).count == 1)
        // Shown before it was set back, and by its own reckoning again.
        let words = ["audit", "as-of", daemon.data, TimedLedger.text(ahead + 1)]
        let twice = try await daemon.run(words)
        #expect(twice.words.contains("2 times; meant is the last"), "\(twice.words)")
        #expect(twice.words.contains("and not 2s"), "\(twice.words)")
        let once = try await daemon.run(["audit", "as-of", daemon.data, moment])
        #expect(!once.words.contains("times"), "\(once.words)")
    }

    @Test
    func `a wall time is that of the last time at which the clock showed it`() {
        let second: UInt64 = 1_000_000_000
        func time(_ seconds: UInt64) -> LedgerTime { LedgerTime(nanoseconds: seconds * second) }
        var clock = WallClock()
        clock.note(100 * second, at: time(10))
        // Set back by fifty seconds, opened anew where it would be, and set forward.
        clock.note(70 * second, at: time(30))
        clock.note(90 * second, at: time(50))
        clock.note(200 * second, at: time(80))
        #expect(clock.ledgerTimes(showing: 110 * second) == [time(20), time(70)])
        #expect(clock.ledgerTime(at: 110 * second) == time(70))
        #expect(clock.ledgerTimes(showing: 90 * second) == [time(50)])
        #expect(clock.ledgerTimes(showing: 150 * second) == [])
        #expect(clock.ledgerTime(at: 150 * second).nanoseconds == 80 * second - 1)
        #expect(clock.ledgerTime(at: 60 * second) == .zero)
        #expect(clock.ledgerTime(at: 201 * second) == time(81))
    }
}
