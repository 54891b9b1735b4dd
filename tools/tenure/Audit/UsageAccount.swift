// Who used how much for how long: the amounts of leases, reservations and quarantines over time.
//
// Counted is what the ledger itself counts as used (I3), lease by lease, for its own tenant; what
// is carved out as a sub-lease counts for the tenant of that one. A span that has begun and is not
// over counts as far as the history goes.

internal import TenureModel

/// Adds up use by span, tenant and kind.
struct UsageAccount {
    private struct Holding {
        let tenant: String
        /// What it is carved from, and goes back to.
        let parent: LeaseID?
        let amounts: [(kind: Kind, amount: UInt64)]
        let since: LedgerTime
    }

    private struct Owner: Hashable, Comparable {
        let span: UInt64
        let tenant: String
        let kind: Kind

        static func < (left: Owner, right: Owner) -> Bool {
            (left.span, left.tenant, left.kind.name) < (right.span, right.tenant, right.kind.name)
        }
    }

    private struct Used {
        var time = AmountTime()
        var grants: UInt64 = 0
        /// Most that was held at a time.
        var peak: UInt64 = 0
    }

    /// How long a span is; one span for all when absent.
    private let spanNanoseconds: UInt64?
    /// How many levels of a tenant's path count; all when absent.
    private let levels: Int?
    private var start: LedgerTime
    private var hasBegun: Bool
    private var holdings: [LeaseID: Holding] = [:]
    private var used: [Owner: Used] = [:]
    private var now: [String: [Kind: UInt64]] = [:]
    private var clock = WallClock()
    private var end = LedgerTime.zero

    /// Counts from `start` on, or from the first record, in spans of so many milliseconds.
    init(from start: LedgerTime?, spanMilliseconds: UInt64?, levels: Int?) {
        self.start = start ?? .zero
        hasBegun = start != nil
        self.levels = levels
        spanNanoseconds = spanMilliseconds.map { $0 * 1_000_000 }
    }

    /// Takes in a record, with the ledger behind it.
    mutating func note(_ record: PastRecord, in ledger: borrowing PastLedger) throws {
        (clock, end) = (record.clock, record.time)
        if !hasBegun { (start, hasBegun) = (record.time, true) }
        for event in record.events {
            for id in event.leases {
                let parent = holdings[id]?.parent
                try settle(id, record.time, in: ledger)
                if let parent { try settle(parent, record.time, in: ledger) }
            }
            if case .granted(let grant) = event { count(grant.lease, record.time, ledger) }
        }
    }

    /// Counts what is held up to a time.
    mutating func finish(at time: LedgerTime) {
        end = max(end, time)
        for id in holdings.keys.sorted() {
            guard let holding = holdings[id] else { continue }
            add(holding, until: end)
        }
        holdings = [:]
    }

    /// A lease has, from now on, what it has now.
    private mutating func settle(
        _ id: LeaseID,
        _ time: LedgerTime,
        in ledger: borrowing PastLedger
    ) throws {
        if let known = holdings.removeValue(forKey: id) {
            add(known, until: time)
            change(known, time, by: { $0 - min($0, $1) })
        }
        guard let lease = try ledger.lease(id), lease.state != .ended else { return }
        let holding = Holding(
            tenant: account(of: lease.terms.tenant),
            parent: lease.parent,
            amounts: ledger.amounts(of: lease),
            since: time
        )
        holdings[id] = holding
        change(holding, time, by: +)
    }

    private mutating func change(
        _ holding: Holding,
        _ time: LedgerTime,
        by body: (UInt64, UInt64) -> UInt64
    ) {
        for (kind, amount) in holding.amounts {
            let sum = body(now[holding.tenant]?[kind] ?? 0, amount)
            now[holding.tenant, default: [:]][kind] = sum
            guard time >= start else { continue }
            let owner = Owner(span: span(of: time), tenant: holding.tenant, kind: kind)
            used[owner, default: Used()].peak = max(used[owner]?.peak ?? 0, sum)
        }
    }

    private mutating func count(_ lease: Lease, _ time: LedgerTime, _ ledger: borrowing PastLedger)
    {
        guard time >= start else { return }
        for (kind, _) in ledger.amounts(of: lease) {
            let tenant = account(of: lease.terms.tenant)
            used[Owner(span: span(of: time), tenant: tenant, kind: kind), default: Used()]
                .grants += 1
        }
    }

    private func account(of tenant: String) -> String {
        guard let levels else { return tenant }
        return tenant.split(separator: "/").prefix(levels).joined(separator: "/")
    }

    private func span(of time: LedgerTime) -> UInt64 {
        guard let spanNanoseconds else { return 0 }
        return (time.nanoseconds - min(start.nanoseconds, time.nanoseconds)) / spanNanoseconds
    }

    /// Adds what a lease has had, span by span.
    private mutating func add(_ holding: Holding, until end: LedgerTime) {
        var from = max(holding.since, start)
        while from < end {
            let span = span(of: from)
            let last = min(end, self.end(of: span))
            let length = last.nanoseconds - from.nanoseconds
            for (kind, amount) in holding.amounts where amount > 0 {
                let owner = Owner(span: span, tenant: holding.tenant, kind: kind)
                used[owner, default: Used()].time.add(amount, nanoseconds: length)
                used[owner, default: Used()].peak = max(used[owner]?.peak ?? 0, amount)
            }
            from = last
        }
    }

    private func end(of span: UInt64) -> LedgerTime {
        guard let spanNanoseconds else { return .never }
        let (length, overflow) = spanNanoseconds.multipliedReportingOverflow(by: span + 1)
        return overflow ? .never : start.advanced(byNanoseconds: length)
    }

    /// A row for every span, tenant and kind of which something was used.
    var rows: [Document] {
        used.sorted { $0.key < $1.key }.map { owner, used in
            let begin = spanNanoseconds.map { start.advanced(byNanoseconds: $0 * owner.span) }
            let from = begin ?? start
            let to = min(end, self.end(of: owner.span))
            return .map([
                .init("from", .optional(clock.text(at: from))),
                .init("to", .optional(clock.text(at: to))),
                .init("tenant", .string(owner.tenant)), .init("kind", .string(owner.kind.name)),
                .init("hours", .string(used.time.hours(of: owner.kind))),
                .init("unitSeconds", .string("\(used.time.unitSeconds)")),
                .init("peak", .count(used.peak)), .init("grants", .count(used.grants)),
            ])
        }
    }
}
