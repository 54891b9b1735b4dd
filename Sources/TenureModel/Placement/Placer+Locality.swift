// Placement of parts that belong together: in the closest domain that holds them all.
//
// Levels are tried from the closest to the widest. At each the domains are tried that have enough
// free in all, those with the least free of the scarcest kind first, and in a domain its places
// likewise: best fit among domains, and best fit inside.

internal import TenureBase

/// How close together parts are to be.
struct Locality {
    /// From the closest to the widest that will do.
    var levels = TopologyLevel.all
    /// Whether a wider one than these will not do.
    var isRequired = false
    /// The most that an hour of all parts may cost, in thousandths, where no other places will do.
    var maxCost: UInt64?
}

extension Placer {
    /// How many places of a level are looked at where a wider one will do as well.
    static let localityLooksMax = 4_096

    /// What is tried in each domain.
    private struct Attempt {
        /// The claims in the order asked; where that fails, with the largest first.
        let orders: [[Claim]]
        /// What they want in all, the scarcest kind first.
        let totals: [ClaimAmount]
        /// How many places may still be looked at on this level.
        var looks = Int.max
        /// How many places may still be tried part by part.
        var tries = Placer.triedPlacesMax
        /// How often the claim that is being placed is still wanted.
        var left = 0
    }

    /// Places every claim in the closest domain that holds them all.
    mutating func placeTogether(_ claims: [Claim], in index: inout PlaceIndex) -> Bool {
        let claims = claims.compactMap { claim -> Claim? in
            let rest = claim.places - placeNearby(claim, in: &index)
            return rest == 0 ? nil : Claim(places: rest, amounts: claim.amounts)
        }
        if claims.isEmpty { return true }
        if nearby.isAll { return false }
        for claim in claims {
            // What no place could take fits in no domain.
            guard index.firstSlot(from: 0, for: claim.amounts, view: view) != nil else {
                return false
            }
        }
        let reordered = Self.largestFirst(claims)
        var attempt = Attempt(
            orders: reordered == claims ? [claims] : [claims, reordered],
            totals: Self.scarcestFirst(claims.totals)
        )
        for level in locality.levels {
            index.prepareDomains(of: level, attempt.totals, in: resources)
            attempt.looks = locality.isRequired ? .max : Self.localityLooksMax
            if place(&attempt, at: level, in: index) { return true }
        }
        if locality.isRequired, claims.count > 1 { return placePartByPart(&attempt, in: &index) }
        // What no look reached goes to the first places that fit.
        return attempt.looks <= 0 && placeAnywhere(attempt.orders, in: index)
    }

    /// Places every claim wherever it fits, in one of these orders.
    private mutating func placeAnywhere(_ orders: [[Claim]], in index: PlaceIndex) -> Bool {
        let mark = mark
        return orders.contains { claims in
            goBack(to: mark)
            return claims.allSatisfy { placeFirst($0, in: index) }
        }
    }

    private mutating func place(
        _ attempt: inout Attempt,
        at level: TopologyLevel,
        in index: PlaceIndex
    ) -> Bool {
        let isPool = level == .pool
        guard let domains = index.topology[isPool ? .node : level] else { return false }
        let mark = mark
        var found = false
        if isPool {
            found = place(&attempt, in: nil, of: domains, index)
            if !found { goBack(to: mark) }
            if found, view == .now { note(nil, of: domains, attempt.totals, in: index) }
            return found
        }
        domains.forEach(having: attempt.totals, view: view) { domain in
            found = place(&attempt, in: domain, of: domains, index)
            if !found { goBack(to: mark) }
            if found, view == .now { note(domain, of: domains, attempt.totals, in: index) }
            return !found && attempt.looks > 0
        }
        return found
    }

    /// Places every claim in one domain, or anywhere; what was taken stays where it fails.
    private mutating func place(
        _ attempt: inout Attempt,
        in domain: Int?,
        of domains: DomainIndex,
        _ index: PlaceIndex
    ) -> Bool {
        numa = domain.flatMap { domains.numa(of: $0) }
        defer { numa = nil }
        let mark = mark
        for claims in attempt.orders {
            goBack(to: mark)
            let isPlaced = claims.allSatisfy { claim in
                place(claim, &attempt, in: domain, of: domains, index)
            }
            if isPlaced, isCheapEnough { return true }
        }
        return false
    }

    /// Places every claim in the closest domain that holds them all in some way, where they have to
    /// be in one.
    private mutating func placePartByPart(
        _ attempt: inout Attempt,
        in index: inout PlaceIndex
    ) -> Bool {
        let mark = mark
        defer { numa = nil }
        for level in locality.levels {
            index.prepareDomains(of: level, attempt.totals, in: resources)
            guard let domains = index.topology[level] else { continue }
            var found = false
            domains.forEach(having: attempt.totals, view: view) { domain in
                numa = domains.numa(of: domain)
                found = placePartByPart(&attempt, in: domain, of: domains, index)
                if !found { goBack(to: mark) }
                if found, view == .now { note(domain, of: domains, attempt.totals, in: index) }
                return !found && attempt.tries > 0
            }
            if found { return true }
        }
        isCut = attempt.tries == 0
        return false
    }

    /// Places every claim in one domain in one of all ways.
    private mutating func placePartByPart(
        _ attempt: inout Attempt,
        in domain: Int,
        of domains: DomainIndex,
        _ index: PlaceIndex
    ) -> Bool {
        let claims = attempt.orders.last ?? []
        var known: Set<Int> = []
        var slots: [Int] = []
        for scarcest in claims.compactMap({ Self.scarcestFirst($0.amounts).first }) {
            domains.forEachPlace(of: domain, having: scarcest, view: view) { slot in
                if known.insert(slot).inserted { slots.append(slot) }
                return slots.count < Self.triedPlacesMax
            }
        }
        let isPlaced = placePartByPart(
            claims,
            first: slots,
            isAll: true,
            tries: &attempt.tries,
            in: index
        )
        if slots.count == Self.triedPlacesMax, !isPlaced { attempt.tries = 0 }
        return isPlaced && isCheapEnough
    }

    private mutating func place(
        _ claim: Claim,
        _ attempt: inout Attempt,
        in domain: Int?,
        of domains: DomainIndex,
        _ index: PlaceIndex
    ) -> Bool {
        let ranked = Self.scarcestFirst(claim.amounts)
        guard let scarcest = ranked.first, let needs = index.needs(of: ranked) else { return false }
        let visit: (Int, inout Placer, inout Attempt) -> Bool = { slot, placer, attempt in
            attempt.looks -= 1
            guard index.mightFit(needs, node: index.capacity + slot, view: placer.view) else {
                return attempt.looks > 0
            }
            let filled = placer.fill(
                index.places[slot],
                with: claim.amounts,
                atMost: attempt.left,
                taking: .tightest
            )
            attempt.left -= filled
            return attempt.left > 0 && attempt.looks > 0
        }
        attempt.left = claim.places
        if let domain {
            domains.forEachPlace(of: domain, having: scarcest, view: view) {
                visit($0, &self, &attempt)
            }
        } else {
            // Each place is a domain of its own here.
            domains.forEach(having: ranked, view: view) { visit($0, &self, &attempt) }
        }
        return attempt.left == 0
    }

    private var isCheapEnough: Bool {
        guard let most = locality.maxCost else { return true }
        let price = HourlyPrice.of(placements, in: resources)
        return price <= most.multiplyingSaturating(by: 1_000)
    }

    /// Notes the domain that was taken, and those that would have been tried next.
    private mutating func note(
        _ domain: Int?,
        of domains: DomainIndex,
        _ totals: [ClaimAmount],
        in index: PlaceIndex
    ) {
        guard candidates.isEmpty, let scarcest = totals.first else { return }
        guard let domain else {
            let free = index.free(of: scarcest.kind).free
            candidates = [Candidate(place: "pool", score: Int64(clamping: free))]
            return
        }
        var hasPassed = false
        domains.forEach(having: totals, view: .now) { next in
            hasPassed = hasPassed || next == domain
            guard hasPassed else { return true }
            candidates.append(
                Candidate(
                    place: index.name(of: next, at: domains.level, in: resources),
                    score: Int64(clamping: domains.free(of: scarcest.kind, in: next))
                )
            )
            return candidates.count < Candidate.countMax
        }
    }
}

extension AcquireRequest {
    /// How close together its parts are to be.
    var locality: Locality {
        guard let within else { return Locality() }
        return Locality(levels: TopologyLevel.within(within), isRequired: true, maxCost: maxCost)
    }

    /// Whether others may have to give way to it: not where more than room decides.
    var isPreemptive: Bool { maxCost == nil && within == nil && !hasAffinities }
}
