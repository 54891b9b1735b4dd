// Every bound of the model, each with its unit and its reason.

/// The bounds of what can be asked and kept.
public enum Limits {
    /// The most base units of one amount: 2^62, so that two of them add without overflow.
    public static let amountMax: UInt64 = 1 << 62
    /// The largest weight of a quota.
    public static let quotaWeightMax: UInt64 = 1_000_000
    /// The most grants per second that a tenant can be limited to: the clock tells a nanosecond.
    public static let grantRateMax: UInt64 = 1_000_000_000
    /// The most grants at once that a limited rate can allow.
    public static let grantBurstMax: UInt64 = 1_000_000
    /// The shortest window of a budget, in milliseconds: every window in which something was spent
    /// is a record when it ends.
    public static let budgetWindowMin: UInt64 = 1_000
    /// The most levels of a tenant's path: each costs one row for every grant.
    public static let tenantLevels = 8
    /// Digits of a seal: SHA-256 in hexadecimal.
    public static let sealDigits = 64
    /// The most claims of one request.
    public static let claims = 64
    /// The most kinds of one claim.
    public static let kindsPerClaim = 16
    /// The most pools that a request names; of all pools so many are asked, by their tier: each is
    /// a search of its own.
    public static let poolsPerRequest = 16
    /// The most places of one request: they are one frame, and a frame is at most 1 MiB.
    public static let places = 1_024
    /// The most parts of one lease, for the same reason.
    public static let partsPerLease = 4_096
    /// The most sub-leases of one lease: they end in one frame with it.
    public static let subleasesPerLease = 64
    /// The most labels of a resource, of a selector, or tags of a lease.
    public static let labels = 32
    /// The most tags of leases that a request is to be near, and the most to be away from.
    public static let affinities = 4
    /// The longest value of a label or tag, in bytes.
    public static let labelValueBytes = 256
    /// The longest purpose, reason or other free text, in bytes.
    public static let textBytes = 512
    /// The longest request id, in bytes.
    public static let requestIDBytes = 64
    /// The longest time that can be asked for, in milliseconds: ten years.
    public static let millisecondsMax: UInt64 = 10 * 366 * 86_400_000
    /// The most pools of one ledger: the record of a gap names each whose grace is not the default,
    /// and a frame is at most 1 MiB.
    public static let pools = 4_096
    /// The most resources of one ledger; a resource is in memory, at about 300 bytes.
    public static let resources = 1_000_000
    /// The most leases that one frame of reclaim ends, so that it can not hurt latency; the
    /// sub-leases of the last of them come on top.
    public static let reclaimBatch = 128
    /// The most leases that one frame of a drain at its end looks at, for the same reason.
    public static let drainScan = 4_096
    /// The most resources of a node that change their state together: they are one frame.
    public static let nodeResources = 4_096
    /// The most breakers that have something to remember: turning all of a pool off is one frame.
    ///
    /// What would be one more is not counted.
    public static let breakers = 16_384
    /// The most stored answers; past it a request with an id is answered `BUSY`.
    public static let storedAnswers = 1_000_000
    /// The most sessions at once: about 256 MiB of memory where they are bound to processes.
    public static let sessions = 262_144
    /// The most requests that are queued; a ticket is in memory, at about a KiB, and every start
    /// looks at each once.
    public static let tickets = 16_384
    /// The most of them of one tenant: one alone can not keep all others from queueing.
    public static let ticketsPerTenant = 8_192
    /// The most bookings that have not begun; each is in memory, at about a KiB.
    public static let bookings = 16_384
    /// The most of them of one tenant: one alone can not keep all others from booking.
    public static let bookingsPerTenant = 4_096
    /// The most of them of one pool: each is looked at for every grant in it that may live so long.
    public static let bookingsPerPool = 1_024
    /// The most planned drains that are not over; each is in memory, at about a KiB and some bytes
    /// for each resource.
    public static let windows = 4_096
    /// The most of them that have something of one pool, for the same reason as of bookings.
    public static let windowsPerPool = 1_024
    /// The most of them that one resource has.
    public static let windowsPerResource = 16
    /// How long an answer is kept for its request id, in milliseconds: one hour.
    public static let requestWindowMilliseconds: UInt64 = 3_600_000
    /// The most gaps that are remembered: what lived through so many without renewal ends.
    public static let graces = 64
    /// How long a session lives on whose process can not be seen any more and that has no TTL, in
    /// milliseconds, from then on and from every keep-alive: as long as the usual grace.
    public static let unseenProcessMilliseconds: UInt64 = 10_000
    /// The most leases that are looked at to make room for one request: some milliseconds.
    public static let preemptionCandidates = 256
    /// The most tenants whose leases are looked at to ask back what was borrowed: those who borrow
    /// most.
    public static let reclaimTenants = 32
    /// The most levels of tenants that are met on the way to them.
    static let reclaimLevels = 256
    /// The most levels of tenants that are kept ready by what they borrow, for each kind of a pool:
    /// some 10 MB.
    static let borrowersKept = 65_536
    /// The most holders among which a deadlock is looked for: some milliseconds.
    public static let deadlockHolders = 64
    /// The most searches for a place in that, one for several claims counted as 64; who is left
    /// then is taken to be served.
    public static let deadlockSearches = 8_192
    /// The most leases of a session that count in that.
    public static let deadlockLeases = 256
    /// The most ends of leases that are looked at to find a date for one who waits, where it wants
    /// one place: some milliseconds.
    public static let datingLeases = 4_096
    /// The same where it wants several places, for which more is to be tried with each.
    public static let datingLeasesOfGangs = 1_024
    /// How many places are looked at to find a date beside bookings: some milliseconds.
    public static let datingSteps = 16_384
    /// The most moves of one plan.
    public static let moves = 100
    /// The most places that are looked at for one plan of moves, with each sort of lease: what is
    /// reached with one sort, or a glance at sixteen places each, ends the search.
    package static let moveLooks = 32_768
    /// The most items of one page of a list.
    public static let pageItems = 1_000
    /// The most rows that one page of a filtered list looks at.
    public static let pageScan = 10_000
}
