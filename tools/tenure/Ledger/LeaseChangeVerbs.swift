// Verbs that change a lease which is held: grow, handover, sublease.

internal import ArgumentParser
internal import TenureModel

/// What makes repeating a verb safe.
struct RequestOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Makes repeating it safe; 1 to 64 bytes.", valueName: "id"))
    var request: String?
}

struct Grow: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Add amounts to a lease, all of them or nothing.",
        discussion: """
            They come from the places where the lease is as long as there is room, then from those \
            that the strategy prefers; with --node from that place only. The lease has a new token \
            afterwards. With --request, repeating the command with the old token returns the first \
            answer. To give a part back: 'tenure release --part'.

            With --wait it waits where capacity or quota is taken. A wait that would never end, \
            because those who hold what is missing wait for what this one holds, is refused: exit \
            code 1, DEADLOCK, naming who waits for whom.

            EXAMPLES
              tenure grow 281474976710661 281474976710661 --claim memory=16Gi --node box
              tenure grow 281474976710661 281474976710661 --claim 2*gpu=1 --request 7f3b
            """
    )

    @OptionGroup var held: HeldArguments

    @Option(
        help: ArgumentHelp(
            "Amounts in one place, [count*]kind=quantity[,…]; repeatable.",
            valueName: "claim"
        )
    )
    var claim: [String]

    @Option(help: ArgumentHelp("The one place they must come from.", valueName: "name"))
    var node: String?

    @Option(
        help: ArgumentHelp("Label a place must have; a|b allows both.", valueName: "name=value")
    )
    var select: [String] = []

    @Option(
        help: ArgumentHelp("One of \(StrategyOption.names).", valueName: "name"),
        transform: StrategyOption.parse
    )
    var strategy: Strategy?

    @Option(
        help: ArgumentHelp(
            "Wait so long where capacity or quota is taken; not with --node.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var wait: UInt64?

    @Option(
        help: ArgumentHelp(
            "Exactly as 'tenure optimize' told with this version, or not at all; with --node.",
            valueName: "version"
        )
    )
    var plan: UInt64?

    @OptionGroup var repeating: RequestOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("GROW", String(held.id), String(held.token), claim.joined(separator: "+"))
        words.add("NODE", node)
        words.add("SELECT", joined: select)
        words.add("STRATEGY", strategy?.rawValue)
        words.add("WAIT", wait)
        words.add("REQUEST", repeating.request)
        words.add("PLAN", plan)
        return words.list
    }
}

struct HandOver: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "handover",
        abstract: "Give a lease to another holder, with a new token.",
        discussion: """
            The old token is void from then on. Who runs this command may see the new one, so a \
            successor that is another user runs it itself. Without --ttl and --session the lease \
            lives on as it did, with its full TTL from now.

            EXAMPLES
              tenure handover 281474976710661 281474976710661 --holder worker-2
              tenure handover 281474976710661 281474976710661 --holder worker-2 --ttl 30s
            """
    )

    @OptionGroup var held: HeldArguments

    @Option(help: ArgumentHelp("Who holds it; made up when absent.", valueName: "name"))
    var holder: String?

    @Option(
        help: ArgumentHelp("How long without renewal, from now on.", valueName: "duration"),
        transform: Durations.parse
    )
    var ttl: UInt64?

    @Option(help: ArgumentHelp("Session that keeps it alive instead.", valueName: "id"))
    var session: String?

    @OptionGroup var repeating: RequestOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("HANDOVER", String(held.id), String(held.token))
        words.add("HOLDER", holder)
        words.add("TTL", ttl)
        words.add("SESSION", session)
        words.add("REQUEST", repeating.request)
        return words.list
    }
}

struct Sublease: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Make a part of a lease a lease of its own.",
        discussion: """
            It has a holder, token and life of its own and ends with the lease that it is carved \
            from at the latest. What it gives back goes back to that lease. Without --ttl and \
            --session it lives as long as that.

            EXAMPLES
              tenure sublease 281474976710661 281474976710661 --part gpu0=500m --holder task-7
              tenure sublease 281474976710661 281474976710661 --part gpu1=1 --ttl 30s --json
            """
    )

    @OptionGroup var held: HeldArguments

    @Option(help: ArgumentHelp("So much of a resource; repeatable.", valueName: "name=quantity"))
    var part: [String]

    @Option(
        help: ArgumentHelp("Who pays; the lease's tenant or one below it.", valueName: "path")
    )
    var tenant: String?

    @Option(help: ArgumentHelp("Who holds it; made up when absent.", valueName: "name"))
    var holder: String?

    @Option(
        help: ArgumentHelp("How long without renewal.", valueName: "duration"),
        transform: Durations.parse
    )
    var ttl: UInt64?

    @Option(help: ArgumentHelp("Session that keeps it alive instead.", valueName: "id"))
    var session: String?

    @Option(help: ArgumentHelp("Label of the sub-lease.", valueName: "name=value"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
    var purpose: String?

    @OptionGroup var repeating: RequestOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words(
            "SUBLEASE",
            String(held.id),
            String(held.token),
            part.joined(separator: ",")
        )
        words.add("TENANT", tenant)
        words.add("HOLDER", holder)
        words.add("TTL", ttl)
        words.add("SESSION", session)
        words.add("REQUEST", repeating.request)
        words.add("TAG", joined: tag)
        words.add("PURPOSE", purpose)
        return words.list
    }
}
