// Verbs on what is held: renew, release, check, commit, cancel, lease …, request get.

internal import ArgumentParser
internal import TenureClient
package import TenureModel

/// A lease, reservation or session with the token of its holder.
struct HeldArguments: ParsableArguments {
    @Argument(help: "Its id, the number in the answer to the grant.")
    var id: UInt64

    @Argument(help: "Its token, the number beside it.")
    var token: UInt64

    /// The command as the protocol has it.
    func words(_ verb: String...) -> [String] {
        verb + [String(id), String(token)]
    }
}

/// Parts of a lease.
struct PartOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Only this much of a resource; repeatable.", valueName: "name=quantity")
    )
    var part: [String] = []

    func validate() throws {
        for part in part where !part.contains("=") {
            throw ValidationError("'\(part)' is no part; say resource=quantity, as gpu0=500m")
        }
    }

    var words: [String] { part.isEmpty ? [] : [part.joined(separator: ",")] }
}

struct Renew: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Move the deadline of a lease.",
        discussion: """
            The new deadline is now plus --ttl, or plus the TTL the lease was granted with; never \
            earlier than the old one. At or past its deadline a lease can not be renewed.

            EXAMPLES
              tenure renew 281474976710661 281474976710661
              tenure renew 281474976710661 281474976710661 --ttl 2h
            """
    )

    @OptionGroup var held: HeldArguments

    @Option(
        help: ArgumentHelp("How long from now.", valueName: "duration"),
        transform: Durations.parse
    )
    var ttl: UInt64?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        held.words("RENEW") + (ttl.map { ["TTL", String($0)] } ?? [])
    }
}

struct Release: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Give a lease, or parts of it, back.",
        discussion: """
            Releasing again with the same token succeeds and says that it had ended.

            EXAMPLES
              tenure release 281474976710661 281474976710661
              tenure release 281474976710661 281474976710661 --part gpu0=500m
            """
    )

    @OptionGroup var held: HeldArguments
    @OptionGroup var parts: PartOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { held.words("RELEASE") + parts.words }
}

struct Check: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Tell whether a token is the current one of a valid lease.",
        discussion: """
            For whoever guards a resource: exit code 0 while the lease is valid, else 1 with \
            FENCED or EXPIRED.

            EXAMPLES
              tenure check 281474976710661 281474976710661
            """
    )

    @OptionGroup var held: HeldArguments
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { held.words("CHECK") }
}

struct Commit: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Turn a reservation, or parts of it, into a lease.",
        discussion: """
            What is not named goes back. A reservation resolves once.

            EXAMPLES
              tenure commit 281474976710670 281474976710670
              tenure commit 281474976710670 281474976710670 --part gpu0=1 --part memory=16Gi
            """
    )

    @OptionGroup var held: HeldArguments
    @OptionGroup var parts: PartOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { held.words("COMMIT") + parts.words }
}

struct Cancel: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Give a reservation back.",
        discussion: """
            EXAMPLES
              tenure cancel 281474976710670 281474976710670
            """
    )

    @OptionGroup var held: HeldArguments
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { held.words("CANCEL") }
}

struct LeaseNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lease",
        abstract: "List, show and revoke leases and reservations.",
        subcommands: [LeaseList.self, LeaseShow.self, LeaseRevoke.self]
    )
}

struct LeaseList: ListVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List leases and reservations by age.",
        discussion: """
            Tokens are shown to their holder's user and to administrators only.

            EXAMPLES
              tenure lease list --pool gpus
              tenure lease list --tenant research --all --json
            """
    )

    @Option(help: ArgumentHelp("Of this pool.", valueName: "name"))
    var pool: String?

    @Option(help: ArgumentHelp("Of this tenant and those below it.", valueName: "path"))
    var tenant: String?

    @Option(help: ArgumentHelp("Of this holder.", valueName: "name"))
    var holder: String?

    @OptionGroup var page: PageOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("LEASE", "LIST")
        words.add("POOL", pool)
        words.add("TENANT", tenant)
        words.add("HOLDER", holder)
        return words.list + page.words
    }
}

struct LeaseShow: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one lease or reservation.",
        discussion: """
            EXAMPLES
              tenure lease show 281474976710661
            """
    )

    @Argument(help: "Its id.")
    var lease: UInt64

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["LEASE", "GET", String(lease)] }
}

struct LeaseRevoke: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take a lease from its holder, or many; needs no token.",
        discussion: """
            The reason is recorded. Exclusive amounts stay quarantined for the pool's lockDelay, \
            because the holder may still use them.

            With 'all' instead of an id it takes every lease and reservation that is all that the \
            options say, and what is carved from those, 128 a step until none is left; with \
            --dry-run it lists them and takes nothing. Who is not to acquire anew meanwhile needs \
            a quota of 0, or a node that is cordoned, before.

            EXAMPLES
              tenure lease revoke 281474976710661 'node is going down'
              tenure lease revoke all 'node is going down' --node host1 --dry-run
              tenure lease revoke all 'wrong image' --tenant research --tag job=7
            """
    )

    @Argument(help: "Its id, or all.")
    var lease: String

    @Argument(help: "Why; recorded and told to the holder.")
    var reason: String

    @Option(help: ArgumentHelp("Of this pool.", valueName: "name"))
    var pool: String?

    @Option(help: ArgumentHelp("Of this tenant and those below it.", valueName: "path"))
    var tenant: String?

    @Option(help: ArgumentHelp("Of this holder.", valueName: "name"))
    var holder: String?

    @Option(help: ArgumentHelp("With something on this node.", valueName: "name"))
    var node: String?

    @Option(help: ArgumentHelp("With this tag; repeatable.", valueName: "name=value"))
    var tag: [String] = []

    @Flag(help: "List them and take nothing.")
    var dryRun = false

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("LEASE", "REVOKE", lease, reason)
        words.add("POOL", pool)
        words.add("TENANT", tenant)
        words.add("HOLDER", holder)
        words.add("NODE", node)
        words.add("TAG", joined: tag)
        words.add(flag: "DRYRUN", dryRun)
        return words.list
    }

    mutating func run() async throws {
        let first = request()
        let answer = try await options.withClient { client in
            let answer = try await client.send(first)
            var steps = RevokedSteps(answer)
            while let cursor = steps.cursor {
                steps.add(try await client.send(ListPages.arguments(first, after: cursor)))
            }
            return steps.document
        }
        try options.show(answer)
    }
}

/// The answers of one step after the other, as one.
package struct RevokedSteps {
    private var answer: Document
    private var items: [Document] = []
    private var revoked: Int64 = 0

    /// Begins with the answer to the first.
    package init(_ answer: Document) {
        self.answer = answer
        add(answer)
    }

    /// Where the last step ended; nothing when nothing is left to do.
    package var cursor: String? { ListPages.cursor(of: answer) }

    /// Takes the answer to the next step in.
    package mutating func add(_ answer: Document) {
        self.answer = answer
        if case .list(let more)? = answer["items"] { items += more }
        if case .integer(let count)? = answer["revoked"] { revoked += count }
    }

    /// All of them: the last answer, with the items of all and how many were taken.
    package var document: Document {
        guard case .map(let fields) = answer else { return answer }
        return .map(
            fields.map { field in
                switch field.name {
                case "items": .init("items", .list(items))
                case "revoked": .init("revoked", .integer(revoked))
                default: field
                }
            }
        )
    }
}

struct RequestNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "request",
        abstract: "Ask for the answer to an earlier request.",
        subcommands: [RequestGet.self]
    )
}

struct RequestGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show the stored answer of a request id.",
        discussion: """
            After a lost connection or a restart this tells whether the request took effect.

            EXAMPLES
              tenure request get 7f3a --tenant research/vision
            """
    )

    @Argument(help: "The id that was given with --request.")
    var id: String

    @Option(help: ArgumentHelp("Tenant that asked.", valueName: "path"))
    var tenant: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("REQUEST", "GET", id)
        words.add("TENANT", tenant)
        return words.list
    }
}

struct Explain: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Tell why a lease was granted and how it ended, or what a request waits for.",
        discussion: """
            The answer is from the log: the strategy, the places that were considered, what \
            came after, and what ended it, each with its position. For a request id whose \
            answer was a refusal, the refusal; for a request that is queued, who comes before it, \
            what it lacks, and which leases hold most of that. Of a stopped ledger, \
            'tenure audit explain' tells it.

            EXAMPLES
              tenure explain 281474976710661
              tenure explain 7f3a --tenant research/vision
            """
    )

    @Argument(help: "A lease, a ticket, or the id that was given with --request.")
    var subject: String

    @Option(help: ArgumentHelp("Tenant that asked, for a request id.", valueName: "path"))
    var tenant: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("EXPLAIN", subject)
        words.add("TENANT", tenant)
        return words.list
    }
}
