// Verbs on sessions: liveness that many leases share.

internal import ArgumentParser
internal import TenureModel

struct SessionNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session",
        abstract: "Open, keep and close liveness that many leases share.",
        subcommands: [
            SessionOpen.self, SessionKeepAlive.self, SessionClose.self, SessionShow.self,
        ]
    )
}

struct SessionOpen: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "open",
        abstract: "Open a session that ends by TTL, by a process, or by both.",
        discussion: """
            A session of a local process ends when that process does, within milliseconds and \
            without keep-alives. All leases of a session end with it.

            EXAMPLES
              tenure session open --ttl 30s
              tenure session open --process $$
            """
    )

    @Option(
        help: ArgumentHelp("How long without keep-alive.", valueName: "duration"),
        transform: Durations.parse
    )
    var ttl: UInt64?

    @Option(help: ArgumentHelp("Local process whose death ends it.", valueName: "pid"))
    var process: Int32?

    @Option(help: ArgumentHelp("Who holds it; made up when absent.", valueName: "name"))
    var holder: String?

    @OptionGroup var options: GlobalOptions

    func validate() throws {
        if ttl == nil, process == nil {
            throw ValidationError("a session needs --ttl, --process, or both")
        }
        try checkSyntax()
    }

    func request() -> [String] {
        var words = Words("SESSION", "OPEN")
        words.add("TTL", ttl)
        words.add("PROCESS", process.map { String($0) })
        words.add("HOLDER", holder)
        return words.list
    }
}

struct SessionKeepAlive: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "keepalive",
        abstract: "Move the deadline of a session and so of all its leases.",
        discussion: """
            EXAMPLES
              tenure session keepalive 281474976710680 281474976710680
            """
    )

    @OptionGroup var held: HeldArguments
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { held.words("SESSION", "KEEPALIVE") }
}

struct SessionClose: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "close",
        abstract: "End a session and all its leases.",
        discussion: """
            EXAMPLES
              tenure session close 281474976710680 281474976710680
            """
    )

    @OptionGroup var held: HeldArguments
    @OptionGroup var options: GlobalOptions

    func request() -> [String] { held.words("SESSION", "CLOSE") }
}

struct SessionShow: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one session.",
        discussion: """
            EXAMPLES
              tenure session show 281474976710680
            """
    )

    @Argument(help: "Its id.")
    var session: UInt64

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["SESSION", "GET", String(session)] }
}
