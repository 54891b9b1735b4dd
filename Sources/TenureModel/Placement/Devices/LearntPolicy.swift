// What a pool has learnt of its requests, as it is recorded: one event, and part of the pool's row.
//
// All numbers are whole, so that two ledgers with the same record decide alike. The mix goes with
// the prices that were learnt from it: a start goes on learning where the last record left off.

/// A version of the prices of a pool, and the mix of requests behind it.
public struct LearntPolicy: Hashable, Sendable {
    /// A sort of request and how often it was asked for.
    package struct Sort: Hashable, Sendable {
        package let demand: DeviceDemand
        /// Hundredths of a request; old ones count less.
        package let count: UInt64

        package init(demand: DeviceDemand, count: UInt64) {
            self.demand = demand
            self.count = count
        }
    }

    /// From 1, one more with every record.
    package let version: UInt32
    /// Requests that were seen until then.
    package let seen: UInt64
    /// The labels of devices that models stand for: models are numbered in this order.
    package let models: [[Label]]
    /// What a device of each model costs on top, in ten-thousandths of a device.
    package let pressure: [UInt32]
    /// What a device with r hundredths free is worth, in ten-thousandths of a device; 0...100.
    package let slice: [UInt16]
    /// Thousandths of a CPU that a device needs to be of use.
    package let cpuPerDevice: UInt64
    /// How far CPUs are short, in ten-thousandths.
    package let overload: UInt16
    /// The most frequent sorts, the most frequent first.
    package let mix: [Sort]

    /// The most sorts in a record: about 20 KiB.
    package static let sortsMax = 512
    /// The most requests that are believed: sums with them can not overflow.
    static let seenMax: UInt64 = 1 << 62
    /// The most models in a record.
    package static let modelsMax = 1_024
    /// Ten-thousandths in one.
    static let unit = 10_000.0
    /// Hundredths in one request.
    static let countUnit = 100.0

    package init(
        version: UInt32,
        seen: UInt64,
        models: [[Label]],
        pressure: [UInt32],
        slice: [UInt16],
        cpuPerDevice: UInt64,
        overload: UInt16,
        mix: [Sort]
    ) {
        self.version = version
        self.seen = seen
        self.models = models
        self.pressure = pressure
        self.slice = slice
        self.cpuPerDevice = cpuPerDevice
        self.overload = overload
        self.mix = mix
    }

    /// Why this can not have been recorded, if it can not; what is read is checked.
    package var fault: String? {
        if slice.count != 101 { return "a slice for each hundredth" }
        if slice.contains(where: { Double($0) > Self.unit }) { return "a slice above a device" }
        if pressure.count != models.count { return "a pressure for each model" }
        if models.count > Self.modelsMax || mix.count > Self.sortsMax { return "a longer list" }
        if cpuPerDevice == 0 { return "no CPU for a device" }
        if Double(overload) > Self.unit { return "an overload above one" }
        if seen > Self.seenMax { return "a larger count of requests" }
        for sort in mix {
            let demand = sort.demand
            let isShare = demand.count == 1 && (1...DevicePlace.whole).contains(demand.share)
            let isWhole = demand.count > 1 && demand.share == DevicePlace.whole
            let isNone = demand.count == 0 && demand.share == 0
            guard isShare || isWhole || isNone else { return "a sort of request" }
            if demand.models.contains(where: { Int($0) >= models.count }) { return "a model" }
        }
        return nil
    }
}

extension LearntPolicy {
    /// The prices in words; of the mix only how many sorts there are.
    package var document: Document {
        .map([
            .init("version", .count(UInt64(version))), .init("seen", .count(seen)),
            .init("sorts", .count(UInt64(mix.count))),
            .init("cpuPerDevice", .count(cpuPerDevice)),
            .init("overload", .count(UInt64(overload))),
            .init("slice", .list(slice.map { .count(UInt64($0)) })),
            .init(
                "models",
                .list(
                    zip(models, pressure).map { labels, pressure in
                        .map([
                            .init("labels", labels.document),
                            .init("pressure", .count(UInt64(pressure))),
                        ])
                    }
                )
            ),
        ])
    }
}

/// What prices are learnt from, to be worked out off the writer's thread.
package struct LearningTask: Sendable {
    /// The pool that learns.
    package let pool: String
    let version: UInt32
    let models: [[Label]]
    let supply: DeviceSupply
    let mix: DeviceMix

    /// The prices, about 10 ms of work.
    package func learn() -> LearntPolicy {
        FairPrices(learning: mix, on: supply).record(
            version: version,
            models: models,
            mix: mix
        )
    }
}
