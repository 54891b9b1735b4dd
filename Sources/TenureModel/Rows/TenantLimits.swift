// What bounds a tenant beside amounts: how many leases at once, how many grants a second.

/// The limits of a tenant and all below it, and what they are compared with.
package struct TenantLimits: Hashable, Sendable {
    package let tenant: String
    /// The most leases, reservations and quarantined leases at once; any number when absent.
    package var leases: UInt64?
    /// The most grants per second in the long run; any number when absent.
    package var rate: UInt64?
    /// How many grants may come at once after a pause, from 1.
    package var burst: UInt64 = 1
    /// How many leases there are; 0 where they are not limited.
    package var count: UInt64 = 0
    /// When the next grant would come if all came at the rate; `zero` before the first.
    package var arrival = LedgerTime.zero

    package init(tenant: String) {
        self.tenant = tenant
    }

    /// The limits as fields of an event.
    var fields: [Document.Field] {
        [
            .init("tenant", .string(tenant)), .init("leases", leases.map(Document.count) ?? .null),
            .init("rate", rate.map(Document.count) ?? .null), .init("burst", .count(burst)),
            .init("count", .count(count)),
        ]
    }

    /// Whether nothing is limited, so that no row is kept.
    package var isEmpty: Bool { leases == nil && rate == nil }

    /// Nanoseconds between two grants at the rate, rounded up; 0 without one.
    private var interval: UInt64 {
        guard let rate, rate > 0 else { return 0 }
        return (1_000_000_000 + rate - 1) / rate
    }

    /// After how many milliseconds a grant would keep to the rate; 0 when it does at `now`.
    ///
    /// A grant may come earlier than at the rate by as much as the burst allows (GCRA).
    package func pause(at now: LedgerTime) -> UInt64 {
        // At most 10^9 times 10^6.
        let early = arrival.nanoseconds - min(arrival.nanoseconds, interval * (burst - 1))
        guard early > now.nanoseconds else { return 0 }
        return (early - now.nanoseconds + 999_999) / 1_000_000
    }

    /// Takes in a grant at `now`.
    package mutating func noteGrant(at now: LedgerTime) {
        if leases != nil { count += 1 }
        guard rate != nil else { return }
        arrival = max(arrival, now).advanced(byNanoseconds: interval)
    }
}
