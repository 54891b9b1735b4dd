// Which leases would better be elsewhere: the best move, then the best of those that are left.
//
// A move takes what a lease holds in one place to another one. Its gain is what the first place
// gains without it, less what the second loses with it, by a measure that is a sum over places.
//
//   O1  No place is in two moves of a plan, and no lease is: what each gains depends on no other,
//       so that any of them can be made, in any order, and the gains add up.
//
// What a place loses depends on what comes to it alone, so leases of one shape share one list of
// places, best first. With l leases, s shapes, p places and n moves: O(l + s p log p + n l). What
// is beyond `Limits.moveLooks` is left out, first those leases whose places would gain least.

internal import TenureBase

/// A move that makes a pool better.
struct Move {
    let lease: Lease
    /// The places, by their slots.
    let from: Int
    let to: Int
    /// What the lease holds in the first, an entry a resource.
    let parts: [Placement]
    /// The same as claims.
    let claims: [Claim]
    /// What of the second it would get.
    let placements: [Placement]
    /// All places in which the lease is.
    let places: Set<Int>
    let gain: Int128
}

/// What decides about the places to which a part of a lease could move.
private struct MoveShape: Hashable {
    let claims: [Claim]
    /// The labels that its resources have, for each kind; none where it may go anywhere.
    var labels: [Kind: Set<Label>] = [:]
    /// The number of the labels that the place has; nothing where it may go anywhere.
    var surroundings: Int?
}

/// A part of a lease that may move.
private struct Movable {
    let lease: Lease
    let from: Int
    let parts: [Placement]
    /// The number of its shape.
    let shape: Int
    /// All places in which the lease is.
    let places: Set<Int>
    /// What its place gains without it.
    let relief: Int128
    /// The first of the places of its shape that was not ruled out.
    var next = 0
}

/// One search in one pool.
struct MoveSearch {
    private struct Option {
        let slot: Int
        let placements: [Placement]
        /// What the place loses.
        let loss: Int128
    }

    private let goal: OptimizeRequest.Goal
    private let gradient: FragmentationGradient
    private let resources: [Resource?]
    private let withheld: [ResourceID: UInt64]
    private var index: PlaceIndex
    private var shapes: [MoveShape] = []
    private var numbers: [MoveShape: Int] = [:]
    /// The places that could take each shape, the least loss first; nothing before they were
    /// looked at.
    private var options: [[Option]?] = []
    private var surroundings: [[Kind: Set<Set<Label>>]: Int] = [:]
    private var surroundingsOfSlots: [Int: Int] = [:]
    private var candidates: [Movable] = []
    private var blocked: Set<Int> = []
    /// The measures of places as they are, by slot; nothing before they were asked for.
    private var measures: [Int128?]
    /// Whether not all that might gain something was looked at.
    var isCut = false

    init(
        _ request: OptimizeRequest,
        in index: PlaceIndex,
        of resources: [Resource?],
        learnt: LearntPolicy?
    ) {
        goal = request.goal
        withheld = request.withheld
        self.index = index
        // Not needed here, and not to be copied when the ledger changes its own.
        self.index.scores = nil
        measures = Array(repeating: nil, count: index.places.count)
        self.resources = resources
        gradient = FragmentationGradient(learnt.map { DeviceMix($0) } ?? DeviceMix())
    }

    /// The measure of the whole pool; O(resources).
    mutating func measure() -> Int128 {
        index.places.indices.reduce(0) { $0 + measureNow($1) }
    }

    private mutating func measureNow(_ slot: Int) -> Int128 {
        if let known = measures[slot] { return known }
        let measure = measure(slot)
        measures[slot] = measure
        return measure
    }

    /// The measure of a place as it is.
    ///
    /// In thousandths of a device, or in millionths of a cost for an hour.
    private mutating func measure(_ slot: Int) -> Int128 {
        switch goal {
        case .fragmentation: return fragments(of: slot)
        case .cost:
            let held = index.places[slot].resources.compactMap { id in
                resources[Int(id.rawValue)].map { Placement(resource: id, amount: $0.used) }
            }
            return price(held)
        }
    }

    /// What a place gains without some of what is held there.
    private mutating func relief(of slot: Int, freeing freed: [Placement]) -> Int128 {
        switch goal {
        case .fragmentation: measureNow(slot) - fragments(of: slot, freeing: freed)
        case .cost: price(freed)
        }
    }

    /// What a place loses with more that is held there.
    private mutating func loss(of slot: Int, taking taken: [Placement]) -> Int128 {
        switch goal {
        case .fragmentation: fragments(of: slot, taking: taken) - measureNow(slot)
        case .cost: price(taken)
        }
    }

    private mutating func fragments(
        of slot: Int,
        freeing freed: [Placement] = [],
        taking taken: [Placement] = []
    ) -> Int128 {
        let place = index.devicePlace(
            index.places[slot],
            in: resources,
            less: taken.byResource,
            freed: freed.byResource
        )
        return Int128(gradient.fragments(of: place))
    }

    private func price(_ parts: [Placement]) -> Int128 {
        parts.reduce(0) { $0 + Int128(HourlyPrice.of([$1], in: resources)) }
    }

    // MARK: Leases

    /// Takes the parts of a lease in as candidates, one for each place.
    mutating func add(_ lease: Lease, _ consent: Consent) {
        var parts: [Int: [Placement]] = [:]
        for part in [].adding(lease.placements) {
            guard let slot = index.slot(of: part.resource) else { continue }
            parts[slot, default: []].append(part)
        }
        let places = Set(parts.keys)
        for (slot, parts) in parts.sorted(by: { $0.key < $1.key }) {
            let relief = relief(of: slot, freeing: parts)
            guard let claims = claims(of: parts) else { continue }
            candidates.append(
                Movable(
                    lease: lease,
                    from: slot,
                    parts: parts,
                    shape: shape(claims, parts, at: slot, consent),
                    places: places,
                    relief: relief
                )
            )
        }
    }

    /// The parts as what to ask of one place; nothing where that is more than can be asked.
    ///
    /// What a lease has of a kind is one amount: a part of a resource, or resources wholly. What it
    /// has beyond that are claims of their own.
    private func claims(of parts: [Placement]) -> [Claim]? {
        var amounts: [ClaimAmount] = []
        var others: [Claim] = []
        for part in parts {
            guard let resource = resources[Int(part.resource.rawValue)] else { return nil }
            let amount = ClaimAmount(kind: resource.kind, amount: part.amount)
            guard let known = amounts.firstIndex(where: { $0.kind == resource.kind }) else {
                amounts.append(amount)
                continue
            }
            let isWhole = parts.allSatisfy { part in
                resources[Int(part.resource.rawValue)].map { other in
                    other.kind != resource.kind || other.capacity == part.amount
                } ?? false
            }
            if isWhole {
                amounts[known].amount += part.amount
            } else {
                others.append(Claim(amounts: [amount]))
            }
        }
        let claims = [Claim(amounts: amounts)] + others
        return GrowRequest(claims: claims).fault == nil ? claims : nil
    }

    private mutating func shape(
        _ claims: [Claim],
        _ parts: [Placement],
        at slot: Int,
        _ consent: Consent
    ) -> Int {
        var shape = MoveShape(claims: claims)
        if case .alike = consent {
            shape.surroundings = surroundings(of: slot)
            for part in parts {
                guard let resource = resources[Int(part.resource.rawValue)] else { continue }
                shape.labels[resource.kind, default: []].formUnion(resource.labels)
            }
        }
        if let known = numbers[shape] { return known }
        numbers[shape] = shapes.count
        shapes.append(shape)
        options.append(nil)
        return shapes.count - 1
    }

    /// The number of what labels the resources of a place have, kind by kind.
    private mutating func surroundings(of slot: Int) -> Int {
        if let known = surroundingsOfSlots[slot] { return known }
        var seen: [Kind: Set<Set<Label>>] = [:]
        for id in index.places[slot].resources {
            guard let resource = resources[Int(id.rawValue)], !resource.labels.isEmpty else {
                continue
            }
            seen[resource.kind, default: []].insert(Set(resource.labels))
        }
        let number = surroundings[seen] ?? surroundings.count
        surroundings[seen] = number
        surroundingsOfSlots[slot] = number
        return number
    }

    // MARK: Places

    /// Looks at the places for the leases that were added, those first whose places gain most.
    mutating func compare() {
        candidates.sort { left, right in
            if left.relief != right.relief { return left.relief > right.relief }
            return (left.lease.id, left.from) < (right.lease.id, right.from)
        }
        var looks = 0
        for candidate in candidates where options[candidate.shape] == nil {
            guard looks < Limits.moveLooks else {
                isCut = true
                continue
            }
            options[candidate.shape] = options(for: shapes[candidate.shape], &looks)
        }
        candidates.removeAll { options[$0.shape] == nil }
    }

    /// The places that could take a shape, the least loss first.
    private mutating func options(for shape: MoveShape, _ looks: inout Int) -> [Option] {
        // Most places are ruled out at a glance.
        looks += index.places.count / 16 + 1
        guard let needs = index.needs(of: shape.claims[0].amounts) else { return [] }
        let placer = Placer(
            resources: resources,
            selector: [],
            heldBack: index.heldBack,
            withheld: withheld
        )
        var found: [Option] = []
        for slot in index.places.indices {
            guard index.mightFit(needs, node: index.capacity + slot, view: .now),
                shape.surroundings.map({ $0 == surroundings(of: slot) }) ?? true
            else { continue }
            looks += 1
            guard let placements = placements(of: shape, in: index.places[slot], placer) else {
                continue
            }
            let loss = loss(of: slot, taking: placements)
            found.append(Option(slot: slot, placements: placements, loss: loss))
        }
        return found.sorted { ($0.loss, $0.slot) < ($1.loss, $1.slot) }
    }

    private func placements(
        of shape: MoveShape,
        in place: PlaceIndex.Place,
        _ placer: Placer
    ) -> [Placement]? {
        for claims in [shape.claims, Placer.largestFirst(shape.claims)] {
            var trial = placer
            let fits = claims.allSatisfy { claim in
                trial.fill(place, with: claim.amounts, atMost: 1, taking: .tightest) == 1
            }
            guard fits else { continue }
            let isAlike = trial.placements.allSatisfy { part in
                resources[Int(part.resource.rawValue)].map { resource in
                    shape.labels[resource.kind]?.isSubset(of: resource.labels) ?? true
                } ?? false
            }
            return isAlike ? trial.placements : nil
        }
        return nil
    }

    // MARK: Moves

    /// The best move that is left; nothing when none gains anything.
    ///
    /// It is given again until it is taken or ruled out.
    mutating func best() -> Move? {
        var best: (candidate: Int, gain: Int128)?
        var kept = 0
        for number in candidates.indices {
            advance(number)
            guard let option = option(of: number), candidates[number].relief > option.loss,
                blocked.isDisjoint(with: candidates[number].places)
            else { continue }
            let gain = candidates[number].relief - option.loss
            if best.map({ gain > $0.gain }) ?? true { best = (kept, gain) }
            if kept < number { candidates[kept] = candidates[number] }
            kept += 1
        }
        candidates.removeSubrange(kept...)
        guard let best, let option = option(of: best.candidate) else { return nil }
        let candidate = candidates[best.candidate]
        return Move(
            lease: candidate.lease,
            from: candidate.from,
            to: option.slot,
            parts: candidate.parts,
            claims: shapes[candidate.shape].claims,
            placements: option.placements,
            places: candidate.places,
            gain: best.gain
        )
    }

    private func option(of number: Int) -> Option? {
        let candidate = candidates[number]
        guard let options = options[candidate.shape], candidate.next < options.count else {
            return nil
        }
        return options[candidate.next]
    }

    /// Passes over places that are in another move, or in which the lease is.
    private mutating func advance(_ number: Int) {
        while let option = option(of: number),
            blocked.contains(option.slot) || candidates[number].places.contains(option.slot)
        {
            candidates[number].next += 1
        }
    }

    /// Makes a move part of the plan (O1).
    mutating func take(_ move: Move) {
        blocked.formUnion(move.places)
        blocked.insert(move.to)
    }

    /// Rules one place of a move out.
    mutating func passOver(_ move: Move) {
        for number in candidates.indices
        where candidates[number].lease.id == move.lease.id && candidates[number].from == move.from {
            candidates[number].next += 1
        }
    }

    /// Rules out that a lease moves, because it can not have more now.
    mutating func ruleOut(_ move: Move) {
        candidates.removeAll { $0.lease.id == move.lease.id }
    }
}
