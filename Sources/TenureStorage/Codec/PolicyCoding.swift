// What a pool has learnt as bytes: in the event that tells it and in the row of the pool.
//
//   policy   version u32 · seen u64 · cpu per device u64 · overload u16
//            · slices: 101 u16
//            · models: count · each: labels · pressure u32
//            · mix: count · each: cpu u64 · devices u16 · share u16 · models: count · each u16
//                                 · count u64

internal import TenureBase
internal import TenureModel

extension FieldWriter {
    mutating func policy(_ policy: LearntPolicy) {
        u32(policy.version)
        u64(policy.seen)
        u64(policy.cpuPerDevice)
        u16(policy.overload)
        for slice in policy.slice { u16(slice) }
        count(policy.models.count)
        for (model, pressure) in zip(policy.models, policy.pressure) {
            labels(model)
            u32(pressure)
        }
        count(policy.mix.count)
        for sort in policy.mix {
            u64(sort.demand.cpu)
            u16(UInt16(sort.demand.count))
            u16(UInt16(sort.demand.share))
            count(sort.demand.models.count)
            for model in sort.demand.models { u16(model) }
            u64(sort.count)
        }
    }
}

extension ByteReader {
    mutating func policy() throws(DecodeError) -> LearntPolicy {
        let version: UInt32 = try read()
        let seen: UInt64 = try read()
        let cpuPerDevice: UInt64 = try read()
        let overload: UInt16 = try read()
        var slice: [UInt16] = []
        for _ in 0...100 { slice.append(try read()) }
        var models: [[Label]] = []
        var pressure: [UInt32] = []
        for _ in 0..<(try readCount()) {
            models.append(try labels())
            pressure.append(try read())
        }
        var mix: [LearntPolicy.Sort] = []
        for _ in 0..<(try readCount()) { mix.append(try sort()) }
        let policy = LearntPolicy(
            version: version,
            seen: seen,
            models: models,
            pressure: pressure,
            slice: slice,
            cpuPerDevice: cpuPerDevice,
            overload: overload,
            mix: mix
        )
        guard policy.fault == nil else { throw .invalid(offset: offset, field: "policy") }
        return policy
    }

    private mutating func sort() throws(DecodeError) -> LearntPolicy.Sort {
        let cpu: UInt64 = try read()
        let count: UInt16 = try read()
        let share: UInt16 = try read()
        var models: [UInt16] = []
        for _ in 0..<(try readCount()) { models.append(try read()) }
        return LearntPolicy.Sort(
            demand: DeviceDemand(
                cpu: cpu,
                memory: 0,
                count: Int(count),
                share: Int(share),
                models: models
            ),
            count: try read()
        )
    }
}
