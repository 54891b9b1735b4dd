// Which leases are taken from their holders at once.

/// Takes all leases and reservations from their holders that are what is asked for.
public struct RevokeRequest: Equatable, Sendable {
    /// Why; recorded and told to the holders.
    public var reason: String
    /// Which leases; at least one thing is to be given.
    public var filter = LeaseFilter()
    /// Leases that have something on this node.
    public var node: String?
    /// Leases that have all of these tags; a value of `a|b` stands for either.
    public var tags: [Label] = []
    /// Where the step before ended: its `cursor`.
    public var after: String?
    /// Whether only to tell which they are.
    public var isDry = false

    /// A request that does not say yet which leases.
    public init(reason: String) {
        self.reason = reason
    }
}
