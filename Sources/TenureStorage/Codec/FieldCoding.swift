// The parts that events and rows share: optional fields, names of cases, lists.
//
// Enumerations are written by their number, which is part of the format: a case keeps its number
// for ever, and a number without a case is `DecodeError.invalid`.

internal import TenureBase
internal import TenureModel

extension FieldWriter {
    mutating func optionalText(_ value: String?) {
        bool(value != nil)
        if let value { text(value) }
    }

    mutating func optionalU32(_ value: UInt32?) {
        bool(value != nil)
        if let value { u32(value) }
    }

    mutating func optionalU64(_ value: UInt64?) {
        bool(value != nil)
        if let value { u64(value) }
    }

    mutating func kind(_ value: Kind) { text(value.name) }

    mutating func labels(_ labels: [Label]) {
        count(labels.count)
        for label in labels {
            text(label.name)
            text(label.value)
        }
    }

    mutating func placements(_ placements: [Placement]) {
        count(placements.count)
        for placement in placements {
            u32(placement.resource.rawValue)
            u64(placement.amount)
        }
    }

    mutating func optionalLabels(_ value: [Label]?) {
        bool(value != nil)
        if let value { labels(value) }
    }

    mutating func requestKey(_ key: RequestKey) {
        text(key.tenant)
        text(key.id)
    }

    mutating func process(_ process: ProcessIdentity?) {
        bool(process != nil)
        guard let process else { return }
        u32(UInt32(bitPattern: process.pid))
        u64(process.startTicks)
        text(process.bootID)
        u64(process.pidNamespace)
    }

    mutating func opening(_ opening: Opening) {
        text(opening.bootID)
        u64(opening.bootNanoseconds)
        u64(opening.wallNanoseconds)
        u64(opening.pidNamespace)
        text(opening.recovery)
        text(opening.version)
        bool(opening.isEstimate)
    }

    mutating func grace(_ grace: Grace) {
        time(grace.from)
        time(grace.end)
        u64(grace.milliseconds)
        count(grace.others.count)
        for other in grace.others {
            text(other.pool)
            u64(other.milliseconds)
        }
    }

    mutating func settings(_ settings: PoolSettings) {
        u8(settings.strategy.code)
        u64(settings.ttlDefault)
        u64(settings.ttlMin)
        u64(settings.ttlMax)
        u64(settings.maxLifetime)
        u64(settings.lockDelay)
        u64(settings.restartGrace)
        u64(settings.tier)
    }
}

extension ByteReader {
    mutating func bool() throws(DecodeError) -> Bool {
        let start = offset
        switch try read(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .invalid(offset: start, field: "flag")
        }
    }

    mutating func time() throws(DecodeError) -> LedgerTime {
        LedgerTime(nanoseconds: try read())
    }

    mutating func optionalText() throws(DecodeError) -> String? {
        try bool() ? try readString() : nil
    }

    mutating func optionalU32() throws(DecodeError) -> UInt32? {
        try bool() ? try read() : nil
    }

    mutating func optionalU64() throws(DecodeError) -> UInt64? {
        try bool() ? try read() : nil
    }

    mutating func kind() throws(DecodeError) -> Kind {
        let start = offset
        guard let kind = Kind(try readString()) else {
            throw .invalid(offset: start, field: "kind")
        }
        return kind
    }

    mutating func labels() throws(DecodeError) -> [Label] {
        var labels: [Label] = []
        let count = try readCount()
        labels.reserveCapacity(min(count, Limits.labels))
        for _ in 0..<count {
            let name = try readString()
            labels.append(Label(name: name, value: try readString()))
        }
        return labels
    }

    mutating func optionalLabels() throws(DecodeError) -> [Label]? {
        try bool() ? try labels() : nil
    }

    mutating func placements() throws(DecodeError) -> [Placement] {
        var placements: [Placement] = []
        let count = try readCount()
        placements.reserveCapacity(min(count, remaining / 12))
        for _ in 0..<count {
            let resource = ResourceID(rawValue: try read())
            placements.append(Placement(resource: resource, amount: try read()))
        }
        return placements
    }

    mutating func requestKey() throws(DecodeError) -> RequestKey {
        let tenant = try readString()
        return RequestKey(tenant: tenant, id: try readString())
    }

    mutating func process() throws(DecodeError) -> ProcessIdentity? {
        guard try bool() else { return nil }
        let pid = Int32(bitPattern: try read(UInt32.self))
        let startTicks: UInt64 = try read()
        let bootID = try readString()
        return ProcessIdentity(
            pid: pid,
            startTicks: startTicks,
            bootID: bootID,
            pidNamespace: try read()
        )
    }

    mutating func opening() throws(DecodeError) -> Opening {
        let bootID = try readString()
        let boot: UInt64 = try read()
        let wall: UInt64 = try read()
        let namespace: UInt64 = try read()
        let recovery = try readString()
        let version = try readString()
        return Opening(
            bootID: bootID,
            bootNanoseconds: boot,
            wallNanoseconds: wall,
            pidNamespace: namespace,
            recovery: recovery,
            version: version,
            isEstimate: try bool()
        )
    }

    mutating func grace() throws(DecodeError) -> Grace {
        let from = try time()
        let end = try time()
        let milliseconds: UInt64 = try read()
        var others: [Grace.PoolBound] = []
        for _ in 0..<(try readCount()) {
            let pool = try readString()
            others.append(Grace.PoolBound(pool: pool, milliseconds: try read()))
        }
        return Grace(from: from, end: end, milliseconds: milliseconds, others: others)
    }

    mutating func settings() throws(DecodeError) -> PoolSettings {
        var settings = PoolSettings()
        settings.strategy = try coded(Strategy.init(code:), "strategy")
        settings.ttlDefault = try read()
        settings.ttlMin = try read()
        settings.ttlMax = try read()
        settings.maxLifetime = try read()
        settings.lockDelay = try read()
        settings.restartGrace = try read()
        settings.tier = try read()
        return settings
    }

    /// Reads a u8 that `make` turns into a case.
    mutating func coded<Value>(
        _ make: (UInt8) -> Value?,
        _ field: String
    ) throws(DecodeError) -> Value {
        let start = offset
        guard let value = make(try read()) else { throw .invalid(offset: start, field: field) }
        return value
    }

    /// Reads a text that must be the name of a refusal.
    mutating func refusalCode() throws(DecodeError) -> RefusalCode {
        let start = offset
        guard let code = RefusalCode(rawValue: try readString()) else {
            throw .invalid(offset: start, field: "refusal")
        }
        return code
    }
}

extension Strategy {
    /// The number in events and rows.
    var code: UInt8 {
        switch self {
        case .firstFit: 0
        case .bestFit: 1
        case .automatic: 2
        case .fairPrice: 3
        case .fragmentation: 4
        }
    }

    init?(code: UInt8) {
        guard let found = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = found
    }
}
