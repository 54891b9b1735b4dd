// What is asked of a lease that is held: more of it, another holder, a part of it.

/// What is to be added to a lease, all of it or nothing.
public struct GrowRequest: Hashable, Sendable {
    /// What is added; at the places where the lease is before all others.
    public var claims: [Claim]
    /// The one place that everything must come from; any when absent.
    public var node: String?
    /// Labels that every place must have.
    public var selector: [Label] = []
    /// Which of the other places are preferred; the pool's when absent.
    public var strategy: Strategy?
    /// Makes repeating the request safe: 1 to 64 bytes, scoped to the tenant of the lease.
    public var requestID: String?
    /// How long it waits where capacity or quota is taken, in milliseconds; not at all when absent.
    ///
    /// Not with `node`. A wait that would never end is refused: `deadlock`.
    public var waitMilliseconds: UInt64?
    /// The version of the plan of moves that is to be carried out: what that told, or nothing.
    ///
    /// Only with `node`; no part of what a request id stands for.
    public var plan: Position?
    /// What is free but not for this request: it is promised to others who wait before it.
    package var withheld: [ResourceID: UInt64] = [:]
    /// Of these resources no more than so much is for this request; see `AcquireRequest`.
    package var bookedRoom: [ResourceID: UInt64] = [:]

    /// A request for `claims`.
    public init(claims: [Claim]) {
        self.claims = claims
    }
}

/// Who is to have a lease from now on, and what keeps it alive.
public struct HandOverRequest: Hashable, Sendable {
    /// Who holds it; made by the ledger when absent.
    public var holder: String?
    /// How long without renewal, from now on and for every renewal.
    ///
    /// Not with a session. Without both the lease lives on as it did.
    public var ttlMilliseconds: UInt64?
    /// The session that keeps it alive instead of a TTL.
    public var session: SessionID?
    /// Makes repeating the request safe: 1 to 64 bytes, scoped to the tenant of the lease.
    public var requestID: String?

    /// A request that gives the lease to `holder`.
    public init(holder: String? = nil) {
        self.holder = holder
    }
}

/// Which part of a lease is to be a lease of its own, and whose.
public struct SubleaseRequest: Hashable, Sendable {
    /// What of the lease, at most what it holds of each resource.
    public var parts: [Part]
    /// Who pays: the tenant of the lease, or one below it; the lease's when absent.
    public var tenant: String?
    /// Who holds it; made by the ledger when absent.
    public var holder: String?
    /// How long without renewal; not with a session.
    ///
    /// Without both it lives as long as the lease that it is carved from. It never lives longer.
    public var ttlMilliseconds: UInt64?
    /// The session that keeps it alive, as long as the lease that it is carved from is valid.
    public var session: SessionID?
    /// Makes repeating the request safe: 1 to 64 bytes, scoped to the tenant of the lease that it
    /// is carved from.
    public var requestID: String?
    /// Labels of the sub-lease.
    public var tags: [Label] = []
    /// What it is for, in the holder's words.
    public var purpose: String?

    /// A request for `parts`.
    public init(parts: [Part]) {
        self.parts = parts
    }
}
