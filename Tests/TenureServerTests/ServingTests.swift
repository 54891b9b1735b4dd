// Requests, answers and their order over a real Unix socket.

import NIOCore
import NIOPosix
import Synchronization
import TenureClient
import TenureModel
import TenureTesting
import TenureWire
import Testing

@testable import TenureServer

@Suite("Serving", .waiting, .timeLimit(.minutes(10)))
struct ServingTests {
    private static let claims = [Claim(amounts: [ClaimAmount(kind: .gpu, amount: 1_000)])]

    @Test
    func `a client gets grants as documents and refusals as errors`() async throws {
        try await Harness.run { harness in
            let client = try await harness.client()
            let grant = try await client.send(
                .acquire(AcquireRequest(pool: "p", claims: Self.claims))
            )
            #expect(grant["status"] == .string("granted"))
            #expect(grant["replayed"] == .bool(false))
            let refused = Refusal(.exhausted, "0 of 8 gpu are free in pool full")
            await #expect(throws: refused) {
                try await client.send(.acquire(AcquireRequest(pool: "full", claims: Self.claims)))
            }
            await client.close()
            await #expect(throws: ClientError.closed) { try await client.send(["PING"]) }
        }
    }

    @Test
    func `commands of concurrent tasks share a connection, each with its own answer`() async throws
    {
        try await Harness.run { harness in
            let client = try await harness.client()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        try await client.send(["ECHO", "\(number)"]) == .string("\(number)")
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            await client.close()
        }
    }

    @Test
    func `S1: answers that are there at once wait for those before them`() async throws {
        try await Harness.run { harness in
            harness.ledger.hold()
            let raw = try await harness.raw()
            try await raw.send("STATUS\r\nPING one\r\nFOO\r\nSTATUS\r\nPING two\r\n")
            try await harness.wait { harness.ledger.commands.count == 2 }
            harness.ledger.resume()
            let answers = try await raw.read { $0.hasSuffix("$3\r\ntwo\r\n") }
            #expect(
                answers
                    == "*2\r\n$8\r\nposition\r\n:2\r\n$3\r\none\r\n-ERR unknown command 'FOO'\r\n"
                    + "*2\r\n$8\r\nposition\r\n:3\r\n$3\r\ntwo\r\n"
            )
            await raw.close()
        }
    }

    @Test
    func `S1: the version of an answer is the one its request was sent in`() async throws {
        try await Harness.run { harness in
            harness.ledger.hold()
            let raw = try await harness.raw()
            try await raw.send("STATUS\r\nHELLO 3\r\nSTATUS\r\n")
            try await harness.wait { harness.ledger.commands.count == 2 }
            harness.ledger.resume()
            let answers = try await raw.read { $0.hasSuffix("%1\r\n$8\r\nposition\r\n:3\r\n") }
            #expect(answers.hasPrefix("*2\r\n$8\r\nposition\r\n:2\r\n%7\r\n"))
            await raw.close()
        }
    }

    @Test
    func `S2, row 6: past the bound of outstanding commands nothing more is taken`() async throws {
        try await Harness.run { harness in
            harness.ledger.hold()
            let raw = try await harness.raw()
            let count = 5_000
            raw.sendWithoutWaiting(String(repeating: "STATUS\r\n", count: count) + "PING end\r\n")
            try await harness.wait { harness.ledger.commands.count == ServerLimits.outstanding }
            // Other connections are served meanwhile, and nothing more of this one is taken.
            let other = try await harness.raw()
            for _ in 0..<50 { try await other.exchange("PING\r\n", "+PONG\r\n") }
            #expect(harness.ledger.commands.count == ServerLimits.outstanding)
            harness.ledger.resume()
            let answers = try await raw.read { $0.hasSuffix("$3\r\nend\r\n") }
            #expect(answers.split(separator: "*").count == count)
            #expect(harness.ledger.commands.count == count)
            await raw.close()
            await other.close()
        }
    }

    @Test
    func `S2: a list weighs as much as its answer is long`() async throws {
        try await Harness.run { harness in
            harness.ledger.hold()
            let raw = try await harness.raw()
            raw.sendWithoutWaiting(String(repeating: "LEASE LIST\r\n", count: 100) + "PING end\r\n")
            let other = try await harness.raw()
            for _ in 0..<50 { try await other.exchange("PING\r\n", "+PONG\r\n") }
            #expect((1...20).contains(harness.ledger.commands.count))
            harness.ledger.resume()
            _ = try await raw.read { $0.hasSuffix("$3\r\nend\r\n") }
            #expect(harness.ledger.commands.count == 100)
            await raw.close()
            await other.close()
        }
    }

    @Test
    func `row 12: a client that never reads stops being read`() async throws {
        try await Harness.run { harness in
            let raw = try await harness.raw(reads: false)
            let count = 100_000
            raw.sendWithoutWaiting(String(repeating: "COMMAND\r\n", count: count))
            let other = try await harness.raw()
            for _ in 0..<300 { try await other.exchange("PING\r\n", "+PONG\r\n") }
            let commands = try await harness.onLoop { $0.commands }
            #expect(commands < 5_000, "\(commands) of \(count) were answered to nobody")
            await raw.close()
            await other.close()
        }
    }

    @Test
    func `all commands of one read go to the ledger in one batch`() async throws {
        try await Harness.run { harness in
            let raw = try await harness.raw()
            try await raw.send(String(repeating: "STATUS\r\n", count: 100) + "PING end\r\n")
            _ = try await raw.read { $0.hasSuffix("$3\r\nend\r\n") }
            #expect(harness.ledger.commands.count == 100)
            #expect(harness.ledger.batches <= 2)
            await raw.close()
        }
    }

    @Test
    func `row 14: a request in many packets is one request`() async throws {
        try await Harness.run { harness in
            let raw = try await harness.raw()
            for byte in "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n" { try await raw.send("\(byte)") }
            #expect(try await raw.read(11) == "$5\r\nhello\r\n")
            await raw.close()
        }
    }

    @Test
    func `a client that ends its side gets every answer first`() async throws {
        try await Harness.run { harness in
            let raw = try await harness.raw()
            raw.sendWithoutWaiting(String(repeating: "STATUS\r\nPING\r\n", count: 3_000))
            try await raw.finish()
            let answers = try await raw.readToEnd()
            #expect(answers.split(separator: "+PONG\r\n").count == 3_000)
            #expect(harness.ledger.commands.count == 3_000)
        }
    }

    @Test
    func `row 13: a command whose client is gone completes and hurts nobody`() async throws {
        try await Harness.run { harness in
            harness.ledger.hold()
            let raw = try await harness.raw()
            try await raw.send("ACQUIRE p gpu=1\r\n")
            try await harness.wait { harness.ledger.commands.count == 1 }
            await raw.close()
            harness.ledger.resume()
            let other = try await harness.raw()
            try await other.exchange("PING\r\n", "+PONG\r\n")
            await other.close()
        }
    }

    @Test
    func `S3: what is no RESP gets one error and ends its own connection only`() async throws {
        try await Harness.run { harness in
            let good = try await harness.raw()
            for (bytes, sentence) in [
                ("*-5\r\n", "invalid array length"),
                (
                    "PING\r\nGET / HTTP/1.1\r\nPING\r\n",
                    "this looks like HTTP; the socket speaks RESP"
                ),
                ("*1\r\n*1\r\n", "expected '$', got '*'"),
            ] {
                let bad = try await harness.raw()
                try await bad.send(bytes)
                let pong = bytes.hasPrefix("PING") ? "+PONG\r\n" : ""
                let answers = try await bad.readToEnd()
                #expect(answers == pong + "-ERR Protocol error: \(sentence)\r\n")
                await bad.close()
            }
            try await good.exchange("PING\r\n", "+PONG\r\n")
            await good.close()
        }
    }

    @Test
    func `row 5: half a request is ended after its time, a quiet connection is not`() async throws {
        try await Harness.run(sweepsItself: true) { harness in
            let half = try await harness.raw()
            let quiet = try await harness.raw()
            try await quiet.exchange("PING\r\n", "+PONG\r\n")
            let before = NIODeadline.now()
            try await half.exchange("PING\r\n*1\r\n$4\r\nPI", "+PONG\r\n")
            try await harness.onLoop { $0.sweep(at: before + .seconds(29)) }
            try await half.exchange("NG\r\n*1\r\n", "+PONG\r\n")
            try await harness.onLoop { $0.sweep(at: .now() + .seconds(31)) }
            let answer = try await half.readToEnd()
            #expect(answer == "-ERR Protocol error: half a request, and nothing for 30 s\r\n")
            try await quiet.exchange("PING\r\n", "+PONG\r\n")
            await half.close()
            await quiet.close()
        }
    }

    /// The time counts from the first byte of a request: more of it is no reason to wait longer.
    @Test
    func `row 5: a request that trickles in ends as half of one does`() async throws {
        try await Harness.run(sweepsItself: true) { harness in
            let slow = try await harness.raw()
            try await slow.exchange("PING\r\n*1\r\n$4\r\nP", "+PONG\r\n")
            let begun = NIODeadline.now()
            try await Task.sleep(for: .milliseconds(200))
            try await slow.send("I")
            try await harness.onLoop { $0.sweep(at: begun + .milliseconds(30_001)) }
            let answer = try await slow.readToEnd()
            #expect(answer == "-ERR Protocol error: half a request, and nothing for 30 s\r\n")
            await slow.close()
        }
    }

    @Test
    func `a thousand connections are served at once`() async throws {
        try await Harness.run { harness in
            Descriptors.raiseLimit()
            var connections: [RawConnection] = []
            for _ in 0..<1_000 { connections.append(try await harness.raw()) }
            for connection in connections { connection.sendWithoutWaiting("STATUS\r\n") }
            for connection in connections {
                let answer = try await connection.read { $0.hasPrefix("*2\r\n") }
                #expect(answer.hasPrefix("*2\r\n$8\r\nposition\r\n"))
            }
            #expect(harness.ledger.commands.count == 1_000)
            for connection in connections { await connection.close() }
        }
    }

    @Test
    func `the load connection keeps its depth and sees every reply`() async throws {
        try await Harness.run { harness in
            let connection = try await LoadConnection.connect(
                to: harness.socket,
                on: MultiThreadedEventLoopGroup.singleton
            )
            let total = SharedTotal()
            try await connection.run(depth: 16) { Cycle(count: 500, total: total) }
            #expect(total.value == (500, 500))
            await connection.close()
        }
    }
}

/// Acquires, and releases what it got.
private final class Cycle: LoadDriver {
    private var left: Int
    private var toRelease: [UInt64] = []
    private let total: SharedTotal

    init(count: Int, total: SharedTotal) {
        left = count
        self.total = total
    }

    func next(_ output: inout ByteBuffer) -> Bool {
        if let lease = toRelease.popLast() {
            RequestEncoder.write(["RELEASE", "\(lease)", "\(lease)"], to: &output)
            return true
        }
        guard left > 0 else { return false }
        left -= 1
        RequestEncoder.write(["ACQUIRE", "p", "gpu=1"], to: &output)
        return true
    }

    func received(_ reply: LoadReply) {
        if let lease = reply.integer("token") {
            toRelease.append(lease)
            total.count(grant: true)
        } else if reply.integer("lease") != nil {
            total.count(grant: false)
        }
    }
}

/// What a driver counted, for the test to see.
private final class SharedTotal: Sendable {
    private let counts = Mutex<(grants: Int, releases: Int)>((0, 0))

    var value: (grants: Int, releases: Int) { counts.withLock { $0 } }

    func count(grant: Bool) {
        counts.withLock { counts in
            if grant { counts.grants += 1 } else { counts.releases += 1 }
        }
    }
}
