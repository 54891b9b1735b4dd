// Verbs on bookings: book, booking list, booking get, booking cancel.

internal import ArgumentParser
internal import TenureModel

struct Book: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Book amounts of a pool from a later time on.",
        discussion: """
            Until it begins, nothing is granted that may live into it and needs what was booked. \
            It is refused where that can not be kept: what has no longest life counts as held for \
            ever. At its start it becomes a lease of its holder; 'tenure booking get' then shows \
            the lease and its token. Without --ttl the lease needs no renewal until its end.

            If what was booked is lost by then, other places of the pool are tried; where none \
            fits, the booking ends and says why.

            EXAMPLES
              tenure book --pool gpus --claim gpu=8 --at 2h --for 1h
              tenure book --pool gpus --claim 4*gpu=2 --at 1d --for 8h --request night --json
            """
    )

    @Option(help: ArgumentHelp("Pool that is to grant.", valueName: "name"))
    var pool: String

    @Option(
        help: ArgumentHelp(
            "Amounts in one place, [count*]kind=quantity[,…]; repeated for a gang.",
            valueName: "claim"
        )
    )
    var claim: [String]

    @Option(
        help: ArgumentHelp("When it begins, from now, as 2h.", valueName: "duration"),
        transform: Durations.parse
    )
    var at: UInt64

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long it lasts.", valueName: "duration"),
        transform: Durations.parse
    )
    var length: UInt64

    @Option(help: ArgumentHelp("Who pays; a path; default: 'default'.", valueName: "path"))
    var tenant: String?

    @Option(help: ArgumentHelp("Who holds it; made up when absent.", valueName: "name"))
    var holder: String?

    @Option(
        help: ArgumentHelp(
            "How long without renewal; default: to its end, if the pool allows it.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var ttl: UInt64?

    @Option(
        help: ArgumentHelp("One of low, normal, high, critical.", valueName: "class"),
        transform: AcquireOptions.priority
    )
    var priority: Priority?

    @Option(
        name: .customLong("request"),
        help: ArgumentHelp("Makes repeating it safe; 1 to 64 bytes.", valueName: "id")
    )
    var requestID: String?

    @Option(
        help: ArgumentHelp("Label a place must have; a|b allows both.", valueName: "name=value")
    )
    var select: [String] = []

    @Option(help: ArgumentHelp("Label of the lease.", valueName: "name=value"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
    var purpose: String?

    @OptionGroup var options: GlobalOptions

    func validate() throws {
        for label in select + tag where !label.contains("=") || label.contains(",") {
            throw ValidationError("'\(label)' is no label; say name=value, once per option")
        }
    }

    func request() -> [String] {
        var words = Words("BOOK", pool, claim.joined(separator: "+"))
        words.add("AT", at)
        words.add("FOR", length)
        words.add("TENANT", tenant)
        words.add("HOLDER", holder)
        words.add("TTL", ttl)
        words.add("PRIORITY", priority?.name)
        words.add("REQUEST", requestID)
        words.add("SELECT", joined: select)
        words.add("TAG", joined: tag)
        words.add("PURPOSE", purpose)
        return words.list
    }
}

struct BookingNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "booking",
        abstract: "List, show and cancel bookings.",
        subcommands: [BookingList.self, BookingGet.self, BookingCancel.self]
    )
}

struct BookingList: ListVerb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List bookings that have not begun, by age.",
        discussion: """
            EXAMPLES
              tenure booking list --pool gpus
              tenure booking list --tenant research --all --json
            """
    )

    @Option(help: ArgumentHelp("Of this pool.", valueName: "name"))
    var pool: String?

    @Option(help: ArgumentHelp("Of this tenant and those below it.", valueName: "path"))
    var tenant: String?

    @OptionGroup var page: PageOptions
    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("BOOKING", "LIST")
        words.add("POOL", pool)
        words.add("TENANT", tenant)
        return words.list + page.words
    }
}

struct BookingGet: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a booking, or what became of it.",
        discussion: """
            For an hour after its start the lease is shown, or with exit code 1 why there was \
            none. The token is shown to its holder's user and to administrators only.

            EXAMPLES
              tenure booking get 281474976710673
            """
    )

    @Argument(help: "The number in the answer to 'tenure book'.")
    var booking: UInt64

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["BOOKING", "GET", String(booking)] }
}

struct BookingCancel: LedgerVerb {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End a booking that has not begun.",
        discussion: """
            Only the user that booked and administrators may. What has begun is given back with \
            'tenure release'.

            EXAMPLES
              tenure booking cancel 281474976710673
            """
    )

    @Argument(help: "The number of the booking.")
    var booking: UInt64

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["BOOKING", "CANCEL", String(booking)] }
}
