// Finds places for a request without changing anything.
//
// What the request itself would take is kept aside in `taken`, so that the places of a gang do not
// count the same amount twice. All or nothing: a request that does not fit leaves no trace (I8).

internal import TenureBase

/// Places that come before all others.
struct Nearby {
    /// Their names, the first preferred.
    var places: [String] = []
    /// Whether there are no others.
    var isAll = false
}

/// One search for one request in one pool.
struct Placer {
    /// The version of the policy, recorded with every grant.
    static let policyVersion: UInt16 = 3
    /// How many of the fullest places best fit looks at before it takes the first that fits.
    private static let bestFitPlacesMax = 512

    private let resources: [Resource?]
    private let selector: [Label]
    private let view: PlaceIndex.View
    /// What is held and counts as free.
    private let freed: [ResourceID: UInt64]
    private let nearby: Nearby
    private let heldBack: Set<ResourceID>
    private var taken: [ResourceID: UInt64] = [:]
    /// Slots scored as if what was taken on trial were gone, or hidden.
    private var onTrial: [Int] = []
    /// Whether what is placed first is in the way of what follows.
    private var hasSeveral = false
    private(set) var placements: [Placement] = []
    private(set) var considered: UInt32 = 0
    private(set) var passedOver = PassedOver()

    /// A search over `resources`, as they are or as if nothing were used, or less was.
    ///
    /// What breakers hold back is not used.
    init(
        resources: [Resource?],
        selector: [Label],
        view: PlaceIndex.View = .now,
        freed: [ResourceID: UInt64] = [:],
        nearby: Nearby = Nearby(),
        heldBack: Set<ResourceID> = []
    ) {
        self.freed = freed
        self.resources = resources
        self.selector = selector
        self.view = view
        self.nearby = nearby
        self.heldBack = heldBack
    }

    /// Places every claim; false when one does not fit.
    ///
    /// In the order asked; where that fails once more with the largest first, so that a small
    /// claim does not take the only place that is large enough for another.
    mutating func place(
        _ claims: [Claim],
        strategy: Strategy,
        in index: inout PlaceIndex
    ) -> Bool {
        hasSeveral = claims.count > 1 || claims.contains { $0.places > 1 }
        defer { putBack(&index) }
        if placeInOrder(claims, strategy: strategy, in: &index) { return true }
        let reordered = Self.largestFirst(claims)
        guard reordered != claims else { return false }
        taken = [:]
        placements = []
        putBack(&index)
        return placeInOrder(reordered, strategy: strategy, in: &index)
    }

    /// Scores again by what is there.
    private mutating func putBack(_ index: inout PlaceIndex) {
        for slot in onTrial { index.score(slot, in: resources) }
        onTrial = []
    }

    private mutating func placeInOrder(
        _ claims: [Claim],
        strategy: Strategy,
        in index: inout PlaceIndex
    ) -> Bool {
        for claim in claims {
            var claim = claim
            claim.places -= placeNearby(claim, in: &index)
            if claim.places == 0 { continue }
            if nearby.isAll { return false }
            let placed =
                switch strategy {
                case .firstFit, .automatic: placeFirst(claim, in: index)
                case .bestFit: placeBest(claim, in: &index)
                case .fairPrice, .fragmentation: placePriced(claim, strategy, in: &index)
                }
            if !placed { return false }
        }
        return true
    }

    /// Places as much of the claim as fits into the places nearby; returns how often it did.
    private mutating func placeNearby(_ claim: Claim, in index: inout PlaceIndex) -> Int {
        var count = 0
        for name in nearby.places where count < claim.places {
            guard let slot = index.slot(ofPlace: name) else { continue }
            let place = index.places[slot]
            let filled = fill(
                place,
                with: claim.amounts,
                atMost: claim.places - count,
                tightest: true
            )
            guard filled > 0 else { continue }
            count += filled
            guard view == .now else { continue }
            onTrial.append(slot)
            index.score(slot, in: resources, less: taken)
        }
        return count
    }

    mutating func placeFirst(_ claim: Claim, in index: PlaceIndex) -> Bool {
        var left = claim.places
        var start = 0
        while left > 0 {
            let amounts = claim.amounts
            guard let slot = index.firstSlot(from: start, for: amounts, view: view) else {
                return false
            }
            left -= fill(index.places[slot], with: claim.amounts, atMost: left, tightest: false)
            start = slot + 1
        }
        return true
    }

    private mutating func placeBest(_ claim: Claim, in index: inout PlaceIndex) -> Bool {
        guard view == .now else { return placeFirst(claim, in: index) }
        let ranked = Self.scarcestFirst(claim.amounts)
        var left = claim.places
        var candidates: [Int] = []
        index.forEachFullest(ranked) { slot in
            candidates.append(slot)
            return candidates.count < Self.bestFitPlacesMax
        }
        for slot in candidates where left > 0 {
            left -= fill(index.places[slot], with: claim.amounts, atMost: left, tightest: true)
        }
        if left == 0 { return true }
        return placeFirst(Claim(places: left, amounts: claim.amounts), in: index)
    }

    /// At the places where it costs the least; what these can not take goes to the first that can.
    private mutating func placePriced(
        _ claim: Claim,
        _ strategy: Strategy,
        in index: inout PlaceIndex
    ) -> Bool {
        guard view == .now, let demand = index.demand(of: claim, selector: selector) else {
            return placeBest(claim, in: &index)
        }
        var left = claim.places
        var misses = 0
        while left > 0, misses < Self.bestFitPlacesMax,
            let found = index.scores?.best(for: demand, strategy)
        {
            let place = index.places[found.place]
            considered &+= 1
            let carries = selector.isEmpty || carriesSelector(place)
            guard carries, let parts = fit(claim.amounts, in: place, device: found.device) else {
                misses += 1
                passedOver.add(place.name, carries ? .room : .labels)
                onTrial.append(found.place)
                index.hide(found.place)
                continue
            }
            for part in parts { taken[part.resource, default: 0] += part.amount }
            placements.append(contentsOf: parts)
            left -= 1
            guard hasSeveral else { break }
            onTrial.append(found.place)
            index.score(found.place, in: resources, less: taken)
        }
        if left == 0 { return true }
        return placeFirst(Claim(places: left, amounts: claim.amounts), in: index)
    }

    /// One placement of all amounts in `place`, a share from the device of that number.
    private func fit(
        _ amounts: [ClaimAmount],
        in place: PlaceIndex.Place,
        device: Int
    ) -> [Placement]? {
        var parts: [Placement] = []
        for amount in amounts {
            if amount.kind == .gpu, amount.amount < UInt64(DevicePlace.whole) {
                let devices = place.resources.lazy.filter { id in
                    resources[Int(id.rawValue)]?.kind == .gpu
                }
                guard let id = devices.dropFirst(device).first,
                    let resource = eligible(id, kind: .gpu), free(resource) >= amount.amount
                else { return nil }
                parts.append(Placement(resource: id, amount: amount.amount))
            } else {
                guard let found = fit(amount, in: place, tightest: true) else { return nil }
                parts.append(contentsOf: found)
            }
        }
        return parts
    }

    /// Claims by what they want of the scarcest kind, the most first.
    private static func largestFirst(_ claims: [Claim]) -> [Claim] {
        guard claims.count > 1 else { return claims }
        let wanted = scarcestFirst(claims.flatMap(\.amounts)).map(\.kind)
        let kinds = wanted.indices.filter { $0 == 0 || wanted[$0] != wanted[$0 - 1] }
            .map { wanted[$0] }
        let sizes = claims.map { claim in
            kinds.map { kind in claim.amounts.first { $0.kind == kind }?.amount ?? 0 }
        }
        let order = claims.indices.sorted { left, right in
            for (large, small) in zip(sizes[left], sizes[right]) where large != small {
                return large > small
            }
            return left < right
        }
        return order.map { claims[$0] }
    }

    /// GPUs and custom kinds before cpu and memory: what is scarce ranks the places.
    private static func scarcestFirst(_ amounts: [ClaimAmount]) -> [ClaimAmount] {
        func rank(_ kind: Kind) -> Int {
            switch kind {
            case .gpu: 0
            case .cpu: 2
            case .memory: 3
            case .disk: 4
            case .network: 5
            default: 1
            }
        }
        return amounts.sorted { (rank($0.kind), $0.kind) < (rank($1.kind), $1.kind) }
    }

    /// Puts the amounts into `place` as often as they fit; returns how often.
    mutating func fill(
        _ place: PlaceIndex.Place,
        with amounts: [ClaimAmount],
        atMost limit: Int,
        tightest: Bool
    ) -> Int {
        considered &+= 1
        guard selector.isEmpty || carriesSelector(place) else {
            passedOver.add(place.name, .labels)
            return 0
        }
        var count = 0
        while count < limit {
            guard let parts = fit(amounts, in: place, tightest: tightest) else {
                if count == 0 { passedOver.add(place.name, .room) }
                return count
            }
            for part in parts { taken[part.resource, default: 0] += part.amount }
            placements.append(contentsOf: parts)
            count += 1
        }
        return count
    }

    /// One placement of all amounts in `place`, or nothing.
    private func fit(
        _ amounts: [ClaimAmount],
        in place: PlaceIndex.Place,
        tightest: Bool
    ) -> [Placement]? {
        var parts: [Placement] = []
        for amount in amounts {
            guard let found = fit(amount, in: place, tightest: tightest) else { return nil }
            parts.append(contentsOf: found)
        }
        return parts
    }

    private func fit(
        _ wanted: ClaimAmount,
        in place: PlaceIndex.Place,
        tightest: Bool
    ) -> [Placement]? {
        var best: Placement?
        var bestFree = UInt64.max
        var oneCouldHold = false
        for id in place.resources {
            guard let resource = eligible(id, kind: wanted.kind) else { continue }
            if resource.capacity >= wanted.amount { oneCouldHold = true }
            let free = free(resource)
            guard free >= wanted.amount, free < bestFree else { continue }
            best = Placement(resource: id, amount: wanted.amount)
            bestFree = free
            if !tightest { break }
        }
        if let best { return [best] }
        return oneCouldHold ? nil : wholeResources(wanted, in: place)
    }

    /// Wholly free resources of `place` that sum to the amount exactly.
    private func wholeResources(
        _ wanted: ClaimAmount,
        in place: PlaceIndex.Place
    ) -> [Placement]? {
        var candidates: [Placement] = []
        for id in place.resources {
            guard let resource = eligible(id, kind: wanted.kind), resource.capacity > 0,
                free(resource) == resource.capacity
            else { continue }
            candidates.append(Placement(resource: id, amount: resource.capacity))
        }
        candidates.sort { ($1.amount, $0.resource) < ($0.amount, $1.resource) }
        var chosen: [Placement] = []
        var steps = 10_000
        return subset(of: candidates[...], sum: wanted.amount, &chosen, &steps) ? chosen : nil
    }

    /// Depth-first over amounts from large to small; `steps` bounds the search.
    private func subset(
        of candidates: ArraySlice<Placement>,
        sum: UInt64,
        _ chosen: inout [Placement],
        _ steps: inout Int
    ) -> Bool {
        if sum == 0 { return true }
        var last: UInt64?
        for index in candidates.indices {
            let candidate = candidates[index]
            // Of equal ones only the first is worth trying at one depth.
            guard candidate.amount <= sum, candidate.amount != last else { continue }
            last = candidate.amount
            steps -= 1
            if steps <= 0 { return false }
            chosen.append(candidate)
            let rest = candidates[(index + 1)...]
            if subset(of: rest, sum: sum - candidate.amount, &chosen, &steps) { return true }
            chosen.removeLast()
        }
        return false
    }

    private func free(_ resource: Resource) -> UInt64 {
        let free = view == .now ? freeNow(resource) : resource.capacity
        guard !taken.isEmpty, let extra = taken[resource.id] else { return free }
        return free > extra ? free - extra : 0
    }

    private func freeNow(_ resource: Resource) -> UInt64 {
        guard !freed.isEmpty, let extra = freed[resource.id] else { return resource.free }
        let used = resource.used > extra ? resource.used - extra : 0
        return resource.capacity > used ? resource.capacity - used : 0
    }

    /// The resource when it can be granted for this request at all.
    private func eligible(_ id: ResourceID, kind: Kind) -> Resource? {
        guard let resource = resources[Int(id.rawValue)], resource.kind == kind,
            view == .empty || resource.state == .active,
            heldBack.isEmpty || !heldBack.contains(id)
        else { return nil }
        // A label of the right name with another value rules this one out; a label that only a
        // neighbour carries is the place's.
        for wanted in selector
        where resource.labels.contains(where: { $0.name == wanted.name })
            && !Label.match([wanted], in: resource.labels)
        {
            return nil
        }
        return resource
    }

    /// Whether every label asked for is on some resource of the place.
    private func carriesSelector(_ place: PlaceIndex.Place) -> Bool {
        selector.allSatisfy { wanted in
            place.resources.contains { id in
                resources[Int(id.rawValue)].map { Label.match([wanted], in: $0.labels) } ?? false
            }
        }
    }
}
