// The rows of the state: what is true after a position.
//
// Pools, resources, quotas and tickets are few and stay in memory. Leases, sessions, stored
// answers, tenant use and the two indexes are many: they are read through `RowSource` when they are
// needed.

/// A pool.
package struct Pool: Hashable, Sendable {
    package let name: String
    package var settings: PoolSettings
    /// What it has learnt of the requests; nothing before there were enough.
    package var policy: LearntPolicy?

    package init(name: String, settings: PoolSettings, policy: LearntPolicy? = nil) {
        self.name = name
        self.settings = settings
        self.policy = policy
    }
}

/// What of a resource changes rarely or never, shared by its copies.
package final class ResourceTerms: Hashable, Sendable {
    package let name: String
    package let pool: String
    package let kind: Kind
    package let node: String?
    package let labels: [Label]

    init(name: String, pool: String, kind: Kind, node: String?, labels: [Label]) {
        self.name = name
        self.pool = pool
        self.kind = kind
        self.node = node
        self.labels = labels
    }

    package static func == (left: ResourceTerms, right: ResourceTerms) -> Bool {
        left === right
            || (left.name == right.name && left.pool == right.pool && left.kind == right.kind
                && left.node == right.node && left.labels == right.labels)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }
}

/// A resource with what is taken of it.
///
/// I2: held + reserved + quarantined + free = capacity + debt.
package struct Resource: Hashable, Sendable {
    package let id: ResourceID
    package private(set) var terms: ResourceTerms
    package var capacity: UInt64
    package var cost: UInt64
    package var state: ResourceState
    package var detected: Bool
    package var held: UInt64
    package var reserved: UInt64
    package var quarantined: UInt64
    /// What of it is taken by leases whose longest life is known.
    package var dated = DatedAmounts()
    /// The drain that ends at a time, while it draws near and while it is carried out.
    package var drain: Drain?

    package init(id: ResourceID, request: ResourceRequest) {
        self.id = id
        terms = ResourceTerms(
            name: request.name,
            pool: request.pool,
            kind: request.kind,
            node: request.node,
            labels: request.labels ?? []
        )
        capacity = request.capacity
        cost = request.cost ?? 0
        state = .active
        detected = request.detected
        held = 0
        reserved = 0
        quarantined = 0
    }

    package var name: String { terms.name }
    package var pool: String { terms.pool }
    package var kind: Kind { terms.kind }
    package var node: String? { terms.node }
    package var labels: [Label] {
        get { terms.labels }
        set {
            terms = ResourceTerms(name: name, pool: pool, kind: kind, node: node, labels: newValue)
        }
    }

    /// Everything that is taken.
    ///
    /// Each term is at most 2^62 and so is the sum of what was granted.
    package var used: UInt64 { held + reserved + quarantined }
    /// For how long what is taken may stay taken; the shortest time when nothing is.
    var longestLife: LifetimeClass { dated.longest(of: used) }
    /// What can be granted.
    package var free: UInt64 { free(after: 0) }
    /// The same when so much of what is taken has come back.
    package func free(after back: UInt64) -> UInt64 {
        let used = used > back ? used - back : 0
        return capacity > used ? capacity - used : 0
    }
    /// How far use is above a capacity that was cut.
    package var debt: UInt64 { used > capacity ? used - capacity : 0 }
    /// The place it is in: its node, or a place of its own.
    package var place: String { node ?? name }
}

/// What a tenant and all below it use, by kind.
///
/// I3.
package struct TenantUsage: Hashable, Sendable {
    /// What is used of one kind.
    package struct Entry: Hashable, Sendable {
        package let kind: Kind
        package var held: UInt64
        package var reserved: UInt64
        package var quarantined: UInt64

        package init(kind: Kind, held: UInt64, reserved: UInt64, quarantined: UInt64) {
            self.kind = kind
            self.held = held
            self.reserved = reserved
            self.quarantined = quarantined
        }

        package var used: UInt64 { held + reserved + quarantined }
    }

    package let tenant: String
    /// By kind name; no entry is all zero.
    package var entries: [Entry]

    package init(tenant: String, entries: [Entry] = []) {
        self.tenant = tenant
        self.entries = entries
    }
}

/// An amount of one resource that a lease holds.
package struct Placement: Hashable, Sendable {
    package let resource: ResourceID
    package var amount: UInt64

    package init(resource: ResourceID, amount: UInt64) {
        self.resource = resource
        self.amount = amount
    }
}

/// Where a lease stands.
package enum LeaseState: UInt8, Sendable {
    /// Held by its holder.
    case held = 0
    /// A reservation that waits for commit.
    case reserved = 1
    /// Ended uncleanly; its amounts wait for the end of the lock-delay.
    case quarantined = 2
    /// Held by its holder, who was told to leave by its deadline.
    case preempted = 3
    /// Ended, holds nothing; kept for a while because its token had changed, so that whoever still
    /// has one of its tokens is told the truth.
    case ended = 4

    /// The name in answers.
    package var name: String {
        switch self {
        case .held: "held"
        case .reserved: "reserved"
        case .quarantined: "quarantined"
        case .preempted: "preempted"
        case .ended: "ended"
        }
    }

    /// Whether its holder has it, so that what it holds counts as held.
    package var isHeld: Bool { self == .held || self == .preempted }

    /// Whether it has ended for its holder.
    var isOver: Bool { self == .quarantined || self == .ended }
}

/// What of a lease never changes while one holder has it.
package final class LeaseTerms: Hashable, Sendable {
    package let pool: String
    package let tenant: String
    package let holder: String
    package let uid: UInt32?
    package let granted: LedgerTime
    /// The TTL that renewals use; 0 with a session.
    package let ttlMilliseconds: UInt64
    /// The end of its longest life, or `never`.
    package let lifetimeEnd: LedgerTime
    package let session: SessionID?
    package let priority: Priority
    package let tags: [Label]
    package let purpose: String?
    package let requestID: String?
    /// Whether it was granted as a reservation.
    package let wasReserved: Bool

    package init(
        pool: String,
        tenant: String,
        holder: String,
        uid: UInt32?,
        granted: LedgerTime,
        ttlMilliseconds: UInt64,
        lifetimeEnd: LedgerTime,
        session: SessionID?,
        priority: Priority,
        tags: [Label],
        purpose: String?,
        requestID: String?,
        wasReserved: Bool
    ) {
        self.pool = pool
        self.tenant = tenant
        self.holder = holder
        self.uid = uid
        self.granted = granted
        self.ttlMilliseconds = ttlMilliseconds
        self.lifetimeEnd = lifetimeEnd
        self.session = session
        self.priority = priority
        self.tags = tags
        self.purpose = purpose
        self.requestID = requestID
        self.wasReserved = wasReserved
    }

    package static func == (left: LeaseTerms, right: LeaseTerms) -> Bool {
        left === right
            || (left.pool == right.pool && left.tenant == right.tenant
                && left.holder == right.holder && left.uid == right.uid
                && left.granted == right.granted
                && left.ttlMilliseconds == right.ttlMilliseconds
                && left.lifetimeEnd == right.lifetimeEnd && left.session == right.session
                && left.priority == right.priority && left.tags == right.tags
                && left.purpose == right.purpose && left.requestID == right.requestID
                && left.wasReserved == right.wasReserved)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(granted)
        hasher.combine(holder)
    }
}

/// A lease, a reservation, or what is quarantined of one.
package struct Lease: Hashable, Sendable {
    package let id: LeaseID
    package var token: Token
    package var state: LeaseState
    /// When it ends without renewal: for a session's lease the end of its longest life.
    package var deadline: LedgerTime
    package var placements: [Placement]
    package var terms: LeaseTerms
    /// What few leases have.
    private var rare = RareFacts.none

    package init(
        id: LeaseID,
        token: Token,
        state: LeaseState,
        deadline: LedgerTime,
        placements: [Placement],
        terms: LeaseTerms
    ) {
        self.id = id
        self.token = token
        self.state = state
        self.deadline = deadline
        self.placements = placements
        self.terms = terms
    }
}

extension Lease {
    /// Apart from the rest and only where it is needed, so that the others are small to move.
    private enum RareFacts: Hashable, Sendable {
        case none
        indirect case some(parent: LeaseID?, subleases: [LeaseID], charge: LeaseCharge?)

        init(parent: LeaseID?, subleases: [LeaseID], charge: LeaseCharge?) {
            let isEmpty = parent == nil && subleases.isEmpty && charge == nil
            self =
                isEmpty ? .none : .some(parent: parent, subleases: subleases, charge: charge)
        }
    }

    /// The lease that it is carved from, when it is a sub-lease.
    package var parent: LeaseID? {
        get { if case .some(let parent, _, _) = rare { parent } else { nil } }
        set { rare = RareFacts(parent: newValue, subleases: subleases, charge: charge) }
    }

    /// Its sub-leases, held or in quarantine, oldest first: their amounts come back to it.
    package var subleases: [LeaseID] {
        get { if case .some(_, let subleases, _) = rare { subleases } else { [] } }
        set { rare = RareFacts(parent: parent, subleases: newValue, charge: charge) }
    }

    /// What it holds of budgets, if it was granted under one and is not free.
    package var charge: LeaseCharge? {
        get { if case .some(_, _, let charge) = rare { charge } else { nil } }
        set { rare = RareFacts(parent: parent, subleases: subleases, charge: newValue) }
    }
}

/// Liveness shared by many leases.
package struct Session: Hashable, Sendable {
    package let id: SessionID
    package var token: Token
    package let holder: String
    package let uid: UInt32?
    /// 0 when only its process ends it.
    package let ttlMilliseconds: UInt64
    /// `never` when only its process ends it, and that can be seen.
    package var deadline: LedgerTime
    package let process: ProcessIdentity?
    /// Set when it has ended and its leases are still being reclaimed.
    package var ended: ReclaimCause?

    package init(
        id: SessionID,
        token: Token,
        holder: String,
        uid: UInt32?,
        ttlMilliseconds: UInt64,
        deadline: LedgerTime,
        process: ProcessIdentity?,
        ended: ReclaimCause?
    ) {
        self.id = id
        self.token = token
        self.holder = holder
        self.uid = uid
        self.ttlMilliseconds = ttlMilliseconds
        self.deadline = deadline
        self.process = process
        self.ended = ended
    }
}

/// Why something was taken back.
public enum ReclaimCause: UInt8, CaseIterable, Sendable {
    /// Its deadline passed.
    case expired = 0
    /// Its process is dead, by proof.
    case dead = 1
    /// An operator took it.
    case revoked = 2
    /// Its session was closed by its holder.
    case closed = 3
    /// Its process is dead and so is every process it started, by proof.
    case gone = 4
    /// A more important request took its place.
    case preempted = 5

    /// The name in answers.
    public var name: String {
        switch self {
        case .expired: "expired"
        case .dead, .gone: "dead"
        case .revoked: "revoked"
        case .closed: "closed"
        case .preempted: "preempted"
        }
    }

    /// Whether the holder may still be using what it held, so that the lock-delay applies.
    package var isUnclean: Bool {
        switch self {
        case .expired, .revoked, .dead, .preempted: true
        case .closed, .gone: false
        }
    }
}

/// A change of a lease that gives it a new token.
package enum LeaseChange: UInt8, CaseIterable, Sendable {
    /// It got more.
    case grown = 0
    /// It got another holder.
    case handedOver = 1

    /// How an answer calls it.
    var status: Grant.Status {
        switch self {
        case .grown: .grown
        case .handedOver: .handedOver
        }
    }
}

/// A request id within its tenant.
package struct RequestKey: Hashable, Comparable, Sendable {
    package let tenant: String
    package let id: String

    package init(tenant: String, id: String) {
        self.tenant = tenant
        self.id = id
    }

    package static func < (left: RequestKey, right: RequestKey) -> Bool {
        (left.tenant, left.id) < (right.tenant, right.id)
    }
}

/// The answer that a request id is answered with for as long as the window lasts.
///
/// I7.
package struct StoredAnswer: Hashable, Sendable {
    /// What was answered, without what can be told from the request.
    package enum Outcome: Hashable, Sendable {
        case granted(
            status: UInt8,
            lease: LeaseID,
            holder: String,
            deadline: LedgerTime,
            placements: [Placement]
        )
        case refused(code: String, message: String)
        /// What became of a lease, and the token it got.
        case changed(
            LeaseChange,
            lease: LeaseID,
            token: Token,
            holder: String,
            deadline: LedgerTime,
            placements: [Placement]
        )
    }

    package let key: RequestKey
    /// What the request was, field by field, so that another body is told from the same one.
    package let body: [UInt8]
    package let outcome: Outcome
    package let position: Position
    package let expires: LedgerTime

    package init(
        key: RequestKey,
        body: [UInt8],
        outcome: Outcome,
        position: Position,
        expires: LedgerTime
    ) {
        self.key = key
        self.body = body
        self.outcome = outcome
        self.position = position
        self.expires = expires
    }
}

/// What falls due at a time.
///
/// The order is the order of reclaim: time, class, age.
package struct DueKey: Hashable, Comparable, Sendable {
    /// What it is that falls due.
    package enum Class: UInt8, Sendable {
        case lease = 0
        case session = 1
        case storedAnswer = 2
        /// The window of a budget.
        case budgetWindow = 3
        /// What is kept of a ticket that ended.
        case ticket = 4
        /// The end of the drain of a resource.
        case drain = 6
        /// The end of the time for which a breaker is open.
        case breaker = 7
        /// The end of a planned drain; before the beginning of another at that time.
        case windowEnd = 8
        /// The beginning of a planned drain.
        case windowStart = 9
    }

    package let time: LedgerTime
    package let subject: Class
    /// The id of a lease, session, ticket, window or resource; for a stored answer or a budget the
    /// position that stored it; the number of a breaker.
    package let id: UInt64

    package init(time: LedgerTime, subject: Class, id: UInt64) {
        self.time = time
        self.subject = subject
        self.id = id
    }

    package static func < (left: DueKey, right: DueKey) -> Bool {
        if left.time != right.time { return left.time < right.time }
        if left.subject != right.subject { return left.subject.rawValue < right.subject.rawValue }
        return left.id < right.id
    }
}

/// One entry of the index of what falls due.
package struct DueEntry: Hashable, Sendable {
    package let key: DueKey
    /// The stored answer that is forgotten, for entries of that class.
    package let request: RequestKey?

    package init(key: DueKey, request: RequestKey? = nil) {
        self.key = key
        self.request = request
    }
}

/// A lease of a session.
package struct MemberKey: Hashable, Comparable, Sendable {
    package let session: SessionID
    package let lease: LeaseID

    package init(session: SessionID, lease: LeaseID) {
        self.session = session
        self.lease = lease
    }

    package static func < (left: MemberKey, right: MemberKey) -> Bool {
        left.session != right.session ? left.session < right.session : left.lease < right.lease
    }
}
