// Requests that wait, on their connection and beside others, over a real Unix socket.

import Foundation
import Logging
import NIOCore
import TenureClient
import TenureModel
import TenureTesting
import Testing

@testable import Tenure
@testable import TenureServer

@Suite("Waiting connections", .waiting, .timeLimit(.minutes(10)))
struct WaitingConnectionTests {
    @Test
    func `S4: behind a request that waits nothing is decoded, and others are served`() async throws
    {
        try await Harness.run { harness in
            harness.ledger.hold()
            let raw = try await harness.raw()
            try await raw.send("ACQUIRE p gpu=1 WAIT 5000 HOLDER h\r\nPING\r\nSTATUS\r\n")
            try await harness.wait { harness.ledger.commands.count == 1 }
            let other = try await harness.raw()
            try await other.exchange("PING\r\n", "+PONG\r\n")
            #expect(harness.ledger.commands.count == 1)
            harness.ledger.resume()
            let answers = try await raw.read { $0.hasSuffix("$8\r\nposition\r\n:3\r\n") }
            #expect(answers.contains("confidence\r\n$-1\r\n+PONG\r\n*2\r\n"))
            #expect(harness.ledger.commands.count == 2)
            #expect(harness.ledger.abandoned.isEmpty)
            await raw.close()
            await other.close()
        }
    }

    /// A client that shuts its side may be dead: both ways of going call the wait off, once.
    @Test(arguments: [true, false])
    func `S4: when the client is gone its wait is called off`(closes: Bool) async throws {
        try await Harness.run { harness in
            harness.ledger.hold()
            let raw = try await harness.raw()
            try await raw.send("PING\r\nACQUIRE p gpu=1 WAIT 5000\r\nSTATUS\r\n")
            try await harness.wait { harness.ledger.commands.count == 1 }
            if closes { await raw.close() } else { try await raw.finish() }
            try await harness.wait { !harness.ledger.abandoned.isEmpty }
            harness.ledger.resume()
            if !closes {
                // What was sent before the end is answered.
                let answers = try await raw.readToEnd()
                #expect(answers.hasSuffix("$8\r\nposition\r\n:3\r\n"))
                await raw.close()
            }
            #expect(harness.ledger.abandoned.count == 1)
            // Nothing else that a client leaves behind is called off.
            let second = try await harness.raw()
            harness.ledger.hold()
            try await second.send("ACQUIRE p gpu=1\r\n")
            let count = closes ? 2 : 3
            try await harness.wait { harness.ledger.commands.count == count }
            await second.close()
            #expect(harness.ledger.abandoned.count == 1)
        }
    }

    @Test
    func `S4: a connection that the daemon ends calls its wait off`() async throws {
        try await Harness.run { harness in
            harness.ledger.hold()
            let raw = try await harness.raw()
            try await raw.send("ACQUIRE p gpu=1 WAIT 5000\r\n")
            try await harness.wait { harness.ledger.commands.count == 1 }
            try await harness.onLoop { $0.closeAll() }
            try await harness.wait { harness.ledger.abandoned.count == 1 }
            await raw.close()
        }
    }

    // MARK: With a ledger

    /// Runs `body` against a ledger with two CPUs in pool `main`; with `untilStopped` it ends the
    /// front itself.
    private func serving(
        untilStopped: Bool = false,
        _ body: (_ ledger: Ledger, _ front: Front, _ socket: Endpoint) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let path = directory.path + "-ledger"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var configuration = Ledger.Configuration()
        configuration.createIfMissing = true
        configuration.allowUnsafeFileSystem = true
        let ledger = try Ledger.open(at: path, configuration: configuration)
        _ = try await ledger.set(.setPool(name: "main", settings: []))
        let cpus = ResourceRequest(name: "cpus", pool: "main", kind: .cpu, capacity: 2_000)
        _ = try await ledger.set(.setResource(cpus))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let front = try await Front.start(
            ledger,
            ServerConfiguration(socketPath: "\(directory.path)/s"),
            logger
        )
        do {
            try await body(ledger, front, .unixSocket(path: front.addresses.socketPath))
        } catch {
            await front.stop(within: .zero)
            ledger.shutdown()
            throw error
        }
        if !untilStopped { await front.stop(within: .seconds(10)) }
        ledger.shutdown()
    }

    /// How many requests wait in the ledger.
    private func wait(until count: Int64, in ledger: Ledger) async throws {
        while ledger.figures()["waiting"] != .integer(count) {
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    private func words(of grant: Document) throws -> [String] {
        try ["lease", "token"].map { name in
            guard case .integer(let number)? = grant[name] else { throw Missing(name: name) }
            return "\(number)"
        }
    }

    /// What comes up to the end, which is confirmed.
    private func lastWords(to raw: RawConnection) async throws -> String {
        let words = try await raw.readToEnd()
        await raw.close()
        return words
    }

    private struct Missing: Error {
        let name: String
    }

    @Test
    func `what one client gives back another gets that waits, in RESP2 and RESP3`() async throws {
        try await serving { ledger, _, socket in
            let holder = try await TenureClient.connect(to: socket)
            let held = try await holder.send(["ACQUIRE", "main", "cpu=2", "TTL", "600000"])
            let two = try await RawConnection.connect(to: socket, reads: true)
            try await two.send("ACQUIRE main cpu=1 WAIT 60000 HOLDER two TTL 60000\r\nPING\r\n")
            try await wait(until: 1, in: ledger)
            let three = try await RawConnection.connect(to: socket, reads: true)
            try await three.send(
                "HELLO 3\r\nRESERVE main cpu=1 HOLD 60000 WAIT 60000 HOLDER three\r\n"
            )
            try await wait(until: 2, in: ledger)
            // Who does not wait does not pass those who do.
            let refusal = await #expect(throws: Refusal.self) {
                try await holder.send(["ACQUIRE", "main", "cpu=1"])
            }
            #expect(refusal?.code == .exhausted)
            _ = try await holder.send(["RELEASE"] + words(of: held))
            let first = try await two.read { $0.hasSuffix("+PONG\r\n") }
            #expect(first.contains("$6\r\nstatus\r\n$7\r\ngranted\r\n"))
            let second = try await three.read { $0.contains("three") }
            #expect(second.contains("$6\r\nstatus\r\n$8\r\nreserved\r\n"))
            await two.close()
            await three.close()
            await holder.close()
        }
    }

    @Test
    func `TIMEOUT comes when the time is over, and a client that dies leaves no waiter`()
        async throws
    {
        try await serving { ledger, _, socket in
            let holder = try await TenureClient.connect(to: socket)
            let held = try await holder.send(["ACQUIRE", "main", "cpu=2", "TTL", "600000"])
            let client = try await TenureClient.connect(to: socket)
            let refusal = await #expect(throws: Refusal.self) {
                try await client.send(["ACQUIRE", "main", "cpu=1", "WAIT", "30"])
            }
            #expect(refusal?.code == .timeout)
            #expect(refusal?.message.contains("no place of pool main has cpu=1 free") == true)
            await client.close()
            let gone = try await RawConnection.connect(to: socket, reads: true)
            try await gone.send("ACQUIRE main cpu=1 WAIT 600000\r\n")
            try await wait(until: 1, in: ledger)
            await gone.close()
            try await wait(until: 0, in: ledger)
            _ = try await holder.send(["RELEASE"] + words(of: held))
            let all = try await holder.send(["ACQUIRE", "main", "cpu=2"])
            #expect(all["status"] == .string("granted"))
            await holder.close()
        }
    }

    @Test
    func `what is queued is pushed to who queued it, in RESP3, and ends with its cancellation`()
        async throws
    {
        try await serving { ledger, _, socket in
            let holder = try await TenureClient.connect(to: socket)
            let held = try await holder.send(["ACQUIRE", "main", "cpu=2", "TTL", "600000"])
            let client = try await TenureClient.connect(to: socket)
            let queued = try await client.send(
                ["ACQUIRE", "main", "cpu=1", "QUEUE", "60000", "REQUEST", "r", "HOLDER", "w"]
            )
            #expect(queued["status"] == .string("queued"))
            // The connection goes on meanwhile.
            let other = try await client.send(
                ["ACQUIRE", "main", "cpu=1", "QUEUE", "60000", "REQUEST", "s"]
            )
            let listed = try await client.send(["QUEUE", "LIST", "POOL", "main"])
            guard case .list(let items)? = listed["items"],
                case .integer(let second)? = other["ticket"]
            else { throw Missing(name: "items") }
            #expect(items.compactMap { $0["ticket"] } == [queued["ticket"], other["ticket"]])
            let ended = try await client.send(["QUEUE", "CANCEL", "\(second)"])
            #expect(ended["status"] == .string("cancelled"))
            _ = try await holder.send(["RELEASE"] + words(of: held))
            var pushes: [Push] = []
            for await push in client.pushes {
                pushes.append(push)
                if pushes.count == 2 { break }
            }
            #expect(pushes.map(\.name) == ["ticket-ended", "ticket-granted"])
            #expect(pushes[0].values.first?["ticket"] == other["ticket"])
            #expect(pushes[0].values.first?["error"] == .string("TIMEOUT"))
            #expect(pushes[1].values.first?["ticket"] == queued["ticket"])
            #expect(pushes[1].values.first?["holder"] == .string("w"))
            let told = try await holder.send(["REQUEST", "GET", "r"])
            #expect(told["lease"] == pushes[1].values.first?["lease"])
            await client.close()
            await holder.close()
        }
    }

    @Test
    func `a booking that begins is pushed to who booked it, in RESP3`() async throws {
        try await serving { _, _, socket in
            let client = try await TenureClient.connect(to: socket)
            let booked = try await client.send(
                ["BOOK", "main", "cpu=2", "AT", "40", "FOR", "60000", "HOLDER", "w"]
            )
            #expect(booked["status"] == .string("booked"))
            guard case .integer(let booking)? = booked["booking"] else {
                throw Missing(name: "booking")
            }
            for await push in client.pushes {
                #expect(push.name == "ticket-granted")
                #expect(push.values.first?["ticket"] == booked["booking"])
                #expect(push.values.first?["holder"] == .string("w"))
                break
            }
            let shown = try await client.send(["BOOKING", "GET", "\(booking)"])
            #expect(shown["status"] == .string("granted"))
            await client.close()
        }
    }

    @Test
    func `a client that comes back with its request id takes up its wait`() async throws {
        try await serving { ledger, _, socket in
            let holder = try await TenureClient.connect(to: socket)
            let held = try await holder.send(["ACQUIRE", "main", "cpu=2", "TTL", "600000"])
            let gone = try await RawConnection.connect(to: socket, reads: true)
            try await gone.send("ACQUIRE main cpu=1 WAIT 600000 REQUEST r\r\n")
            try await wait(until: 1, in: ledger)
            await gone.close()
            try await wait(until: 0, in: ledger)
            #expect(ledger.figures()["queued"] == .integer(1))
            let back = try await TenureClient.connect(to: socket)
            async let answer = back.send(
                ["ACQUIRE", "main", "cpu=1", "WAIT", "600000", "REQUEST", "r"]
            )
            try await wait(until: 1, in: ledger)
            _ = try await holder.send(["RELEASE"] + words(of: held))
            #expect(try await answer["status"] == .string("granted"))
            await back.close()
            await holder.close()
        }
    }

    @Test
    func `a daemon that stops tells those who wait that nothing was granted`() async throws {
        try await serving(untilStopped: true) { ledger, front, socket in
            let holder = try await TenureClient.connect(to: socket)
            _ = try await holder.send(["ACQUIRE", "main", "cpu=2", "TTL", "600000"])
            await holder.close()
            let raw = try await RawConnection.connect(to: socket, reads: true)
            try await raw.send("ACQUIRE main cpu=1 WAIT 600000\r\n")
            try await wait(until: 1, in: ledger)
            async let answer = lastWords(to: raw)
            let begun = ContinuousClock.now
            await front.stop(within: .seconds(600))
            #expect(begun.duration(to: .now) < .seconds(500))
            #expect(
                try await answer.hasPrefix("-UNKNOWN the ledger is closed; nothing was granted")
            )
        }
    }
}
