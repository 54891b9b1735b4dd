// A ledger as one file: what comes back of it, and what does not come in.

import Foundation
import TenureModel
import TenureTesting
import Testing

@testable import TenureCommand

@Suite("Bundle", .serialized, .waiting, .timeLimit(.minutes(5)))
struct BundleTests {
    private let daemon = TestDaemon()
    private var file: String { daemon.home + "/ledger.tenure" }
    private var restored: String { daemon.home + "/restored" }

    private func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try #require(FileManager.default.contents(atPath: path), "\(path)"))
    }

    private func run(_ words: String...) async throws -> (status: Int32, words: String) {
        try await daemon.run(["audit"] + words)
    }

    /// What an audit prints, without its warnings.
    private func lines(_ verb: String, _ directory: String) async throws -> [Substring] {
        let answer = try await run(verb, directory, "--json")
        return answer.words.split(separator: "\n").filter { $0.hasPrefix("{") }
    }

    @Test
    func `what is made of a bundle is the ledger that it was made of, marked as a copy`()
        async throws
    {
        try await daemon.startWithSeats()
        let held = try await daemon.lease("ACQUIRE seats seat=1 TTL 600000 HOLDER kept")
        #expect(try await daemon.stop() == 0)
        let unit = daemon.home + "/tenure.service"
        try Data("unit".utf8).write(to: URL(filePath: unit))
        let made = try await run("bundle", daemon.data, file, "--include", unit)
        #expect(made.status == 0, "\(made.words)")
        // Of 16 MiB of segment only what was written.
        #expect(try bytes(file).count < 1 << 20)
        let again = try await run("bundle", daemon.data, file)
        #expect(again.status == 73, "\(again.words)")

        #expect(try await run("unbundle", file, restored + "/").status == 0)
        for name in ["ledger.json", "log/00000000000000000001.seg", "state/data.mdb"] {
            let original = try bytes("\(daemon.data)/\(name)")
            #expect(try bytes("\(restored)/\(name)") == original, "\(name)")
        }
        #expect(try bytes(restored + "/bundle/given-tenure.service") == Array("unit".utf8))
        #expect(try await run("verify", restored).status == 0)
        #expect(try await lines("log", restored) == lines("log", daemon.data))
        let manifest = try bytes(restored + "/bundle/manifest.json")
        let json = try JSONSerialization.jsonObject(with: Data(manifest)) as? [String: Any]
        let openings = try #require(json?["lastOpenings"] as? [[String: Any]])
        #expect(openings.map { $0["recovery"] as? String } == ["T1"])
        #expect(openings.first?["bootID"] as? String != nil)
        #expect(json?["firstPosition"] as? String == "1")
        let anchor = try #require(json?["anchor"] as? String)
        #expect(try await run("verify", restored, "--anchor", anchor).status == 0)

        let other = TestDaemon()
        try FileManager.default.moveItem(atPath: restored, toPath: other.data)
        try await other.start()
        #expect(try await other.figure("epoch") == 2)
        #expect(try await other.check(held) == "held")
        #expect(try await other.stop() == 0)
    }

    @Test
    func `a ledger that is served is bundled from a copy, which is gone then`() async throws {
        try await daemon.startWithSeats()
        _ = try await daemon.lease("ACQUIRE seats seat=1 TTL 600000")
        let made = try await run("bundle", daemon.data, file)
        #expect(made.status == 0 && made.words.contains("served"), "\(made.words)")
        #expect(!FileManager.default.fileExists(atPath: file + ".copy"))
        #expect(try await daemon.stop() == 0)
        #expect(try await run("unbundle", file, restored).status == 0)
        #expect(try await run("verify", restored).status == 0)
        // As far as it went then, the history is the same.
        let part = try await lines("log", restored)
        #expect(part.count >= 4)
        #expect(Array(try await lines("log", daemon.data).prefix(part.count)) == part)
    }

    @Test
    func `what is damaged is bundled as it is, and the manifest says so`() async throws {
        try await daemon.startWithSeats()
        for _ in 0..<10 { _ = try await daemon.say("ACQUIRE seats seat=1 TTL 1") }
        #expect(try await daemon.stop() == 0)
        let segment = daemon.data + "/log/00000000000000000001.seg"
        var wrong = try bytes(segment)
        wrong[3 * 4_096 + 100] ^= 0xff
        try Data(wrong).write(to: URL(filePath: segment))
        let cut = daemon.data + "/log/cut-00000000000000000001-4096-9"
        try Data("torn".utf8).write(to: URL(filePath: cut))
        #expect(try await run("bundle", daemon.data, file).status == 0)
        #expect(try await run("unbundle", file, restored).status == 0)
        let manifest = try bytes(restored + "/bundle/manifest.json")
        let json = try JSONSerialization.jsonObject(with: Data(manifest)) as? [String: Any]
        #expect(json?["problems"] as? Int ?? 0 > 0)
        #expect(try bytes(restored + "/log/00000000000000000001.seg") == wrong)
        #expect(try bytes(restored + "/log/cut-00000000000000000001-4096-9") == Array("torn".utf8))
        #expect(try await run("verify", restored).status == 65)
    }

    @Test
    func `files that are given along are small, are files, and have names of their own`()
        async throws
    {
        try await daemon.start()
        #expect(try await daemon.stop() == 0)
        let place = daemon.home + "/given"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        let (small, large) = (place + "/a", place + "/large")
        try Data("a".utf8).write(to: URL(filePath: small))
        try Data(count: 1 << 20 + 1).write(to: URL(filePath: large))
        try Data("a".utf8).write(to: URL(filePath: place + "/a b"))
        for given in [[large], [small, small], [place], [place + "/none"], [place + "/a b"]] {
            let words = given.flatMap { ["--include", $0] }
            let answer = try await daemon.run(["audit", "bundle", daemon.data, file] + words)
            #expect(answer.status == 64, "\(given): \(answer.words)")
            #expect(!FileManager.default.fileExists(atPath: file))
        }
    }

    @Test
    func `an audit of a bundle says what to do, and one of another file that it is none`()
        async throws
    {
        try await daemon.start()
        #expect(try await daemon.stop() == 0)
        #expect(try await run("bundle", daemon.data, file).status == 0)
        for words in [["verify"], ["log"], ["leaks"], ["usage"]] {
            let answer = try await daemon.run(["audit"] + words + [file])
            #expect(answer.status == 64 && answer.words.contains("audit unbundle"), "\(words)")
            let other = try await daemon.run(["audit"] + words + ["/dev/null"])
            #expect(other.status == 64 && other.words.contains("no directory"), "\(words)")
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/bin/tar")))
    func `another program reads it as the tar file that it is`() async throws {
        try await daemon.start()
        #expect(try await daemon.stop() == 0)
        #expect(try await run("bundle", daemon.data, file).status == 0)
        let tar = try ChildProgram("/bin/tar", ["-tf", file], output: daemon.home + "/tar")
        let answer = try await daemon.end(of: tar)
        let names = answer.words.split(separator: "\n").map(String.init)
        #expect(answer.status == 0 && names.first == "manifest.json")
        #expect(names.contains("state/data.mdb") && names.last == "manifest.sha256")
    }
}
