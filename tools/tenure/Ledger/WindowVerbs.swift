// Verbs on planned drains: window list, window get, window cancel.

internal import ArgumentParser
internal import TenureModel

struct WindowNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "window",
        abstract: "List, show and cancel planned drains.",
        discussion: """
            'tenure resource drain' and 'tenure node drain' plan one with --at and --for.
            """,
        subcommands: [WindowList.self, WindowGet.self, WindowCancel.self]
    )
}

struct WindowList: ListVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List planned drains that are not over, by age.",
        discussion: """
            EXAMPLES
              tenure window list --pool gpus
              tenure window list --all --json
            """
    )

    @Option(help: ArgumentHelp("Those with something of this pool.", valueName: "name"))
    var pool: String?

    @OptionGroup var page: PageOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("WINDOW", "LIST")
        words.add("POOL", pool)
        return words.list + page.words
    }
}

struct WindowGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a planned drain that is not over.",
        discussion: """
            EXAMPLES
              tenure window get 281474976710673
            """
    )

    @Argument(help: "The number in the answer to 'tenure node drain --at'.")
    var window: UInt64

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["WINDOW", "GET", String(window)] }
}

struct WindowCancel: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Call a planned drain off, or end it early.",
        discussion: """
            What drains in it grants again at once, unless an operator had cordoned it before.

            EXAMPLES
              tenure window cancel 281474976710673
            """
    )

    @Argument(help: "The number of the window.")
    var window: UInt64

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["WINDOW", "CANCEL", String(window)] }
}
