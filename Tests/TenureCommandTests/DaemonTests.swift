// The shipped daemon in an environment that gives it less than it asks for, or takes it away.
//
// The rows are those of BadInputs.md.

import Foundation
import Glibc
import TenureClient
import TenureModel
import TenureTesting
import Testing

@Suite("Daemon process", .serialized, .waiting, .timeLimit(.minutes(10)))
struct DaemonTests {
    private let daemon = TestDaemon()

    // MARK: Start

    @Test
    func `row 42: a second daemon on the same directory ends with 75, the first goes on`()
        async throws
    {
        try await daemon.start()
        let other = daemon.home + "/other"
        let around = "\(daemon.data)/../data"
        try FileManager.default.createSymbolicLink(
            atPath: daemon.home + "/link",
            withDestinationPath: daemon.home
        )
        for data in [daemon.data, around, daemon.home + "/link/data"] {
            let second = try await daemon.run(
                ["serve", "--no-detect", "--data", data, "--socket", other]
            )
            #expect(second.status == 75)
            #expect(second.words.contains("another process has the ledger open"))
        }
        try await daemon.declare()
        #expect(try await daemon.stop() == 0)
    }

    @Test
    func `row 39: a socket in use is 75, a path too long 78, and a dead socket is replaced`()
        async throws
    {
        try await daemon.start()
        let second = try await daemon.run(
            ["serve", "--no-detect", "--data", daemon.home + "/b", "--socket", daemon.socket]
        )
        #expect(second.status == 75)
        #expect(second.words.contains("another daemon listens at"))
        let long = "/tmp/" + String(repeating: "x", count: 103)
        let third = try await daemon.run(
            ["serve", "--no-detect", "--data", daemon.home + "/b", "--socket", long]
        )
        #expect(third.status == 78)
        #expect(third.words.contains("107 bytes"))
        daemon.signal(SIGKILL)
        #expect(try await daemon.end() == -SIGKILL)
        #expect(FileManager.default.fileExists(atPath: daemon.socket))
        try await daemon.start()
        #expect(try await daemon.stop() == 0)
        #expect(!FileManager.default.fileExists(atPath: daemon.socket))
    }

    @Test
    func `row 47: closed standard streams are opened to nothing, not to files of the ledger`()
        async throws
    {
        try await daemon.start(["--log-level", "trace"], limits: "exec 0<&- 1>&- 2>&-")
        try await daemon.declare()
        let lease = try await daemon.acquire()
        let files = daemon.openFiles
        #expect((0...2).map { files[$0] } == ["/dev/null", "/dev/null", "/dev/null"])
        #expect(try await daemon.stop() == 0)
        let audit = try await daemon.run(["audit", "verify", daemon.data])
        #expect(audit.status == 0)
        try await daemon.start()
        #expect(try await daemon.holds(lease))
    }

    @Test
    func `row 75: many starts consume no epoch, and what is held stays held`() async throws {
        try await daemon.start()
        try await daemon.declare()
        let lease = try await daemon.acquire()
        for _ in 0..<5 {
            #expect(try await daemon.stop() == 0)
            try await daemon.start()
        }
        #expect(try await daemon.figure("epoch") == 1)
        #expect(try await daemon.holds(lease))
    }

    // MARK: Waiting

    @Test
    func `acquire --wait waits, times out with 1, and does not hold up the daemon's end`()
        async throws
    {
        try await daemon.start()
        try await daemon.declare()
        let acquire = ["acquire", "--socket", daemon.socket, "--pool", "main", "--claim", "cpu=8"]
        let held = try await daemon.acquire()
        let late = try await daemon.run(acquire + ["--wait", "50ms"])
        #expect(late.status == 1)
        #expect(late.words.contains("TIMEOUT after "))
        #expect(late.words.contains("no place of pool main has cpu=8 free"))
        let waiting = try daemon.launch(acquire + ["--wait", "1h"])
        while try await daemon.figure("waiting") != 1 {
            try await Task.sleep(for: .milliseconds(5))
        }
        try await daemon.ask(["RELEASE"] + held)
        let granted = try await daemon.end(of: waiting)
        #expect(granted.status == 0, "\(granted.words)")
        let last = try daemon.launch(acquire + ["--wait", "1h"])
        while try await daemon.figure("waiting") != 1 {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try await daemon.stop() == 0)
        let ended = try await daemon.end(of: last)
        #expect(ended.status == 1)
        #expect(ended.words.contains("UNKNOWN the ledger is closed; nothing was granted"))
    }

    /// An empty directory is what a volume leaves that is not mounted.
    @Test
    func `row 48: told to serve what is there, the daemon makes no ledger`() async throws {
        try daemon.spawn(["--existing"])
        #expect(try await daemon.end() == 78)
        #expect(unsafe mkdir(daemon.data, 0o700) == 0)
        try daemon.spawn(["--existing"])
        #expect(try await daemon.end() == 78)
        #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.data) == [])
        try await daemon.start()
        #expect(try await daemon.stop() == 0)
        try await daemon.start(["--existing"])
        #expect(try await daemon.stop() == 0)
    }

    /// Who was granted by a ledger that was put back to an earlier day is ahead of it.
    @Test
    func `row 26: a token that the ledger can not have given out is refused, counted and told`()
        async throws
    {
        try await daemon.start()
        try await daemon.declare()
        let lease = try await daemon.acquire()
        let token = try #require(UInt64(lease[1])) + 1_000
        await #expect(throws: Refusal.self) {
            try await daemon.ask(["RENEW", lease[0], "\(token)"])
        }
        #expect(try await daemon.figure("newerTokensRefused") == 1)
        await #expect(throws: Refusal.self) {
            try await daemon.ask(["RELEASE", "\(token)", "\(token)"])
        }
        #expect(try await daemon.figure("newerTokensRefused") == 2)
        #expect(try await daemon.stop() == 0)
        let log = try await daemon.run(["audit", "log", daemon.data])
        #expect(log.words.contains("token ahead of the ledger"))
    }

    // MARK: What runs out

    /// 64 descriptors: the ledger's own files come first, then as many clients as fit.
    @Test
    func `row 68: without descriptors new connections are shed, and those that are there served`()
        async throws
    {
        try await daemon.start(limits: "ulimit -n 64")
        try await daemon.declare()
        let limit = try #require(try await daemon.figure("maxclients"))
        #expect(limit == 16)
        // One place is kept for other users than this one.
        let own = limit - 1
        let endpoint = Endpoint.unixSocket(path: daemon.socket)
        var clients: [TenureClient] = []
        for _ in 0..<own { clients.append(try await TenureClient.connect(to: endpoint)) }
        // More than there are descriptors, of clients that never go away by themselves.
        var silent: [Int32] = []
        for _ in 0..<100 { silent.append(try daemon.connectSilently()) }
        await #expect(throws: (any Error).self) { try await TenureClient.connect(to: endpoint) }
        #expect(try await clients[0].send(["PING"]) == .string("PONG"))
        // What was accepted in one turn is turned away a moment later.
        for _ in 0..<500 where daemon.openFiles.count > 50 {
            try await Task.sleep(for: .milliseconds(10))
        }
        let files = daemon.openFiles
        #expect(files.count <= 50, "some are left for the ledger's own: \(files)")
        // Enough to need another segment of the log, and so descriptors.
        for client in clients {
            let grant = try await client.send(["ACQUIRE", "main", "cpu=100m", "TTL", "600000"])
            #expect(grant["status"] != nil || grant["lease"] != nil)
        }
        for descriptor in silent { close(descriptor) }
        for client in clients { await client.close() }
        // The daemon may see the last end a moment later.
        for attempt in 0..<500 {
            do {
                try await daemon.ask(["PING"])
                break
            } catch let refusal as Refusal where refusal.code == .busy && attempt < 499 {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        _ = try await daemon.acquire()
        #expect(try await daemon.stop() == 0)
    }

    /// The limit is below the size of a segment, so that the ledger can not even be made.
    @Test
    func `row 71: a limit of file sizes is an error that is told, not a signal`() async throws {
        try daemon.spawn(limits: "ulimit -f 8192")
        #expect(try await daemon.end() == 74)
        #expect(daemon.words.contains("File too large"))
        try await daemon.start()
        #expect(try await daemon.stop() == 0)
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func `row 71: a signal to stop drains and ends with 0`(number: Int32) async throws {
        try await daemon.start()
        try await daemon.declare()
        let lease = try await daemon.acquire()
        daemon.signal(SIGPIPE)
        daemon.signal(SIGXFSZ)
        daemon.signal(number)
        #expect(try await daemon.end() == 0)
        try await daemon.start()
        #expect(try await daemon.holds(lease))
        #expect(try await daemon.figure("recoveryReplayedRecords") == 0, "a last checkpoint")
    }

    /// The first asks to stop in order, which a client that does not read its answers holds up.
    @Test
    func `row 71: a second signal ends at once, and nothing acknowledged is lost`() async throws {
        try await daemon.start()
        try await daemon.declare()
        let lease = try await daemon.acquire()
        let client = try await daemon.connectDeafly()
        defer { close(client) }
        daemon.signal(SIGTERM)
        while !daemon.words.contains("stopping") { try await Task.sleep(for: .milliseconds(5)) }
        daemon.signal(SIGINT)
        #expect(try await daemon.end() == -SIGINT)
        #expect(daemon.words.contains("told to stop again"))
        try await daemon.start()
        #expect(try await daemon.holds(lease))
    }

    /// Whatever number of descriptors there is: the ledger is served, or somebody is told why not.
    @Test(arguments: [6, 9, 12, 15, 17, 18, 19, 20, 21, 22, 24, 26, 30, 40])
    func `row 68: too few descriptors at the start are an error that is told`(
        count: Int
    ) async throws {
        try daemon.spawn(limits: "ulimit -n \(count)")
        for _ in 0..<3_000 {
            if daemon.words.contains("listening") {
                return #expect(try await daemon.stop() == 0)
            }
            if let status = daemon.ended() {
                // 6 is too few for the loader of the program's libraries, which says so with 127,
                // and for libdispatch, which may want its own before `main` runs.
                if count == 6, status == -SIGILL { return }
                #expect([71, 73, 74, 127].contains(status), "\(daemon.words)")
                return
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("neither serves nor ends: \(daemon.words)")
    }

    // MARK: Time

    /// A stopped process can not be told from a suspended host: neither can renew.
    @Test
    func `row 70: holders get the time back in which the daemon was stopped`() async throws {
        try await daemon.start()
        try await daemon.declare()
        let lease = try await daemon.acquire(ttl: 3_000)
        let gaps = try #require(try await daemon.figure("gaps"))
        daemon.signal(SIGSTOP)
        try await Task.sleep(for: .milliseconds(3_500))
        daemon.signal(SIGCONT)
        #expect(try await daemon.holds(lease))
        #expect(try await daemon.figure("gaps") == gaps + 1)
        try await daemon.ask(["RENEW"] + lease + ["TTL", "3000"])
        // Given back once: without renewal it ends.
        for _ in 0..<400 where try await daemon.holds(lease) {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try await !daemon.holds(lease))
        #expect(try await daemon.stop() == 0)
        let log = try await daemon.run(["audit", "log", daemon.data])
        #expect(log.words.contains("grace"))
    }

    // MARK: The directory

    @Test(arguments: ["moved", "deleted", "replaced", "emptied"])
    func `row 72: a directory that is not where it was ends the daemon with 74`(
        how: String
    )
        async throws
    {
        try await daemon.start()
        try await daemon.declare()
        let files = FileManager.default
        switch how {
        case "deleted": try files.removeItem(atPath: daemon.data)
        case "emptied":
            for name in try files.contentsOfDirectory(atPath: daemon.data) {
                try files.removeItem(atPath: "\(daemon.data)/\(name)")
            }
        default: try files.moveItem(atPath: daemon.data, toPath: daemon.data + "-before")
        }
        if how == "replaced" {
            try files.createDirectory(atPath: daemon.data, withIntermediateDirectories: false)
        }
        #expect(try await daemon.end() == 74)
        #expect(daemon.words.contains("moved, deleted or replaced"))
        let left = try? files.contentsOfDirectory(atPath: daemon.data)
        #expect(left ?? [] == [], "nothing is made anew")
        guard how == "moved" else { return }
        try files.moveItem(atPath: daemon.data + "-before", toPath: daemon.data)
        try await daemon.start()
        #expect(try await daemon.stop() == 0)
    }

    @Test
    func `I10: a daemon whose state is damaged under it ends with 65 and names the row`()
        async throws
    {
        try await daemon.start()
        try await daemon.declare()
        #expect(try await daemon.stop() == 0)
        try await daemon.start(["--scrub-interval", "1s"])
        let url = URL(fileURLWithPath: daemon.data + "/state/data.mdb")
        let bytes = try Data(contentsOf: url)
        let file = try FileHandle(forUpdating: url)
        // Wherever the name is: older pages that no row is on may have it, too.
        var rest = bytes.startIndex..<bytes.endIndex
        while let found = bytes.range(of: Data("cpus".utf8), in: rest) {
            try file.seek(toOffset: UInt64(found.lowerBound))
            try file.write(contentsOf: [bytes[found.lowerBound] ^ 1])
            rest = found.upperBound..<bytes.endIndex
        }
        try file.close()
        #expect(try await daemon.end() == 65)
        #expect(daemon.words.contains("found by the scrub"))
        #expect(daemon.words.contains("table resources"))
    }

    @Test(arguments: ["missing", "damaged"])
    func `row 57, 58: a state that can not be used is made anew from the log when asked to`(
        how: String
    ) async throws {
        try await daemon.start()
        try await daemon.declare()
        let held = try await daemon.acquire()
        let gone = try await daemon.acquire()
        try await daemon.ask(["RELEASE"] + gone)
        #expect(try await daemon.stop() == 0)
        let state = daemon.data + "/state"
        if how == "missing" {
            try FileManager.default.removeItem(atPath: state)
        } else {
            let file = try FileHandle(
                forUpdating: URL(fileURLWithPath: state + "/data.mdb")
            )
            try file.truncate(atOffset: 8_192)
            try file.close()
        }
        let refused = try await daemon.run(daemon.serving())
        #expect(refused.status == 65)
        #expect(refused.words.contains("--rebuild-state"))
        try await daemon.start(["--rebuild-state"])
        #expect(daemon.words.contains("+R"))
        #expect(try await daemon.holds(held))
        #expect(try await !daemon.holds(gone))
        // Nobody can tell whether the state knew of more than the log has: once, no token twice.
        #expect(try await daemon.figure("epoch") == 2)
        #expect(try await daemon.stop() == 0)
        // Replays the whole log, and compares rows and digest with those that are stored.
        let audit = try await daemon.run(["audit", "verify", daemon.data])
        #expect(audit.status == 0, "\(audit.words)")
        try await daemon.start()
        #expect(try await daemon.holds(held))
        #expect(try await daemon.figure("epoch") == 2)
    }
}
