// Events in words: for the log dump, timelines and watchers, from one definition.

extension Event {
    /// What happened, as one word or two.
    package var name: String {
        switch self {
        case .opened: "opened"
        case .grace: "grace"
        case .epochRaised: "epoch-raised"
        case .pruned: "pruned"
        case .wallClockSet: "wall-clock-set"
        case .poolSet: "pool-set"
        case .poolDeleted: "pool-deleted"
        case .policyLearnt: "policy-learnt"
        case .resourceSet: "resource-set"
        case .resourceStateSet: "resource-state"
        case .resourceDrained: "resource-drained"
        case .drainAdvanced: "drain-advanced"
        case .resourceDeleted: "resource-deleted"
        case .breakerSet(let breaker): "breaker-\(breaker.state.name)"
        case .breakerCleared: "breaker-cleared"
        case .quotaSet: "quota-set"
        case .quotaDeleted: "quota-deleted"
        case .tenantLimitsSet: "tenant-limits-set"
        case .budgetSet, .budgetDeleted, .budgetHeld, .budgetSettled: budgetName
        case .granted(let record): record.lease.state == .reserved ? "reserved" : "granted"
        case .committed: "committed"
        case .renewed: "renewed"
        case .reduced: "reduced"
        case .grown: "grown"
        case .handedOver: "handed-over"
        case .subleased: "subleased"
        case .released: "released"
        case .reclaimed(_, let cause, _): cause.name
        case .preempted: Self.preemptionName
        case .quarantineEnded: "quarantine-ended"
        case .leasesForgotten: "leases-forgotten"
        case .sessionOpened: "session-opened"
        case .sessionKept: "session-kept"
        case .sessionEnded: "session-ended"
        case .sessionForgotten: "session-forgotten"
        case .answered: "answered"
        case .answersForgotten: "answers-forgotten"
        case .queued: "queued"
        case .ticketProlonged: "ticket-prolonged"
        case .ticketEnded: "ticket-ended"
        case .booked: "booked"
        case .bookingMoved: "booking-moved"
        case .windowPlanned: "window-planned"
        case .windowBegan: "window-began"
        case .windowEnded: "window-ended"
        case .refused: "refused"
        case .refusalsCounted: "refusals-counted"
        }
    }

    /// The leases that the event is about.
    package var leases: [LeaseID] {
        switch self {
        case .granted(let record): [record.lease.id]
        case .committed(let id, _, _), .renewed(let id, _), .reduced(let id, _), .released(let id):
            [id]
        case .reclaimed(let leases, _, _): leases.map(\.lease)
        case .grown(let record): [record.lease]
        case .handedOver(let record): [record.lease]
        // The new one first.
        case .subleased(let record): [record.lease.id] + (record.lease.parent.map { [$0] } ?? [])
        case .preempted(let ids, _, _), .quarantineEnded(let ids), .leasesForgotten(let ids): ids
        case .budgetSettled(let settlements): settlements.map(\.lease)
        default: []
        }
    }

    /// The resources that the event has by their number.
    var resources: [ResourceID] {
        switch self {
        case .resourceStateSet(let id, _), .resourceDrained(let id, _), .drainAdvanced(let id, _),
            .resourceDeleted(let id):
            [id]
        case .breakerSet(let breaker): breaker.subject.resources
        case .breakerCleared(let subject, _): subject.resources
        case .granted(let record): record.lease.placements.map(\.resource)
        case .grown(let record): record.added.map(\.resource)
        case .subleased(let record): record.lease.placements.map(\.resource)
        case .committed(_, _, let placements), .reduced(_, let placements):
            placements.map(\.resource)
        case .booked(let booking): booking.placements.map(\.resource)
        case .windowPlanned(let window): window.members.map(\.resource)
        case .windowEnded(let end): end.resources
        default: []
        }
    }

    /// The facts as fields, with the names and kinds of resources in place of their numbers.
    ///
    /// What `names` does not know keeps its number. What declares a resource says both.
    package func fields(naming names: (ResourceID) -> ResourceName?) -> [Document.Field] {
        if case .resourceSet = self { return fields }
        return fields.naming(names)
    }

    /// The facts as fields; resources by their number, because names are the state's to know.
    package var fields: [Document.Field] {
        switch self {
        case .opened(let opening): opening.fields
        case .grace(let grace):
            [
                .init("from", .count(grace.from.nanoseconds)),
                .init("end", .count(grace.end.nanoseconds)),
                .init("milliseconds", .count(grace.milliseconds)),
                .init("others", .list(grace.others.map(\.document))),
            ]
        case .epochRaised(let epoch, let reason):
            [.init("epoch", .count(UInt64(epoch))), .init("reason", .string(reason))]
        case .pruned(let last, let seal):
            [.init("through", .id(last)), .init("seal", .string(seal))]
        case .wallClockSet(let wall): [.init("wallTime", .count(wall))]
        case .poolSet(let pool):
            [.init("pool", .string(pool.name)), .init("settings", .map(pool.settings.fields))]
        case .poolDeleted(let name): [.init("pool", .string(name))]
        case .policyLearnt(let pool, let policy):
            [.init("pool", .string(pool)), .init("policy", policy.document)]
        case .resourceSet(let declaration): declaration.fields
        case .resourceStateSet(let id, let state):
            [.init("resource", .count(UInt64(id.rawValue))), .init("state", .string(state.name))]
        case .resourceDrained(let id, let by):
            [.init("resource", .count(UInt64(id.rawValue))), .init("by", by.document)]
        case .drainAdvanced(let id, let past):
            [.init("resource", .count(UInt64(id.rawValue))), .init("past", .id(past.rawValue))]
        case .resourceDeleted(let id): [.init("resource", .count(UInt64(id.rawValue)))]
        case .breakerSet(let breaker): breaker.fields
        case .breakerCleared(let subject, let reason):
            [subject.field, .init("reason", .string(reason))]
        case .quotaSet(let quota):
            [
                .init("tenant", .string(quota.tenant)), .init("kind", .string(quota.kind.name)),
                .init("limit", .count(quota.limit)),
                .init("guarantee", .count(quota.guarantee)),
                .init("borrow", quota.borrowing.map(Document.count) ?? .null),
                .init("lend", quota.lending.map(Document.count) ?? .null),
                .init("weight", .count(quota.weight)),
            ]
        case .quotaDeleted(let key):
            [.init("tenant", .string(key.tenant)), .init("kind", .string(key.kind.name))]
        case .tenantLimitsSet(let limits): limits.fields
        case .budgetSet, .budgetDeleted, .budgetHeld, .budgetSettled: budgetFields
        case .granted, .committed, .renewed, .reduced, .grown, .handedOver, .subleased, .released,
            .reclaimed, .preempted,
            .quarantineEnded, .leasesForgotten:
            leaseFields
        case .sessionOpened, .sessionKept, .sessionEnded, .sessionForgotten: sessionFields
        case .queued, .ticketProlonged, .ticketEnded: ticketFields
        case .booked, .bookingMoved: bookingFields
        case .windowPlanned, .windowBegan, .windowEnded: windowFields
        case .answered, .answersForgotten, .refused, .refusalsCounted: answerFields
        }
    }

    private var leaseFields: [Document.Field] {
        switch self {
        case .granted(let record): record.fields
        case .committed(let id, let deadline, let kept):
            [
                .init("lease", .id(id.rawValue)), .init("deadline", deadline.document),
                .init("placements", kept.document),
            ]
        case .renewed(let id, let deadline):
            [.init("lease", .id(id.rawValue)), .init("deadline", deadline.document)]
        case .reduced(let id, let parts):
            [.init("lease", .id(id.rawValue)), .init("by", parts.document)]
        case .grown(let record): record.fields
        case .handedOver(let record): record.fields
        case .subleased(let record):
            record.lease.fields
                + [.init("parent", record.lease.parent.map { .id($0.rawValue) } ?? .null)]
        case .released(let id): [.init("lease", .id(id.rawValue))]
        case .reclaimed(let leases, let cause, let evidence):
            [
                .init("cause", .string(cause.name)), .init("evidence", .string(evidence)),
                .init("leases", .list(leases.map(\.document))),
            ]
        case .preempted(let ids, let until, let evidence):
            [
                .init("until", until.document), .init("evidence", .string(evidence)),
                .init("leases", .list(ids.map { .id($0.rawValue) })),
            ]
        case .quarantineEnded(let ids), .leasesForgotten(let ids):
            [.init("leases", .list(ids.map { .id($0.rawValue) }))]
        default: []
        }
    }

    private var sessionFields: [Document.Field] {
        switch self {
        case .sessionOpened(let session):
            [
                .init("session", .id(session.id.rawValue)),
                .init("holder", .string(session.holder)),
                .init("deadline", session.deadline.document),
                .init("pid", session.process.map { .integer(Int64($0.pid)) } ?? .null),
            ]
        case .sessionKept(let id, let deadline):
            [.init("session", .id(id.rawValue)), .init("deadline", deadline.document)]
        case .sessionEnded(let id, let cause, let evidence):
            [
                .init("session", .id(id.rawValue)), .init("cause", .string(cause.name)),
                .init("evidence", .string(evidence)),
            ]
        case .sessionForgotten(let id): [.init("session", .id(id.rawValue))]
        default: []
        }
    }

    private var answerFields: [Document.Field] {
        switch self {
        case .answered(let stored):
            [.init("tenant", .string(stored.key.tenant)), .init("request", .string(stored.key.id))]
        case .answersForgotten(let entries): [.init("count", .count(entries.count))]
        case .refused(let record):
            [
                .init("tenant", .string(record.tenant)), .init("pool", .string(record.pool)),
                .init("code", .string(record.code.rawValue)),
                .init("limit", .string(record.limit)),
                .init("message", .string(record.message)),
            ]
        case .refusalsCounted(let counts):
            [.init("counts", .list(counts.map(\.document)))]
        default: []
        }
    }
}

/// What the numbers in events stand for.
package struct EventSubjects: Sendable {
    /// Whose the leases are.
    package var leases: [LeaseID: LeaseTerms] = [:]
    /// How the resources are called.
    package var resources: [ResourceID: ResourceName] = [:]

    package init() {}
}

/// How a resource is called, where an event has its number only.
package struct ResourceName: Hashable, Sendable {
    package let name: String
    package let kind: Kind

    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}

extension [Document.Field] {
    fileprivate func naming(_ names: (ResourceID) -> ResourceName?) -> [Document.Field] {
        flatMap { field -> [Document.Field] in
            switch field.value {
            case .integer(let number) where field.name == "resource":
                guard let id = UInt32(exactly: number),
                    let resource = names(ResourceID(rawValue: id))
                else { return [field] }
                return [
                    .init("resource", .string(resource.name)),
                    .init("kind", .string(resource.kind.name)),
                ]
            case .list(let items):
                let named = items.map { item -> Document in
                    if case .map(let fields) = item { .map(fields.naming(names)) } else { item }
                }
                return [.init(field.name, .list(named))]
            default: return [field]
            }
        }
    }
}

extension LedgerTime {
    /// The time in nanoseconds, null when there is none.
    var document: Document { self == .never ? .null : .count(nanoseconds) }
}

extension [Placement] {
    /// The placements as fields, resources by their number.
    var document: Document {
        .list(
            map { placement in
                .map([
                    .init("resource", .count(UInt64(placement.resource.rawValue))),
                    .init("amount", .count(placement.amount)),
                ])
            }
        )
    }
}

extension Grace.PoolBound {
    fileprivate var document: Document {
        .map([.init("pool", .string(pool)), .init("milliseconds", .count(milliseconds))])
    }
}

extension Reclaimed {
    fileprivate var document: Document {
        .map([
            .init("lease", .id(lease.rawValue)),
            .init("quarantinedUntil", quarantinedUntil?.document ?? .null),
        ])
    }
}

extension RefusalCount {
    fileprivate var document: Document {
        .map([
            .init("tenant", .string(tenant)), .init("pool", .string(pool)),
            .init("code", .string(code.rawValue)), .init("limit", .string(limit)),
            .init("count", .count(count)),
        ])
    }
}

extension Opening {
    fileprivate var fields: [Document.Field] {
        [
            .init("bootID", .string(bootID)), .init("bootTime", .count(bootNanoseconds)),
            .init("wallTime", .count(wallNanoseconds)), .init("recovery", .string(recovery)),
            .init("version", .string(version)), .init("downtimeIsEstimate", .bool(isEstimate)),
        ]
    }
}

extension ResourceDeclaration {
    fileprivate var fields: [Document.Field] {
        [
            .init("resource", .count(UInt64(id.rawValue))), .init("name", .string(request.name)),
            .init("pool", .string(request.pool)), .init("kind", .string(request.kind.name)),
            .init("capacity", .count(request.capacity)), .init("node", .optional(request.node)),
            .init("labels", (request.labels ?? []).document),
            .init("cost", .count(request.cost ?? 0)), .init("force", .bool(request.force)),
            .init("detected", .bool(request.detected)),
        ]
    }
}

extension GrantRecord {
    fileprivate var fields: [Document.Field] {
        lease.fields + why.fields
            + (served.map { [.init("ticket", .id($0.ticket.rawValue))] } ?? [])
    }
}

extension Lease {
    fileprivate var fields: [Document.Field] {
        [
            .init("lease", .id(id.rawValue)), .init("token", .id(token.rawValue)),
            .init("pool", .string(terms.pool)), .init("tenant", .string(terms.tenant)),
            .init("holder", .string(terms.holder)),
            .init("uid", terms.uid.map { .count(UInt64($0)) } ?? .null),
            .init("deadline", deadline.document),
            .init("lifetimeEnd", terms.lifetimeEnd.document),
            .init("session", terms.session.map { .id($0.rawValue) } ?? .null),
            .init("priority", .string(terms.priority.name)),
            .init("request", .optional(terms.requestID)),
            .init("purpose", .optional(terms.purpose)),
            .init("tags", terms.tags.document), .init("placements", placements.document),
        ]
    }
}

extension GrowthRecord {
    fileprivate var fields: [Document.Field] {
        [
            .init("lease", .id(lease.rawValue)), .init("token", .id(token.rawValue)),
            .init("request", .optional(stored?.key.id)), .init("added", added.document),
        ] + why.fields
    }
}

extension HandOverRecord {
    fileprivate var fields: [Document.Field] {
        [
            .init("lease", .id(lease.rawValue)), .init("token", .id(token.rawValue)),
            .init("holder", .string(holder)),
            .init("uid", uid.map { .count(UInt64($0)) } ?? .null),
            .init("deadline", deadline.document),
            .init("session", session.map { .id($0.rawValue) } ?? .null),
            .init("request", .optional(stored?.key.id)),
        ]
    }
}
