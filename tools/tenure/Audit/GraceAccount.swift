// What gaps have added to the life of a lease or session.
//
// A deadline is what its own records say; until when it was valid follows from it and from the gaps
// in which it was held, as the ledger reckons it (Grace.prolonged).

internal import TenureModel

/// Follows a deadline and the gaps that moved it.
struct GraceAccount {
    /// A gap that moved it.
    struct Prolongation {
        let position: Position
        let grace: Grace
        /// Until when it was valid before.
        let before: LedgerTime
        /// Until when it was valid from then on, if nothing renewed it.
        let until: LedgerTime
    }

    /// Gaps that are told, at most.
    static let toldMax = 100

    /// The gaps that moved it, the first ones.
    private(set) var told: [Prolongation] = []
    /// Those that may still count, as the ledger keeps them.
    private var graces: [Grace] = []
    private var last: Position = 0
    private var deadline = LedgerTime.never
    private var heldSince = LedgerTime.zero
    private var ttlMilliseconds: UInt64 = 0
    private var lifetimeEnd = LedgerTime.never
    /// The pool whose bound counts; that of sessions without one.
    private var pool: String?

    /// Nothing is known yet, and no gap moves it.
    init() {}

    /// A lease was granted.
    mutating func begin(_ lease: Lease) {
        (deadline, heldSince) = (lease.deadline, lease.terms.granted)
        (ttlMilliseconds, lifetimeEnd) = (lease.terms.ttlMilliseconds, lease.terms.lifetimeEnd)
        pool = lease.terms.pool
    }

    /// A session was opened.
    mutating func begin(_ session: Session) {
        (deadline, ttlMilliseconds) = (session.deadline, session.renewalMilliseconds)
    }

    /// It has another TTL from here on.
    mutating func renew(ttlMilliseconds: UInt64) { self.ttlMilliseconds = ttlMilliseconds }

    /// It has this deadline from here on.
    mutating func move(to deadline: LedgerTime) { self.deadline = deadline }

    /// A gap has ended; one that was taken in before counts once.
    mutating func take(_ grace: Grace, at position: Position) {
        guard position > last else { return }
        last = position
        if graces.allSatisfy({ $0.reach <= grace.from }) { graces = [] }
        let before = graces.reduce(deadline) { prolonged($0, by: $1) }
        let until = prolonged(before, by: grace)
        graces.append(grace)
        if graces.count > Limits.graces { graces.removeFirst() }
        guard until > before, told.count < Self.toldMax else { return }
        told.append(Prolongation(position: position, grace: grace, before: before, until: until))
    }

    private func prolonged(_ end: LedgerTime, by grace: Grace) -> LedgerTime {
        grace.prolonged(
            end,
            heldSince: heldSince,
            ttlMilliseconds: ttlMilliseconds,
            lifetimeEnd: lifetimeEnd
        ) { grace in pool.map(grace.bound) ?? grace.milliseconds }
    }
}
