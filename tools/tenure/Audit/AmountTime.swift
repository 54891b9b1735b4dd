// Amounts times the time for which they were held.

internal import TenureModel

/// A sum of amounts times nanoseconds, in base units.
struct AmountTime: Equatable {
    private var sum: UInt128 = 0

    /// Adds an amount that was held for so long.
    mutating func add(_ amount: UInt64, nanoseconds: UInt64) {
        let (total, overflow) = sum.addingReportingOverflow(
            UInt128(amount) * UInt128(nanoseconds)
        )
        sum = overflow ? .max : total
    }

    /// Whether nothing was held for any time.
    var isZero: Bool { sum == 0 }

    /// Base units times seconds, rounded down.
    var unitSeconds: UInt128 { sum / 1_000_000_000 }

    /// Hours of a whole one (a core, a GPU, a GiB, a Gbit/s, a unit), to the thousandth, rounded.
    func hours(of kind: Kind) -> String {
        let hour = UInt128(3_600_000_000_000) * kind.whole
        let (thousandths, overflow) = sum.multipliedReportingOverflow(by: 1_000)
        if overflow { return "\(sum / hour)" }
        let rounded = (thousandths + hour / 2) / hour
        let rest = String(rounded % 1_000)
        return "\(rounded / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}

extension Kind {
    /// How many base units are one of what people count.
    fileprivate var whole: UInt128 {
        switch baseUnit {
        case .milli: 1_000
        case .bytes: 1 << 30
        case .bitsPerSecond: 1_000_000_000
        case .units: 1
        }
    }
}
