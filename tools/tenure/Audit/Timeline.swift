// Which events are about one lease, session, resource or tenant.
//
// The events come in order. What the subject is turns out as they come: a name becomes a resource
// when that was declared, and the leases on it or of a tenant are followed to their end.

package import TenureModel

/// A subject and everything that has become part of it.
package struct Timeline {
    private let subject: String
    private let number: UInt64?
    private var resources: Set<ResourceID> = []
    private var leases: Set<LeaseID> = []
    private var sessions: Set<SessionID> = []
    private var tickets: Set<TicketID> = []
    private var windows: Set<WindowID> = []

    /// A timeline of the id of a lease, session, ticket or window, of a resource or of a tenant.
    package init(of subject: String) {
        self.subject = subject
        number = UInt64(subject)
        if let number {
            leases = [LeaseID(rawValue: number)]
            sessions = [SessionID(rawValue: number)]
            tickets = [TicketID(rawValue: number)]
            windows = [WindowID(rawValue: number)]
        }
    }

    /// Whether `event` is about the subject; remembers what it brings into it.
    package mutating func concerns(_ event: Event) -> Bool {
        switch event {
        case .granted(let grant):
            if let served = grant.served, tickets.contains(served.ticket) {
                follow(grant.lease.id, grant.lease.terms.session)
            }
            return concerns(grant.lease)
        case .committed(let lease, _, _), .renewed(let lease, _), .reduced(let lease, _):
            return leases.contains(lease)
        case .grown(let record):
            return leases.contains(record.lease)
                || record.added.contains { resources.contains($0.resource) }
        case .subleased(let record): return concerns(record.lease)
        case .handedOver(let record):
            let isPart =
                leases.contains(record.lease)
                || (record.session.map { sessions.contains($0) } ?? false)
            if isPart { follow(record.lease, record.session) }
            return isPart
        case .released(let lease): return leases.contains(lease)
        case .reclaimed(let ended, _, _): return ended.contains { leases.contains($0.lease) }
        case .preempted(let ended, _, _), .quarantineEnded(let ended), .leasesForgotten(let ended):
            return ended.contains { leases.contains($0) }
        case .resourceSet(let declaration):
            guard declaration.request.name == subject else { return false }
            resources.insert(declaration.id)
            return true
        case .resourceStateSet(let resource, _), .resourceDrained(let resource, _),
            .drainAdvanced(let resource, _), .resourceDeleted(let resource):
            return resources.contains(resource)
        case .breakerSet(let breaker):
            return concerns(breaker.subject) || breaker.probes.contains { leases.contains($0) }
        case .breakerCleared(let breaker, _): return concerns(breaker)
        case .sessionOpened(let session): return sessions.contains(session.id)
        case .sessionKept(let session, _), .sessionEnded(let session, _, _):
            return sessions.contains(session)
        case .sessionForgotten(let session): return sessions.contains(session)
        case .queued(let ticket):
            let request = ticket.request
            let isPart =
                tickets.contains(ticket.id) || isSubject(tenant: request.tenant)
                || (request.session.map { sessions.contains($0) } ?? false)
            if isPart { tickets.insert(ticket.id) }
            return isPart
        case .ticketProlonged(let ticket, _): return tickets.contains(ticket)
        case .ticketEnded(let end): return tickets.contains(end.ticket)
        case .booked(let booking):
            let isPart =
                tickets.contains(booking.id) || isSubject(tenant: booking.ticket.request.tenant)
                || booking.placements.contains { resources.contains($0.resource) }
            if isPart { tickets.insert(booking.id) }
            return isPart
        case .bookingMoved(let booking, _): return tickets.contains(booking)
        case .windowPlanned, .windowBegan, .windowEnded: return concernsWindow(event)
        default: return concernsTenant(event)
        }
    }

    private mutating func concernsWindow(_ event: Event) -> Bool {
        switch event {
        case .windowPlanned(let window):
            let isPart =
                windows.contains(window.id)
                || window.members.contains { resources.contains($0.resource) }
            if isPart { windows.insert(window.id) }
            return isPart
        case .windowBegan(let window): return windows.contains(window)
        case .windowEnded(let end): return windows.contains(end.window)
        default: return false
        }
    }

    /// Whether an event that is about a tenant, or about nothing that is followed, is.
    private func concernsTenant(_ event: Event) -> Bool {
        switch event {
        case .quotaSet(let quota): isSubject(tenant: quota.tenant)
        case .quotaDeleted(let key): isSubject(tenant: key.tenant)
        case .budgetSet(let budget): isSubject(tenant: budget.tenant)
        case .budgetDeleted(let tenant): isSubject(tenant: tenant)
        case .budgetHeld(let lease, _): leases.contains(lease)
        case .budgetSettled(let settled): settled.contains { leases.contains($0.lease) }
        case .tenantLimitsSet(let limits): isSubject(tenant: limits.tenant)
        case .answered(let answer): isSubject(tenant: answer.key.tenant)
        case .refused(let refusal): isSubject(tenant: refusal.tenant)
        case .refusalsCounted(let counts): counts.contains { isSubject(tenant: $0.tenant) }
        default: false
        }
    }

    private func concerns(_ breaker: BreakerSubject) -> Bool {
        switch breaker {
        case .pool: false
        case .resource(let id): resources.contains(id)
        }
    }

    private mutating func concerns(_ lease: Lease) -> Bool {
        let isPart =
            leases.contains(lease.id) || isSubject(tenant: lease.terms.tenant)
            || lease.placements.contains { resources.contains($0.resource) }
            || (lease.terms.session.map { sessions.contains($0) } ?? false)
            || (lease.parent.map { leases.contains($0) } ?? false)
        if isPart { follow(lease.id, lease.terms.session) }
        return isPart
    }

    private mutating func follow(_ lease: LeaseID, _ session: SessionID?) {
        leases.insert(lease)
        // The end of its session is the end of the lease.
        if let session { sessions.insert(session) }
    }

    private func isSubject(tenant: String) -> Bool {
        number == nil && (tenant == subject || tenant.hasPrefix(subject + "/"))
    }
}
