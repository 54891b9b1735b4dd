// What holders did not give back: what was reclaimed, why, and for how long nobody had used it.
//
// The last sign of life of a lease is its grant, renewal, growth, hand-over or commit, or the last
// keep-alive of its session; a process that was found dead is taken to have lived until then. From
// then to the moment at which it was taken back it was idle as far as the ledger can tell: a holder
// that dies right behind a renewal has been idle for as long as its TTL.

internal import TenureModel

/// Collects what was taken back.
struct LeakReport {
    /// What of a lease counts until it ends.
    private struct Life {
        let granted: LedgerTime
        var sign: LedgerTime
        var session: SessionID?
    }

    /// Whose leases, with all below it; everybody's when absent.
    let tenant: String?
    private var start: MomentPassing?
    private var lives: [LeaseID: Life] = [:]
    private var sessionSigns: [SessionID: LedgerTime] = [:]
    private var lost: [QuotaKey: Lost] = [:]

    private struct Lost {
        var leases: UInt64 = 0
        var idle = AmountTime()
    }

    init(tenant: String? = nil, from: Moment? = nil) {
        self.tenant = tenant
        start = from.map { MomentPassing(of: $0) }
    }

    /// Takes in a record and the ledger before it; `tell` gets what was taken back, in order.
    mutating func note(
        _ record: PastRecord,
        in ledger: borrowing PastLedger,
        _ tell: (Document) throws -> Void
    ) throws {
        let isMeant = start?.isPassed(by: record) ?? true
        for event in record.events {
            switch event {
            case .granted(let grant): begin(grant.lease, record.time)
            case .subleased(let sublease): begin(sublease.lease, record.time)
            case .committed(let id, _, _), .renewed(let id, _):
                lives[id]?.sign = record.time
            case .grown(let growth): lives[growth.lease]?.sign = record.time
            case .handedOver(let change):
                lives[change.lease]?.sign = record.time
                lives[change.lease]?.session = change.session
            case .sessionOpened(let session): sessionSigns[session.id] = record.time
            case .sessionKept(let id, _): sessionSigns[id] = record.time
            case .sessionEnded(let id, .dead, _), .sessionEnded(let id, .gone, _):
                sessionSigns[id] = record.time
            case .sessionForgotten(let id): sessionSigns[id] = nil
            case .released(let id): lives[id] = nil
            case .reclaimed(let leases, let cause, let evidence):
                for lease in leases {
                    guard let life = lives.removeValue(forKey: lease.lease), isMeant else {
                        continue
                    }
                    let item = try end(lease.lease, life, cause, evidence, record, in: ledger)
                    if let item { try tell(item) }
                }
            default: break
            }
        }
    }

    private mutating func begin(_ lease: Lease, _ time: LedgerTime) {
        lives[lease.id] = Life(granted: time, sign: time, session: lease.terms.session)
    }

    private mutating func end(
        _ id: LeaseID,
        _ life: Life,
        _ cause: ReclaimCause,
        _ evidence: String,
        _ record: PastRecord,
        in ledger: borrowing PastLedger
    ) throws -> Document? {
        guard cause.isLeak, let lease = try ledger.lease(id), isMeant(lease.terms.tenant) else {
            return nil
        }
        let session = life.session.flatMap { sessionSigns[$0] } ?? .zero
        let sign = max(life.sign, session)
        let idle = record.time.nanoseconds - min(sign.nanoseconds, record.time.nanoseconds)
        let totals = ledger.state.totals(of: lease.placements)
        for total in totals {
            let owner = QuotaKey(tenant: lease.terms.tenant, kind: total.kind)
            lost[owner, default: Lost()].leases += 1
            lost[owner, default: Lost()].idle.add(total.amount, nanoseconds: idle)
        }
        return .map([
            .init("lease", .id(id.rawValue)), .init("pool", .string(lease.terms.pool)),
            .init("tenant", .string(lease.terms.tenant)),
            .init("holder", .string(lease.terms.holder)),
            .init("amounts", .map(totals.map { .init($0.kind.name, .count($0.amount)) })),
            .init("cause", .string(cause.name)),
            .init("position", .id(record.position)),
            .init("time", .id(record.time.nanoseconds)),
            .init("wall", .optional(record.clock.text(at: record.time))),
            .init("lived", .count(record.time.milliseconds(since: life.granted))),
            .init("idle", .count(idle / 1_000_000)), .init("evidence", .string(evidence)),
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
                .init("idleUnitSeconds", .string("\(lost.idle.unitSeconds)")),
            ])
        }
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
