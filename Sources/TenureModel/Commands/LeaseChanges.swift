// What is asked of a lease that is held: more of it.

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
