// `repair` and `compact` as an operator says them: what is told, asked, done and kept.

import Foundation
import TenureModel
import TenureTesting
import Testing

@Suite("Repair and compact", .serialized, .waiting, .timeLimit(.minutes(5)))
struct LifecycleTests {
    private let daemon = TestDaemon()

    private func run(_ words: String...) async throws -> (status: Int32, words: String) {
        let answer = try await daemon.run([words[0], "--data", daemon.data] + words.dropFirst())
        return (answer.status, answer.words)
    }

    /// Changes bytes of the first segment in log/, which the stored state stands for.
    private func damage() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: daemon.data + "/log")
        let name = try #require(names.filter { $0.hasSuffix(".seg") }.min())
        let file = URL(filePath: "\(daemon.data)/log/\(name)")
        var bytes = try Data(contentsOf: file)
        for index in 4_200..<4_240 { bytes[index] ^= 0x5a }
        try bytes.write(to: file)
    }

    @Test
    func `a damaged ledger is told, mended when that is agreed to, and its evidence kept`()
        async throws
    {
        let early = try await daemon.liveInSmallSegments()
        let sound = try await run("repair")
        #expect(sound.status == 0 && sound.words.contains("is sound"), "\(sound.words)")
        try damage()
        let told = try await run("repair", "--dry-run")
        #expect(told.status == 65 && told.words.contains("to be done:"), "\(told.words)")
        #expect(told.words.contains("nothing was changed"))
        let asked = try await run("repair")
        #expect(asked.status == 65 && asked.words.contains("say --yes"), "\(asked.words)")
        #expect(try await run("repair", "--cut").status == 64)
        let json = try await run("repair", "--dry-run", "--json")
        #expect(json.status == 65 && json.words.contains("\"verdict\":\"damaged\""))
        let mended = try await run("repair", "--yes")
        #expect(mended.status == 0, "\(mended.words)")
        #expect(mended.words.contains("repaired; kept: "))
        #expect(try await run("repair", "--json").words.contains("\"verdict\":\"sound\""))
        let kept = try FileManager.default.contentsOfDirectory(atPath: daemon.data + "/repair-1")
        #expect(kept.contains("report.txt"), "\(kept)")
        try await daemon.start()
        #expect(try await daemon.check(early) == "held")
    }

    @Test
    func `what a backup has comes back from it`() async throws {
        let early = try await daemon.liveInSmallSegments()
        let copy = daemon.data + ".copy"
        #expect(try await run("backup", copy).status == 0)
        try damage()
        let mended = try await run("repair", "--from", copy, "--yes", "--json")
        #expect(mended.status == 0, "\(mended.words)")
        #expect(mended.words.contains("\"verdict\":\"repaired\""), "\(mended.words)")
        #expect(try await daemon.run(["audit", "verify", daemon.data]).status == 0)
        let other = try await run("repair", "--from", daemon.home)
        #expect(other.status != 0)
        try await daemon.start()
        #expect(try await daemon.check(early) == "held")
        #expect(try await run("repair").status == 75)
    }

    @Test
    func `a state is compacted when nobody serves it`() async throws {
        let early = try await daemon.liveInSmallSegments()
        try await daemon.start()
        #expect(try await run("compact").status == 75)
        #expect(try await daemon.stop() == 0)
        let compact = try await run("compact", "--json")
        #expect(compact.status == 0 && compact.words.contains("\"rows\":"), "\(compact.words)")
        #expect(try await daemon.run(["audit", "verify", daemon.data]).status == 0)
        try await daemon.start()
        #expect(try await daemon.check(early) == "held")
    }
}
