// Decisions of the past that are made again from the log of a stopped ledger.

import Foundation
import TenureModel
import TenureTesting
import Testing

@Suite("Decisions of the past", .serialized, .waiting, .timeLimit(.minutes(5)))
struct AuditDecideTests {
    private let daemon = TestDaemon()

    private func number(_ name: String, of answer: Document) throws -> UInt64 {
        switch answer[name] {
        case .id(let number)?: return number
        case .integer(let number)?: return UInt64(clamping: number)
        default: throw TestFailure("no \(name) in \(answer)")
        }
    }

    private func position(_ answer: Document) throws -> UInt64 {
        try number("position", of: answer)
    }

    private func decide(
        at position: UInt64,
        _ words: [String]
    ) async throws -> (status: Int32, words: String) {
        let options = ["audit", "decide", daemon.data, "--at", "\(position)", "--json"]
        return try await daemon.run(options + words)
    }

    @Test
    func `a refusal is what it was, from the log alone`() async throws {
        try await daemon.start()
        try await daemon.declare()
        let small = try await daemon.ask(["ACQUIRE", "main", "cpu=2", "HOLDER", "small"])
        let large = try await daemon.ask(["ACQUIRE", "main", "cpu=5", "HOLDER", "large"])
        let asked = ["ACQUIRE", "main", "cpu=3", "TENANT", "a"]
        var reason = ""
        do {
            try await daemon.ask(asked)
        } catch let refusal as Refusal {
            reason = refusal.message
        }
        #expect(reason.contains("no place of pool main has cpu=3 free"))
        let (lease, token) = (try number("lease", of: large), try number("token", of: large))
        let released = try await daemon.ask(["RELEASE", "\(lease)", "\(token)"])
        try await daemon.ask([
            "RESOURCE", "SET", "cpus", "POOL", "main", "KIND", "cpu", "CAPACITY", "9",
        ])
        #expect(try await daemon.stop() == 0)

        let refused = try await decide(at: try position(large), asked)
        #expect(refused.status == 0)
        #expect(refused.words.contains(#""code":"EXHAUSTED""#))
        #expect(refused.words.contains(reason), "\(refused.words)")
        let holders = try #require(refused.words.split(separator: "\"holders\"").last)
        let (first, second) = (holders.range(of: "large"), holders.range(of: "small"))
        #expect(try #require(first).lowerBound < (try #require(second).lowerBound))
        // One record earlier, and one later, there was room.
        for place in [try position(small), try position(released)] {
            let granted = try await decide(at: place, asked)
            #expect(granted.status == 0 && granted.words.contains(#""state":"answered""#))
        }
        // Nothing of that is in the log.
        let again = try await decide(at: try position(large), asked)
        #expect(again.words == refused.words)
    }

    @Test
    func `what was booked is left alone, as it was`() async throws {
        try await daemon.start()
        try await daemon.declare()
        let held = try await daemon.ask(["ACQUIRE", "main", "cpu=6", "MAXLIFETIME", "60000"])
        // Fits, because the lease is gone by then.
        let booking = ["BOOK", "main", "cpu=7", "AT", "3600000", "FOR", "60000"]
        let booked = try await daemon.ask(booking)
        let asked = ["ACQUIRE", "main", "cpu=2"]
        var reason = ""
        do {
            try await daemon.ask(asked)
        } catch let refusal as Refusal {
            reason = refusal.message
        }
        #expect(reason.contains("booked"), "\(reason)")
        #expect(try await daemon.stop() == 0)

        let refused = try await decide(at: try position(booked), asked)
        #expect(refused.words.contains(reason), "\(refused.words)")
        let short = try await decide(at: try position(booked), asked + ["MAXLIFETIME", "60000"])
        #expect(short.words.contains(#""state":"answered""#), "\(short.words)")
        let again = try await decide(at: try position(held), booking)
        #expect(again.words.contains(#""state":"answered""#), "\(again.words)")
    }

    @Test
    func `what is no decision of the past is an error of the command line, or not there`()
        async throws
    {
        try await daemon.start()
        try await daemon.declare()
        #expect(try await daemon.stop() == 0)
        #expect(try await decide(at: 1, ["ACQUIRE", "main"]).status == 64)
        #expect(try await decide(at: 1, ["PING"]).status == 64)
        #expect(try await decide(at: 0, ["STATUS"]).status == 64)
        let late = try await decide(at: 999_999, ["STATUS"])
        #expect(late.status == 1 && late.words.contains("ends at position"))
        let early = try await daemon.run([
            "audit", "decide", daemon.data, "--at", "2", "--time", "1", "STATUS",
        ])
        #expect(early.status == 64)
    }
}
