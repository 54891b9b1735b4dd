// Whether amounts fit one place, and from which of its resources they come.

extension Placer {
    /// One placement of all amounts in `place`, or nothing.
    func fit(
        _ amounts: [ClaimAmount],
        in place: PlaceIndex.Place,
        taking choice: Choice
    ) -> [Placement]? {
        var parts: [Placement] = []
        for amount in amounts {
            guard let found = fit(amount, in: place, taking: choice) else { return nil }
            parts.append(contentsOf: found)
        }
        return parts
    }

    /// The parts of one place that an amount comes from, or nothing.
    func fit(
        _ wanted: ClaimAmount,
        in place: PlaceIndex.Place,
        taking choice: Choice
    ) -> [Placement]? {
        var best: Placement?
        var bestFree = UInt64.max
        var bestRank = UInt64.max
        var oneCouldHold = false
        for id in place.resources {
            guard let resource = eligible(id, kind: wanted.kind) else { continue }
            if resource.capacity >= wanted.amount { oneCouldHold = true }
            let free = free(resource)
            guard free >= wanted.amount else { continue }
            let rank = choice.rank(resource)
            guard rank < bestRank || (rank == bestRank && free < bestFree) else { continue }
            best = Placement(resource: id, amount: wanted.amount)
            bestFree = free
            bestRank = rank
            if choice == .first { break }
        }
        if let best { return [best] }
        return oneCouldHold ? nil : wholeResources(wanted, in: place, choice)
    }

    /// Wholly free resources of `place` that sum to the amount exactly.
    ///
    /// Tried from large to small, of equal ones first those that the choice prefers.
    private func wholeResources(
        _ wanted: ClaimAmount,
        in place: PlaceIndex.Place,
        _ choice: Choice
    ) -> [Placement]? {
        var candidates: [Placement] = []
        for id in place.resources {
            guard let resource = eligible(id, kind: wanted.kind), resource.capacity > 0,
                free(resource) == resource.capacity
            else { continue }
            candidates.append(Placement(resource: id, amount: resource.capacity))
        }
        candidates.sort { ($1.amount, $0.resource) < ($0.amount, $1.resource) }
        if choice.ranks {
            let rank = { (part: Placement) in
                resources[Int(part.resource.rawValue)].map(choice.rank) ?? .max
            }
            candidates.sort { left, right in
                left.amount == right.amount && rank(left) < rank(right)
            }
        }
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

    /// What of a resource is still to be had in this search.
    func free(_ resource: Resource) -> UInt64 {
        let free = view == .now ? freeNow(resource) : resource.capacity
        guard !taken.isEmpty, let extra = taken[resource.id] else { return free }
        return free > extra ? free - extra : 0
    }

    private func freeNow(_ resource: Resource) -> UInt64 {
        guard !freed.isEmpty, let extra = freed[resource.id] else { return resource.free }
        return resource.free(after: extra)
    }

    /// The resource when it can be granted for this request at all.
    func eligible(_ id: ResourceID, kind: Kind) -> Resource? {
        guard let resource = resources[Int(id.rawValue)], resource.kind == kind,
            view == .empty || resource.state == .active,
            heldBack.isEmpty || !heldBack.contains(id), resource.isUsable(in: numa)
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

    /// Why nothing of a place may be used, whatever is free there.
    func obstacle(to place: PlaceIndex.Place) -> PassedOver.Reason? {
        if !selector.isEmpty, !carriesSelector(place) { return .labels }
        return allows(place) ? nil : .affinity
    }

    /// Whether other leases, and other parts of the request, allow one more part in a place.
    func allows(_ place: PlaceIndex.Place) -> Bool {
        rules.isEmpty || rules.allows(place.slot)
    }

    /// Whether every label asked for is on some resource of the place.
    func carriesSelector(_ place: PlaceIndex.Place) -> Bool {
        selector.allSatisfy { wanted in
            place.resources.contains { id in
                resources[Int(id.rawValue)].map { Label.match([wanted], in: $0.labels) } ?? false
            }
        }
    }
}

extension Placer.Choice {
    /// Whether it prefers some resources to others whatever they have free.
    fileprivate var ranks: Bool { self == .cheapest || self == .fastest }

    /// The lower the better.
    fileprivate func rank(_ resource: Resource) -> UInt64 {
        switch self {
        case .first, .tightest: 0
        case .cheapest: resource.cost
        case .fastest: .max - resource.performance
        }
    }
}
