// The policy of a daemon as it is shipped: checked before anything is opened, and read again when
// told; and the verbs that check a policy and make hashes.

import FoundationEssentials
import Glibc
import TenureClient
import TenureModel
import TenureTesting
import Testing

@testable import TenureCommand

@Suite("Policy of a daemon", .waiting, .timeLimit(.minutes(5)))
struct PolicyTests {
    private let daemon = TestDaemon()

    private var path: String { daemon.home + "/policy.json" }

    /// Writes the policy; it appears whole, as one that is deployed should.
    private func write(_ text: String, mode: Int = 0o600) throws {
        let aside = path + ".new"
        #expect(FileManager.default.createFile(atPath: aside, contents: Data(text.utf8)))
        // SAFETY: the paths are strings of ours for the calls.
        #expect(unsafe chmod(aside, mode_t(mode)) == 0)
        #expect(unsafe rename(aside, path) == 0)
    }

    private func account(_ role: String, _ hash: String) -> String {
        #"{"accounts": [{"account": "ci", "uid": 60001, "role": \#(role), "#
            + #""secrets": [{"hash": "\#(hash)"}]}]}"#
    }

    @Test
    func `a policy that is wrong is told before the ledger is made`() async throws {
        try write(#"{"users": [{"user": "root", "role": "boss"}]}"#)
        try daemon.spawn(["--policy", path])
        #expect(try await daemon.end() == 78)
        #expect(daemon.words.contains("users[0].role 'boss' is no role"))
        try write("{}", mode: 0o666)
        try daemon.spawn(["--policy", path])
        #expect(try await daemon.end() == 77)
        try write("{}")
        try daemon.spawn(["--policy", path, "--tcp", "127.0.0.1:7421"])
        #expect(try await daemon.end() == 78)
        #expect(daemon.words.contains("has no accounts"))
        #expect(!FileManager.default.fileExists(atPath: daemon.data))
    }

    /// It would be an admin's, whatever the policy says, and clients have a variable of that name.
    @Test
    func `a password in the environment is refused beside a policy`() async throws {
        try write(account(#""observe""#, "$scrypt$ln=14,r=8,p=5$\(salt)$\(salt)\(salt.dropLast())"))
        let variable = "export TENURE_PASSWORD=0123456789abcdef"
        let options = ["--policy", path, "--tcp", "127.0.0.1:7421"]
        try daemon.spawn(options, limits: variable)
        #expect(try await daemon.end() == 78)
        #expect(daemon.words.contains("TENURE_PASSWORD would make an admin"))
        #expect(!FileManager.default.fileExists(atPath: daemon.data))
    }

    private var salt: String { String(repeating: "A", count: 22) }

    /// Over TCP with an account, whose role the file changes under the running daemon.
    @Test
    func `SIGHUP takes a good policy as a whole, and keeps the old one over a bad one`()
        async throws
    {
        let made = try await daemon.run(["policy", "hash", "--random"])
        let lines = made.words.split(separator: "\n").map(String.init)
        try #require(made.status == 0 && lines.count == 2)
        try write(account(#""acquire", "tenants": ["ci"], "maxPriority": "normal""#, lines[1]))
        let port = 20_000 + Int(getpid() % 20_000)
        try await daemon.start(["--policy", path, "--tcp", "127.0.0.1:\(port)"])
        try await daemon.declare()
        let client = try await TenureClient.connect(
            to: .tcp(host: "127.0.0.1", port: port),
            account: "ci",
            password: lines[0]
        )
        let theirs = ["ACQUIRE", "main", "cpu=1", "TTL", "60000", "TENANT", "ops"]
        await #expect(throws: Refusal.self) { try await client.send(theirs) }
        let grant = try await client.send(Array(theirs.dropLast()) + ["ci/build"])
        #expect(grant["status"] == .string("granted"))
        let high = Array(theirs.dropLast()) + ["ci", "PRIORITY", "high"]
        let refusal = await #expect(throws: Refusal.self) { try await client.send(high) }
        #expect(refusal?.code == .notPermitted)
        #expect(refusal?.message.contains("not ask with PRIORITY high, but with normal") == true)
        try write(#"{"accounts": 1}"#)
        daemon.signal(SIGHUP)
        while !daemon.words.contains("accounts is no list") { await Task.yield() }
        _ = try await client.send(Array(theirs.dropLast()) + ["ci"])
        try write(account(#""observe""#, lines[1]))
        daemon.signal(SIGHUP)
        while !daemon.words.contains("policy read again") { await Task.yield() }
        _ = try await client.send(["STATUS"])
        await #expect(throws: Refusal.self) {
            try await client.send(Array(theirs.dropLast()) + ["ci"])
        }
        await client.close()
        #expect(!daemon.words.contains(lines[0]) && !daemon.words.contains(lines[1]))
        #expect(try await daemon.stop() == 0)
        // Who took the lease is in the log.
        let log = try await daemon.run(["audit", "log", daemon.data, "--json"])
        #expect(log.words.contains("60001"))
    }

    @Test
    func `check shows what a policy grants, and no hash`() async throws {
        try write(
            #"{"users": [{"user": "root", "role": "acquire", "tenants": ["a", "b"]}], "#
                + #""groups": [{"group": 4242, "role": "operate"}]}"#
        )
        let shown = try await daemon.run(["policy", "check", path])
        #expect(shown.status == 0)
        #expect(shown.words.contains("root") && shown.words.contains("operate"))
        let json = try await daemon.run(["policy", "check", path, "--json"])
        #expect(json.words.contains(#""tenants":["a","b"]"#), "\(json.words)")
        try write("{")
        let wrong = try await daemon.run(["policy", "check", path])
        #expect(wrong.status == 78 && wrong.words.contains(path))
    }

    @Test(arguments: ["", "short\n", String(repeating: "a", count: 1_025), "0123456789abcde\nf"])
    func `what is no secret is refused`(text: String) {
        let failure = #expect(throws: Failure.self) {
            try PolicySecret.line(of: Array(text.utf8))
        }
        #expect(failure?.status == ExitStatus.usage.rawValue)
    }

    @Test
    func `a secret is the first line of what is given`() throws {
        #expect(try PolicySecret.line(of: Array("0123456789abcdef\nx".utf8)) == "0123456789abcdef")
    }
}
