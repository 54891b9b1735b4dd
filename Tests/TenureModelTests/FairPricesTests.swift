// Fair prices: what a mix teaches, and where requests go by it.

import TenureModel
import TenureTesting
import Testing

@Suite("Fair prices", .computing)
struct FairPricesTests {
    private func place(
        _ devices: [UInt16],
        cpu: UInt64 = 64_000,
        model: UInt16 = 0
    ) -> DevicePlace {
        DevicePlace(cpu: cpu, memory: 1 << 40, model: model, devices: devices)
    }

    private func demand(
        _ share: Int,
        count: Int = 1,
        cpu: UInt64 = 4_000,
        models: [UInt16] = []
    ) -> DeviceDemand {
        DeviceDemand(cpu: cpu, memory: 0, count: count, share: share, models: models)
    }

    private func mix(_ counts: [(DeviceDemand, Int)]) -> DeviceMix {
        var mix = DeviceMix()
        for (demand, count) in counts {
            for _ in 0..<count { mix.add(demand) }
        }
        return mix
    }

    /// Where the policy puts a request, by asking every place.
    private func choice(
        _ demand: DeviceDemand,
        _ places: [DevicePlace],
        _ mix: DeviceMix,
        on supply: [DevicePlace]? = nil
    ) -> Int? {
        let prices = FairPrices(learning: mix, on: DeviceSupply(supply ?? places))
        return DeviceSamples.best(for: demand, in: places, by: prices)?.place
    }

    @Test
    func `a share goes where what is left can be sold`() {
        // With halves and thirds asked for, two thirds of a device earn as much as two thirds, and
        // what a half leaves of them earns nothing.
        let asked = mix([(demand(500), 50), (demand(330), 50)])
        #expect(choice(demand(330), [place([500]), place([830])], asked) == 1)
        #expect(choice(demand(500), [place([660]), place([1000])], asked) == 1)
        // 200 can not be sold to anybody, so taking it from there costs nothing.
        #expect(choice(demand(160), [place([500]), place([200])], asked) == 1)
    }

    @Test
    func `without shares every share is worth itself`() {
        let prices = FairPrices(
            learning: mix([(demand(1000), 10)]),
            on: DeviceSupply([place([1000])])
        )
        let bid = prices.bid(for: demand(250, cpu: 0), at: place([1000]))
        // 0.25 devices in steps of 0.03.
        #expect(bid.cost == 8)
    }

    @Test
    func `devices are not left without CPUs`() {
        let asked = mix([(demand(1000, cpu: 8_000), 10)])
        // The first would keep a device that its 4 CPUs can not feed.
        let places = [
            place([1000, 1000], cpu: 12_000), place([1000, 1000], cpu: 16_000),
        ]
        #expect(choice(demand(0, count: 0, cpu: 4_000), places, asked) == 0)
        let fed = [place([1000], cpu: 8_000), place([], cpu: 8_000)]
        #expect(choice(demand(0, count: 0, cpu: 4_000), fed, asked) == 1)
    }

    @Test
    func `who is bound to no model keeps off the models that others are bound to`() {
        let places = [place([1000], model: 0), place([1000], model: 1)]
        let bound = demand(1000, models: [0])
        let asked = mix([(bound, 30), (demand(1000), 10)])
        #expect(choice(demand(1000), places, asked) == 1)
        #expect(choice(bound, places, asked) == 0)
        #expect(choice(demand(1000), places, mix([(demand(1000), 40)])) == 0)
    }

    @Test
    func `prices are made anew now and then, and follow what is asked for`() {
        let supply = DeviceSupply([place([1000, 1000])])
        var learnt = LearntPrices(on: supply)
        var changes: [Int] = []
        for request in 1...5_000 where learnt.note(demand(330)) { changes.append(request) }
        #expect(changes.prefix(5) == [50, 75, 112, 168, 252])
        #expect(zip(changes, changes.dropFirst()).allSatisfy { $1 - $0 <= 1_000 })
        let thirds = learnt.prices
        for _ in 0..<60_000 { _ = learnt.note(demand(500)) }
        #expect(learnt.prices != thirds)
        // Thirds are as good as forgotten: two thirds of a device earn one half.
        let halves = FairPrices(learning: mix([(demand(500), 100)]), on: supply)
        let after = learnt.prices.bid(for: demand(160, cpu: 0), at: place([660]))
        #expect(after == halves.bid(for: demand(160, cpu: 0), at: place([660])))
    }

    @Test
    func `prices do not depend on the order of requests`() {
        var random = Dice(seed: 7)
        let demands = DeviceSamples.demands(40, &random)
        let supply = DeviceSupply(DeviceSamples.places(20, &random))
        var forward = DeviceMix()
        var backward = DeviceMix()
        for demand in demands + demands { forward.add(demand) }
        for demand in (demands + demands).reversed() { backward.add(demand) }
        #expect(
            FairPrices(learning: forward, on: supply) == FairPrices(learning: backward, on: supply)
        )
    }

    @Test
    func `fragmentation counts what typical requests could not use`() {
        // Halves are asked for: 300 left of a device are a fragment, 500 left are not.
        let policy = FragmentationGradient(mix([(demand(500), 10)]))
        let whole = policy.bid(for: demand(500), at: place([1000]))
        let odd = policy.bid(for: demand(500), at: place([800]))
        #expect(whole.cost == -50)
        // 300 more fragments: floor(100 / (1 + e^0.3)).
        #expect(odd.cost == -42)
        // 100 fragments are taken away: floor(100 / (1 + e^-0.1)).
        #expect(policy.bid(for: demand(100), at: place([400])).cost == -52)
    }
}
