// Random pools and plans of moves, against every single move tried out and the measure by its
// definition.

import TenureModel
import TenureTesting
import Testing

@Suite("MoveSimulation", .computing)
struct MoveSimulationTests {
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `O1 O2 O3: a plan starts with the best move there is, and comes out as told`(
        seed: UInt64
    ) throws {
        var simulation = try MoveSimulation(seed: seed)
        try simulation.run()
    }

    @Test
    func `the runs meet plans of every sort`() throws {
        var met: [String: Int] = [:]
        for seed in 1...30 as ClosedRange<UInt64> {
            var simulation = try MoveSimulation(seed: seed)
            try simulation.run()
            met.merge(simulation.met) { $0 + $1 }
        }
        for sort in ["none", "one", "several", "over labels", "of a gang", "again"] {
            #expect(met[sort, default: 0] >= 3, "\(sort): \(met)")
        }
    }
}

/// One pool from one seed.
struct MoveSimulation {
    private var dice: Dice
    private var world: World
    private let hosts: Int
    private let goal: OptimizeRequest.Goal
    private let policy: LearntPolicy
    private var held: [LeaseID: Grant] = [:]
    private var consents: [LeaseID: String] = [:]
    private(set) var met: [String: Int] = [:]

    init(seed: UInt64) throws {
        dice = Dice(seed: seed)
        goal = dice.chance(70) ? .fragmentation : .cost
        hosts = Int(dice.pick(3...5))
        let gpus = Int(dice.pick(2...4))
        world = World()
        let strategies: [Strategy] = [.automatic, .fragmentation, .locality, .bestFit]
        try world.declarePool("pool", .strategy(dice.pick(strategies, or: .automatic)))
        for host in 0..<hosts {
            let labels = dice.chance(30) ? [Label(name: "model", value: "T4")] : []
            for gpu in 0..<gpus {
                var request = ResourceRequest(
                    name: "n\(host)-g\(gpu)",
                    pool: "pool",
                    kind: .gpu,
                    capacity: 1_000,
                    node: "n\(host)"
                )
                request.labels = labels
                request.cost = dice.pick(1...3) * 1_000
                try world.ask(.setResource(request))
            }
            try world.declare("n\(host)-cpu", .cpu, 16_000, node: "n\(host)")
        }
        var asked: [AcquireRequest] = []
        for _ in 0..<3 { asked.append(MoveSimulation.request(&dice)) }
        // Only pools that go by what was asked for learn; for this one it is as if it had.
        try world.ask(.setPool(name: "other", settings: []))
        let before = try world.read(.pool("pool"))["strategy"]?.asString ?? ""
        try world.ask(.setPool(name: "pool", settings: [.strategy(.automatic)]))
        policy = try world.learn(asked)
        let strategy = Strategy(rawValue: before) ?? .automatic
        try world.ask(.setPool(name: "pool", settings: [.strategy(strategy)]))
    }

    private static func request(_ dice: inout Dice) -> AcquireRequest {
        let amounts: [UInt64] = [200, 300, 500, 700, 1_000, 1_000, 2_000]
        var claim = Claim.of((.gpu, dice.pick(amounts, or: 500)))
        if dice.chance(50) {
            claim.amounts.append(ClaimAmount(kind: .cpu, amount: dice.pick(1...6) * 1_000))
        }
        if dice.chance(20) { claim.places = 2 }
        return AcquireRequest(pool: "pool", claims: [claim])
    }

    private mutating func fill() throws {
        for _ in 0..<40 {
            if dice.chance(30), let lease = held.keys.sorted().randomElement(using: &dice) {
                let reference = held[lease]?.reference
                try world.ask(.release(#require(reference), parts: nil))
                held[lease] = nil
                continue
            }
            var request = MoveSimulation.request(&dice)
            let consent = dice.pick(["true", "any", "no"], or: "no")
            request.tags = [Label(name: "movable", value: consent)]
            request.strategy = dice.pick([.spread, .roundRobin, .bestFit], or: .spread)
            guard let grant = try world.ask(.acquire(request)).asGrant else { continue }
            held[grant.lease] = grant
            consents[grant.lease] = consent
        }
    }

    private var plan: TestedPlan {
        mutating get throws {
            try world.plan(OptimizeRequest(pool: "pool", goal: goal, moves: 4))
        }
    }

    mutating func run() throws {
        try fill()
        var before = try measure(&world)
        let best = try bestGain()
        for round in 0..<20 {
            let plan = try plan
            #expect(plan.before == before)
            if round == 0 { #expect((plan.moves.first?.gain ?? 0) == best) }
            #expect(plan.moves.reduce(0) { $0 + $1.gain } == plan.before - plan.after)
            note(plan, in: round)
            try checkRestart(plan)
            if plan.moves.isEmpty { return }
            let used = try world.read(.usage(tenant: "default"))["items"]
            for move in plan.moves.shuffled(using: &dice) {
                let lease = try #require(held[move.lease])
                #expect(consents[move.lease] != "no")
                if consents[move.lease] == "true" { #expect(labels(move.from) == labels(move.to)) }
                let grown = try world.make(move, of: lease, plan.version)
                held[move.lease] = try holding(grown)
            }
            #expect(try world.read(.usage(tenant: "default"))["items"] == used)
            before = try measure(&world)
            #expect(before == plan.after, "O3")
        }
        Issue.record("there is no end of moves")
    }

    private mutating func note(_ plan: TestedPlan, in round: Int) {
        let sort = plan.moves.isEmpty ? "none" : plan.moves.count == 1 ? "one" : "several"
        met[sort, default: 0] += 1
        if round > 0, !plan.moves.isEmpty { met["again", default: 0] += 1 }
        for move in plan.moves {
            if labels(move.from) != labels(move.to) { met["over labels", default: 0] += 1 }
            let nodes = Set(held[move.lease]?.placements.map(\.node) ?? [])
            if nodes.count > 1 { met["of a gang", default: 0] += 1 }
        }
    }

    /// I6: the rows alone give the same plan.
    private mutating func checkRestart(_ plan: TestedPlan) throws {
        var copy = world
        let rows = MemoryRows()
        rows.content = try world.replayed()
        copy.state = LedgerState(resident: rows.content.resident, rows: rows)
        let again = try copy.plan(OptimizeRequest(pool: "pool", goal: goal, moves: 4))
        #expect(again == plan)
    }

    /// The lease with what it has left.
    private mutating func holding(_ grant: Grant) throws -> Grant {
        var grant = grant
        let shown = try world.read(.lease(grant.lease))
        guard case .list(let parts)? = shown["placements"] else { return grant }
        grant.placements = parts.compactMap { part in
            guard let resource = part["resource"]?.asString, let node = part["node"]?.asString,
                let kind = part["kind"]?.asString.flatMap({ Kind($0) }),
                let amount = part["amount"]?.asInteger
            else { return nil }
            return PlacementView(
                resource: resource,
                node: node,
                kind: kind,
                amount: UInt64(amount)
            )
        }
        return grant
    }

    private func labels(_ node: String) -> String {
        (try? gpu(node, 0)?["labels"]).flatMap { "\($0)" } ?? ""
    }

    private func gpu(_ node: String, _ number: Int) throws -> Document? {
        var copy = world
        let answer = try copy.ask(.query(.resource("\(node)-g\(number)")))
        guard case .document(let document) = answer else { return nil }
        return document
    }

    // MARK: By definition

    /// The most that any single move gains, tried out one by one; 0 when none gains anything.
    private func bestGain() throws -> Int64 {
        var best: Int64 = 0
        var copy = world
        let before = try measure(&copy)
        for (lease, grant) in held where consents[lease] != "no" {
            for from in Set(grant.placements.map(\.node)) {
                for host in 0..<hosts
                where !grant.placements.contains(where: { $0.node == "n\(host)" }) {
                    let to = "n\(host)"
                    if consents[lease] == "true", labels(from) != labels(to) { continue }
                    var trial = world
                    guard try move(grant, from: from, to: to, in: &trial) else { continue }
                    best = max(best, try before - measure(&trial))
                }
            }
        }
        return best
    }

    private func move(
        _ grant: Grant,
        from: String,
        to: String,
        in trial: inout World
    ) throws -> Bool {
        let parts = merged(grant.placements.filter { $0.node == from })
        var claims = [Claim(amounts: [])]
        for kind in [Kind.gpu, .cpu] {
            let amounts = parts.filter { $0.kind == kind }.map(\.amount)
            if amounts.isEmpty { continue }
            if amounts.allSatisfy({ $0 == 1_000 }) || amounts.count == 1 {
                claims[0].amounts.append(ClaimAmount(kind: kind, amount: amounts.reduce(0, +)))
                continue
            }
            claims[0].amounts.append(ClaimAmount(kind: kind, amount: amounts[0]))
            claims += amounts.dropFirst().map { .of((kind, $0)) }
        }
        var request = GrowRequest(claims: claims)
        request.node = to
        guard let grown = try trial.ask(.grow(grant.reference, request)).asGrant else {
            return false
        }
        let left = parts.map { part in
            Part(resource: part.resource, quantity: Quantity.text(part.amount, kind: part.kind))
        }
        try trial.ask(.release(grown.reference, parts: left))
        return true
    }

    /// One entry a resource, in their order.
    private func merged(_ parts: [PlacementView]) -> [PlacementView] {
        parts.reduce(into: []) { merged, part in
            if let known = merged.firstIndex(where: { $0.resource == part.resource }) {
                merged[known] = PlacementView(
                    resource: part.resource,
                    node: part.node,
                    kind: part.kind,
                    amount: merged[known].amount + part.amount
                )
            } else {
                merged.append(part)
            }
        }
    }

    /// The measure of the pool, from what its resources say.
    private func measure(_ world: inout World) throws -> Int64 {
        let items = try world.read(.resources(pool: "pool", page: Page(limit: 1_000))).items
        if goal == .cost {
            return items.reduce(0) { sum, item in
                sum + (item["held"]?.asInteger ?? 0) * (item["cost"]?.asInteger ?? 0)
            }
        }
        let typical = DeviceMix(policy).typical(0.95)
        var sum: Int64 = 0
        for host in 0..<hosts {
            let here = items.filter { $0["node"]?.asString == "n\(host)" }
            let free = { (kind: String) in
                here.filter { $0["kind"]?.asString == kind }.map { $0["free"]?.asInteger ?? 0 }
            }
            let gpus = free("gpu")
            let cpu = free("cpu").max() ?? 0
            var fragments = 0.0
            for each in typical {
                let fitting = gpus.count { $0 >= each.demand.share }
                let isUsable =
                    each.demand.count > 0 && fitting >= each.demand.count
                    && cpu >= each.demand.cpu
                let wasted = gpus.filter { !isUsable || $0 < each.demand.share }.reduce(0, +)
                fragments += each.weight * Double(wasted)
            }
            sum += Int64(fragments.rounded())
        }
        return sum
    }
}
