// Everything that can be asked of a ledger.
//
// A command carries durations, never instants, and no identity of its caller: that is the
// engine's to know. `decide` turns one into events and an answer.

/// One thing asked of the ledger.
public enum Command: Equatable, Sendable {
    /// Grants a lease, or with `hold` a reservation, or with `planOnly` only tells what would be.
    indirect case acquire(AcquireRequest)
    /// Turns a reservation, or the named parts of it, into a lease.
    case commit(LeaseReference, parts: [Part]?)
    /// Gives a reservation back.
    case cancel(LeaseReference)
    /// Ends a queued request that was not granted yet.
    case cancelTicket(TicketID)
    /// Books amounts for a later time, all of them or nothing.
    indirect case book(BookingRequest)
    /// Ends a booking that has not begun.
    case cancelBooking(TicketID)
    /// Moves the deadline of a lease; without a TTL, by the TTL it was granted with.
    case renew(LeaseReference, ttlMilliseconds: UInt64?)
    /// Gives a lease, or the named parts of it, back.
    case release(LeaseReference, parts: [Part]?)
    /// Adds amounts to a lease, all of them or nothing, and gives it a new token.
    indirect case grow(LeaseReference, GrowRequest)
    /// Gives a lease to another holder, with a new token.
    indirect case handOver(LeaseReference, HandOverRequest)
    /// Makes a part of a lease a lease of its own.
    indirect case sublease(LeaseReference, SubleaseRequest)
    /// Takes a lease from its holder; needs no token.
    case revoke(LeaseID, reason: String)
    /// Takes all leases from their holders that are what is asked for, one step of them.
    indirect case revokeAll(RevokeRequest)
    /// Tells whether the token is the current one of a valid lease.
    case check(LeaseReference)
    /// Says whether what a lease holds works, for the breakers of the pool.
    case report(LeaseReference, Report)
    /// Closes a breaker.
    case resetBreaker(BreakerName)
    /// Records that history up to a position is no longer kept, and what it ended in.
    case prune(through: Position, seal: String)
    /// Opens a session.
    indirect case openSession(SessionRequest)
    /// Moves the deadline of a session.
    case keepSession(SessionReference)
    /// Ends a session and all its leases.
    case closeSession(SessionReference)
    /// Creates a pool or changes settings of it.
    case setPool(name: String, settings: [PoolSetting])
    /// Deletes a pool without resources.
    case deletePool(name: String)
    /// Declares a resource or changes it.
    indirect case setResource(ResourceRequest)
    /// Stops new grants on a resource, or allows them again.
    ///
    /// With `byMilliseconds`, which only a drain has, what is left is taken back that long from
    /// now; without it a drain has no end.
    case setResourceState(name: String, state: ResourceState, byMilliseconds: UInt64? = nil)
    /// The same for all resources of a node, in one pool or in all, whole or not at all.
    indirect case setNodeState(NodeRequest)
    /// Plans a drain of a resource or a node from a time to a time.
    indirect case planWindow(WindowRequest)
    /// Calls a planned drain off, or ends it early.
    case cancelWindow(WindowID)
    /// Deletes a resource without use.
    case deleteResource(name: String)
    /// Sets the quota of a tenant for a kind, or changes it.
    indirect case setQuota(QuotaRequest)
    /// Deletes a quota.
    case deleteQuota(tenant: String, kind: Kind)
    /// Sets limits of a tenant, or changes them.
    indirect case setTenant(TenantRequest)
    /// Takes all limits of a tenant away, but not its quotas.
    case deleteTenant(String)
    /// Sets the budget of a tenant, or changes it.
    indirect case setBudget(BudgetRequest)
    /// Deletes a budget; what its leases hold of it is forgotten.
    case deleteBudget(String)
    /// Reads; see `Query`.
    indirect case query(Query)
    /// What the ledger asks of itself; never from outside.
    indirect case housekeeping(Housekeeping)
}

extension Command {
    /// Sets the hard limit of a quota and leaves the rest of it as it is.
    public static func setQuota(tenant: String, kind: Kind, limit: UInt64) -> Command {
        .setQuota(QuotaRequest(tenant: tenant, kind: kind, limit: limit))
    }

    /// Whether its answer may come late because it waits for what it asks.
    package var waits: Bool {
        waitMilliseconds != nil
    }

    /// How long it waits for what it asks, in milliseconds; nothing when it does not.
    package var waitMilliseconds: UInt64? {
        switch self {
        case .acquire(let request): request.waitMilliseconds
        case .grow(_, let request): request.waitMilliseconds
        default: nil
        }
    }
}

/// A read, evaluated in the writer's order.
public enum Query: Equatable, Sendable {
    /// One pool.
    case pool(String)
    /// All pools.
    case pools
    /// One resource.
    case resource(String)
    /// Resources by name, of one pool or all.
    case resources(pool: String?, page: Page)
    /// Breakers that are not simply closed, of one pool or all.
    case breakers(pool: String?, page: Page)
    /// One quota, with its use.
    case quota(tenant: String, kind: Kind)
    /// All quotas with their use, at or below a tenant or all.
    case quotas(tenant: String?)
    /// The limits of one tenant.
    case tenant(String)
    /// All limits of tenants, at or below a tenant or all.
    case tenants(below: String?)
    /// One budget, with what is spent and held.
    case budget(String)
    /// All budgets, at or below a tenant or all.
    case budgets(below: String?)
    /// The use of one tenant.
    case usage(tenant: String)
    /// One lease or reservation.
    case lease(LeaseID)
    /// Leases and reservations by age.
    case leases(LeaseFilter, page: Page)
    /// One queued request, or what became of it.
    case ticket(TicketID)
    /// Queued requests, oldest first.
    case tickets(TicketFilter, page: Page)
    /// One booking, or what became of it.
    case booking(TicketID)
    /// Bookings that have not begun, oldest first.
    case bookings(TicketFilter, page: Page)
    /// One planned drain that is not over.
    case window(WindowID)
    /// Planned drains that are not over, of one pool or all, oldest first.
    case windows(pool: String?, page: Page)
    /// One session.
    case session(SessionID)
    /// Which leases of a pool would better be elsewhere.
    case optimize(OptimizeRequest)
    /// The stored answer of a request id, or its place in the queue.
    case request(id: String, tenant: String)
    /// Counts of the whole ledger.
    case status
}

/// What can be explained from the log.
public enum ExplainSubject: Hashable, Sendable {
    /// A lease or a reservation, held or ended; or the ticket of this number.
    case lease(LeaseID)
    /// The request with this id, as long as it waits or its answer is kept.
    case request(id: String, tenant: String)
}

/// Which part of a list is asked for.
public struct Page: Equatable, Sendable {
    /// At most so many items; at most `Limits.pageItems`.
    public var limit: Int
    /// Where the page before ended: its `cursor`.
    public var after: String?

    /// A part of a list.
    public init(limit: Int = 100, after: String? = nil) {
        self.limit = limit
        self.after = after
    }
}

/// Which leases are asked for; what is absent does not restrict.
public struct LeaseFilter: Equatable, Sendable {
    /// Leases of this pool.
    public var pool: String?
    /// Leases of this tenant and those below it.
    public var tenant: String?
    /// Leases of this holder.
    public var holder: String?

    /// A filter; without arguments it lets everything through.
    public init(pool: String? = nil, tenant: String? = nil, holder: String? = nil) {
        self.pool = pool
        self.tenant = tenant
        self.holder = holder
    }
}

/// A lease or reservation together with the token that proves the right to change it.
public struct LeaseReference: Hashable, Sendable {
    /// Which one.
    public let lease: LeaseID
    /// The token of its holder.
    public let token: Token

    /// A lease with its token.
    public init(lease: LeaseID, token: Token) {
        self.lease = lease
        self.token = token
    }
}

/// A session together with the token that proves the right to change it.
public struct SessionReference: Hashable, Sendable {
    /// Which one.
    public let session: SessionID
    /// The token of its holder.
    public let token: Token

    /// A session with its token.
    public init(session: SessionID, token: Token) {
        self.session = session
        self.token = token
    }
}

/// An amount of one resource, named in a partial release or commit.
public struct Part: Hashable, Sendable {
    /// The name of the resource.
    public let resource: String
    /// How much of it, as it was written: its kind is the resource's.
    public let quantity: String

    /// An amount of one resource.
    public init(resource: String, quantity: String) {
        self.resource = resource
        self.quantity = quantity
    }
}

/// What the ledger asks of itself.
public enum Housekeeping: Equatable, Sendable {
    /// The process opened the ledger; tells clocks and how recovery went.
    case opened(Opening)
    /// Acknowledged history may be missing: tokens must go on in a new epoch.
    case raiseEpoch(reason: String)
    /// Holders could not renew for a while that ends now.
    case grace(fromNanoseconds: UInt64)
    /// The wall clock shows something else than what has passed since the opening.
    case wallClockSet(nanoseconds: UInt64)
    /// Takes back what is due, at most `Limits.reclaimBatch` things.
    case reclaim
    /// The process of a session is dead; with `treeIsGone`, all that it started is too.
    case processDied(SessionID, treeIsGone: Bool, evidence: String)
    /// Whether the process of a session can be seen: nothing proves that it lives, or is dead, from
    /// another pid namespace.
    case processSeen(SessionID, seen: Bool)
    /// A pool has learnt from its requests.
    case learnt(pool: String, LearntPolicy)
    /// Refusals that were not recorded one by one.
    case refusalsCounted([RefusalCount])
    /// A refusal worth a record of its own.
    case refused(RefusalRecord)
    /// Something that host detection created has not been seen since the start, or is back.
    case resourceSeen(name: String, seen: Bool)
}
