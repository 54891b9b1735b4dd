// Random work for a ledger; EngineWorkload+Words.swift has it in the ledger's words.

package import TenureModel

/// What clients ask, by seed.
package struct EngineWorkload {
    package static let tenants = ["a", "a/b", "a/b/c", "d"]

    /// Three nodes in one pool, one in another.
    package static let things: [String: ReferenceLedger.Thing] = {
        var things: [String: ReferenceLedger.Thing] = [:]
        for node in 1...3 {
            things["n\(node)-gpu"] = .init(
                pool: "main",
                node: "n\(node)",
                kind: "gpu",
                capacity: 1000
            )
            things["n\(node)-cpu"] = .init(
                pool: "main",
                node: "n\(node)",
                kind: "cpu",
                capacity: 4000
            )
        }
        things["slow-cpu"] = .init(pool: "slow", node: "s", kind: "cpu", capacity: 8000)
        return things
    }()

    /// Pools and resources; with a lock-delay where amounts are to be quarantined.
    package static func setup(quarantining: Set<String>) -> [Command] {
        var commands: [Command] = []
        for pool in ["main", "slow"] {
            let delay: UInt64 = quarantining.contains(pool) ? 1_500 : 0
            commands.append(.setPool(name: pool, settings: [.lockDelay(delay)]))
        }
        for (name, thing) in things.sorted(by: { $0.key < $1.key }) {
            guard let kind = Kind(thing.kind) else { continue }
            commands.append(
                .setResource(
                    ResourceRequest(
                        name: name,
                        pool: thing.pool,
                        kind: kind,
                        capacity: thing.capacity,
                        node: thing.node
                    )
                )
            )
        }
        return commands
    }

    package var generator: SeededGenerator
    private var asked = 0
    /// Requests with ids, some of which are asked again.
    private var requests: [ReferenceLedger.Ask] = []

    package init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    /// Several actions at once, of which none needs the answer of another.
    package mutating func batch(for book: ReferenceLedger) -> [ReferenceLedger.Action] {
        let count = generator.chance(60) ? 1 : Int.random(in: 2...6, using: &generator)
        let actions = (0..<count).map { _ in action(for: book) }
        // What changes a token is asked alone: what comes with it would need the new one.
        return actions.first(where: Self.changesToken).map { [$0] } ?? actions
    }

    private mutating func action(for book: ReferenceLedger) -> ReferenceLedger.Action {
        let leases = book.holdings.keys.sorted() + book.ended.sorted().suffix(2)
        let sessions = book.sittings.keys.sorted()
        let draw = Int.random(in: 0..<100, using: &generator)
        if draw < 38 || leases.isEmpty { return acquire(for: book) }
        let lease = leases[Int.random(in: 0..<leases.count, using: &generator)]
        switch draw {
        case 38..<49: return .renew(lease, ttl: generator.chance(50) ? nil : ttl())
        case 49..<58: return .release(lease, parts: nil)
        case 58..<62: return .release(lease, parts: part(of: lease, book))
        case 62..<68: return .commit(lease, parts: nil)
        case 68..<70: return .commit(lease, parts: part(of: lease, book))
        case 70..<72: return .cancel(lease)
        case 72..<74: return .revoke(lease)
        case 74..<76: return .stale(lease)
        case 76..<79: return .openSession(holder: holder(), ttl: ttl())
        case 79..<85:
            guard let session = sessions.randomElement(using: &generator) else { break }
            return generator.chance(70) ? .keep(session) : .close(session)
        case 85..<87: return capacity()
        case 87..<90: return quota()
        case 90..<93: return growth(of: lease)
        case 93..<95:
            return .handOver(lease, to: holder(), ttl: generator.chance(50) ? nil : ttl())
        case 95..<98: return service()
        default: return leaseLimit()
        }
        return acquire(for: book)
    }

    private static func changesToken(_ action: ReferenceLedger.Action) -> Bool {
        switch action {
        case .grow, .handOver: true
        default: false
        }
    }

    private mutating func growth(of lease: UInt64) -> ReferenceLedger.Action {
        let amount = [500, 1_000][Int.random(in: 0..<2, using: &generator)] as UInt64
        return .grow(lease, by: generator.chance(70) ? ["cpu": amount] : ["gpu": amount])
    }

    private mutating func service() -> ReferenceLedger.Action {
        let names = Self.things.keys.sorted()
        let name = names[Int.random(in: 0..<names.count, using: &generator)]
        // More often in service than out of it.
        return .service(name, isActive: generator.chance(65))
    }

    private mutating func leaseLimit() -> ReferenceLedger.Action {
        let tenant = Self.tenants[Int.random(in: 0..<Self.tenants.count, using: &generator)]
        let limit = generator.chance(40) ? nil : UInt64.random(in: 1...4, using: &generator)
        return .leaseLimit(tenant: tenant, limit)
    }

    private mutating func ttl() -> UInt64 {
        [400, 2_000, 20_000, 60_000][Int.random(in: 0..<4, using: &generator)]
    }

    private mutating func holder() -> String {
        asked += 1
        return "h\(asked)"
    }

    private mutating func acquire(for book: ReferenceLedger) -> ReferenceLedger.Action {
        if generator.chance(12), let known = requests.randomElement(using: &generator) {
            var ask = known
            // The same id with another body is a conflict.
            if ask.session == nil, generator.chance(20) { ask.ttl += 1 }
            return .acquire(ask)
        }
        var ask = ReferenceLedger.Ask()
        ask.holder = holder()
        ask.tenant = Self.tenants[Int.random(in: 0..<Self.tenants.count, using: &generator)]
        ask.pool = generator.chance(20) ? "slow" : "main"
        ask.places = places(in: ask.pool)
        ask.ttl = ttl()
        if generator.chance(20), let session = book.sittings.keys.sorted().last {
            ask.session = session
        }
        if generator.chance(20) { ask.hold = ttl() }
        if generator.chance(15) { ask.lifetime = 30_000 }
        if generator.chance(40) {
            ask.request = "r\(asked)"
            requests.append(ask)
        }
        return .acquire(ask)
    }

    private mutating func places(in pool: String) -> [[String: UInt64]] {
        let cpu = [500, 1_000, 3_000, 4_000][Int.random(in: 0..<4, using: &generator)] as UInt64
        if pool == "slow" { return [["cpu": cpu]] }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: return [["gpu": 1_000]]
        case 1: return [["gpu": 500, "cpu": cpu]]
        case 2: return [["gpu": 1_000], ["gpu": 1_000]]
        case 3: return [["cpu": cpu], ["cpu": cpu]]
        // More than any node has: never possible.
        case 4: return generator.chance(20) ? [["cpu": 6_000]] : [["gpu": 250]]
        default: return [["cpu": cpu]]
        }
    }

    private mutating func part(
        of lease: UInt64,
        _ book: ReferenceLedger
    ) -> [String: UInt64]? {
        guard let parts = book.holdings[lease]?.parts, let name = parts.keys.sorted().first,
            let amount = parts[name]
        else { return nil }
        return [name: generator.chance(50) ? amount : max(1, amount / 2)]
    }

    private mutating func capacity() -> ReferenceLedger.Action {
        let names = Self.things.keys.sorted()
        let name = names[Int.random(in: 0..<names.count, using: &generator)]
        let whole = Self.things[name]?.capacity ?? 0
        let amount = generator.chance(50) ? whole : whole / 2
        return .capacity(name, amount, force: generator.chance(70))
    }

    private mutating func quota() -> ReferenceLedger.Action {
        let tenant = Self.tenants[Int.random(in: 0..<Self.tenants.count, using: &generator)]
        let kind = generator.chance(50) ? "cpu" : "gpu"
        let limit = [500, 2_000, 9_000][Int.random(in: 0..<3, using: &generator)] as UInt64
        return .quota(tenant: tenant, kind: kind, limit: limit)
    }
}
