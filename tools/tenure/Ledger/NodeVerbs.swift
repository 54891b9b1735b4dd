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

/// When a drain ends.
struct DrainEnd: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Take back what is left after this long, as 10m.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var by: UInt64?

    /// The words for it.
    var words: [String] {
        var words = Words()
        words.add("BY", by)
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

            EXAMPLES
              tenure node drain box --by 30m
              tenure node drain box --pool gpus
            """
    )

    @OptionGroup var node: NodeArguments
    @OptionGroup var end: DrainEnd
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { node.words("DRAIN") + end.words }
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
