// What a connection answers by itself, passwords, roles, pushes.

import Glibc
import NIOCore
import TenureClient
import TenureTesting
import TenureWire
import Testing

@testable import TenureModel
@testable import TenureServer

@Suite("Connection", .waiting, .timeLimit(.minutes(10)))
struct ConnectionCommandTests {
    @Test
    func `ordinary commands answer what Redis clients expect`() async throws {
        try await Harness.run { harness in
            let raw = try await harness.raw()
            let exchanges = [
                ("PING\r\n", "+PONG\r\n"), ("PING a\r\n", "$1\r\na\r\n"),
                ("ECHO b\r\n", "$1\r\nb\r\n"), ("SELECT 0\r\n", "+OK\r\n"),
                ("CLIENT GETNAME\r\n", "$0\r\n\r\n"), ("CLIENT SETNAME me\r\n", "+OK\r\n"),
                ("CLIENT GETNAME\r\n", "$2\r\nme\r\n"),
                ("CLIENT SETINFO LIB-NAME x\r\n", "+OK\r\n"),
                (
                    "CLIENT SETINFO FOO x\r\n",
                    "-ERR unknown attribute; there are LIB-NAME and LIB-VER\r\n"
                ),
                ("HELLO 4\r\n", "-NOPROTO unsupported protocol version\r\n"),
                (
                    "AUTH x\r\n",
                    "-ERR AUTH called without any password configured: "
                        + "the socket knows its user\r\n"
                ),
                (
                    "WATCH\r\n",
                    "-ERR WATCH pushes events, which needs RESP3: send HELLO 3\r\n"
                ),
                ("RESET\r\n", "+RESET\r\n"), ("CLIENT GETNAME\r\n", "$0\r\n\r\n"),
            ]
            for (request, answer) in exchanges { try await raw.exchange(request, answer) }
            try await raw.send("QUIT\r\nPING\r\n")
            #expect(try await raw.readToEnd() == "+OK\r\n")
            await raw.close()
        }
    }

    @Test
    func `HELLO 3 changes the protocol and describes the daemon`() async throws {
        try await Harness.run { harness in
            let client = try await harness.client()
            let hello = try await client.send(["HELLO", "3", "SETNAME", "me"])
            #expect(hello["server"] == .string("tenure"))
            #expect(hello["proto"] == .integer(3))
            #expect(try await client.send(["CLIENT", "GETNAME"]) == .string("me"))
            await client.close()
        }
    }

    @Test
    func `COMMAND counts, describes and documents the same commands`() async throws {
        try await Harness.run { harness in
            let client = try await harness.client()
            guard case .list(let all) = try await client.send(["COMMAND"]),
                case .list(let names) = try await client.send(["COMMAND", "LIST"]),
                case .map(let docs) = try await client.send(["COMMAND", "DOCS"])
            else {
                Issue.record("COMMAND has another shape")
                return
            }
            #expect(try await client.send(["COMMAND", "COUNT"]) == .integer(Int64(all.count)))
            #expect(names.count == all.count)
            #expect(docs.map { Document.string($0.name) } == names)
            let asked = ["COMMAND", "INFO", "lease|get", "x", "explain"]
            guard case .list(let found) = try await client.send(asked) else {
                Issue.record("COMMAND INFO has another shape")
                return
            }
            #expect(found.count == 3)
            #expect(found[1] == .null)
            #expect(found[2] != .null)
            #expect(names.contains(.string("acquire")))
            #expect(names.contains(.string("explain")))
            await client.close()
        }
    }

    @Test
    func `INFO has sections, those of the ledger among them`() async throws {
        try await Harness.run { harness in
            let client = try await harness.client()
            guard case .string(let all) = try await client.send(["INFO"]),
                case .string(let cache) = try await client.send(["INFO", "CACHE"])
            else {
                Issue.record("INFO is no text")
                return
            }
            #expect(all.contains("# Server\r\ntenure_version:"))
            #expect(all.contains("# Clients\r\nconnected_clients:1\r\n"))
            #expect(all.contains("# Ledger\r\nposition:7\r\n"))
            #expect(cache == "# Cache\r\nhits:3\r\n")
            await client.close()
        }
    }

    @Test
    func `a caller of the daemon's own user is an admin, as the kernel tells it`() async throws {
        try await Harness.run { harness in
            let client = try await harness.client()
            _ = try await client.send(["STATUS"])
            let caller = try #require(harness.ledger.callers.first)
            #expect(caller == Caller(uid: geteuid(), isAdmin: true))
            await client.close()
        }
    }

    @Test
    func `PROCESS peer is this process, found by its facts`() async throws {
        try await Harness.run { harness in
            let client = try await harness.client()
            _ = try await client.send(["SESSION", "OPEN", "PROCESS", "peer"])
            guard case .openSession(let request)? = harness.ledger.commands.first else {
                Issue.record("no session was opened")
                return
            }
            #expect(request.process?.pid == ProcessNumber.own)
            let sentence = "there is no process 2000000000 in the daemon's pid namespace"
            await #expect(throws: Refusal(.malformed, sentence)) {
                try await client.send(["SESSION", "OPEN", "PROCESS", "2000000000"])
            }
            await client.close()
        }
    }

    @Test
    func `on TCP nothing is served before the password, and wrong ones end it`() async throws {
        try await Harness.run(tcp: true) { harness in
            let raw = try await harness.raw(harness.tcp)
            try await raw.exchange("PING\r\n", "-NOAUTH Authentication required.\r\n")
            try await raw.exchange("FOO\r\n", "-NOAUTH Authentication required.\r\n")
            try await raw.exchange("STATUS\r\n", "-NOAUTH Authentication required.\r\n")
            let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            try await raw.exchange("AUTH x\r\n", wrong)
            try await raw.exchange("AUTH other \"\(Harness.password)\"\r\n", wrong)
            try await raw.send("AUTH y\r\nPING\r\n")
            #expect(try await raw.readToEnd() == wrong)
            #expect(harness.ledger.commands.isEmpty)
            await raw.close()
        }
    }

    @Test
    func `on TCP the password makes an admin without a uid`() async throws {
        try await Harness.run(tcp: true) { harness in
            let client = try await TenureClient.connect(to: harness.tcp, password: Harness.password)
            _ = try await client.send(["STATUS"])
            #expect(harness.ledger.callers == [Caller(uid: nil, isAdmin: true)])
            let sentence =
                "PROCESS peer needs the Unix socket, and a process that the daemon can see"
            await #expect(throws: Refusal(.malformed, sentence)) {
                try await client.send(["SESSION", "OPEN", "PROCESS", "peer"])
            }
            await client.close()
            await #expect(throws: ClientError.self) {
                try await TenureClient.connect(to: harness.tcp, password: "wrong")
            }
        }
    }

    @Test
    func `row 3: strangers on TCP are bounded in words, number and time`() async throws {
        try await Harness.run(tcp: true, sweepsItself: true) { harness in
            let long = try await harness.raw(harness.tcp)
            try await long.send("*11\r\n")
            #expect(
                try await long.readToEnd()
                    == "-ERR Protocol error: the request has 11 arguments; the limit is 10\r\n"
            )
            await long.close()
            try await harness.wait { harness.front.hubs[0].admission.figures.now == 0 }
            let crowd = try await Crowd(harness)
            #expect(crowd.extra.hasPrefix("-BUSY there are 16 connections"))
            // Those who authenticate make room; the Unix socket is served all the time.
            #expect(crowd.welcome == "+OK\r\n")
            #expect(crowd.next == "-NOAUTH Authentication required.\r\n")
            let (known, next) = (crowd.strangers[0], crowd.last)
            let local = try await harness.raw()
            try await local.exchange("PING\r\n", "+PONG\r\n")
            try await harness.onLoop { $0.sweep(at: .now() + .seconds(11)) }
            let farewell = "-NOAUTH not authenticated within 10 s; send AUTH first\r\n"
            #expect(try await next.readToEnd() == crowd.next + farewell)
            try await known.send("PING\r\n")
            #expect(try await known.read { $0.hasSuffix("G\r\n") } == "+OK\r\n+PONG\r\n")
            try await local.exchange("PING\r\n", "+PONG\r\n")
            await local.close()
            await crowd.close()
        }
    }

    @Test
    func `a lost lease is pushed to the connection that acquired it, once`() async throws {
        try await Harness.run { harness in
            let owner = try await harness.client()
            let other = try await harness.raw()
            let grant = try await owner.send(["ACQUIRE", "p", "gpu=1"])
            let kept = try await owner.send(["ACQUIRE", "p", "gpu=1"])
            let returned = try await owner.send(["ACQUIRE", "p", "gpu=1"])
            func lease(_ grant: Document) throws -> LeaseID {
                guard case .integer(let number)? = grant["lease"] else {
                    throw Refusal(.notFound, "")
                }
                return LeaseID(rawValue: UInt64(number))
            }
            let given = try lease(returned).rawValue
            _ = try await owner.send(["RELEASE", "\(given)", "\(given)"])
            for document in [returned, grant, grant, kept] {
                harness.ledger.notify(
                    "reclaimed",
                    lease: try lease(document),
                    pool: nil,
                    cause: "expired"
                )
            }
            var pushes = owner.pushes.makeAsyncIterator()
            for document in [grant, kept] {
                let push = try #require(await pushes.next())
                #expect(push.name == "lease-lost")
                #expect(push.values.first?["lease"] == document["lease"])
                #expect(push.values.first?["cause"] == .string("expired"))
                #expect(push.values.first?["token"] == nil)
            }
            try await other.exchange("PING\r\n", "+PONG\r\n")
            #expect(try await owner.send(["PING"]) == .string("PONG"))
            await owner.close()
            await other.close()
        }
    }

    @Test
    func `a holder is told of a better place, to leave, and that the lease is lost`() async throws {
        try await Harness.run { harness in
            let owner = try await harness.client()
            guard
                case .integer(let number)? = try await owner.send(["ACQUIRE", "p", "gpu=1"])[
                    "lease"
                ]
            else {
                Issue.record("nothing was granted")
                return
            }
            let lease = LeaseID(rawValue: UInt64(number))
            harness.ledger.notify("leaseMove", lease: lease, pool: nil)
            harness.ledger.notify("preemption-noticed", lease: lease, pool: nil)
            harness.ledger.notify("preempted", lease: lease, pool: nil, cause: "preempted")
            var pushes = owner.pushes.makeAsyncIterator()
            for name in ["lease-move", "lease-preempted", "lease-lost"] {
                let push = try #require(await pushes.next())
                #expect(push.name == name)
                #expect(push.values.first?["lease"] == .integer(number))
            }
            await owner.close()
        }
    }

    @Test
    func `WATCH pushes the events of its pool until UNWATCH`() async throws {
        try await Harness.run { harness in
            let client = try await harness.client()
            let before = harness.ledger.subscribers
            #expect(try await client.send(["WATCH", "POOL", "a"]) == .string("OK"))
            #expect(harness.ledger.subscribers == before + 1)
            harness.ledger.notify("granted", lease: nil, pool: "b")
            harness.ledger.notify("granted", lease: LeaseID(rawValue: 5), pool: "a")
            var pushes = client.pushes.makeAsyncIterator()
            let push = try #require(await pushes.next())
            #expect(push.name == "event")
            #expect(push.values.first?["lease"] == .integer(5))
            #expect(try await client.send(["UNWATCH"]) == .string("OK"))
            try await harness.wait { harness.ledger.subscribers == before }
            await client.close()
        }
    }

    /// What it is told grows without end; what it holds is not touched.
    @Test
    func `row 12: a client that does not read its pushes loses its connection`() async throws {
        try await Harness.run { harness in
            let before = harness.ledger.subscribers
            let deaf = try await harness.raw(reads: false)
            try await deaf.send("HELLO 3\r\nWATCH\r\n")
            try await harness.wait { harness.ledger.subscribers == before + 1 }
            let other = try await harness.raw()
            for turn in 0..<200 where harness.ledger.subscribers > before {
                for _ in 0..<1_000 {
                    harness.ledger.notify("granted", lease: LeaseID(rawValue: 5), pool: "a")
                }
                try await other.exchange("PING\r\n", "+PONG\r\n")
                #expect(turn < 199, "it is still told")
            }
            try await harness.wait { harness.ledger.subscribers == before }
            await deaf.close()
            await other.close()
        }
    }

    /// Process 1 is another user's than this one, whoever runs the tests.
    @Test
    func `row 35: a process of another user is named by admins only`() throws {
        let stranger = Caller(uid: 4_000_000_000, isAdmin: false)
        let refusal = #expect(throws: Refusal.self) {
            try PeerProcess.identify(pid: 1, for: stranger)
        }
        #expect(refusal?.code == .notPermitted)
        let admin = Caller(uid: 4_000_000_000, isAdmin: true)
        #expect(try PeerProcess.identify(pid: 1, for: admin).pid == 1)
        let missing = #expect(throws: Refusal.self) {
            try PeerProcess.identify(pid: 1 << 30, for: admin)
        }
        #expect(missing?.code == .malformed)
    }

    @Test
    func `passwords are compared whole`() {
        #expect(Roles.isSame("abc", "abc"))
        for wrong in ["", "ab", "abd", "abcd", "Abc"] { #expect(!Roles.isSame(wrong, "abc")) }
    }
}

/// As many strangers on TCP as there may be, one above them, and one when the first is known.
private struct Crowd {
    let strangers: [RawConnection]
    let last: RawConnection
    let extra: String
    let welcome: String
    let next: String

    init(_ harness: Harness) async throws {
        var strangers: [RawConnection] = []
        for _ in 0..<ServerLimits.strangers {
            strangers.append(try await harness.raw(harness.tcp))
        }
        let above = try await harness.raw(harness.tcp)
        extra = try await above.exchanged("PING\r\n")
        await above.close()
        welcome = try await strangers[0].exchanged("AUTH \"\(Harness.password)\"\r\n")
        last = try await harness.raw(harness.tcp)
        next = try await last.exchanged("PING\r\n")
        self.strangers = strangers
    }

    func close() async {
        for raw in strangers + [last] { await raw.close() }
    }
}

extension RawConnection {
    /// Sends `text`; the first line that comes, or less where the daemon has ended its side.
    fileprivate func exchanged(_ text: String) async throws -> String {
        try? await send(text)
        return try await read { $0.hasSuffix("\r\n") }
    }
}
