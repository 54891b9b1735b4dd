// Many connections asking one daemon at the same time.

internal import NIOPosix
internal import TenureClient
internal import TenureModel

/// A measurement with many connections.
struct Load: Sendable {
    let clients: BenchClients
    let mix: BenchLoad.Mix
    let endpoint: Endpoint
    let tls: ClientTLS?
    let warmUp: Duration
    let measured: Duration

    /// Opens all connections, runs them together, and closes them.
    func run() async throws -> Document {
        let results = LoadResults()
        let connections = try await clients.connect(to: endpoint, tls)
        let start = ContinuousClock().now + warmUp
        try await withThrowingTaskGroup { group in
            for (client, connection) in connections.enumerated() {
                let terms = LoadTerms(
                    mix: mix,
                    pool: clients.pool(of: client),
                    depth: clients.depth,
                    start: start,
                    end: start + measured
                )
                group.addTask {
                    try await connection.run(depth: terms.depth) {
                        LoopDriver(terms, results: results)
                    }
                }
            }
            try await group.waitForAll()
        }
        for connection in connections { await connection.close() }
        let total = results.total
        if total.refused > 0 {
            throw Failure(.refused, "the daemon refused: \(Table.cell(total.firstRefusal))")
        }
        return document(total)
    }

    /// Rates and percentiles.
    private func document(_ result: LoadResult) -> Document {
        let sorts = [
            ("acquire", result.acquires), ("release", result.releases), ("renew", result.renewals),
        ]
        .filter { $0.1.count > 0 }
        let total = sorts.reduce(0) { $0 + Int($1.1.count) }
        let rows = sorts.map { name, latencies -> Document in
            .map(
                [
                    .init("operation", .string(name)),
                    .init("count", .count(latencies.count)),
                    .init("perSecond", Figures.rate(Int(latencies.count), in: measured)),
                ] + latencies.fields
            )
        }
        return .map([
            .init("clients", .count(clients.clients)),
            .init("depth", .count(clients.depth)),
            .init("pools", .count(clients.pools)),
            .init("milliseconds", .integer(Int64(measured / .milliseconds(1)))),
            .init("operations", .count(total)),
            .init("operationsPerSecond", Figures.rate(total, in: measured)),
            .init("turnedAway", .count(result.busy)),
            .init("microseconds", .list(rows)),
        ])
    }
}

/// Many leases that stay.
struct Fill: Sendable {
    let clients: BenchClients
    let leases: Int
    let ttl: UInt64
    let endpoint: Endpoint
    let tls: ClientTLS?

    /// Opens all connections, acquires, and closes them; the leases stay.
    func run() async throws -> Document {
        let results = LoadResults()
        let connections = try await clients.connect(to: endpoint, tls)
        let clock = ContinuousClock()
        let elapsed = try await clock.measure {
            try await withThrowingTaskGroup { group in
                for (client, connection) in connections.enumerated() {
                    let pool = clients.pool(of: client)
                    let share = share(of: client)
                    group.addTask {
                        try await connection.run(depth: clients.depth) {
                            FillDriver(pool: pool, ttl: ttl, leases: share, results: results)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        for connection in connections { await connection.close() }
        let total = results.total
        let granted = Int(total.acquires.count)
        if total.refused > 0 {
            throw Failure(
                .refused,
                "after \(granted) leases the daemon refused: \(Table.cell(total.firstRefusal))"
            )
        }
        return .map([
            .init("leases", .count(granted)),
            .init("milliseconds", .integer(Int64(elapsed / .milliseconds(1)))),
            .init("leasesPerSecond", Figures.rate(granted, in: elapsed)),
            .init("acquireMicroseconds", .map(total.acquires.fields)),
        ])
    }

    /// The remainder goes to the first connections, one each.
    private func share(of client: Int) -> Int {
        leases / clients.clients + (client < leases % clients.clients ? 1 : 0)
    }
}

extension BenchClients {
    /// One connection per client, spread over the event loops.
    fileprivate func connect(
        to endpoint: Endpoint,
        _ tls: ClientTLS?
    ) async throws -> [LoadConnection] {
        var connections: [LoadConnection] = []
        for _ in 0..<clients {
            let connection = try await LoadConnection.connect(
                to: endpoint,
                account: Places.current.account,
                password: Places.current.password,
                tls: tls,
                on: MultiThreadedEventLoopGroup.singleton
            )
            connections.append(connection)
        }
        return connections
    }
}
