// What a tenant may spend, what its leases hold of that, and what a lease is charged.
//
// Prices are thousandths. What something costs is
//
//   amount x price x time / (base units of one priced unit x one hour), rounded up
//
// for each part of a lease, in 128 bits and more, so that nothing overflows on the way.

/// What a tenant and all below it may spend in a span of ledger time.
package struct Budget: Hashable, Sendable {
    package let tenant: String
    /// The position at which it was set first: leases granted before it are none of its.
    package let since: Position
    /// The most that is spent and held together, in thousandths.
    package var limit: UInt64
    package var windowMilliseconds: UInt64
    /// When the first window began.
    package var start: LedgerTime
    /// What its leases could still cost if all of them lived as long as they may.
    package var held: UInt64 = 0
    /// What was spent in the window with the number `window`.
    package var spent: UInt64 = 0
    /// From 0.
    package var window: UInt64 = 0

    package init(
        tenant: String,
        since: Position,
        limit: UInt64,
        windowMilliseconds: UInt64,
        start: LedgerTime
    ) {
        self.tenant = tenant
        self.since = since
        self.limit = limit
        self.windowMilliseconds = windowMilliseconds
        self.start = start
    }

    /// The number of the window that `time` is in; nothing before the first.
    package func window(at time: LedgerTime) -> UInt64? {
        guard time >= start, windowMilliseconds > 0 else { return nil }
        return time.milliseconds(since: start) / windowMilliseconds
    }

    /// When the window ends in which `spent` was spent.
    package var windowEnd: LedgerTime {
        let (milliseconds, overflow) =
            windowMilliseconds.multipliedReportingOverflow(by: window &+ 1)
        return overflow ? .never : start.advanced(byMilliseconds: milliseconds)
    }

    /// What was spent in the window that `now` is in.
    package func spent(at now: LedgerTime) -> UInt64 { window(at: now) == window ? spent : 0 }

    /// The budget as it is at `now`: what was spent in a window that is over is forgotten.
    package func rolled(to now: LedgerTime) -> Budget {
        var budget = self
        budget.spent = spent(at: now)
        budget.window = window(at: now) ?? 0
        return budget
    }

    /// Books what was spent until `time`, in the window of that time if it is not over.
    package mutating func book(_ amount: UInt64, until time: LedgerTime) {
        guard amount > 0, let window = window(at: time), window >= self.window else { return }
        if window > self.window { (self.window, spent) = (window, 0) }
        let (sum, overflow) = spent.addingReportingOverflow(amount)
        spent = overflow ? .max : sum
    }

    /// Whether leases granted at `position` are its.
    package func covers(_ position: Position) -> Bool { position > since }
}

/// What one unit of a resource costs for an hour, in thousandths.
package struct ResourcePrice: Hashable, Sendable {
    package let resource: ResourceID
    package let price: UInt64

    package init(resource: ResourceID, price: UInt64) {
        self.resource = resource
        self.price = price
    }
}

/// What a lease holds of the budgets above it.
package struct LeaseCharge: Hashable, Sendable {
    /// What it could still cost, in thousandths.
    package var held: UInt64
    /// The prices of its resources when it was granted; what is free is not in it.
    package let prices: [ResourcePrice]

    package init(held: UInt64, prices: [ResourcePrice]) {
        self.held = held
        self.prices = prices
    }
}

/// What became of a part of what a lease held.
package struct Settlement: Hashable, Sendable {
    package let lease: LeaseID
    /// What was used, in thousandths.
    package let spent: UInt64
    /// What it holds from now on; the rest went back.
    package let held: UInt64
    /// Until when it was used; what was spent belongs to the window of this time.
    package let until: LedgerTime

    package init(lease: LeaseID, spent: UInt64, held: UInt64, until: LedgerTime) {
        self.lease = lease
        self.spent = spent
        self.held = held
        self.until = until
    }
}

/// Prices.
package enum Price {
    /// What `amount` base units cost for so long, rounded up; `max` where that does not fit.
    package static func of(
        _ amount: UInt64,
        kind: Kind,
        price: UInt64,
        nanoseconds: UInt64
    ) -> UInt64 {
        let product = UInt128(amount) * UInt128(price)
        let full = product.multipliedFullWidth(by: UInt128(nanoseconds))
        let divisor = UInt128(kind.baseUnitsPriced) * 3_600_000_000_000
        guard full.high < divisor else { return .max }
        let (quotient, rest) = divisor.dividingFullWidth(full)
        let (rounded, overflow) = quotient.addingReportingOverflow(rest > 0 ? 1 : 0)
        return overflow ? .max : UInt64(clamping: rounded)
    }

    /// A price as people write it.
    static func text(_ thousandths: UInt64) -> String {
        let rest = thousandths % 1000
        if rest == 0 { return "\(thousandths / 1000)" }
        let digits = String(1000 + rest).dropFirst()
        let places = digits.reversed().drop { $0 == "0" }
        return "\(thousandths / 1000)." + String(places.reversed())
    }
}

extension Kind {
    /// How many base units the one unit has that a price is for: a CPU, a GPU, 1 GiB, 1 Gbit/s, or
    /// one of anything else.
    package var baseUnitsPriced: UInt64 {
        switch baseUnit {
        case .milli: 1_000
        case .bytes: 1 << 30
        case .bitsPerSecond: 1_000_000_000
        case .units: 1
        }
    }
}

extension Event {
    /// The name of an event of budgets.
    var budgetName: String {
        switch self {
        case .budgetSet: "budget-set"
        case .budgetDeleted: "budget-deleted"
        case .budgetHeld: "budget-held"
        default: "budget-settled"
        }
    }

    /// The facts of an event of budgets as fields.
    var budgetFields: [Document.Field] {
        switch self {
        case .budgetSet(let budget): budget.fields
        case .budgetDeleted(let tenant): [.init("tenant", .string(tenant))]
        case .budgetHeld(let id, let charge):
            [.init("lease", .id(id.rawValue)), .init("held", .count(charge.held))]
        case .budgetSettled(let settlements):
            [
                .init(
                    "leases",
                    .list(
                        settlements.map { settled in
                            .map([
                                .init("lease", .id(settled.lease.rawValue)),
                                .init("spent", .count(settled.spent)),
                                .init("held", .count(settled.held)),
                                .init("until", .count(settled.until.nanoseconds)),
                            ])
                        }
                    )
                )
            ]
        default: []
        }
    }
}
