// What a campaign has met: each thing that is to be tried has a name, and a run that never met it
// has not tried it.

/// Counts by name.
struct CampaignTally {
    /// What must have happened for a campaign to say anything.
    enum Probe: String, CaseIterable {
        // Requests.
        case grantedAtOnce, grantedAfterWait, ticketGranted, ticketGrantedAfterRestart
        case timedOut, cancelled, disconnected, sessionEnded, turnedAwayForGood
        // What they waited for when they were granted.
        case wokenByCapacity, wokenByQuota, wokenByBorrowing, wokenByLeaseCount, wokenByBudget
        case wokenByAffinity, passedOneBefore
        case grantsTooFast
        // Several pools.
        case grantedByFirstPool, grantedByNextPool, severalPoolsAfterRestart
        // Classes.
        case overdueGranted, boundReachedToAQuarter
        // Leases.
        case grown, grownAfterWait, handedOver, carved, revoked, expired, quarantineOver,
            drainedAway, inDebt
        case preemptedAtOnce, preemptedWithNotice, askedAgainAfterPreemption, gaveBackBorrowed
        // Bookings.
        case booked, notBookable, keptForBooking, bookingBegun, bookingMoved,
            bookingCancelled,
            bookingLost, dateKept, promiseKept
        // Planned drains, and drains of nodes.
        case windowPlanned, keptForWindow, windowBegun, windowOver, windowCancelled, windowLeft,
            nodeDrained
        // Revocations of many, and moves.
        case revokedWithOthers, toldWhomToRevoke, moveBegun, moveHeldBack, moveMade, moveGivenUp
        // Breakers.
        case breakerOpened, breakerHalfOpened, breakerClosed, circuitOpen
        // Restarts.
        case endedInPeace, powerCutAtWork, unknownOutcome
        // Nightfall.
        case lastWaitersServed
    }

    private(set) var counts: [Probe: Int] = [:]
    /// Commands that were given to the engine.
    var operations = 0
    var days = 0
    /// Waits whose end was held against the bound.
    var bounded = 0
    /// Looks at one who waited, by a copy of the state.
    var freshLooks = 0
    /// How often what there is beside bookings and windows was compared with sums.
    var roomsCompared = 0
    /// Those who would be granted only because of what is planned, and for whom nobody is woken.
    var servedByPlans = 0
    /// The longest wait for capacity, as a part of its bound.
    var longest = 0.0
    /// The most frames in which somebody was preempted at one moment.
    var preemptionsAtOnce = 0

    mutating func hit(_ probe: Probe, _ count: Int = 1) { counts[probe, default: 0] += count }

    subscript(_ probe: Probe) -> Int { counts[probe, default: 0] }

    /// What was never met.
    var missed: [Probe] { Probe.allCases.filter { self[$0] == 0 } }

    mutating func add(_ other: CampaignTally) {
        counts.merge(other.counts) { $0 + $1 }
        operations += other.operations
        days += other.days
        bounded += other.bounded
        freshLooks += other.freshLooks
        roomsCompared += other.roomsCompared
        servedByPlans += other.servedByPlans
        longest = max(longest, other.longest)
        preemptionsAtOnce = max(preemptionsAtOnce, other.preemptionsAtOnce)
    }

    /// All of it in lines.
    var summary: String {
        let lines = Probe.allCases.map { "  \($0.rawValue): \(self[$0])" }
        return """
            \(days) days, \(operations) operations, \(freshLooks) fresh looks at who waited; \
            \(bounded) waits within their bound, the longest \(longest) of it; \
            at most \(preemptionsAtOnce) preemptions at one moment; \(roomsCompared) sums of what \
            there is beside what is planned
            \(lines.joined(separator: "\n"))
            """
    }
}
