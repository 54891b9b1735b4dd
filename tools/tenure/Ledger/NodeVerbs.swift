// Verbs on nodes: all resources of a host at once.

internal import ArgumentParser
internal import TenureModel

struct NodeNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Cordon and drain all resources of a node.",
        subcommands: [NodeCordon.self, NodeDrain.self, NodeUncordon.self]
    )
}

/// The arguments of the verbs below.
struct NodeArguments: ParsableArguments {
    @Argument(help: "Name of the node.")
    var name: String

    @Option(help: ArgumentHelp("Only its resources of this pool.", valueName: "name"))
    var pool: String?

    /// The words of a command that begins with `verb`.
    func words(_ verb: String) -> [String] {
        var words = Words("NODE", verb, name)
        words.add("POOL", pool)
        return words.list
    }
}

/// When a drain begins and ends.
struct DrainTimes: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Take back what is left this long after it begins, as 10m.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var by: UInt64?

    @Option(
        help: ArgumentHelp(
            "When it begins, from now, as 2h; at once when absent.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var at: UInt64?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long it lasts; of one that begins later.", valueName: "duration"),
        transform: Durations.parse
    )
    var length: UInt64?

    @Option(help: ArgumentHelp("What it is for; of one that begins later.", valueName: "text"))
    var reason: String?

    func validate() throws {
        guard (at == nil) == (length == nil), reason == nil || at != nil else {
            throw ValidationError("a drain that begins later needs --at and --for")
        }
    }

    /// The words for it.
    var words: [String] {
        var words = Words()
        words.add("BY", by)
        words.add("AT", at)
        words.add("FOR", length)
        words.add("REASON", reason)
        return words.list
    }
}

struct NodeCordon: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "cordon",
        abstract: "Stop new grants on a node; what is held stays.",
        discussion: """
            EXAMPLES
              tenure node cordon box
            """
    )

    @OptionGroup var node: NodeArguments
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { node.words("CORDON") }
}

struct NodeDrain: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Stop new grants on a node because it is being emptied.",
        discussion: """
            With --by what is still held then is taken back, as by lease revoke. Until then \
            renewals and checks tell holders how long is left.

            With --at and --for it is planned: from now on nothing is granted there that may live \
            into it, at its time the node drains, and at its end it grants again by itself. The \
            answer tells how many leases may still be there when it begins.

            EXAMPLES
              tenure node drain box --by 30m
              tenure node drain box --at 8h --for 2h --by 10m --reason 'new power supply'
              tenure node drain box --pool gpus
            """
    )

    @OptionGroup var node: NodeArguments
    @OptionGroup var times: DrainTimes
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { node.words("DRAIN") + times.words }
}

struct NodeUncordon: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "uncordon",
        abstract: "Allow new grants on a node again.",
        discussion: """
            EXAMPLES
              tenure node uncordon box
            """
    )

    @OptionGroup var node: NodeArguments
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { node.words("UNCORDON") }
}
