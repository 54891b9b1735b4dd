// What holders did not give back: what was reclaimed, why, and for how long nobody had used it.
//
// The last sign of life of a lease is its grant, renewal, growth, hand-over or commit, or the last
// keep-alive of its session; a process that was found dead is taken to have lived until then. From
// then to the moment at which it was taken back it was idle as far as the ledger can tell: a holder
// that dies right behind a renewal has been idle for as long as its TTL. A gap, in which nobody
// could renew, is a part of that which is told apart; the grace behind it is none.
//
// What ends in the same frame with a lease that leaked, because it was carved from it, counts too.
// A reservation that lapsed does not.

internal import TenureModel

/// Collects what was taken back.
struct LeakReport {
    /// What of a lease counts until it ends.
    private struct Life {
        let granted: LedgerTime
        /// Nothing while all that is known is that it was before the history begins.
        var sign: LedgerTime?
        var session: SessionID?
    }

    private struct Lost {
        var leases: UInt64 = 0
        var idle = AmountTime()
        var gaps = AmountTime()
    }

    /// Whose leases, with all below it; everybody's when absent.
    let tenant: String?
    /// Whether what is taken back counts.
    var isCounting = false
    /// When the history begins.
    private var start = LedgerTime.zero
    private var lives: [LeaseID: Life] = [:]
    private var sessionSigns: [SessionID: LedgerTime] = [:]
    /// The gaps, one after the other.
    private var gaps: [Range<LedgerTime>] = []
    private var lost: [QuotaKey: Lost] = [:]

    init(tenant: String? = nil) { self.tenant = tenant }

    /// Takes in what there is before the first record.
    mutating func begin(with past: borrowing PastLedger) throws {
        start = past.time
        try past.forEachHolding { lease in
            guard lease.state != .quarantined else { return }
            lives[lease.id] = Life(
                granted: lease.terms.granted,
                sign: nil,
                session: lease.terms.session
            )
        }
    }

    /// Takes in a record and the ledger before it; `tell` gets what was taken back, in order.
    mutating func note(
        _ record: PastRecord,
        in ledger: borrowing PastLedger,
        _ tell: (Document) throws -> Void
    ) throws {
        let leaked = record.leaked
        for event in record.events {
            switch event {
            case .grace(let grace): note(grace)
            case .released(let id): lives[id] = nil
            case .reclaimed(let leases, let cause, let evidence):
                for reclaimed in leases {
                    guard let life = lives.removeValue(forKey: reclaimed.lease), isCounting,
                        let lease = try ledger.lease(reclaimed.lease), lease.state.isHeld,
                        isMeant(lease.terms.tenant),
                        cause.isLeak || lease.parent.map(leaked.contains) ?? false
                    else { continue }
                    try tell(end(lease, life, cause, evidence, record, in: ledger))
                }
            default: noteSign(event, record.time)
            }
        }
    }

    /// Takes in what a holder does.
    private mutating func noteSign(_ event: Event, _ time: LedgerTime) {
        switch event {
        case .granted(let grant): begin(grant.lease, time)
        case .subleased(let sublease): begin(sublease.lease, time)
        case .committed(let id, _, _), .renewed(let id, _): lives[id]?.sign = time
        case .grown(let growth): lives[growth.lease]?.sign = time
        case .handedOver(let change):
            lives[change.lease]?.sign = time
            lives[change.lease]?.session = change.session
        case .sessionOpened(let session): sessionSigns[session.id] = time
        case .sessionKept(let id, _), .sessionEnded(let id, .dead, _),
            .sessionEnded(let id, .gone, _):
            sessionSigns[id] = time
        case .sessionForgotten(let id): sessionSigns[id] = nil
        default: break
        }
    }

    private mutating func begin(_ lease: Lease, _ time: LedgerTime) {
        lives[lease.id] = Life(granted: time, sign: time, session: lease.terms.session)
    }

    private mutating func note(_ grace: Grace) {
        let from = max(grace.from, gaps.last?.upperBound ?? .zero)
        if from < grace.end { gaps.append(from..<grace.end) }
    }

    /// Nanoseconds of gaps between two times.
    private func gaps(from begin: LedgerTime, to end: LedgerTime) -> UInt64 {
        gaps.reversed().prefix { $0.upperBound > begin }.reduce(0) { sum, gap in
            let part = gap.clamped(to: begin..<max(begin, end))
            return sum + part.upperBound.nanoseconds - part.lowerBound.nanoseconds
        }
    }

    private mutating func end(
        _ lease: Lease,
        _ life: Life,
        _ cause: ReclaimCause,
        _ evidence: String,
        _ record: PastRecord,
        in ledger: borrowing PastLedger
    ) -> Document {
        let session = life.session.flatMap { sessionSigns[$0] }
        let sign = [life.sign, session].compactMap { $0 }.max()
        let since = min(sign ?? start, record.time)
        let idle = record.time.nanoseconds - since.nanoseconds
        let gaps = gaps(from: since, to: record.time)
        let totals = ledger.state.totals(of: lease.placements)
        for total in totals {
            let owner = QuotaKey(tenant: lease.terms.tenant, kind: total.kind)
            lost[owner, default: Lost()].leases += 1
            lost[owner, default: Lost()].idle.add(total.amount, nanoseconds: idle)
            lost[owner, default: Lost()].gaps.add(total.amount, nanoseconds: gaps)
        }
        let seen = sign.flatMap(record.clock.text) ?? PastLedger.beforeHistory
        return .map([
            .init("lease", .id(lease.id.rawValue)), .init("pool", .string(lease.terms.pool)),
            .init("tenant", .string(lease.terms.tenant)),
            .init("holder", .string(lease.terms.holder)),
            .init("amounts", .map(totals.map { .init($0.kind.name, .count($0.amount)) })),
            .init("cause", .string(cause.name)),
            .init("parent", lease.parent.map { .id($0.rawValue) } ?? .null),
            .init("position", .id(record.position)),
            .init("time", .id(record.time.nanoseconds)),
            .init("wall", .optional(record.clock.text(at: record.time))),
            .init("lived", .count(record.time.milliseconds(since: life.granted))),
            .init("seen", .string(seen)), .init("idle", .count(idle / 1_000_000)),
            .init("inGaps", .count(gaps / 1_000_000)), .init("evidence", .string(evidence)),
        ])
    }

    private func isMeant(_ owner: String) -> Bool {
        tenant.map { owner == $0 || owner.hasPrefix($0 + "/") } ?? true
    }

    /// What was idle, by tenant and kind.
    var totals: [Document] {
        lost.sorted { $0.key < $1.key }.map { owner, lost in
            .map([
                .init("tenant", .string(owner.tenant)), .init("kind", .string(owner.kind.name)),
                .init("leases", .count(lost.leases)),
                .init("idleHours", .string(lost.idle.hours(of: owner.kind))),
                .init("gapHours", .string(lost.gaps.hours(of: owner.kind))),
                .init("idleUnitSeconds", .string("\(lost.idle.unitSeconds)")),
                .init("gapUnitSeconds", .string("\(lost.gaps.unitSeconds)")),
            ])
        }
    }
}

extension PastRecord {
    /// The leases and reservations that it takes back because nobody gave them back.
    fileprivate var leaked: Set<LeaseID> {
        var leaked: Set<LeaseID> = []
        for event in events {
            guard case .reclaimed(let leases, let cause, _) = event, cause.isLeak else { continue }
            leaked.formUnion(leases.map(\.lease))
        }
        return leaked
    }
}

extension ReclaimCause {
    /// Whether the holder should have given it back, and did not.
    fileprivate var isLeak: Bool {
        switch self {
        case .expired, .dead, .gone: true
        case .revoked, .closed, .preempted: false
        }
    }
}
