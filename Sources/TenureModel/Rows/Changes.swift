// Rows changed since the last checkpoint: the overlay, and what a checkpoint takes from it.

/// What became of a row, and at which position.
package struct Changed<Value: Sendable>: Sendable {
    /// The row, or nothing when it was deleted.
    package let value: Value?
    /// The position of the last change.
    package let position: Position
    /// Whether the row came to be in this generation, so that deleting it leaves nothing.
    let isNew: Bool

    package init(value: Value?, position: Position) {
        self.init(value: value, position: position, isNew: false)
    }

    init(value: Value?, position: Position, isNew: Bool) {
        self.value = value
        self.position = position
        self.isNew = isNew
    }
}

extension Changed: Equatable where Value: Equatable {}

/// What of the state is not a row of a table.
package struct LedgerFacts: Hashable, Sendable {
    /// The last position that is applied.
    package var position: Position = 0
    /// The ledger time of that position.
    package var time = LedgerTime.zero
    /// From 1; raised only when acknowledged history may be missing.
    package var epoch: UInt16 = 1
    /// The position at which the epoch began; 0 for the first.
    package var epochSince: Position = 0
    /// The number that the next resource gets.
    package var nextResource: UInt32 = 1
    /// The latest gaps in which holders could not renew, oldest first.
    package var graces: [Grace] = []
    /// The clocks at the last opening.
    package var opening: Opening?
    /// The ledger time of the last opening.
    package var openedAt = LedgerTime.zero
    /// How many leases, reservations and quarantined leases there are.
    package var leases: UInt64 = 0
    /// How many sessions there are.
    package var sessions: UInt64 = 0
    /// How many stored answers there are.
    package var storedAnswers: UInt64 = 0

    package init() {}

    /// What the wall clock would have shown at the last opening if it had always gone as it does at
    /// `time`, when it shows `wall`; both in nanoseconds, and never before 1970.
    package func wallAtOpening(showing wall: UInt64, at time: LedgerTime) -> UInt64 {
        let passed = time > openedAt ? time.nanoseconds - openedAt.nanoseconds : 0
        return wall > passed ? wall - passed : 0
    }
}

/// A gap in which holders could not renew, and how long they have after it.
///
/// The bounds are those at the end of the gap. A pool that changes its mind later changes nothing
/// for what lived through the gap: what has ended stays ended.
package struct Grace: Hashable, Sendable {
    /// The longest grace of the leases of one pool.
    package struct PoolBound: Hashable, Sendable {
        package let pool: String
        /// In milliseconds.
        package let milliseconds: UInt64

        package init(pool: String, milliseconds: UInt64) {
            self.pool = pool
            self.milliseconds = milliseconds
        }
    }

    /// When the gap began: what was due before it stays due.
    package let from: LedgerTime
    /// When the gap ended.
    package let end: LedgerTime
    /// The longest grace of sessions, and of leases of pools that are not in `others`, in
    /// milliseconds; not longer than the gap.
    package let milliseconds: UInt64
    /// The pools that had another bound, by name.
    package let others: [PoolBound]

    package init(from: LedgerTime, end: LedgerTime, milliseconds: UInt64, others: [PoolBound]) {
        self.from = from
        self.end = end
        self.milliseconds = milliseconds
        self.others = others
    }

    /// Until when something is valid that would end at `end` without this gap.
    ///
    /// A gap that began before the end and in which the thing was held gives its holder time after
    /// it, not longer than a TTL or `bound`, and never beyond the longest life.
    package func prolonged(
        _ end: LedgerTime,
        heldSince: LedgerTime,
        ttlMilliseconds: UInt64,
        lifetimeEnd: LedgerTime,
        bound: (Grace) -> UInt64
    ) -> LedgerTime {
        guard heldSince < self.end, end > from, end < .never else { return end }
        let allowance = min(ttlMilliseconds, bound(self))
        return max(end, min(self.end.advanced(byMilliseconds: allowance), lifetimeEnd))
    }

    /// The longest grace of leases of `pool`, in milliseconds; O(log n).
    package func bound(of pool: String) -> UInt64 {
        var range = others.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let other = others[middle]
            if other.pool == pool { return other.milliseconds }
            range = other.pool < pool ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return milliseconds
    }

    /// Until when something may live by this gap at the latest.
    package var reach: LedgerTime {
        end.advanced(byMilliseconds: others.reduce(milliseconds) { max($0, $1.milliseconds) })
    }
}

/// The clocks and the verdict of recovery at one opening.
public struct Opening: Hashable, Sendable {
    /// The boot in which it happened.
    public var bootID: String
    /// `CLOCK_BOOTTIME` in nanoseconds.
    public var bootNanoseconds: UInt64
    /// The wall clock in nanoseconds since 1970, a label and an estimate only; in the state, as it
    /// would have been if the clock had always gone as it does since it was set.
    public var wallNanoseconds: UInt64
    /// The inode number of the pid namespace of the ledger's process.
    public var pidNamespace: UInt64
    /// What recovery found, by the label of its decision table.
    public var recovery: String
    /// The version of the program.
    public var version: String
    /// Whether the downtime is an estimate from the wall clock.
    public var isEstimate: Bool

    /// An opening with these facts.
    public init(
        bootID: String,
        bootNanoseconds: UInt64,
        wallNanoseconds: UInt64,
        pidNamespace: UInt64,
        recovery: String,
        version: String,
        isEstimate: Bool
    ) {
        self.bootID = bootID
        self.bootNanoseconds = bootNanoseconds
        self.wallNanoseconds = wallNanoseconds
        self.pidNamespace = pidNamespace
        self.recovery = recovery
        self.version = version
        self.isEstimate = isEstimate
    }
}

/// Everything that one checkpoint writes: the rows changed up to a position, whole.
package struct FrozenChanges: Sendable {
    package var facts = LedgerFacts()
    package var pools: [String: Changed<Pool>] = [:]
    package var resources: [ResourceID: Changed<Resource>] = [:]
    package var quotas: [QuotaKey: Changed<Quota>] = [:]
    package var leases: [LeaseID: Changed<Lease>] = [:]
    package var sessions: [SessionID: Changed<Session>] = [:]
    package var storedAnswers: [RequestKey: Changed<StoredAnswer>] = [:]
    package var usage: [String: Changed<TenantUsage>] = [:]
    package var due: [DueKey: Changed<DueEntry>] = [:]
    package var members: [MemberKey: Changed<MemberKey>] = [:]
    package var tenantLimits: [String: Changed<TenantLimits>] = [:]
    package var breakers: [BreakerSubject: Changed<Breaker>] = [:]
    package var budgets: [String: Changed<Budget>] = [:]
    package var tickets: [TicketID: Changed<Ticket>] = [:]
    package var bookings: [TicketID: Changed<Booking>] = [:]
    package var windows: [WindowID: Changed<Window>] = [:]
    package var preemptible: [PreemptibleKey: Changed<PreemptibleKey>] = [:]
    package var reclaimable: [ReclaimableKey: Changed<ReclaimableKey>] = [:]

    package init() {}

    /// How many rows are written.
    package var count: Int {
        pools.count + resources.count + quotas.count + leases.count + sessions.count
            + storedAnswers.count + usage.count + due.count + members.count
            + tenantLimits.count + breakers.count + budgets.count
            + preemptible.count + reclaimable.count + tickets.count
            + bookings.count + windows.count
    }
}

/// A quota by its tenant and kind.
package struct QuotaKey: Hashable, Comparable, Sendable {
    package let tenant: String
    package let kind: Kind

    package init(tenant: String, kind: Kind) {
        self.tenant = tenant
        self.kind = kind
    }

    package static func < (left: QuotaKey, right: QuotaKey) -> Bool {
        left.tenant != right.tenant ? left.tenant < right.tenant : left.kind < right.kind
    }
}

/// The rows that stay in memory, as they are read once at the opening.
package struct ResidentRows: Sendable {
    package var facts = LedgerFacts()
    package var pools: [Pool] = []
    package var resources: [Resource] = []
    package var quotas: [Quota] = []
    package var tenantLimits: [TenantLimits] = []
    package var breakers: [Breaker] = []
    package var budgets: [Budget] = []
    package var tickets: [Ticket] = []
    package var bookings: [Booking] = []
    package var windows: [Window] = []

    package init() {}
}
