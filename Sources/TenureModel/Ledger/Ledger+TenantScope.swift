// Whose tenant it is: a caller with a scope acts for its own tenants only.
//
//   P1  A caller with a scope names no tenant outside of it in what asks for amounts, or for the
//       answer of a request id.
//   P2  It changes nothing of a lease, reservation, ticket or booking whose tenant is outside.
//   P3  A session has no tenant: who is no admin keeps, ends and uses those of its own user only.
//
// Tokens are fencing numbers, which can be guessed, so they alone keep no tenants apart. Reads
// other than of a request id show all tenants, as they show all users. What was granted or queued
// before a scope shrank stays; recovery applies events and asks nobody. Which command needs which
// role, is judged before it comes here.

internal import TenureBase

extension LedgerState {
    /// Why the caller may not do that to what the command names; nothing when it may.
    func outOfScope(_ command: Command, for caller: Caller) throws(RowFault) -> Refusal? {
        if !caller.isAdmin, let refusal = try using(command.session, by: caller) { return refusal }
        guard let scope = caller.tenants else { return nil }
        switch command {
        case .acquire(let request): return Self.naming(request.tenant, scope)
        case .book(let booking): return Self.naming(booking.request.tenant, scope)
        case .query(.request(_, let tenant)):
            return Self.naming(tenant, scope)
        case .commit(let reference, _), .cancel(let reference), .renew(let reference, _),
            .release(let reference, _), .grow(let reference, _), .report(let reference, _),
            .handOver(let reference, _):
            return try touching(reference.lease, scope)
        case .sublease(let reference, let request):
            if let refusal = try touching(reference.lease, scope) { return refusal }
            return request.tenant.flatMap { Self.naming($0, scope) }
        case .cancelTicket(let id), .cancelBooking(let id):
            guard let tenant = ticket(id)?.request.tenant ?? bookings[id]?.ticket.request.tenant
            else { return nil }
            return Self.naming(tenant, scope)
        // What changes nothing, what has no tenant, and what only those send who have no scope.
        case .check, .openSession, .keepSession, .closeSession, .query, .revoke, .revokeAll,
            .resetBreaker, .prune, .setPool,
            .deletePool, .setResource, .setResourceState, .setNodeState, .planWindow,
            .cancelWindow, .deleteResource, .setQuota, .deleteQuota, .setTenant, .deleteTenant,
            .setBudget, .deleteBudget, .housekeeping:
            return nil
        }
    }

    /// P1.
    private static func naming(_ tenant: String, _ scope: TenantScope) -> Refusal? {
        if scope.covers(tenant) { return nil }
        return Refusal(
            .notPermitted,
            "this caller may not act for tenant \(tenant.printable), only for \(scope.text); name "
                + "its own with TENANT, or ask an admin"
        )
    }

    /// P2.
    private func touching(_ id: LeaseID, _ scope: TenantScope) throws(RowFault) -> Refusal? {
        guard let lease = try lease(id), !scope.covers(lease.terms.tenant) else { return nil }
        return Refusal(
            .notPermitted,
            "lease \(id.rawValue) is of tenant \(lease.terms.tenant), and this caller may act for "
                + "\(scope.text) only; ask its holder, or an admin"
        )
    }

    /// P3.
    private func using(_ id: SessionID?, by caller: Caller) throws(RowFault) -> Refusal? {
        guard let id, let session = try session(id), session.uid != caller.uid else { return nil }
        return Refusal(
            .notPermitted,
            "session \(id.rawValue) is another user's; open one, or ask an admin"
        )
    }
}

extension Command {
    /// The session that it keeps, ends, or puts a lease into.
    fileprivate var session: SessionID? {
        switch self {
        case .acquire(let request): request.session
        case .book(let booking): booking.request.session
        case .handOver(_, let request): request.session
        case .sublease(_, let request): request.session
        case .keepSession(let reference), .closeSession(let reference): reference.session
        default: nil
        }
    }
}
