// What is asked for when amounts are wanted: claims, terms, and who wants them.

/// What is asked for in one place: amounts by kind, and how many such places.
public struct Claim: Hashable, Sendable {
    /// How many such places, from 1.
    public var places: Int
    /// Base units by kind, in the order asked; no kind twice.
    public var amounts: [ClaimAmount]

    /// A claim of `amounts` in each of `places`.
    public init(places: Int = 1, amounts: [ClaimAmount]) {
        self.places = places
        self.amounts = amounts
    }
}

/// An amount of one kind.
public struct ClaimAmount: Hashable, Sendable {
    /// What is counted.
    public var kind: Kind
    /// How much, in base units, from 1; where `most` is given, at least so much.
    public var amount: UInt64
    /// The most that is of use, above `amount`; nothing when it is to be `amount` exactly.
    public var most: UInt64?

    /// An amount of one kind, or as much as there is from `amount` up to `most`.
    public init(kind: Kind, amount: UInt64, most: UInt64? = nil) {
        self.kind = kind
        self.amount = amount
        self.most = most
    }
}

/// Which of a pool's places are preferred.
public enum Strategy: String, CaseIterable, Sendable {
    /// Fair price where the pool has devices that are shared out, first fit elsewhere.
    case automatic = "auto"
    /// The first place, in the order of declaration, on which the claim fits.
    case firstFit = "first-fit"
    /// The place on which the scarcest kind is left the least.
    case bestFit = "best-fit"
    /// The place of which the least worth is lost, at prices learnt from what was asked for.
    case fairPrice = "fair-price"
    /// The place on which the fewest fragments arise that typical requests can not use.
    case fragmentation = "fragmentation"
    /// The place of which the largest share of the scarcest kind is free.
    case spread = "spread"
    /// The next place, in the order of declaration, after the one granted last in this way.
    case roundRobin = "round-robin"
    /// The place where all that is asked there costs the least.
    case cost = "cost"
    /// The place with the highest label `performance`, a whole number.
    case performance = "performance"
    /// The place with the least sum of cost, lack of performance and free share, as weighted by
    /// the pool.
    case balanced = "balanced"
    /// The closest of one `numa`, one node, one `rack`, one `zone` and the pool that holds all
    /// parts, and there the place on which the scarcest kind is left the least.
    case locality = "locality"
}

/// What the objectives of `Strategy.balanced` weigh against each other.
public struct ObjectiveWeights: Hashable, Sendable {
    /// Of the price, as a share of what the same would cost at the highest prices of the pool.
    public var cost: UInt64 = 1
    /// Of what the place lacks of the highest performance in the pool, as a share of that.
    public var performance: UInt64 = 1
    /// Of the share of the scarcest kind that is free: what is fuller is preferred.
    public var utilisation: UInt64 = 1

    /// The most that one can weigh, so that their sum is told in 64 bits.
    public static let most: UInt64 = 1_000

    /// All weigh the same.
    public init() {}
}

/// Classes of importance.
public enum Priority: UInt8, CaseIterable, Sendable {
    /// Gives way first.
    case low = 0
    /// The default.
    case normal = 1
    /// Before normal.
    case high = 2
    /// Before everything.
    case critical = 3

    /// The name in commands and answers.
    public var name: String {
        switch self {
        case .low: "low"
        case .normal: "normal"
        case .high: "high"
        case .critical: "critical"
        }
    }

    /// The class of this name.
    public init?(name: String) {
        guard let match = Priority.allCases.first(where: { $0.name == name }) else { return nil }
        self = match
    }
}

/// One or more claims granted all together or not at all.
public struct AcquireRequest: Hashable, Sendable {
    /// The pool that is to grant; `*` for all pools by their tier, of one tier by name.
    public var pool: String
    /// What is asked for; all of it or nothing.
    public var claims: [Claim]
    /// Who pays: a path; quotas of every prefix bind.
    public var tenant = "default"
    /// Who holds; made by the ledger when absent.
    public var holder: String?
    /// Makes repeating the request safe: 1 to 64 bytes, scoped to the tenant.
    public var requestID: String?
    /// Labels that every place must have.
    public var selector: [Label] = []
    /// Labels of the lease.
    public var tags: [Label] = []
    /// What few requests say.
    var rare = Rare.usual
    /// How long without renewal; the pool's default when absent.
    ///
    /// Not with a session.
    public var ttlMilliseconds: UInt64?
    /// The session that keeps the lease alive instead of a TTL.
    public var session: SessionID?
    /// How important it is.
    public var priority = Priority.normal
    /// The pool's when absent.
    public var strategy: Strategy?
    /// Answers what would be granted now and changes nothing.
    public var planOnly = false

    /// Whether it waits where it would be refused for want, connected or not.
    package var waits: Bool { waitMilliseconds != nil || queueMilliseconds != nil }

    /// Whether it gets a ticket where it would be refused for want: a place that is durable.
    ///
    /// A wait without a request id ends with its connection, so that nobody could come back to it.
    package var isQueued: Bool {
        queueMilliseconds != nil || (waitMilliseconds != nil && requestID != nil)
    }

    /// A request for `claims` from `pool`.
    public init(pool: String, claims: [Claim]) {
        self.pool = pool
        self.claims = claims
    }
}

/// What is asked for when a session is opened.
public struct SessionRequest: Hashable, Sendable {
    /// How long without keep-alive; absent only with a process.
    public var ttlMilliseconds: UInt64?
    /// The local process whose death ends the session.
    public var process: ProcessIdentity?
    /// Who holds; made by the ledger when absent.
    public var holder: String?

    /// A session that ends by TTL, by the death of a process, or by both.
    public init(
        ttlMilliseconds: UInt64? = nil,
        process: ProcessIdentity? = nil,
        holder: String? = nil
    ) {
        self.ttlMilliseconds = ttlMilliseconds
        self.process = process
        self.holder = holder
    }
}

/// A local process, never by its pid alone.
public struct ProcessIdentity: Hashable, Sendable {
    /// Its number in `pidNamespace`.
    public let pid: Int32
    /// When it started, in clock ticks since boot, as the kernel tells it.
    public let startTicks: UInt64
    /// The boot in which it ran.
    public let bootID: String
    /// The inode number of its pid namespace.
    public let pidNamespace: UInt64

    /// A process that was found with these facts.
    public init(pid: Int32, startTicks: UInt64, bootID: String, pidNamespace: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
        self.bootID = bootID
        self.pidNamespace = pidNamespace
    }
}

/// A bound of a quota or a tenant that can also be absent.
public enum QuotaBound: Hashable, Sendable {
    /// No more than so many; of a quota, base units.
    case amount(UInt64)
    /// No bound.
    case unlimited

    /// The base units, or nothing without a bound.
    package var amount: UInt64? {
        guard case .amount(let amount) = self else { return nil }
        return amount
    }
}

/// What is asked for when a quota is set or changed; what is absent stays.
///
/// All amounts are base units of the kind, at most `Limits.amountMax`.
public struct QuotaRequest: Hashable, Sendable {
    /// The tenant: a path; the quota binds all below it.
    public var tenant: String
    /// What is counted.
    public var kind: Kind
    /// The most that may be taken; needed where there is no quota yet.
    public var limit: UInt64?
    /// What the tenant is sure of, at most the limit; at first 0.
    public var guarantee: UInt64?
    /// The most that may be taken above the guarantee; at first unlimited.
    public var borrowing: QuotaBound?
    /// How much of the guarantee others may use while it is free; at first, and unlimited, all.
    public var lending: QuotaBound?
    /// The share of what is left over compared with other tenants, 0 to `Limits.quotaWeightMax`;
    /// at first 1.
    public var weight: UInt64?

    /// A request that changes the limit, or nothing.
    public init(tenant: String, kind: Kind, limit: UInt64? = nil) {
        self.tenant = tenant
        self.kind = kind
        self.limit = limit
    }
}

/// What is asked for when the limits of a tenant are set or changed; what is absent stays.
public struct TenantRequest: Hashable, Sendable {
    /// The tenant: a path; the limits bind all below it.
    public var tenant: String
    /// The most leases, reservations and quarantined leases at once; at first unlimited.
    public var leases: QuotaBound?
    /// The most grants per second, 1 to `Limits.grantRateMax`; at first unlimited.
    public var rate: QuotaBound?
    /// How many grants may come at once after a pause, 1 to `Limits.grantBurstMax`; at first 1.
    public var burst: UInt64?

    /// A request that changes nothing yet.
    public init(tenant: String) {
        self.tenant = tenant
    }
}

/// What is asked for when a budget is set or changed; what is absent stays.
public struct BudgetRequest: Hashable, Sendable {
    /// The tenant: a path; the budget binds all below it.
    public var tenant: String
    /// The most that is spent and held together, in thousandths, at most `Limits.amountMax`; needed
    /// where there is no budget yet.
    public var limit: UInt64?
    /// The span of ledger time after which what was spent is forgotten, from
    /// `Limits.budgetWindowMin`; needed where there is no budget yet.
    ///
    /// Another span than before starts a new window.
    public var windowMilliseconds: UInt64?

    /// A request with these settings.
    public init(tenant: String, limit: UInt64? = nil, windowMilliseconds: UInt64? = nil) {
        self.tenant = tenant
        self.limit = limit
        self.windowMilliseconds = windowMilliseconds
    }
}

/// What is asked for when a resource is declared or changed; what is absent stays.
public struct ResourceRequest: Hashable, Sendable {
    /// Its name, unique in the ledger.
    public var name: String
    /// The pool it belongs to.
    public var pool: String
    /// What it is counted in.
    public var kind: Kind
    /// How much there is, in base units.
    public var capacity: UInt64
    /// The place it shares with others; a place of its own when absent.
    public var node: String?
    /// Labels for selectors.
    public var labels: [Label]?
    /// The price of one unit for one hour, in thousandths: of a CPU, a GPU, 1 GiB, 1 Gbit/s, or one
    /// of anything else.
    public var cost: UInt64?
    /// Accepts a capacity below use, which makes debt.
    public var force = false
    /// Whether host detection found it; only such a resource can become unconfirmed.
    public var detected = false

    /// A resource with these facts and no labels.
    public init(name: String, pool: String, kind: Kind, capacity: UInt64, node: String? = nil) {
        self.name = name
        self.pool = pool
        self.kind = kind
        self.capacity = capacity
        self.node = node
    }
}
