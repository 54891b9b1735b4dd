// Verbs on quotas, and what a tenant uses.

internal import ArgumentParser
internal import TenureModel

struct QuotaNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quota",
        abstract: "Set, show and delete quotas of tenants.",
        subcommands: [QuotaSet.self, QuotaGet.self, QuotaList.self, QuotaDelete.self]
    )
}

/// A tenant and a kind.
struct QuotaArguments: ParsableArguments {
    @Argument(help: "Tenant; a path. Binds all below it.")
    var tenant: String

    @Argument(help: "Kind, such as gpu.")
    var kind: String
}

struct QuotaSet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set how much of a kind a tenant may hold, and what it is sure of.",
        discussion: """
            The quota binds the tenant and everything below it together. What is not named stays \
            as it is; a new quota needs --limit. A limit below use takes nothing back; it stops \
            new grants. What is guaranteed and not lent is kept free for the tenant.

            EXAMPLES
              tenure quota set research gpu --limit 16
              tenure quota set research gpu --guarantee 8 --lend 4
              tenure quota set research/vision memory --limit 512Gi --borrow unlimited
            """
    )

    @OptionGroup var quota: QuotaArguments

    @Option(help: ArgumentHelp("The most that may be held.", valueName: "quantity"))
    var limit: String?

    @Option(help: ArgumentHelp("What the tenant is sure of.", valueName: "quantity"))
    var guarantee: String?

    @Option(
        help: ArgumentHelp(
            "The most that may be held above the guarantee, or unlimited.",
            valueName: "quantity"
        )
    )
    var borrow: String?

    @Option(
        help: ArgumentHelp(
            "How much of the guarantee others may use while it is free, or all.",
            valueName: "quantity"
        )
    )
    var lend: String?

    @Option(help: ArgumentHelp("The share of what is left over, 0 to 1000000.", valueName: "n"))
    var weight: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("QUOTA", "SET", quota.tenant, quota.kind)
        words.add("LIMIT", limit)
        words.add("GUARANTEE", guarantee)
        words.add("BORROW", borrow)
        words.add("LEND", lend)
        words.add("WEIGHT", weight)
        return words.list
    }
}

struct QuotaGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show one quota and its use.",
        discussion: """
            EXAMPLES
              tenure quota get research gpu
            """
    )

    @OptionGroup var quota: QuotaArguments
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["QUOTA", "GET", quota.tenant, quota.kind] }
}

struct QuotaList: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List quotas with their use.",
        discussion: """
            EXAMPLES
              tenure quota list
              tenure quota list --tenant research --json
            """
    )

    @Option(help: ArgumentHelp("Of this tenant and those below it.", valueName: "path"))
    var tenant: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("QUOTA", "LIST")
        words.add("TENANT", tenant)
        return words.list
    }
}

struct QuotaDelete: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "del",
        abstract: "Delete a quota.",
        discussion: """
            EXAMPLES
              tenure quota del research gpu
            """
    )

    @OptionGroup var quota: QuotaArguments
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["QUOTA", "DEL", quota.tenant, quota.kind] }
}

struct Usage: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Show what a tenant and all below it use.",
        discussion: """
            EXAMPLES
              tenure usage research/vision
            """
    )

    @Argument(help: "Tenant; a path.")
    var tenant: String

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["USAGE", "GET", tenant] }
}
