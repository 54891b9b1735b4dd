// The reverse of the parser: a command of the model as the words that mean it.

package import TenureModel

/// Writes commands as words.
package enum CommandWriter {
    /// The words that mean `command`; nothing for what the ledger asks of itself.
    ///
    /// The process of a session is written by its number only: who it is, the server finds out.
    package static func words(_ command: Command) -> [String]? {
        switch command {
        case .acquire(let request): acquire(request)
        case .commit(let reference, let parts):
            ["COMMIT"] + words(reference) + words(parts)
        case .cancel(let reference): ["CANCEL"] + words(reference)
        case .cancelTicket(let ticket): ["QUEUE", "CANCEL", "\(ticket.rawValue)"]
        case .book(let request): words(request)
        case .cancelBooking(let booking): ["BOOKING", "CANCEL", "\(booking.rawValue)"]
        case .renew(let reference, let ttl):
            ["RENEW"] + words(reference) + option(.ttl, ttl.map { "\($0)" })
        case .release(let reference, let parts):
            ["RELEASE"] + words(reference) + words(parts)
        case .grow(let reference, let request): words(reference, request)
        case .handOver(let reference, let request): words(reference, request)
        case .sublease(let reference, let request): words(reference, request)
        case .revoke(let lease, let reason): ["LEASE", "REVOKE", "\(lease.rawValue)", reason]
        case .revokeAll(let request): words(request)
        case .check(let reference): ["CHECK"] + words(reference)
        case .report(let reference, let report):
            ["REPORT"] + words(reference) + [report.hasFailed ? "FAILED" : "OK"]
                + option(.resource, report.resource) + option(.reason, report.reason)
        case .openSession(let request): openSession(request)
        case .keepSession(let reference): ["SESSION", "KEEPALIVE"] + words(reference)
        case .closeSession(let reference): ["SESSION", "CLOSE"] + words(reference)
        case .query(let query): words(query)
        case .housekeeping: nil
        default: setting(command)
        }
    }

    private static func setting(_ command: Command) -> [String]? {
        switch command {
        case .setPool(let name, let settings):
            ["POOL", "SET", name] + settings.flatMap(words)
        case .deletePool(let name): ["POOL", "DEL", name]
        case .setResource(let request): setResource(request)
        case .setResourceState(let name, let state, let by):
            stateWord(state).map { ["RESOURCE", $0, name] + option(.by, by.map { "\($0)" }) }
        case .setNodeState(let request):
            stateWord(request.state).map { word in
                ["NODE", word, request.node] + option(.pool, request.pool)
                    + option(.by, request.byMilliseconds.map { "\($0)" })
            }
        case .planWindow(let request): words(request)
        case .cancelWindow(let window): ["WINDOW", "CANCEL", "\(window.rawValue)"]
        case .prune(let last, let seal): ["PRUNE", "\(last)", seal]
        case .resetBreaker(.pool(let name)): ["BREAKER", "RESET", "POOL", name]
        case .resetBreaker(.resource(let name)): ["BREAKER", "RESET", "RESOURCE", name]
        case .deleteResource(let name): ["RESOURCE", "DEL", name]
        case .setQuota(let request): quota(request)
        case .deleteQuota(let tenant, let kind): ["QUOTA", "DEL", tenant, kind.name]
        case .setBudget(let request):
            ["BUDGET", "SET", request.tenant]
                + option(.limit, request.limit.map { Quantity.text($0, kind: .cpu) })
                + option(.window, request.windowMilliseconds.map { "\($0)" })
        case .deleteBudget(let tenant): ["BUDGET", "DEL", tenant]
        case .setTenant(let request): tenant(request)
        case .deleteTenant(let tenant): ["TENANT", "DEL", tenant]
        default: nil
        }
    }

    private static func acquire(_ request: AcquireRequest) -> [String] {
        let verb =
            request.planOnly ? "PLAN" : request.holdMilliseconds == nil ? "ACQUIRE" : "RESERVE"
        var words = [verb, request.poolText, text(request.claims)]
        words += option(.tenant, request.tenant == "default" ? nil : request.tenant)
        words += option(.holder, request.holder)
        words += option(.ttl, request.ttlMilliseconds.map { "\($0)" })
        words += option(.session, request.session.map { "\($0.rawValue)" })
        words += option(.maxLifetime, request.maxLifetimeMilliseconds.map { "\($0)" })
        words += option(.hold, request.holdMilliseconds.map { "\($0)" })
        words += option(.priority, request.priority == .normal ? nil : request.priority.name)
        words += option(.wait, request.waitMilliseconds.map { "\($0)" })
        words += option(.queue, request.queueMilliseconds.map { "\($0)" })
        words += option(.request, request.requestID)
        words += option(.strategy, request.strategy?.rawValue)
        words += option(.select, request.selector.isEmpty ? nil : text(request.selector))
        words += option(.within, request.within)
        for (word, rules) in [(OptionWord.near, request.near), (.away, request.away)]
        where !rules.isEmpty {
            words += option(word, rules.map(\.text).joined(separator: ","))
        }
        words += option(.tag, request.tags.isEmpty ? nil : text(request.tags))
        words += option(.purpose, request.purpose)
        words += option(.maxCost, request.maxCost.map { Quantity.text($0, kind: .cpu) })
        return words + option(.plan, request.plan.map { "\($0)" })
    }

    private static func quota(_ request: QuotaRequest) -> [String] {
        let text = { Quantity.text($0, kind: request.kind) }
        let words = ["QUOTA", "SET", request.tenant, request.kind.name]
        return words + option(.limit, request.limit.map(text))
            + option(.guarantee, request.guarantee.map(text))
            + option(.borrow, request.borrowing.map { $0.amount.map(text) ?? "unlimited" })
            + option(.lend, request.lending.map { $0.amount.map(text) ?? "all" })
            + option(.weight, request.weight.map { "\($0)" })
    }

    private static func tenant(_ request: TenantRequest) -> [String] {
        let text = { (bound: QuotaBound) in bound.amount.map { "\($0)" } ?? "unlimited" }
        return ["TENANT", "SET", request.tenant] + option(.leases, request.leases.map(text))
            + option(.rate, request.rate.map(text))
            + option(.burst, request.burst.map { "\($0)" })
    }

    private static func openSession(_ request: SessionRequest) -> [String] {
        ["SESSION", "OPEN"] + option(.ttl, request.ttlMilliseconds.map { "\($0)" })
            + option(.process, request.process.map { "\($0.pid)" })
            + option(.holder, request.holder)
    }

    private static func setResource(_ request: ResourceRequest) -> [String] {
        [
            "RESOURCE", "SET", request.name, "POOL", request.pool, "KIND", request.kind.name,
            "CAPACITY", Quantity.text(request.capacity, kind: request.kind),
        ]
            + option(.node, request.node)
            + option(.label, request.labels.map(text))
            + option(.cost, request.cost.map { Quantity.text($0, kind: .cpu) })
            + (request.force ? [OptionWord.force.word] : [])
    }

    private static func words(_ query: Query) -> [String] {
        switch query {
        case .pool(let name): ["POOL", "GET", name]
        case .pools: ["POOL", "LIST"]
        case .resource(let name): ["RESOURCE", "GET", name]
        case .resources(let pool, let page):
            ["RESOURCE", "LIST"] + option(.pool, pool) + words(page)
        case .breakers(let pool, let page):
            ["BREAKER", "LIST"] + option(.pool, pool) + words(page)
        case .quota(let tenant, let kind): ["QUOTA", "GET", tenant, kind.name]
        case .quotas(let tenant): ["QUOTA", "LIST"] + option(.tenant, tenant)
        case .budget(let tenant): ["BUDGET", "GET", tenant]
        case .budgets(let tenant): ["BUDGET", "LIST"] + option(.tenant, tenant)
        case .tenant(let tenant): ["TENANT", "GET", tenant]
        case .tenants(let tenant): ["TENANT", "LIST"] + option(.tenant, tenant)
        case .usage(let tenant): ["USAGE", "GET", tenant]
        case .lease(let lease): ["LEASE", "GET", "\(lease.rawValue)"]
        case .leases(let filter, let page):
            ["LEASE", "LIST"] + option(.pool, filter.pool) + option(.tenant, filter.tenant)
                + option(.holder, filter.holder) + words(page)
        case .ticket(let ticket): ["QUEUE", "GET", "\(ticket.rawValue)"]
        case .tickets(let filter, let page):
            ["QUEUE", "LIST"] + option(.pool, filter.pool) + option(.tenant, filter.tenant)
                + words(page)
        case .booking(let booking): ["BOOKING", "GET", "\(booking.rawValue)"]
        case .bookings(let filter, let page):
            ["BOOKING", "LIST"] + option(.pool, filter.pool) + option(.tenant, filter.tenant)
                + words(page)
        case .window(let window): ["WINDOW", "GET", "\(window.rawValue)"]
        case .windows(let pool, let page):
            ["WINDOW", "LIST"] + option(.pool, pool) + words(page)
        case .session(let session): ["SESSION", "GET", "\(session.rawValue)"]
        case .request(let id, let tenant):
            ["REQUEST", "GET", id] + option(.tenant, tenant == "default" ? nil : tenant)
        case .optimize(let request): words(request)
        case .status: ["STATUS"]
        }
    }

    static func words(_ reference: LeaseReference) -> [String] {
        ["\(reference.lease.rawValue)", "\(reference.token.rawValue)"]
    }

    private static func words(_ reference: SessionReference) -> [String] {
        ["\(reference.session.rawValue)", "\(reference.token.rawValue)"]
    }

    static func words(_ parts: [Part]?) -> [String] {
        guard let parts else { return [] }
        return [parts.map { "\($0.resource)=\($0.quantity)" }.joined(separator: ",")]
    }

    private static func words(_ page: Page) -> [String] {
        option(.limit, page.limit == Page().limit ? nil : "\(page.limit)")
            + option(.after, page.after)
    }

    private static func words(_ setting: PoolSetting) -> [String] {
        switch setting {
        case .strategy(let value): ["strategy", value.rawValue]
        case .number(let number, let value): [number.rawValue, "\(value)"]
        }
    }

    /// The verb that leads to `state`; nothing for what nobody can ask for.
    private static func stateWord(_ state: ResourceState) -> String? {
        switch state {
        case .active: "UNCORDON"
        case .cordoned: "CORDON"
        case .draining: "DRAIN"
        case .unconfirmed, .lost: nil
        }
    }

    static func option(_ option: OptionWord, _ value: String?) -> [String] {
        value.map { [option.word, $0] } ?? []
    }

    /// Claims as one argument.
    package static func text(_ claims: [Claim]) -> String {
        claims.text
    }

    static func text(_ labels: [Label]) -> String {
        labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
    }
}
