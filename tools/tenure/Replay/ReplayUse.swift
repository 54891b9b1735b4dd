// What of a cluster was in use over the time of a trace, and what was idle though it was wanted.

package import TenureModel

/// Amounts by kind, as they change over time.
package struct UseOverTime: Sendable {
    private var second: UInt64?
    private var first: UInt64 = 0
    private var current: [Kind: UInt64] = [:]
    private var peaks: [Kind: UInt64] = [:]
    private var integrals: [Kind: Double] = [:]

    /// Nothing is used.
    package init() {}

    /// The time has come to `second`; it never goes back.
    package mutating func advance(to second: UInt64) {
        if let before = self.second {
            for (kind, amount) in current {
                integrals[kind, default: 0] += Double(amount) * Double(second - before)
            }
        } else {
            first = second
        }
        self.second = second
    }

    /// A lease took these.
    package mutating func take(_ placements: [PlacementView]) {
        for placement in placements {
            let now = current[placement.kind, default: 0] + placement.amount
            current[placement.kind] = now
            peaks[placement.kind] = max(peaks[placement.kind, default: 0], now)
        }
    }

    /// A lease gave these back.
    package mutating func give(_ placements: [PlacementView]) {
        for placement in placements { current[placement.kind, default: 0] -= placement.amount }
    }

    /// What is used now.
    package func now(_ kind: Kind) -> UInt64 { current[kind] ?? 0 }

    /// The most that was used at once.
    package func peak(_ kind: Kind) -> UInt64 { peaks[kind] ?? 0 }

    /// The use averaged over time.
    package func mean(_ kind: Kind) -> Double {
        guard let second, second > first else { return Double(current[kind] ?? 0) }
        return (integrals[kind] ?? 0) / Double(second - first)
    }
}

/// How much of what is free nobody can use who waits for it, over time.
///
/// Whoever waits has just been found not to fit: all that is free then is of no use to him.
package struct IdleWhileWanted: Sendable {
    private var weighted = 0.0
    private var seconds = 0.0

    /// No time has passed.
    package init() {}

    /// For so many seconds `free` was free, and somebody waited for some of it or nobody did.
    package mutating func add(free: UInt64, isWanted: Bool, seconds: UInt64) {
        if isWanted { weighted += Double(free) * Double(seconds) }
        self.seconds += Double(seconds)
    }

    /// The amount averaged over all of the time that was added.
    package var mean: Double { seconds > 0 ? weighted / seconds : 0 }
}
