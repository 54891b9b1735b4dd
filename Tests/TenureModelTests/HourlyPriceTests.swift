// What a request may cost and what a budget holds for it is reckoned in the same units.

import TenureTesting
import Testing

@testable import TenureModel

@Suite("Hourly price")
struct HourlyPriceTests {
    private static let hour: UInt64 = 3_600_000_000_000

    @Test(arguments: [
        (Kind.cpu, 1_500 as UInt64), (.gpu, 250), (.memory, 1 << 30), (.memory, 3 << 29),
        (.memory, 1), (.disk, 10_000_000_000), (.network, 1_000_000_000), (.network, 7),
        (.slot, 3), (.memory, 1 << 62),
    ])
    func `an hour costs what a budget holds for an hour`(kind: Kind, amount: UInt64) {
        for cost in [0, 1, 3, 1_999, 2_000, 1_000_000] as [UInt64] {
            let hourly = HourlyPrice.of(amount, kind, at: cost).roundedUpThousandths
            let held = Price.of(amount, kind: kind, price: cost, nanoseconds: Self.hour)
            #expect(hourly == held, "\(amount) of \(kind) at \(cost)")
        }
    }

    @Test
    func `what does not fit is as dear as can be`() {
        #expect(HourlyPrice.of(1 << 62, .slot, at: 1 << 62) == .max)
        #expect(HourlyPrice.of(1 << 62, .memory, at: 1 << 62) == .max)
    }

    /// Two units of two: MAXCOST bounds it, and the budget has as much less.
    @Test
    func `memory is priced by the GiB, for MAXCOST as for budgets`() throws {
        var world = World()
        try world.declarePool()
        var resource = ResourceRequest(name: "ram", pool: "pool", kind: .memory, capacity: 8 << 30)
        resource.cost = 2_000
        #expect(try world.ask(.setResource(resource)).code == nil)
        try world.budget("a", 100_000, window: 3_600_000)
        var request = AcquireRequest(
            pool: "pool",
            claims: [Claim(amounts: [ClaimAmount(kind: .memory, amount: 2 << 30)])]
        )
        request.tenant = "a"
        request.ttlMilliseconds = 1_000
        request.maxLifetimeMilliseconds = 3_600_000
        request.maxCost = 3_999
        #expect(try world.ask(.acquire(request)).code == .exhausted)
        request.maxCost = 4_000
        #expect(try world.granted(request).price == 4_000)
        #expect(try world.figures("a") == [0, 4_000, 96_000])
    }
}
