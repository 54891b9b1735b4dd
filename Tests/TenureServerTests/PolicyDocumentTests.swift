// The text and the file of a policy: what is taken, and that every slip is refused with its place.

import Glibc
import TenureModel
import Testing

@testable import TenureServer

@Suite("Policy document")
struct PolicyDocumentTests {
    /// The scrypt of "correct horse ci" with other parameters than ours, made by another program.
    static let hash =
        "$scrypt$ln=14,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$kYbWB7ypxPAcrNe2mBPTS9DUZTURXg3hiqe/b1HOgGs"

    private static func read(_ text: String) throws -> AccessPolicy {
        try PolicyDocument.read(Array(text.utf8))
    }

    private static func account(_ fields: String) -> String {
        #"{"accounts": [{"account": "ci", "uid": 7, "role": "observe", \#(fields)}]}"#
    }

    @Test
    func `users, groups and accounts get what is written, and nobody else anything`() throws {
        let policy = try Self.read(
            """
            {
              "users": [
                {"user": 1001, "role": "acquire", "tenants": ["research/vision", "ops"]},
                {"user": "1002", "role": "observe"},
                {"user": "daemon", "role": "operate"}
              ],
              "groups": [{"group": 50, "role": "acquire", "tenants": ["*"]}],
              "accounts": [{
                "account": "ci", "uid": 60001, "role": "admin",
                "secrets": [{"hash": "\(Self.hash)", "expires": "2027-01-31T00:00:00Z"}],
                "certificates": ["ci.example.org"]
              }]
            }
            """
        )
        let vision = TenantScope(["research/vision", "ops"])
        #expect(policy.permission(uid: 1001, groups: []) == Permission(.acquire, tenants: vision))
        let observer = Permission(.observe, tenants: TenantScope.none)
        #expect(policy.permission(uid: 1002, groups: [51]) == observer)
        let operators = Permission(.operate, tenants: TenantScope.none)
        #expect(policy.permission(uid: 1, groups: []) == operators)
        #expect(policy.permission(uid: 1003, groups: [51, 52]) == nil)
        // What is said of a user and of its groups adds up.
        let sum = try #require(policy.permission(uid: 1002, groups: [49, 50]))
        #expect(sum == Permission(.acquire, tenants: nil))
        #expect(policy.permission(uid: 0, groups: []) == .everything)
        #expect(policy.permission(uid: geteuid(), groups: []) == .everything)
        let account = try #require(policy.accounts["ci"])
        #expect(account.uid == 60_001 && account.permission == .everything)
        #expect(account.secrets.first?.expires == 1_801_353_600)
        #expect(policy.account(forCertificateNames: ["x", "ci.example.org"])?.name == "ci")
        #expect(policy.account(forCertificateNames: ["x"]) == nil)
    }

    @Test
    func `an empty policy denies all but root and the daemon's user`() throws {
        let policy = try Self.read("{}")
        #expect(policy.permission(uid: 1001, groups: [0]) == nil)
        let standing = policy.standing(of: .user(1001, groups: []))
        #expect(standing.role == nil && standing.caller.tenants == TenantScope.none)
        #expect(!standing.caller.isAdmin)
    }

    @Test
    func `in another encoding than UTF-8 nothing is read, or twice the same would be taken`() {
        let twice = #"{"users": [], "users": []}"#.utf8
        for bytes in [twice.flatMap { [$0, 0] }, twice.flatMap { [0, $0] }, [0xff] + twice] {
            let fault = #expect(throws: PolicyFault.self) { try PolicyDocument.read(bytes) }
            #expect(fault?.sentence == "is no UTF-8; save it in that encoding")
        }
    }

    @Test
    func `a class is the highest to ask with, and of several the highest holds`() throws {
        let policy = try Self.read(
            """
            {"users": [
                {"user": 1001, "role": "acquire", "tenants": ["a"], "maxPriority": "low"},
                {"user": 1002, "role": "observe"}, {"user": 1003, "role": "admin"}],
             "groups": [
                {"group": 50, "role": "acquire", "tenants": ["b"], "maxPriority": "high"},
                {"group": 51, "role": "observe"}, {"group": 52, "role": "operate"}]}
            """
        )
        func highest(_ uid: UInt32, _ groups: [UInt32]) -> Priority? {
            policy.permission(uid: uid, groups: groups)?.priorityMax
        }
        #expect(highest(1_001, []) == .low && highest(1_001, [51]) == .low)
        #expect(highest(1_001, [50]) == .high && highest(1_002, [50]) == .high)
        #expect(highest(1_001, [50, 52]) == .critical && highest(1_003, [50]) == .critical)
        let standing = Standing(uid: 1_001, policy.permission(uid: 1_001, groups: []))
        let identity = Identity.user(1_001, groups: [])
        for priority in Priority.allCases {
            var request = AcquireRequest(pool: "main", claims: [])
            request.priority = priority
            let refusal = Roles.refusal(of: .acquire(request), for: standing, identity)
            #expect(refusal?.code == (priority == .low ? nil : .notPermitted), "\(priority)")
        }
    }

    /// One row for each slip; the sentence names the place and what is wrong.
    @Test(arguments: [
        ("", "is no JSON"),
        ("[]", "the whole is no object"),
        (#"{"users": {}}"#, "users is no list"),
        (#"{"Users": []}"#, "Users is not known; there are accounts, groups, users"),
        (#"{"users": [3]}"#, "users[0] is no object"),
        (
            #"{"users": [{"user": "root", "role": "observe", "rol": 1}]}"#,
            "users[0].rol is not known"
        ),
        (#"{"users": [{"role": "observe"}]}"#, "users[0].user is missing"),
        (#"{"users": [{"user": true, "role": "observe"}]}"#, "users[0].user is no name or number"),
        (#"{"users": [{"user": 1.5, "role": "observe"}]}"#, "users[0].user is no number from 0"),
        (#"{"users": [{"user": "nobody-here", "role": "observe"}]}"#, "is no user of this host"),
        (#"{"groups": [{"group": "nobody-here", "role": "observe"}]}"#, "no group of this host"),
        (#"{"users": [{"user": 5}]}"#, "users[0].role is missing"),
        (#"{"users": [{"user": 5, "role": "boss"}]}"#, "users[0].role 'boss' is no role"),
        (#"{"users": [{"user": 5, "role": 1}]}"#, "users[0].role is no text"),
        (#"{"users": [{"user": 5, "role": "acquire"}]}"#, "users[0].tenants are missing"),
        (
            #"{"users": [{"user": 5, "role": "acquire", "tenants": ["a/../b"]}]}"#,
            "users[0].tenants 'a/../b' is no path of names"
        ),
        (
            #"{"users": [{"user": 5, "role": "acquire", "tenants": ["a", "*"]}]}"#,
            "users[0].tenants '*' is no path"
        ),
        (
            #"{"users": [{"user": 5, "role": "acquire", "tenants": ["a", "a"]}]}"#,
            "users[0].tenants has 'a' twice"
        ),
        (
            #"{"users": [{"user": 5, "role": "admin", "tenants": ["a"]}]}"#,
            "users[0].tenants have no meaning for the role admin"
        ),
        (
            #"{"users": [{"user": 5, "role": "operate", "maxPriority": "urgent"}]}"#,
            "users[0].maxPriority 'urgent' is no class; there are low, normal, high, critical"
        ),
        (
            #"{"users": [{"user": 5, "role": "admin", "maxPriority": "low"}]}"#,
            "users[0].maxPriority has no meaning for the role admin"
        ),
        (
            #"{"users": [{"user": 5, "role": "observe"}, {"user": "5", "role": "admin"}]}"#,
            "user 5 (5) is there twice"
        ),
        (#"{"users": [{"user": 5, "role": "observe", "role": "admin"}]}"#, "field 'role' is twice"),
        (#"{"users": [{"user": 5, "r\u006fle": "admin"}]}"#, #"'r\u006fle' is twice"#),
        (account(#""secrets": []"#), "accounts[0].secrets and certificates are both empty"),
        (account(#""secrets": [{"hash": "secret"}]"#), "accounts[0].secrets[0].hash is no hash"),
        (
            account(#""secrets": [{"hash": "\#(hash)", "expires": "tomorrow"}]"#),
            "accounts[0].secrets[0].expires is no time"
        ),
        (account(#""certificates": [""]"#), "accounts[0].certificates are names of 1 to 253"),
        (
            #"{"accounts": [{"account": "default", "uid": 7, "role": "observe"}]}"#,
            "accounts[0].account 'default' is no name"
        ),
        (
            #"{"accounts": [{"account": "ci", "uid": 0, "role": "observe"}]}"#,
            "accounts[0].uid is 1 to 4294967294"
        ),
    ])
    func `what is wrong is refused, with its place`(text: String, sentence: String) {
        let fault = #expect(throws: PolicyFault.self) { try Self.read(text) }
        #expect(fault?.sentence.contains(sentence) == true, "\(fault?.sentence ?? "-")")
    }

    /// The same name may be in two objects, and may look like a text.
    @Test
    func `only names of one object count as repeated`() {
        let fine = #"{"a": {"b": "x", "c": ["b", "b"]}, "d": [{"b": 1}, {"b": "\"b\":"}]}"#
        #expect(RepeatedNames.first(in: Array(fine.utf8)) == nil)
        for text in ["\"", "{\"", "{\"a\"", "}}]]", "{\"a\\", "\"\\"] {
            #expect(RepeatedNames.first(in: Array(text.utf8)) == nil)
        }
    }

    @Test
    func `a hash matches its secret only, and keeps its text`() throws {
        let hash = try #require(SecretHash(Self.hash))
        #expect(hash.text == Self.hash)
        #expect(hash.matches("correct horse ci"))
        #expect(!hash.matches("correct horse cj"))
        let made = try #require(SecretHash.make(of: "correct horse ci"))
        #expect(made.text.hasPrefix("$scrypt$ln=14,r=8,p=5$"))
        #expect(made != SecretHash.make(of: "correct horse ci"), "each has a salt of its own")
        #expect(SecretHash(made.text)?.matches("correct horse ci") == true)
    }

    /// Weaker ones than ours, and those that would take all memory, are none.
    @Test(arguments: [
        "", "$scrypt$", "$scrypt$ln=13,r=8,p=1$", "$scrypt$ln=17,r=8,p=1$",
        "$scrypt$ln=14,r=9,p=1$", "$scrypt$ln=14,r=8,p=17$", "$scrypt$ln=14,r=8,p=0$",
        "$scrypt$ln=14,r=8$", "$argon2id$ln=14,r=8,p=1$",
    ])
    func `parameters out of bounds are refused`(start: String) {
        let rest = Self.hash.split(separator: "$").suffix(2).joined(separator: "$")
        #expect(SecretHash(start + rest) == nil)
        #expect(SecretHash(Self.hash + "A") == nil)
        #expect(SecretHash(Self.hash + "=") == nil)
    }

    // MARK: The file

    private func file(
        _ text: String,
        mode: mode_t = 0o600,
        _ body: (String) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let path = directory.path + "/file"
        // SAFETY: here and below the paths are strings of ours for the calls.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        #expect(unsafe write(descriptor, text, text.utf8.count) == text.utf8.count)
        #expect(fchmod(descriptor, mode) == 0)
        close(descriptor)
        try body(path)
    }

    @Test(arguments: [0o600, 0o644, 0o400])
    func `a file that only its owner can write is read`(mode: mode_t) throws {
        try file("{}", mode: mode) { path in
            let policy = try PolicyFile.read(path)
            #expect(policy.users.isEmpty)
        }
    }

    @Test(arguments: [0o620, 0o602, 0o666])
    func `a file that others can write is refused with 77`(mode: mode_t) throws {
        try file("{}", mode: mode) { path in
            let error = #expect(throws: ServerError.self) { try PolicyFile.read(path) }
            #expect(error?.exitCode == 77)
            #expect(error?.sentence.contains("chmod go-w") == true)
        }
    }

    @Test
    func `a file of another user is refused with 77`() throws {
        try file("{}") { path in
            guard geteuid() == 0 else { return }
            #expect(unsafe chown(path, 4_242, 4_242) == 0)
            let error = #expect(throws: ServerError.self) { try PolicyFile.read(path) }
            #expect(error?.exitCode == 77)
            #expect(error?.sentence.contains("belongs to user 4242") == true)
        }
    }

    @Test
    func `a file with a second name, or where others could put another, is refused with 77`()
        throws
    {
        try file("{}") { path in
            let directory = String(path.dropLast("/file".count))
            #expect(unsafe link(path, "\(directory)/s") == 0)
            let error = #expect(throws: ServerError.self) { try PolicyFile.read(path) }
            #expect(error?.exitCode == 77)
            #expect(error?.sentence.contains("has 2 names") == true)
            #expect(unsafe unlink("\(directory)/s") == 0)
            #expect(unsafe chmod(directory, 0o777) == 0)
            let other = #expect(throws: ServerError.self) { try PolicyFile.read(path) }
            #expect(other?.exitCode == 77)
            #expect(other?.sentence.contains("\(directory) can be written by others") == true)
            #expect(unsafe chmod(directory, 0o1777) == 0)
            _ = try PolicyFile.read(path)
        }
    }

    @Test
    func `what is published may be named by a link, where only its owner can put one`() throws {
        try file("x") { path in
            let directory = String(path.dropLast("/file".count))
            #expect(unsafe symlink("file", "\(directory)/link") == 0)
            let link = "\(directory)/link"
            for rule in [GuardedFile.Rule.published, .secret] {
                let bytes = try GuardedFile.read(link, "file", rule, atMost: 9)
                #expect(bytes == [0x78])
            }
            #expect(unsafe chmod(directory, 0o1777) == 0)
            #expect(try GuardedFile.read(link, "file", .published, atMost: 9) == [0x78])
            #expect(unsafe chmod(directory, 0o777) == 0)
            let error = #expect(throws: ServerError.self) {
                try GuardedFile.read(link, "file", .published, atMost: 9)
            }
            #expect(error?.exitCode == 77)
        }
    }

    @Test
    func `a link, a directory and what is missing are refused`() throws {
        try file("{}") { path in
            let link = String(path.dropLast("file".count)) + "link"
            #expect(unsafe symlink(path, link) == 0)
            #expect(throws: ServerError.self) { try PolicyFile.read(link) }
        }
        #expect(throws: ServerError.self) { try PolicyFile.read("/tmp") }
        let error = #expect(throws: ServerError.self) { try PolicyFile.read("/nowhere/policy") }
        #expect(error?.exitCode == 78)
    }

    @Test
    func `a file that is too long is refused with 78, and so is what is no policy`() throws {
        try file(String(repeating: " ", count: ServerLimits.policyBytes + 1)) { path in
            let error = #expect(throws: ServerError.self) { try PolicyFile.read(path) }
            #expect(error?.exitCode == 78)
            #expect(error?.sentence.contains("is longer than 1048576 bytes") == true)
        }
        try file("{}}") { path in
            let error = #expect(throws: ServerError.self) { try PolicyFile.read(path) }
            #expect(error?.exitCode == 78)
            #expect(error?.sentence.hasPrefix("policy '\(path)': is no JSON") == true)
        }
    }
}
