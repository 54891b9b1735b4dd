// Where a request is placed, and that a gang is placed whole or not at all.

import TenureModel
import TenureTesting
import Testing

@Suite("Placement", .computing)
struct PlacementTests {
    /// What is asked of two hosts with two devices, 8 CPUs and 64 GiB each, and what is given.
    struct Row: Sendable {
        let name: String
        let claims: [Claim]
        let parts: [String]
    }

    @Test(arguments: [
        Row(name: "half", claims: [.of((.gpu, 500))], parts: ["n0-g0=500"]),
        Row(name: "one", claims: [.of((.gpu, 1_000))], parts: ["n0-g0=1000"]),
        Row(
            name: "gpu=2 is two whole devices of one place",
            claims: [.of((.gpu, 2_000))],
            parts: ["n0-g0=1000", "n0-g1=1000"]
        ),
        Row(
            name: "two places of one device share a host",
            claims: [.of(places: 2, (.gpu, 1_000))],
            parts: ["n0-g0=1000", "n0-g1=1000"]
        ),
        Row(
            name: "two places of two devices need two hosts",
            claims: [.of(places: 2, (.gpu, 2_000))],
            parts: ["n0-g0=1000", "n0-g1=1000", "n1-g0=1000", "n1-g1=1000"]
        ),
        Row(
            name: "parts of one claim are in one place",
            claims: [.of((.gpu, 1_000), (.cpu, 8_000), (.memory, 64 << 30))],
            parts: ["n0-g0=1000", "n0-cpu=8000", "n0-mem=\(64 << 30)"]
        ),
        Row(
            name: "a gang does not count an amount twice",
            claims: [.of((.cpu, 5_000)), .of((.cpu, 5_000))],
            parts: ["n0-cpu=5000", "n1-cpu=5000"]
        ),
        Row(
            name: "fractions share a device until it is full",
            claims: [.of(places: 3, (.gpu, 400))],
            parts: ["n0-g0=400", "n0-g0=400", "n0-g1=400"]
        ),
    ])
    func `first fit takes the first place in the order of declaration`(row: Row) throws {
        var world = try World.hosts(2)
        let grant = try world.granted(AcquireRequest(pool: "pool", claims: row.claims))
        #expect(grant.parts == row.parts)
        #expect(grant.placements.allSatisfy { $0.resource.hasPrefix($0.node) })
    }

    @Test
    func `gpu=2 takes no device that is partly used`() throws {
        var world = try World.hosts(2)
        _ = try world.granted(.of(1, .gpu))
        #expect(try world.granted(.of(2_000, .gpu)).parts == ["n1-g0=1000", "n1-g1=1000"])
        #expect(try world.ask(.acquire(.of(2_000, .gpu))).code == .exhausted)
        #expect(try world.granted(.of(1_000, .gpu)).parts == ["n0-g1=1000"])
    }

    @Test
    func `an amount comes from one resource where one has the capacity`() throws {
        var world = World()
        try world.declarePool()
        try world.declare("a", .slot, 1, node: "n")
        try world.declare("b", .slot, 2, node: "n")
        try world.declare("c", .slot, 3, node: "n")
        #expect(try world.granted(.of(3)).parts == ["c=3"])
        // One could hold 3, so wholly free smaller ones are not put together.
        #expect(try world.ask(.acquire(.of(3))).code == .exhausted)
    }

    @Test
    func `wholly free resources sum to the amount exactly`() throws {
        var world = World()
        try world.declarePool()
        for (name, size) in [("a", 5), ("b", 4), ("c", 3), ("d", 3)] as [(String, UInt64)] {
            try world.declare(name, .slot, size, node: "n")
        }
        #expect(Set(try world.granted(.of(10)).parts) == ["b=4", "c=3", "d=3"])
        #expect(try world.ask(.acquire(.of(14))).code == .unsatisfiable)
    }

    @Test
    func `gpu=1500m is refused with a split that is then granted`() throws {
        var world = try World.hosts(1)
        let answer = try world.ask(.acquire(.of(1_500, .gpu)))
        #expect(answer.code == .unsatisfiable)
        #expect(answer.sentence.contains("gpu=1 ") && answer.sentence.contains("gpu=500m"))
        let split = [Claim.of((.gpu, 1_000)), Claim.of((.gpu, 500))]
        let grant = try world.granted(AcquireRequest(pool: "pool", claims: split))
        #expect(grant.parts == ["n0-g0=1000", "n0-g1=500"])
    }

    @Test
    func `best fit takes the place that it leaves the least of`() throws {
        var world = World()
        try world.declarePool("pool", .strategy(.bestFit))
        for (node, size) in [("a", 8), ("b", 3), ("c", 4)] as [(String, UInt64)] {
            try world.declare("\(node)-s", .slot, size, node: node)
        }
        #expect(try world.granted(.of(4)).parts == ["c-s=4"])
        #expect(try world.granted(.of(1)).parts == ["b-s=1"])
        #expect(try world.granted(.of(2)).parts == ["b-s=2"])
        #expect(try world.granted(.of(1) { $0.strategy = .firstFit }).parts == ["a-s=1"])
        #expect(try world.granted(.of(7)).parts == ["a-s=7"])
    }

    @Test
    func `best fit ranks places by the scarce kind`() throws {
        var world = try World.hosts(2)
        _ = try world.granted(AcquireRequest(pool: "pool", claims: [.of((.cpu, 4_000))]))
        var request = AcquireRequest(pool: "pool", claims: [.of((.cpu, 1_000), (.gpu, 500))])
        request.strategy = .bestFit
        #expect(try world.granted(request).parts == ["n0-cpu=1000", "n0-g0=500"])
        // Of two devices the fuller one.
        request.claims = [.of((.gpu, 500))]
        #expect(try world.granted(request).parts == ["n0-g0=500"])
    }

    @Test(arguments: Strategy.allCases)
    func `I8: a gang that does not fit whole leaves no trace`(strategy: Strategy) throws {
        var world = try World.hosts(2)
        _ = try world.granted(.of(1_000, .gpu))
        let before = try world.state.contentLines()
        let position = world.state.position
        var request = AcquireRequest(pool: "pool", claims: [.of(places: 4, (.gpu, 1_000))])
        request.strategy = strategy
        #expect(try world.ask(.acquire(request)).code == .exhausted)
        #expect(try world.state.contentLines() == before)
        #expect(world.state.position == position)
        request.claims = [.of(places: 3, (.gpu, 1_000))]
        #expect(try world.granted(request).placements.count == 3)
    }

    @Test(arguments: Strategy.allCases)
    func `the order of claims does not decide whether a gang fits`(strategy: Strategy) throws {
        var world = World()
        try world.declarePool("pool", .strategy(strategy))
        try world.declare("large", .slot, 4)
        try world.declare("small", .slot, 1)
        let gang = [Claim.of((.slot, 1)), Claim.of((.slot, 4))]
        let grant = try world.granted(AcquireRequest(pool: "pool", claims: gang))
        #expect(Set(grant.parts) == ["large=4", "small=1"])
    }

    /// A selector and the resource that it leads to, if any.
    struct Selection: Sendable {
        let selector: [Label]
        let found: String?
    }

    @Test(arguments: [
        Selection(selector: [], found: "x-g"),
        Selection(selector: [Label(name: "zone", value: "b")], found: "y-g"),
        Selection(selector: [Label(name: "zone", value: "a|b")], found: "x-g"),
        Selection(selector: [Label(name: "zone", value: "c")], found: nil),
        Selection(selector: [Label(name: "model", value: "h200")], found: "y-g"),
        Selection(
            selector: [Label(name: "zone", value: "a"), Label(name: "model", value: "h200")],
            found: nil
        ),
        Selection(
            selector: [Label(name: "model", value: "h200"), Label(name: "disk", value: "nvme")],
            found: "z-g"
        ),
    ])
    func `every label asked for must be on the place`(row: Selection) throws {
        var world = World()
        try world.declarePool()
        let zone = { Label(name: "zone", value: $0) }
        let model = { Label(name: "model", value: $0) }
        try world.declare("x-g", .gpu, 1000, node: "x", labels: [zone("a"), model("a100")])
        try world.declare("y-g", .gpu, 1000, node: "y", labels: [zone("b"), model("h200")])
        try world.declare("z-g", .gpu, 1000, node: "z", labels: [zone("b"), model("h200")])
        let nvme = [Label(name: "disk", value: "nvme")]
        try world.declare("z-d", .disk, 1, node: "z", labels: nvme)
        let answer = try world.ask(.acquire(.of(1_000, .gpu) { $0.selector = row.selector }))
        #expect(answer.asGrant?.placements.first?.resource == row.found)
        if row.found == nil { #expect(answer.code == .unsatisfiable) }
    }

    @Test
    func `of neighbours only the one with the right value is taken`() throws {
        var world = World()
        try world.declarePool()
        let model = { [Label(name: "model", value: $0)] }
        try world.declare("g0", .gpu, 1000, node: "n", labels: model("a100"))
        try world.declare("g1", .gpu, 1000, node: "n", labels: model("h200"))
        let request = AcquireRequest.of(1_000, .gpu) { $0.selector = model("h200") }
        #expect(try world.granted(request).parts == ["g1=1000"])
        #expect(try world.ask(.acquire(request)).code == .exhausted)
    }

    @Test
    func `a plan tells what would be granted and changes nothing`() throws {
        var world = try World.slots(2)
        let position = world.state.position
        let plan = try world.granted(
            .of(2) {
                $0.planOnly = true
                $0.requestID = "r"
            }
        )
        #expect(plan.status == .planned)
        #expect(plan.parts == ["slots=2"])
        #expect(plan.position == position)
        #expect(world.state.position == position)
        let grant = try world.granted(.of(2) { $0.requestID = "r" })
        #expect(grant.status == .granted && !grant.replayed)
        #expect(grant.token == plan.token)
    }

    @Test
    func `a place found among many is the first that fits`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        for place in 0..<70 {
            try world.declare("s\(place)", .slot, UInt64(place % 7 + 1), node: "n\(place)")
        }
        for size in (1...7).reversed() as ReversedCollection<ClosedRange<UInt64>> {
            let first = try world.granted(.of(size) { $0.planOnly = true })
            #expect(first.parts == ["s\(size - 1)=\(size)"])
        }
        let gang = AcquireRequest(pool: "pool", claims: [.of(places: 10, (.slot, 7))])
        let grant = try world.granted(gang)
        #expect(grant.parts == (0..<10).map { "s\($0 * 7 + 6)=7" })
        #expect(try world.ask(.acquire(gang)).code == .exhausted)
        #expect(try world.state.invariantFault() == nil)
    }

    /// Two ledgers get the same commands; one of them is opened again all the time.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `I6: the order of places is the same before and after a restart`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var staying = World()
        var reopened = World()
        for index in 0..<200 {
            var command = Command.setPool(name: "pool", settings: [])
            let node = "n\(dice.pick(0...7))"
            let kind = dice.chance(50) ? Kind.slot : .cpu
            let name = "\(node)-\(kind.name)-\(dice.pick(0...2))"
            switch index == 0 ? 0 : dice.pick(1...10) {
            case 0: break
            case 1...4:
                let request = ResourceRequest(
                    name: name,
                    pool: "pool",
                    kind: kind,
                    capacity: dice.pick(1...3),
                    node: node
                )
                command = .setResource(request)
            case 5...7: command = .deleteResource(name: name)
            default:
                var request = AcquireRequest.of(dice.pick(1...4), kind)
                request.ttlMilliseconds = 20
                request.strategy = dice.pick(Strategy.allCases, or: .firstFit)
                command = .acquire(request)
            }
            let answer = try staying.ask(command)
            #expect(try reopened.ask(command) == answer, "step \(index)")
            let (delay, isReclaiming) = (dice.pick(0...9), dice.chance(30))
            staying.pass(milliseconds: delay)
            reopened.pass(milliseconds: delay)
            if isReclaiming {
                try staying.reclaim()
                try reopened.reclaim()
            }
            if dice.chance(30) {
                reopened.checkpoint()
                try reopened.restart()
            }
        }
        #expect(staying.log == reopened.log)
    }

    @Test
    func `a place that loses its first resource comes behind older ones`() throws {
        var world = World()
        try world.declarePool()
        for name in ["a-1", "b-1", "a-2"] {
            try world.declare(name, .slot, 1, node: String(name.prefix(1)))
        }
        try world.ask(.deleteResource(name: "a-1"))
        #expect(try world.granted(.of(1)).parts == ["b-1=1"])
        #expect(try world.granted(.of(1)).parts == ["a-2=1"])
    }

    @Test
    func `places that come and go leave nothing behind`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        try world.declare("kept", .slot, 1)
        for index in 0..<1_000 {
            try world.declare("n\(index)", .slot, 2)
            try world.ask(.deleteResource(name: "n\(index)"))
        }
        #expect(try world.granted(.of(1)).parts == ["kept=1"])
        #expect(try world.ask(.acquire(.of(2))).code == .unsatisfiable)
    }

    /// The reason that the last grant was recorded with.
    private func lastReason(_ world: World) throws -> GrantReason {
        guard case .granted(let record)? = world.log.last?.events.first else {
            throw NoGrant()
        }
        return record.why
    }

    private struct NoGrant: Error {}

    @Test(arguments: Strategy.allCases)
    func `a grant tells which places were passed over, and why`(strategy: Strategy) throws {
        var world = World()
        try world.declarePool("pool", .strategy(strategy))
        for node in 0..<5 {
            let zone = [Label(name: "zone", value: node < 2 ? "x" : "y")]
            try world.declare("n\(node)-a", .slot, 4, node: "n\(node)", labels: zone)
        }
        let first = try world.granted(.of(1) { $0.strategy = .firstFit })
        #expect(try lastReason(world).passedOver == PassedOver())
        #expect(try lastReason(world).considered == 1)
        try world.ask(.release(first.reference, parts: nil))
        let grant = try world.granted(
            .of(3) { $0.selector = [Label(name: "zone", value: "y")] }
        )
        let why = try lastReason(world)
        #expect(grant.placements.map(\.node) == ["n2"])
        let passed = why.passedOver
        // Those that are ranked are looked at for who came next as well.
        let fitting = why.considered - passed.labels - passed.room
        #expect(fitting >= 1 && fitting <= UInt32(why.candidates.count))
        #expect(passed.labels == 2)
        #expect(passed.first.map(\.name) == ["n0", "n1"])
        #expect(passed.first.allSatisfy { $0.reason == .labels })
    }

    @Test
    func `of many places that were passed over three are named and all are counted`() throws {
        var world = World()
        try world.declarePool()
        for node in 0..<50 {
            // Wholly free they add up to more than is asked, but to no sum of it.
            try world.declare("n\(node)-a", .slot, 4, node: "n\(node)")
            try world.declare("n\(node)-b", .slot, 4, node: "n\(node)")
        }
        try world.declare("last", .slot, 6)
        _ = try world.granted(.of(6))
        let why = try lastReason(world)
        #expect(why.considered == 51)
        #expect(why.passedOver.room == 50)
        #expect(why.passedOver.labels == 0)
        #expect(why.passedOver.first.map(\.name) == ["n0", "n1", "n2"])
        #expect(why.passedOver.first.allSatisfy { $0.reason == .room })
    }
}
