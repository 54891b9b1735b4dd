// The leases of a pool that may be asked back as far as their tenants borrow, tenant by tenant, in
// the order in which a tenant's give way.

/// A lease that may be asked back.
package struct ReclaimableKey: Hashable, Comparable, Sendable {
    package let pool: String
    package let tenant: String
    package let priority: Priority
    package let lease: LeaseID

    package init(pool: String, tenant: String, priority: Priority, lease: LeaseID) {
        self.pool = pool
        self.tenant = tenant
        self.priority = priority
        self.lease = lease
    }

    init(_ lease: Lease) {
        self.init(
            pool: lease.terms.pool,
            tenant: lease.terms.tenant,
            priority: lease.terms.priority,
            lease: lease.id
        )
    }

    /// Behind all leases of a tenant, and before those of the next.
    package init(endOf tenant: String, in pool: String) {
        self.init(pool: pool, tenant: tenant, priority: .critical, lease: LeaseID(rawValue: 0))
    }

    /// By pool and tenant; of a tenant the lowest class first, and within a class who was granted
    /// last.
    package static func < (left: ReclaimableKey, right: ReclaimableKey) -> Bool {
        if left.pool != right.pool { return left.pool < right.pool }
        if left.tenant != right.tenant { return left.tenant < right.tenant }
        return left.preemptible < right.preemptible
    }

    /// Its place among those of all tenants.
    var preemptible: PreemptibleKey { PreemptibleKey(pool: pool, priority: priority, lease: lease) }
}
