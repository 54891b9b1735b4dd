// Scores of the places of a pool, for placement of shared devices.
//
//   F1  A place is scored by what its resources say, less what a search has taken on trial.
//
// A device is a resource of kind gpu of at most one device. Cpu and memory of a place are those of
// its largest free resource of the kind. What this can not express is left to the other strategies:
// scores only rank, who asks it checks the place itself.

/// Places with remembered bids, and the policies that bid.
struct DeviceScores {
    /// Byte budget of the bids of one pool.
    static let byteBudget = 8 << 20
    /// Pools with more places are not scored: one sort of request would take too long.
    static let placesMax = 16_384

    var places: ScoredPlaces
    private(set) var prices: FairPrices?
    private(set) var gradient: FragmentationGradient?
    private var isLearnt = false

    init(_ places: [DevicePlace]) {
        self.places = ScoredPlaces(places, byteBudget: Self.byteBudget)
    }

    /// Whether policies have to be set before bids are asked for.
    var needsPolicies: Bool { prices == nil }

    /// From here on bids are made by `policy`, or by what there is when nothing was learnt.
    mutating func set(_ policy: LearntPolicy?, on supply: DeviceSupply) {
        prices = policy.map { FairPrices($0) } ?? FairPrices(learning: DeviceMix(), on: supply)
        gradient = FragmentationGradient(policy.map { DeviceMix($0) } ?? DeviceMix())
        isLearnt = policy != nil
        places.forget()
    }

    /// The pool has learnt something else.
    mutating func policyChanged() { prices = nil }

    /// There is more or less than before, by which a pool that has learnt nothing goes.
    mutating func supplyChanged() {
        if !isLearnt { prices = nil }
    }

    /// The place with the lowest bid, and the device that a share comes from.
    mutating func best(
        for demand: DeviceDemand,
        _ strategy: Strategy
    ) -> (place: Int, device: Int)? {
        guard let prices, let gradient else { return nil }
        return strategy == .fragmentation
            ? places.best(for: demand, by: gradient, number: 1)
            : places.best(for: demand, by: prices, number: 0)
    }

    /// Calls `body` with the places of the lowest bids and these, after `best` was asked.
    func forEachBest(
        _ count: Int,
        for demand: DeviceDemand,
        _ strategy: Strategy,
        _ body: (Int, Int32) -> Void
    ) {
        let number: UInt8 = strategy == .fragmentation ? 1 : 0
        places.forEachBest(count, for: demand, number: number, body)
    }
}

extension PlaceIndex {
    /// Whether devices of the pool are shared out, one resource a device.
    var sharesDevices: Bool {
        let largest = largestResource(of: .gpu)
        return largest > 0 && largest <= UInt64(DevicePlace.whole)
            && places.count <= DeviceScores.placesMax
    }

    /// What a claim asks of one place, as prices see it; `nil` when they can not tell.
    mutating func demand(
        of claim: Claim,
        selector: [Label],
        lifetime: LifetimeClass = .shortest
    ) -> DeviceDemand? {
        var cpu: UInt64 = 0
        var memory: UInt64 = 0
        var gpu: UInt64 = 0
        for amount in claim.amounts {
            switch amount.kind {
            case .cpu: cpu = amount.amount
            case .memory: memory = amount.amount
            case .gpu: gpu = amount.amount
            default: break
            }
        }
        let whole = UInt64(DevicePlace.whole)
        guard cpu > 0 || memory > 0 || gpu > 0, gpu <= whole || gpu % whole == 0,
            gpu <= whole * UInt64(DevicePlace.devicesMax),
            let allowed = models.allowed(by: gpu > 0 ? selector : [])
        else { return nil }
        var demand = DeviceDemand(
            cpu: cpu,
            memory: memory,
            count: gpu < whole ? min(Int(gpu), 1) : Int(gpu / whole),
            share: Int(min(gpu, whole)),
            models: allowed
        )
        demand.lifetime = lifetime
        return demand
    }

    /// Scores all places from here on, by what the pool has learnt.
    mutating func prepareScores(_ policy: LearntPolicy?, in resources: [Resource?]) {
        if scores == nil {
            var seen: [DevicePlace] = []
            seen.reserveCapacity(places.count)
            for place in places { seen.append(devicePlace(place, in: resources)) }
            scores = DeviceScores(seen)
        }
        guard scores?.needsPolicies == true else { return }
        let supply = policy == nil ? supply(in: resources) : DeviceSupply([])
        scores?.set(policy, on: supply)
    }

    /// What all resources have when nothing is taken; O(resources).
    mutating func supply(in resources: [Resource?]) -> DeviceSupply {
        var supply = DeviceSupply([])
        for place in places { supply.add(devicePlace(place, in: resources, isEmpty: true)) }
        return supply
    }

    /// Takes in what became of one place, less what a search has taken of it.
    mutating func score(
        _ slot: Int,
        in resources: [Resource?],
        less taken: [ResourceID: UInt64] = [:]
    ) {
        guard scores != nil else { return }
        let place = devicePlace(places[slot], in: resources, less: taken)
        scores?.places.change(slot) { $0 = place }
    }

    /// Leaves one place out until it is scored again.
    mutating func hide(_ slot: Int) {
        scores?.places.change(slot) { $0 = .nothing }
    }

    /// A place as prices see it, less what was taken on trial, and with what was freed.
    mutating func devicePlace(
        _ place: Place,
        in resources: [Resource?],
        less taken: [ResourceID: UInt64] = [:],
        freed: [ResourceID: UInt64] = [:],
        isEmpty: Bool = false
    ) -> DevicePlace {
        var seen = DevicePlace.nothing
        var model: UInt16?
        let isDated = place.resources.contains { id in
            resources[Int(id.rawValue)]?.dated.isEmpty == false
        }
        for id in place.resources {
            guard let resource = resources[Int(id.rawValue)] else { continue }
            var free: UInt64 = 0
            var lifetime = LifetimeClass.endless
            if resource.state == .active, !heldBack.contains(id) {
                free = isEmpty ? resource.capacity : resource.free
                if !freed.isEmpty, let more = freed[id] { free = resource.free(after: more) }
                if !taken.isEmpty, let less = taken[id] { free -= min(less, free) }
                lifetime = isEmpty ? .shortest : resource.longestLife
                seen.lifetime = max(seen.lifetime, lifetime)
            }
            switch resource.kind {
            case .cpu: seen.cpu = max(seen.cpu, free)
            case .memory: seen.memory = max(seen.memory, free)
            case .gpu where seen.devices.count < DevicePlace.devicesMax:
                if model == nil { model = models.number(of: resource.labels) }
                seen.devices.append(UInt16(min(free, UInt64(DevicePlace.whole))))
                if isDated { seen.lifetimes.append(lifetime) }
            default: break
            }
        }
        if let model { seen.model = model }
        return seen
    }
}

extension DevicePlace {
    /// A place that has nothing.
    static let nothing = DevicePlace(cpu: 0, memory: 0, model: 0, devices: [])
}
