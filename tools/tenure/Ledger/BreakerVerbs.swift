// Verbs on circuit breakers, and the reports that they are fed with.

internal import ArgumentParser
internal import TenureModel

struct Report: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Say whether what a lease holds works.",
        discussion: """
            Where a pool has breakers, resources that fail too often are left out for a while. \
            Without --resource the report is about every GPU and custom kind of the lease, or \
            about all where it has none.

            EXAMPLES
              tenure report 281474976710661 281474976710661 failed --resource box/gpu0 \\
                --reason 'xid 79'
              tenure report 281474976710661 281474976710661 ok
            """
    )

    /// What is reported.
    enum Outcome: String, ExpressibleByArgument, CaseIterable {
        case ok
        case failed
    }

    @OptionGroup var held: HeldArguments

    @Argument(help: "Whether it works.")
    var outcome: Outcome

    @Option(help: ArgumentHelp("Only about this resource.", valueName: "name"))
    var resource: String?

    @Option(help: ArgumentHelp("What happened.", valueName: "text"))
    var reason: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words()
        words.add("RESOURCE", resource)
        words.add("REASON", reason)
        return held.words("REPORT") + [outcome.rawValue.uppercased()] + words.list
    }
}

struct BreakerNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "breaker",
        abstract: "Show and reset circuit breakers.",
        subcommands: [BreakerList.self, BreakerReset.self]
    )
}

struct BreakerList: ListVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List breakers that are open, half-open, or have failures to count.",
        discussion: """
            EXAMPLES
              tenure breaker list
              tenure breaker list --pool gpus --json
            """
    )

    @Option(help: ArgumentHelp("Of this pool.", valueName: "name"))
    var pool: String?

    @OptionGroup var page: PageOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("BREAKER", "LIST")
        words.add("POOL", pool)
        return words.list + page.words
    }
}

struct BreakerReset: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Close a breaker.",
        discussion: """
            EXAMPLES
              tenure breaker reset resource box/gpu0
              tenure breaker reset pool gpus
            """
    )

    /// What a breaker guards.
    enum Guarded: String, ExpressibleByArgument, CaseIterable {
        case pool
        case resource
    }

    @Argument(help: "What it guards.")
    var guarded: Guarded

    @Argument(help: "Name of the pool or resource.")
    var name: String

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["BREAKER", "RESET", guarded.rawValue.uppercased(), name] }
}
