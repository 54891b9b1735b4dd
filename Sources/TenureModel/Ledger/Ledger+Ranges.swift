// Amounts from least to most, and what may be paid: the most that is granted now.

extension AcquireRequest {
    /// Whether an amount may be more than the least.
    var isRanged: Bool { claims.contains { $0.amounts.contains { $0.most != nil } } }
}

extension LedgerState {
    /// The request with the most of each amount that quota, budget, places and price allow now.
    ///
    /// One amount after the other, in the order asked, those behind it at their least. What does
    /// not fit even so stays at the least. Of GPUs above one device whole ones are tried.
    mutating func settled(
        _ asked: AcquireRequest,
        _ terms: Terms,
        now: LedgerTime
    ) throws(RowFault) -> AcquireRequest {
        var request = asked
        for claim in request.claims.indices {
            for index in request.claims[claim].amounts.indices {
                request.claims[claim].amounts[index].most = nil
            }
        }
        guard try isGrantable(request, terms, now: now) else { return request }
        for claim in request.claims.indices {
            for index in request.claims[claim].amounts.indices {
                let range = asked.claims[claim].amounts[index]
                guard let most = range.most else { continue }
                let free = pools[request.pool]?.index.largestFree(of: range.kind) ?? 0
                let unit: UInt64 = range.kind == .gpu && most > 1_000 ? 1_000 : 1
                // In steps from the least: `low` are granted, and more than `high` are not.
                let base = unit == 1 ? range.amount : range.amount / unit * unit
                var low: UInt64 = 0
                var high = (max(min(most, free), base) - base) / unit
                var step = high
                while low < high {
                    request.claims[claim].amounts[index].amount = base + step * unit
                    if try isGrantable(request, terms, now: now) {
                        low = step
                    } else {
                        high = step - 1
                    }
                    step = low + (high - low + 1) / 2
                }
                let settled = low == 0 ? range.amount : base + low * unit
                request.claims[claim].amounts[index].amount = settled
            }
        }
        return request
    }

    private mutating func isGrantable(
        _ request: AcquireRequest,
        _ terms: Terms,
        now: LedgerTime
    ) throws(RowFault) -> Bool {
        var terms = terms
        terms.totals = request.totals
        guard try quotaRefusal(terms) == nil, try uncountable(terms) == nil,
            let (placements, _) = place(request),
            case .success = try newCharge(placements, terms, now: now)
        else { return false }
        return placements.count <= Limits.partsPerLease
            && tooDear(request, placements) == nil
    }

    /// The refusal of places that cost more than the request may.
    func tooDear(_ request: AcquireRequest, _ placements: [Placement]) -> Refusal? {
        guard let most = request.maxCost else { return nil }
        let price = price(of: placements)
        guard price > most else { return nil }
        return Refusal(
            .exhausted,
            "what is free in pool \(request.pool) costs \(price) thousandths an hour, above "
                + "MAXCOST \(most); retry when cheaper ones are free"
        )
    }
}
