// What clients send to the shipped daemon that they should not, or when they should not.
//
// The rows are those of BadInputs.md.

import FoundationEssentials
import Glibc
import TenureModel
import TenureTesting
import Testing

@Suite("Hostile clients of a daemon", .waiting, .timeLimit(.minutes(10)))
struct HostileClientTests {
    private let daemon = TestDaemon()

    @Test
    func `row 6: arrays in arrays, and commands without end at once, take no memory`()
        async throws
    {
        try await daemon.start()
        let before = try #require(daemon.memoryPeakKiB)
        let nested = try RawSocket(daemon)
        let answer = try await nested.exchange(String(repeating: "*1\r\n", count: 1 << 18))
        #expect(answer == "-ERR Protocol error: expected '$', got '*'\r\n")
        // What was never read is 1.5 MB, and its answers more than a connection may hold.
        let count = 250_000
        let many = try RawSocket(daemon)
        let pongs = try await many.exchange(
            Array(String(repeating: "PING\r\n", count: count).utf8)
        ) { $0.count >= 7 * count }
        #expect(pongs.count == 7 * count)
        let grown = try #require(daemon.memoryPeakKiB) - before
        // What a sanitizer keeps beside it, and of what is freed, is no part of it.
        if ProcessInfo.processInfo.environment["TENURE_SANITIZER"] == nil {
            #expect(grown < 48 << 10, "\(grown) KiB")
        }
        #expect(try await daemon.stop() == 0)
    }

    /// A name that moves a terminal's cursor, or ends a line of the log, is neither.
    @Test
    func `rows 8, 10: what strangers send is told in the log, and no byte of theirs as it is`()
        async throws
    {
        try await daemon.start()
        for (text, answer) in [
            ("GET / HTTP/1.1\r\nHost: tenure\r\n\r\n", "looks like HTTP"),
            ("POST / HTTP/1.1\r\n\r\n", "looks like HTTP"),
            ("Host: tenure\r\n", "looks like HTTP"),
            ("*1\r\n\u{1b}[2J\r\n", "expected '$', got byte 27"),
            ("\u{7f}\r\n", "got byte 127"),
            ("\u{202e}PING\r\n", "got byte 226"),
        ] {
            let stranger = try RawSocket(daemon)
            let said = try await stranger.exchange(text)
            #expect(said.hasPrefix("-ERR Protocol error: ") && said.contains(answer), "\(said)")
        }
        let named = try RawSocket(daemon)
        let asked = "POOL SET a\u{0}b\r\nPOOL SET \u{202e}\r\nEC\rHO\r\nPING\r\n"
        let said = try await named.exchange(asked, until: "+PONG\r\n")
        #expect(
            said.split(separator: "\r\n").map { $0.prefix(4) } == ["-ERR", "-ERR", "-ERR", "+PON"]
        )
        #expect(try await daemon.stop() == 0)
        #expect(daemon.words.contains("reason=cross-protocol"))
        #expect(daemon.words.contains("reason=protocol"))
        #expect(daemon.words.unicodeScalars.allSatisfy { $0 == "\n" || 0x20..<0x7f ~= $0.value })
    }

    @Test
    func `row 15: descriptors that are passed along are closed, and data out of band is data`()
        async throws
    {
        try await daemon.start()
        let passed = daemon.home + "/passed"
        #expect(FileManager.default.createFile(atPath: passed, contents: Data()))
        let descriptor = unsafe open(passed, O_RDONLY)
        defer { close(descriptor) }
        let client = try RawSocket(daemon)
        for _ in 0..<20 {
            try client.send("PING\r\n", passing: descriptor)
            #expect(try await client.exchange("", until: "+PONG\r\n") == "+PONG\r\n")
        }
        #expect(!daemon.openFiles.values.contains(passed))
        // In line, because what is kept apart would wake who can not read it. Older kernels have
        // none on Unix sockets.
        #expect(unsafe send(client.descriptor, "PI", 2, 0) == 2)
        if unsafe send(client.descriptor, "X", 1, Int32(MSG_OOB)) == 1 {
            let said = try await client.exchange("NG\r\n", until: "\r\n")
            #expect(said.hasPrefix("-ERR unknown command 'PIXNG'"), "\(said)")
        }
        #expect(try await daemon.stop() == 0)
    }

    @Test
    func `row 23: a time to live that is none is refused, not made to fit`() async throws {
        try await daemon.start()
        try await daemon.declare()
        for ttl in ["-1", "0", "9223372036854775808", "1e3", "316224000001"] {
            #expect(try await daemon.refusal("ACQUIRE main cpu=1 TTL \(ttl)") == .malformed)
        }
        #expect(try await daemon.items("LEASE LIST").isEmpty)
    }

    /// What another ledger gave out is ahead of this one, or for a lease that is none of its own.
    @Test
    func `row 26: a token of another ledger opens nothing`() async throws {
        let other = TestDaemon()
        try await daemon.start()
        try await other.start()
        try await daemon.declare()
        try await other.declare()
        let own = try await daemon.acquire()
        var theirs = try await other.acquire()
        #expect(theirs == own, "two new ledgers give out the same numbers")
        for _ in 0..<3 { theirs = try await other.acquire() }
        for verb in ["RENEW", "CHECK", "RELEASE"] {
            #expect(try await daemon.refusal("\(verb) \(theirs[0]) \(theirs[1])") == .notFound)
            #expect(try await daemon.refusal("\(verb) \(own[0]) \(theirs[1])") == .fenced)
        }
        #expect(try await daemon.holds(own))
    }

    @Test
    func `row 25: an older token is refused, and told once, and not as one that is ahead`()
        async throws
    {
        try await daemon.start()
        try await daemon.declare()
        let first = try await daemon.acquire()
        _ = try await daemon.say("HANDOVER \(first[0]) \(first[1]) HOLDER next")
        let stale = try RawSocket(daemon)
        let count = 300
        let asked = String(repeating: "RENEW \(first[0]) \(first[1])\r\n", count: count)
        let said = try await stale.exchange(asked + "PING\r\n", until: "+PONG\r\n")
        #expect(said.split(separator: "\r\n").count { $0.hasPrefix("-FENCED") } == count)
        #expect(try await daemon.figure("newerTokensRefused") == 0)
        #expect(try await daemon.stop() == 0)
        let log = try await daemon.run(["audit", "log", daemon.data])
        #expect(!log.words.contains("token ahead of the ledger"))
        let told = log.words.split(separator: "\n").filter { $0.contains("code=FENCED") }
        // A busy machine may take more than a second for them.
        #expect((1...count / 10).contains(told.count), "\(log.words)")
    }

    /// The process that renews is really stopped, and goes on when another one holds its place.
    @Test
    func `row 36: a holder that was stopped past its deadline finds its lease gone`() async throws {
        try await daemon.start()
        try await daemon.declare()
        let held = try await daemon.lease("ACQUIRE main cpu=8 TTL 1500")
        let script = #"kill -STOP $$; exec "$0" "$@""#
        let holder = try ChildProgram(
            "/bin/sh",
            [
                "-c", script, TestDaemon.program, "renew", held.lease, held.token, "--ttl", "1h",
                "--socket", daemon.socket,
            ],
            output: daemon.home + "/holder"
        )
        let next = try await daemon.lease("ACQUIRE main cpu=8 WAIT 60000")
        holder.signal(SIGCONT)
        let ended = try await daemon.end(of: holder)
        #expect(ended.status == 1)
        #expect(ended.words.contains("EXPIRED"), "\(ended.words)")
        #expect(try await daemon.check(next) == "held")
        #expect(UInt64(next.token) ?? 0 > UInt64(held.token) ?? .max)
    }

    @Test
    func `row 37: a cursor of another list, or of what has ended, goes on behind its place`()
        async throws
    {
        try await daemon.start()
        try await daemon.declare()
        var leases: [[String]] = []
        for _ in 0..<4 { leases.append(try await daemon.acquire()) }
        let page = try await daemon.say("LEASE LIST LIMIT 2")
        guard case .string(let cursor)? = page["cursor"] else {
            throw TestFailure("no cursor in \(page)")
        }
        try await daemon.ask(["RELEASE"] + leases[1])
        try await daemon.ask(["RELEASE"] + leases[2])
        let rest = try await daemon.items("LEASE LIST AFTER \(cursor)")
        #expect(try rest.map { try daemon.number("lease", in: $0) } == [leases[3][0]])
        // Queued requests have numbers as well, and leases come behind none of theirs.
        #expect(try await daemon.items("QUEUE LIST AFTER \(cursor)").isEmpty)
        #expect(try await daemon.refusal("LEASE LIST AFTER x\(cursor)") == .malformed)
    }

    /// A client that asked for more than it reads, and stays.
    @Test
    func `row 71: who does not read holds up the end of a daemon for its limit, not longer`()
        async throws
    {
        try await daemon.start()
        try await daemon.declare()
        let lease = try await daemon.acquire()
        let client = try await daemon.connectDeafly()
        defer { close(client) }
        #expect(try await daemon.stop() == 0)
        try await daemon.start()
        #expect(try await daemon.holds(lease))
        #expect(try await daemon.figure("recoveryReplayedRecords") == 0, "a last checkpoint")
    }
}
