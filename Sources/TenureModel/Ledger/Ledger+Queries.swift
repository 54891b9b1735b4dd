// Reads, evaluated in the writer's order: they show exactly the state after the last position.

internal import TenureBase

extension LedgerState {
    mutating func answer(
        _ query: Query,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        switch query {
        case .pool(let name):
            guard let state = pools[name] else { return Decision(.refused(noPool(name))) }
            return shown(document(of: state.pool))
        case .pools:
            return list(pools.values.map(\.pool).sorted { $0.name < $1.name }.map(document(of:)))
        case .resource(let name):
            guard let resource = resource(named: name) else {
                return Decision(.refused(noResource(name)))
            }
            return shown(document(of: resource, now: now))
        case .resources(let pool, let page): return resourcePage(of: pool, page, now: now)
        case .quota(let tenant, let kind): return try quotaAnswer(tenant, kind)
        case .quotas(let tenant): return try quotaList(below: tenant)
        case .tenant(let tenant): return tenantAnswer(tenant, now: now)
        case .tenants(let tenant): return tenantList(below: tenant, now: now)
        case .budget(let tenant): return budgetAnswer(tenant, now: now)
        case .budgets(let tenant): return budgetList(below: tenant, now: now)
        case .usage(let tenant): return try usageAnswer(tenant)
        case .breakers(let pool, let page): return breakerPage(of: pool, page, now: now)
        case .lease(let id):
            guard let lease = try lease(id), lease.state != .ended else {
                return Decision(
                    refused: .notFound,
                    "lease \(id.rawValue) is not held; it has ended or was never granted"
                )
            }
            return shown(try document(of: lease, caller: caller, now: now))
        case .leases(let filter, let page):
            return try leasePage(filter, page, caller: caller, now: now)
        case .ticket(let id): return try ticketAnswer(id, caller: caller, now: now)
        case .tickets(let filter, let page): return ticketPage(filter, page, now: now)
        case .booking(let id): return try bookingAnswer(id, caller: caller, now: now)
        case .bookings(let filter, let page): return bookingPage(filter, page, now: now)
        case .window(let id): return windowAnswer(id, now: now)
        case .windows(let pool, let page): return windowPage(of: pool, page, now: now)
        case .session(let id): return try sessionAnswer(id, caller: caller, now: now)
        case .request(let id, let tenant): return try requestAnswer(id, tenant, now: now)
        case .optimize(let request): return try optimize(request, now: now)
        case .status: return shown(status)
        }
    }

    func shown(_ document: Document) -> Decision {
        guard case .map(let fields) = document else { return Decision(.document(document)) }
        return Decision(.document(.map(fields + [.init("position", .id(facts.position))])))
    }

    func list(_ items: [Document], cursor: String? = nil) -> Decision {
        shown(.map([.init("items", .list(items)), .init("cursor", .optional(cursor))]))
    }

    private func document(of pool: Pool) -> Document {
        .map(
            [.init("name", .string(pool.name))] + pool.settings.fields + [
                .init("learntVersion", .count(UInt64(pool.policy?.version ?? 0)))
            ]
        )
    }

    // MARK: Resources and quotas

    private func resourcePage(of pool: String?, _ page: Page, now: LedgerTime) -> Decision {
        if let pool, pools.index(forKey: pool) == nil { return Decision(.refused(noPool(pool))) }
        let names = resources.compactMap { resource -> String? in
            guard let resource, pool == nil || resource.pool == pool else { return nil }
            return page.after.map { resource.name > $0 } ?? true ? resource.name : nil
        }.sorted()
        let limit = min(max(page.limit, 1), Limits.pageItems)
        let items = names.prefix(limit).compactMap { name in
            resource(named: name).map { document(of: $0, now: now) }
        }
        return list(items, cursor: names.count > limit ? names[limit - 1] : nil)
    }

    private func quotaAnswer(_ tenant: String, _ kind: Kind) throws(RowFault) -> Decision {
        guard let quota = quota(QuotaKey(tenant: tenant, kind: kind)) else {
            return Decision(
                refused: .notFound,
                "tenant \(tenant.printable) has no quota for \(kind.name); see QUOTA LIST"
            )
        }
        return shown(try document(of: quota))
    }

    private func quotaList(below tenant: String?) throws(RowFault) -> Decision {
        var items: [Document] = []
        for level in quotas.keys.sorted() {
            guard tenant == nil || level == tenant || level.hasPrefix((tenant ?? "") + "/") else {
                continue
            }
            for quota in (quotas[level] ?? []).sorted(by: { $0.kind < $1.kind }) {
                items.append(try document(of: quota))
            }
        }
        return list(items)
    }

    private func document(of quota: Quota) throws(RowFault) -> Document {
        let entry = try usage(of: quota.tenant)?.entries.first { $0.kind == quota.kind }
        return .map([
            .init("tenant", .string(quota.tenant)), .init("kind", .string(quota.kind.name)),
            .init("limit", .count(quota.limit)), .init("used", .count(entry?.used ?? 0)),
            .init("held", .count(entry?.held ?? 0)),
            .init("reserved", .count(entry?.reserved ?? 0)),
            .init("quarantined", .count(entry?.quarantined ?? 0)),
            .init("guarantee", .count(quota.guarantee)),
            .init("borrow", quota.borrowing.map(Document.count) ?? .null),
            .init("lend", quota.lending.map(Document.count) ?? .null),
            .init("weight", .count(quota.weight)),
            .init("guaranteedUsed", .count(min(entry?.used ?? 0, quota.guarantee))),
            .init("borrowed", .count(quota.borrowed(at: entry?.used ?? 0))),
        ])
    }

    private func usageAnswer(_ tenant: String) throws(RowFault) -> Decision {
        guard Names.isValidTenant(tenant) else {
            return Decision(refused: .malformed, "TENANT '\(tenant.printable)' is no path of names")
        }
        let entries = try usage(of: tenant)?.entries ?? []
        return shown(
            .map([
                .init("tenant", .string(tenant)),
                .init(
                    "items",
                    .list(
                        entries.map { entry in
                            .map([
                                .init("kind", .string(entry.kind.name)),
                                .init("used", .count(entry.used)),
                                .init("held", .count(entry.held)),
                                .init("reserved", .count(entry.reserved)),
                                .init("quarantined", .count(entry.quarantined)),
                            ])
                        }
                    )
                ),
            ])
        )
    }

    // MARK: Leases, sessions, requests

    private func leasePage(
        _ filter: LeaseFilter,
        _ page: Page,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        var after: LeaseID?
        switch Self.id(after: page.after) {
        case .success(let id): after = id.map { LeaseID(rawValue: $0) }
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        let limit = min(max(page.limit, 1), Limits.pageItems)
        var items: [Document] = []
        var scanned = 0
        var rows = MergedLeases(state: self.leases, source: source, after: after)
        while items.count < limit, scanned < Limits.pageScan {
            guard let lease = try rows.next() else { return list(items) }
            scanned += 1
            after = lease.id
            guard lease.state != .ended, filter.admits(lease) else { continue }
            items.append(try document(of: lease, caller: caller, now: now))
        }
        return list(items, cursor: after.map { "\($0.rawValue)" })
    }

    /// Calls `body` with every lease and reservation, by age, and what a list says of it.
    ///
    /// O(leases), where page after page would look at all changed ones each time.
    package func forEachLease(
        caller: Caller,
        now: LedgerTime,
        _ body: (Lease, Document) -> Void
    ) throws(RowFault) {
        var rows = MergedLeases(state: leases, source: source, after: nil)
        while let lease = try rows.next() {
            if lease.state == .ended { continue }
            body(lease, try document(of: lease, caller: caller, now: now))
        }
    }

    private func document(
        of lease: Lease,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Document {
        let end = try end(of: lease)
        let terms = lease.terms
        let maySeeToken = caller.isAdmin || (terms.uid != nil && terms.uid == caller.uid)
        var fields: [Document.Field] = [
            .init("lease", .id(lease.id.rawValue)),
            .init("state", .string(stateName(of: lease, end: end, now: now))),
        ]
        if maySeeToken { fields.append(.init("token", .id(lease.token.rawValue))) }
        fields += [
            .init("pool", .string(terms.pool)), .init("tenant", .string(terms.tenant)),
            .init("holder", .string(terms.holder)),
            .init("ttl", end == .never ? .null : .count(end.milliseconds(since: now))),
            .init("age", .count(now.milliseconds(since: terms.granted))),
            .init("session", terms.session.map { .id($0.rawValue) } ?? .null),
            .init("priority", .string(terms.priority.name)),
            .init("request", .optional(terms.requestID)),
            .init("purpose", .optional(terms.purpose)), .init("tags", terms.tags.document),
            .init("placements", .list(views(of: lease.placements).map(\.document))),
            .init("parent", lease.parent.map { .id($0.rawValue) } ?? .null),
            .init("subleases", .list(lease.subleases.map { .id($0.rawValue) })),
        ]
        if let notice = drainNotice(of: lease, now: now) { fields.append(notice.field) }
        if let charge = lease.charge { fields.append(.init("budgetHeld", .count(charge.held))) }
        return .map(fields)
    }

    private func stateName(of lease: Lease, end: LedgerTime, now: LedgerTime) -> String {
        lease.state.isOver || end > now ? lease.state.name : "ended"
    }

    private func sessionAnswer(
        _ id: SessionID,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard let session = try session(id) else {
            return Decision(
                refused: .notFound,
                "session \(id.rawValue) is not open; it has ended or was never opened"
            )
        }
        let end = dueTime(of: session)
        let isOpen = session.ended == nil && end > now
        let maySeeToken = caller.isAdmin || (session.uid != nil && session.uid == caller.uid)
        var fields: [Document.Field] = [
            .init("session", .id(id.rawValue)), .init("state", .string(isOpen ? "open" : "ended")),
        ]
        if maySeeToken { fields.append(.init("token", .id(session.token.rawValue))) }
        fields += [
            .init("holder", .string(session.holder)),
            .init("ttl", end == .never ? .null : .count(end.milliseconds(since: now))),
            .init("pid", session.process.map { .integer(Int64($0.pid)) } ?? .null),
        ]
        return shown(.map(fields))
    }

    private func requestAnswer(
        _ id: String,
        _ tenant: String,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let key = RequestKey(tenant: tenant, id: id)
        if let ticket = tickets[key] { return Decision(queued(ticket, now: now)) }
        if let booking = bookings[key] {
            return Decision(.document(answer(to: booking, replayed: true, now: now)))
        }
        guard let stored = try storedAnswer(key) else {
            return Decision(
                refused: .notFound,
                "request id \(id.printable) of tenant \(tenant.printable) has no stored answer: "
                    + "it was not granted, or longer ago than answers are kept"
            )
        }
        return Decision(repeated(stored, now: now))
    }

    // MARK: The whole ledger

    private var status: Document {
        .map([
            .init("pools", .count(pools.count)),
            .init("resources", .count(resourceIDs.count)),
            .init("leases", .count(facts.leases)),
            .init("sessions", .count(facts.sessions)),
            .init("queued", .count(tickets.count)),
            .init("booked", .count(bookings.count)),
            .init("windows", .count(windows.count)),
            .init("storedAnswers", .count(facts.storedAnswers)),
            .init("epoch", .integer(Int64(facts.epoch))),
            .init("time", .count(facts.time.nanoseconds)),
        ])
    }
}

extension LeaseFilter {
    /// Whether a lease is what is asked for.
    func admits(_ lease: Lease) -> Bool {
        if let pool, lease.terms.pool != pool { return false }
        if let holder, lease.terms.holder != holder { return false }
        if let tenant, lease.terms.tenant != tenant, !lease.terms.tenant.hasPrefix(tenant + "/") {
            return false
        }
        return true
    }
}
