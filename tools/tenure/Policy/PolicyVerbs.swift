// Verbs about the policy of a daemon: what a file grants, and hashes to put into it.
//
// Neither asks a daemon. What `check` accepts, a daemon of this version takes, as long as it runs
// as the same user: who may own the file depends on that.

internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import SystemPackage
internal import TenureModel
internal import TenureServer

struct PolicyNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Check the policy of a daemon, and make hashes for it.",
        subcommands: [PolicyCheck.self, PolicyHash.self]
    )
}

struct PolicyCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a policy and show what it grants.",
        discussion: """
            Root and the daemon's own user may do everything under every policy; who is not \
            listed may do nothing. What a user and groups of that user may do adds up. After a \
            change, SIGHUP makes a daemon read its policy again.

            EXAMPLES
              tenure policy check /etc/tenure/policy.json

            EXIT STATUS
              0 it can be used   77 others can write the file   78 what it says is wrong
            """
    )

    @Argument(help: ArgumentHelp("The policy.", valueName: "file"))
    var file: String

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let policy: AccessPolicy
        do throws(ServerError) {
            policy = try PolicyFile.read(file)
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
        let answer = policy.document
        if json {
            try Terminal.data(JSONText.of(answer))
        } else {
            try Terminal.data(Rendering.lines(answer))
        }
    }
}

extension AccessPolicy {
    /// What it grants, as it is shown: no hash is in it.
    fileprivate var document: Document {
        let users = users.map { Self.row("user", $0.name, $0.id, $0.permission) }
        let groups = groups.map { Self.row("group", $0.name, $0.id, $0.permission) }
        let accounts = accounts.values.sorted { $0.name < $1.name }.map { account in
            let secrets = account.secrets.map { secret in
                secret.expires.map {
                    "until \(Date(timeIntervalSince1970: $0).formatted(.iso8601))"
                }
                    ?? "for good"
            }
            return Self.row(
                "account",
                account.name,
                account.uid,
                account.permission,
                [
                    .init("secrets", .list(secrets.map(Document.string))),
                    .init("certificates", .list(account.certificates.map(Document.string))),
                ]
            )
        }
        return .map([.init("items", .list(users + groups + accounts))])
    }

    private static func row(
        _ sort: String,
        _ name: String,
        _ number: UInt32,
        _ permission: Permission,
        _ more: [Document.Field] = []
    ) -> Document {
        let tenants: [String] =
            permission.role < .acquire ? [] : permission.tenants?.paths ?? ["*"]
        let priority = permission.role < .acquire ? "" : permission.priorityMax.name
        return .map(
            [
                .init("who", .string(sort)), .init("name", .string(name)),
                .init("number", .count(UInt64(number))),
                .init("role", .string(permission.role.rawValue)),
                .init("tenants", .list(tenants.map(Document.string))),
                .init("maxPriority", .string(priority)),
            ] + more
        )
    }
}

struct PolicyHash: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash",
        abstract: "Print the hash of a secret, for the field 'hash' of an account.",
        discussion: """
            The secret is the first line of the standard input, never an argument, which other \
            users could see. With --random a secret of 256 bits is made and printed first: that \
            is the one to give to whoever is to use the account.

            EXAMPLES
              tenure policy hash < secret
              tenure policy hash --random
            """
    )

    @Flag(help: "Make the secret too.")
    var random = false

    func run() throws {
        let secret = random ? PolicySecret.random() : try PolicySecret.read()
        guard let hash = SecretHash.make(of: secret) else {
            throw Failure(.system, "there is no memory for the hash; 16 MiB are needed")
        }
        try Terminal.data(random ? [secret, hash.text] : [hash.text])
    }
}

/// Secrets of accounts.
package enum PolicySecret {
    /// The shortest and the longest, in bytes: as the password of a daemon.
    package static let bytes = 16...1_024

    /// 256 bits in base64 that needs no quotes anywhere.
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return Data(bytes).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    static func read() throws -> String {
        var input: [UInt8] = []
        var part = [UInt8](repeating: 0, count: bytes.upperBound + 2)
        while input.count <= bytes.upperBound + 1 {
            let count = try unsafe part.withUnsafeMutableBytes { room in
                // SAFETY: no more is written than the room that is passed.
                try unsafe FileDescriptor.standardInput.read(into: room)
            }
            if count == 0 { break }
            input += part[..<count]
        }
        return try line(of: input)
    }

    /// The first line of what was given.
    package static func line(of input: [UInt8]) throws -> String {
        let line = input.prefix { $0 != UInt8(ascii: "\n") }
        guard bytes.contains(line.count), let secret = String(validating: line, as: UTF8.self)
        else {
            throw Failure(
                .usage,
                "a secret is one line of \(bytes.lowerBound) to \(bytes.upperBound) bytes of UTF-8 "
                    + "on the standard input; --random makes one"
            )
        }
        return secret
    }
}
