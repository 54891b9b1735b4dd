// Every bound of the engine, each with its unit and its reason.
//
// What a ledger may hold is bounded in TenureModel's Limits, when a checkpoint is due in
// TenureStorage's CheckpointLimits. How the writer tells a stall from quiet is Pulse's, and what it
// keeps free on the disk Headroom's.

/// The bounds of the writer and of what waits for it.
package enum EngineLimits {
    /// The most commands that wait for the writer: about 16 MiB; past it they are turned away.
    static let waitingCommands = 65_536
    /// How many may wait beside them that keep or give back what somebody has.
    static let waitingFirstCommands = 8_192
    /// How many may wait beside all these, of which each user has a share: so another has room
    /// where one has filled the rest.
    static let sharedCommands = 8_192
    /// How many of them one user may add before the writer comes by.
    static let sharedCommandsPerUser = 256
    /// How many commands the writer takes before it looks again at what has to come first: two
    /// groups.
    static let turnCommands = 2_048
    /// How many that come first are taken before one that does not: these are left an eighth.
    static let firstInARow = 7
    /// How many deaths of processes the writer takes in beside them.
    static let turnFindings = 256
    /// The most sessions that one user may have open who is no admin: a sixteenth of all that there
    /// may be, because each costs about a KiB of memory, and a step when its process ends.
    package static let sessionsPerUser = 16_384
    /// How many commands one group takes before it is committed: none waits long for the others.
    static let groupCommands = 1_024
    /// How many frames of reclaim one group takes when nobody else asks: 1,024 leases.
    static let groupReclaims = 8
    /// How many it takes beside commands, so that these stay fast.
    static let groupReclaimsBesideCommands = 1

    /// The most that wait for capacity or quota: two for each connection that there may be, because
    /// a program may have as many waits of its own; each costs a few KiB.
    package static let waiters = 8_192
    /// The most of them of one tenant: one alone can not keep all others from waiting.
    package static let waitersPerTenant = 4_096
    /// How many who wait one group looks at again: a look costs as much as a decision, so that this
    /// is a small part of a group, however many what came free may let through.
    package static let groupLooks = 64

    /// How many of those who wait in a pool are dated: the first of so many lines.
    static let datedHeads = 4
    /// How many leases one group looks at for the first time to know when those of a pool end, or
    /// which tags they have.
    static let scannedLeases = 8_192
    /// How many places may be looked at for a date as often as something changes.
    static let freeDatingSteps = 256
    /// Nanoseconds that pass before a date is worked out anew, for each place that was looked at:
    /// some twenty times as long as that took.
    static let datingNanosecondsPerStep: UInt64 = 20_000

    /// How many rows of a finished checkpoint one step hands to the front cache: about 0.1 ms.
    static let absorbedRows = 512
    /// How many more it hands over for each command of the step.
    ///
    /// A command changes fewer rows than this, so that the overlay shrinks under any load.
    static let absorbedRowsPerCommand = 16
    /// Nanoseconds after which a checkpoint that found the disk full is tried again: one second.
    static let checkpointPauseNanoseconds: UInt64 = 1_000_000_000

    /// How many sessions one step looks at for processes to watch, after the opening.
    static let watchedSessionsPerStep = 256
    /// The most sorts of refusal that are told apart in one second, for the record of them.
    ///
    /// Past it they are counted by code alone: refusals can not fill log or memory.
    package static let refusalSorts = 1_000
    /// The most bytes of those sorts: a quarter of what one frame can hold.
    static let refusalSortBytes = 256 << 10
    /// The most explanations that are made or wait to be made.
    static let explanations = 64
    /// The most segments that one explanation reads: about half a second.
    static let explainSegments = 8
    /// The most events of a lease that one explanation tells; renewals are only counted.
    static let explainEvents = 256
    /// About how many leases one explanation of a wait looks at.
    static let explainLeases = 16_384
    /// The most notices that wait for a reader in this process; past it the oldest are dropped.
    static let waitingNotices = 4_096
}
