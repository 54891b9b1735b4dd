// Random work for a ledger, and its translation into the ledger's words and back.

import TenureModel
import TenureTesting

/// What clients ask, by seed.
struct EngineWorkload {
    static let tenants = ["a", "a/b", "a/b/c", "d"]

    /// Three nodes in one pool, one in another.
    static let things: [String: ReferenceLedger.Thing] = {
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
    static func setup(quarantining: Set<String>) -> [Command] {
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

    var generator: SeededGenerator
    private var asked = 0
    /// Requests with ids, some of which are asked again.
    private var requests: [ReferenceLedger.Ask] = []

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    /// Several actions at once, of which none needs the answer of another.
    mutating func batch(for book: ReferenceLedger) -> [ReferenceLedger.Action] {
        let count = generator.chance(60) ? 1 : Int.random(in: 2...6, using: &generator)
        return (0..<count).map { _ in action(for: book) }
    }

    private mutating func action(for book: ReferenceLedger) -> ReferenceLedger.Action {
        let leases = book.holdings.keys.sorted() + book.ended.sorted().suffix(2)
        let sessions = book.sittings.keys.sorted()
        let draw = Int.random(in: 0..<100, using: &generator)
        if draw < 40 || leases.isEmpty { return acquire(for: book) }
        let lease = leases[Int.random(in: 0..<leases.count, using: &generator)]
        switch draw {
        case 40..<55: return .renew(lease, ttl: generator.chance(50) ? nil : ttl())
        case 55..<65: return .release(lease, parts: nil)
        case 65..<69: return .release(lease, parts: part(of: lease, book))
        case 69..<75: return .commit(lease, parts: nil)
        case 75..<77: return .commit(lease, parts: part(of: lease, book))
        case 77..<80: return .cancel(lease)
        case 80..<82: return .revoke(lease)
        case 82..<84: return .stale(lease)
        case 84..<87: return .openSession(holder: holder(), ttl: ttl())
        case 87..<93:
            guard let session = sessions.randomElement(using: &generator) else { break }
            return generator.chance(70) ? .keep(session) : .close(session)
        case 93..<96: return capacity()
        default: return quota()
        }
        return acquire(for: book)
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

// Translation.
extension EngineWorkload {
    static func command(_ action: ReferenceLedger.Action) -> Command {
        switch action {
        case .acquire(let ask): return .acquire(request(ask))
        case .renew(let id, let ttl): return .renew(reference(id), ttlMilliseconds: ttl)
        case .release(let id, let parts): return .release(reference(id), parts: Self.parts(parts))
        case .cancel(let id): return .cancel(reference(id))
        case .commit(let id, let parts): return .commit(reference(id), parts: Self.parts(parts))
        case .revoke(let id): return .revoke(LeaseID(rawValue: id), reason: "on request")
        case .openSession(let holder, let ttl):
            return .openSession(SessionRequest(ttlMilliseconds: ttl, holder: holder))
        case .keep(let id): return .keepSession(session(id))
        case .close(let id): return .closeSession(session(id))
        case .capacity(let name, let amount, let force):
            let thing = things[name]
            var request = ResourceRequest(
                name: name,
                pool: thing?.pool ?? "",
                kind: thing?.kind == "gpu" ? .gpu : .cpu,
                capacity: amount,
                node: thing?.node
            )
            request.force = force
            return .setResource(request)
        case .quota(let tenant, let kind, let limit):
            let kind: Kind = kind == "gpu" ? .gpu : .cpu
            guard let limit else { return .deleteQuota(tenant: tenant, kind: kind) }
            return .setQuota(tenant: tenant, kind: kind, limit: limit)
        case .stale(let id):
            // Another's token, or nobody's: not this lease's in any case.
            let reference = LeaseReference(
                lease: LeaseID(rawValue: id),
                token: Token(rawValue: id % 2 == 0 ? id - 1 : id + 1)
            )
            return .release(reference, parts: nil)
        }
    }

    private static func reference(_ id: UInt64) -> LeaseReference {
        LeaseReference(lease: LeaseID(rawValue: id), token: Token(rawValue: id))
    }

    private static func session(_ id: UInt64) -> SessionReference {
        SessionReference(session: SessionID(rawValue: id), token: Token(rawValue: id))
    }

    private static func parts(_ parts: [String: UInt64]?) -> [Part]? {
        parts?.sorted { $0.key < $1.key }.map { Part(resource: $0.key, quantity: "\($0.value)m") }
    }

    static func request(_ ask: ReferenceLedger.Ask) -> AcquireRequest {
        let claims = ask.places.map { place in
            Claim(
                amounts: place.sorted { $0.key < $1.key }.map { kind, amount in
                    ClaimAmount(kind: kind == "gpu" ? .gpu : .cpu, amount: amount)
                }
            )
        }
        var request = AcquireRequest(pool: ask.pool, claims: claims)
        request.tenant = ask.tenant
        request.holder = ask.holder
        request.session = ask.session.map { SessionID(rawValue: $0) }
        request.ttlMilliseconds = ask.session == nil ? ask.ttl : nil
        request.holdMilliseconds = ask.hold
        request.maxLifetimeMilliseconds = ask.lifetime
        request.requestID = ask.request
        return request
    }

    static func reply(_ answer: Answer) -> ReferenceLedger.Reply {
        switch answer {
        case .grant(let grant):
            return .granted(
                lease: grant.lease.rawValue,
                token: grant.token.rawValue,
                reserved: grant.status == .reserved,
                parts: sums(grant.placements),
                ttl: grant.ttlMilliseconds,
                replayed: grant.replayed
            )
        case .renewed(let renewal): return .renewed(ttl: renewal.ttlMilliseconds)
        case .ended(let ending):
            if ending.status == .reduced { return .reduced(sums(ending.placements)) }
            return .ended(before: ending.status == .alreadyEnded)
        case .session(let view):
            return .session(
                view.session.rawValue,
                token: view.token.rawValue,
                ttl: view.ttlMilliseconds
            )
        case .document, .queued: return .done
        case .refused(let refusal): return .refused(refusal.code.rawValue)
        }
    }

    private static func sums(_ placements: [PlacementView]) -> [String: UInt64] {
        placements.reduce(into: [:]) { $0[$1.resource, default: 0] += $1.amount }
    }
}
