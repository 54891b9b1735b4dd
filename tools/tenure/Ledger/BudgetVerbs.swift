// Verbs on budgets.

internal import ArgumentParser

struct BudgetNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budget",
        abstract: "Set, show and delete budgets: what tenants may spend in a span of time.",
        subcommands: [BudgetSet.self, BudgetGet.self, BudgetList.self, BudgetDelete.self]
    )
}

struct BudgetSet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set what a tenant may spend in a span of time.",
        discussion: """
            The budget binds the tenant and everything below it together. Every lease holds what \
            it could cost until the end of its longest life, and is charged what it used. What is \
            not named stays as it is; a new budget needs both.

            EXAMPLES
              tenure budget set research --limit 250.5 --window 30d
            """
    )

    @Argument(help: "Tenant; a path. Binds all below it.")
    var tenant: String

    @Option(help: ArgumentHelp("The most that is spent and held.", valueName: "price"))
    var limit: String?

    @Option(
        help: ArgumentHelp("After how long what was spent is forgotten.", valueName: "time"),
        transform: Durations.parse
    )
    var window: UInt64?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("BUDGET", "SET", tenant)
        words.add("LIMIT", limit)
        words.add("WINDOW", window)
        return words.list
    }
}

struct BudgetGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a budget, what is spent and what is held.",
        discussion: """
            EXAMPLES
              tenure budget get research
            """
    )

    @Argument(help: "Tenant; a path.")
    var tenant: String

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["BUDGET", "GET", tenant] }
}

struct BudgetList: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List budgets.",
        discussion: """
            EXAMPLES
              tenure budget list
            """
    )

    @Option(help: ArgumentHelp("Of this tenant and those below it.", valueName: "path"))
    var tenant: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("BUDGET", "LIST")
        words.add("TENANT", tenant)
        return words.list
    }
}

struct BudgetDelete: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "del",
        abstract: "Delete a budget.",
        discussion: """
            EXAMPLES
              tenure budget del research
            """
    )

    @Argument(help: "Tenant; a path.")
    var tenant: String

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["BUDGET", "DEL", tenant] }
}
