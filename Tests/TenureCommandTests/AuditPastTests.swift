// The ledger as it was, what became another, who had it, who used how much, and what did not come
// back: told from the log of a stopped ledger.

import Foundation
import TenureCommand
import TenureModel
import TenureTesting
import Testing

@Suite("Audits of the past", .serialized, .waiting, .timeLimit(.minutes(5)))
struct AuditPastTests {
    private let daemon = TestDaemon()

    /// The last line of what a command prints, behind its warnings.
    private func line(_ words: String) -> String {
        words.split(separator: "\n").last.map(String.init) ?? ""
    }

    /// What an audit prints as JSON.
    private func audit(_ verb: String, _ words: String...) async throws -> [String: Any] {
        try await daemon.audit(verb, words)
    }

    private func items(_ answer: [String: Any], _ name: String = "items") throws -> [[String: Any]]
    {
        try #require(answer[name] as? [[String: Any]])
    }

    private func position(_ answer: Document) throws -> String {
        try daemon.number("position", in: answer)
    }

    /// A list as the daemon answers it, without what passes by itself.
    private func list(_ command: String) async throws -> (text: String, position: String) {
        let answer = try await daemon.say(command)
        return (Self.lasting(JSONText.of(answer)), try position(answer))
    }

    private static func lasting(_ json: String) -> String {
        // A client does not know ids from other numbers.
        json.replacing(/"([0-9]+)"/) { $0.1 }
            .replacing(/"(ttl|age|position|waited|wait)":[0-9]+,?/, with: "")
    }

    /// A pool of four seats, one lease that expires, one that is released and one that stays.
    private func live() async throws -> [String] {
        try await daemon.startWithSeats()
        let lost = try await daemon.say("ACQUIRE seats seat=1 TENANT a/x HOLDER lost TTL 2000")
        let given = try await daemon.say("ACQUIRE seats seat=2 TENANT b HOLDER given TTL 600000")
        // Long enough for a busy machine to grant both first, and to take the one back after that.
        let lease = try daemon.held(lost)
        while try await daemon.check(lease) == "held" {
            try await Task.sleep(for: .milliseconds(20))
        }
        try await Task.sleep(for: .milliseconds(500))
        let held = try daemon.held(given)
        let back = try await daemon.say("RELEASE \(held.lease) \(held.token)")
        let kept = try await daemon.say("ACQUIRE seats seat=3 TENANT a/y HOLDER kept TTL 600000")
        return try [lost, given, back, kept].map(position)
    }

    @Test
    func `as of any position the lists are what was answered then`() async throws {
        var seen: [(command: String, text: String, position: String)] = []
        let commands = ["LEASE LIST", "RESOURCE LIST", "QUOTA LIST", "QUEUE LIST", "BUDGET LIST"]
        func look() async throws {
            for command in commands {
                let list = try await list(command)
                seen.append((command, list.text, list.position))
            }
        }
        try await daemon.startWithSeats()
        try await look()
        let first = try await daemon.lease("ACQUIRE seats seat=7 TENANT a HOLDER x TTL 600000")
        try await look()
        _ = try await daemon.say("QUOTA SET a seat LIMIT 4")
        _ = try await daemon.say("ACQUIRE seats seat=2 TENANT b QUEUE 600000 REQUEST q")
        try await look()
        _ = try await daemon.say("RELEASE \(first.lease) \(first.token)")
        try await look()
        try await daemon.killAndStart()
        try await look()
        #expect(try await daemon.stop() == 0)
        for (command, text, position) in seen {
            let words = command.split(separator: " ").map(String.init)
            let answer = try await daemon.run(
                ["audit", "as-of", daemon.data, position, "--json"] + words
            )
            #expect(Self.lasting(line(answer.words)) == text, "\(command) at \(position)")
        }
        // All of it, by wall time too: now is behind the end.
        let now = Date().formatted(.iso8601)
        for moment in ["end", now] {
            let state = try await audit("as-of", moment)
            #expect(try items(state, "leases").first?["tenant"] as? String == "b")
            #expect(try items(state, "quotas").count == 1)
        }
    }

    @Test
    func `a difference names what came, what went and what has another value`() async throws {
        let positions = try await live()
        #expect(try await daemon.stop() == 0)
        let answer = try await audit("diff", positions[0], positions[3])
        let changes = try items(answer, "changes").map { change in
            ["of", "name", "change", "field"].compactMap { change[$0] as? String }
                .joined(separator: " ")
        }
        let leases = changes.filter { $0.hasPrefix("leases") }
        #expect(leases.count == 2 && leases[0].hasSuffix("removed") && leases[1].hasSuffix("added"))
        #expect(changes.contains { $0.hasPrefix("resources") && $0.hasSuffix("changed held") })
        let lines = try await daemon.run(["audit", "diff", daemon.data, positions[0], "end"])
        #expect(lines.words.contains("held: 1 -> 3"), "\(lines.words)")
        #expect(lines.words.contains("holder=kept"), "\(lines.words)")
        let same = try await audit("diff", positions[3], positions[3])
        #expect(try items(same, "changes").isEmpty)
        let turned = try await daemon.run(
            ["audit", "diff", daemon.data, positions[3], positions[0]]
        )
        #expect(turned.status == 64)
    }

    @Test
    func `who had a resource, and how that ended`() async throws {
        let positions = try await live()
        let name = try #require(
            try await daemon.items("RESOURCE LIST").first?["name"].map { JSONText.of($0) }
        ).replacing("\"", with: "")
        #expect(try await daemon.stop() == 0)
        let then = try items(try await audit("who", name, "--at", positions[1]))
        #expect(then.map { $0["holder"] as? String } == ["lost", "given"])
        #expect(then.map { $0["how"] as? String } == ["expired", "released"])
        #expect(then.map { $0["amount"] as? Int } == [1, 2])
        let now = try items(try await audit("who", name))
        #expect(now.map { $0["holder"] as? String } == ["kept"])
        #expect(now[0]["how"] is NSNull)
        let nobody = try await daemon.run(["audit", "who", daemon.data, "none", "--at", "end"])
        #expect(nobody.status == 1 && nobody.words.contains("NOTFOUND"))
    }

    @Test
    func `leaks are what was reclaimed, with the time for which it was idle`() async throws {
        let positions = try await live()
        #expect(try await daemon.stop() == 0)
        let answer = try await audit("leaks")
        let leaks = try items(answer)
        #expect(leaks.map { $0["holder"] as? String } == ["lost"])
        #expect(leaks[0]["cause"] as? String == "expired")
        let idle = try #require(leaks[0]["idle"] as? Int)
        #expect(idle >= 40 && idle == leaks[0]["lived"] as? Int)
        let totals = try items(answer, "totals")
        #expect(totals.map { $0["tenant"] as? String } == ["a/x"])
        #expect(try items(try await audit("leaks", "--tenant", "b")).isEmpty)
        #expect(try items(try await audit("leaks", "--from", positions[2])).isEmpty)
    }

    /// More leases that expire than a table has rows.
    @Test
    func `many leaks are told as they are found, in tables of a thousand`() async throws {
        try await daemon.start()
        let load = try await daemon.run([
            "bench", "fill", "--socket", daemon.socket, "--leases", "2100", "--ttl", "1s",
        ])
        #expect(load.status == 0, "\(load.words)")
        try await daemon.wait(for: "STATUS") { $0["leases"] == .integer(0) }
        #expect(try await daemon.stop() == 0)
        let answer = try await audit("leaks")
        let leases = try items(answer).compactMap { $0["lease"] as? String }
        #expect(leases.count == 2_100 && Set(leases).count == 2_100)
        #expect(try items(answer, "totals").map { $0["leases"] as? Int } == [2_100])
        #expect(answer["position"] as? String != nil)
        let table = try await daemon.run(["audit", "leaks", daemon.data])
        let headings = table.words.split(separator: "\n").filter { $0.contains("HOLDER") }
        #expect(headings.count == 3)
        // It is no terminal to which this is written.
        #expect(!table.words.contains("\r"))
    }

    @Test
    func `usage is what the records say, amount by amount and second by second`() async throws {
        _ = try await live()
        #expect(try await daemon.stop() == 0)
        let history = try await daemon.run(["audit", "log", daemon.data, "--json"])
        var since: [String: (tenant: String, amount: UInt64, time: UInt64)] = [:]
        var expected: [String: UInt64] = [:]
        var end: UInt64 = 0
        for line in history.words.split(separator: "\n") {
            guard line.hasPrefix("{") else { continue }
            let json = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let event = try #require(json as? [String: Any])
            end = try #require((event["time"] as? String).flatMap { UInt64($0) })
            let leases = event["leases"] as? [[String: Any]] ?? []
            let id = (event["lease"] ?? leases.first?["lease"]) as? String ?? ""
            switch event["event"] as? String {
            case "granted":
                let parts = try #require(event["placements"] as? [[String: Any]])
                let amount = try #require(parts.first?["amount"] as? Int)
                since[id] = (event["tenant"] as? String ?? "", UInt64(amount), end)
            case "released", "expired":
                guard let known = since.removeValue(forKey: id) else { continue }
                expected[known.tenant, default: 0] += known.amount * (end - known.time)
            default: break
            }
        }
        for known in since.values {
            expected[known.tenant, default: 0] += known.amount * (end - known.time)
        }
        let rows = try items(try await audit("usage"))
        let told = rows.map { ($0["tenant"] as? String, $0["unitSeconds"] as? String) }
        #expect(expected.count == 3 && told.count == 3)
        for (tenant, seconds) in told {
            let sum = try #require(expected[tenant ?? ""])
            #expect(seconds == "\(sum / 1_000_000_000)")
        }
        #expect(rows.map { $0["peak"] as? Int } == [1, 3, 2])
        #expect(rows.map { $0["grants"] as? Int } == [1, 1, 1])

        let tops = try items(try await audit("usage", "--level", "1", "--every", "20ms"))
        #expect(Set(tops.compactMap { $0["tenant"] as? String }) == ["a", "b"])
        #expect(tops.compactMap { $0["grants"] as? Int }.reduce(0, +) == 3)
        let csv = try await daemon.run(["audit", "usage", daemon.data, "--csv"])
        let lines = csv.words.split(separator: "\n").filter { !$0.hasPrefix("tenure:") }
        #expect(lines.first == "from,to,tenant,kind,hours,unitSeconds,peak,grants")
        #expect(lines.count == 4)
    }

    @Test
    func `the most at a time counts what is held together, once, in every span`() async throws {
        try await daemon.start()
        try await daemon.declare()
        let first = try await daemon.lease("ACQUIRE main cpu=2 TENANT a MAXLIFETIME 600000")
        let second = try await daemon.lease("ACQUIRE main cpu=3 TENANT a/x TTL 600000")
        _ = try await daemon.say(
            "SUBLEASE \(first.lease) \(first.token) cpus=1 TENANT a/y TTL 600000"
        )
        try await Task.sleep(for: .milliseconds(400))
        _ = try await daemon.say("RELEASE \(second.lease) \(second.token)")
        #expect(try await daemon.stop() == 0)
        let all = try items(try await audit("usage", "--level", "1"))
        #expect(all.count == 1 && all[0]["peak"] as? Int == 5_000)
        let parts = try items(try await audit("usage"))
        #expect(parts.map { $0["tenant"] as? String } == ["a", "a/x", "a/y"])
        #expect(parts.map { $0["peak"] as? Int } == [2_000, 3_000, 1_000])

        let spans = try items(try await audit("usage", "--level", "1", "--every", "20ms"))
        let peaks = spans.compactMap { $0["peak"] as? Int }
        #expect(peaks.filter { $0 == 5_000 }.count >= 15 && peaks.allSatisfy { $0 <= 5_000 })
        func seconds(_ rows: [[String: Any]]) -> Int {
            rows.compactMap { ($0["unitSeconds"] as? String).flatMap { Int($0) } }.reduce(0, +)
        }
        // Each is rounded down.
        let lost = seconds(all) - seconds(spans)
        #expect(lost >= 0 && lost <= spans.count)
        let few = try await daemon.run(["audit", "usage", daemon.data, "--every", "1ms"])
        #expect(few.status == 0)

        // From where both are held nothing is granted, and as much is held.
        let granted = try #require(UInt64(second.lease)) & 0xffff_ffff_ffff
        let behind = try items(
            try await audit("usage", "--level", "1", "--from", "\(granted)")
        )
        #expect(behind[0]["peak"] as? Int == 5_000 && behind[0]["grants"] as? Int == 0)
    }

    @Test
    func `two breakers of one pool are two things that have come`() async throws {
        try await daemon.start()
        _ = try await daemon.say("POOL SET p breakerFailures 1")
        for name in ["r0", "r1"] {
            _ = try await daemon.say(
                "RESOURCE SET \(name) POOL p KIND seat CAPACITY 1 NODE \(name)"
            )
        }
        for _ in 0..<2 {
            let lease = try await daemon.lease("ACQUIRE p seat=1 TTL 600000")
            _ = try await daemon.say("REPORT \(lease.lease) \(lease.token) FAILED")
        }
        #expect(try await daemon.stop() == 0)
        let changes = try items(try await audit("diff", "1", "end"), "changes")
        let breakers = changes.filter { $0["of"] as? String == "breakers" }
        #expect(breakers.compactMap { $0["name"] as? String } == ["resource r0", "resource r1"])
        // From before everything, which is an empty ledger.
        let first = try await audit("diff", "2001-01-01T00:00:00Z", "end")
        #expect(try items(first, "changes").count >= changes.count)
        let late = try await daemon.run(["audit", "who", daemon.data, "r0", "--at", "99999"])
        #expect(late.status == 1 && late.words.contains("ends at position"))
    }

    @Test(
        arguments: [
            ("4711", .position(4711)), ("end", .end), ("0", nil), ("", nil), ("yesterday", nil),
            ("2h", .ledgerTime(LedgerTime(nanoseconds: 7_200_000_999_999))),
            ("1970-01-01T00:01:00Z", .wallTime(60_999_999_999)),
            ("1969-01-01T00:00:00Z", nil), ("99999-01-01T00:00:00Z", nil),
        ] as [(String, Moment?)]
    )
    func `moments are positions, ledger times, wall times, or the end`(
        text: String,
        moment: Moment?
    ) {
        #expect(Moment(argument: text) == moment)
    }

    @Test
    func `a wall time is told from the opening before`() {
        var clock = WallClock()
        #expect(clock.text(at: .zero) == nil)
        clock.note(60_000_000_000, at: .zero)
        clock.note(3_600_000_000_000, at: LedgerTime(nanoseconds: 5_000_000_000))
        #expect(clock.text(at: LedgerTime(nanoseconds: 4_000_000_000)) == "1970-01-01T00:01:04Z")
        #expect(clock.text(at: LedgerTime(nanoseconds: 6_000_000_000)) == "1970-01-01T01:00:01Z")
    }

    @Test
    func `a wall clock that was set tells the time from then on, and none that it passed over`() {
        var clock = WallClock()
        let opening = Opening(
            bootID: "b",
            bootNanoseconds: 1,
            wallNanoseconds: 60_000_000_000,
            pidNamespace: 1,
            recovery: "T1",
            version: "1",
            isEstimate: false
        )
        let set = LedgerTime(nanoseconds: 5_000_000_000)
        clock.note(.opened(opening), at: LedgerTime(nanoseconds: 1))
        clock.note(.poolDeleted(name: "p"), at: LedgerTime(nanoseconds: 2))
        clock.note(.wallClockSet(nanoseconds: 3_600_000_000_000), at: set)
        #expect(clock.text(at: LedgerTime(nanoseconds: 4_000_000_001)) == "1970-01-01T00:01:04Z")
        #expect(clock.text(at: set) == "1970-01-01T01:00:00Z")
        #expect(clock.ledgerTime(at: 61_000_000_000) == LedgerTime(nanoseconds: 1_000_000_001))
        #expect(clock.ledgerTime(at: 600_000_000_000) == LedgerTime(nanoseconds: 4_999_999_999))
        #expect(clock.ledgerTime(at: 3_600_000_000_001) == LedgerTime(nanoseconds: 5_000_000_001))
    }

    @Test
    func `cells of CSV are in quotes where they must be`() {
        let item = Document.map([
            .init("a", .string("x,y")), .init("b", .string("say \"no\"")), .init("c", .null),
            .init("d", .string("line\nend")),
        ])
        #expect(
            CSVText.lines(["a", "b", "c", "d"], [item]) == [
                "a,b,c,d", "\"x,y\",\"say \"\"no\"\"\",,line\\u{a}end",
            ]
        )
        #expect(CSVText.lines(["a", "b"], []) == ["a,b"])
    }
}
