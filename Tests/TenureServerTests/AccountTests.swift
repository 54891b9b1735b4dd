// Accounts over TCP: secrets, roles and tenants, and a policy that changes under a connection.

import TenureModel
import TenureTesting
import Testing

@testable import TenureClient
@testable import TenureServer

@Suite("Accounts", .waiting, .timeLimit(.minutes(5)))
struct AccountTests {
    private static let secret = "correct horse ci"
    private static let wrong =
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n"

    /// A policy with the account `ci`.
    private static func policy(
        _ role: String = #""acquire", "tenants": ["research"]"#,
        expires: String? = nil,
        hash: String = PolicyDocumentTests.hash
    ) throws -> AccessPolicy {
        let end = expires.map { #", "expires": "\#($0)""# } ?? ""
        return try PolicyDocument.read(
            Array(
                """
                {"accounts": [{"account": "ci", "uid": 60001, "role": \(role),
                               "secrets": [{"hash": "\(hash)"\(end)}]}]}
                """.utf8
            )
        )
    }

    private static func client(_ harness: Harness) async throws -> TenureClient {
        try await TenureClient.connect(to: harness.tcp, account: "ci", password: secret)
    }

    private static func code(_ client: TenureClient, _ words: String) async throws -> RefusalCode? {
        do {
            _ = try await client.send(words.split(separator: " ").map(String.init))
            return nil
        } catch let refusal as Refusal {
            return refusal.code
        }
    }

    @Test
    func `an account asks as its uid, for its tenants and within its role`() async throws {
        try await Harness.run(tcp: true, policy: try Self.policy()) { harness in
            let client = try await Self.client(harness)
            #expect(try await Self.code(client, "ACQUIRE gpus gpu=1 TENANT research TTL 9") == nil)
            let scope = TenantScope(["research"])
            let caller = Caller(uid: 60_001, isAdmin: false, tenants: scope)
            #expect(harness.ledger.callers == [caller])
            #expect(try await Self.code(client, "POOL SET gpus") == .notPermitted)
            #expect(try await Self.code(client, "QUOTA SET a gpu LIMIT 1") == .notPermitted)
            #expect(harness.ledger.callers.count == 1, "what is refused does not reach the ledger")
            let facts = try await client.send(["CLIENT", "INFO"])
            #expect("\(facts)".contains(" user=ci "))
            await client.close()
        }
    }

    @Test
    func `a wrong secret or name is told alike, and the third ends the connection`() async throws {
        try await Harness.run(tcp: true, policy: try Self.policy()) { harness in
            let raw = try await harness.raw(harness.tcp)
            try await raw.exchange("AUTH ci wrong\r\n", Self.wrong)
            try await raw.exchange("AUTH cj \"\(Self.secret)\"\r\n", Self.wrong)
            try await raw.send("HELLO 3 AUTH ci wrong\r\nPING\r\n")
            #expect(try await raw.readToEnd() == Self.wrong)
            await raw.close()
        }
    }

    /// What follows AUTH in one write waits for it, and is answered behind it.
    @Test
    func `requests behind a secret that is looked at are answered in order`() async throws {
        try await Harness.run(tcp: true, policy: try Self.policy()) { harness in
            let raw = try await harness.raw(harness.tcp)
            try await raw.exchange(
                "AUTH ci \"\(Self.secret)\"\r\nPING\r\nECHO x\r\n",
                "+OK\r\n+PONG\r\n$1\r\nx\r\n"
            )
            // The one password still makes an admin, beside the accounts.
            let other = try await harness.raw(harness.tcp)
            try await other.exchange("AUTH \"\(Harness.password)\"\r\n", "+OK\r\n")
            await raw.close()
            await other.close()
        }
    }

    @Test
    func `a client that goes while its secret is looked at leaves nothing behind`() async throws {
        try await Harness.run(tcp: true, policy: try Self.policy()) { harness in
            for _ in 0..<4 {
                let raw = try await harness.raw(harness.tcp)
                try await raw.send("AUTH ci \"\(Self.secret)\"\r\n")
                await raw.close()
            }
            try await harness.wait { harness.front.hubs[0].admission.figures.now == 0 }
        }
    }

    @Test
    func `one account can not take the connections of others`() {
        let admission = Admission(descriptors: 128)
        let limit = admission.limitPerUser
        #expect(limit < admission.limit)
        for count in 1...limit {
            #expect(admission.enter(user: nil) == nil, "\(count)")
            #expect(admission.introduce(user: 60_001) == nil, "\(count)")
        }
        #expect(admission.enter(user: nil) == nil)
        let why = admission.introduce(user: 60_001)
        #expect(why == "user 60001 has \(limit) connections, the limit of one user; close some")
        // It is a stranger still, and as such it goes.
        admission.leave(user: nil, isStranger: true)
        #expect(admission.enter(user: nil) == nil)
        #expect(admission.introduce(user: 60_002) == nil)
        admission.leave(user: 60_001, isStranger: false)
        #expect(admission.enter(user: 60_001) == nil)
    }

    @Test
    func `a secret that has ended opens nothing`() async throws {
        let policy = try Self.policy(expires: "2001-01-01T00:00:00Z")
        try await Harness.run(tcp: true, policy: policy) { harness in
            let raw = try await harness.raw(harness.tcp)
            try await raw.exchange("AUTH ci \"\(Self.secret)\"\r\n", Self.wrong)
            await raw.close()
        }
    }

    /// The policy changes while one connection stays open.
    @Test
    func `a policy that is replaced holds for the next command of every connection`()
        async throws
    {
        try await Harness.run(tcp: true, policy: try Self.policy()) { harness in
            let client = try await Self.client(harness)
            #expect(try await Self.code(client, "WATCH") == nil)
            #expect(try await Self.code(client, "POOL SET gpus") == .notPermitted)
            harness.policies.replace(try Self.policy(#""operate""#))
            #expect(try await Self.code(client, "POOL SET gpus") == nil)
            let last = try #require(harness.ledger.callers.last)
            #expect(last.tenants == TenantScope.none)
            harness.policies.replace(try Self.policy(#""admin""#))
            #expect(try await Self.code(client, "QUOTA SET a gpu LIMIT 1") == nil)
            #expect(harness.ledger.callers.last == Caller(uid: 60_001, isAdmin: true))
            // Its secret is taken out of the file, or has ended meanwhile: it may do nothing more.
            let made = try #require(SecretHash.make(of: "another horse ci"))
            for policy in [
                try Self.policy(hash: made.text), try Self.policy(expires: "2001-01-01T00:00:00Z"),
                try PolicyDocument.read(Array("{}".utf8)),
            ] {
                harness.policies.replace(policy)
                #expect(try await Self.code(client, "STATUS") == .notPermitted)
                #expect(try await Self.code(client, "WATCH") == .notPermitted)
                #expect(try await Self.code(client, "PING") == nil)
            }
            harness.ledger.notify("granted", lease: nil, pool: "a")
            #expect(try await Self.code(client, "PING") == nil)
            await client.close()
            var pushes = client.pushes.makeAsyncIterator()
            #expect(await pushes.next() == nil, "nothing is pushed to who may not read any more")
        }
    }
}
