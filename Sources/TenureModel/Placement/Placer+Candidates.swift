// Which places were next best, for the record of a grant.
//
// Where the index alone tells what is next, only what it knows is asked: whether the place has the
// labels and the amounts, kind by kind, not whether its resources would give them together.

extension Placer {
    /// Places without the labels that are skipped at most.
    private static let skippedMax = 8
    /// Nodes of the trees that are looked at, at most, for the places that come next in order:
    /// where nearly all is full they are far away, and to find them costs more than the search.
    private static let orderNodesMax = 256

    /// Notes one more candidate.
    mutating func note(_ slot: Int, _ score: UInt64, in index: PlaceIndex) {
        candidates.append(Candidate(place: index.places[slot].name, score: Int64(clamping: score)))
    }

    /// Notes the place at `slot` and those behind it that might fit, by the order of declaration.
    mutating func noteOrder(from slot: Int, for amounts: [ClaimAmount], in index: PlaceIndex) {
        guard view == .now else { return }
        var skipped = 0
        index.forEachSlot(from: slot, for: amounts, atMost: Self.orderNodesMax) { slot in
            let place = index.places[slot]
            if !selector.isEmpty, !carriesSelector(place) {
                skipped += 1
                return skipped < Self.skippedMax
            }
            note(slot, UInt64(place.resources.first?.rawValue ?? 0), in: index)
            return candidates.count < Candidate.countMax
        }
    }

    /// Notes the first of `slots` and those behind it that might fit, by what they have free.
    mutating func noteFullest(
        _ slots: ArraySlice<Int>,
        for amounts: [ClaimAmount],
        in index: PlaceIndex
    ) {
        guard let scarcest = amounts.first, let needs = index.needs(of: amounts) else { return }
        var skipped = 0
        for slot in slots {
            let place = index.places[slot]
            guard index.mightFit(needs, node: index.capacity + slot, view: view),
                selector.isEmpty || carriesSelector(place)
            else {
                skipped += 1
                if skipped == Self.skippedMax { return }
                continue
            }
            note(slot, index.largestFree(of: scarcest.kind, at: slot), in: index)
            if candidates.count == Candidate.countMax { return }
        }
    }

    /// Notes the places with the lowest bids.
    mutating func noteBids(
        for demand: DeviceDemand,
        _ strategy: Strategy,
        in index: PlaceIndex
    ) {
        index.scores?.forEachBest(Candidate.countMax, for: demand, strategy) { slot, cost in
            candidates.append(Candidate(place: index.places[slot].name, score: Int64(cost)))
        }
    }
}
