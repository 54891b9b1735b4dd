// Who had a resource at a moment, since when, and how that ended.
//
// Kept is what each lease has of the resource, by the rows behind every record: since when it has
// some of it, it has it; where that becomes nothing, its part of the resource has ended, whatever
// else it goes on to hold. A hand-over or a reclaim ends it for its holder in any case.

internal import TenureModel

/// Follows the leases on one resource up to a moment, and from there those that were on it then.
struct HoldingHistory {
    /// What a lease has of the resource.
    private struct Holding {
        let amount: UInt64
        /// Nothing where a snapshot has it, and does not say.
        let since: LedgerTime?
        /// What it is carved from, and goes back to.
        let parent: LeaseID?
    }

    private struct Holder {
        let document: Document
        let holding: Holding
        var end: (time: LedgerTime, how: String)?
    }

    private let resource: String
    /// The resources that had this name, one after the other.
    private var ids: Set<ResourceID> = []
    private var holdings: [LeaseID: Holding] = [:]
    private var holders: [LeaseID: Holder] = [:]
    private var order: [LeaseID] = []
    private var label: [Document.Field]?
    private var kind: Kind?

    /// Nothing has happened yet.
    init(of resource: String) { self.resource = resource }

    /// Takes in what there is before the first record.
    mutating func begin(with past: borrowing PastLedger) throws {
        guard let id = past.state.resource(named: resource)?.id else { return }
        ids.insert(id)
        try past.forEachHolding { lease in
            let amount = self.amount(in: lease)
            guard amount > 0 else { return }
            // With its first token it is as it was granted.
            let isFirst = lease.token.rawValue == lease.id.rawValue
            holdings[lease.id] = Holding(
                amount: amount,
                since: isFirst ? lease.terms.granted : nil,
                parent: lease.parent
            )
        }
    }

    /// Keeps who has it now.
    ///
    /// - Throws: a failure when there is no such resource.
    mutating func watch(_ past: borrowing PastLedger) throws {
        var past = copy past
        if case .refused(let refusal) = try past.ask(.query(.resource(resource))) {
            throw Failure(.refused, "\(refusal.code.rawValue) \(refusal.message)")
        }
        kind = past.state.resource(named: resource)?.kind
        try past.forEachLease { lease, document in
            guard let holding = holdings[lease.id] else { return }
            order.append(lease.id)
            holders[lease.id] = Holder(document: document, holding: holding)
        }
        label = past.label
    }

    /// Takes in a record, with the ledger behind it.
    mutating func note(_ record: PastRecord, in past: borrowing PastLedger) throws {
        var touched: Set<LeaseID> = []
        for event in record.events {
            if case .resourceSet(let declaration) = event, declaration.request.name == resource {
                ids.insert(declaration.id)
            }
            let isBrought = event.brought.contains { ids.contains($0.resource) }
            for id in event.leases where isBrought || holdings[id] != nil {
                touched.insert(id)
                if let parent = holdings[id]?.parent { touched.insert(parent) }
            }
        }
        for id in touched.sorted() { take(id, try past.lease(id), record) }
    }

    private mutating func take(_ id: LeaseID, _ lease: Lease?, _ record: PastRecord) {
        let before = holdings[id]
        let amount = lease.map { self.amount(in: $0) } ?? 0
        let ending = record.events.lazy.compactMap { $0.ending(of: id) }.first
        if amount == 0 || ending?.isWhole == true, holders[id]?.end == nil {
            holders[id]?.end = (record.time, ending?.how ?? "given back")
        }
        guard let lease, amount > 0 else {
            holdings[id] = nil
            return
        }
        // Who it was handed to has it since then; who is in quarantine has not let go of it.
        let isAnew = before == nil || ending?.isHandOver == true
        holdings[id] = Holding(
            amount: amount,
            since: isAnew ? record.time : before?.since,
            parent: lease.parent
        )
    }

    private func amount(in lease: Lease) -> UInt64 {
        lease.placements.reduce(0) { ids.contains($1.resource) ? $0 + $1.amount : $0 }
    }

    /// What was found, the oldest lease first.
    func document(clock: WallClock) -> Document {
        let items = order.compactMap { holders[$0] }.map { holder -> Document in
            let told = ["lease", "state", "tenant", "holder"].compactMap { name in
                holder.document[name].map { Document.Field(name, $0) }
            }
            let since = holder.holding.since.flatMap(clock.text) ?? PastLedger.beforeHistory
            return .map(
                told + [
                    .init("kind", .optional(kind?.name)),
                    .init("amount", .count(holder.holding.amount)),
                    .init("since", .string(since)),
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

extension Event {
    /// What of resources comes to a lease.
    fileprivate var brought: [Placement] {
        switch self {
        case .granted(let record): record.lease.placements
        case .subleased(let record): record.lease.placements
        case .grown(let record): record.added
        default: []
        }
    }

    /// How it ends, or may end, that a lease has a resource.
    ///
    /// `isWhole` when it does so for all that it has.
    fileprivate func ending(
        of id: LeaseID
    ) -> (how: String, isWhole: Bool, isHandOver: Bool)? {
        switch self {
        case .released(id): ("released", true, false)
        case .reclaimed(let leases, let cause, _) where leases.contains { $0.lease == id }:
            (cause.name, true, false)
        case .quarantineEnded(let ids) where ids.contains(id): ("quarantine over", true, false)
        case .handedOver(let change) where change.lease == id: ("handed over", true, true)
        case .reduced(id, _): ("given back in part", false, false)
        case .committed(id, _, _): ("not committed", false, false)
        case .subleased(let record) where record.lease.parent == id: ("carved out", false, false)
        default: nil
        }
    }
}
