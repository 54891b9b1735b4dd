// The quota of a tenant for a kind: what it may have, what it is sure of, what it shares.

/// The quota of a tenant and all below it for a kind, in all pools together.
///
/// All amounts are base units of the kind.
package struct Quota: Hashable, Sendable {
    package let tenant: String
    package let kind: Kind
    /// The most that is taken at any time.
    package var limit: UInt64
    /// What it is sure of; use up to here is its own, use above is borrowed.
    package var guarantee: UInt64 = 0
    /// The most that is borrowed; as much as `limit` lets through when absent.
    package var borrowing: UInt64?
    /// How much of the guarantee others may use as long as it is not used; all when absent.
    package var lending: UInt64?
    /// How much of what is left over is its share, compared with others; 0 for only what nobody
    /// else wants.
    package var weight: UInt64 = 1

    package init(tenant: String, kind: Kind, limit: UInt64) {
        self.tenant = tenant
        self.kind = kind
        self.limit = limit
    }

    package var key: QuotaKey { QuotaKey(tenant: tenant, kind: kind) }

    /// The most that may be taken by limit and borrowing together.
    package var ceiling: UInt64 {
        // Both are at most 2^62.
        min(limit, borrowing.map { guarantee + $0 } ?? .max)
    }

    /// The part of the guarantee that is kept free although it is not used.
    package var reserve: UInt64 { guarantee - min(guarantee, lending ?? guarantee) }

    /// How much of a use is above the guarantee.
    package func borrowed(at used: UInt64) -> UInt64 { used - min(used, guarantee) }

    /// Whether it is a limit and nothing else.
    package var isPlain: Bool {
        guarantee == 0 && borrowing == nil && lending == nil && weight == 1
    }

    /// The first relation between its fields that does not hold, as a sentence.
    var fault: String? {
        let text = { Quantity.text($0, kind: kind) }
        let fields = [("LIMIT", limit), ("GUARANTEE", guarantee), ("BORROW", borrowing ?? 0)]
        for (name, value) in fields where value > Limits.amountMax {
            return "\(name) is above \(Limits.amountMax) \(kind.baseUnit.rawValue)"
        }
        if guarantee > limit {
            return "GUARANTEE \(text(guarantee)) is above LIMIT \(text(limit)); "
                + "what is guaranteed must be allowed"
        }
        if let lending, lending > guarantee {
            return "LEND \(text(lending)) is above GUARANTEE \(text(guarantee)); "
                + "only what is guaranteed can be lent"
        }
        if weight > Limits.quotaWeightMax { return "WEIGHT is above \(Limits.quotaWeightMax)" }
        return nil
    }

    /// The quota that `request` makes of this one: what is absent stays.
    func changed(by request: QuotaRequest) -> Quota {
        var quota = self
        quota.limit = request.limit ?? limit
        quota.guarantee = request.guarantee ?? guarantee
        if let bound = request.borrowing { quota.borrowing = bound.amount }
        if let bound = request.lending { quota.lending = bound.amount }
        quota.weight = request.weight ?? weight
        return quota
    }
}
