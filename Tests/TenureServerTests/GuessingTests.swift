// Wrong secrets: how many are looked at, of whom, and whom that keeps out.

import NIOCore
import TenureModel
import TenureTesting
import Testing

@testable import TenureClient
@testable import TenureServer

@Suite("Guessing", .waiting, .timeLimit(.minutes(5)))
struct GuessingTests {
    private static let secret = "correct horse ci"
    private static let wrong =
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n"

    private static func policy() throws -> AccessPolicy {
        try PolicyDocument.read(
            Array(
                """
                {"accounts": [{"account": "ci", "uid": 60001, "role": "observe",
                               "secrets": [{"hash": "\(PolicyDocumentTests.hash)"}]}]}
                """.utf8
            )
        )
    }

    private func attempt(
        _ secret: String,
        _ peer: PeerAddress,
        as account: String = "default",
        at now: Int64 = 100
    ) -> SecretVerifier.Attempt {
        .init(account: account, secret: secret, peer: peer, now: now, date: 0)
    }

    private func isRight(_ outcome: SecretVerifier.Outcome) -> Bool {
        if case .right = outcome { true } else { false }
    }

    /// What became of an attempt that needs the verifier's thread.
    private func verify(
        _ verifier: SecretVerifier,
        _ attempt: SecretVerifier.Attempt,
        _ policy: AccessPolicy
    ) async -> SecretVerifier.Outcome {
        await withCheckedContinuation { continuation in
            verifier.verify(attempt, of: policy.accounts[attempt.account]) {
                continuation.resume(returning: $0)
            }
        }
    }

    @Test
    func `an address, an account and all have windows of their own, each of a minute`() {
        var windows = FailureWindows()
        for count in 0..<UInt32(ServerLimits.failuresPerPeer) {
            #expect(windows.bound("ci", .host(1), at: 100) == nil, "\(count)")
            windows.note("ci", .host(1), at: 100)
        }
        #expect(windows.bound("ci", .host(1), at: 159) == .peer)
        #expect(windows.bound("ci", .host(2), at: 159) == nil)
        for _ in 0..<ServerLimits.failuresPerAccount - ServerLimits.failuresPerPeer {
            windows.note("ci", .host(2), at: 100)
        }
        #expect(windows.bound("ci", .host(3), at: 159) == .account)
        #expect(windows.bound("cj", .host(3), at: 159) == nil)
        for count in 0..<UInt32(ServerLimits.failuresPerWindow - ServerLimits.failuresPerAccount) {
            windows.note("\(count)", .host(100 + count), at: 100)
        }
        #expect(windows.bound("cj", .host(3), at: 159) == .all)
        #expect(windows.bound("ci", .host(1), at: 160) == nil)
    }

    @Test
    func `addresses beyond those that are counted are counted as one`() {
        var windows = FailureWindows()
        for peer in 0..<UInt32(ServerLimits.failingPeers + ServerLimits.failuresPerPeer) {
            windows.notePeer(.host(peer), at: 100)
        }
        #expect(windows.bound("ci", .host(1), at: 100) == nil)
        #expect(windows.bound("ci", .host(.max), at: 100) == .peer)
        windows.notePeer(.host(.max), at: 160)
        #expect(windows.bound("ci", .host(.max), at: 160) == nil)
    }

    @Test
    func `a password that was right before lets in while others guess, from where nobody does`()
        throws
    {
        let verifier = try SecretVerifier(hasAccounts: false)
        let word = Harness.password
        #expect(isRight(verifier.check(attempt(word, .host(1)), against: word)))
        for guess in 0..<UInt32(ServerLimits.failuresPerAccount) {
            _ = verifier.check(attempt("\(guess)", .host(100 + guess)), against: word)
        }
        guard case .closed(.account) = verifier.check(attempt("x", .host(2)), against: word) else {
            Issue.record("guesses go on")
            return
        }
        #expect(isRight(verifier.check(attempt(word, .host(2)), against: word)))
        // While the door is closed a guess counts where it comes from: else there were no end.
        for _ in 0..<ServerLimits.failuresPerPeer {
            _ = verifier.check(attempt("x", .host(3)), against: word)
        }
        #expect(!isRight(verifier.check(attempt(word, .host(3)), against: word)))
        #expect(isRight(verifier.check(attempt(word, .host(3), at: 161), against: word)))
    }

    @Test
    func `a password that was never right waits for the minute to be over`() throws {
        let verifier = try SecretVerifier(hasAccounts: false)
        let word = Harness.password
        for guess in 0..<UInt32(ServerLimits.failuresPerAccount) {
            _ = verifier.check(attempt("\(guess)", .host(100 + guess)), against: word)
        }
        #expect(!isRight(verifier.check(attempt(word, .host(2)), against: word)))
        #expect(isRight(verifier.check(attempt(word, .host(2), at: 160), against: word)))
    }

    /// Known at once: the answer comes before the call returns, so no thread was asked.
    @Test
    func `a secret of an account that was right is known again, until the policy has it no more`()
        async throws
    {
        let verifier = try SecretVerifier(hasAccounts: true)
        let policy = try Self.policy()
        let attempt = attempt(Self.secret, .host(1), as: "ci")
        #expect(isRight(await verify(verifier, attempt, policy)))
        for guess in 0..<UInt32(ServerLimits.failuresPerWindow) {
            _ = await verify(
                verifier,
                self.attempt("x", .host(100 + guess), as: "\(guess % 4)"),
                try PolicyDocument.read(Array("{}".utf8))
            )
            if guess == 1 { break }
        }
        await verifier.end()
        // Without its thread it knows what it knows.
        #expect(isRight(await verify(verifier, attempt, policy)))
        let other = try PolicyDocument.read(Array("{}".utf8))
        #expect(!isRight(await verify(verifier, attempt, other)))
    }

    /// The thread looks at one of them; nobody waits for the others.
    @Test
    func `so many secrets wait and no more, in all and of one address`() async throws {
        let verifier = try SecretVerifier(hasAccounts: true)
        let policy = try Self.policy()
        let (outcomes, continuation) = AsyncStream.makeStream(of: Bool.self)
        let count = ServerLimits.secretsWaitingPerPeer + 1
        for number in 0..<count {
            let attempt = attempt("wrong \(number)", .host(1), as: "ci")
            verifier.verify(attempt, of: policy.accounts["ci"]) { outcome in
                if case .busy = outcome {
                    continuation.yield(true)
                } else {
                    continuation.yield(false)
                }
            }
        }
        var busy = 0
        var left = count
        for await isBusy in outcomes {
            if isBusy { busy += 1 }
            left -= 1
            if left == 0 { break }
        }
        #expect(busy >= 1)
        await verifier.end()
    }

    @Test
    func `past the limit of an address AUTH is BUSY there, for right ones too`() async throws {
        try await Harness.run(tcp: true, policy: try Self.policy()) { harness in
            for _ in 0..<ServerLimits.failuresPerPeer {
                let raw = try await harness.raw(harness.tcp)
                try await raw.exchange("AUTH wrong\r\n", Self.wrong)
                await raw.close()
            }
            for words in ["AUTH ci \"\(Self.secret)\"\r\n", "AUTH \"\(Harness.password)\"\r\n"] {
                let raw = try await harness.raw(harness.tcp)
                try await raw.send(words)
                let answer = try await raw.readToEnd()
                #expect(answer.hasPrefix("-BUSY 10 wrong passwords within 60 s, the limit of one"))
                await raw.close()
            }
        }
    }

    /// There is nothing to guess, so it costs nothing to close the door with.
    @Test
    func `the password of a daemon that has none is wrong and not counted`() async throws {
        let policy = try Self.policy()
        try await Harness.run(tcp: true, policy: policy, password: nil) { harness in
            for _ in 0..<ServerLimits.failuresPerPeer {
                let raw = try await harness.raw(harness.tcp)
                try await raw.send("AUTH default x\r\nAUTH default x\r\nAUTH x\r\n")
                #expect(
                    try await raw.readToEnd() == String(repeating: Self.wrong, count: 3)
                )
                await raw.close()
            }
            let client = try await TenureClient.connect(
                to: harness.tcp,
                account: "ci",
                password: Self.secret
            )
            _ = try await client.send(["STATUS"])
            // Said again it is known, as often as it is said.
            for _ in 0..<50 { _ = try await client.send(["AUTH", "ci", Self.secret]) }
            await client.close()
        }
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("2001:db8::1", "2001:db8::ffff:1", true), ("2001:db8::1", "2001:db8:0:1::1", false),
    ])
    func `an address is a host, or the network that a host has`(
        one: String,
        other: String,
        isSame: Bool
    ) throws {
        let addresses = try [one, other].map { try PeerAddress(.init(ipAddress: $0, port: 1)) }
        #expect((addresses[0] == addresses[1]) == isSame)
        #expect(addresses[0] != .unknown)
    }
}
