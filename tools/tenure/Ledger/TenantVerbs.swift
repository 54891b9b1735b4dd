// Verbs on limits of tenants.

internal import ArgumentParser

struct TenantNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant",
        abstract: "Set, show and delete limits of tenants: leases at once, grants per second.",
        subcommands: [TenantSet.self, TenantGet.self, TenantList.self, TenantDelete.self]
    )
}

struct TenantSet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Limit the leases at once and the grants per second of a tenant.",
        discussion: """
            The limits bind the tenant and everything below it together. What is not named stays \
            as it is.

            EXAMPLES
              tenure tenant set research --leases 100
              tenure tenant set research/vision --rate 50 --burst 20
              tenure tenant set research --leases unlimited
            """
    )

    @Argument(help: "Tenant; a path. Binds all below it.")
    var tenant: String

    @Option(help: ArgumentHelp("The most leases at once, or unlimited.", valueName: "n"))
    var leases: String?

    @Option(help: ArgumentHelp("The most grants per second, or unlimited.", valueName: "n"))
    var rate: String?

    @Option(help: ArgumentHelp("How many grants may come at once.", valueName: "n"))
    var burst: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("TENANT", "SET", tenant)
        words.add("LEASES", leases)
        words.add("RATE", rate)
        words.add("BURST", burst)
        return words.list
    }
}

struct TenantGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show the limits of a tenant.",
        discussion: """
            EXAMPLES
              tenure tenant get research
            """
    )

    @Argument(help: "Tenant; a path.")
    var tenant: String

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["TENANT", "GET", tenant] }
}

struct TenantList: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List limits of tenants.",
        discussion: """
            EXAMPLES
              tenure tenant list
            """
    )

    @Option(help: ArgumentHelp("Of this tenant and those below it.", valueName: "path"))
    var tenant: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("TENANT", "LIST")
        words.add("TENANT", tenant)
        return words.list
    }
}

struct TenantDelete: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "del",
        abstract: "Take the limits of a tenant away; its quotas stay.",
        discussion: """
            EXAMPLES
              tenure tenant del research
            """
    )

    @Argument(help: "Tenant; a path.")
    var tenant: String

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["TENANT", "DEL", tenant] }
}
