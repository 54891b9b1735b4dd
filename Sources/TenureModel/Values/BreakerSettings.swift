// When the breakers of a pool open, and how they close again.

/// The settings of a pool's circuit breakers; they are off by default.
public struct BreakerSettings: Hashable, Sendable {
    /// So many leases that report a resource as failed, within the window, open its breaker; 0 for
    /// never; at most 64.
    public var failures: UInt64 = 0
    /// So many requests that the pool refuses as exhausted, within the window and without a grant
    /// in between, open its own breaker; 0 for never; at most a million.
    public var refusals: UInt64 = 0
    /// How far back failures and refusals count, in milliseconds: one minute; at most an hour.
    public var window: UInt64 = 60_000
    /// How long a breaker is open at first, in milliseconds: 30 s; at most an hour.
    public var open: UInt64 = 30_000
    /// How many leases at a time find out whether a resource works again: 1; at most 16.
    public var probes: UInt64 = 1

    /// Breakers that never open.
    public init() {}

    /// The most failures that are counted: each is kept in the row of its breaker.
    package static let failuresMax: UInt64 = 64
    /// The most refusals that are counted.
    package static let refusalsMax: UInt64 = 1_000_000
    /// The longest window and the longest time open, in milliseconds: one hour.
    package static let millisecondsMax: UInt64 = 3_600_000
    /// The most probes at a time.
    package static let probesMax: UInt64 = 16

    /// The first lower bound that does not hold, as a sentence; upper ones are with the settings.
    var fault: String? {
        if window == 0 { return "breakerWindow must be at least 1 ms" }
        if open == 0 { return "breakerOpen must be at least 1 ms" }
        if probes == 0 { return "breakerProbes must be at least 1" }
        return nil
    }

    /// How long a breaker stays open that opens for the time number `openings` in a row: twice as
    /// long each time, up to an hour.
    func openMilliseconds(_ openings: UInt32) -> UInt64 {
        let doublings = min(max(openings, 1) - 1, 22)
        return min(open << UInt64(doublings), Self.millisecondsMax)
    }
}
