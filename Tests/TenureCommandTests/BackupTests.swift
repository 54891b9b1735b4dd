// Copies of a ledger, made while it is served.

import Foundation
import TenureCommand
import TenureModel
import TenureTesting
import Testing

@Suite("Backup", .serialized, .waiting, .timeLimit(.minutes(5)))
struct BackupTests {
    private let daemon = TestDaemon()
    private var copy: String { daemon.data + ".copy" }

    private func backUp(to path: String) async throws -> (status: Int32, words: String) {
        try await daemon.run(["backup", "--data", daemon.data, path, "--json"])
    }

    /// The first bits of its token: every one of a later epoch is higher.
    private func epoch(_ lease: HeldLease) throws -> UInt64 {
        try #require(UInt64(lease.token)) >> 48
    }

    @Test
    func `what was acknowledged before a copy is in it, while others go on`() async throws {
        try await daemon.startWithSeats()
        let before = try await daemon.lease("ACQUIRE seats seat=1 TTL 600000 HOLDER before")
        let copies = (0..<4).map { daemon.data + ".copy\($0)" }
        let load = try daemon.launch([
            "bench", "load", "--socket", daemon.socket, "--clients", "4", "--duration", "6s",
        ])
        while try await daemon.figure("position") ?? 0 < 20 {
            try await Task.sleep(for: .milliseconds(10))
        }
        for path in copies {
            try await Task.sleep(for: .milliseconds(700))
            let answer = try await backUp(to: path)
            #expect(answer.status == 0, "\(answer.words)")
        }
        #expect(try await daemon.end(of: load).status == 0)
        #expect(try await daemon.stop() == 0)
        for path in copies {
            let lease = try await daemon.run([
                "audit", "as-of", path, "end", "LEASE", "GET", "\(before.lease)",
            ])
            #expect(lease.status == 0 && lease.words.contains("before"), "\(lease.words)")
        }
        // Each is the beginning of what the original became.
        let whole = try await daemon.run(["audit", "log", daemon.data, "--json"])
        let part = try await daemon.run(["audit", "log", copies[0], "--json"])
        let lines = part.words.split(separator: "\n").filter { $0.hasPrefix("{") }
        #expect(lines.count > 10)
        let all = whole.words.split(separator: "\n").filter { $0.hasPrefix("{") }
        #expect(Array(all.prefix(lines.count)) == lines)
    }

    @Test
    func `a copy that is served gives out no token that the original gave out`() async throws {
        try await daemon.startWithSeats()
        let shared = try await daemon.lease("ACQUIRE seats seat=1 TTL 600000")
        #expect(try await backUp(to: copy).status == 0)
        let later = try await daemon.lease("ACQUIRE seats seat=1 TTL 600000")
        #expect(try await daemon.stop() == 0)

        let other = TestDaemon()
        try FileManager.default.moveItem(atPath: copy, toPath: other.data)
        try await other.start()
        #expect(try await other.check(shared) == "held")
        let mine = try await other.lease("ACQUIRE seats seat=1 TTL 600000")
        #expect(try epoch(mine) == epoch(later) + 1)
        #expect(try await other.stop() == 0)
        // It is a ledger of its own from then on: once is enough.
        try await other.start()
        let next = try await other.lease("ACQUIRE seats seat=1 TTL 600000")
        #expect(try epoch(next) == epoch(mine))
        #expect(try await other.stop() == 0)
        #expect(try await other.run(["audit", "verify", other.data]).status == 0)
    }

    @Test
    func `a backup is restored whole, with the history of an anchor, or not called so`()
        async throws
    {
        try await daemon.startWithSeats()
        let held = try await daemon.lease("ACQUIRE seats seat=1 TTL 600000")
        #expect(try await backUp(to: copy).status == 0)
        let anchor = try await daemon.run(["anchor", "--data", copy]).words
            .split(separator: "\n").last.map(String.init)
        #expect(try await daemon.stop() == 0)
        let other = TestDaemon()
        let words = ["restore", copy, "--data"]
        let wrong = "1:" + String(repeating: "ab", count: 32)
        let refused = try await daemon.run(words + [other.data + ".wrong", "--anchor", wrong])
        #expect(refused.status == 65)
        let restored = try await daemon.run(
            words + [other.data, "--anchor", try #require(anchor)]
        )
        #expect(restored.status == 0, "\(restored.words)")
        #expect(try await daemon.run(words + [other.data]).status == 73)
        try await other.start()
        #expect(try await other.check(held) == "held")
        let mine = try await other.lease("ACQUIRE seats seat=1 TTL 600000")
        #expect(try epoch(mine) == epoch(held) + 1)
        #expect(try await other.stop() == 0)
    }

    @Test
    func `an anchor is the input of a command, and its end the end of that`() async throws {
        try await daemon.start()
        #expect(try await daemon.stop() == 0)
        let words = ["anchor", "--data", daemon.data]
        let printed = try await daemon.run(words)
        let piped = try await daemon.run(words + ["--", "sh", "-c", "tr : =; exit 7"])
        #expect(piped.status == 7)
        #expect(piped.words.replacing("=", with: ":") == printed.words)
        let json = try await daemon.run(words + ["--json", "--", "cat"])
        #expect(json.status == 0 && json.words.contains("\"seal\""))
        let missing = try await daemon.run(words + ["--", "no-such-command-of-tenure"])
        #expect(missing.status == 69)
    }

    @Test
    func `an anchor tells a log that was cut, or is another, and nothing else does`() async throws {
        try await daemon.startWithSeats()
        #expect(try await backUp(to: copy).status == 0)
        for _ in 0..<5 { _ = try await daemon.lease("ACQUIRE seats seat=1 TTL 600000") }
        let printed = try await daemon.run(["anchor", "--data", daemon.data])
        #expect(printed.status == 0)
        let anchor = try #require(printed.words.split(separator: "\n").last.map(String.init))
        let earlier = try await daemon.run(["audit", "verify", copy])
        #expect(earlier.status == 0)
        #expect(try await daemon.stop() == 0)
        func verify(_ path: String, _ anchor: String) async throws -> (Int32, String) {
            let answer = try await daemon.run(["audit", "verify", path, "--anchor", anchor])
            return (answer.status, answer.words)
        }
        // Whoever puts the copy in the place of the log has cut it.
        let whole = try await verify(daemon.data, anchor)
        #expect(whole.0 == 0, "\(whole.1)")
        let cut = try await verify(copy, anchor)
        #expect(cut.0 == 65 && cut.1.contains("the rest is missing"), "\(cut.1)")
        let seal = String(anchor.split(separator: ":")[1].reversed())
        let other = try await verify(daemon.data, anchor.split(separator: ":")[0] + ":" + seal)
        #expect(other.0 == 65 && other.1.contains("is not the one"), "\(other.1)")
        for wrong in [
            "4711", "4711:", "4711:zz", ":" + seal, "x:" + seal, "1:+" + seal.dropFirst(),
        ] {
            #expect(try await verify(daemon.data, wrong).0 == 64, "\(wrong)")
        }
    }

    @Test
    func `nothing is copied over something, nor from damage, nor from nothing`() async throws {
        try await daemon.startWithSeats()
        for _ in 0..<20 { _ = try await daemon.say("ACQUIRE seats seat=1 TTL 1") }
        let taken = try await backUp(to: FileManager.default.currentDirectoryPath)
        #expect(taken.status == 73, "\(taken.words)")
        let none = try await daemon.run(["backup", "--data", daemon.data + ".none", copy])
        #expect(none.status == 78, "\(none.words)")
        #expect(try await daemon.stop() == 0)
        let segment = daemon.data + "/log/00000000000000000001.seg"
        let file = try FileHandle(forUpdating: URL(filePath: segment))
        // In the middle of what was written, with whole groups behind it.
        try file.seek(toOffset: 3 * 4_096 + 100)
        try file.write(contentsOf: [0xff, 0xfe, 0xfd])
        try file.close()
        let damaged = try await backUp(to: copy)
        #expect(damaged.status == 65, "\(damaged.words)")
        #expect(try await daemon.run(["audit", "verify", copy]).status != 0)
    }
}
