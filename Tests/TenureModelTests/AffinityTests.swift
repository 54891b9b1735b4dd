// Near other leases and away from them, against a look at every place.

import TenureModel
import TenureTesting
import Testing

@Suite("Affinity", .computing)
struct AffinityTests {
    private static let web = Label(name: "app", value: "web")
    private static let db = Label(name: "app", value: "db")

    /// Hosts with four slots each, two in a rack, but for the last, which is in none.
    private func hosts(_ count: Int = 7) throws -> World {
        var world = World()
        try world.declarePool()
        for host in 0..<count {
            let rack = Label(name: "rack", value: "r\(host / 2)")
            try world.declare("h\(host)", .slot, 4, labels: host == count - 1 ? [] : [rack])
        }
        return world
    }

    private func ask(
        _ slots: UInt64 = 1,
        places: Int = 1,
        tag: Label? = nil,
        near: [Affinity] = [],
        away: [Affinity] = []
    ) -> AcquireRequest {
        var request = AcquireRequest(pool: "pool", claims: [.of(places: places, (.slot, slots))])
        request.tags = tag.map { [$0] } ?? []
        (request.near, request.away) = (near, away)
        return request
    }

    private func inRack1(_ request: AcquireRequest) -> AcquireRequest {
        var request = request
        request.selector = [Label(name: "rack", value: "r1")]
        return request
    }

    @Test
    func `near is the same node or the same value of a label, of leases that are there`() throws {
        var world = try hosts()
        let nobody = try world.ask(.acquire(ask(near: [Affinity(Self.db)])))
        #expect(nobody.code == .exhausted)
        #expect(
            nobody.sentence.contains("in the same node as a lease of tenant default with app=db")
        )
        let db = try world.granted(inRack1(ask(3, tag: Self.db)))
        #expect(db.parts == ["h2=3"])
        #expect(try world.granted(ask(near: [Affinity(Self.db)])).parts == ["h2=1"])
        #expect(try world.ask(.acquire(ask(near: [Affinity(Self.db)]))).code == .exhausted)
        let rack = Affinity(Self.db, level: "rack")
        #expect(try world.granted(ask(4, near: [rack])).parts == ["h3=4"])
        #expect(try world.ask(.acquire(ask(near: [rack]))).code == .exhausted)
        try world.ask(.release(db.reference, parts: nil))
        #expect(try world.ask(.acquire(ask(near: [rack]))).code == .exhausted)
    }

    @Test
    func `away is another node or another value of a label; without the label it is away`() throws {
        var world = try hosts(5)
        _ = try world.granted(ask(tag: Self.web))
        let rack = Affinity(Self.web, level: "rack")
        #expect(try world.granted(ask(away: [Affinity(Self.web)])).parts == ["h1=1"])
        let parts = try (0..<3).map { _ in try world.granted(ask(4, away: [rack])).parts[0] }
        #expect(parts == ["h2=4", "h3=4", "h4=4"])
        let full = try world.ask(.acquire(ask(away: [rack])))
        #expect(full.code == .exhausted && full.sentence.contains("in the same rack"))
        guard case .refused(let refusal) = full else { return }
        #expect(refusal.limit == "AWAY app=web@rack")
        #expect(try world.ask(.acquire(ask(5, away: [rack]))).code == .unsatisfiable)
    }

    @Test
    func `with its own tag the parts of a gang are apart as well, one for each value`() throws {
        var world = try hosts(7)
        let rack = Affinity(Self.web, level: "rack")
        let gang = try world.granted(ask(places: 4, tag: Self.web, away: [rack]))
        #expect(gang.parts == ["h0=1", "h2=1", "h4=1", "h6=1"])
        let more = try world.ask(.acquire(ask(2, places: 2, tag: Self.web, away: [rack])))
        #expect(more.code == .exhausted)
        // In what has no rack no part is near another.
        #expect(try world.granted(ask(tag: Self.web, away: [rack])).parts == ["h6=1"])
        let never = try world.ask(
            .acquire(ask(2, places: 6, tag: Self.web, away: [rack]))
        )
        #expect(never.code == .unsatisfiable)
        #expect(never.sentence.contains("AWAY app=web@rack"))
        for strategy in Strategy.allCases {
            var world = try hosts(7)
            var request = ask(places: 3, tag: Self.web, away: [rack])
            request.strategy = strategy
            request.selector = [Label(name: "rack", value: "r0|r1|r2")]
            let nodes = try world.granted(request).placements.map(\.node)
            #expect(Set(nodes.map { (Int($0.dropFirst()) ?? 0) / 2 }).count == 3, "\(strategy)")
        }
    }

    @Test
    func `the first of those that are to be near each other is placed anywhere`() throws {
        var world = try hosts()
        let near = [Affinity(Self.web)]
        #expect(try world.granted(ask(2, tag: Self.web, near: near)).parts == ["h0=2"])
        #expect(try world.granted(ask(2, tag: Self.web, near: near)).parts == ["h0=2"])
        #expect(try world.ask(.acquire(ask(2, tag: Self.web, near: near))).code == .exhausted)
        #expect(
            try world.ask(.acquire(ask(2, near: [Affinity(Self.web, level: "row")]))).code
                == .unsatisfiable
        )
    }

    @Test
    func `leases of the tenant and below it count, of others and of other pools not`() throws {
        var world = try hosts()
        try world.declarePool("other")
        try world.declare("o", .slot, 4, node: "h1", pool: "other")
        for (tenant, pool) in [("a/b", "pool"), ("c", "pool"), ("a", "other")] {
            var request = ask(tag: Self.web)
            request.tenant = tenant
            request.pool = pool
            request.strategy = tenant == "c" ? .spread : .firstFit
            _ = try world.granted(request)
        }
        func place(_ tenant: String) throws -> String? {
            var request = ask(near: [Affinity(Self.web)])
            request.tenant = tenant
            request.planOnly = true
            return try world.ask(.acquire(request)).asGrant?.placements[0].node
        }
        #expect(try place("a") == "h0")
        #expect(try place("a/b") == "h0")
        #expect(try place("c") == "h1")
        #expect(try place("a/b/c") == nil)
        #expect(try place("b") == nil)
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `Y1: leases are looked at some at a time while they come and go`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var world = World()
        try world.declarePool()
        try world.declare("n1-cpu", .cpu, 1_000, node: "n1")
        var held: [Grant] = []
        func step(_ world: inout World) throws {
            if dice.chance(25), !held.isEmpty {
                let grant = held.remove(at: Int(dice.pick(0...UInt64(held.count - 1))))
                _ = try world.ask(.release(grant.reference, parts: nil))
            } else {
                var request = AcquireRequest(pool: "pool", claims: [.of((.cpu, 1))])
                if dice.chance(80) { request.tags = [Label(name: "app", value: "x")] }
                held.append(try world.granted(request))
            }
            if dice.chance(10) { world.checkpoint() }
        }
        for _ in 0..<60 { try step(&world) }
        var slices = 1
        while try !world.state.scanTags(atMost: 3) {
            slices += 1
            try step(&world)
            #expect(slices < 1_000)
        }
        #expect(slices > 3)
        for _ in 0..<20 { try step(&world) }
        #expect(try world.state.invariantFault() == nil)
    }

    @Test
    func `the record of the grant names the rules and the places that they ruled out`() throws {
        var world = try hosts()
        _ = try world.granted(ask(tag: Self.web))
        _ = try world.granted(ask(away: [Affinity(Self.web, level: "rack")]))
        guard case .granted(let record)? = world.log.last?.events.first else { return }
        #expect(record.why.affinities == ["AWAY app=web@rack"])
        #expect(record.why.passedOver.affinity == 2)
        #expect(record.why.passedOver.first.map(\.reason) == [.affinity, .affinity])
    }

    @Test
    func `a plan is outdated when a lease with the tag came or went`() throws {
        var world = try hosts()
        let web = try world.granted(ask(tag: Self.web))
        var plan = ask(near: [Affinity(Self.web)])
        plan.planOnly = true
        let version = try #require(try world.granted(plan).version)
        try world.ask(.release(web.reference, parts: nil))
        var request = ask(near: [Affinity(Self.web)])
        request.plan = version
        #expect(try world.ask(.acquire(request)).code == .conflict)
    }

    @Test
    func `too many tags, one twice, numa, and another body under the same id are refused`() throws {
        var world = try hosts()
        let many = (0...4).map { Affinity(Label(name: "t", value: "\($0)")) }
        let twice = [Affinity(Self.web), Affinity(Self.web)]
        let numa = [Affinity(Self.web, level: "numa")]
        for rules in [many, twice, numa] {
            #expect(try world.ask(.acquire(ask(away: rules))).code == .malformed)
            #expect(try world.ask(.acquire(ask(near: rules))).code == .malformed)
        }
        var request = ask(away: [Affinity(Self.web)])
        request.requestID = "r"
        _ = try world.granted(request)
        request.away = [Affinity(Self.web, level: "rack")]
        #expect(try world.ask(.acquire(request)).code == .conflict)
    }

    private static let strategies: [Strategy] = [
        .firstFit, .bestFit, .fairPrice, .spread, .roundRobin, .cost, .performance, .balanced,
        .locality,
    ]

    /// Whatever is granted keeps its rules, what is refused for them has no place that keeps them,
    /// and the index of tags is what the leases hold (Y1), over restarts.
    @Test(arguments: strategies, 1...20 as ClosedRange<UInt64>)
    func `Y1: rules are kept, and nothing is refused that keeps them`(
        strategy: Strategy,
        seed: UInt64
    ) throws {
        var run = try AffinityRun(seed: seed, strategy)
        for _ in 0..<100 { try run.step() }
        #expect(run.granted > 0 && run.refused > 0)
        #expect(try run.world.state.invariantFault() == nil)
    }
}

/// Random requests for one or two places with rules, by one seed.
private struct AffinityRun {
    var world = World()
    var granted = 0
    var refused = 0
    private var dice: Dice
    private let strategy: Strategy
    private var held: [(grant: Grant, tags: [Label])] = []
    private var free: [String: UInt64] = [:]
    private var racks: [String: String] = [:]

    init(seed: UInt64, _ strategy: Strategy) throws {
        self.strategy = strategy
        dice = Dice(seed: seed)
        world.checksEveryStep = false
        try world.declarePool()
        for host in 0..<8 {
            let name = "h\(host)"
            if host < 7 { racks[name] = "r\(host / 2)" }
            free[name] = 4
            let labels = racks[name].map { [Label(name: "rack", value: $0)] } ?? []
            try world.declare(name, .slot, 4, labels: labels)
        }
    }

    private mutating func rule() -> Affinity {
        Affinity(
            Label(name: "t", value: "\(dice.pick(0...2))"),
            level: dice.chance(50) ? "node" : "rack"
        )
    }

    /// What of a host tells whether it is near another; nothing without the label.
    private func value(_ host: String, _ level: String) -> String? {
        level == "node" ? host : racks[host]
    }

    private func values(_ rule: Affinity) -> Set<String> {
        let hosts = held.filter { $0.tags.contains(rule.tag) }.flatMap { $0.grant.placements }
        return Set(hosts.compactMap { value($0.node, rule.level) })
    }

    private func allows(_ host: String, _ request: AcquireRequest) -> Bool {
        for rule in request.near {
            let isFirst = !held.contains { $0.tags.contains(rule.tag) && !values(rule).isEmpty }
            if isFirst, request.tags.contains(rule.tag) { continue }
            guard let value = value(host, rule.level), values(rule).contains(value) else {
                return false
            }
        }
        return request.away.allSatisfy { rule in
            value(host, rule.level).map { !values(rule).contains($0) } ?? true
        }
    }

    mutating func step() throws {
        if dice.chance(25), !held.isEmpty {
            let entry = held.remove(at: Int.random(in: 0..<held.count, using: &dice))
            try world.ask(.release(entry.grant.reference, parts: nil))
            for part in entry.grant.placements { free[part.node, default: 0] += part.amount }
        }
        if dice.chance(5) {
            world.checkpoint()
            try world.restart()
        }
        let amount = dice.pick(1...3)
        let places = Int(dice.pick(1...2))
        var request = AcquireRequest(pool: "pool", claims: [.of(places: places, (.slot, amount))])
        request.strategy = strategy
        if dice.chance(60) { request.tags = [rule().tag] }
        request.near = dice.chance(40) ? [rule()] : []
        request.away = dice.chance(40) ? [rule()] : []
        let usable = free.keys.filter { free[$0, default: 0] >= amount && allows($0, request) }
        let answer = try world.ask(.acquire(request))
        guard let grant = answer.asGrant else {
            refused += 1
            // One place, or two that the rules do not tell apart, would have been enough.
            let isApart = request.away.contains { request.tags.contains($0.tag) }
            let fits = usable.reduce(0) { $0 + Int(free[$1, default: 0] / amount) }
            #expect(fits < places || isApart, "\(request): \(answer)")
            return
        }
        granted += 1
        for node in grant.placements.map(\.node) { #expect(usable.contains(node), "\(request)") }
        for rule in request.away where request.tags.contains(rule.tag) {
            let values = grant.placements.compactMap { value($0.node, rule.level) }
            #expect(Set(values).count == values.count, "\(request): \(grant.parts)")
        }
        for part in grant.placements { free[part.node, default: 0] -= part.amount }
        held.append((grant, request.tags))
    }
}
