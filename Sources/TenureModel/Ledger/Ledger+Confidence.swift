// How good a choice was, for the answer of a grant.

extension LedgerState {
    /// What the margin over the second best place is, and how much of the pool is left.
    func confidence(
        of request: AcquireRequest,
        _ placements: [Placement],
        _ why: GrantReason
    ) throws(RowFault) -> Confidence? {
        guard let scarcest = Placer.scarcest(of: request.claims),
            let slot = pools.index(forKey: request.pool)
        else { return nil }
        let (free, all) = pools.values[slot].index.free(of: scarcest)
        let taken = placements.reduce(UInt128(0)) { sum, part in
            let isScarcest = resource(part.resource)?.kind == scarcest
            return isScarcest ? sum + UInt128(part.amount) : sum
        }
        let left = all == 0 ? 0 : (free - min(taken, free)) * 1_000 / all
        let settings = pools.values[slot].pool.settings
        var isBorrowed = false
        if settings.reclaimBorrowed > 0, !quotas.isEmpty {
            isBorrowed = try self.isBorrowed(request.totals, by: request.tenant)
        }
        return Confidence(
            margin: why.margin,
            left: UInt64(clamping: left),
            preemption: isBorrowed ? 1_000 : settings.preemptionRisk(of: request.priority)
        )
    }

    /// What an hour of `placements` costs, in thousandths, rounded up.
    func price(of placements: [Placement]) -> UInt64 {
        HourlyPrice.of(placements, in: resources).roundedUpThousandths
    }
}

extension PoolSettings {
    /// The share of the classes whose requests may take the place of one of this class.
    fileprivate func preemptionRisk(of priority: Priority) -> UInt64 {
        guard preemptionGap > 0 else { return 0 }
        let above = Priority.allCases.count { other in
            UInt64(other.rawValue) >= UInt64(priority.rawValue) + preemptionGap
        }
        return UInt64(above * 1_000 / Priority.allCases.count)
    }
}

extension Answer {
    /// Says which version a plan has, or that it has none.
    mutating func set(version: Position?) {
        guard case .grant(var grant) = self else { return }
        grant.version = version
        self = .grant(grant)
    }
}

extension GrantReason {
    /// By how much the second best score is above the best, in thousandths of itself.
    fileprivate var margin: UInt64? {
        switch strategy {
        case .firstFit, .roundRobin, .automatic: return nil
        default: break
        }
        guard candidates.count > 1 else { return nil }
        let (best, second) = (candidates[0].score, candidates[1].score)
        let (above, overflow) = second.subtractingReportingOverflow(best)
        guard !overflow, second != 0, above > 0 else { return overflow ? 1_000 : 0 }
        return UInt64(min(Int128(above) * 1_000 / Int128(second.magnitude), 1_000))
    }
}

extension UInt64 {
    /// Thousandths of this many millionths, rounded up.
    var roundedUpThousandths: UInt64 { self / 1_000 + (self % 1_000 == 0 ? 0 : 1) }
}
