// Which events are about one lease, session, resource or tenant.
//
// The events come in order. What the subject is turns out as they come: a name becomes a resource
// when that was declared, and the leases on it or of a tenant are followed to their end.
//
//   L1  Memory is bounded by what there is at a time: who has ended is followed no more.
//   L2  A session that came in with a lease counts for as long as the lease is in it, and brings
//       nothing in: what else was granted in it is somebody else's.

package import TenureModel

/// A subject and everything that has become part of it.
package struct Timeline {
    /// A session that came in with leases.
    private struct Stay {
        /// How many leases that are followed are in it.
        var leases = 0
        /// Whether it has ended, and is yet to be forgotten.
        var hasEnded = false
    }

    /// What was asked for: an id or a name, the resources of that name, the lease of that token.
    private var own: Set<Subject>
    /// The leases, tickets, bookings and windows that came in and have not ended.
    private var things: Set<UInt64> = []
    private var sessionOfLease: [LeaseID: SessionID] = [:]
    private var stays: [SessionID: Stay] = [:]
    /// How often something has come in.
    package private(set) var additions = 0
    /// The number that was asked for, where it is one.
    package let number: UInt64?
    /// The tenant whose events, and those of the tenants below it, are part of it.
    package let tenant: String?

    /// A timeline of the id of a lease, session, ticket, booking or window, of a resource or of a
    /// tenant.
    package init(of subject: String) {
        own = [.name(subject)]
        number = UInt64(subject)
        if let number { own.insert(.id(number)) }
        tenant = number == nil ? subject : nil
    }

    // MARK: Asking

    /// Whether `event` is about the subject; remembers what it brings into it, and forgets what it
    /// ends.
    package mutating func concerns(_ event: Event) -> Bool {
        let isOfStay = event.session.map { stays[$0] != nil } ?? false
        guard isOfStay || isPart(event.forEachSubject) else { return false }
        follow(event)
        leave(event)
        return true
    }

    /// Whether a thing is part of the subject by now.
    package func follows(_ thing: Subject) -> Bool {
        switch thing {
        case .id(let id): return own.contains(thing) || things.contains(id)
        case .resource, .name: return own.contains(thing)
        case .tenant(let path):
            guard let tenant else { return false }
            return path == tenant || path.hasPrefix(tenant + "/")
        }
    }

    /// How many things are followed.
    package var count: Int { own.count + things.count + stays.count }

    /// Whether `isSought` is true of something that is followed: O(count) where of nothing.
    package func contains(where isSought: (Subject) -> Bool) -> Bool {
        own.contains(where: isSought) || stays.keys.contains { isSought(.id($0.rawValue)) }
            || things.contains { isSought(.id($0)) }
    }

    /// Everything that is followed: O(count).
    package var followed: Set<Subject> {
        own.union(things.map(Subject.id)).union(stays.keys.map { .id($0.rawValue) })
    }

    /// The first position at which something can be about it: a number has its own.
    package var since: Position {
        let tokens = own.compactMap { subject in
            if case .id(let id) = subject { Token(rawValue: id) } else { nil }
        }
        let first = tokens.filter { $0.epoch > 0 }.map(\.position).min()
        return tenant == nil ? first ?? 1 : 1
    }

    // MARK: What was there before the history begins

    /// A resource that was declared before the history begins.
    package mutating func learn(_ resource: ResourceID, as name: String) {
        if own.contains(.name(name)) { own.insert(.resource(resource)) }
    }

    /// The lease that has, or had, the number that was asked for as its token.
    package mutating func learn(_ lease: LeaseID) { own.insert(.id(lease.rawValue)) }

    /// A lease that was granted before the history begins.
    package mutating func learn(_ lease: Lease) {
        if own.contains(.id(lease.token.rawValue)) { learn(lease.id) }
        guard lease.state != .ended, isPart(lease.forEachSubject) else { return }
        follow(lease.id, in: lease.state == .quarantined ? nil : lease.terms.session)
    }

    /// Someone who waited when the history begins.
    package mutating func learn(_ ticket: Ticket) {
        learn(ticket.id.rawValue, ticket.forEachSubject)
    }

    /// A booking that was made before the history begins.
    package mutating func learn(_ booking: Booking) {
        learn(booking.id.rawValue, booking.forEachSubject)
    }

    /// A window that was planned before the history begins.
    package mutating func learn(_ window: Window) {
        learn(window.id.rawValue, window.forEachSubject)
    }

    private mutating func learn(_ id: UInt64, _ forEachSubject: ((Subject) -> Void) -> Void) {
        if isPart(forEachSubject) { follow(id) }
    }

    /// Whether something is about what is followed by now.
    private func isPart(_ forEachSubject: ((Subject) -> Void) -> Void) -> Bool {
        var isPart = false
        forEachSubject { isPart = isPart || follows($0) }
        return isPart
    }

    // MARK: What comes and goes

    /// What has begun is followed to its end, which names nothing but its id.
    private mutating func follow(_ event: Event) {
        switch event {
        case .granted(let grant): follow(grant.lease.id, in: grant.lease.terms.session)
        case .subleased(let record): follow(record.lease.id, in: record.lease.terms.session)
        // In which session it is, the event does not say.
        case .grown(let record): follow(record.lease.rawValue)
        case .handedOver(let record):
            leaveSession(record.lease)
            follow(record.lease, in: record.session)
        case .queued(let ticket): follow(ticket.id.rawValue)
        case .booked(let booking): follow(booking.id.rawValue)
        case .windowPlanned(let window): follow(window.id.rawValue)
        case .resourceSet(let declaration):
            if own.insert(.resource(declaration.id)).inserted { additions += 1 }
        default: break
        }
    }

    private mutating func follow(_ lease: LeaseID, in session: SessionID?) {
        follow(lease.rawValue)
        // The end of its session is the end of the lease.
        guard let session, sessionOfLease.updateValue(session, forKey: lease) == nil else { return }
        if stays[session] == nil { additions += 1 }
        stays[session, default: Stay()].leases += 1
    }

    private mutating func follow(_ id: UInt64) {
        if !own.contains(.id(id)), things.insert(id).inserted { additions += 1 }
    }

    /// What has ended is not named again, but for what was asked for.
    private mutating func leave(_ event: Event) {
        switch event {
        case .granted(let grant):
            if let served = grant.served { things.remove(served.ticket.rawValue) }
        case .ticketEnded(let end): things.remove(end.ticket.rawValue)
        case .windowEnded(let end):
            if end.resources.isEmpty { things.remove(end.window.rawValue) }
        case .released(let lease): leave(lease)
        case .reclaimed(let leases, _, _):
            for lease in leases {
                leaveSession(lease.lease)
                if lease.quarantinedUntil == nil { things.remove(lease.lease.rawValue) }
            }
        case .quarantineEnded(let leases): for lease in leases { leave(lease) }
        case .sessionEnded(let session, _, _): stays[session]?.hasEnded = true
        case .sessionForgotten(let session): stays[session] = nil
        default: break
        }
    }

    private mutating func leave(_ lease: LeaseID) {
        leaveSession(lease)
        things.remove(lease.rawValue)
    }

    /// A session that has ended stays until it is forgotten, which is behind its last lease.
    private mutating func leaveSession(_ lease: LeaseID) {
        guard let session = sessionOfLease.removeValue(forKey: lease), var stay = stays[session]
        else { return }
        stay.leases -= 1
        stays[session] = stay.leases == 0 && !stay.hasEnded ? nil : stay
    }
}
