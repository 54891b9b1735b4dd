// Leases that grew and were handed over, found by the ids of those requests and by their tokens.

import Foundation
import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Later tokens in audits", .serialized, .waiting, .timeLimit(.minutes(5)))
struct LaterTokenTests {
    private let daemon = TestDaemon()

    /// A ledger of small segments in which one tenant has one lease: it grows onto another
    /// resource, and is handed over, with many records of others between.
    ///
    /// - Returns: The lease, and its tokens.
    private func live() async throws -> [String] {
        let configuration = TestDaemon.smallSegments
        var ledger = try Ledger.open(at: daemon.data, configuration: configuration)
        _ = try await ledger.set(.setPool(name: "p", settings: []))
        for (name, node) in [("a/gpu", "a"), ("b/gpu", "b")] {
            let request = ResourceRequest(
                name: name,
                pool: "p",
                kind: .gpu,
                capacity: 4_000,
                node: node
            )
            _ = try await ledger.set(.setResource(request))
        }
        let claim = Claim(amounts: [ClaimAmount(kind: .gpu, amount: 1_000)])
        func acquire(_ tenant: String) async throws -> Grant {
            var request = AcquireRequest(pool: "p", claims: [claim])
            (request.tenant, request.ttlMilliseconds) = (tenant, 6_000_000)
            request.holder = "first"
            return try await ledger.acquire(request)
        }
        func others() async throws {
            for _ in 0..<60 {
                let grant = try await acquire("other")
                _ = try await ledger.release(
                    LeaseReference(lease: grant.lease, token: grant.token)
                )
            }
        }
        let grant = try await acquire("solo")
        try await others()
        var growth = GrowRequest(claims: [claim])
        (growth.node, growth.requestID) = ("b", "more")
        let grown = try await ledger.grow(
            LeaseReference(lease: grant.lease, token: grant.token),
            by: growth
        )
        try await others()
        var change = HandOverRequest(holder: "second")
        change.requestID = "yours"
        let handed = try await ledger.handOver(
            LeaseReference(lease: grant.lease, token: grown.token),
            to: change
        )
        try await others()
        ledger.shutdown()
        // Restarts are gaps, of which this lease has no need; an end is a checkpoint that indexes.
        for _ in 0..<20 {
            try Ledger.open(at: daemon.data, configuration: configuration).shutdown()
        }
        ledger = try Ledger.open(at: daemon.data, configuration: configuration)
        _ = try await ledger.release(LeaseReference(lease: grant.lease, token: handed.token))
        ledger.shutdown()
        return [grant.lease.rawValue, grown.token.rawValue, handed.token.rawValue].map { "\($0)" }
    }

    private func answers(_ numbers: [String]) async throws -> [String] {
        let questions =
            [["explain", "more"], ["explain", "yours"]].map { $0 + ["--tenant", "solo", "--json"] }
            + numbers.map { ["explain", $0, "--json"] } + numbers.map { ["timeline", $0] }
            + [["timeline", "solo"], ["timeline", "b/gpu"]]
        var answers: [String] = []
        for words in questions {
            let answer = try await daemon.run(["audit", words[0], daemon.data] + words.dropFirst())
            answers.append("\(answer.status) \(answer.words)")
        }
        return answers
    }

    @Test
    func `requests and tokens of growth and hand-over tell their lease, indexed or not`()
        async throws
    {
        let numbers = try await live()
        let archive = "\(daemon.data)/archive"
        let indexes = try FileManager.default.contentsOfDirectory(atPath: archive)
            .filter { $0.hasSuffix(".idx") }
        #expect(indexes.count >= 8)
        let indexed = try await answers(numbers)
        #expect(indexed.allSatisfy { $0.hasPrefix("0 ") }, "\(indexed)")
        // By request, by id and by later tokens it is one story, and one timeline.
        #expect(Set(indexed[0..<5]).count == 1 && Set(indexed[5..<8]).count == 1)
        #expect(indexed[0].contains(#""heldBy":{"holder":"second""#), "\(indexed[0])")
        #expect(indexed[0].contains(#""grantedTo":{"holder":"first""#))
        #expect(indexed[0].contains(#""graces":[]"#))
        for told in [indexed[5], indexed[8], indexed[9]] {
            for event in [" grown lease=", " handed-over lease=", " released lease="] {
                #expect(told.contains(event + numbers[0]), "\(told)")
            }
        }
        #expect(!indexed[9].contains("tenant=other"), "\(indexed[9])")
        for name in indexes { try FileManager.default.removeItem(atPath: "\(archive)/\(name)") }
        #expect(try await answers(numbers) == indexed)
        let text = try await daemon.run(["audit", "explain", daemon.data, numbers[0]])
        #expect(text.words.contains("holder     second"), "\(text.words)")
    }
}
