// What is asked of a lease that is held: more of it, or another holder.

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
