// Weighted dominant shares (Ghodsi et al., "Dominant Resource Fairness", NSDI 2011), exactly.
//
// The share of a tenant is the largest, over the kinds that it uses, of use / capacity / weight.
// Capacity is that of the whole ledger, as use is. Shares are fractions of integers and compared by
// cross-multiplication, so that no rounding decides who is first.

internal import TenureBase

/// What part of the ledger a tenant and all below it have, in proportion to its weight.
package struct Share: Comparable, Sendable {
    /// Base units of the kind of which it has most.
    private let used: UInt64
    /// Capacity times weight of that kind; never 0.
    private let whole: UInt128
    /// Whether it gets only what nobody else wants: a weight of 0.
    private let isLast: Bool

    /// Nothing.
    package static let none = Share(used: 0, whole: 1, isLast: false)
    /// Behind everybody who has a weight.
    package static let last = Share(used: 0, whole: 1, isLast: true)

    private init(used: UInt64, whole: UInt128, isLast: Bool) {
        self.used = used
        self.whole = whole
        self.isLast = isLast
    }

    /// `used` of `capacity` with `weight`, neither of the latter 0.
    package init(used: UInt64, capacity: UInt64, weight: UInt64) {
        invariant(capacity > 0 && weight > 0, "a share is a part of something")
        self.init(used: used, whole: UInt128(capacity) * UInt128(weight), isLast: false)
    }

    package static func == (left: Share, right: Share) -> Bool { !(left < right || right < left) }

    package static func < (left: Share, right: Share) -> Bool {
        if left.isLast || right.isLast { return !left.isLast }
        let ours = UInt128(left.used).multipliedFullWidth(by: right.whole)
        let theirs = UInt128(right.used).multipliedFullWidth(by: left.whole)
        return (ours.high, ours.low) < (theirs.high, theirs.low)
    }
}

extension LedgerState {
    /// The share of a tenant and all below it.
    package func share(of level: String) throws(RowFault) -> Share {
        let terms = quotas[level] ?? []
        if terms.contains(where: { $0.weight == 0 }) { return .last }
        var share = Share.none
        for entry in try usage(of: level)?.entries ?? [] {
            let capacity = UInt64(clamping: capacities[entry.kind] ?? 0)
            // What is used of a kind without capacity is debt, and no part of anything.
            guard capacity > 0 else { continue }
            let weight = terms.first { $0.kind == entry.kind }?.weight ?? 1
            share = max(share, Share(used: entry.used, capacity: capacity, weight: weight))
        }
        return share
    }

    /// The levels of a tenant's path, the root first, as shares are compared.
    package static func path(of tenant: String) -> [String] { levels(of: tenant).reversed() }

    /// How the requests to a pool age; nothing where they do not.
    package func aging(of pool: String) -> Aging {
        let settings = settings(ofPool: pool) ?? PoolSettings()
        return Aging(stepMilliseconds: settings.agingStep, cap: settings.agingCap)
    }
}

/// How the class of a request rises while it waits.
package struct Aging: Equatable, Sendable {
    /// How long it waits for each class; 0 when it never rises.
    package let stepMilliseconds: UInt64
    /// The most classes that it rises.
    package let cap: UInt64

    package init(stepMilliseconds: UInt64, cap: UInt64) {
        self.stepMilliseconds = stepMilliseconds
        self.cap = cap
    }

    /// The class above `critical`, in which age alone decides: who is in it is passed by nobody who
    /// came later.
    package static let overdue = Priority.critical.rawValue + 1

    /// The class of a request after it has waited so long, at most `overdue`.
    package func rank(of priority: Priority, waited milliseconds: UInt64) -> UInt8 {
        guard stepMilliseconds > 0 else { return priority.rawValue }
        let rise = min(cap, milliseconds / stepMilliseconds, UInt64(Self.overdue))
        return min(priority.rawValue + UInt8(rise), Self.overdue)
    }

    /// When a request that came at `since` rises next after `now`; `never` when it does not.
    package func nextRise(
        of priority: Priority,
        since: LedgerTime,
        after now: LedgerTime
    ) -> LedgerTime {
        guard stepMilliseconds > 0 else { return .never }
        let waited = now.milliseconds(since: since)
        let risen = waited / stepMilliseconds
        guard risen < cap, rank(of: priority, waited: waited) < Self.overdue else { return .never }
        let (whole, overflow) = (risen + 1).multipliedReportingOverflow(by: stepMilliseconds)
        return overflow ? .never : since.advanced(byMilliseconds: whole)
    }
}
