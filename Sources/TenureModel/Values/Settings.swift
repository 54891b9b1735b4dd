// The settings of a pool: every key has a type and a default.

/// A setting of a pool that is a whole number.
///
/// To add one: a case here with its `path` and `isDuration`, the property with its default in
/// `PoolSettings`, and the next code in the table of stored settings (FieldCoding.swift).
public enum PoolNumber: String, CaseIterable, Sendable {
    /// The TTL of a lease whose request states none, in milliseconds.
    case ttlDefault
    /// The shortest TTL that may be asked for, in milliseconds.
    case ttlMin
    /// The longest TTL that may be asked for, in milliseconds.
    case ttlMax
    /// The longest life of a lease, renewals included, in milliseconds; 0 for none.
    case maxLifetime
    /// How long what holds devices stays quarantined after an unclean end, in milliseconds.
    case lockDelay
    /// The longest grace after a gap, in milliseconds.
    case restartGrace
    /// A rank among pools; lower is asked first.
    case tier
    /// How many classes above a lease a request must be to take its place; 0 for never.
    case preemptionGap
    /// How long a lease has run, in milliseconds, before it may be preempted.
    case preemptionMinRuntime
    /// How long a lease that is preempted is told before, in milliseconds; 0 for not at all.
    case preemptionGrace
    /// The position from which on leases of the pool may be preempted; 0 for none, not to be set.
    case preemptionSince
    /// Whether a request within its guarantee takes back what others borrow: 1, or 0 for no.
    case reclaimBorrowed
    /// The position from which on leases of the pool may be asked back; 0 for none, not to be set.
    case reclaimSince
    /// How many leases must report a resource as failed to open its breaker; 0 for never.
    case breakerFailures
    /// How many requests refused as exhausted open the breaker of the pool; 0 for never.
    case breakerRefusals
    /// How far back failures and refusals count, in milliseconds.
    case breakerWindow
    /// How long a breaker is open at first, in milliseconds.
    case breakerOpen
    /// How many leases at a time find out whether a resource works again.
    case breakerProbes
    /// How long a request waits for each class that it rises, in milliseconds; 0 for never.
    case agingStep
    /// The most classes that a request rises by waiting.
    case agingCap
    /// How long one waits before anything is promised to it, in milliseconds: until then others
    /// pass.
    case starvationLimit
    /// What the price weighs in a balanced placement, 0 to 1,000.
    case weightCost
    /// What performance weighs in a balanced placement, 0 to 1,000.
    case weightPerformance
    /// What the share that is taken weighs in a balanced placement, 0 to 1,000.
    case weightUtilisation
    /// The number of the last resource of the last grant in turn; 0 for none, not to be set.
    case turn
    /// The position from which on leases of the pool are counted by length of life; 0 for none, not
    /// to be set.
    case lifetimesSince

    /// Where the value is.
    package var path: WritableKeyPath<PoolSettings, UInt64> {
        switch self {
        case .ttlDefault: \.ttlDefault
        case .ttlMin: \.ttlMin
        case .ttlMax: \.ttlMax
        case .maxLifetime: \.maxLifetime
        case .lockDelay: \.lockDelay
        case .restartGrace: \.restartGrace
        case .tier: \.tier
        case .preemptionGap: \.preemptionGap
        case .preemptionMinRuntime: \.preemptionMinRuntime
        case .preemptionGrace: \.preemptionGrace
        case .preemptionSince: \.preemptionSince
        case .reclaimBorrowed: \.reclaimBorrowed
        case .reclaimSince: \.reclaimSince
        case .breakerFailures: \.breakers.failures
        case .breakerRefusals: \.breakers.refusals
        case .breakerWindow: \.breakers.window
        case .breakerOpen: \.breakers.open
        case .breakerProbes: \.breakers.probes
        case .agingStep: \.agingStep
        case .agingCap: \.agingCap
        case .starvationLimit: \.starvationLimit
        case .weightCost: \.weights.cost
        case .weightPerformance: \.weights.performance
        case .weightUtilisation: \.weights.utilisation
        case .turn: \.turn
        case .lifetimesSince: \.lifetimesSince
        }
    }

    /// Whether it is in milliseconds.
    package var isDuration: Bool {
        switch self {
        case .tier, .preemptionGap, .preemptionSince, .reclaimBorrowed, .reclaimSince,
            .breakerFailures, .breakerRefusals, .breakerProbes, .agingCap, .weightCost,
            .weightPerformance, .weightUtilisation,
            .turn, .lifetimesSince:
            false
        case .ttlDefault, .ttlMin, .ttlMax, .maxLifetime, .lockDelay, .restartGrace,
            .preemptionMinRuntime, .preemptionGrace, .breakerWindow, .breakerOpen,
            .agingStep, .starvationLimit:
            true
        }
    }

    /// The largest value: for most as long as anything may last.
    package var ceiling: UInt64 {
        switch self {
        case .restartGrace: PoolSettings.restartGraceMax
        case .preemptionGap: UInt64(Priority.critical.rawValue)
        case .preemptionSince, .reclaimSince, .lifetimesSince: .max
        case .reclaimBorrowed: 1
        case .breakerFailures: BreakerSettings.failuresMax
        case .breakerRefusals: BreakerSettings.refusalsMax
        case .breakerWindow, .breakerOpen: BreakerSettings.millisecondsMax
        case .breakerProbes: BreakerSettings.probesMax
        case .agingCap: UInt64(Priority.critical.rawValue) + 1
        case .weightCost, .weightPerformance, .weightUtilisation: ObjectiveWeights.most
        case .turn: UInt64(UInt32.max)
        default: Limits.millisecondsMax
        }
    }

    /// Whether it can be asked for; what can not is the ledger's own.
    package var isSettable: Bool {
        switch self {
        case .preemptionSince, .reclaimSince, .turn, .lifetimesSince: false
        default: true
        }
    }
}

/// One setting of a pool.
public enum PoolSetting: Hashable, Sendable {
    /// Which places are looked at first.
    case strategy(Strategy)
    /// A setting that is a whole number.
    case number(PoolNumber, UInt64)

    /// The TTL of a lease whose request states none, in milliseconds.
    public static func ttlDefault(_ value: UInt64) -> PoolSetting { .number(.ttlDefault, value) }
    /// The shortest TTL that may be asked for, in milliseconds.
    public static func ttlMin(_ value: UInt64) -> PoolSetting { .number(.ttlMin, value) }
    /// The longest TTL that may be asked for, in milliseconds.
    public static func ttlMax(_ value: UInt64) -> PoolSetting { .number(.ttlMax, value) }
    /// The longest life of a lease, renewals included, in milliseconds; 0 for none.
    public static func maxLifetime(_ value: UInt64) -> PoolSetting { .number(.maxLifetime, value) }
    /// How long what holds devices stays quarantined after an unclean end, in milliseconds.
    public static func lockDelay(_ value: UInt64) -> PoolSetting { .number(.lockDelay, value) }
    /// The longest grace after a gap, in milliseconds.
    public static func restartGrace(_ value: UInt64) -> PoolSetting {
        .number(.restartGrace, value)
    }
    /// A rank among pools; lower is asked first.
    public static func tier(_ value: UInt64) -> PoolSetting { .number(.tier, value) }
    /// How many classes above a lease a request must be to take its place; 0 for never.
    public static func preemptionGap(_ value: UInt64) -> PoolSetting {
        .number(.preemptionGap, value)
    }
    /// How long a lease has run, in milliseconds, before it may be preempted.
    public static func preemptionMinRuntime(_ value: UInt64) -> PoolSetting {
        .number(.preemptionMinRuntime, value)
    }
    /// How long a lease that is preempted is told before, in milliseconds; 0 for not at all.
    public static func preemptionGrace(_ value: UInt64) -> PoolSetting {
        .number(.preemptionGrace, value)
    }
    /// Whether a request within its guarantee takes back what others borrow: 1, or 0 for no.
    public static func reclaimBorrowed(_ value: UInt64) -> PoolSetting {
        .number(.reclaimBorrowed, value)
    }
    /// How many leases must report a resource as failed to open its breaker; 0 for never.
    public static func breakerFailures(_ value: UInt64) -> PoolSetting {
        .number(.breakerFailures, value)
    }
    /// How many requests refused as exhausted open the breaker of the pool; 0 for never.
    public static func breakerRefusals(_ value: UInt64) -> PoolSetting {
        .number(.breakerRefusals, value)
    }
    /// How far back failures and refusals count, in milliseconds.
    public static func breakerWindow(_ value: UInt64) -> PoolSetting {
        .number(.breakerWindow, value)
    }
    /// How long a breaker is open at first, in milliseconds.
    public static func breakerOpen(_ value: UInt64) -> PoolSetting { .number(.breakerOpen, value) }
    /// How many leases at a time find out whether a resource works again.
    public static func breakerProbes(_ value: UInt64) -> PoolSetting {
        .number(.breakerProbes, value)
    }
    /// How long a request waits for each class that it rises, in milliseconds; 0 for never.
    public static func agingStep(_ value: UInt64) -> PoolSetting { .number(.agingStep, value) }
    /// The most classes that a request rises by waiting.
    public static func agingCap(_ value: UInt64) -> PoolSetting { .number(.agingCap, value) }
    /// How long one waits before anything is promised to it, in milliseconds: until then others
    /// pass.
    public static func starvationLimit(_ value: UInt64) -> PoolSetting {
        .number(.starvationLimit, value)
    }
    /// What the price weighs in a balanced placement, 0 to 1,000.
    public static func weightCost(_ value: UInt64) -> PoolSetting { .number(.weightCost, value) }
    /// What performance weighs in a balanced placement, 0 to 1,000.
    public static func weightPerformance(_ value: UInt64) -> PoolSetting {
        .number(.weightPerformance, value)
    }
    /// What the share that is taken weighs in a balanced placement, 0 to 1,000.
    public static func weightUtilisation(_ value: UInt64) -> PoolSetting {
        .number(.weightUtilisation, value)
    }
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
    /// How many classes above a lease a request must be to take its place: never.
    public var preemptionGap: UInt64 = 0
    /// How long a lease has run before it may be preempted: not at all.
    public var preemptionMinRuntime: UInt64 = 0
    /// How long a lease that is preempted is told before: not at all.
    public var preemptionGrace: UInt64 = 0
    /// The position from which on leases of the pool may be preempted; 0 for none.
    public internal(set) var preemptionSince: Position = 0
    /// Whether a request within its guarantee takes back what others borrow: no.
    public var reclaimBorrowed: UInt64 = 0
    /// The position from which on leases of the pool may be asked back; 0 for none.
    public internal(set) var reclaimSince: Position = 0
    /// When breakers open: never.
    public var breakers = BreakerSettings()
    /// How long a request waits for each class that it rises: one hour; 0 for never.
    public var agingStep: UInt64 = 3_600_000
    /// The most classes that a request rises by waiting: past every class, where age alone decides.
    public var agingCap: UInt64 = 4
    /// How long one waits before anything is promised to it: not at all.
    public var starvationLimit: UInt64 = 0
    /// What the objectives of a balanced placement weigh: each the same.
    public var weights = ObjectiveWeights()
    /// The number of the last resource of the last grant in turn; 0 for none.
    public internal(set) var turn: UInt64 = 0
    /// The position from which on leases of the pool are counted by length of life; 0 for none.
    public internal(set) var lifetimesSince: Position = 0

    /// The defaults.
    public init() {}

    /// The names of all keys that can be set, in the order in which they are shown.
    public static let keys =
        ["strategy"] + PoolNumber.allCases.filter(\.isSettable).map(\.rawValue)

    /// The longest grace that a pool may give, in milliseconds: one hour.
    package static let restartGraceMax: UInt64 = 3_600_000

    /// A setting that is a whole number.
    package subscript(number: PoolNumber) -> UInt64 {
        get { self[keyPath: number.path] }
        set { self[keyPath: number.path] = newValue }
    }

    /// Changes one setting.
    package mutating func set(_ setting: PoolSetting) {
        switch setting {
        case .strategy(let value): strategy = value
        case .number(let number, let value): self[number] = value
        }
    }

    /// The first relation between settings that does not hold, as a sentence.
    package var fault: String? {
        if ttlMin == 0 { return "ttlMin must be at least 1 ms" }
        if ttlMin > ttlDefault { return "ttlMin \(ttlMin) ms is above ttlDefault \(ttlDefault) ms" }
        if ttlDefault > ttlMax { return "ttlDefault \(ttlDefault) ms is above ttlMax \(ttlMax) ms" }
        for number in PoolNumber.allCases where self[number] > number.ceiling {
            return "\(number.rawValue) is above \(number.ceiling)"
                + (number.isDuration ? " ms" : "")
        }
        return breakers.fault
    }

    /// The settings as fields.
    package var fields: [Document.Field] {
        [.init("strategy", .string(strategy.rawValue))]
            + PoolNumber.allCases.map { .init($0.rawValue, .count(self[$0])) }
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
