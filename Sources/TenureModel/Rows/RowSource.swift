// Where rows come from that are not in memory: the front cache and the state store behind it.

/// Why a row could not be had.
///
/// The engine stops on it: nothing may be decided on a guess.
package enum RowFault: Error, Equatable, Sendable {
    /// A row, or its absence, fails its check. Names the table and the place.
    case damaged(String)
    /// The store could not be read. Names what and why.
    case unreadable(String)
}

/// The clean rows: what was true at the last checkpoint.
///
/// Every row is verified before it is returned. A miss is believed only if its neighbours prove it.
package protocol RowSource: AnyObject {
    func lease(_ id: LeaseID) throws(RowFault) -> Lease?
    func session(_ id: SessionID) throws(RowFault) -> Session?
    func storedAnswer(_ key: RequestKey) throws(RowFault) -> StoredAnswer?
    func usage(_ tenant: String) throws(RowFault) -> TenantUsage?
    /// The entries behind `key`, or from the start, in order; at most `limit`.
    func due(after key: DueKey?, limit: Int) throws(RowFault) -> [DueEntry]
    /// The leases of `session` behind `lease`, or from the start, in order; at most `limit`.
    func members(
        of session: SessionID,
        after lease: LeaseID?,
        limit: Int
    ) throws(RowFault) -> [LeaseID]
    /// The leases of `pool` that may be preempted behind `key`, or from the start, in the order in
    /// which they give way; at most `limit`.
    func preemptible(
        in pool: String,
        after key: PreemptibleKey?,
        limit: Int
    ) throws(RowFault) -> [PreemptibleKey]
    /// The leases of `pool`, or of one tenant in it, that may be asked back behind `key`, or from
    /// the start, in the order of their keys; at most `limit`.
    func reclaimable(
        in pool: String,
        of tenant: String?,
        after key: ReclaimableKey?,
        limit: Int
    ) throws(RowFault) -> [ReclaimableKey]
    /// The leases behind `id`, or from the start, in order; at most `limit`.
    func leases(after id: LeaseID?, limit: Int) throws(RowFault) -> [Lease]
    /// The sessions behind `id`, or from the start, in order; at most `limit`.
    func sessions(after id: SessionID?, limit: Int) throws(RowFault) -> [Session]
}
