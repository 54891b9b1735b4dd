// What few requests say, apart from what all do and only where it is said: requests are copied at
// every step of a decision, and that costs by their size.

extension AcquireRequest {
    /// What a request says that few do.
    enum Rare: Hashable, Sendable {
        /// Nothing of it.
        case usual
        /// Some of it; never what is usual.
        indirect case said(RareTerms)

        /// What is said of it.
        var terms: RareTerms? { if case .said(let terms) = self { terms } else { nil } }

        /// Says something of it, or takes it back.
        mutating func say(_ change: (inout RareTerms) -> Void) {
            let before = terms ?? RareTerms()
            var terms = before
            change(&terms)
            // What is said is kept apart from the request, and costs more than to compare it.
            if terms == before { return }
            self = terms == RareTerms() ? .usual : .said(terms)
        }
    }

    /// What few requests say; the properties of the request tell what each means.
    struct RareTerms: Hashable, Sendable {
        var fallbackPools: [String] = []
        var poolsWithWaiters: [String: String] = [:]
        var withheld: [ResourceID: UInt64] = [:]
        var bookedRoom: [ResourceID: UInt64] = [:]
        var maxLifetimeMilliseconds: UInt64?
        var holdMilliseconds: UInt64?
        var waitMilliseconds: UInt64?
        var queueMilliseconds: UInt64?
        var within: String?
        var near: [Affinity] = []
        var away: [Affinity] = []
        var purpose: String?
        var maxCost: UInt64?
        var plan: Position?
    }

    /// The pools that are asked next, in this order, where the one before does not grant.
    ///
    /// Up to `Limits.poolsPerRequest` with the first; none with `*`.
    public var fallbackPools: [String] {
        get { rare.terms?.fallbackPools ?? [] }
        set { rare.say { $0.fallbackPools = newValue } }
    }

    /// Pools of these that grant nothing to this request because others wait there before it, with
    /// the limit that those wait for.
    package var poolsWithWaiters: [String: String] {
        get { rare.terms?.poolsWithWaiters ?? [:] }
        set { rare.say { $0.poolsWithWaiters = newValue } }
    }

    /// What is free but not for this request: it is promised to others who wait before it.
    package var withheld: [ResourceID: UInt64] {
        get { rare.terms?.withheld ?? [:] }
        set { rare.say { $0.withheld = newValue } }
    }

    /// Of these resources no more than so much is for this request, whatever is free: the rest is
    /// booked for a time that it may live into.
    package var bookedRoom: [ResourceID: UInt64] {
        get { rare.terms?.bookedRoom ?? [:] }
        set { rare.say { $0.bookedRoom = newValue } }
    }

    /// The longest life in all; the pool's when absent.
    public var maxLifetimeMilliseconds: UInt64? {
        get { rare.terms?.maxLifetimeMilliseconds }
        set { rare.say { $0.maxLifetimeMilliseconds = newValue } }
    }

    /// How long a reservation is held; makes the request a reservation.
    public var holdMilliseconds: UInt64? {
        get { rare.terms?.holdMilliseconds }
        set { rare.say { $0.holdMilliseconds = newValue } }
    }

    /// How long it waits, in milliseconds of ledger time, where it would be refused for want of
    /// capacity or quota; not at all when absent.
    ///
    /// Up to `Limits.millisecondsMax`; no part of what a request id stands for; not of a plan.
    public var waitMilliseconds: UInt64? {
        get { rare.terms?.waitMilliseconds }
        set { rare.say { $0.waitMilliseconds = newValue } }
    }

    /// How long it stays queued, in milliseconds of ledger time, where it would be refused for want
    /// of capacity or quota: it is answered at once, and keeps its place over restarts.
    ///
    /// Up to `Limits.millisecondsMax`; needs a request id or a session, by which to find out what
    /// became of it; no part of what a request id stands for; not of a plan, and not with a wait.
    public var queueMilliseconds: UInt64? {
        get { rare.terms?.queueMilliseconds }
        set { rare.say { $0.queueMilliseconds = newValue } }
    }

    /// What all parts must be in one of: `numa`, `node`, or the name of a label of resources.
    ///
    /// Places are then those of `Strategy.locality`, and no other strategy can be asked for.
    public var within: String? {
        get { rare.terms?.within }
        set { rare.say { $0.within = newValue } }
    }

    /// Leases near which every part must be: of the tenant and all below it, in the same pool.
    public var near: [Affinity] {
        get { rare.terms?.near ?? [] }
        set { rare.say { $0.near = newValue } }
    }

    /// Leases of which no part may be near; other parts as well, where the request has their tag.
    public var away: [Affinity] {
        get { rare.terms?.away ?? [] }
        set { rare.say { $0.away = newValue } }
    }

    /// What it is for, in the holder's words.
    public var purpose: String? {
        get { rare.terms?.purpose }
        set { rare.say { $0.purpose = newValue } }
    }

    /// The most that an hour of all of it may cost, in thousandths.
    public var maxCost: UInt64? {
        get { rare.terms?.maxCost }
        set { rare.say { $0.maxCost = newValue } }
    }

    /// The version of the plan that is to be granted: exactly that, or nothing.
    ///
    /// The request must otherwise be the one that was planned; no part of what a request id
    /// stands for.
    public var plan: Position? {
        get { rare.terms?.plan }
        set { rare.say { $0.plan = newValue } }
    }
}
