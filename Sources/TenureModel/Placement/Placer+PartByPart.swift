// Placement of claims where the order in which they are asked for does not do.
//
// Largest first is tried next. Either order may give the only place of one claim to another: where
// both fail, places are tried part by part, and given back where the next part finds none.

extension Placer {
    /// How many parts are placed so.
    static let triedPartsMax = 32
    /// How many places are tried.
    static let triedPlacesMax = 512

    /// Places claims that did not fit in the order asked.
    mutating func placeOtherwise(
        _ claims: [Claim],
        _ strategy: Strategy,
        from mark: Mark,
        in index: inout PlaceIndex
    ) -> Bool {
        let reordered = Self.largestFirst(claims)
        if strategy != .locality, reordered != claims {
            startAnew(from: mark, in: &index)
            if place(reordered, inOrderOf: strategy, in: &index) { return true }
        }
        guard mayFitOtherwise(claims) else { return false }
        isCut = locality.isRequired
        if isCut { return false }
        startAnew(from: mark, in: &index)
        return placePartByPart(reordered, in: index)
    }

    /// Begins again with what was placed by then.
    private mutating func startAnew(from mark: Mark, in index: inout PlaceIndex) {
        goBack(to: mark)
        candidates = []
        putBack(&index)
        scoreWithheld(in: &index)
    }

    /// Whether all that is asked may fit in an order that was not tried.
    ///
    /// Parts that are to be together are placed in that way only.
    private func mayFitOtherwise(_ claims: [Claim]) -> Bool {
        claims.count > 1 && (rules.keepApart || !locality.isRequired)
    }

    /// Places every claim in one of all ways; false where nothing fits, or where it was not found:
    /// then `isCut`.
    ///
    /// The places are tried in their order, whatever the strategy prefers, up to `triedPlacesMax`
    /// of them: backtracking, depth first.
    private mutating func placePartByPart(_ claims: [Claim], in index: PlaceIndex) -> Bool {
        // Often one claim alone finds nothing.
        let fit = claims.allSatisfy { index.firstSlot(from: 0, for: $0.amounts, view: view) != nil }
        if !fit { return false }
        let parts = claims.flatMap { claim in
            Array(repeating: Claim(amounts: claim.amounts), count: claim.places)
        }
        var looks = parts.count > Self.triedPartsMax ? 0 : Self.triedPlacesMax
        let isPlaced = looks > 0 && place(parts[...], from: 0, &looks, in: index)
        isCut = !isPlaced && looks == 0
        return isPlaced
    }

    private mutating func place(
        _ parts: ArraySlice<Claim>,
        from start: Int,
        _ looks: inout Int,
        in index: PlaceIndex
    ) -> Bool {
        guard let part = parts.first else { return true }
        let rest = parts.dropFirst()
        var start = start
        while looks > 0, let slot = index.firstSlot(from: start, for: part.amounts, view: view) {
            looks -= 1
            let mark = mark
            if fill(index.places[slot], with: part.amounts, atMost: 1, taking: .tightest) == 1,
                place(rest, from: rest.first == part ? slot : 0, &looks, in: index)
            {
                return true
            }
            goBack(to: mark)
            start = slot + 1
        }
        return false
    }
}

extension LedgerState {
    /// Whether a request may fit, though no order of its claims was found: each of them does, and
    /// where they are kept apart all do together, in places enough for that.
    mutating func mightFitOtherwise(
        _ request: AcquireRequest,
        _ rules: PlaceRules,
        poolAt slot: Int
    ) -> Bool {
        let places = request.claims.reduce(0) { $0 + $1.places }
        guard rules.mostParts(in: pools.values[slot].index.places.count) >= places else {
            return false
        }
        let each = request.claims.allSatisfy { claim in
            var alone = request
            alone.claims = [claim]
            return infeasible(alone) == nil
        }
        guard each, rules.keepApart else { return each }
        var together = request
        together.away = []
        return infeasible(together) == nil
    }
}
