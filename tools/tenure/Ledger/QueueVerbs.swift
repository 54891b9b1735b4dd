// Verbs on queued requests: queue list, queue get, queue cancel.

internal import ArgumentParser
internal import TenureModel

struct QueueNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "List, show and cancel queued requests.",
        subcommands: [QueueList.self, QueueGet.self, QueueCancel.self]
    )
}

struct QueueList: ListVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List queued requests by age.",
        discussion: """
            Who is served first is not their age alone, but their class before it.

            EXAMPLES
              tenure queue list --pool gpus
              tenure queue list --tenant research --all --json
            """
    )

    @Option(help: ArgumentHelp("To this pool.", valueName: "name"))
    var pool: String?

    @Option(help: ArgumentHelp("Of this tenant and those below it.", valueName: "path"))
    var tenant: String?

    @OptionGroup var page: PageOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("QUEUE", "LIST")
        words.add("POOL", pool)
        words.add("TENANT", tenant)
        return words.list + page.words
    }
}

struct QueueGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a queued request, or what became of it.",
        discussion: """
            For an hour after its end the grant is shown, or with exit code 1 why there was none. \
            The token of a grant is shown to its holder's user and to administrators only.

            EXAMPLES
              tenure queue get 281474976710671
            """
    )

    @Argument(help: "Its ticket, the number in the answer to the request.")
    var ticket: UInt64

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["QUEUE", "GET", String(ticket)] }
}

struct QueueCancel: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End a queued request that was not granted yet.",
        discussion: """
            Only the user that asked and administrators may. What was granted is given back with \
            'tenure release'.

            EXAMPLES
              tenure queue cancel 281474976710671
            """
    )

    @Argument(help: "Its ticket.")
    var ticket: UInt64

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["QUEUE", "CANCEL", String(ticket)] }
}
