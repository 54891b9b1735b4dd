// The life of leases against a slow and obvious model of it.
//
// Random leases are acquired, grown, given back in part, carved up, handed over, renewed and lost,
// by time, by sessions and by operators, with restarts in between. The model keeps for each lease
// who has how much of what until when, and knows nothing of rows, frames or indexes. It is told
// which resources were chosen and says what must follow: who is valid, by which token, how much of
// each resource is held, quarantined and free, and what each tenant uses. I2, I3 and N1 to N3 are
// recomputed by the ledger itself after every step.

import TenureModel
import TenureTesting
import Testing

/// What the model knows of one lease.
struct LeaseLifeHolding {
    var tokens: [Token]
    var parts: [String: UInt64]
    let tenant: String
    /// Without renewal; `never` where only a session or the parent ends it.
    var deadline: LedgerTime
    var ttl: UInt64
    var session: SessionID?
    let parent: LeaseID?
    /// When it is quarantined: until when.
    var quarantinedUntil: LedgerTime?
}

/// One run from one seed.
struct LeaseLifeSimulation {
    static let resources = ["s0", "s1", "s2"]
    static let capacity: UInt64 = 12
    static let quota: UInt64 = 9
    var dice: Dice
    var world = World()
    let lockDelay: UInt64
    var holdings: [LeaseID: LeaseLifeHolding] = [:]
    var over: [LeaseID: [Token]] = [:]
    var sessions: [SessionID: (token: Token, end: LedgerTime, isClosed: Bool)] = [:]
    let replay: Comment
    /// How often each thing was done, so that a run that does nothing is seen.
    var done: [String: Int] = [:]

    init(seed: UInt64) throws {
        dice = Dice(seed: seed)
        // No sum of the times that pass, so that nanoseconds do not matter.
        lockDelay = dice.chance(50) ? 733 : 0
        replay = "TENURE_SEED=\(seed) swift test --filter LeaseLife"
        try world.declarePool("pool", .lockDelay(lockDelay))
        for name in Self.resources { try world.declare(name, .slot, Self.capacity) }
        try world.ask(.setQuota(tenant: "org/a", kind: .slot, limit: Self.quota))
    }

    mutating func run(steps: Int) throws {
        for _ in 0..<steps {
            try step()
            try compare()
        }
    }

    private mutating func step() throws {
        switch dice.pick(0...19) {
        case 0...3: try acquire()
        case 4...5: try grow()
        case 6...7: try release(inPart: true)
        case 8: try release(inPart: false)
        case 9...12: try sublease()
        case 13...14: try handOver()
        case 15: try renew()
        case 16: try revoke()
        case 17: try session()
        case 18: try restart()
        default: try pass()
        }
    }

    // MARK: What the model says

    func isValid(_ id: LeaseID) -> Bool {
        guard let holding = holdings[id], holding.quarantinedUntil == nil,
            holding.deadline > world.now
        else { return false }
        if let session = holding.session, (sessions[session]?.end ?? .zero) <= world.now {
            return false
        }
        return holding.parent.map { isValid($0) } ?? true
    }

    func taken(of resource: String, quarantined: Bool) -> UInt64 {
        holdings.values.reduce(0) { sum, holding in
            let counts = (holding.quarantinedUntil != nil) == quarantined
            return counts ? sum + (holding.parts[resource] ?? 0) : sum
        }
    }

    func free(of resource: String) -> UInt64 {
        Self.capacity - taken(of: resource, quarantined: false)
            - taken(of: resource, quarantined: true)
    }

    func used(by tenant: String) -> UInt64 {
        holdings.values.reduce(0) { sum, holding in
            guard holding.tenant == tenant || holding.tenant.hasPrefix(tenant + "/") else {
                return sum
            }
            return sum + holding.parts.values.reduce(0, +)
        }
    }

    func exceeds(_ amount: UInt64, _ tenant: String) -> Bool {
        tenant.hasPrefix("org/a") && used(by: "org/a") + amount > Self.quota
    }

    /// Ends a lease: to quarantine, to its parent, or to nobody.
    mutating func end(_ id: LeaseID, isClean: Bool) {
        guard let holding = holdings[id] else { return }
        for (child, other) in holdings
        where other.parent == id && other.quarantinedUntil == nil { orphan(child) }
        if !isClean, lockDelay > 0, !holding.parts.isEmpty {
            quarantine(id)
            over[id] = holding.tokens
            return
        }
        vanish(id)
    }

    /// A sub-lease whose parent has ended: nobody says that it is not in use.
    private mutating func orphan(_ id: LeaseID) {
        guard let holding = holdings[id] else { return }
        over[id] = holding.tokens
        if lockDelay > 0 {
            quarantine(id)
        } else {
            holdings[id] = nil
        }
    }

    private mutating func quarantine(_ id: LeaseID) {
        let until = world.now.advanced(byMilliseconds: lockDelay)
        holdings[id]?.quarantinedUntil = until
    }

    mutating func vanish(_ id: LeaseID) {
        guard let holding = holdings.removeValue(forKey: id) else { return }
        over[id] = holding.tokens
        guard let parent = holding.parent, holdings[parent]?.quarantinedUntil == nil else { return }
        for (resource, amount) in holding.parts {
            holdings[parent]?.parts[resource, default: 0] += amount
        }
    }

    // MARK: What must be

    private mutating func compare() throws {
        for name in Self.resources {
            let shown = try world.read(.resource(name))
            let (held, quarantined) = (
                taken(of: name, quarantined: false), taken(of: name, quarantined: true)
            )
            #expect(shown["held"]?.asInteger == Int64(held), "\(replay) \(name)")
            #expect(shown["quarantined"]?.asInteger == Int64(quarantined), "\(replay) \(name)")
            #expect(shown["free"]?.asInteger == Int64(free(of: name)), "\(replay) \(name)")
        }
        for tenant in ["org", "org/a", "org/a/b", "other"] {
            let items = try world.read(.usage(tenant: tenant)).items
            let used = items.first?["used"]?.asInteger ?? 0
            #expect(used == Int64(self.used(by: tenant)), "\(replay) \(tenant)")
        }
        for (id, holding) in holdings where holding.quarantinedUntil == nil {
            try compare(id, holding.tokens, isValid: isValid(id))
        }
        for (id, tokens) in over { try compare(id, tokens, isValid: false) }
    }

    private mutating func compare(_ id: LeaseID, _ tokens: [Token], isValid: Bool) throws {
        for token in tokens {
            let code = try world.ask(.check(LeaseReference(lease: id, token: token))).code
            let expected: RefusalCode? =
                token != tokens.last ? .fenced : isValid ? nil : .expired
            #expect(code == expected, "\(replay) lease \(id.rawValue)")
        }
    }
}

@Suite("The life of leases", .computing)
struct LeaseLifeTests {
    @Test(arguments: LedgerSimulationTests.seeds)
    func `I2 I3 I4 N1: a slow model and the ledger agree after every step`(seed: UInt64) throws {
        var simulation = try LeaseLifeSimulation(seed: seed)
        try simulation.run(steps: 150)
    }

    @Test
    func `a run meets everything that can become of a lease`() throws {
        var done: [String: Int] = [:]
        for seed in 1...20 as ClosedRange<UInt64> {
            var simulation = try LeaseLifeSimulation(seed: seed)
            try simulation.run(steps: 150)
            done.merge(simulation.done) { $0 + $1 }
        }
        for what in [
            "acquired", "grown", "reduced", "carved", "handed over", "renewed", "closed", "lost",
        ] {
            #expect(done[what, default: 0] >= 20, "\(what): \(done)")
        }
    }
}
