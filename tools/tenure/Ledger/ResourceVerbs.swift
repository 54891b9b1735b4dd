// Verbs on resources: things with a capacity of one kind.

internal import ArgumentParser
internal import TenureModel

struct ResourceNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resource",
        abstract: "Declare, show, cordon and delete resources.",
        subcommands: [
            ResourceSet.self, ResourceGet.self, ResourceList.self, ResourceCordon.self,
            ResourceUncordon.self, ResourceDrain.self, ResourceDelete.self,
        ]
    )
}

struct ResourceSet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Declare a resource or change it.",
        discussion: """
            Parts of one claim are placed on one node. A capacity below what is in use needs \
            --force and makes debt: no new grants until it is paid back.

            EXAMPLES
              tenure resource set box/gpu0 --pool gpus --kind gpu --capacity 1 \\
                --node box --label model=A100
              tenure resource set box/memory --pool gpus --kind memory \\
                --capacity 256Gi --node box
              tenure resource set seats --pool licences --kind seat --capacity 25
            """
    )

    @Argument(help: "Name, unique in the ledger.")
    var name: String

    @Option(help: ArgumentHelp("Pool it belongs to.", valueName: "name"))
    var pool: String

    @Option(help: ArgumentHelp("What it is counted in: cpu, memory, gpu, …", valueName: "kind"))
    var kind: String

    @Option(help: ArgumentHelp("How much there is, as 64, 500m, 256Gi.", valueName: "quantity"))
    var capacity: String

    @Option(help: ArgumentHelp("Place it shares with others.", valueName: "name"))
    var node: String?

    @Option(help: ArgumentHelp("Label for selectors; repeatable.", valueName: "name=value"))
    var label: [String] = []

    @Option(help: ArgumentHelp("Price of one unit for one hour.", valueName: "quantity"))
    var cost: String?

    @Flag(help: "Accept a capacity below use, which makes debt.")
    var force = false

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("RESOURCE", "SET", name, "POOL", pool, "KIND", kind)
        words.add("CAPACITY", capacity)
        words.add("NODE", node)
        words.add("LABEL", joined: label)
        words.add("COST", cost)
        words.add(flag: "FORCE", force)
        return words.list
    }
}

/// The one argument of the verbs below.
struct ResourceArgument: ParsableArguments {
    @Argument(help: "Name of the resource.")
    var name: String
}

struct ResourceGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show one resource and what is taken of it.",
        discussion: """
            EXAMPLES
              tenure resource get box/gpu0
            """
    )

    @OptionGroup var resource: ResourceArgument
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["RESOURCE", "GET", resource.name] }
}

struct ResourceList: ListVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List resources and what is taken of them.",
        discussion: """
            EXAMPLES
              tenure resource list --pool gpus
              tenure resource list --all --json
            """
    )

    @Option(help: ArgumentHelp("Of this pool.", valueName: "name"))
    var pool: String?

    @OptionGroup var page: PageOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("RESOURCE", "LIST")
        words.add("POOL", pool)
        return words.list + page.words
    }
}

struct ResourceCordon: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "cordon",
        abstract: "Stop new grants on a resource; what is held stays.",
        discussion: """
            EXAMPLES
              tenure resource cordon box/gpu0
            """
    )

    @OptionGroup var resource: ResourceArgument
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["RESOURCE", "CORDON", resource.name] }
}

struct ResourceUncordon: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "uncordon",
        abstract: "Allow new grants on a resource again.",
        discussion: """
            EXAMPLES
              tenure resource uncordon box/gpu0
            """
    )

    @OptionGroup var resource: ResourceArgument
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["RESOURCE", "UNCORDON", resource.name] }
}

struct ResourceDrain: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Stop new grants on a resource because it is being emptied.",
        discussion: """
            With --by what is still held then is taken back, as by lease revoke. Until then \
            renewals and checks tell holders how long is left.

            With --at and --for it is planned: from now on nothing is granted there that may live \
            into it, at its time the resource drains, and at its end it grants again by itself. \
            The answer tells how many leases may still be there when it begins.

            EXAMPLES
              tenure resource drain box/gpu0
              tenure resource drain box/gpu0 --by 10m
              tenure resource drain box/gpu0 --at 8h --for 2h --by 10m --reason 'new fan'
            """
    )

    @OptionGroup var resource: ResourceArgument
    @OptionGroup var times: DrainTimes
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["RESOURCE", "DRAIN", resource.name] + times.words }
}

struct ResourceDelete: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "del",
        abstract: "Delete a resource of which nothing is taken.",
        discussion: """
            EXAMPLES
              tenure resource del box/gpu0
            """
    )

    @OptionGroup var resource: ResourceArgument
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["RESOURCE", "DEL", resource.name] }
}
