// One event of every tag: drawn from a seed, and fixed ones for the golden files.

import TenureModel
import TenureStorage

extension RandomValues {
    /// An event of `tag`.
    mutating func event(_ tag: EventTag) -> Event {
        switch tag {
        case .opened: .opened(opening())
        case .grace: .grace(grace())
        case .poolSet: .poolSet(Pool(name: name(), settings: poolSettings()))
        case .poolDeleted: .poolDeleted(name: name())
        case .policyLearnt: .policyLearnt(pool: name(), policy())
        case .resourceSet: .resourceSet(declaration())
        case .resourceStateSet:
            .resourceStateSet(ResourceID(rawValue: u32()), pick(ResourceState.allCases))
        case .resourceDrained: .resourceDrained(ResourceID(rawValue: u32()), by: time())
        case .drainAdvanced: .drainAdvanced(ResourceID(rawValue: u32()), past: leaseID())
        case .breakerSet: .breakerSet(breaker())
        case .breakerCleared: .breakerCleared(breakerSubject(), reason: text())
        case .resourceDeleted: .resourceDeleted(ResourceID(rawValue: u32()))
        case .quotaSet: .quotaSet(quota())
        case .quotaDeleted: .quotaDeleted(QuotaKey(tenant: name(), kind: kind()))
        case .budgetSet: .budgetSet(budget())
        case .budgetDeleted: .budgetDeleted(tenant: name())
        case .budgetHeld: .budgetHeld(leaseID(), charge())
        case .budgetSettled:
            .budgetSettled(list { $0.settlement() })
        case .tenantLimitsSet: .tenantLimitsSet(tenantLimits())
        case .granted: .granted(grantRecord())
        case .committed: .committed(leaseID(), deadline: time(), kept: placements())
        case .renewed: .renewed(leaseID(), deadline: time())
        case .reduced: .reduced(leaseID(), by: placements())
        case .released: .released(leaseID())
        case .reclaimed:
            .reclaimed(
                list { $0.reclaimed() },
                cause: pick(ReclaimCause.allCases),
                evidence: text()
            )
        case .preempted:
            .preempted(list { $0.leaseID() }, until: time(), evidence: text())
        case .quarantineEnded: .quarantineEnded(list { $0.leaseID() })
        case .sessionOpened: .sessionOpened(session())
        case .sessionKept: .sessionKept(sessionID(), deadline: time())
        case .sessionEnded:
            .sessionEnded(sessionID(), cause: pick(ReclaimCause.allCases), evidence: text())
        case .sessionForgotten: .sessionForgotten(sessionID())
        case .answered: .answered(storedAnswer())
        case .answersForgotten: .answersForgotten(list { $0.due() })
        case .pruned, .wallClockSet: historyEvent(tag)
        case .epochRaised: .epochRaised(to: UInt16(truncatingIfNeeded: u32()), reason: text())
        case .queued: .queued(ticket())
        case .ticketProlonged: .ticketProlonged(TicketID(rawValue: u64()), until: time())
        case .ticketEnded: .ticketEnded(ticketEnd())
        case .booked: .booked(booking())
        case .bookingMoved: .bookingMoved(TicketID(rawValue: u64()), reason: text())
        case .windowPlanned, .windowBegan, .windowEnded: windowEvent(tag)
        case .grown: .grown(growthRecord())
        case .handedOver: .handedOver(handOverRecord())
        case .subleased: .subleased(subleaseRecord())
        case .leasesForgotten: .leasesForgotten(list { $0.leaseID() })
        case .refused: .refused(refusal())
        case .refusalsCounted: .refusalsCounted(list { $0.refusalCount() })
        }
    }

    private mutating func reclaimed() -> Reclaimed {
        Reclaimed(lease: leaseID(), quarantinedUntil: maybe { $0.time() })
    }

    private mutating func refusal() -> RefusalRecord {
        RefusalRecord(
            tenant: name(),
            pool: name(),
            code: pick(RefusalCode.allCases),
            limit: text(),
            message: text(200)
        )
    }

    private mutating func refusalCount() -> RefusalCount {
        RefusalCount(
            tenant: name(),
            pool: name(),
            code: pick(RefusalCode.allCases),
            limit: text(),
            count: u64()
        )
    }
}

/// Fixed events, one of every tag, whose bytes are pinned.
enum SampleEvents {
    static let all: [Event] = settings + leases + sessions + records

    private static let settings: [Event] = [
        .opened(
            Opening(
                bootID: "b",
                bootNanoseconds: 1,
                wallNanoseconds: 2,
                pidNamespace: 3,
                recovery: "T1",
                version: "0.1",
                isEstimate: true
            )
        ),
        .grace(
            Grace(
                from: LedgerTime(nanoseconds: 4),
                end: LedgerTime(nanoseconds: 5),
                milliseconds: 6,
                others: [Grace.PoolBound(pool: "gpus", milliseconds: 7)]
            )
        ),
        .poolSet(Pool(name: "gpus", settings: poolSettings)),
        .poolDeleted(name: "gpus"),
        .resourceSet(declaration),
        .resourceStateSet(ResourceID(rawValue: 7), .draining),
        .resourceDeleted(ResourceID(rawValue: 7)),
        .quotaSet(Quota(tenant: "a/b", kind: .gpu, limit: 4_000)),
        .quotaDeleted(QuotaKey(tenant: "a/b", kind: .gpu)),
    ]

    /// Events with the fields that were appended to their tag.
    static let appended: [Event] = [.quotaSet(quota)]

    static var budget: Budget {
        var budget = Budget(
            tenant: "a/b",
            since: 4,
            limit: 250_500,
            windowMilliseconds: 86_400_000,
            start: LedgerTime(nanoseconds: 5)
        )
        (budget.held, budget.spent, budget.window) = (90, 30, 2)
        return budget
    }

    static var tenantLimits: TenantLimits {
        var limits = TenantLimits(tenant: "a/b")
        limits.leases = 100
        limits.rate = 50
        limits.burst = 20
        limits.count = 3
        limits.arrival = LedgerTime(nanoseconds: 9)
        return limits
    }

    static var quota: Quota {
        var quota = Quota(tenant: "a/b", kind: .gpu, limit: 4_000)
        quota.guarantee = 3_000
        quota.borrowing = 500
        quota.weight = 7
        return quota
    }

    private static let leases: [Event] = [
        .granted(
            GrantRecord(
                lease: lease,
                stored: answer,
                why: GrantReason(
                    policyVersion: 1,
                    strategy: .bestFit,
                    considered: 9,
                    passedOver: passedOver
                )
            )
        ),
        .committed(lease.id, deadline: .never, kept: lease.placements),
        .renewed(lease.id, deadline: LedgerTime(nanoseconds: 77)),
        .reduced(lease.id, by: lease.placements),
        .released(lease.id),
        .reclaimed(
            [
                Reclaimed(lease: lease.id, quarantinedUntil: nil),
                Reclaimed(lease: lease.id, quarantinedUntil: LedgerTime(nanoseconds: 78)),
            ],
            cause: .expired,
            evidence: "late"
        ),
        .quarantineEnded([lease.id]),
    ]

    private static let sessions: [Event] = [
        .sessionOpened(
            Session(
                id: SessionID(rawValue: 0x0001_0000_0000_0009),
                token: Token(rawValue: 0x0001_0000_0000_0009),
                holder: "s",
                uid: 1_000,
                ttlMilliseconds: 5_000,
                deadline: LedgerTime(nanoseconds: 10),
                process: ProcessIdentity(pid: -2, startTicks: 3, bootID: "b", pidNamespace: 4),
                ended: .dead
            )
        ),
        .sessionKept(SessionID(rawValue: 9), deadline: LedgerTime(nanoseconds: 11)),
        .sessionEnded(SessionID(rawValue: 9), cause: .gone, evidence: "cgroup empty"),
        .sessionForgotten(SessionID(rawValue: 9)),
    ]

    private static let records: [Event] = [
        .answered(
            StoredAnswer(
                key: RequestKey(tenant: "t", id: "r"),
                body: [],
                outcome: .refused(code: "UNSATISFIABLE", message: "no"),
                position: 12,
                expires: LedgerTime(nanoseconds: 13)
            )
        ),
        .answersForgotten([
            DueEntry(
                key: DueKey(
                    time: LedgerTime(nanoseconds: 14),
                    subject: .storedAnswer,
                    id: 15
                ),
                request: RequestKey(tenant: "t", id: "r")
            )
        ]),
        .epochRaised(to: 2, reason: "cut"),
        .policyLearnt(pool: "gpus", policy),
        .tenantLimitsSet(tenantLimits), .budgetSet(budget), .budgetDeleted(tenant: "a/b"),
        .budgetHeld(
            lease.id,
            LeaseCharge(
                held: 90,
                prices: [ResourcePrice(resource: ResourceID(rawValue: 7), price: 250)]
            )
        ),
        .budgetSettled([
            Settlement(
                lease: lease.id,
                spent: 30,
                held: 60,
                until: LedgerTime(nanoseconds: 80)
            )
        ]),
        .queued(ticket),
        .ticketProlonged(ticket.id, until: LedgerTime(nanoseconds: 79)),
        .ticketEnded(
            TicketEnd(
                ticket: ticket.id,
                cause: .cancelled,
                code: .timeout,
                message: "off",
                keptUntil: LedgerTime(nanoseconds: 80),
                body: [4, 5]
            )
        ),
        .grown(
            GrowthRecord(
                lease: lease.id,
                token: Token(rawValue: 0x0001_0000_0000_0009),
                added: lease.placements,
                stored: StoredAnswer(
                    key: RequestKey(tenant: "t", id: "g"),
                    body: [4],
                    outcome: .changed(
                        .grown,
                        lease: lease.id,
                        token: Token(rawValue: 0x0001_0000_0000_0009),
                        holder: "h1",
                        deadline: lease.deadline,
                        placements: lease.placements
                    ),
                    position: 9,
                    expires: LedgerTime(nanoseconds: 17)
                ),
                why: GrantReason(
                    policyVersion: 3,
                    strategy: .firstFit,
                    considered: 1,
                    passedOver: PassedOver()
                )
            )
        ),
        .handedOver(
            HandOverRecord(
                lease: lease.id,
                token: Token(rawValue: 0x0001_0000_0000_000a),
                holder: "h2",
                uid: 1_001,
                session: SessionID(rawValue: 9),
                ttlMilliseconds: 0,
                deadline: .never,
                stored: nil
            )
        ),
        .subleased(SubleaseRecord(lease: sublease, stored: nil)),
        .leasesForgotten([lease.id]),
        .resourceDrained(ResourceID(rawValue: 7), by: LedgerTime(nanoseconds: 79)),
        .drainAdvanced(ResourceID(rawValue: 7), past: lease.id),
        .breakerSet(breaker),
        .breakerCleared(.pool("gpus"), reason: "reset"),
        .preempted([lease.id], until: LedgerTime(nanoseconds: 79), evidence: "full"),
        .booked(booking), .bookingMoved(booking.id, reason: "gone"),
        .windowPlanned(window), .windowBegan(window.id),
        .windowEnded(
            WindowEnd(window: window.id, cause: .changed, resources: [ResourceID(rawValue: 7)])
        ),
        .pruned(through: 4_711, seal: "ab12"), .wallClockSet(nanoseconds: 4_711),
        .refused(
            RefusalRecord(tenant: "t", pool: "p", code: .quota, limit: "t gpu", message: "full")
        ),
        .refusalsCounted([
            RefusalCount(tenant: "t", pool: "p", code: .quota, limit: "t gpu", count: 16)
        ]),
    ]

    static var booking: Booking {
        Booking(
            ticket: ticket,
            start: LedgerTime(nanoseconds: 82),
            freeBy: LedgerTime(nanoseconds: 83),
            placements: lease.placements
        )
    }

    static var window: Window {
        Window(
            id: WindowID(rawValue: 0x0001_0000_0000_000d),
            start: LedgerTime(nanoseconds: 84),
            end: LedgerTime(nanoseconds: 85),
            byMilliseconds: 6,
            node: "n1",
            pool: nil,
            reason: "fan",
            members: [Window.Member(resource: ResourceID(rawValue: 7), before: .cordoned)]
        )
    }

    /// The settings of a pool of the first version.
    static var poolSettings: PoolSettings {
        var settings = PoolSettings()
        settings.strategy = .firstFit
        return settings
    }

    static var breaker: Breaker {
        Breaker(
            subject: .resource(ResourceID(rawValue: 7)),
            state: .halfOpen,
            cause: "hot",
            since: LedgerTime(nanoseconds: 80),
            until: .never,
            openings: 2,
            number: 7,
            probesMax: 3,
            failures: [
                Breaker.Failure(time: LedgerTime(nanoseconds: 81), lease: lease.id, count: 1)
            ],
            probes: [lease.id]
        )
    }

    static var policy: LearntPolicy {
        LearntPolicy(
            version: 3,
            seen: 50,
            models: [[Label(name: "model", value: "H200")]],
            pressure: [12_800],
            slice: (0...100).map { $0 * 100 },
            cpuPerDevice: 8_000,
            overload: 20,
            mix: [
                LearntPolicy.Sort(
                    demand: DeviceDemand(cpu: 4_000, memory: 0, count: 1, share: 500, models: [0]),
                    count: 2_500
                )
            ]
        )
    }

    static var declaration: ResourceDeclaration {
        var request = ResourceRequest(
            name: "g0",
            pool: "gpus",
            kind: .gpu,
            capacity: 1_000,
            node: "n1"
        )
        request.labels = [Label(name: "model", value: "H200")]
        request.cost = 250
        request.detected = true
        return ResourceDeclaration(id: ResourceID(rawValue: 7), request: request)
    }

    static var passedOver: PassedOver {
        var passedOver = PassedOver()
        passedOver.room = 5
        passedOver.labels = 300
        passedOver.first = [PassedOver.Place(name: "n1", reason: .labels)]
        return passedOver
    }

    static let lease = Lease(
        id: LeaseID(rawValue: 0x0001_0000_0000_0008),
        token: Token(rawValue: 0x0001_0000_0000_0008),
        state: .held,
        deadline: LedgerTime(nanoseconds: 60_000_000_000),
        placements: [Placement(resource: ResourceID(rawValue: 7), amount: 500)],
        terms: LeaseTerms(
            pool: "gpus",
            tenant: "research/vision",
            holder: "h1",
            uid: 1_000,
            granted: LedgerTime(nanoseconds: 6),
            ttlMilliseconds: 60_000,
            lifetimeEnd: .never,
            session: nil,
            priority: .high,
            tags: [Label(name: "job", value: "17")],
            purpose: "train",
            requestID: "r",
            wasReserved: false
        )
    )

    /// Half of the lease.
    static var sublease: Lease {
        var sublease = Lease(
            id: LeaseID(rawValue: 0x0001_0000_0000_000b),
            token: Token(rawValue: 0x0001_0000_0000_000b),
            state: .held,
            deadline: .never,
            placements: [Placement(resource: ResourceID(rawValue: 7), amount: 250)],
            terms: lease.terms
        )
        sublease.parent = lease.id
        return sublease
    }
    static let ticket: Ticket = {
        let amounts = [
            ClaimAmount(kind: .gpu, amount: 2_000), ClaimAmount(kind: .cpu, amount: 500),
        ]
        var request = AcquireRequest(pool: "gpus", claims: [Claim(places: 3, amounts: amounts)])
        request.tenant = "a/b"
        request.ttlMilliseconds = 60_000
        request.priority = .high
        request.requestID = "r"
        request.strategy = .firstFit
        request.selector = [Label(name: "model", value: "H200")]
        return Ticket(
            id: TicketID(rawValue: 0x0001_0000_0000_000c),
            request: request,
            holder: "h-1",
            uid: 1_000,
            since: LedgerTime(nanoseconds: 21),
            until: LedgerTime(nanoseconds: 22)
        )
    }()

    static let answer = StoredAnswer(
        key: RequestKey(tenant: "research/vision", id: "r"),
        body: [1, 2, 3],
        outcome: .granted(
            status: 0,
            lease: lease.id,
            holder: "h1",
            deadline: lease.deadline,
            placements: lease.placements
        ),
        position: 8,
        expires: LedgerTime(nanoseconds: 3_600_000_000_000)
    )
}

extension RandomValues {
    /// An event about the history as such.
    fileprivate mutating func historyEvent(_ tag: EventTag) -> Event {
        if tag == .wallClockSet { return .wallClockSet(nanoseconds: u64()) }
        return .pruned(through: u64() >> 16, seal: text())
    }
}
