// Which events are about one lease, session, resource or tenant.
//
// The events come in order. What the subject is turns out as they come: a name becomes a resource
// when that was declared, and the leases on it or of a tenant are followed to their end.

package import TenureModel

/// A subject and everything that has become part of it.
package struct Timeline {
    /// What is followed: grows as events bring more into it.
    package private(set) var followed: Set<Subject>
    /// The tenant whose events, and those of the tenants below it, are part of it.
    package let tenant: String?

    /// A timeline of the id of a lease, session, ticket or window, of a resource or of a tenant.
    package init(of subject: String) {
        followed = [.name(subject)]
        let number = UInt64(subject)
        if let number { followed.insert(.id(number)) }
        tenant = number == nil ? subject : nil
    }

    /// Whether `event` is about the subject; remembers what it brings into it.
    package mutating func concerns(_ event: Event) -> Bool {
        var isPart = false
        event.forEachSubject { isPart = isPart || follows($0) }
        if isPart { follow(event) }
        return isPart
    }

    /// Whether a thing is part of the subject by now.
    package func follows(_ thing: Subject) -> Bool {
        guard case .tenant(let path) = thing else { return followed.contains(thing) }
        guard let tenant else { return false }
        return path == tenant || path.hasPrefix(tenant + "/")
    }

    /// A resource that was declared before the history begins.
    mutating func learn(_ resource: ResourceID, as name: String) {
        if followed.contains(.name(name)) { followed.insert(.resource(resource)) }
    }

    /// What has begun is followed to its end, which names nothing but its id.
    private mutating func follow(_ event: Event) {
        switch event {
        case .granted(let grant): follow(grant.lease.id, grant.lease.terms.session)
        case .subleased(let record): follow(record.lease.id, record.lease.terms.session)
        case .handedOver(let record): follow(record.lease, record.session)
        case .queued(let ticket): followed.insert(.id(ticket.id.rawValue))
        case .booked(let booking): followed.insert(.id(booking.id.rawValue))
        case .windowPlanned(let window): followed.insert(.id(window.id.rawValue))
        case .resourceSet(let declaration): followed.insert(.resource(declaration.id))
        default: break
        }
    }

    private mutating func follow(_ lease: LeaseID, _ session: SessionID?) {
        followed.insert(.id(lease.rawValue))
        // The end of its session is the end of the lease.
        if let session { followed.insert(.id(session.rawValue)) }
    }
}
