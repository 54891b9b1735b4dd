// What `decide` returns, and the switch over commands.

/// What a command changes and how it is answered.
///
/// Nothing has changed yet.
package struct Decision: Sendable {
    /// The facts, one frame together; none when nothing changes.
    package var events: [Event]
    /// The answer, to leave when everything it shows is durable.
    package var answer: Answer
    /// What is set aside for the request if it waits: what those leave who leave for it.
    package var earmark: Earmark?

    init(_ events: [Event], _ answer: Answer) {
        self.events = events
        self.answer = answer
    }

    init(_ event: Event, _ answer: Answer) {
        self.init([event], answer)
    }

    /// An answer without a change.
    init(_ answer: Answer) {
        self.init([], answer)
    }

    /// A refusal that changes nothing.
    package init(refused refusal: Refusal) {
        self.init([], .refused(refusal))
    }

    /// A refusal.
    package init(refused code: RefusalCode, _ message: String, limit: String = "") {
        self.init([], .refused(Refusal(code, message, limit: limit)))
    }
}

extension LedgerState {
    /// Decides one command into events and an answer.
    ///
    /// Pure: the same state, command, caller and time give the same decision. `mutating` only for
    /// what is derived: the order in which due entries are looked at, and lazily built indexes.
    ///
    /// - Throws: `RowFault` when a row that the decision needs can not be trusted.
    package mutating func decide(
        _ command: Command,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        if let refusal = try outOfScope(command, for: caller) {
            return Decision(.refused(refusal))
        }
        return switch command {
        case .acquire(let request): try acquire(request, caller: caller, now: now)
        case .commit(let reference, let parts):
            try commit(reference, parts: parts, now: now)
        case .cancel(let reference): try cancel(reference, now: now)
        case .cancelTicket(let id): try cancelTicket(id, caller: caller, now: now)
        case .book(let request): try book(request, caller: caller, now: now)
        case .cancelBooking(let id): try cancelBooking(id, caller: caller, now: now)
        case .renew(let reference, let ttl): try renew(reference, ttl: ttl, now: now)
        case .release(let reference, let parts):
            try release(reference, parts: parts, now: now)
        case .grow(let reference, let request): try grow(reference, request, now: now)
        case .handOver(let reference, let request):
            try handOver(reference, request, caller: caller, now: now)
        case .sublease(let reference, let request):
            try sublease(reference, request, caller: caller, now: now)
        case .revoke(let lease, let reason): try revoke(lease, reason: reason, now: now)
        case .revokeAll(let request): try revokeAll(request, now: now)
        case .check(let reference): try check(reference, now: now)
        case .report(let reference, let report):
            try self.report(reference, report, now: now)
        case .resetBreaker(let name): resetBreaker(name)
        case .prune(let last, let seal): prune(last, seal)
        case .openSession(let request): openSession(request, caller: caller, now: now)
        case .keepSession(let reference): try keepSession(reference, now: now)
        case .closeSession(let reference): try closeSession(reference, now: now)
        case .setPool(let name, let settings): setPool(name, settings)
        case .deletePool(let name): deletePool(name)
        case .setResource(let request): setResource(request)
        case .setResourceState(let name, let state, let by):
            setResourceState(name, state, byMilliseconds: by, now: now)
        case .setNodeState(let request): setNodeState(request, now: now)
        case .planWindow(let request): planWindow(request, now: now)
        case .cancelWindow(let id): cancelWindow(id, now: now)
        case .deleteResource(let name): deleteResource(name)
        case .setQuota(let request): setQuota(request)
        case .deleteQuota(let tenant, let kind): deleteQuota(tenant, kind)
        case .setTenant(let request): try setTenant(request)
        case .deleteTenant(let tenant): deleteTenant(tenant)
        case .setBudget(let request): setBudget(request, now: now)
        case .deleteBudget(let tenant): deleteBudget(tenant)
        case .query(let query): try answer(query, caller: caller, now: now)
        case .housekeeping(let task): try housekeep(task, now: now)
        }
    }

    /// The position that the frame of the decision will have.
    var nextPosition: Position { facts.position + 1 }

    /// The token that the frame of the decision gives out.
    var nextToken: Token { Token(epoch: facts.epoch, position: nextPosition) }
}
