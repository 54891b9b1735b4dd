// The leases of a pool that a more important request may take the place of, in the order in which
// they give way.

/// A lease that may be preempted.
package struct PreemptibleKey: Hashable, Comparable, Sendable {
    package let pool: String
    package let priority: Priority
    package let lease: LeaseID

    package init(pool: String, priority: Priority, lease: LeaseID) {
        self.pool = pool
        self.priority = priority
        self.lease = lease
    }

    init(_ lease: Lease) {
        self.init(pool: lease.terms.pool, priority: lease.terms.priority, lease: lease.id)
    }

    /// By pool; in it the lowest class first, and within a class who was granted last.
    package static func < (left: PreemptibleKey, right: PreemptibleKey) -> Bool {
        if left.pool != right.pool { return left.pool < right.pool }
        if left.priority != right.priority {
            return left.priority.rawValue < right.priority.rawValue
        }
        return left.lease > right.lease
    }
}
