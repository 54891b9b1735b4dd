// What the ledger says.

/// The answer to one command.
///
/// It leaves when everything it shows is durable.
public enum Answer: Equatable, Sendable {
    /// A lease or a reservation, or what it would be.
    indirect case grant(Grant)
    /// Not granted yet; it has a place in the queue.
    case queued(QueuedRequest)
    /// A lease with its new deadline.
    case renewed(Renewal)
    /// A lease, a part of one, or a session has ended.
    case ended(Ending)
    /// A session was opened or kept.
    case session(SessionView)
    /// What a check, a read or a change of settings tells.
    case document(Document)
    /// No, and why.
    case refused(Refusal)
}

/// A granted request.
public struct Grant: Equatable, Sendable {
    /// Whether it is a lease, a reservation, only a plan, or a change of a lease.
    public enum Status: String, Sendable {
        /// A lease.
        case granted
        /// A reservation that waits for `commit`.
        case reserved
        /// What would be granted; nothing was changed.
        case planned
        /// A lease that has more than before, and a new token.
        case grown
        /// A lease that another has from now on, and its new token.
        case handedOver = "handed over"
    }

    /// What kind of grant.
    public var status: Status
    /// Its name.
    public var lease: LeaseID
    /// Proves the right to change it.
    public var token: Token
    /// Who holds it.
    public var holder: String
    /// Milliseconds until the deadline; absent when only a session ends it.
    public var ttlMilliseconds: UInt64?
    /// What it holds.
    public var placements: [PlacementView]
    /// The position of the grant.
    public var position: Position
    /// Whether an earlier answer to the same request id was repeated.
    public var replayed: Bool
    /// Set when breakers had to do with it.
    public var breakers: BreakerNotice?
    /// What an hour of it costs, in thousandths, rounded up; absent when it is no new grant.
    public var price: UInt64?
    /// How good the choice was; absent when it is no new grant.
    public var confidence: Confidence?
    /// Of a plan, what `AcquireRequest.plan` takes.
    public var version: Position?
    /// Which of the pools granted it, where several were asked.
    public var pool: String?
    /// What each of the pools asked before that answered.
    public var fallback: [PoolRefusal] = []

    /// The lease with its token, as what changes it takes.
    public var reference: LeaseReference { LeaseReference(lease: lease, token: token) }
}

/// A pool that did not grant what the next one was then asked for.
public struct PoolRefusal: Hashable, Sendable {
    /// The pool.
    public let pool: String
    /// Why not.
    public let code: RefusalCode

    /// A pool that refused.
    public init(pool: String, code: RefusalCode) {
        self.pool = pool
        self.code = code
    }
}

/// How good the choice of a place was.
public struct Confidence: Hashable, Sendable {
    /// By how much the score of the second best place is above that of the best, in thousandths
    /// of itself.
    ///
    /// Absent where places have an order and no score, or nothing to be compared with.
    public var margin: UInt64?
    /// What is left of the scarcest kind asked for in the active resources of the pool, after the
    /// grant, in thousandths of what they have.
    public var left: UInt64
    /// The share of the classes of importance whose requests may take its place, in thousandths.
    public var preemption: UInt64

    /// The facts about one choice.
    public init(margin: UInt64?, left: UInt64, preemption: UInt64 = 0) {
        self.margin = margin
        self.left = left
        self.preemption = preemption
    }
}

/// An amount of one resource that a lease holds.
public struct PlacementView: Hashable, Sendable {
    /// The name of the resource.
    public let resource: String
    /// The place of the resource.
    public let node: String
    /// What is counted.
    public let kind: Kind
    /// How much, in base units.
    public let amount: UInt64

    /// An amount of one resource.
    public init(resource: String, node: String, kind: Kind, amount: UInt64) {
        self.resource = resource
        self.node = node
        self.kind = kind
        self.amount = amount
    }
}

/// A lease with its new deadline.
public struct Renewal: Equatable, Sendable {
    /// Which one.
    public var lease: LeaseID
    /// Its token; renewal keeps it.
    public var token: Token
    /// Milliseconds until the deadline; absent when only a session ends it.
    public var ttlMilliseconds: UInt64?
    /// The position of the renewal.
    public var position: Position
    /// Set when something of it is on a resource that is drained.
    public var draining: DrainNotice?
}

/// A lease, a part of one, or a session has ended.
public struct Ending: Equatable, Sendable {
    /// How it stands now.
    public enum Status: String, Sendable {
        /// Given back by its holder.
        case released
        /// A part was given back; the rest is held.
        case reduced = "partly released"
        /// A reservation was given back.
        case cancelled
        /// It had ended before.
        case alreadyEnded = "already ended"
        /// Taken back.
        case revoked
        /// A session was closed; its leases are invalid from this position on.
        case closed
    }

    /// How it stands now.
    public var status: Status
    /// The bits of the lease's or session's id.
    public var id: UInt64
    /// Whether it is a session's.
    public var isSession = false
    /// What is still held, after a partial release.
    public var placements: [PlacementView]
    /// The position of the ending.
    public var position: Position
}

/// A session as its holder sees it.
public struct SessionView: Equatable, Sendable {
    /// Which one.
    public var session: SessionID
    /// Proves the right to change it.
    public var token: Token
    /// Milliseconds until the deadline; absent when only the process ends it.
    public var ttlMilliseconds: UInt64?
    /// The position of the change.
    public var position: Position

    /// The session with its token, as what changes it takes.
    public var reference: SessionReference { SessionReference(session: session, token: token) }
}
