// The slow obvious state: dictionaries of rows, changed at random, that stores are compared with.

import TenureModel
import TenureTesting

/// All rows as they should be, and the changes that no checkpoint has taken yet.
struct ModelState {
    private var values: RandomValues
    private(set) var all = FrozenChanges()
    private var changes = FrozenChanges()
    private var position: Position = 0

    init(seed: UInt64) {
        values = RandomValues(seed: seed)
    }

    /// Changes about so many rows of every table.
    mutating func change(_ count: Int) {
        for _ in 0..<count {
            position += 1
            setSmallRows()
            setLargeRows()
            removeSome()
        }
    }

    /// Takes what has changed since the last time.
    mutating func freeze() -> FrozenChanges {
        var facts = LedgerFacts()
        facts.position = position
        facts.time = LedgerTime(nanoseconds: position * 10)
        facts.leases = UInt64(all.leases.values.count { $0.value != nil })
        changes.facts = facts
        all.facts = facts
        defer { changes = FrozenChanges() }
        return changes
    }

    /// The rows that are there.
    var rows: FrozenChanges {
        var rows = all
        rows.pools = rows.pools.filter { $0.value.value != nil }
        rows.resources = rows.resources.filter { $0.value.value != nil }
        rows.quotas = rows.quotas.filter { $0.value.value != nil }
        rows.leases = rows.leases.filter { $0.value.value != nil }
        rows.sessions = rows.sessions.filter { $0.value.value != nil }
        rows.storedAnswers = rows.storedAnswers.filter { $0.value.value != nil }
        rows.usage = rows.usage.filter { $0.value.value != nil }
        rows.due = rows.due.filter { $0.value.value != nil }
        rows.members = rows.members.filter { $0.value.value != nil }
        rows.budgets = rows.budgets.filter { $0.value.value != nil }
        rows.tenantLimits = rows.tenantLimits.filter { $0.value.value != nil }
        rows.breakers = rows.breakers.filter { $0.value.value != nil }
        rows.tickets = rows.tickets.filter { $0.value.value != nil }
        rows.bookings = rows.bookings.filter { $0.value.value != nil }
        rows.windows = rows.windows.filter { $0.value.value != nil }
        rows.preemptible = rows.preemptible.filter { $0.value.value != nil }
        rows.reclaimable = rows.reclaimable.filter { $0.value.value != nil }
        return rows
    }

    private mutating func setSmallRows() {
        let pool = values.pool()
        set(\.pools, pool.name, pool)
        let resource = values.resource()
        set(\.resources, resource.id, resource)
        let quota = values.quota()
        set(\.quotas, QuotaKey(tenant: quota.tenant, kind: quota.kind), quota)
        let budget = values.budget()
        set(\.budgets, budget.tenant, budget)
        let limits = values.tenantLimits()
        set(\.tenantLimits, limits.tenant, limits)
        let usage = values.usage()
        set(\.usage, usage.tenant, usage)
        let due = values.due()
        set(\.due, due.key, due)
        let breaker = values.breaker()
        set(\.breakers, breaker.subject, breaker)
        let member = MemberKey(
            session: SessionID(rawValue: UInt64(values.count(3))),
            lease: values.leaseID()
        )
        set(\.members, member, member)
        let preemptible = PreemptibleKey(
            pool: "pool-\(values.count(3))",
            priority: values.pick(Priority.allCases),
            lease: values.leaseID()
        )
        set(\.preemptible, preemptible, preemptible)
        let reclaimable = ReclaimableKey(
            pool: "pool-\(values.count(3))",
            tenant: "team-\(values.count(2))",
            priority: values.pick(Priority.allCases),
            lease: values.leaseID()
        )
        set(\.reclaimable, reclaimable, reclaimable)
    }

    private mutating func setLargeRows() {
        let lease = values.relatedLease()
        set(\.leases, lease.id, lease)
        let session = values.session()
        set(\.sessions, session.id, session)
        let answer = values.storedAnswer()
        set(\.storedAnswers, answer.key, answer)
        let ticket = values.ticket()
        set(\.tickets, ticket.id, ticket)
        let booking = values.booking()
        set(\.bookings, booking.id, booking)
        let window = values.window()
        set(\.windows, window.id, window)
    }

    private mutating func removeSome() {
        guard values.bool() else { return }
        removeOne(\.leases)
        removeOne(\.sessions)
        removeOne(\.storedAnswers)
        removeOne(\.usage)
        removeOne(\.due)
        removeOne(\.members)
        removeOne(\.breakers)
        removeOne(\.tickets)
        removeOne(\.bookings)
        removeOne(\.windows)
        removeOne(\.preemptible)
        removeOne(\.reclaimable)
        removeOne(\.pools)
        removeOne(\.tenantLimits)
        removeOne(\.budgets)
    }

    private mutating func set<Key: Hashable, Value: Sendable>(
        _ table: WritableKeyPath<FrozenChanges, [Key: Changed<Value>]>,
        _ key: Key,
        _ value: Value?
    ) {
        let change = Changed(value: value, position: position)
        all[keyPath: table][key] = change
        changes[keyPath: table][key] = change
    }

    private mutating func removeOne<Key: Hashable & Comparable, Value: Sendable>(
        _ table: WritableKeyPath<FrozenChanges, [Key: Changed<Value>]>
    ) {
        let keys = all[keyPath: table].filter { $0.value.value != nil }.keys.sorted()
        if !keys.isEmpty { set(table, values.pick(keys), nil) }
    }
}
