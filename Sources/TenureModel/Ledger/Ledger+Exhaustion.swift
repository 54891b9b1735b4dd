// Why a request does not fit: now, or ever.

extension LedgerState {
    /// Why the request could not fit even an empty pool, or nothing when it could, or when that
    /// can not be told.
    mutating func infeasible(
        _ request: AcquireRequest,
        nearby: Nearby = Nearby()
    ) -> Refusal? {
        guard let slot = pools.index(forKey: request.pool) else { return nil }
        var placer = Placer(
            resources: resources,
            selector: request.selector,
            view: .empty,
            nearby: nearby
        )
        placer.locality = request.locality
        placer.rules = placeRules(of: request, .empty, poolAt: slot)
        let fits = placer.place(
            request.claims,
            strategy: request.within == nil ? .firstFit : .locality,
            in: &pools.values[slot].index
        )
        if fits { return nil }
        if placer.isCut, mightFitOtherwise(request, placer.rules, poolAt: slot) { return nil }
        return infeasibility(of: request, pools.values[slot].index)
    }

    private func infeasibility(of request: AcquireRequest, _ index: PlaceIndex) -> Refusal {
        for claim in request.claims {
            for wanted in claim.amounts {
                let largest = index.largestPlace(of: wanted.kind)
                let text = { Quantity.text($0, kind: wanted.kind) }
                if largest == 0 {
                    return Refusal(
                        .unsatisfiable,
                        "pool \(request.pool) has no \(wanted.kind.name); see RESOURCE LIST, or "
                            + "declare it with RESOURCE SET",
                        limit: wanted.kind.name
                    )
                }
                if wanted.amount > largest {
                    return Refusal(
                        .unsatisfiable,
                        "\(wanted.kind.name)=\(text(wanted.amount)) in one place is more than "
                            + "any place of pool \(request.pool) has; the largest has "
                            + "\(wanted.kind.name)=\(text(largest)); ask for less, or for more "
                            + "places",
                        limit: wanted.kind.name
                    )
                }
            }
        }
        for wanted in request.claims.flatMap(\.amounts)
        where wanted.kind == .gpu && wanted.amount > 1000 && wanted.amount % 1000 != 0 {
            return Refusal(
                .unsatisfiable,
                "gpu=\(Quantity.text(wanted.amount, kind: .gpu)) is more than one device and "
                    + "no sum of whole ones; ask for gpu=\(wanted.amount / 1000) and, as a claim "
                    + "of its own, gpu=\(wanted.amount % 1000)m",
                limit: wanted.kind.name
            )
        }
        if request.hasAffinities {
            return Refusal(
                .unsatisfiable,
                "pool \(request.pool) has no places for the claims that keep "
                    + request.affinityTexts.joined(separator: " and ")
                    + ", even when it is empty; ask for fewer parts, or another label"
            )
        }
        if let within = request.within {
            return Refusal(
                .unsatisfiable,
                "no \(within) of pool \(request.pool) holds the claims together even when it is "
                    + "empty; ask for less, or leave WITHIN out"
            )
        }
        return Refusal(
            .unsatisfiable,
            "the claims do not fit pool \(request.pool) even when it is empty; ask for less, "
                + "or widen SELECT"
        )
    }

    /// Names the first kind of which no place has enough; often only together is too much asked.
    func exhaustion(of request: AcquireRequest) -> Refusal {
        let slot = pools.index(forKey: request.pool)
        for wanted in request.claims.flatMap(\.amounts) {
            let most = slot.map { pools.values[$0].index.largestFree(of: wanted.kind) } ?? 0
            guard wanted.amount > most else { continue }
            let text = { Quantity.text($0, kind: wanted.kind) }
            return Refusal(
                .exhausted,
                "no place of pool \(request.pool) has \(wanted.kind.name)=\(text(wanted.amount)) "
                    + "free; the most is \(wanted.kind.name)=\(text(most))"
                    + "\(leftOutSentence(request)); retry when leases end",
                limit: wanted.kind.name
            )
        }
        if let within = request.within {
            return Refusal(
                .exhausted,
                "no \(within) of pool \(request.pool) has enough free for all that was asked"
                    + (request.maxCost == nil ? "" : ", at a price up to MAXCOST")
                    + "\(leftOutSentence(request)); retry when leases end"
            )
        }
        return Refusal(
            .exhausted,
            "pool \(request.pool) has not enough free in one place for what was asked"
                + "\(leftOutSentence(request)); retry when leases end"
        )
    }

    /// How many resources breakers hold back that could have helped.
    private func leftOutSentence(_ request: AcquireRequest) -> String {
        let count = leftOut(of: request.pool, kinds: request.totals.map(\.kind)).count
        guard count > 0 else { return "" }
        return ", and breakers hold \(count) resources back, see BREAKER LIST"
    }

    /// The refusal that repeating can not change; it uses up the request id.
    func refuseForGood(
        _ request: AcquireRequest,
        _ refusal: Refusal,
        _ identity: Identity,
        now: LedgerTime
    ) -> Decision {
        let outcome = StoredAnswer.Outcome.refused(
            code: refusal.code.rawValue,
            message: refusal.message
        )
        guard !request.planOnly,
            let stored = newAnswer(request, outcome, identity, now: now)
        else { return Decision(.refused(refusal)) }
        return Decision(identity.superseded + [.answered(stored)], .refused(refusal))
    }
}
