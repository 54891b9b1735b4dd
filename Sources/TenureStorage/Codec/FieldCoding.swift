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

    /// The strategy and the numbers that every pool set has.
    mutating func settings(_ settings: PoolSettings) {
        u8(settings.strategy.code)
        for number in PoolNumber.always { u64(settings[number]) }
    }

    /// The other numbers, where one is not its default; nothing when all are.
    mutating func furtherSettings(_ settings: PoolSettings) {
        let changed = PoolNumber.further.filter { settings[$0] != PoolSettings()[$0] }
        guard !changed.isEmpty else { return }
        u8(UInt8(changed.count))
        for number in changed {
            u8(number.code)
            u64(settings[number])
        }
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
        for number in PoolNumber.always { settings[number] = try read() }
        return settings
    }

    /// Reads the settings behind the last field, if there are any.
    ///
    /// Refuses what would be written otherwise than it was read: defaults, and another order.
    mutating func furtherSettings(_ settings: inout PoolSettings) throws(DecodeError) {
        guard remaining > 0 else { return }
        let tail = offset
        let count: UInt8 = try read()
        guard count > 0 else { throw .trailing(offset: tail) }
        var rest = PoolNumber.further[...]
        for _ in 0..<count {
            let start = offset
            let number = try coded(PoolNumber.init(code:), "pool setting")
            let value: UInt64 = try read()
            guard let index = rest.firstIndex(of: number), value != settings[number] else {
                throw .invalid(offset: start, field: "pool setting")
            }
            rest = rest[(index + 1)...]
            settings[number] = value
        }
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
        case .spread: 5
        case .roundRobin: 6
        case .cost: 7
        case .performance: 8
        case .balanced: 9
        case .locality: 10
        }
    }

    init?(code: UInt8) {
        guard let found = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = found
    }
}

extension PoolNumber {
    /// What every record has, in this order.
    fileprivate static let always: [PoolNumber] = [
        .ttlDefault, .ttlMin, .ttlMax, .maxLifetime, .lockDelay, .restartGrace, .tier,
    ]

    /// What records have where it is not the default.
    fileprivate static let further = allCases.filter { !always.contains($0) }

    /// The number in events and rows.
    fileprivate var code: UInt8 {
        switch self {
        case .ttlDefault: 1
        case .ttlMin: 2
        case .ttlMax: 3
        case .maxLifetime: 4
        case .lockDelay: 5
        case .restartGrace: 6
        case .tier: 7
        case .preemptionGap: 32
        case .preemptionMinRuntime: 33
        case .preemptionGrace: 34
        case .preemptionSince: 35
        case .reclaimBorrowed: 74
        case .reclaimSince: 75
        case .breakerFailures: 40
        case .breakerRefusals: 41
        case .breakerWindow: 42
        case .breakerOpen: 43
        case .breakerProbes: 44
        case .agingStep: 20
        case .agingCap: 21
        case .starvationLimit: 70
        case .weightCost: 60
        case .weightPerformance: 61
        case .weightUtilisation: 62
        case .turn: 63
        case .lifetimesSince: 64
        }
    }

    fileprivate init?(code: UInt8) {
        guard let found = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = found
    }
}
