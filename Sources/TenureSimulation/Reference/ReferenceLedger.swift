// A slow, obvious ledger that judges the real one; it shares no code with the model.
//
// It is told what was asked and what was answered, and keeps who holds what. It does not choose
// places and does not guess times to the nanosecond: it says whether an answer was allowed. Times
// are whole milliseconds. Each holding has an `earliest` end, before which nobody may take it, and
// a `latest` end, behind which nobody may still have it; grace after a gap lies in between.
//
// What was asked and never answered is pending: it may have happened as a whole or not at all.
// ReferenceLedger+Asking.swift judges answers, ReferenceLedger+Changing.swift those about what is
// held and may be held, ReferenceLedger+Seeing.swift what is to be seen.

/// What is true as far as the clients of a ledger can tell.
package struct ReferenceLedger {
    /// A request for amounts.
    package struct Ask: Hashable {
        package var pool = ""
        package var tenant = ""
        package var holder = ""
        /// One entry for each place, base units by kind.
        package var places: [[String: UInt64]] = []
        package var ttl: UInt64 = 60_000
        package var hold: UInt64?
        package var lifetime: UInt64?
        package var session: UInt64?
        package var request: String?

        package init() {}
    }

    /// What was asked, with the right token unless it says `stale`.
    package enum Action: Hashable {
        case acquire(Ask)
        case renew(UInt64, ttl: UInt64?)
        /// Parts by resource; nothing for all.
        case release(UInt64, parts: [String: UInt64]?)
        case cancel(UInt64)
        case commit(UInt64, parts: [String: UInt64]?)
        case revoke(UInt64)
        case openSession(holder: String, ttl: UInt64)
        case keep(UInt64)
        case close(UInt64)
        case capacity(String, UInt64, force: Bool)
        case quota(tenant: String, kind: String, limit: UInt64?)
        /// How many leases a tenant and all below it may have; nothing for any number.
        case leaseLimit(tenant: String, UInt64?)
        /// Whether anything is granted on a thing from now on.
        case service(String, isActive: Bool)
        /// Amounts of one place more, by kind; asked alone, because the lease gets another token.
        case grow(UInt64, by: [String: UInt64])
        /// Another holder, by its own TTL when one is given; asked alone, as growth is.
        case handOver(UInt64, to: String, ttl: UInt64?)
        case stale(UInt64)
    }

    /// What was answered.
    package enum Reply: Hashable {
        case granted(
            lease: UInt64,
            token: UInt64,
            reserved: Bool,
            parts: [String: UInt64],
            ttl: UInt64?,
            replayed: Bool
        )
        case renewed(ttl: UInt64?)
        /// Ended now, or before.
        case ended(before: Bool)
        case reduced([String: UInt64])
        case session(UInt64, token: UInt64, ttl: UInt64?)
        case done
        case refused(String)
    }

    /// One thing that can be allocated.
    package struct Thing {
        package var pool: String
        package var node: String
        package var kind: String
        package var capacity: UInt64
        /// Whether anything is granted on it.
        package var isActive = true

        package init(pool: String, node: String, kind: String, capacity: UInt64) {
            self.pool = pool
            self.node = node
            self.kind = kind
            self.capacity = capacity
        }
    }

    /// A lease or a reservation.
    package struct Holding {
        package var ask: Ask
        package var parts: [String: UInt64]
        package var reserved: Bool
        package var earliest: UInt64
        package var latest: UInt64
        package var lifetimeEnd: UInt64
        /// What proves the right to change it.
        package var token: UInt64
    }

    /// A session.
    package struct Sitting {
        package var ttl: UInt64
        package var earliest: UInt64
        package var latest: UInt64
        package var isClosed = false
    }

    /// What a request id was answered with.
    struct Answered {
        var ask: Ask
        /// The lease; nothing for a refusal.
        var lease: UInt64?
        var at: UInt64
    }

    struct QuotaKey: Hashable {
        var tenant: String
        var kind: String
    }

    /// Milliseconds for which an answer is kept for its request id.
    static let window: UInt64 = 3_600_000
    /// The longest grace of a pool with default settings, in milliseconds.
    static let grace: UInt64 = 10_000

    package internal(set) var things: [String: Thing]
    package internal(set) var holdings: [UInt64: Holding] = [:]
    package internal(set) var sittings: [UInt64: Sitting] = [:]
    package internal(set) var lastToken: UInt64 = 0
    /// Leases that ended for certain, for clients that ask again.
    package internal(set) var ended: Set<UInt64> = []
    /// Pools whose amounts stay quarantined after an unclean end.
    let quarantining: Set<String>
    var quotas: [QuotaKey: UInt64] = [:]
    var leaseLimits: [String: UInt64] = [:]
    /// The last tokens of leases that have ended.
    var lastTokens: [UInt64: UInt64] = [:]
    /// Leases that ended when it was unknown whether they had another token by then.
    var doubtfulTokens: Set<UInt64> = []
    /// How often each sort of verdict was reached, so that a run that does nothing is seen.
    package internal(set) var met: [String: Int] = [:]
    var answered: [String: Answered] = [:]
    /// Request ids that were asked once without an answer: one may be stored.
    var doubtful: Set<String> = []
    var pending: [Action] = []
    /// When the pending was asked.
    var pendingAt: UInt64 = 0
    /// The time of the last answer.
    var lastHeard: UInt64 = 0

    /// A ledger of these things and nothing held.
    package init(things: [String: Thing], quarantining: Set<String> = []) {
        self.things = things
        self.quarantining = quarantining
    }

    /// Notes that an answer never came to what was asked at `now`.
    package mutating func lost(_ action: Action, at now: UInt64) {
        pending.append(action)
        pendingAt = now
        if case .acquire(let ask) = action, let key = Self.key(ask) { doubtful.insert(key) }
    }

    /// The token of a lease, held or ended, as far as it is known.
    package func token(of id: UInt64) -> UInt64 {
        holdings[id]?.token ?? lastTokens[id] ?? id
    }

    /// Whether the session has not ended for certain at `now`.
    func isOpen(_ session: UInt64, at now: UInt64) -> Bool {
        guard let sitting = sittings[session] else { return false }
        return !sitting.isClosed && now < sitting.earliest
    }

    /// Whether the holding is valid at `now`, without doubt.
    package func isCertain(_ holding: Holding, at now: UInt64) -> Bool {
        now < holding.earliest && (holding.ask.session.map { isOpen($0, at: now) } ?? true)
    }

    /// Whether the holding can be valid at `now`.
    func isPossible(_ holding: Holding, at now: UInt64) -> Bool {
        guard now <= holding.latest else { return false }
        guard let session = holding.ask.session else { return true }
        guard let sitting = sittings[session] else { return false }
        return !sitting.isClosed && now <= sitting.latest
    }

    /// What is taken of a thing at `now`: at least, and at most.
    func taken(of thing: String, at now: UInt64) -> (least: UInt64, most: UInt64) {
        var (least, most): (UInt64, UInt64) = (0, 0)
        for holding in holdings.values {
            let amount = holding.parts[thing] ?? 0
            if isCertain(holding, at: now) { least += amount }
            if isPossible(holding, at: now) { most += amount }
        }
        return (least, most)
    }

    /// What a tenant and all below it use at `now`: at least, and at most.
    func used(by tenant: String, _ kind: String, at now: UInt64) -> (least: UInt64, most: UInt64) {
        var (least, most): (UInt64, UInt64) = (0, 0)
        for holding in holdings.values {
            let payer = holding.ask.tenant
            guard payer == tenant || payer.hasPrefix(tenant + "/") else { continue }
            let amount = sum(holding.parts, of: kind)
            if isCertain(holding, at: now) { least += amount }
            if isPossible(holding, at: now) { most += amount }
        }
        return (least, most)
    }

    func sum(_ parts: [String: UInt64], of kind: String) -> UInt64 {
        parts.reduce(0) { things[$1.key]?.kind == kind ? $0 + $1.value : $0 }
    }

    /// The tenant and all above it.
    static func levels(of tenant: String) -> [String] {
        let parts = tenant.split(separator: "/")
        return (1...max(parts.count, 1)).map { parts.prefix($0).joined(separator: "/") }
    }

    static func key(_ ask: Ask) -> String? {
        ask.request.map { "\(ask.tenant) \($0)" }
    }

    static func add(_ delta: UInt64, to time: UInt64) -> UInt64 {
        let (sum, overflow) = time.addingReportingOverflow(delta)
        return overflow ? .max : sum
    }
}
