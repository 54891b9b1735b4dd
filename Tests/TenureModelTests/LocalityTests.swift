// Parts that belong together: in the closest domain that holds them, against the slow way.

import TenureModel
import TenureTesting
import Testing

@Suite("Locality", .computing)
struct LocalityTests {
    /// A ledger and the same pool as lists.
    private struct Pair {
        var world = World()
        var slow = SlowTopology()
        var dice: Dice
        var held: [Grant] = []

        init(seed: UInt64) throws {
            dice = Dice(seed: seed)
            world.checksEveryStep = false
            try world.declarePool("pool", .strategy(.locality))
            for node in 0..<Int(dice.pick(1...16)) {
                var labels: [String: String] = [:]
                if dice.chance(85) { labels["zone"] = "z\(dice.pick(0...1))" }
                if dice.chance(85) { labels["rack"] = "r\(dice.pick(0...2))" }
                if dice.chance(50) { labels["row"] = "\(dice.pick(0...1))" }
                slow.places.append(SlowTopology.Place(name: "n\(node)", things: []))
                for index in 0..<Int(dice.pick(1...6)) { try declare(node, index, labels) }
            }
        }

        private mutating func declare(
            _ node: Int,
            _ index: Int,
            _ shared: [String: String]
        ) throws {
            let kind = index == 0 ? Kind.cpu : dice.chance(70) ? .gpu : .slot
            let capacity = kind == .gpu ? 1_000 : kind == .cpu ? 8_000 : dice.pick(1...6)
            var labels = dice.chance(80) ? shared : [:]
            if dice.chance(60) { labels["numa"] = "\(dice.pick(0...1))" }
            let thing = SlowTopology.Thing(
                name: "n\(node)-\(index)",
                kind: kind,
                capacity: capacity,
                free: capacity,
                labels: labels
            )
            slow.places[node].things.append(thing)
            try declare(thing, node)
        }

        private mutating func declare(_ thing: SlowTopology.Thing, _ node: Int) throws {
            let labels = thing.labels.map { Label(name: $0.key, value: $0.value) }
            try world.declare(
                thing.name,
                thing.kind,
                thing.capacity,
                node: "n\(node)",
                labels: labels.sorted()
            )
        }

        /// Changes something of a resource, or gives a lease back.
        mutating func disturb() throws {
            if dice.chance(60), !held.isEmpty {
                let grant = held.remove(at: Int.random(in: 0..<held.count, using: &dice))
                try world.ask(.release(grant.reference, parts: nil))
                return slow.take(
                    grant.placements.map { ($0.resource, $0.amount) },
                    givingBack: true
                )
            }
            let node = Int.random(in: slow.places.indices, using: &dice)
            guard var thing = slow.places[node].things.randomElement(using: &dice) else { return }
            if dice.chance(60) {
                thing.isActive.toggle()
                let state: ResourceState = thing.isActive ? .active : .cordoned
                try world.ask(.setResourceState(name: thing.name, state: state))
            } else {
                thing.labels[dice.pick(["rack", "zone", "numa"], or: "rack")] =
                    dice.chance(80) ? "\(dice.pick(0...2))" : nil
                try declare(thing, node)
            }
            slow.change(thing.name) { $0 = thing }
        }

        mutating func claims() -> [Claim] {
            (0..<Int(dice.pick(1...2))).map { _ in
                var amounts: [ClaimAmount] = []
                if dice.chance(60) {
                    let share = dice.pick(1...9) * 100
                    let amount = dice.chance(50) ? share : 1_000 * dice.pick(1...3)
                    amounts.append(ClaimAmount(kind: .gpu, amount: amount))
                }
                if dice.chance(40) || amounts.isEmpty {
                    amounts.append(ClaimAmount(kind: .cpu, amount: dice.pick(1...8) * 500))
                }
                // All slots of a place together are never asked for: one resource gives them.
                if dice.chance(20) { amounts.append(ClaimAmount(kind: .slot, amount: 1)) }
                return Claim(places: Int(dice.pick(1...4)), amounts: amounts.shuffled(using: &dice))
            }
        }
    }

    private static func sums(of grant: Grant) -> [Kind: UInt64] {
        grant.placements.reduce(into: [:]) { $0[$1.kind, default: 0] += $1.amount }
    }

    private static func sums(of claims: [Claim]) -> [Kind: UInt64] {
        claims.reduce(into: [:]) { sums, claim in
            for wanted in claim.amounts {
                sums[wanted.kind, default: 0] += wanted.amount * UInt64(claim.places)
            }
        }
    }

    private static let levels: [String?] = [nil, "numa", "node", "rack", "zone", "row"]

    @Test(arguments: levels, 1...40 as ClosedRange<UInt64>)
    func `D2: the closest domain is the one that is found by looking at every place`(
        within: String?,
        seed: UInt64
    ) throws {
        var pair = try Pair(seed: seed)
        for step in 0..<120 {
            if pair.dice.chance(45) { try pair.disturb() }
            if pair.dice.chance(5) {
                pair.world.checkpoint()
                try pair.world.restart()
            }
            var request = AcquireRequest(pool: "pool", claims: pair.claims())
            request.within = within
            pair.slow.selector = [:]
            if pair.dice.chance(20) {
                pair.slow.selector = ["zone": "z\(pair.dice.pick(0...1))"]
                request.selector = pair.slow.selector.map { Label(name: $0.key, value: $0.value) }
            }
            let expected = pair.slow.parts(for: request.claims, within: within)
            let answer = try pair.world.ask(.acquire(request))
            let comment: Comment = "seed \(seed), step \(step): \(answer)"
            if let expected {
                #expect(answer.asGrant?.parts == expected, comment)
            } else {
                expectOther(answer, than: request, pair.slow, comment)
            }
            guard let grant = answer.asGrant else { continue }
            pair.slow.take(grant.placements.map { ($0.resource, $0.amount) })
            pair.held.append(grant)
        }
        #expect(try pair.world.state.invariantFault() == nil)
    }

    /// Expects what is right where the claims fit in no order: one is refused, several are placed
    /// in one of the other ways, if there is one.
    private func expectOther(
        _ answer: Answer,
        than request: AcquireRequest,
        _ slow: SlowTopology,
        _ comment: Comment
    ) {
        let (claims, within) = (request.claims, request.within)
        if let grant = answer.asGrant {
            #expect(claims.count > 1, comment)
            #expect(Self.sums(of: grant) == Self.sums(of: claims), comment)
            let names = Set(grant.placements.map(\.resource))
            #expect(slow.areTogether(names, within: within), comment)
            #expect(slow.fits(claims, within: within) != false, comment)
            return
        }
        #expect(slow.fits(claims, within: within) != true, comment)
        guard within != nil else { return }
        let mayFit =
            slow.emptied.parts(for: claims, within: within) == nil
            ? slow.emptied.fits(claims, within: within) : true
        // Who has tried too much does not say that it never fits.
        if let mayFit { #expect(answer.code == (mayFit ? .exhausted : .unsatisfiable), comment) }
    }

    /// Two zones of two racks of two hosts with two `numa` of two devices each.
    private func datacenter() throws -> World {
        var world = World()
        try world.declarePool()
        for host in 0..<8 {
            for gpu in 0..<4 {
                try world.declare(
                    "h\(host)-g\(gpu)",
                    .gpu,
                    1_000,
                    node: "h\(host)",
                    labels: [
                        Label(name: "zone", value: "z\(host / 4)"),
                        // The racks of both zones are called the same.
                        Label(name: "rack", value: "r\(host / 2 % 2)"),
                        Label(name: "numa", value: "\(gpu / 2)"),
                    ]
                )
            }
        }
        return world
    }

    private func gang(_ places: Int, _ gpus: UInt64, within: String? = nil) -> AcquireRequest {
        var request = AcquireRequest(
            pool: "pool",
            claims: [.of(places: places, (.gpu, gpus * 1_000))]
        )
        request.within = within
        request.strategy = .locality
        return request
    }

    private func candidates(_ world: World) -> [Candidate] {
        guard case .granted(let record)? = world.log.last?.events.first else { return [] }
        return record.why.candidates
    }

    @Test
    func `a gang goes where it is closest, and the record names the level`() throws {
        var world = try datacenter()
        _ = try world.granted(gang(2, 1))
        #expect(candidates(world).first == Candidate(place: "numa h0/0", score: 2_000))
        #expect(candidates(world).map(\.place) == ["numa h0/0", "numa h0/1", "numa h1/0"])
        _ = try world.granted(gang(1, 4))
        #expect(candidates(world).map(\.place) == ["node h1", "node h2", "node h3"])
        _ = try world.granted(gang(2, 4))
        #expect(candidates(world).map(\.place) == ["rack z0/r1", "rack z1/r0", "rack z1/r1"])
        let wide = try world.granted(gang(4, 4))
        #expect(candidates(world).map(\.place) == ["zone z1"])
        #expect(Set(wide.placements.map(\.node)) == ["h4", "h5", "h6", "h7"])
        try world.ask(.release(wide.reference, parts: nil))
        _ = try world.granted(gang(9, 1))
        #expect(candidates(world).map(\.place) == ["zone z1"])
    }

    @Test
    func `what must be within a level is refused where only a wider one has room`() throws {
        var world = try datacenter()
        let never = try world.ask(.acquire(gang(3, 4, within: "rack")))
        #expect(never.code == .unsatisfiable)
        #expect(never.sentence.contains("no rack of pool pool holds the claims together"))
        for host in [1, 3, 5, 7] {
            try world.ask(.setResourceState(name: "h\(host)-g3", state: .cordoned))
        }
        let now = try world.ask(.acquire(gang(2, 4, within: "rack")))
        #expect(now.code == .exhausted)
        #expect(now.sentence.contains("no rack of pool pool has enough free"))
        let wider = try world.granted(gang(2, 4))
        #expect(Set(wider.placements.map(\.node)) == ["h0", "h2"])
        try world.ask(.setResourceState(name: "h5-g3", state: .active))
        let within = try world.granted(gang(2, 4, within: "rack"))
        #expect(Set(within.placements.map(\.node)) == ["h4", "h5"])
    }

    @Test
    func `what is in one node is within every level, also of a label that nothing has`() throws {
        var world = try datacenter()
        #expect(try world.granted(gang(1, 4, within: "row")).placements.count == 4)
        #expect(try world.ask(.acquire(gang(2, 4, within: "row"))).code == .unsatisfiable)
    }

    @Test
    func `WITHIN takes no other strategy, no other body under its id, and preempts nobody`() throws
    {
        var world = try datacenter()
        var request = gang(1, 1, within: "rack")
        request.requestID = "r"
        #expect(try world.granted(request).placements.count == 1)
        request.within = "zone"
        #expect(try world.ask(.acquire(request)).code == .conflict)
        request.strategy = .cost
        #expect(try world.ask(.acquire(request)).code == .malformed)
        request = gang(1, 1, within: "no name")
        #expect(try world.ask(.acquire(request)).code == .malformed)
        try world.declarePool("pool", .preemptionGap(1))
        let all = try world.granted(gang(31, 1))
        request = gang(1, 1, within: "rack")
        request.priority = .critical
        #expect(try world.ask(.acquire(request)).code == .exhausted)
        request.within = nil
        #expect(try world.granted(request).placements.count == 1)
        #expect(try world.ask(.check(all.reference)).code != nil)
    }

    @Test
    func `of what must be within a level the first domain that is cheap enough is taken`() throws {
        var world = World()
        try world.declarePool()
        for (index, (slots, cost)) in [(4, 9), (5, 2), (6, 1)].enumerated() {
            var request = ResourceRequest(
                name: "n\(index)",
                pool: "pool",
                kind: .slot,
                capacity: UInt64(slots)
            )
            request.cost = UInt64(cost)
            request.labels = [Label(name: "rack", value: "r\(index)")]
            try world.ask(.setResource(request))
        }
        let ask = { (cost: UInt64?) in
            AcquireRequest.of(4) {
                $0.within = "rack"
                $0.maxCost = cost
            }
        }
        #expect(try world.granted(ask(8)).parts == ["n1=4"])
        #expect(try world.granted(ask(35)).parts == ["n2=4"])
        let dear = try world.ask(.acquire(ask(35)))
        #expect(dear.code == .exhausted && dear.sentence.contains("MAXCOST"))
        #expect(try world.granted(ask(nil)).parts == ["n0=4"])
    }

    @Test
    func `of a level that is not required some places are looked at, of one that is all`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        // Eight are free in each, but four together twice only in the last.
        for node in 0..<4_100 {
            let sizes: [UInt64] = node == 4_099 ? [4, 4] : [4, 3, 1]
            for (index, size) in sizes.enumerated() {
                try world.declare("n\(node)-\(index)", .slot, size, node: "n\(node)")
            }
        }
        var request = AcquireRequest(pool: "pool", claims: [.of(places: 2, (.slot, 4))])
        request.planOnly = true
        request.within = "node"
        #expect(Set(try world.granted(request).placements.map(\.node)) == ["n4099"])
        request.within = nil
        request.strategy = .locality
        #expect(Set(try world.granted(request).placements.map(\.node)) == ["n0", "n1"])
    }

    @Test
    func `what lies behind the places that are looked at is found all the same`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        // All of the other model are fuller.
        for node in 0..<4_100 {
            let isWanted = node == 4_099
            let model = Label(name: "model", value: isWanted ? "b" : "a")
            try world.declare("n\(node)", .slot, isWanted ? 9 : 4, labels: [model])
        }
        for places in 1...2 {
            let claim = Claim.of(places: places, (.slot, 4))
            var request = AcquireRequest(pool: "pool", claims: [claim])
            request.selector = [Label(name: "model", value: "b")]
            request.strategy = .locality
            request.planOnly = true
            #expect(Set(try world.granted(request).placements.map(\.node)) == ["n4099"])
        }
    }

    @Test
    func `few of many places are looked at`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        for node in 0..<1_000 {
            let labels = [
                Label(name: "zone", value: "\(node / 500)"),
                Label(name: "rack", value: "\(node / 20)"),
            ]
            try world.declare("n\(node)", .slot, 10, labels: labels)
        }
        for step in 0..<200 {
            let claim = Claim.of(places: 1 + step % 5, (.slot, UInt64(1 + step * 7 % 10)))
            var request = AcquireRequest(pool: "pool", claims: [claim])
            request.within = step % 2 == 0 ? "rack" : nil
            request.strategy = .locality
            _ = try world.granted(request)
            guard case .granted(let record)? = world.log.last?.events.first else { return }
            #expect(record.why.considered <= 64, "step \(step): \(record.why.considered)")
        }
    }
}
