// Random commands against ledgers that differ only in where their rows are.
//
// The same commands go to a ledger that never checkpoints, to one that does after every step, and
// to one that does now and then: each must give the same answers (I6 in small: an eviction or a
// checkpoint never changes a decision). Invariants are recomputed after every step. After every
// full reclaim nothing may be left that has ended. In the end the rows of all of them, and those of
// a ledger that was given the log alone, are compared one by one, positions included.

import TenureModel
import Testing

/// SplitMix64: random numbers that a seed repeats.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    /// Whether something happens that happens in `percent` of a hundred cases.
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    /// One of `values`, or `otherwise` when there is none.
    mutating func pick<Value>(_ values: [Value], or otherwise: Value) -> Value {
        values.randomElement(using: &self) ?? otherwise
    }

    /// A number of the range.
    mutating func pick(_ range: ClosedRange<UInt64>) -> UInt64 {
        UInt64.random(in: range, using: &self)
    }
}

/// One run from one seed.
struct LedgerSimulation {
    /// When a ledger writes its rows to the store.
    enum Upkeep {
        case never
        case everyStep
        case nowAndThen
        /// Writes now and then, and forgets now and then what is not written, as a crash does.
        ///
        /// What is due may then come up in another order, so it is not compared with the others.
        case restarting
    }

    private var dice: Dice
    private var upkeepDice: Dice
    private var worlds: [(upkeep: Upkeep, world: World)] = []
    private var frozen: FrozenChanges?
    private var leases: [Grant] = []
    private var sessions: [SessionReference] = []
    private var requests: [AcquireRequest] = []
    private let replay: Comment
    /// How often each sort of answer was given, so that a run that does nothing is seen.
    private(set) var answered: [String: Int] = [:]

    init(seed: UInt64, _ upkeeps: Upkeep...) {
        dice = Dice(seed: seed)
        upkeepDice = Dice(seed: ~seed)
        replay = "TENURE_SEED=\(seed) swift test --filter LedgerSimulation"
        worlds = upkeeps.map { ($0, World()) }
    }

    mutating func run(steps: Int) throws {
        try declare()
        for _ in 0..<steps {
            if dice.chance(25) { try pass() }
            if dice.chance(12) {
                try reclaimAll()
            } else {
                try ask(next())
            }
            try upkeep()
        }
        try pass()
        try reclaimAll()
        try compareRows()
    }

    private mutating func declare() throws {
        let lockDelay = dice.pick([0, 0, 700] as [UInt64], or: 0)
        let strategy = dice.pick(Strategy.allCases, or: .firstFit)
        try ask(.setPool(name: "pool", settings: [.lockDelay(lockDelay), .strategy(strategy)]))
        for node in ["a", "b", "c"] {
            for gpu in 0..<2 {
                var request = ResourceRequest(
                    name: "\(node)-g\(gpu)",
                    pool: "pool",
                    kind: .gpu,
                    capacity: 1_000,
                    node: node
                )
                request.labels = [Label(name: "zone", value: node == "a" ? "x" : "y")]
                try ask(.setResource(request))
            }
            try ask(
                .setResource(
                    ResourceRequest(
                        name: "\(node)-cpu",
                        pool: "pool",
                        kind: .cpu,
                        capacity: 4_000,
                        node: node
                    )
                )
            )
        }
        try ask(.setQuota(tenant: "org", kind: .gpu, limit: 4_500))
        try ask(.setQuota(tenant: "org/a", kind: .cpu, limit: 5_000))
        try ask(.housekeeping(.opened(.at(wallMilliseconds: 1 << 40))))
    }

    // MARK: Steps in lockstep

    private mutating func ask(_ command: Command) throws {
        let caller = Caller(uid: 1000, isAdmin: dice.chance(50), generatedHolder: "made")
        var answers: [Answer] = []
        for index in worlds.indices {
            answers.append(try worlds[index].world.ask(command, as: caller))
        }
        let first = answers[0]
        for (index, answer) in answers.enumerated() where answer != first {
            Issue.record("\(replay): \(worlds[index].upkeep) answers \(answer), not \(first)")
        }
        note(first)
    }

    private mutating func note(_ answer: Answer) {
        switch answer {
        case .grant(let grant):
            answered[grant.replayed ? "replayed" : grant.status.rawValue, default: 0] += 1
            if grant.status != .planned { leases.append(grant) }
        case .queued: answered["queued", default: 0] += 1
        case .session(let view):
            answered["session", default: 0] += 1
            sessions.append(view.reference)
        case .refused(let refusal): answered[refusal.code.rawValue, default: 0] += 1
        case .ended(let ending): answered[ending.status.rawValue, default: 0] += 1
        case .renewed: answered["renewed", default: 0] += 1
        case .document: answered["document", default: 0] += 1
        }
        if leases.count > 14 { leases.removeFirst() }
        if sessions.count > 4 { sessions.removeFirst() }
    }

    private mutating func pass() throws {
        let milliseconds: UInt64 =
            dice.chance(4)
            ? 3_700_000 : dice.pick([0, 1, 100, 400, 900, 3_000, 12_000], or: 0)
        let extra = dice.pick(0...2)
        let before = worlds[0].world.now
        for index in worlds.indices {
            worlds[index].world.pass(milliseconds: milliseconds, nanoseconds: extra)
        }
        guard milliseconds >= 900, dice.chance(40) else { return }
        try ask(.housekeeping(.grace(fromNanoseconds: before.nanoseconds)))
    }

    private mutating func reclaimAll() throws {
        for index in worlds.indices {
            try worlds[index].world.reclaim()
            let page = Query.leases(LeaseFilter(), page: Page(limit: 1_000))
            let left = try worlds[index].world.read(page).items.filter {
                $0["state"]?.asString == "ended"
            }
            let upkeep = worlds[index].upkeep
            #expect(left.isEmpty, "\(replay): \(upkeep) left what has ended")
        }
    }

    /// Checkpoints as each ledger has them; the third is now and then caught in the middle of one.
    private mutating func upkeep() throws {
        for index in worlds.indices {
            switch worlds[index].upkeep {
            case .never: continue
            case .everyStep: worlds[index].world.checkpoint()
            case .restarting:
                if upkeepDice.chance(10) { worlds[index].world.checkpoint() }
                if upkeepDice.chance(10) { try worlds[index].world.restart() }
            case .nowAndThen:
                if let changes = frozen {
                    guard upkeepDice.chance(30) else { continue }
                    worlds[index].world.rows.content.write(changes)
                    worlds[index].world.state.thaw()
                    frozen = nil
                } else if upkeepDice.chance(15) {
                    frozen = worlds[index].world.state.freeze()
                }
            }
        }
    }

    private mutating func compareRows() throws {
        let expected = try worlds[0].world.replayed()
        for index in worlds.indices {
            if worlds[index].upkeep == .nowAndThen, let changes = frozen {
                worlds[index].world.rows.content.write(changes)
                worlds[index].world.state.thaw()
            }
            let pair = zip(worlds[0].world.log, worlds[index].world.log)
            if let (mine, theirs) = pair.first(where: { $0 != $1 }) {
                let upkeep = worlds[index].upkeep
                Issue.record("\(replay): \(upkeep) decides \(theirs.events), not \(mine.events)")
            }
            worlds[index].world.checkpoint()
            let differences = worlds[index].world.rows.content.differences(to: expected)
            #expect(differences.isEmpty, "I6: \(replay)")
            try worlds[index].world.restart()
            #expect(try worlds[index].world.state.invariantFault() == nil, replay)
        }
    }
}

// What is asked next.
extension LedgerSimulation {
    private mutating func next() -> Command {
        switch dice.pick(0...99) {
        case 0..<30: .acquire(request())
        case 30..<70: onLease()
        case 70..<81: onSession()
        case 81..<91: setting()
        default: .query(query())
        }
    }

    private mutating func request() -> AcquireRequest {
        let kind = dice.pick([Kind.gpu, .gpu, .cpu], or: .cpu)
        let amount: UInt64 = dice.pick([250, 500, 1_000, 2_000, 3_000], or: 1)
        var claims = [Claim.of(places: Int(dice.pick(1...2)), (kind, amount))]
        if dice.chance(4) { claims[0].amounts.append(.init(kind: .disk, amount: 1)) }
        if dice.chance(30) { claims.append(.of((.cpu, dice.pick(1...4_000)))) }
        var request = AcquireRequest(pool: dice.chance(97) ? "pool" : "none", claims: claims)
        request.tenant = dice.pick(["org", "org/a", "org/a/b", "org/b", "other"], or: "org")
        request.ttlMilliseconds = dice.pick(1...15_000)
        if dice.chance(20) {
            request.maxLifetimeMilliseconds = dice.pick(dice.chance(50) ? 1...6_000 : 1...9_000_000)
        }
        if dice.chance(40) { request.holdMilliseconds = dice.pick(1...3_000) }
        if dice.chance(30), let session = sessions.randomElement(using: &dice) {
            request.session = session.session
            request.ttlMilliseconds = nil
        }
        if dice.chance(25), let old = requests.randomElement(using: &dice) { return old }
        if dice.chance(25) { request.requestID = "r\(dice.pick(0...5))" }
        if dice.chance(10) { request.selector = [Label(name: "zone", value: "y")] }
        if dice.chance(10) { request.planOnly = true }
        if dice.chance(20) { request.strategy = dice.pick(Strategy.allCases, or: .bestFit) }
        if request.requestID != nil { requests = requests.suffix(3) + [request] }
        return request
    }

    private mutating func lease() -> (LeaseReference, [PlacementView]) {
        let none = LeaseReference(lease: LeaseID(rawValue: 1), token: Token(rawValue: 1))
        // The latest are the likeliest to be held still.
        let some = dice.chance(60) ? leases.suffix(3) : leases[...]
        guard let grant = dice.pick(some.map(Optional.some), or: nil) else { return (none, []) }
        guard dice.chance(8) else { return (grant.reference, grant.placements) }
        let token = Token(rawValue: grant.token.rawValue &+ dice.pick(0...2) &- 1)
        return (LeaseReference(lease: grant.lease, token: token), grant.placements)
    }

    private mutating func parts(of placements: [PlacementView]) -> [Part]? {
        guard dice.chance(60), let placement = placements.randomElement(using: &dice) else {
            return nil
        }
        let amount = dice.pick([placement.amount, placement.amount / 2, 5_000], or: 1)
        return [Part(resource: placement.resource, quantity: "\(amount)m")]
    }

    private mutating func onLease() -> Command {
        let (lease, placements) = lease()
        return switch dice.pick(0...21) {
        case 0...2: .renew(lease, ttlMilliseconds: dice.chance(50) ? nil : dice.pick(0...5_000))
        case 3...4, 18...20: .release(lease, parts: parts(of: placements))
        case 5...6: .commit(lease, parts: parts(of: placements))
        case 7...9: .cancel(lease)
        case 10: .revoke(lease.lease, reason: "drill")
        case 11...12: .grow(lease, growth())
        case 13...14: .handOver(lease, handOver())
        case 15...17: .sublease(lease, sublease(of: placements))
        default: .check(lease)
        }
    }

    private mutating func growth() -> GrowRequest {
        let amount: UInt64 = dice.pick([250, 500, 1_000], or: 1)
        let kind = dice.pick([Kind.gpu, .cpu], or: .cpu)
        var growth = GrowRequest(claims: [.of(places: Int(dice.pick(1...2)), (kind, amount))])
        if dice.chance(20) { growth.node = dice.pick(["a", "b", "none"], or: "a") }
        if dice.chance(30) { growth.requestID = "r\(dice.pick(0...5))" }
        if dice.chance(20) { growth.strategy = dice.pick(Strategy.allCases, or: .bestFit) }
        return growth
    }

    private mutating func handOver() -> HandOverRequest {
        var request = HandOverRequest(holder: dice.pick(["a", "b", nil], or: nil))
        if dice.chance(30) { request.requestID = "r\(dice.pick(0...5))" }
        if dice.chance(40), let session = sessions.randomElement(using: &dice) {
            request.session = session.session
        } else if dice.chance(60) {
            request.ttlMilliseconds = dice.pick(1...15_000)
        }
        return request
    }

    private mutating func sublease(of placements: [PlacementView]) -> SubleaseRequest {
        var request = SubleaseRequest(parts: parts(of: placements) ?? [])
        request.tenant = dice.pick(["org/a", "org/b", nil, nil], or: nil)
        if dice.chance(30) { request.requestID = "r\(dice.pick(0...5))" }
        if dice.chance(20), let session = sessions.randomElement(using: &dice) {
            request.session = session.session
        } else if dice.chance(50) {
            request.ttlMilliseconds = dice.pick(1...9_000)
        }
        return request
    }

    private mutating func onSession() -> Command {
        let none = SessionReference(session: SessionID(rawValue: 1), token: Token(rawValue: 1))
        let session = dice.pick(sessions, or: none)
        switch dice.pick(0...9) {
        case 0...3:
            let process = ProcessIdentity(pid: 5, startTicks: 1, bootID: "b", pidNamespace: 1)
            let isProcess = dice.chance(30)
            return .openSession(
                SessionRequest(
                    ttlMilliseconds: isProcess ? nil : dice.pick(1...5_000),
                    process: isProcess ? process : nil,
                    holder: "job"
                )
            )
        case 4...6: return .keepSession(session)
        case 7...8: return .closeSession(session)
        default:
            let gone = dice.chance(50)
            if dice.chance(60) { return .housekeeping(.processSeen(session.session, seen: gone)) }
            return .housekeeping(
                .processDied(session.session, treeIsGone: gone, evidence: "pidfd")
            )
        }
    }

    private mutating func setting() -> Command {
        let name = dice.pick(["a-g0", "b-g1", "c-cpu", "spare", "none"], or: "spare")
        switch dice.pick(0...8) {
        case 8:
            return .setResourceState(
                name: name,
                state: .draining,
                byMilliseconds: dice.chance(20) ? nil : dice.pick(1...4_000)
            )
        case 0, 1:
            return .setResourceState(
                name: name,
                state: dice.pick([.active, .cordoned], or: .active)
            )
        case 2:
            let kind: Kind = name == "c-cpu" ? .cpu : .gpu
            var request = ResourceRequest(
                name: name == "none" ? "spare" : name,
                pool: "pool",
                kind: kind,
                capacity: dice.pick([0, 500, 1_000, 1_000, 4_000], or: 1)
            )
            request.force = dice.chance(70)
            return .setResource(request)
        case 3: return .deleteResource(name: "spare")
        case 4:
            return .setQuota(tenant: "org/b", kind: .gpu, limit: dice.pick(0...3_000))
        case 5: return .deleteQuota(tenant: "org/b", kind: .gpu)
        case 6:
            return .setPool(
                name: "pool",
                settings: [.restartGrace(dice.pick([0, 500, 10_000], or: 0))]
            )
        default: return .setPool(name: "pool", settings: [.ttlMax(dice.pick(60_000...90_000))])
        }
    }

    private mutating func query() -> Query {
        switch dice.pick(0...7) {
        case 0: .status
        case 1, 2: .leases(LeaseFilter(), page: Page(limit: Int(dice.pick(1...5))))
        case 3: .leases(LeaseFilter(tenant: "org/a"), page: Page())
        case 4: .resources(pool: "pool", page: Page())
        case 5: .usage(tenant: dice.pick(["org", "org/a", "other"], or: "org"))
        case 6: .request(id: "r\(dice.pick(0...5))", tenant: "org")
        default: .lease(lease().0.lease)
        }
    }
}
