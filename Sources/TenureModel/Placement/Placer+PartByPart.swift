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
        // Parts that are to be together were placed in all ways where they are.
        guard claims.count > 1, !locality.isRequired else { return false }
        startAnew(from: mark, in: &index)
        let slots = nearby.places.compactMap { index.slot(ofPlace: $0) }
        return placePartByPart(reordered, first: slots, isAll: nearby.isAll, in: index)
    }

    /// Places every claim as if what is freed were free: at these places first, then anywhere.
    ///
    /// Claims that do not fit in the order asked are placed in other ways as well, as by
    /// `placeOtherwise`.
    mutating func place(_ claims: [Claim], first slots: [Int], in index: PlaceIndex) -> Bool {
        let mark = mark
        if placeInOrder(claims, first: slots, in: index) { return true }
        guard claims.count > 1 else { return false }
        let reordered = Self.largestFirst(claims)
        if reordered != claims {
            goBack(to: mark)
            candidates = []
            if placeInOrder(reordered, first: slots, in: index) { return true }
        }
        goBack(to: mark)
        candidates = []
        return placePartByPart(reordered, first: slots, in: index)
    }

    private mutating func placeInOrder(
        _ claims: [Claim],
        first slots: [Int],
        in index: PlaceIndex
    ) -> Bool {
        for claim in claims {
            var left = claim.places
            for slot in slots where left > 0 {
                let place = index.places[slot]
                left -= fill(place, with: claim.amounts, atMost: left, taking: .tightest)
            }
            guard left > 0 else { continue }
            let rest = Claim(places: left, amounts: claim.amounts)
            if !placeFirst(rest, in: index) { return false }
        }
        return true
    }

    /// Begins again with what was placed by then.
    private mutating func startAnew(from mark: Mark, in index: inout PlaceIndex) {
        goBack(to: mark)
        candidates = []
        putBack(&index)
        scoreWithheld(in: &index)
    }

    /// What is tried, and how much of it is left.
    private struct Trial {
        /// The slots of the places that come before all others.
        let first: [Int]
        /// The same.
        let known: Set<Int>
        /// Whether there are no others.
        let isAll: Bool
        /// How many places may still be tried.
        var tries: Int

        init(first: [Int], isAll: Bool, tries: Int) {
            self.first = first
            self.isAll = isAll
            self.tries = tries
            known = Set(first)
        }
    }

    /// Places every claim in one of all ways; false where nothing fits, or where it was not found:
    /// then `isCut`.
    ///
    /// The places at `slots` are tried first, then all others in their order unless these are all,
    /// whatever the strategy prefers, up to `triedPlacesMax` of them: backtracking, depth first.
    private mutating func placePartByPart(
        _ claims: [Claim],
        first slots: [Int],
        isAll: Bool = false,
        in index: PlaceIndex
    ) -> Bool {
        var tries = Self.triedPlacesMax
        let isPlaced = placePartByPart(claims, first: slots, isAll: isAll, tries: &tries, in: index)
        isCut = !isPlaced && tries == 0
        return isPlaced
    }

    /// The same with so many tries, of which none is left where more were needed.
    mutating func placePartByPart(
        _ claims: [Claim],
        first slots: [Int],
        isAll: Bool,
        tries: inout Int,
        in index: PlaceIndex
    ) -> Bool {
        // Often one claim alone finds nothing.
        var fit = claims.map { claim in
            !isAll && index.firstSlot(from: 0, for: claim.amounts, view: view) != nil
        }
        let first = slots.filter { slot in
            let fitting = claims.indices.filter { number in
                let amounts = claims[number].amounts
                return look(at: index.places[slot], for: amounts, taking: .tightest) != nil
            }
            for number in fitting { fit[number] = true }
            return !fitting.isEmpty
        }
        guard fit.allSatisfy(\.self) else { return false }
        let parts = claims.flatMap { claim in
            Array(repeating: Claim(amounts: claim.amounts), count: claim.places)
        }
        if parts.count > Self.triedPartsMax { tries = 0 }
        var trial = Trial(first: first, isAll: isAll, tries: tries)
        let isPlaced = tries > 0 && place(parts[...], from: 0, &trial, in: index)
        tries = trial.tries
        return isPlaced
    }

    private mutating func place(
        _ parts: ArraySlice<Claim>,
        from start: Int,
        _ trial: inout Trial,
        in index: PlaceIndex
    ) -> Bool {
        guard let part = parts.first else { return true }
        let rest = parts.dropFirst()
        var start = start
        while trial.tries > 0,
            let (number, slot) = place(from: start, for: part.amounts, trial, in: index)
        {
            trial.tries -= 1
            let mark = mark
            if fill(index.places[slot], with: part.amounts, atMost: 1, taking: .tightest) == 1,
                place(rest, from: rest.first == part ? number : 0, &trial, in: index)
            {
                return true
            }
            goBack(to: mark)
            start = number + 1
        }
        return false
    }

    /// The next place that might take a part, from the `start`-th on that is tried; nothing when
    /// there is none.
    private func place(
        from start: Int,
        for amounts: [ClaimAmount],
        _ trial: Trial,
        in index: PlaceIndex
    ) -> (number: Int, slot: Int)? {
        let first = trial.first
        if start < first.count { return (start, first[start]) }
        if trial.isAll { return nil }
        var next = start - first.count
        while let slot = index.firstSlot(from: next, for: amounts, view: view) {
            if !trial.known.contains(slot) { return (first.count + slot, slot) }
            next = slot + 1
        }
        return nil
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
