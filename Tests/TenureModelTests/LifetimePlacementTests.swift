// Requests that tell how long they live at most go where what is there lives as long.

import TenureModel
import TenureTesting
import Testing

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
        var world = try World.hosts(2)
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
        var world = try World.hosts(1)
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
        var world = try World.hosts(2)
        _ = try world.granted(asking(1_000, Self.minute / 2, .firstFit))
        let endless = try world.granted(asking(2_000, nil, .firstFit))
        try world.ask(.release(endless.reference, parts: [Part(resource: "n1-g0", quantity: "1")]))
        #expect(try place(&world, asking(1_000, 10 * Self.hour)) == "n1-g0=1000")
    }

    @Test
    func `amounts that were never counted are not subtracted`() {
        var dated = DatedAmounts()
        dated.subtract(5, LifetimeClass(rawValue: 3))
        #expect(dated.isEmpty)
        dated.add(5, LifetimeClass(rawValue: 3))
        dated.add(2, LifetimeClass(rawValue: 1))
        #expect(dated.longest(of: 7).rawValue == 3)
        #expect(dated.longest(of: 8) == .endless)
        dated.subtract(9, LifetimeClass(rawValue: 3))
        #expect(dated.longest(of: 2).rawValue == 1)
        #expect(dated.longest(of: 0) == .shortest)
    }
}
