// The verb `bench`: what a daemon, and the disk below it, can do.

internal import ArgumentParser
internal import TenureClient
internal import TenureModel

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a daemon over its socket, or the disk or decisions alone.",
        discussion: """
            Run it against a daemon of its own: it creates pools called bench-0, bench-1 and so \
            on, and their records stay in the log.

            EXAMPLES
              tenure bench
              tenure bench load --clients 32 --depth 16 --duration 30s --json
              tenure bench disk --directory /srv
              tenure bench place --nodes nodes.csv --pods pods.csv
            """,
        subcommands: [BenchLoad.self, BenchFill.self, BenchDisk.self, BenchPlace.self],
        defaultSubcommand: BenchLoad.self
    )
}

/// How many connections ask, and how much at once.
struct BenchClients: ParsableArguments {
    @Option(help: ArgumentHelp("Connections that ask at the same time.", valueName: "n"))
    var clients = 16

    @Option(help: ArgumentHelp("Commands that a connection has outstanding.", valueName: "n"))
    var depth = 1

    @Option(help: ArgumentHelp("Pools that the connections are spread over.", valueName: "n"))
    var pools = 1

    func validate() throws {
        guard (1...1024).contains(clients) else {
            throw ValidationError("--clients is from 1 to 1024")
        }
        guard (1...1024).contains(depth) else {
            throw ValidationError("--depth is from 1 to 1024")
        }
        guard (1...256).contains(pools) else {
            throw ValidationError("--pools is from 1 to 256")
        }
    }

    /// The pool of one of the connections.
    func pool(of client: Int) -> String { "bench-\(client % pools)" }

    /// The commands that make the pools, with room for everything.
    var declarations: [[String]] {
        (0..<pools).flatMap { pool in
            [
                ["POOL", "SET", "bench-\(pool)"],
                [
                    "RESOURCE", "SET", "bench-\(pool)/slots", "POOL", "bench-\(pool)",
                    "KIND", "slot", "CAPACITY", "1000000000000",
                ],
            ]
        }
    }
}

struct BenchLoad: AsyncParsableCommand {
    /// What the connections ask for, over and over.
    enum Mix: String, CaseIterable, ExpressibleByArgument {
        /// A grant and its release.
        case pairs
        /// Renewals of leases that were granted before.
        case renew
    }

    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Ask a daemon as fast as it answers.",
        discussion: """
            Every connection keeps --depth commands outstanding. 'pairs' acquires and releases, \
            'renew' keeps --depth leases of each connection alive. Times are microseconds from \
            sending a command to its answer. What the daemon turns away as BUSY is counted and asked \
            again.

            EXAMPLES
              tenure bench load --clients 64 --depth 1 --duration 10s
              tenure bench load --clients 8 --depth 64 --mix renew --json
            """
    )

    @OptionGroup var clients: BenchClients

    @Option(
        help: ArgumentHelp("How long it is measured; default: 10s.", valueName: "duration"),
        transform: Durations.parse
    )
    var duration: UInt64 = 10_000

    @Option(
        help: ArgumentHelp("How long it runs before that; default: 1s.", valueName: "duration"),
        transform: Durations.parse
    )
    var warmUp: UInt64 = 1_000

    @Option(help: "pairs or renew.")
    var mix = Mix.pairs

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let load = Load(
            clients: clients,
            mix: mix,
            endpoint: try options.endpoint,
            tls: try options.tls,
            warmUp: .milliseconds(Int64(warmUp)),
            measured: .milliseconds(Int64(duration))
        )
        try await options.withClient { client in
            for command in clients.declarations { _ = try await client.send(command) }
        }
        try options.show(try await load.run())
    }
}

struct BenchFill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fill",
        abstract: "Load a daemon with many long leases.",
        discussion: """
            The leases stay until their TTL is over; use it to measure a ledger that is full.

            EXAMPLES
              tenure bench fill --leases 1000000 --clients 8 --depth 128
            """
    )

    @OptionGroup var clients: BenchClients

    @Option(help: ArgumentHelp("How many leases.", valueName: "n"))
    var leases: Int

    @Option(
        help: ArgumentHelp("How long they last; default: 7d.", valueName: "duration"),
        transform: Durations.parse
    )
    var ttl: UInt64 = 7 * 86_400_000

    @OptionGroup var options: GlobalOptions

    func validate() throws {
        guard (1...100_000_000).contains(leases) else {
            throw ValidationError("--leases is from 1 to 100000000")
        }
    }

    func run() async throws {
        let endpoint = try options.endpoint
        try await options.withClient { client in
            for command in clients.declarations { _ = try await client.send(command) }
        }
        let fill = Fill(
            clients: clients,
            leases: leases,
            ttl: ttl,
            endpoint: endpoint,
            tls: try options.tls
        )
        try options.show(try await fill.run())
    }
}
