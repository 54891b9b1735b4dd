// Rows in memory: what a state store would hold, without a disk.
//
// It takes the frozen changes of a checkpoint and answers what a ledger asks. Rows keep the
// position of their last change, so that two stores can be compared row by row (I6).

internal import TenureModel

/// A row with the position of its last change.
struct Stored<Row: Equatable & Sendable>: Equatable, Sendable {
    let row: Row
    let position: Position
}

/// Everything that a store holds, comparable as a whole.
struct StoreContent: Equatable {
    var facts = LedgerFacts()
    var pools: [String: Stored<Pool>] = [:]
    var resources: [ResourceID: Stored<Resource>] = [:]
    var quotas: [QuotaKey: Stored<Quota>] = [:]
    var leases: [LeaseID: Stored<Lease>] = [:]
    var sessions: [SessionID: Stored<Session>] = [:]
    var storedAnswers: [RequestKey: Stored<StoredAnswer>] = [:]
    var usage: [String: Stored<TenantUsage>] = [:]
    var due: [DueKey: Stored<DueEntry>] = [:]
    var members: [MemberKey: Stored<MemberKey>] = [:]
    var tenantLimits: [String: Stored<TenantLimits>] = [:]
    var breakers: [BreakerSubject: Stored<Breaker>] = [:]
    var budgets: [String: Stored<Budget>] = [:]
    var tickets: [TicketID: Stored<Ticket>] = [:]
    var bookings: [TicketID: Stored<Booking>] = [:]
    var windows: [WindowID: Stored<Window>] = [:]
    var preemptible: [PreemptibleKey: Stored<PreemptibleKey>] = [:]
    var reclaimable: [ReclaimableKey: Stored<ReclaimableKey>] = [:]

    /// Takes the changes of one checkpoint.
    mutating func write(_ changes: FrozenChanges) {
        facts = changes.facts
        pools.write(changes.pools)
        resources.write(changes.resources)
        quotas.write(changes.quotas)
        leases.write(changes.leases)
        sessions.write(changes.sessions)
        storedAnswers.write(changes.storedAnswers)
        usage.write(changes.usage)
        due.write(changes.due)
        members.write(changes.members)
        tenantLimits.write(changes.tenantLimits)
        breakers.write(changes.breakers)
        budgets.write(changes.budgets)
        tickets.write(changes.tickets)
        bookings.write(changes.bookings)
        windows.write(changes.windows)
        preemptible.write(changes.preemptible)
        reclaimable.write(changes.reclaimable)
    }

    /// What a ledger reads once when it opens.
    var resident: ResidentRows {
        var rows = ResidentRows()
        rows.facts = facts
        rows.pools = pools.values.map(\.row)
        rows.resources = resources.values.map(\.row)
        rows.quotas = quotas.values.map(\.row)
        rows.tenantLimits = tenantLimits.values.map(\.row)
        rows.breakers = breakers.values.map(\.row)
        rows.budgets = budgets.values.map(\.row)
        rows.tickets = tickets.values.map(\.row)
        rows.bookings = bookings.values.map(\.row)
        rows.windows = windows.values.map(\.row)
        return rows
    }

    /// The names of the tables in which `other` differs.
    func differences(to other: StoreContent) -> [String] {
        let verdicts = [
            ("facts", facts == other.facts), ("pools", pools == other.pools),
            ("resources", resources == other.resources), ("quotas", quotas == other.quotas),
            ("leases", leases == other.leases), ("sessions", sessions == other.sessions),
            ("storedAnswers", storedAnswers == other.storedAnswers),
            ("usage", usage == other.usage), ("due", due == other.due),
            ("members", members == other.members), ("breakers", breakers == other.breakers),
            ("tenantLimits", tenantLimits == other.tenantLimits),
            ("budgets", budgets == other.budgets),
            ("preemptible", preemptible == other.preemptible),
            ("reclaimable", reclaimable == other.reclaimable),
            ("tickets", tickets == other.tickets), ("bookings", bookings == other.bookings),
            ("windows", windows == other.windows),
        ]
        return verdicts.filter { !$0.1 }.map(\.0)
    }
}

extension Dictionary {
    fileprivate mutating func write<Row: Equatable & Sendable>(
        _ changes: [Key: Changed<Row>]
    ) where Value == Stored<Row> {
        for (key, change) in changes {
            self[key] = change.value.map { Stored(row: $0, position: change.position) }
        }
    }
}

extension Dictionary where Key: Comparable {
    /// The keys behind `key`, or from the start, in order.
    fileprivate func keys(after key: Key?, limit: Int) -> [Key] {
        Array(
            keys.filter { candidate in key.map { candidate > $0 } ?? true }.sorted().prefix(limit)
        )
    }
}

/// A store in memory.
final class MemoryRows: RowSource {
    var content = StoreContent()

    func lease(_ id: LeaseID) throws(RowFault) -> Lease? { content.leases[id]?.row }

    func session(_ id: SessionID) throws(RowFault) -> Session? { content.sessions[id]?.row }

    func storedAnswer(_ key: RequestKey) throws(RowFault) -> StoredAnswer? {
        content.storedAnswers[key]?.row
    }

    func usage(_ tenant: String) throws(RowFault) -> TenantUsage? { content.usage[tenant]?.row }

    func due(after key: DueKey?, limit: Int) throws(RowFault) -> [DueEntry] {
        content.due.keys(after: key, limit: limit).compactMap { content.due[$0]?.row }
    }

    func members(
        of session: SessionID,
        after lease: LeaseID?,
        limit: Int
    ) throws(RowFault) -> [LeaseID] {
        let all = content.members.keys.filter { key in
            key.session == session && (lease.map { key.lease > $0 } ?? true)
        }
        return Array(all.map(\.lease).sorted().prefix(limit))
    }

    func preemptible(
        in pool: String,
        after key: PreemptibleKey?,
        limit: Int
    ) throws(RowFault) -> [PreemptibleKey] {
        let all = content.preemptible.keys.filter { other in
            other.pool == pool && (key.map { other > $0 } ?? true)
        }
        return Array(all.sorted().prefix(limit))
    }

    func reclaimable(
        in pool: String,
        of tenant: String?,
        after key: ReclaimableKey?,
        limit: Int
    ) throws(RowFault) -> [ReclaimableKey] {
        let all = content.reclaimable.keys.filter { other in
            other.pool == pool && (tenant.map { other.tenant == $0 } ?? true)
                && (key.map { other > $0 } ?? true)
        }
        return Array(all.sorted().prefix(limit))
    }

    func leases(after id: LeaseID?, limit: Int) throws(RowFault) -> [Lease] {
        content.leases.keys(after: id, limit: limit).compactMap { content.leases[$0]?.row }
    }

    func sessions(after id: SessionID?, limit: Int) throws(RowFault) -> [Session] {
        content.sessions.keys(after: id, limit: limit).compactMap { content.sessions[$0]?.row }
    }
}
