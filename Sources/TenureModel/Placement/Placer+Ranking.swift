// Placement by rank and by turn.

internal import TenureBase

extension Placer {
    /// At the best places by `ranking`, one place after the other.
    ///
    /// A place that was taken from is ranked anew for the next one, as if that were gone.
    mutating func placeRanked(
        _ claim: Claim,
        _ ranking: Ranking,
        taking choice: Choice,
        in index: inout PlaceIndex
    ) -> Bool {
        index.prepareRanks(in: resources)
        let before = Set(taken.keys.compactMap { index.slot(of: $0) }).sorted()
        guard let ranks = index.ranks,
            let measure = RankMeasure(ranking, for: claim.amounts, in: ranks),
            var search = RankedSearch(ranking, for: claim.amounts, in: index, leavingOut: before)
        else { return false }
        var found: [Int: [Placement]] = [:]
        for slot in before {
            if let rank = look(at: slot, claim, measure, choice, in: index, ranks, &found) {
                search.found(slot, rank: rank)
            }
        }
        var left = claim.places
        while left > 0, let step = search.next(in: index) {
            switch step {
            case .candidate(let slot):
                if let rank = look(at: slot, claim, measure, choice, in: index, ranks, &found) {
                    search.found(slot, rank: rank)
                }
            case .best(let slot, let bestRank):
                guard let parts = found.removeValue(forKey: slot),
                    allows(index.places[slot])
                else { continue }
                if candidates.isEmpty {
                    note(slot, bestRank, in: index)
                    let next = search.peek(Candidate.countMax - 1, in: index) { slot in
                        look(at: slot, claim, measure, choice, in: index, ranks, &found)
                    }
                    for (slot, rank) in next { note(slot, rank, in: index) }
                }
                take(parts, in: index.places[slot])
                left -= 1
                guard left > 0, allows(index.places[slot]),
                    let more = fit(claim.amounts, in: index.places[slot], taking: choice)
                else { continue }
                found[slot] = more
                search.found(slot, rank: rank(of: slot, giving: more, measure, in: index, ranks))
            }
        }
        return left == 0
    }

    /// The rank of a place, if it can take the claim; what it would give is kept.
    private mutating func look(
        at slot: Int,
        _ claim: Claim,
        _ measure: RankMeasure,
        _ choice: Choice,
        in index: PlaceIndex,
        _ ranks: PlaceRanks,
        _ found: inout [Int: [Placement]]
    ) -> UInt64? {
        guard let parts = look(at: index.places[slot], for: claim.amounts, taking: choice) else {
            return nil
        }
        found[slot] = parts
        return rank(of: slot, giving: parts, measure, in: index, ranks)
    }

    private func rank(
        of slot: Int,
        giving parts: [Placement],
        _ measure: RankMeasure,
        in index: PlaceIndex,
        _ ranks: PlaceRanks
    ) -> UInt64 {
        measure.rank(
            price: HourlyPrice.of(parts, in: resources),
            performance: ranks.performance[slot],
            free: freeShare(of: measure.scarcestKind, in: index.places[slot])
        )
    }

    /// The share of a kind that is still to be had in a place, of `PlaceRanks.unit`.
    private func freeShare(of kind: Kind, in place: PlaceIndex.Place) -> UInt64 {
        var free: UInt64 = 0
        var all: UInt64 = 0
        for id in place.resources {
            guard let resource = resources[Int(id.rawValue)], resource.kind == kind,
                resource.state == .active
            else { continue }
            free = free.addingSaturating(self.free(resource))
            all = all.addingSaturating(resource.capacity)
        }
        return PlaceRanks.share(free, of: all)
    }

    /// One place after the other, from the one behind that of the last grant in turn.
    mutating func placeInTurn(_ claim: Claim, in index: PlaceIndex) -> Bool {
        var start = index.slot(behind: placements.last?.resource ?? turn)
        var left = claim.places
        // Where the round began that has found nothing yet.
        var begin = start
        var hasWrapped = false
        while left > 0 {
            let slot = index.firstSlot(from: start, for: claim.amounts, view: .now)
            guard let slot, !hasWrapped || slot < begin else {
                if hasWrapped || begin == 0 { return false }
                (hasWrapped, start) = (true, 0)
                continue
            }
            start = slot + 1
            guard let parts = look(at: index.places[slot], for: claim.amounts, taking: .first)
            else { continue }
            if candidates.isEmpty { noteOrder(from: slot, for: claim.amounts, in: index) }
            take(parts, in: index.places[slot])
            left -= 1
            (begin, hasWrapped) = (start, false)
        }
        return true
    }
}

extension PlaceIndex {
    /// The slot behind the place of `resource`, or where that would be when it is gone.
    fileprivate func slot(behind resource: ResourceID?) -> Int {
        guard let resource else { return 0 }
        if let slot = slot(of: resource) { return slot + 1 }
        // Places without resources are not there after a restart: they do not count.
        return places.firstIndex { $0.resources.first.map { $0 > resource } ?? false }
            ?? places.count
    }
}
