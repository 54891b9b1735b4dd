// What is left of a ledger whose old history was deleted, while it is served or not.

import Foundation
import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Prune", .serialized, .waiting, .timeLimit(.minutes(5)))
struct PruneTests {
    private let daemon = TestDaemon()
    private var copy: String { daemon.data + ".copy" }

    /// A ledger of many small segments, and a lease of its first one that lives on.
    private func live() async throws -> LeaseReference {
        var configuration = LedgerConfiguration()
        configuration.createIfMissing = true
        configuration.allowUnsafeFileSystem = true
        configuration.segmentBytes = 64 << 10
        let ledger = try Ledger.open(at: daemon.data, configuration: configuration)
        _ = try await ledger.set(.setPool(name: "p", settings: []))
        let resource = ResourceRequest(name: "a/gpu", pool: "p", kind: .gpu, capacity: 4_000)
        _ = try await ledger.set(.setResource(resource))
        func grant(_ holder: String) async throws -> LeaseReference {
            var request = AcquireRequest(
                pool: "p",
                claims: [Claim(amounts: [ClaimAmount(kind: .gpu, amount: 1_000)])]
            )
            request.holder = holder
            request.ttlMilliseconds = 6_000_000
            let grant = try await ledger.acquire(request)
            return LeaseReference(lease: grant.lease, token: grant.token)
        }
        let early = try await grant("early")
        for _ in 0..<400 { _ = try await ledger.release(try await grant("short")) }
        ledger.shutdown()
        // What a checkpoint does not need any more is retired at the next one.
        for _ in 0..<2 { try Ledger.open(at: daemon.data, configuration: configuration).shutdown() }
        return early
    }

    private func answer(_ words: String...) async throws -> (status: Int32, words: String) {
        let answer = try await daemon.run(words)
        return (answer.status, answer.words)
    }

    private func prune(_ words: String...) async throws -> (status: Int32, words: String) {
        let all = ["prune", "--data", daemon.data, "--socket", daemon.socket, "--json"] + words
        let answer = try await daemon.run(all)
        return (answer.status, answer.words)
    }

    @Test(arguments: [true, false])
    func `a pruned ledger is audited, copied and served from its snapshot on`(
        isServed: Bool
    ) async throws {
        let early = try await live()
        if isServed { try await daemon.start() }
        let none = try await prune("--keep", "1000d")
        #expect(none.status == 0 && none.words.contains("nothing to prune"), "\(none.words)")
        let preview = try await prune("--keep", "0s", "--dry-run")
        #expect(preview.words.contains("would be pruned"), "\(preview.words)")
        #expect(try await answer("audit", "explain", daemon.data, "1").status != 0)
        let pruned = try await prune("--keep", "0s")
        #expect(pruned.status == 0, "\(pruned.words)")
        #expect(pruned.words.contains("\"status\":\"pruned\""), "\(pruned.words)")
        #expect(!pruned.words.contains("\"segments\":0"), "\(pruned.words)")
        let again = try await prune("--keep", "0s")
        #expect(again.status == 0, "\(again.words)")
        if isServed { #expect(try await daemon.stop() == 0) }
        for words in [
            ["audit", "verify", daemon.data], ["audit", "who", daemon.data, "a/gpu"],
            ["audit", "diff", daemon.data, "end", "end"], ["audit", "leaks", daemon.data],
            ["audit", "usage", daemon.data],
            ["backup", "--data", daemon.data, copy], ["audit", "verify", copy],
            ["audit", "bundle", daemon.data, copy + ".bundle"],
            ["audit", "unbundle", copy + ".bundle", copy + ".unbundled"],
            ["audit", "verify", copy + ".unbundled"],
            ["restore", copy, "--data", copy + ".restored"],
        ] {
            let answer = try await daemon.run(words)
            #expect(answer.status == 0, "\(words): \(answer.words)")
        }
        let verified = try await answer("audit", "verify", daemon.data, "--json")
        #expect(verified.words.contains("\"replayAgrees\":true"), "\(verified.words)")
        let lease = try await answer(
            "audit",
            "as-of",
            daemon.data,
            "end",
            "LEASE",
            "GET",
            "\(early.lease.rawValue)"
        )
        #expect(lease.words.contains("early"), "\(lease.words)")
        let log = try await answer("audit", "log", daemon.data)
        #expect(log.words.contains(" pruned through="), "no record of it")
        let past = try await answer("audit", "as-of", daemon.data, "3")
        #expect(past.status == 1 && past.words.contains("pruned"), "\(past.words)")
        try await daemon.start()
        let held = HeldLease(lease: "\(early.lease.rawValue)", token: "\(early.token.rawValue)")
        #expect(try await daemon.check(held) == "held")
        #expect(try await daemon.stop() == 0)
    }

    @Test
    func `what may not be recorded is not deleted`() async throws {
        _ = try await live()
        let before = try FileManager.default.contentsOfDirectory(atPath: daemon.data + "/archive")
        try await daemon.start()
        let socket = daemon.data + ".nobody"
        let refused = try await daemon.run([
            "prune", "--data", daemon.data, "--socket", socket, "--keep", "0s",
        ])
        #expect(refused.status == 69, "\(refused.words)")
        let after = try FileManager.default.contentsOfDirectory(atPath: daemon.data + "/archive")
        #expect(Set(before).isSubset(of: Set(after)))
        #expect(try await daemon.stop() == 0)
    }
}
