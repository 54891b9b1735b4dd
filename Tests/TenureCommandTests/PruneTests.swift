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
        let early = try await daemon.liveInSmallSegments()
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
        #expect(!again.words.contains("\"firstPosition\":1,"), "\(again.words)")
        #expect(!again.words.contains("\"firstPosition\":1}"), "\(again.words)")
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
            early.lease
        )
        #expect(lease.words.contains("early"), "\(lease.words)")
        let log = try await answer("audit", "log", daemon.data)
        #expect(log.words.contains(" pruned through="), "no record of it")
        let past = try await answer("audit", "as-of", daemon.data, "3")
        #expect(past.status == 1 && past.words.contains("pruned"), "\(past.words)")
        try await daemon.start()
        #expect(try await daemon.check(early) == "held")
        #expect(try await daemon.stop() == 0)
    }

    @Test
    func `what may not be recorded is not deleted`() async throws {
        _ = try await daemon.liveInSmallSegments()
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
