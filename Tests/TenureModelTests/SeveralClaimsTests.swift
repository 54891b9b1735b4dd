// Several claims, kept apart from each other or not, against a look at every way to place them.

import TenureModel
import TenureTesting
import Testing

@Suite("Several claims", .computing)
struct SeveralClaimsTests {
    /// A node: what it has, and where it is.
    private struct Node {
        let cpu: UInt64
        let memory: UInt64
        let rack: Int?
    }

    /// How parts are to be to each other.
    enum Bond: CaseIterable {
        case none
        case apart
        case together
    }

    private static let tag = Label(name: "app", value: "x")

    private static func world(_ nodes: [Node]) throws -> World {
        var world = World()
        try world.declarePool()
        for (number, node) in nodes.enumerated() {
            let labels = node.rack.map { [Label(name: "rack", value: "r\($0)")] } ?? []
            for (kind, amount) in [(Kind.cpu, node.cpu), (.memory, node.memory)] where amount > 0 {
                try world.declare(
                    "n\(number)-\(kind.name)",
                    kind,
                    amount,
                    node: "n\(number)",
                    labels: labels
                )
            }
        }
        return world
    }

    private static func request(_ claims: [Claim], _ bond: Bond = .apart) -> AcquireRequest {
        var request = AcquireRequest(pool: "pool", claims: claims)
        request.tags = [tag]
        if bond == .apart { request.away = [Affinity(tag, level: "rack")] }
        if bond == .together { request.within = "rack" }
        return request
    }

    @Test
    func `the only place of a claim is not taken by one asked before it`() throws {
        let nodes = [Node(cpu: 16, memory: 16, rack: 1), Node(cpu: 8, memory: 0, rack: 2)]
        for strategy in Strategy.allCases {
            var world = try Self.world(nodes)
            var request = Self.request([.of((.cpu, 8)), .of((.memory, 8))])
            request.strategy = strategy
            let grant = try world.granted(request)
            #expect(grant.parts.sorted() == ["n0-memory=8", "n1-cpu=8"], "\(strategy)")
        }
    }

    @Test
    func `no order fits that gives the largest claim the first place`() throws {
        let nodes = [Node(cpu: 8, memory: 8, rack: 1), Node(cpu: 8, memory: 0, rack: 2)]
        for strategy in Strategy.allCases {
            var world = try Self.world(nodes)
            let claims = [Claim.of((.cpu, 8)), .of((.cpu, 4), (.memory, 8))]
            var request = Self.request(claims, .none)
            request.strategy = strategy
            let parts = try world.granted(request).parts.sorted()
            #expect(parts == ["n0-cpu=4", "n0-memory=8", "n1-cpu=8"], "\(strategy)")
        }
    }

    @Test(arguments: [true, false])
    func `no order fits in the rack either, wherever the larger node comes`(isFirst: Bool) throws {
        let nodes = [Node(cpu: 8, memory: 8, rack: 1), Node(cpu: 8, memory: 0, rack: 1)]
        var world = try Self.world(isFirst ? nodes : nodes.reversed())
        let claims = [Claim.of((.cpu, 8)), .of((.cpu, 4), (.memory, 8))]
        let (large, small) = isFirst ? ("n0", "n1") : ("n1", "n0")
        let parts = try world.granted(Self.request(claims, .together)).parts.sorted()
        #expect(parts == ["\(large)-cpu=4", "\(large)-memory=8", "\(small)-cpu=8"].sorted())
    }

    @Test
    func `what only another way places is booked, and others give way for it`() throws {
        let nodes = [Node(cpu: 8, memory: 8, rack: 1), Node(cpu: 8, memory: 0, rack: 2)]
        let claims = [Claim.of((.cpu, 8)), .of((.cpu, 4), (.memory, 8))]
        var world = try Self.world(nodes)
        let booking = BookingRequest(
            Self.request(claims, .none),
            startMilliseconds: 1_000,
            lengthMilliseconds: 1_000
        )
        #expect(try world.ask(.book(booking)).code == nil)
        #expect(try world.ask(.book(booking)).code == .exhausted)

        world = try Self.world(nodes)
        try world.declarePool("pool", .preemptionGap(1))
        var low = Self.request([.of((.cpu, 8), (.memory, 8)), .of((.cpu, 8))], .none)
        low.priority = .low
        _ = try world.granted(low)
        var high = Self.request(claims, .none)
        high.priority = .high
        let parts = try world.granted(high).parts.sorted()
        #expect(parts == ["n0-cpu=4", "n0-memory=8", "n1-cpu=8"])
    }

    @Test
    func `what could only be found out by trying too much binds no request id`() throws {
        // Of many equal places the last alone has what the third claim wants.
        var nodes = (0..<40).map { Node(cpu: 8, memory: 8, rack: $0) }
        nodes.append(Node(cpu: 8, memory: 18, rack: 40))
        var world = try Self.world(nodes)
        let parts = Array(repeating: Claim.of((.cpu, 1)), count: 40)
        var request = Self.request(parts + [.of((.cpu, 1), (.memory, 9)), .of((.memory, 9))])
        #expect(try world.ask(.acquire(request)).code == .unsatisfiable)
        request.claims = Array(request.claims.dropFirst())
        #expect(try world.ask(.acquire(request)).code == .exhausted)
        request.within = "rack"
        #expect(try world.ask(.acquire(request)).code == .unsatisfiable)
    }

    /// Every claim alone fits, or not, in some place, and all together in some way, or in none.
    @Test(arguments: 1...400 as ClosedRange<UInt64>, Bond.allCases)
    func `granted or unsatisfiable, as a look at every way says`(
        seed: UInt64,
        bond: Bond
    ) throws {
        var dice = Dice(seed: seed)
        let nodes = (0..<Int(dice.pick(2...4))).map { number in
            Node(
                cpu: dice.pick(0...4),
                memory: dice.pick(0...4),
                rack: dice.chance(90) || number == 0 ? Int(dice.pick(0...2)) : nil
            )
        }
        let claims = (0..<Int(dice.pick(2...3))).map { number -> Claim in
            let cpu = dice.pick(0...3)
            let memory = dice.pick(cpu == 0 ? 1...3 : 0...3)
            let amounts = [(Kind.cpu, cpu), (.memory, memory)].filter { $0.1 > 0 }
            return Claim(
                places: number == 0 ? Int(dice.pick(1...2)) : 1,
                amounts: amounts.map { ClaimAmount(kind: $0.0, amount: $0.1) }
            )
        }
        var world = try Self.world(nodes)
        let answer = try world.ask(.acquire(Self.request(claims, bond)))
        let parts = claims.flatMap { claim in Array(repeating: claim.amounts, count: claim.places) }
        let fits = Self.domains(of: nodes, bond).contains { domain in
            Self.fits(parts[...], domain, taken: [], apart: bond == .apart)
        }
        #expect(answer.code == (fits ? nil : .unsatisfiable), "\(nodes) \(claims)")
    }

    /// The nodes of which some have to hold all parts.
    private static func domains(of nodes: [Node], _ bond: Bond) -> [[Node]] {
        guard bond == .together else { return [nodes] }
        let racks = Set(nodes.compactMap(\.rack)).map { rack in nodes.filter { $0.rack == rack } }
        // One node is in one rack, told or not.
        return racks + nodes.map { [$0] }
    }

    /// Whether there is a way to place the parts, of which the first are in the nodes `taken`.
    private static func fits(
        _ parts: ArraySlice<[ClaimAmount]>,
        _ nodes: [Node],
        taken: [Int],
        apart: Bool
    ) -> Bool {
        guard let part = parts.first else { return true }
        func wanted(_ kind: Kind) -> UInt64 { part.first { $0.kind == kind }?.amount ?? 0 }
        return nodes.indices.contains { number in
            var node = nodes[number]
            let racks = taken.compactMap { nodes[$0].rack }
            if apart, let rack = node.rack, racks.contains(rack) { return false }
            guard node.cpu >= wanted(.cpu), node.memory >= wanted(.memory) else { return false }
            var left = nodes
            node = Node(
                cpu: node.cpu - wanted(.cpu),
                memory: node.memory - wanted(.memory),
                rack: node.rack
            )
            left[number] = node
            return fits(parts.dropFirst(), left, taken: taken + [number], apart: apart)
        }
    }
}
