// The story that an audit tells of a lease, beside the one that the daemon told.

import Foundation
import Tenure
import TenureCommand
import TenureModel
import TenureTesting
import Testing

@Suite("Stories", .serialized, .waiting, .timeLimit(.minutes(5)))
struct AuditExplainTests {
    private let daemon = TestDaemon()

    /// What an audit tells, as JSON; its status and words when that is not wanted.
    private func audit(_ words: String...) async throws -> [String: Any] {
        let answer = try await daemon.run(["audit", "explain", daemon.data, "--json"] + words)
        #expect(answer.status == 0, "\(answer.words)")
        let line = answer.words.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
        let json = try JSONSerialization.jsonObject(with: Data(line.utf8))
        return try #require(json as? [String: Any])
    }

    /// Without what only one of both tells, and with all numbers as text.
    private static func comparable(_ value: Any) -> String {
        switch value {
        case let map as [String: Any]:
            let fields = map.filter { $0.key != "wall" && $0.key != "token" }
                .map { "\($0.key): \(comparable($0.value))" }
            return "{\(fields.sorted().joined(separator: ", "))}"
        case let list as [Any]: return "[\(list.map(comparable).joined(separator: ", "))]"
        case let number as NSNumber: return "\(number)"
        default: return "\(value)"
        }
    }

    private static func comparable(_ document: Document) throws -> String {
        let text = Data(JSONText.of(document).utf8)
        return comparable(try JSONSerialization.jsonObject(with: text, options: .fragmentsAllowed))
    }

    private func text(_ value: Any?, _ path: String...) -> String? {
        var found = value
        for name in path { found = (found as? [String: Any])?[name] }
        return (found as? String) ?? (found as? NSNumber).map { "\($0)" }
    }

    /// Leases that end in every way, by the word for it.
    private func live() async throws -> [String: String] {
        try await daemon.startWithSeats()
        _ = try await daemon.say("POOL SET few preemptionGap 1 preemptionGrace 20")
        _ = try await daemon.say("RESOURCE SET one POOL few KIND seat CAPACITY 1")
        var leases: [String: String] = [:]
        let released = try await daemon.lease(
            "ACQUIRE seats seat=1 TENANT a/x PURPOSE test TAG k=v"
        )
        for _ in 0..<3 { try await daemon.say("RENEW \(released.lease) \(released.token)") }
        let grown = try await daemon.say("GROW \(released.lease) \(released.token) seat=1")
        try await daemon.say("RELEASE \(released.lease) \(try daemon.number("token", in: grown))")
        leases["released"] = released.lease
        leases["expired"] = try await daemon.lease("ACQUIRE seats seat=1 TENANT b TTL 40").lease
        let revoked = try await daemon.lease("ACQUIRE seats seat=1 TENANT b").lease
        try await daemon.ask(["LEASE", "REVOKE", revoked, "the host is on fire"])
        leases["revoked"] = revoked
        let low = try await daemon.lease("ACQUIRE few seat=1 PRIORITY low TENANT c")
        leases["preempted"] = low.lease
        let high = try await daemon.lease("ACQUIRE few seat=1 PRIORITY high TTL 600000 WAIT 60000")
        leases["held"] = high.lease
        let given = try await daemon.lease("ACQUIRE seats seat=1 TENANT b HOLDER first")
        let taken = try await daemon.say("HANDOVER \(given.lease) \(given.token) HOLDER second")
        try await daemon.say("RELEASE \(given.lease) \(try daemon.number("token", in: taken))")
        leases["handed over"] = given.lease
        let process = try ChildProgram("/bin/sleep", ["600"], output: daemon.home + "/sleep")
        let bound = try await daemon.say("SESSION OPEN PROCESS \(process.pid)")
        let closed = try await daemon.say("SESSION OPEN TTL 600000")
        let member = { (session: Document) async throws -> String in
            let id = try daemon.number("session", in: session)
            let grant = try await daemon.say("ACQUIRE seats seat=1 TENANT d SESSION \(id)")
            return try daemon.number("lease", in: grant)
        }
        leases["dead"] = try await member(bound)
        leases["closed"] = try await member(closed)
        let (id, token) = try (
            daemon.number("session", in: closed), daemon.number("token", in: closed)
        )
        try await daemon.say("SESSION KEEPALIVE \(id) \(token)")
        try await daemon.say("SESSION CLOSE \(id) \(token)")
        process.signal(SIGKILL)
        while process.ended() == nil { try await Task.sleep(for: .milliseconds(5)) }
        for name in ["expired", "dead"] {
            let words = "EXPLAIN \(leases[name] ?? "")"
            try await daemon.wait(for: words) { $0["ended"] != .null }
        }
        return leases
    }

    /// Ends leases in every way, asks the daemon about each of them, and the audit of the same
    /// directory after it.
    @Test
    func `of every end the audit tells what EXPLAIN has answered`() async throws {
        let leases = try await live()
        #expect(leases.count == 8)
        var told: [String: Document] = [:]
        for (name, lease) in leases { told[name] = try await daemon.say("EXPLAIN \(lease)") }
        #expect(try await daemon.stop() == 0)
        for (name, live) in told {
            let lease = try #require(leases[name])
            let past = try await audit(lease)
            for field in [
                "lease", "state", "heldBy", "grantedTo", "granted", "renewals", "renewed", "events",
                "ended",
            ] {
                let answered = try Self.comparable(#require(live[field]))
                // A client does not know ids from other numbers.
                #expect(Self.comparable(past[field] ?? "-") == answered, "\(name): \(field)")
            }
            #expect(text(past, "granted", "wall")?.hasSuffix("Z") == true)
            let end = name == "handed over" ? "released" : name
            if name != "held" { #expect(text(past, "ended", "event") == end, "\(name)") }
            // Of those that were taken back together only this one.
            let taken = (past["ended"] as? [String: Any])?["leases"] as? [[String: Any]]
            #expect((taken ?? []).allSatisfy { text($0, "lease") == lease }, "\(name)")
        }
        let released = try await audit(try #require(leases["released"]))
        #expect(text(released, "granted", "purpose") == "test")
        #expect(text(released, "renewed", "last", "position") != nil)
        let next = try #require(released["next"] as? [[String: Any]])
        #expect(next.map { text($0, "lease") } == [leases["expired"]])
        let dead = try await audit(try #require(leases["dead"]))
        #expect(text(dead, "session", "ended", "cause") == "dead")
        #expect(text(dead, "session", "opened", "pid") != nil)
        let closed = try await audit(try #require(leases["closed"]))
        #expect(text(closed, "session", "keepAlives") == "1")
        let session = try await audit(try #require(text(closed, "session", "session")))
        #expect(text(session, "leases") == "1" && text(session, "ended", "cause") == "closed")
        let expired = try await audit(try #require(leases["expired"]))
        #expect(text(expired, "deadline", "time") != nil)
        let given = try await audit(try #require(leases["handed over"]))
        #expect(text(given, "heldBy", "holder") == "second")
        #expect(text(given, "grantedTo", "holder") == "first")
        let words = try await daemon.run(
            ["audit", "explain", daemon.data, try #require(leases["revoked"])]
        )
        #expect(words.status == 0 && words.words.contains("the host is on fire"))
    }

    /// Taking it and granting it are one record, and the next holder gives way to a third one.
    @Test
    func `who preempts a lease is told as the next holder of what it had`() async throws {
        try await daemon.startWithSeats("preemptionGap 1")
        let low = try await daemon.lease("ACQUIRE seats seat=8 PRIORITY low")
        let high = try await daemon.lease("ACQUIRE seats seat=8 PRIORITY high")
        try await daemon.say("RELEASE \(high.lease) \(high.token)")
        _ = try await daemon.lease("ACQUIRE seats seat=8")
        #expect(try await daemon.stop() == 0)
        let story = try await audit(low.lease)
        #expect(text(story, "ended", "event") == "preempted")
        let next = try #require(story["next"] as? [[String: Any]])
        #expect(next.map { text($0, "lease") } == [high.lease])
    }

    /// A request that is queued behind a lease and passed by one that asks for less, one that gives
    /// up, and one that can never be granted.
    @Test
    func `requests are told by their id: what they waited for, or what refused them`() async throws
    {
        try await daemon.startWithSeats()
        let first = try await daemon.lease("ACQUIRE seats seat=7 TENANT a MAXLIFETIME 600000")
        _ = try await daemon.say("ACQUIRE seats seat=4 TENANT b QUEUE 600000 REQUEST 4711")
        let passing = try await daemon.lease(
            "ACQUIRE seats seat=1 TENANT c MAXLIFETIME 1000 TTL 900"
        )
        _ = try await daemon.say("ACQUIRE seats seat=4 TENANT b QUEUE 20 REQUEST late")
        let never = try await daemon.refusal("ACQUIRE seats seat=9 TENANT b REQUEST never")
        #expect(never == .unsatisfiable)
        let over = try await daemon.refusal("ACQUIRE seats seat=8 TENANT b REQUEST over")
        #expect(over == .exhausted)
        try await Task.sleep(for: .milliseconds(60))
        _ = try await daemon.say("RELEASE \(first.lease) \(first.token)")
        try await daemon.wait(for: "REQUEST GET 4711 TENANT b") { $0["lease"] != nil }
        let live = try await daemon.say("EXPLAIN never TENANT b")
        #expect(try await daemon.stop() == 0)

        let granted = try await audit("4711", "--tenant", "b", "--decide")
        #expect(text(granted, "state") == "held" && text(granted, "granted", "tenant") == "b")
        #expect(text(granted, "waited", "queued", "request") == "4711")
        #expect(text(granted, "waited", "grantedLater", "count") == "1")
        let later = (granted["waited"] as? [String: Any])?["grantedLater"] as? [String: Any]
        let names = try #require(later?["first"] as? [[String: Any]])
        #expect(names.map { text($0, "lease") } == [passing.lease])
        #expect(text(granted, "waited", "decided", "code") == "EXHAUSTED")
        // The same by its ticket.
        let ticket = try #require(text(granted, "waited", "ticket"))
        #expect(text(try await audit(ticket), "lease") == text(granted, "lease"))

        let late = try await audit("late", "--tenant", "b")
        #expect(text(late, "state") == "ended" && text(late, "code") == "TIMEOUT")
        let refused = try await audit("never", "--tenant", "b")
        for field in ["request", "tenant", "state", "code", "reason"] {
            let answered = try Self.comparable(#require(live[field]))
            #expect(text(refused, field) == answered, "\(field)")
        }
        for words in [["over", "--tenant", "b"], ["never", "--tenant", "x"], ["nobody"]] {
            let answer = try await daemon.run(["audit", "explain", daemon.data] + words)
            #expect(answer.status == 1 && answer.words.contains("no record"), "\(answer.words)")
        }
    }

    /// A ledger of many segments: with its indexes and without them, whole and without its
    /// beginning, numbers that never were leases among those that are asked for.
    @Test
    func `what lies in the archive is told, and what is gone is said to be gone`() async throws {
        let leases = try await many()
        let never = "\(1 << 48 | 9_999_999)"
        func stories() async throws -> [String] {
            var stories: [String] = []
            for lease in leases + [never] {
                let answer = try await daemon.run(["audit", "explain", daemon.data, lease])
                stories.append("\(answer.status) \(answer.words)")
            }
            return stories
        }
        let indexed = try await stories()
        #expect(indexed.map { $0.prefix(2) } == ["0 ", "0 ", "0 ", "1 "])
        #expect(indexed.dropLast().allSatisfy { $0.contains("released") && $0.contains("row=1m ") })
        #expect(indexed[1].contains("renewals  2"), "\(indexed[1])")
        let archive = "\(daemon.data)/archive"
        let names = try FileManager.default.contentsOfDirectory(atPath: archive)
        let segments = names.filter { $0.hasSuffix(".seg") }.sorted()
        // All that are sealed have an index: those in log/ too, but for the last one.
        let others = try FileManager.default.contentsOfDirectory(atPath: "\(daemon.data)/log")
        let sealed = Set(names + others).filter { $0.hasSuffix(".seg") }.count - 1
        #expect(segments.count > 4 && names.filter { $0.hasSuffix(".idx") }.count == sealed)
        for name in names where name.hasSuffix(".idx") {
            try FileManager.default.removeItem(atPath: "\(archive)/\(name)")
        }
        #expect(try await stories() == indexed)
        for name in segments.prefix(2) {
            try FileManager.default.removeItem(atPath: "\(archive)/\(name)")
        }
        let pruned = try await stories()
        #expect(pruned[0].hasPrefix("1 ") && pruned[0].contains("the log begins at position"))
        // Their resources were declared in what is gone.
        #expect(pruned[1...2].allSatisfy { $0.hasPrefix("0 ") && $0.contains("resource=1") })
        #expect(pruned[3] == indexed[3])
    }

    /// Makes a ledger of small segments.
    ///
    /// - Returns: A lease of its beginning, one that is renewed over many segments, and a late one.
    private func many() async throws -> [String] {
        let configuration = TestDaemon.smallSegments
        let ledger = try Ledger.open(at: daemon.data, configuration: configuration)
        _ = try await ledger.set(.setPool(name: "p", settings: []))
        _ = try await ledger.set(
            .setResource(ResourceRequest(name: "row", pool: "p", kind: .gpu, capacity: 4))
        )
        func grant() async throws -> LeaseReference {
            var request = AcquireRequest(
                pool: "p",
                claims: [Claim(amounts: [ClaimAmount(kind: .gpu, amount: 1)])]
            )
            request.ttlMilliseconds = 600_000
            let grant = try await ledger.acquire(request)
            return LeaseReference(lease: grant.lease, token: grant.token)
        }
        var leases: [LeaseReference] = []
        var long: LeaseReference?
        for round in 0..<300 {
            let lease = try await grant()
            leases.append(lease)
            _ = try await ledger.release(lease)
            if round == 60 { long = try await grant() }
            if round == 100 || round == 200, let long { _ = try await ledger.renew(long) }
        }
        let kept = try #require(long)
        _ = try await ledger.release(kept)
        ledger.shutdown()
        // A few are indexed at each checkpoint, and an end is one.
        for _ in 0..<30 {
            try Ledger.open(at: daemon.data, configuration: configuration).shutdown()
        }
        return [leases[1], kept, leases[290]].map { "\($0.lease.rawValue)" }
    }
}
