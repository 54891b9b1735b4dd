// What audits tell of a history that does not go back to what was asked for.

import Foundation
import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Cut history", .serialized, .waiting, .timeLimit(.minutes(5)))
struct CutHistoryTests {
    private let daemon = TestDaemon()

    private func audit(_ words: String...) async throws -> (status: Int32, words: String) {
        try await daemon.run(["audit", words[0], daemon.data] + words.dropFirst())
    }

    /// The segments there are, in order, as paths.
    private func segments() throws -> [String] {
        try ["archive", "log"].flatMap { directory in
            try FileManager.default.contentsOfDirectory(atPath: "\(daemon.data)/\(directory)")
                .filter { $0.hasSuffix(".seg") }.map { "\(daemon.data)/\(directory)/\($0)" }
        }.sorted { $0.suffix(24) < $1.suffix(24) }
    }

    private func remove(_ segment: String) throws {
        try FileManager.default.removeItem(atPath: segment)
        let index = segment.suffix(24).dropLast(3) + "idx"
        try? FileManager.default.removeItem(atPath: "\(daemon.data)/archive/\(index)")
    }

    private func firstPosition(of segment: String) throws -> UInt64 {
        try #require(UInt64(segment.suffix(24).prefix(20)))
    }

    @Test
    func `what is missing is said, and is a failure where it was asked for`() async throws {
        let early = try await daemon.liveInSmallSegments()
        let all = try segments()
        let begin = try firstPosition(of: all[1])
        #expect(try await audit("log").status == 0)
        try remove(all[0])
        for answer in [
            try await audit("log", "--from", "1", "--to", "5"), try await audit("log"),
            try await audit("timeline", "a/gpu"), try await audit("timeline", early.lease),
        ] {
            #expect(answer.status == 65, "\(answer.words.suffix(300))")
            let words = "the history begins at position \(begin): what was before it is missing"
            #expect(answer.words.contains(words), "\(answer.words.suffix(300))")
        }
        let rest = try await audit("log", "--from", "\(begin)", "--to", "\(begin + 3)")
        #expect(rest.status == 0 && !rest.words.contains("begins"), "\(rest.words)")
        let request = try await audit("explain", "nobody")
        #expect(request.words.contains("the history begins at position \(begin)"))
        // One in the middle, of which nothing behind it was asked for.
        let (gap, end) = try (firstPosition(of: all[3]), firstPosition(of: all[4]))
        try remove(all[3])
        let middle = try await audit("log", "--from", "\(gap)", "--to", "\(gap + 1)")
        #expect(middle.status == 65)
        #expect(middle.words.contains("positions \(gap) to \(end - 1) are missing"))
    }

    @Test
    func `what a prune has left begins with what was held, and is said to be pruned`() async throws
    {
        let early = try await daemon.liveInSmallSegments()
        let pruned = try await daemon.run([
            "prune", "--data", daemon.data, "--socket", daemon.socket, "--keep", "0s",
        ])
        #expect(pruned.status == 0, "\(pruned.words)")
        try await daemon.start()
        try await daemon.say("RENEW \(early.lease) \(early.token)")
        try await daemon.say("RELEASE \(early.lease) \(early.token)")
        #expect(try await daemon.stop() == 0)
        #expect(!daemon.words.contains("no part of a log"), "\(daemon.words)")
        for subject in ["a/gpu", early.lease, "default"] {
            let answer = try await audit("timeline", subject)
            #expect(answer.status == 0, "\(answer.words)")
            #expect(answer.words.contains("what was before it was pruned"), "\(answer.words)")
            #expect(answer.words.contains(" renewed lease=\(early.lease)"), "\(subject)")
            #expect(answer.words.contains(" released lease=\(early.lease)"), "\(subject)")
        }
        let log = try await audit("log")
        #expect(log.status == 0 && log.words.contains("what was before it was pruned"))
        let none = try await audit("timeline", "nobody")
        #expect(none.status == 1 && none.words.contains("what was before it was pruned"))
    }
}
