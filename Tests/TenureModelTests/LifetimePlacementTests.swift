// Requests that tell how long they live at most go where what is there lives as long.

import TenureTesting
import Testing

@testable import TenureModel

@Suite("Placement by length of life", .computing)
struct LifetimePlacementTests {
    private static let minute: UInt64 = 60_000
    private static let hour: UInt64 = 60 * minute

    /// A request for so much of a device that lives so long at most.
    private func asking(
        _ amount: UInt64,
        _ milliseconds: UInt64?,
        _ strategy: Strategy = .fairPrice
    ) -> AcquireRequest {
        .of(amount, .gpu) { ($0.maxLifetimeMilliseconds, $0.strategy) = (milliseconds, strategy) }
    }

    /// A pool of nodes with two devices each, in which fair price has given something out.
    private func counting(_ nodes: Int) throws -> World {
        var world = try World.hosts(nodes)
        let first = try world.granted(asking(1, nil))
        try world.ask(.release(first.reference, parts: nil))
        return world
    }

    /// The resource that the only part of a grant is of.
    private func place(_ world: inout World, _ request: AcquireRequest) throws -> String {
        var request = request
        request.planOnly = true
        return try #require(try world.granted(request).parts.first)
    }

    @Test(
        arguments: [
            (0, 0), (59_999, 0), (60_000, 1), (179_999, 1), (180_000, 2), (420_000, 3),
            (86_400_000, 10), (.max, 48),
        ] as [(UInt64, UInt8)]
    )
    func `every class is twice as long as the one before`(milliseconds: UInt64, number: UInt8) {
        let lifetime = LifetimeClass(milliseconds: milliseconds)
        #expect(lifetime.rawValue == number)
        #expect(lifetime < .endless)
    }

    @Test
    func `what lives long goes to the node where something else does`() throws {
        // Two nodes of two devices, one of each taken: for half a minute, and for ten hours.
        var world = try counting(2)
        let short = try world.granted(asking(1_000, Self.minute / 2, .firstFit))
        #expect(short.parts == ["n0-g0=1000"])
        let long = try world.granted(asking(2_000, 10 * Self.hour, .firstFit))
        #expect(long.parts == ["n1-g0=1000", "n1-g1=1000"])
        try world.ask(.release(long.reference, parts: [Part(resource: "n1-g0", quantity: "1")]))
        #expect(try place(&world, asking(1_000, 10 * Self.hour)) == "n1-g0=1000")
        #expect(try place(&world, asking(1_000, Self.hour)) == "n1-g0=1000")
        // What ends as soon as what is there, or does not tell when, goes to the first.
        #expect(try place(&world, asking(1_000, Self.minute / 2)) == "n0-g1=1000")
        #expect(try place(&world, asking(1_000, nil)) == "n0-g1=1000")
        // Other strategies do not look at it.
        #expect(try place(&world, asking(1_000, 10 * Self.hour, .fragmentation)) == "n0-g1=1000")
    }

    @Test
    func `a share goes to the device that is taken for as long`() throws {
        var world = try counting(1)
        let filler = try world.granted(asking(700, Self.minute / 2, .firstFit))
        #expect(filler.parts == ["n0-g0=700"])
        let long = try world.granted(asking(700, 10 * Self.hour, .firstFit))
        #expect(long.parts == ["n0-g1=700"])
        #expect(try place(&world, asking(300, 10 * Self.hour)) == "n0-g1=300")
        #expect(try place(&world, asking(300, Self.minute / 2)) == "n0-g0=300")
        // When what lives long is gone both would be taken for longer than they are.
        try world.ask(.release(long.reference, parts: nil))
        #expect(try place(&world, asking(300, 10 * Self.hour)) == "n0-g0=300")
    }

    @Test
    func `who does not tell when it ends is there for ever`() throws {
        var world = try counting(2)
        _ = try world.granted(asking(1_000, Self.minute / 2, .firstFit))
        let endless = try world.granted(asking(2_000, nil, .firstFit))
        try world.ask(.release(endless.reference, parts: [Part(resource: "n1-g0", quantity: "1")]))
        #expect(try place(&world, asking(1_000, 10 * Self.hour)) == "n1-g0=1000")
    }

    @Test
    func `what an earlier version granted counts as without an end, and nothing of it is stored`()
        throws
    {
        var world = try World.hosts(1)
        // So as it was decided before lives were looked at.
        world.policy = 5
        let old = try world.granted(asking(300, Self.hour))
        world.policy = nil
        #expect(try dated(of: "n0-g0", in: world).isEmpty)
        let new = try world.granted(asking(700, Self.hour))
        #expect(new.parts == ["n0-g0=700"])
        let hour = LifetimeClass(milliseconds: Self.hour)
        let counted = try dated(of: "n0-g0", in: world)
        #expect(counted.entries == [DatedAmounts.Entry(lifetime: hour, amount: 700)])
        #expect(counted.longest(of: 1_000) == .endless)
        world.checkpoint()
        try world.restart()
        try world.ask(.release(old.reference, parts: nil))
        #expect(try dated(of: "n0-g0", in: world) == counted)
        try world.ask(.release(new.reference, parts: nil))
        #expect(try dated(of: "n0-g0", in: world).isEmpty)
    }

    @Test
    func `other strategies alone store nothing`() throws {
        var world = try World.hosts(1)
        _ = try world.granted(asking(300, Self.hour, .bestFit))
        #expect(try dated(of: "n0-g0", in: world).isEmpty)
    }

    @Test
    func `amounts come and go by class`() {
        var dated = DatedAmounts()
        dated.add(5, LifetimeClass(rawValue: 3))
        dated.add(2, LifetimeClass(rawValue: 1))
        dated.add(9, .endless)
        #expect(dated.longest(of: 7).rawValue == 3)
        #expect(dated.longest(of: 8) == .endless)
        dated.subtract(5, LifetimeClass(rawValue: 3))
        #expect(dated.longest(of: 2).rawValue == 1)
        #expect(dated.longest(of: 0) == .shortest)
        dated.subtract(2, LifetimeClass(rawValue: 1))
        #expect(dated.isEmpty)
    }

    private func dated(of name: String, in world: World) throws -> DatedAmounts {
        try #require(world.state.resource(named: name)?.dated)
    }
}
