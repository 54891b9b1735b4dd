// What happened: the facts that a frame of the log holds.
//
// Events of one command are one frame. They are never decided again: recovery applies them, and
// applying the same events to the same rows gives the same rows in any process (I6).

/// One fact.
///
/// What is large is kept apart, so that moving a small fact does not move its room.
package enum Event: Hashable, Sendable {
    indirect case opened(Opening)
    case grace(Grace)
    /// Acknowledged history may be missing; tokens go on in a new epoch.
    case epochRaised(to: UInt16, reason: String)
    /// History up to a position is no longer kept; `seal` is that of its end, in hexadecimal.
    case pruned(through: Position, seal: String)
    /// The wall clock was set: it shows `nanoseconds` since 1970 now.
    case wallClockSet(nanoseconds: UInt64)
    indirect case poolSet(Pool)
    case poolDeleted(name: String)
    /// A pool has learnt from its requests; the prices hold from here on.
    indirect case policyLearnt(pool: String, LearntPolicy)
    indirect case resourceSet(ResourceDeclaration)
    case resourceStateSet(ResourceID, ResourceState)
    /// A resource is drained; what it still holds at `by` is taken back.
    case resourceDrained(ResourceID, by: LedgerTime)
    /// The drain has ended and no lease up to this one holds the resource any more.
    case drainAdvanced(ResourceID, past: LeaseID)
    case resourceDeleted(ResourceID)
    /// A breaker has something new to remember: it counts, opens, or lets somebody find out.
    indirect case breakerSet(Breaker)
    /// A breaker is closed and has nothing to remember.
    case breakerCleared(BreakerSubject, reason: String)
    indirect case quotaSet(Quota)
    case quotaDeleted(QuotaKey)
    /// The limits of a tenant, whole; without any they are gone.
    indirect case tenantLimitsSet(TenantLimits)
    /// A budget as it is from here on, also where a window has ended.
    indirect case budgetSet(Budget)
    case budgetDeleted(tenant: String)
    /// What the lease that was granted in this frame holds of the budgets above it.
    case budgetHeld(LeaseID, LeaseCharge)
    /// What was spent of what leases hold, and what went back; in the frame that ends them.
    case budgetSettled([Settlement])
    /// A lease, or a reservation by its state, came to be.
    indirect case granted(GrantRecord)
    /// A reservation became a lease with these placements; what is not among them went back.
    case committed(LeaseID, deadline: LedgerTime, kept: [Placement])
    case renewed(LeaseID, deadline: LedgerTime)
    /// A part was given back.
    case reduced(LeaseID, by: [Placement])
    /// A lease got more, and with it a new token.
    indirect case grown(GrowthRecord)
    /// A lease has another holder, and with it a new token.
    indirect case handedOver(HandOverRecord)
    /// A part of a lease became a lease of its own.
    indirect case subleased(SubleaseRecord)
    /// Leases that ended and were kept for their tokens are forgotten.
    case leasesForgotten([LeaseID])
    /// Given back whole by its holder: a lease released or a reservation cancelled.
    case released(LeaseID)
    /// Taken back; with a time, quarantined until then.
    case reclaimed([Reclaimed], cause: ReclaimCause, evidence: String)
    /// Told to leave by then for a more important request; until then they are held.
    case preempted([LeaseID], until: LedgerTime, evidence: String)
    /// The lock-delay of these is over.
    case quarantineEnded([LeaseID])
    indirect case sessionOpened(Session)
    case sessionKept(SessionID, deadline: LedgerTime)
    /// Its leases are invalid from here on; their reclaim follows.
    case sessionEnded(SessionID, cause: ReclaimCause, evidence: String)
    /// The last of its leases is reclaimed.
    case sessionForgotten(SessionID)
    /// A request id was answered with a refusal that stays.
    indirect case answered(StoredAnswer)
    /// The window of these stored answers is over.
    case answersForgotten([DueEntry])
    /// A request has a place in the queue.
    indirect case queued(Ticket)
    /// It waits longer, because it was asked for again.
    case ticketProlonged(TicketID, until: LedgerTime)
    /// It waits no more, and nothing was granted.
    indirect case ticketEnded(TicketEnd)
    /// Amounts are a request's from a time on.
    indirect case booked(Booking)
    /// What was booked is not there; the grant behind it is elsewhere.
    case bookingMoved(TicketID, reason: String)
    /// Resources are to be drained from a time to a time.
    indirect case windowPlanned(Window)
    /// They drain from here on; how, the events behind it say.
    case windowBegan(WindowID)
    /// It is over, of all of its resources or of some; what they are, the events behind it say.
    case windowEnded(WindowEnd)
    indirect case refused(RefusalRecord)
    case refusalsCounted([RefusalCount])
}

/// A resource as it was declared; use is not part of it.
package struct ResourceDeclaration: Hashable, Sendable {
    package let id: ResourceID
    package let request: ResourceRequest

    package init(id: ResourceID, request: ResourceRequest) {
        self.id = id
        self.request = request
    }
}

/// A grant with the reason for its place.
package struct GrantRecord: Hashable, Sendable {
    package let lease: Lease
    /// What was asked, when a request id keeps the answer.
    package let stored: StoredAnswer?
    package let why: GrantReason
    /// The ticket that it serves, when the request was queued.
    package let served: ServedTicket?

    package init(
        lease: Lease,
        stored: StoredAnswer?,
        why: GrantReason,
        served: ServedTicket? = nil
    ) {
        self.lease = lease
        self.stored = stored
        self.why = why
        self.served = served
    }
}

/// What was added to a lease, with the reason for its place.
package struct GrowthRecord: Hashable, Sendable {
    package let lease: LeaseID
    /// The token from here on.
    package let token: Token
    /// What was added.
    package let added: [Placement]
    /// What was asked, when a request id keeps the answer.
    package let stored: StoredAnswer?
    package let why: GrantReason

    package init(
        lease: LeaseID,
        token: Token,
        added: [Placement],
        stored: StoredAnswer?,
        why: GrantReason
    ) {
        self.lease = lease
        self.token = token
        self.added = added
        self.stored = stored
        self.why = why
    }
}

/// Who has a lease from now on, and what keeps it alive.
package struct HandOverRecord: Hashable, Sendable {
    package let lease: LeaseID
    /// The token from here on.
    package let token: Token
    package let holder: String
    package let uid: UInt32?
    package let session: SessionID?
    package let ttlMilliseconds: UInt64
    package let deadline: LedgerTime
    /// What was asked, when a request id keeps the answer.
    package let stored: StoredAnswer?

    package init(
        lease: LeaseID,
        token: Token,
        holder: String,
        uid: UInt32?,
        session: SessionID?,
        ttlMilliseconds: UInt64,
        deadline: LedgerTime,
        stored: StoredAnswer?
    ) {
        self.lease = lease
        self.token = token
        self.holder = holder
        self.uid = uid
        self.session = session
        self.ttlMilliseconds = ttlMilliseconds
        self.deadline = deadline
        self.stored = stored
    }
}

/// A sub-lease, which names the lease that it is carved from as its parent.
package struct SubleaseRecord: Hashable, Sendable {
    package let lease: Lease
    /// What was asked, when a request id keeps the answer.
    package let stored: StoredAnswer?

    package init(lease: Lease, stored: StoredAnswer?) {
        self.lease = lease
        self.stored = stored
    }
}

/// Why a grant was made where it was.
package struct GrantReason: Hashable, Sendable {
    /// The version of the placement policy.
    package let policyVersion: UInt16
    package let strategy: Strategy
    /// How many places were looked at.
    package let considered: UInt32
    /// Those of them that could not be used.
    package let passedOver: PassedOver
    /// The version of the prices that the pool had learnt; 0 when they did not decide.
    package var learntVersion: UInt32
    /// The place of the first amounts that were looked for, and those that came next; none where
    /// the first is nearby.
    package var candidates: [Candidate]
    /// What it had to be near, or away from, as it was asked.
    package var affinities: [String]

    package init(
        policyVersion: UInt16,
        strategy: Strategy,
        considered: UInt32,
        passedOver: PassedOver,
        learntVersion: UInt32 = 0,
        candidates: [Candidate] = [],
        affinities: [String] = []
    ) {
        self.policyVersion = policyVersion
        self.strategy = strategy
        self.considered = considered
        self.passedOver = passedOver
        self.learntVersion = learntVersion
        self.candidates = candidates
        self.affinities = affinities
    }
}

/// A place that was among the best for a grant.
package struct Candidate: Hashable, Sendable {
    /// How many are recorded.
    package static let countMax = 3

    /// The name of the place.
    package let place: String
    /// What the strategy made of it: the lower the better, or the order of declaration.
    package let score: Int64

    package init(place: String, score: Int64) {
        self.place = place
        self.score = score
    }
}

/// The places that were looked at for a grant and could not be used, by the reason.
package struct PassedOver: Hashable, Sendable {
    /// Why a place could not be used.
    package enum Reason: UInt8, CaseIterable, Sendable {
        /// What is asked for in one place is not free in it.
        case room = 0
        /// It does not carry the labels.
        case labels = 1
        /// It is near leases that it must be away from, or not near those that it must.
        case affinity = 2

        /// The name in answers.
        package var name: String {
            switch self {
            case .room: "room"
            case .labels: "labels"
            case .affinity: "affinity"
            }
        }
    }

    /// One of the places.
    package struct Place: Hashable, Sendable {
        package let name: String
        package let reason: Reason

        package init(name: String, reason: Reason) {
            self.name = name
            self.reason = reason
        }
    }

    /// How many places are named.
    package static let namesMax = 3
    /// How many had not enough room.
    package var room: UInt32 = 0
    /// How many did not carry the labels.
    package var labels: UInt32 = 0
    /// How many were near what they must not be near, or not near what they must.
    package var affinity: UInt32 = 0
    /// The first of them all: those that the strategy preferred to all others.
    package var first: [Place] = []

    package init() {}

    /// Takes in one more.
    mutating func add(_ name: String, _ reason: Reason) {
        switch reason {
        case .room: room &+= 1
        case .labels: labels &+= 1
        case .affinity: affinity &+= 1
        }
        if first.count < Self.namesMax { first.append(Place(name: name, reason: reason)) }
    }
}

/// One lease that was taken back.
package struct Reclaimed: Hashable, Sendable {
    package let lease: LeaseID
    /// Until when its amounts stay quarantined, if they do.
    package let quarantinedUntil: LedgerTime?

    package init(lease: LeaseID, quarantinedUntil: LedgerTime?) {
        self.lease = lease
        self.quarantinedUntil = quarantinedUntil
    }
}

/// A refusal that has a record of its own.
public struct RefusalRecord: Hashable, Sendable {
    /// Whose request it was.
    public let tenant: String
    /// The pool that was asked.
    public let pool: String
    /// Why.
    public let code: RefusalCode
    /// The limit that stood in the way; see `Refusal.limit`.
    public let limit: String
    /// Why, in full.
    public let message: String

    /// A refusal with its facts.
    public init(tenant: String, pool: String, code: RefusalCode, limit: String, message: String) {
        self.tenant = tenant
        self.pool = pool
        self.code = code
        self.limit = limit
        self.message = message
    }
}

/// How many refusals of one sort went without a record of their own.
public struct RefusalCount: Hashable, Sendable {
    /// Whose requests they were.
    public let tenant: String
    /// The pool that was asked.
    public let pool: String
    /// Why.
    public let code: RefusalCode
    /// The limit that stood in the way; see `Refusal.limit`.
    public let limit: String
    /// How many.
    public let count: UInt64

    /// A count with its facts.
    public init(tenant: String, pool: String, code: RefusalCode, limit: String, count: UInt64) {
        self.tenant = tenant
        self.pool = pool
        self.code = code
        self.limit = limit
        self.count = count
    }
}

extension Event {
    /// The name of telling leases to leave.
    package static let preemptionName = "preemption-noticed"
}
