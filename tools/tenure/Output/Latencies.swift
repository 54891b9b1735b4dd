// Percentiles of many durations without keeping every one.

internal import Histogram
package import TenureModel

/// Durations of one sort of operation, to three significant digits.
package struct Latencies: Sendable {
    /// Made in its full size: one that grows would stop who is measured while it is copied.
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: 600_000_000_000,
        numberOfSignificantValueDigits: .three
    )

    /// No durations yet.
    package init() {}

    /// Adds one duration, `count` times.
    package mutating func record(_ duration: Duration, count: Int = 1) {
        let nanoseconds = UInt64(clamping: Int64(duration / .nanoseconds(1)))
        histogram.record(min(max(nanoseconds, 1), 600_000_000_000), count: UInt64(clamping: count))
    }

    /// Adds all that another one has.
    package mutating func add(_ other: Latencies) {
        histogram.add(other.histogram)
    }

    /// How many durations were recorded.
    package var count: UInt64 { histogram.totalCount }

    /// The percentiles in whole microseconds, rounded up.
    package var fields: [Document.Field] {
        guard count > 0 else { return [] }
        return [("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9)].map { name, percentile in
            field(name, histogram.valueAtPercentile(percentile))
        } + [field("max", histogram.maxRecorded)]
    }

    /// Mean and percentiles in nanoseconds.
    package var precise: [Document.Field] {
        guard count > 0 else { return [] }
        return [.init("mean", .count(UInt64(histogram.mean)))]
            + [("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9)].map { name, percentile in
                .init(name, .count(histogram.valueAtPercentile(percentile)))
            } + [.init("max", .count(histogram.maxRecorded))]
    }

    private func field(_ name: String, _ nanoseconds: UInt64) -> Document.Field {
        Document.Field(name, .count((nanoseconds + 999) / 1000))
    }
}

/// Rates and shares as whole numbers and short texts.
package enum Figures {
    /// Operations per second.
    package static func rate(_ count: Int, in elapsed: Duration) -> Document {
        let seconds = elapsed / .seconds(1)
        return .integer(seconds > 0 ? Int64(Double(count) / seconds) : 0)
    }

    /// A share in per cent with one digit behind the point.
    package static func percent(_ part: Double, of whole: Double) -> String {
        guard whole > 0 else { return "0.0" }
        let tenths = (part / whole * 1000).rounded()
        guard tenths.isFinite, abs(tenths) < 1e15 else { return "0.0" }
        return "\(Int64(tenths) / 10).\(abs(Int64(tenths) % 10))"
    }
}
