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
    static let policyVersion: UInt16 = 7
    /// How many of the fullest places best fit looks at before it takes the first that fits.
    private static let bestFitPlacesMax = 512

    /// Which resource of a place an amount is taken from.
    enum Choice {
        /// The first.
        case first
        /// That with the least free.
        case tightest
        /// The cheapest, of equal ones that with the least free.
        case cheapest
        /// The one with the highest `performance`, of equal ones that with the least free.
        case fastest
    }

    /// How far a search was.
    struct Mark {
        fileprivate let parts: Int
        fileprivate let rules: PlaceRules
    }

    let resources: [Resource?]
    let selector: [Label]
    let view: PlaceIndex.View
    /// What is held and counts as free.
    let freed: [ResourceID: UInt64]
    let nearby: Nearby
    let heldBack: Set<ResourceID>
    /// What is free but promised to others, and counts as taken.
    private let withheld: [ResourceID: UInt64]
    private(set) var taken: [ResourceID: UInt64]
    /// Slots scored as if what was taken on trial were gone, or hidden.
    private var onTrial: [Int] = []
    /// Whether what is placed first is in the way of what follows.
    private(set) var hasSeveral = false
    /// Where the last grant in turn was.
    var turn: ResourceID?
    /// How long the request lives at most; the shortest where nobody knows.
    var lifetime = LifetimeClass.shortest
    /// What the objectives of a balanced placement weigh.
    var weights = ObjectiveWeights()
    /// How close together parts are to be, where that is what decides.
    var locality = Locality()
    /// What places must keep because of other leases.
    var rules = PlaceRules()
    /// The `numa` that resources must not contradict, while one is tried.
    var numa: String?
    private(set) var placements: [Placement] = []
    /// The place of the first amounts, and up to two that came next.
    var candidates: [Candidate] = []
    private(set) var considered: UInt32 = 0
    private(set) var passedOver = PassedOver()
    /// Whether not all was tried that might have fit.
    var isCut = false

    /// A search over `resources`, as they are or as if nothing were used, or less was.
    ///
    /// What breakers hold back is not used, nor what is `withheld`.
    init(
        resources: [Resource?],
        selector: [Label],
        view: PlaceIndex.View = .now,
        freed: [ResourceID: UInt64] = [:],
        nearby: Nearby = Nearby(),
        heldBack: Set<ResourceID> = [],
        withheld: [ResourceID: UInt64] = [:]
    ) {
        self.withheld = withheld
        taken = withheld
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
    /// claim does not take the only place that is large enough for another. Several claims are then
    /// placed as `placePartByPart` does.
    mutating func place(
        _ claims: [Claim],
        strategy: Strategy,
        in index: inout PlaceIndex
    ) -> Bool {
        hasSeveral = claims.count > 1 || claims.contains { $0.places > 1 }
        defer { putBack(&index) }
        scoreWithheld(in: &index)
        let mark = mark
        if place(claims, inOrderOf: strategy, in: &index) { return true }
        return hasSeveral && placeOtherwise(claims, strategy, from: mark, in: &index)
    }

    /// Places every claim in this order, where the strategy prefers it.
    mutating func place(
        _ claims: [Claim],
        inOrderOf strategy: Strategy,
        in index: inout PlaceIndex
    ) -> Bool {
        strategy == .locality
            ? placeTogether(claims, in: &index)
            : placeInOrder(claims, strategy: strategy, in: &index)
    }

    /// Scores the places of what is withheld as if that were gone.
    mutating func scoreWithheld(in index: inout PlaceIndex) {
        guard view == .now, !withheld.isEmpty else { return }
        for slot in Set(withheld.keys.compactMap { index.slot(of: $0) }) {
            onTrial.append(slot)
            index.score(slot, in: resources, less: withheld)
        }
    }

    /// Scores again by what is there.
    mutating func putBack(_ index: inout PlaceIndex) {
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
                case .locality: placeTogether([claim], in: &index)
                case .fairPrice, .fragmentation: placePriced(claim, strategy, in: &index)
                case .spread: placeRanked(claim, .spread, taking: .tightest, in: &index)
                case .roundRobin: placeInTurn(claim, in: index)
                case .cost: placeRanked(claim, .cost, taking: .cheapest, in: &index)
                case .performance:
                    placeRanked(claim, .performance, taking: .fastest, in: &index)
                case .balanced:
                    placeRanked(claim, .balanced(weights), taking: .cheapest, in: &index)
                }
            if !placed { return false }
        }
        return true
    }

    /// Places as much of the claim as fits into the places nearby; returns how often it did.
    mutating func placeNearby(_ claim: Claim, in index: inout PlaceIndex) -> Int {
        var count = 0
        for name in nearby.places where count < claim.places {
            guard let slot = index.slot(ofPlace: name) else { continue }
            let place = index.places[slot]
            let filled = fill(
                place,
                with: claim.amounts,
                atMost: claim.places - count,
                taking: .tightest
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
            let filled = fill(index.places[slot], with: amounts, atMost: left, taking: .first)
            if filled > 0, candidates.isEmpty { noteOrder(from: slot, for: amounts, in: index) }
            left -= filled
            start = slot + 1
        }
        return true
    }

    private mutating func placeBest(_ claim: Claim, in index: inout PlaceIndex) -> Bool {
        guard view == .now else { return placeFirst(claim, in: index) }
        let ranked = Self.scarcestFirst(claim.amounts)
        var left = claim.places
        var fullest: [Int] = []
        index.forEachFullest(ranked) { slot in
            fullest.append(slot)
            return fullest.count < Self.bestFitPlacesMax
        }
        for (rank, slot) in fullest.enumerated() where left > 0 {
            let place = index.places[slot]
            let filled = fill(place, with: claim.amounts, atMost: left, taking: .tightest)
            if filled > 0, candidates.isEmpty {
                noteFullest(fullest[rank...], for: ranked, in: index)
            }
            left -= filled
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
        let lifetime = strategy == .fairPrice ? lifetime : .shortest
        guard view == .now,
            let demand = index.demand(of: claim, selector: selector, lifetime: lifetime)
        else { return placeBest(claim, in: &index) }
        var left = claim.places
        var misses = 0
        while left > 0, misses < Self.bestFitPlacesMax,
            let found = index.scores?.best(for: demand, strategy)
        {
            let place = index.places[found.place]
            considered &+= 1
            let obstacle = obstacle(to: place)
            guard obstacle == nil,
                let parts = fit(claim.amounts, in: place, device: found.device)
            else {
                misses += 1
                passedOver.add(place.name, obstacle ?? .room)
                onTrial.append(found.place)
                index.hide(found.place)
                continue
            }
            if candidates.isEmpty { noteBids(for: demand, strategy, in: index) }
            take(parts, in: place)
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
                guard let found = fit(amount, in: place, taking: .tightest) else { return nil }
                parts.append(contentsOf: found)
            }
        }
        return parts
    }

    /// Claims by what they want of the scarcest kind, the most first.
    static func largestFirst(_ claims: [Claim]) -> [Claim] {
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
    static func scarcestFirst(_ amounts: [ClaimAmount]) -> [ClaimAmount] {
        amounts.sorted { isScarcer($0.kind, than: $1.kind) }
    }

    /// The first of `scarcestFirst`, without making a list.
    static func scarcest(of claims: [Claim]) -> Kind? {
        var scarcest: Kind?
        for claim in claims {
            for amount in claim.amounts
            where scarcest.map({ isScarcer(amount.kind, than: $0) }) ?? true {
                scarcest = amount.kind
            }
        }
        return scarcest
    }

    private static func isScarcer(_ left: Kind, than right: Kind) -> Bool {
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
        return (rank(left), left) < (rank(right), right)
    }

    /// Puts the amounts into `place` as often as they fit; returns how often.
    mutating func fill(
        _ place: PlaceIndex.Place,
        with amounts: [ClaimAmount],
        atMost limit: Int,
        taking choice: Choice
    ) -> Int {
        considered &+= 1
        if let obstacle = obstacle(to: place) {
            passedOver.add(place.name, obstacle)
            return 0
        }
        var count = 0
        while count < limit, allows(place) {
            guard let parts = fit(amounts, in: place, taking: choice) else {
                if count == 0 { passedOver.add(place.name, .room) }
                return count
            }
            take(parts, in: place)
            count += 1
        }
        return count
    }

    /// Takes parts for good, as far as this search goes.
    mutating func take(_ parts: [Placement], in place: PlaceIndex.Place) {
        if !rules.isEmpty { rules.take(place.slot) }
        for part in parts { taken[part.resource, default: 0] += part.amount }
        placements.append(contentsOf: parts)
    }

    /// What was taken up to here.
    var mark: Mark { Mark(parts: placements.count, rules: rules) }

    /// Forgets what was taken since then.
    mutating func goBack(to mark: Mark) {
        guard placements.count > mark.parts else { return }
        // Not kept with the mark: then each try would copy all that was taken.
        for part in placements[mark.parts...] {
            let rest = taken[part.resource, default: 0] - part.amount
            taken[part.resource] = rest > 0 ? rest : nil
        }
        rules = mark.rules
        placements.removeSubrange(mark.parts...)
    }

    /// Looks at a place as a whole: the parts that it would give, or why it can not be used.
    mutating func look(
        at place: PlaceIndex.Place,
        for amounts: [ClaimAmount],
        taking choice: Choice
    ) -> [Placement]? {
        considered &+= 1
        if let obstacle = obstacle(to: place) {
            passedOver.add(place.name, obstacle)
            return nil
        }
        let parts = fit(amounts, in: place, taking: choice)
        if parts == nil { passedOver.add(place.name, .room) }
        return parts
    }
}
