// Verbs about the daemon itself: status, ping, watch.

internal import ArgumentParser
internal import TenureClient
internal import TenureModel

struct Status: LedgerVerb {
    static let configuration = CommandConfiguration(
        abstract: "Show the counts and the health of the ledger.",
        discussion: """
            EXAMPLES
              tenure status
              tenure status --socket /run/tenure.sock --json
            """
    )

    @OptionGroup var options: GlobalOptions

    func request() -> [String] { ["STATUS"] }
}

struct Ping: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell whether the daemon answers, and how fast.",
        discussion: """
            Exit code 0 when it answers, 69 when it does not.

            EXAMPLES
              tenure ping
              tenure ping --tcp 127.0.0.1:7420 --json
            """
    )

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let clock = ContinuousClock()
        let elapsed = try await options.withClient { client in
            try await clock.measure { _ = try await client.send(["PING"]) }
        }
        let microseconds = elapsed / .microseconds(1)
        try options.show(
            .map([
                .init("answer", .string("PONG")),
                .init("microseconds", .integer(Int64(microseconds))),
            ])
        )
    }
}

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what happens to leases, as it becomes durable.",
        discussion: """
            One line per event, until interrupted. Without options, everything.

            EXAMPLES
              tenure watch
              tenure watch --pool gpus --json
            """
    )

    @Option(help: ArgumentHelp("Only this pool.", valueName: "name"))
    var pool: String?

    @OptionGroup var options: GlobalOptions

    func request() -> [String] {
        var words = Words("WATCH")
        words.add("POOL", pool)
        return words.list
    }

    func run() async throws {
        try await options.withClient { client in
            _ = try await client.send(request())
            for await push in client.pushes {
                let document = WireIdentifiers.marked(Watch.document(push))
                try Terminal.data(options.json ? JSONText.of(document) : Watch.line(document))
            }
        }
        throw Failure(.unavailable, "the daemon closed the connection")
    }

    /// What a push says, with its name first.
    static func document(_ push: Push) -> Document {
        var fields = [Document.Field("push", .string(push.name))]
        if push.values.count == 1, case .map(let said) = push.values[0] {
            fields += said
        } else if !push.values.isEmpty {
            fields.append(.init("values", .list(push.values)))
        }
        return .map(fields)
    }

    /// A push as `name=value …` on one line, without what is absent.
    static func line(_ document: Document) -> String {
        guard case .map(let fields) = document else { return "" }
        return fields.filter { $0.value != .null }.map(Rendering.assignment)
            .joined(separator: " ")
    }
}
