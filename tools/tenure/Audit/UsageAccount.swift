// Who used how much for how long: the amounts of leases, reservations and quarantines over time.
//
// Counted is what the ledger itself counts as used (I3), lease by lease, for its own tenant; what
// is carved out as a sub-lease counts for the tenant of that one. Kept is a sum for each tenant and
// kind, which changes with the leases and is added up to the end of each span. A span that has
// begun and is not over counts as far as the history goes.

internal import TenureModel

/// Adds up use by span, tenant and kind.
struct UsageAccount {
    private struct Holding {
        let tenant: String
        /// What it is carved from, and goes back to.
        let parent: LeaseID?
        let amounts: [ClaimAmount]
    }

    private struct Use {
        var amount: UInt64 = 0
        /// Until when `time` has been added up.
        var since = LedgerTime.zero
        var time = AmountTime()
        var peak: UInt64 = 0
        var grants: UInt64 = 0

        mutating func add(until time: LedgerTime) {
            let passed = time.nanoseconds - min(since.nanoseconds, time.nanoseconds)
            self.time.add(amount, nanoseconds: passed)
            since = time
        }
    }

    /// The most spans that are counted.
    static let spansMax = 100_000
    /// The most rows that are told: they are kept until the end.
    static let rowsMax = 200_000

    /// The names of what a row tells.
    static let columns = [
        "from", "to", "tenant", "kind", "hours", "unitSeconds", "peak", "grants",
    ]

    /// How long a span is; one span for all when absent.
    private let spanNanoseconds: UInt64?
    /// How many levels of a tenant's path count; all when absent.
    private let levels: Int?
    private var holdings: [LeaseID: Holding] = [:]
    private var uses: [QuotaKey: Use] = [:]
    /// The begin of the span that is counted; nothing before the counting begins.
    private var begin: LedgerTime?
    private var spans = 0
    private var clock = WallClock()
    /// A row for every span, tenant and kind of which something was used.
    private(set) var rows: [Document] = []

    init(spanMilliseconds: UInt64?, levels: Int?) {
        self.levels = levels
        spanNanoseconds = spanMilliseconds.map { $0 * 1_000_000 }
    }

    /// Whether it counts.
    var hasBegun: Bool { begin != nil }

    /// Takes in what is held before the first record.
    mutating func hold(_ past: borrowing PastLedger) throws {
        clock = past.clock
        var leases: [Lease] = []
        try past.forEachHolding { leases.append($0) }
        var owners: Set<QuotaKey> = []
        for lease in leases { hold(lease, in: past, &owners) }
    }

    private mutating func hold(
        _ lease: Lease,
        in ledger: borrowing PastLedger,
        _ owners: inout Set<QuotaKey>
    ) {
        let holding = Holding(
            tenant: account(of: lease.terms.tenant),
            parent: lease.parent,
            amounts: ledger.state.totals(of: lease.placements)
        )
        holdings[lease.id] = holding
        take(holding, at: ledger.time, &owners, +)
    }

    /// Counts from a time on, with what is held then.
    mutating func begin(at time: LedgerTime) {
        begin = time
        for owner in uses.keys {
            let amount = uses[owner]?.amount ?? 0
            uses[owner] = Use(amount: amount, since: time, peak: amount)
        }
    }

    /// Takes in a record, with the ledger behind it.
    mutating func note(_ record: PastRecord, in ledger: borrowing PastLedger) throws {
        try pass(to: record.time)
        clock = record.clock
        var touched: Set<LeaseID> = []
        for event in record.events {
            for id in event.leases {
                touched.insert(id)
                if let parent = holdings[id]?.parent { touched.insert(parent) }
            }
        }
        var owners: Set<QuotaKey> = []
        for id in touched { take(holdings.removeValue(forKey: id), at: record.time, &owners, -) }
        for id in touched.sorted() {
            guard let lease = try ledger.lease(id), lease.state != .ended else { continue }
            hold(lease, in: ledger, &owners)
        }
        for event in record.events {
            guard case .granted(let grant) = event else { continue }
            for total in ledger.state.totals(of: grant.lease.placements) {
                let tenant = account(of: grant.lease.terms.tenant)
                uses[QuotaKey(tenant: tenant, kind: total.kind), default: Use()].grants += 1
            }
        }
        // What a record takes and gives back at once was never held together.
        for owner in owners {
            guard var use = uses[owner] else { continue }
            use.peak = max(use.peak, use.amount)
            uses[owner] = use
        }
    }

    /// Ends the last span.
    mutating func finish(at time: LedgerTime) throws {
        try pass(to: time)
        if let begin { close(begin, at: max(begin, time)) }
    }

    private mutating func take(
        _ holding: Holding?,
        at time: LedgerTime,
        _ owners: inout Set<QuotaKey>,
        _ body: (UInt64, UInt64) -> UInt64
    ) {
        guard let holding else { return }
        for total in holding.amounts {
            let owner = QuotaKey(tenant: holding.tenant, kind: total.kind)
            owners.insert(owner)
            var use = uses[owner] ?? Use()
            use.add(until: time)
            use.amount = body(use.amount, total.amount)
            uses[owner] = use
        }
    }

    private func account(of tenant: String) -> String {
        guard let levels else { return tenant }
        return tenant.split(separator: "/").prefix(levels).joined(separator: "/")
    }

    /// Ends all spans that are over at a time.
    private mutating func pass(to time: LedgerTime) throws {
        guard let spanNanoseconds else { return }
        while let begin {
            let end = begin.advanced(byNanoseconds: spanNanoseconds)
            guard end <= time, end > begin else { return }
            close(begin, at: end)
            self.begin = end
            spans += 1
            guard spans <= Self.spansMax, rows.count <= Self.rowsMax else {
                throw Failure(
                    .usage,
                    "there are more than \(Self.spansMax) spans or \(Self.rowsMax) rows: say a "
                        + "longer span with --every, or count less with --from, --to and --level"
                )
            }
        }
    }

    /// Tells what was used in a span, and begins the next one.
    private mutating func close(_ begin: LedgerTime, at end: LedgerTime) {
        for owner in uses.keys.sorted() {
            guard var use = uses[owner] else { continue }
            use.add(until: end)
            if use.peak > 0 || use.grants > 0 {
                rows.append(
                    .map([
                        .init("from", .optional(clock.text(at: begin))),
                        .init("to", .optional(clock.text(at: end))),
                        .init("tenant", .string(owner.tenant)),
                        .init("kind", .string(owner.kind.name)),
                        .init("hours", .string(use.time.hours(of: owner.kind))),
                        .init("unitSeconds", .string("\(use.time.unitSeconds)")),
                        .init("peak", .count(use.peak)), .init("grants", .count(use.grants)),
                    ])
                )
            }
            // Who uses nothing has nothing to tell later.
            uses[owner] =
                use.amount > 0 ? Use(amount: use.amount, since: end, peak: use.amount) : nil
        }
    }
}
