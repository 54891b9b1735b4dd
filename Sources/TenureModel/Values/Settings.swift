// The settings of a pool: every key has a type and a default.

/// One setting of a pool.
public enum PoolSetting: Hashable, Sendable {
    /// Which places are looked at first.
    case strategy(Strategy)
    /// The TTL of a lease whose request states none, in milliseconds.
    case ttlDefault(UInt64)
    /// The shortest TTL that may be asked for, in milliseconds.
    case ttlMin(UInt64)
    /// The longest TTL that may be asked for, in milliseconds.
    case ttlMax(UInt64)
    /// The longest life of a lease, renewals included, in milliseconds; 0 for none.
    case maxLifetime(UInt64)
    /// How long what holds devices stays quarantined after an unclean end, in milliseconds.
    case lockDelay(UInt64)
    /// The longest grace after a gap, in milliseconds.
    case restartGrace(UInt64)
    /// A rank among pools; lower is asked first.
    case tier(UInt64)
}

/// All settings of a pool.
public struct PoolSettings: Hashable, Sendable {
    /// Which places are looked at first.
    public var strategy = Strategy.automatic
    /// The TTL of a lease whose request states none: 60 s.
    public var ttlDefault: UInt64 = 60_000
    /// The shortest TTL that may be asked for: 1 ms.
    public var ttlMin: UInt64 = 1
    /// The longest TTL that may be asked for: 30 days.
    public var ttlMax: UInt64 = 30 * 86_400_000
    /// The longest life of a lease, renewals included; 0 for none.
    public var maxLifetime: UInt64 = 0
    /// How long what holds devices stays quarantined after an unclean end: not at all.
    public var lockDelay: UInt64 = 0
    /// The longest grace after a gap: 10 s.
    public var restartGrace: UInt64 = 10_000
    /// A rank among pools; lower is asked first.
    public var tier: UInt64 = 0

    /// The defaults.
    public init() {}

    /// The names of all keys in the order in which they are shown.
    public static let keys = [
        "strategy", "ttlDefault", "ttlMin", "ttlMax", "maxLifetime", "lockDelay", "restartGrace",
        "tier",
    ]

    /// The longest grace that a pool may give, in milliseconds: one hour.
    package static let restartGraceMax: UInt64 = 3_600_000

    /// Changes one setting.
    package mutating func set(_ setting: PoolSetting) {
        switch setting {
        case .strategy(let value): strategy = value
        case .ttlDefault(let value): ttlDefault = value
        case .ttlMin(let value): ttlMin = value
        case .ttlMax(let value): ttlMax = value
        case .maxLifetime(let value): maxLifetime = value
        case .lockDelay(let value): lockDelay = value
        case .restartGrace(let value): restartGrace = value
        case .tier(let value): tier = value
        }
    }

    /// The first relation between settings that does not hold, as a sentence.
    package var fault: String? {
        if ttlMin == 0 { return "ttlMin must be at least 1 ms" }
        if ttlMin > ttlDefault { return "ttlMin \(ttlMin) ms is above ttlDefault \(ttlDefault) ms" }
        if ttlDefault > ttlMax { return "ttlDefault \(ttlDefault) ms is above ttlMax \(ttlMax) ms" }
        if ttlMax > Limits.millisecondsMax { return "ttlMax is above \(Limits.millisecondsMax) ms" }
        if maxLifetime > Limits.millisecondsMax {
            return "maxLifetime is above \(Limits.millisecondsMax) ms"
        }
        if lockDelay > Limits.millisecondsMax {
            return "lockDelay is above \(Limits.millisecondsMax) ms"
        }
        if restartGrace > Self.restartGraceMax {
            return "restartGrace is above \(Self.restartGraceMax) ms"
        }
        return nil
    }

    /// The settings as fields.
    package var fields: [Document.Field] {
        [
            .init("strategy", .string(strategy.rawValue)),
            .init("ttlDefault", .count(ttlDefault)), .init("ttlMin", .count(ttlMin)),
            .init("ttlMax", .count(ttlMax)), .init("maxLifetime", .count(maxLifetime)),
            .init("lockDelay", .count(lockDelay)), .init("restartGrace", .count(restartGrace)),
            .init("tier", .count(tier)),
        ]
    }
}

/// What may be done with a resource.
public enum ResourceState: UInt8, CaseIterable, Sendable {
    /// Grants are made on it.
    case active = 0
    /// No new grants; what is held stays.
    case cordoned = 1
    /// No new grants; it is being emptied.
    case draining = 2
    /// Detected before the last start and not seen since.
    case unconfirmed = 3
    /// Known to be gone.
    case lost = 4

    /// The name in answers.
    public var name: String {
        switch self {
        case .active: "active"
        case .cordoned: "cordoned"
        case .draining: "draining"
        case .unconfirmed: "unconfirmed"
        case .lost: "lost"
        }
    }
}
