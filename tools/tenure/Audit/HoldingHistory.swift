// Who had a resource at a moment, since when, and how that ended.

internal import TenureModel

/// Follows the leases on one resource up to a moment, and from there those that were on it then.
struct HoldingHistory {
    private struct Holder {
        let document: Document
        let amount: UInt64
        let since: LedgerTime?
        var end: (time: LedgerTime, how: String)?
    }

    private let resource: String
    /// The resources that had this name, one after the other.
    private var ids: Set<ResourceID> = []
    private var since: [LeaseID: LedgerTime] = [:]
    private var holders: [LeaseID: Holder] = [:]
    private var order: [LeaseID] = []
    private var label: [Document.Field]?
    private var kind: Kind?

    /// Nothing has happened yet.
    init(of resource: String) { self.resource = resource }

    /// Whether the moment is over, and only ends are looked for.
    var isWatching: Bool { label != nil }

    /// Keeps who has it now.
    ///
    /// - Throws: a failure when there is no such resource.
    mutating func watch(_ past: inout PastLedger) throws {
        if case .refused(let refusal) = try past.ask(.query(.resource(resource))) {
            throw Failure(.refused, "\(refusal.code.rawValue) \(refusal.message)")
        }
        var found: [(lease: Lease, document: Document)] = []
        try past.forEachLease { found.append(($0, $1)) }
        for (lease, document) in found {
            let parts = lease.placements.filter { ids.contains($0.resource) }
            guard let first = parts.first else { continue }
            kind = past.state.resource(first.resource)?.kind
            order.append(lease.id)
            holders[lease.id] = Holder(
                document: document,
                amount: parts.reduce(0) { $0 + $1.amount },
                since: since[lease.id]
            )
        }
        label = past.label
        since = [:]
    }

    /// Takes in a record.
    mutating func note(_ record: PastRecord) {
        for event in record.events {
            if isWatching { end(event, record.time) } else { begin(event, record.time) }
        }
    }

    private mutating func begin(_ event: Event, _ time: LedgerTime) {
        switch event {
        case .resourceSet(let declaration) where declaration.request.name == resource:
            ids.insert(declaration.id)
        case .granted(let grant): begin(grant.lease.id, grant.lease.placements, time)
        case .subleased(let sublease): begin(sublease.lease.id, sublease.lease.placements, time)
        case .grown(let growth) where since[growth.lease] == nil:
            begin(growth.lease, growth.added, time)
        case .handedOver(let change) where since[change.lease] != nil:
            since[change.lease] = time
        case .released(let id): since[id] = nil
        case .quarantineEnded(let ids), .leasesForgotten(let ids):
            for id in ids { since[id] = nil }
        case .reclaimed(let leases, _, _):
            for lease in leases where lease.quarantinedUntil == nil { since[lease.lease] = nil }
        default: break
        }
    }

    private mutating func begin(_ id: LeaseID, _ placements: [Placement], _ time: LedgerTime) {
        if placements.contains(where: { ids.contains($0.resource) }) { since[id] = time }
    }

    private mutating func end(_ event: Event, _ time: LedgerTime) {
        switch event {
        case .released(let id): end(id, time, "released")
        case .reclaimed(let leases, let cause, _):
            for lease in leases { end(lease.lease, time, cause.name) }
        case .handedOver(let change): end(change.lease, time, "handed over")
        case .quarantineEnded(let ids): for id in ids { end(id, time, "quarantine over") }
        default: break
        }
    }

    private mutating func end(_ id: LeaseID, _ time: LedgerTime, _ how: String) {
        if holders[id]?.end == nil { holders[id]?.end = (time, how) }
    }

    /// What was found, the oldest lease first.
    func document(clock: WallClock) -> Document {
        let items = order.compactMap { holders[$0] }.map { holder -> Document in
            let told = ["lease", "state", "tenant", "holder"].compactMap { name in
                holder.document[name].map { Document.Field(name, $0) }
            }
            return .map(
                told + [
                    .init("kind", .optional(kind?.name)), .init("amount", .count(holder.amount)),
                    .init("since", .optional(holder.since.flatMap(clock.text))),
                    .init("ended", .optional(holder.end.flatMap { clock.text(at: $0.time) })),
                    .init("how", .optional(holder.end?.how)),
                ]
            )
        }
        return .map(
            (label ?? []) + [.init("resource", .string(resource)), .init("items", .list(items))]
        )
    }
}
