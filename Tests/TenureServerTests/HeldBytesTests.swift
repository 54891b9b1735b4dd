// Clients that send and do not read: what they make the daemon hold, and for how long.

import Glibc
import NIOCore
import TenureModel
import TenureTesting
import Testing

@testable import TenureClient
@testable import TenureServer

@Suite("Held bytes", .waiting, .timeLimit(.minutes(10)))
struct HeldBytesTests {
    /// Answers of about 100 KiB each.
    private static let flood = String(repeating: "COMMAND\r\n", count: 1_000)

    private func connected(_ harness: Harness) -> Int {
        harness.front.hubs[0].admission.figures.now
    }

    /// Lets time pass until only so many are connected.
    private func sweep(_ harness: Harness, by step: TimeAmount, until count: Int) async throws {
        var now = NIODeadline.now()
        while connected(harness) > count {
            now = now + step
            try await harness.onLoop { [now] in $0.sweep(at: now) }
            try Task.checkCancellation()
        }
    }

    @Test
    func `a client that takes nothing for its time is stalled, one that has nothing to take not`() {
        let second = TimeAmount.seconds(1)
        var now = NIODeadline.now()
        var holding = Holding()
        func pass() {
            now = now + second
            holding.look(at: now)
        }
        func isStalled() -> Bool { holding.isStalled(for: second + second, at: now) }
        for _ in 0..<5 { pass() }
        #expect(!isStalled(), "nothing to take")
        holding.noteWritten(100)
        for _ in 0..<3 { pass() }
        #expect(isStalled())
        holding.noteUnread(99)
        pass()
        #expect(!isStalled(), "it has taken one")
        for _ in 0..<5 {
            holding.noteWritten(7)
            holding.noteUnread(99)
            pass()
        }
        #expect(!isStalled(), "it takes as much as it gets")
        for _ in 0..<5 {
            holding.noteWritten(7)
            pass()
        }
        #expect(isStalled(), "more to take is not something taken")
    }

    @Test
    func `what is held is in the sum until its connection is gone`() async throws {
        try await Harness.run { harness in
            let held = harness.front.hubs[0].held
            let raw = try await harness.raw(reads: false)
            raw.sendWithoutWaiting(Self.flood)
            try await harness.wait { held.excess + held.limit >= 512 << 10 }
            await raw.close()
            try await harness.wait { held.excess == -held.limit }
        }
    }

    @Test
    func `B3: who reads nothing for a minute is closed, who watches and waits stays`() async throws
    {
        try await Harness.run(sweepsItself: true) { harness in
            let silent = try await harness.raw(reads: false)
            silent.sendWithoutWaiting(Self.flood)
            let watching = try await harness.client()
            _ = try await watching.send(["WATCH"])
            let held = harness.front.hubs[0].held
            try await harness.wait { held.excess + held.limit >= 512 << 10 }
            let before = NIODeadline.now()
            try await harness.onLoop { $0.sweep(at: before + .seconds(50)) }
            #expect(connected(harness) == 2)
            try await sweep(harness, by: ServerLimits.stalledTime + .seconds(1), until: 1)
            #expect(try await watching.send(["PING"]) == .string("PONG"))
            await watching.close()
            await silent.close()
        }
    }

    @Test
    func `B1, B2: past the budget nobody gets more, and the largest are closed for others`()
        async throws
    {
        let limit = 1 << 20
        try await Harness.run(held: HeldBytes(limit: limit), sweepsItself: true) { harness in
            let held = harness.front.hubs[0].held
            var silent: [RawConnection] = []
            for _ in 0..<8 {
                let raw = try await harness.raw(reads: false)
                raw.sendWithoutWaiting(Self.flood)
                silent.append(raw)
            }
            try await harness.wait { held.excess > 0 }
            // Others are served, and what is held does not grow with what is asked for.
            let other = try await harness.raw()
            for _ in 0..<200 { try await other.exchange("PING\r\n", "+PONG\r\n") }
            let most = silent.count * (ServerLimits.outputChunkBytes + (256 << 10))
            #expect(held.excess < most, "\(held.excess)")
            var now = NIODeadline.now()
            while held.excess > 0 {
                now = now + ServerLimits.stalledTimeInNeed + .seconds(1)
                try await harness.onLoop { [now] in $0.sweep(at: now) }
            }
            #expect((2...8).contains(connected(harness)), "as many as must, and not all")
            try await other.exchange("PING\r\n", "+PONG\r\n")
            for raw in silent + [other] { await raw.close() }
        }
    }

    @Test
    func `B1, B2: half a request is not held where there is no room`() async throws {
        try await Harness.run(held: HeldBytes(limit: 100 << 10)) { harness in
            let half = try await harness.raw()
            let text = String(repeating: "x", count: 200 << 10)
            half.sendWithoutWaiting("*2\r\n$4\r\nECHO\r\n$\(250 << 10)\r\n\(text)")
            let held = harness.front.hubs[0].held
            try await harness.wait { held.excess > 0 }
            try await sweep(harness, by: ServerLimits.stalledTimeInNeed + .seconds(1), until: 0)
            #expect(held.excess < 0)
            await half.close()
        }
    }

    /// Who is held for want of room goes on when there is some, without a word of its own.
    @Test
    func `B1: a client that reads gets all its answers in the end`() async throws {
        try await Harness.run(held: HeldBytes(limit: 128 << 10)) { harness in
            let silent = try await harness.raw(reads: false)
            silent.sendWithoutWaiting(Self.flood)
            let held = harness.front.hubs[0].held
            try await harness.wait { held.excess > 0 }
            let reading = try await harness.raw()
            let count = 100
            let word = String(repeating: "y", count: 10_000)
            reading.sendWithoutWaiting(
                String(repeating: "ECHO \(word)\r\n", count: count) + "PING end\r\n"
            )
            await silent.close()
            _ = try await reading.read { $0.hasSuffix("$3\r\nend\r\n") }
            await reading.close()
        }
    }

    /// By default such a byte wakes the reader, which then finds nothing to read.
    @Test
    func `a byte that is sent out of band is a byte like any other`() async throws {
        try await Harness.run { harness in
            let bytes = try #require(SocketAddressBytes(harness.front.addresses.socketPath))
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            // SAFETY: the address lives for the closure.
            let result = unsafe bytes.withPointer { unsafe connect(descriptor, $0, $1) }
            try #require(result == 0)
            // SAFETY: no more is read than the texts have.
            #expect(unsafe send(descriptor, "PING\r", 5, 0) == 5)
            let sent = unsafe send(descriptor, "\n", 1, Int32(MSG_OOB))
            if sent == 1 {
                let other = try await harness.raw()
                try await other.exchange("PING\r\n", "+PONG\r\n")
                await other.close()
                var answer = [UInt8](repeating: 0, count: 7)
                // SAFETY: the kernel writes no more than the array has.
                let count = unsafe recv(descriptor, &answer, 7, Int32(MSG_WAITALL))
                #expect(count == 7 && String(decoding: answer, as: UTF8.self) == "+PONG\r\n")
            }
            close(descriptor)
        }
    }
}

@Suite("Without a role", .waiting, .timeLimit(.minutes(5)))
struct WithoutRoleTests {
    private static func policy(_ accounts: String) throws -> AccessPolicy {
        try PolicyDocument.read(Array(#"{"accounts": [\#(accounts)]}"#.utf8))
    }

    @Test
    func `users without a role have few connections each, and few together`() {
        let admission = Admission(descriptors: 100_000)
        for _ in 0..<ServerLimits.connectionsWithoutRole {
            #expect(admission.enter(user: 1, lacksRole: true) == nil)
        }
        let why = admission.enter(user: 1, lacksRole: true)
        #expect(why?.hasPrefix("user 1 has no role in the policy of this daemon, and 16") == true)
        // Its groups may give a role to some of its processes.
        #expect(admission.enter(user: 1) == nil)
        // A policy gives it a role, and takes it again.
        admission.change(user: 1, lacksRole: false)
        #expect(admission.enter(user: 1, lacksRole: true) == nil)
        admission.change(user: 1, lacksRole: true)
        #expect(admission.enter(user: 1, lacksRole: true) != nil)
        admission.leave(user: 1, isStranger: false, lacksRole: true)
        admission.leave(user: 1, isStranger: false, lacksRole: true)
        #expect(admission.enter(user: 1, lacksRole: true) == nil)
        var user: UInt32 = 2
        while admission.enter(user: user, lacksRole: true) == nil { user += 1 }
        #expect(Int(user) == admission.limitWithoutRole - ServerLimits.connectionsWithoutRole + 2)
        #expect(admission.enter(user: user) == nil, "who has a role is not concerned")
    }

    @Test
    func `who loses the role in a policy may say less at once, and more when it is back`()
        async throws
    {
        let policy = try Self.policy(
            """
            {"account": "ci", "uid": 60001, "role": "observe",
             "secrets": [{"hash": "\(PolicyDocumentTests.hash)"}]}
            """
        )
        try await Harness.run(tcp: true, policy: policy) { harness in
            let client = try await TenureClient.connect(
                to: harness.tcp,
                account: "ci",
                password: "correct horse ci"
            )
            let long = String(repeating: "x", count: 20_000)
            #expect(try await client.send(["ECHO", long]) == .string(long))
            harness.policies.replace(try Self.policy(""))
            let error = await #expect(throws: Refusal.self) {
                try await client.send(["ECHO", long])
            }
            #expect(error?.message == "argument 2 has 20000 bytes; the limit is 16384")
            // What is of the usual length is told why it may not be.
            let words = "ACQUIRE p gpu=1 TTL 9 TENANT a HOLDER h REQUEST r PRIORITY normal"
                .split(separator: " ").map(String.init)
            let refusal = await #expect(throws: Refusal.self) { try await client.send(words) }
            #expect(refusal?.code == .notPermitted)
            harness.policies.replace(policy)
            #expect(try await client.send(["ECHO", long]) == .string(long))
            await client.close()
        }
    }
}
