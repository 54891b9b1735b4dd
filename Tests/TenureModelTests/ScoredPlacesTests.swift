// P1: what is remembered of bids changes no decision.

import TenureModel
import TenureTesting
import Testing

@Suite("Scored places", .computing)
struct ScoredPlacesTests {
    /// The same demands with room for all rows, for one row, and asking every place every time.
    @Test(arguments: 0..<20)
    func `P1: decisions are the same with and without remembered bids`(seed: UInt64) {
        var random = Dice(seed: seed)
        let places = DeviceSamples.places(30, &random)
        let demands = DeviceSamples.demands(12, &random)
        let policy = FairPrices(
            learning: DeviceSamples.mix(demands, &random),
            on: DeviceSupply(places)
        )
        var roomy = ScoredPlaces(places)
        var narrow = ScoredPlaces(places, byteBudget: 0)
        var taken: [(place: Int, before: DevicePlace)] = []
        // Enough changes that old ones are forgotten several times.
        for _ in 0..<3_000 {
            if !taken.isEmpty, random.next() % 3 == 0 {
                let (place, _) = taken.remove(at: Int(random.next() % UInt64(taken.count)))
                roomy.change(place) { $0 = places[place] }
                narrow.change(place) { $0 = places[place] }
                taken.removeAll { $0.place == place }
                continue
            }
            let demand = demands[Int(random.next() % UInt64(demands.count))]
            let expected = DeviceSamples.best(for: demand, in: roomy.places, by: policy)
            let found = roomy.best(for: demand, by: policy)
            let narrowly = narrow.best(for: demand, by: policy)
            #expect(found?.place == expected?.place && found?.device == expected?.device)
            #expect(narrowly?.place == expected?.place && narrowly?.device == expected?.device)
            guard let found else { continue }
            taken.append((found.place, roomy.places[found.place]))
            roomy.change(found.place) { $0.take(demand, from: found.device) }
            narrow.change(found.place) { $0.take(demand, from: found.device) }
        }
        #expect(roomy.places == narrow.places)
        #expect(roomy.computed < narrow.computed)
        #expect(roomy.remembered > narrow.remembered)
    }

    @Test
    func `a policy that was changed is asked again`() {
        let places = [
            DevicePlace(cpu: 8_000, memory: 1, model: 0, devices: [1000, 1000]),
            DevicePlace(cpu: 8_000, memory: 1, model: 0, devices: [500]),
        ]
        let half = DeviceDemand(cpu: 1_000, memory: 0, count: 1, share: 500, models: [])
        var scored = ScoredPlaces(places)
        #expect(scored.best(for: half, by: FirstIsBest(sign: 1))?.place == 0)
        #expect(scored.best(for: half, by: FirstIsBest(sign: -1))?.place == 0)
        scored.forget()
        #expect(scored.best(for: half, by: FirstIsBest(sign: -1))?.place == 1)
    }

    @Test
    func `without a place that fits there is no decision`() {
        let place = DevicePlace(cpu: 1_000, memory: 10, model: 3, devices: [400, 1000])
        var scored = ScoredPlaces([place])
        func isPlaced(
            _ cpu: UInt64,
            _ memory: UInt64,
            _ count: Int,
            _ share: Int,
            _ model: UInt16
        )
            -> Bool
        {
            let demand = DeviceDemand(
                cpu: cpu,
                memory: memory,
                count: count,
                share: share,
                models: [model]
            )
            return scored.best(for: demand, by: FirstIsBest(sign: 1)) != nil
        }
        #expect(isPlaced(1_000, 10, 1, 1000, 3))
        #expect(!isPlaced(1_001, 10, 1, 1000, 3))
        #expect(!isPlaced(1_000, 11, 1, 1000, 3))
        #expect(!isPlaced(1_000, 10, 2, 1000, 3))
        #expect(!isPlaced(1_000, 10, 1, 1000, 4))
        // Who asks for no device is bound to no model.
        #expect(isPlaced(1_000, 10, 0, 0, 4))
    }

    private struct FirstIsBest: DevicePolicy {
        let sign: Int32

        func bid(for demand: DeviceDemand, at place: DevicePlace) -> DeviceBid {
            DeviceBid(cost: -sign * Int32(place.devices.count), device: 0)
        }
    }
}

/// Random clusters and what is asked of them.
enum DeviceSamples {
    static func places(_ count: Int, _ random: inout Dice) -> [DevicePlace] {
        (0..<count).map { _ in
            DevicePlace(
                cpu: 4_000 * (random.next() % 16),
                memory: 1 << 30,
                model: UInt16(random.next() % 3),
                devices: Array(repeating: 1000, count: Int(random.next() % 5))
            )
        }
    }

    static func demands(_ count: Int, _ random: inout Dice) -> [DeviceDemand] {
        (0..<count).map { _ in
            let devices = Int(random.next() % 4)
            let share = devices == 1 ? 10 * Int(1 + random.next() % 100) : 1000
            return DeviceDemand(
                cpu: 500 * (random.next() % 12),
                memory: random.next() % (1 << 26),
                count: devices,
                share: share,
                models: random.next() % 4 == 0 ? [UInt16(random.next() % 3)] : []
            )
        }
    }

    static func mix(_ demands: [DeviceDemand], _ random: inout Dice) -> DeviceMix {
        var mix = DeviceMix()
        for demand in demands {
            for _ in 0...(random.next() % 9) { mix.add(demand) }
        }
        return mix
    }

    /// The decision by asking the policy about every place.
    static func best(
        for demand: DeviceDemand,
        in places: [DevicePlace],
        by policy: some DevicePolicy
    ) -> (place: Int, device: Int)? {
        var best: (place: Int, bid: DeviceBid)?
        for (index, place) in places.enumerated() where place.fits(demand) {
            let bid = policy.bid(for: demand, at: place)
            if let best, best.bid.cost <= bid.cost { continue }
            best = (index, bid)
        }
        return best.map { ($0.place, $0.bid.device) }
    }
}
