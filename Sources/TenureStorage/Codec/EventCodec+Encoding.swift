// Events to bytes; the table is in EventCodec.swift.

internal import TenureBase
internal import TenureModel

extension FieldWriter {
    /// Appends tag, length and fields of `event`.
    mutating func event(_ event: Event) {
        u8(event.tag.rawValue)
        let start = count
        u32(0)
        fields(of: event)
        patch(UInt32(count - start - 4), at: start)
    }

    private mutating func fields(of event: Event) {
        switch event {
        case .granted(let record): granted(record)
        case .committed(let id, let deadline, let kept):
            u64(id.rawValue)
            time(deadline)
            placements(kept)
        case .renewed(let id, let deadline):
            u64(id.rawValue)
            time(deadline)
        case .reduced(let id, let parts):
            u64(id.rawValue)
            placements(parts)
        case .released(let id): u64(id.rawValue)
        case .reclaimed(let leases, let cause, let evidence): reclaimed(leases, cause, evidence)
        case .preempted(let leases, let until, let evidence):
            time(until)
            text(evidence)
            count(leases.count)
            for lease in leases { u64(lease.rawValue) }
        case .grown(let record):
            u64(record.lease.rawValue)
            u64(record.token.rawValue)
            placements(record.added)
            reason(record.why, record.stored)
            u32(record.why.learntVersion)
            candidates(record.why.candidates)
        case .handedOver(let record): handedOver(record)
        case .subleased(let record):
            u64(record.lease.id.rawValue)
            lease(record.lease)
            u64(record.lease.parent?.rawValue ?? 0)
            optionalAnswer(record.stored)
        case .quarantineEnded(let leases), .leasesForgotten(let leases):
            count(leases.count)
            for lease in leases { u64(lease.rawValue) }
        case .answered(let stored):
            requestKey(stored.key)
            answer(stored)
        case .answersForgotten(let entries):
            count(entries.count)
            for entry in entries { dueEntry(entry) }
        case .sessionOpened, .sessionKept, .sessionEnded, .sessionForgotten:
            sessionFields(of: event)
        case .queued, .ticketProlonged, .ticketEnded: ticketFields(of: event)
        case .booked, .bookingMoved: bookingFields(of: event)
        case .windowPlanned, .windowBegan, .windowEnded: windowFields(of: event)
        default: settingsFields(of: event)
        }
    }

    private mutating func sessionFields(of event: Event) {
        switch event {
        case .sessionOpened(let opened):
            u64(opened.id.rawValue)
            session(opened)
        case .sessionKept(let id, let deadline):
            u64(id.rawValue)
            time(deadline)
        case .sessionEnded(let id, let cause, let evidence):
            u64(id.rawValue)
            u8(cause.rawValue)
            text(evidence)
        case .sessionForgotten(let id): u64(id.rawValue)
        default: violated("E1: \(event.tag) is no event of a session")
        }
    }

    private mutating func settingsFields(of event: Event) {
        switch event {
        case .opened(let facts): opening(facts)
        case .grace(let gap): grace(gap)
        case .epochRaised(let epoch, let reason):
            u16(epoch)
            text(reason)
        case .pruned(let last, let seal):
            u64(last)
            text(seal)
        case .wallClockSet(let wall): u64(wall)
        case .poolSet(let pool):
            text(pool.name)
            settings(pool.settings)
            furtherSettings(pool.settings)
        case .poolDeleted(let name): text(name)
        case .policyLearnt(let pool, let learnt):
            text(pool)
            policy(learnt)
        case .resourceSet(let declaration): resource(declaration)
        case .resourceStateSet(let id, let state):
            u32(id.rawValue)
            u8(state.rawValue)
        case .resourceDrained(let id, let by):
            u32(id.rawValue)
            time(by)
        case .drainAdvanced(let id, let past):
            u32(id.rawValue)
            u64(past.rawValue)
        case .resourceDeleted(let id): u32(id.rawValue)
        case .breakerSet(let set):
            subject(set.subject)
            breaker(set)
        case .breakerCleared(let cleared, let reason):
            subject(cleared)
            text(reason)
        case .quotaSet, .quotaDeleted, .tenantLimitsSet, .budgetSet, .budgetDeleted, .budgetHeld,
            .budgetSettled:
            tenantFields(of: event)
        case .refused(let record):
            text(record.tenant)
            text(record.pool)
            text(record.code.rawValue)
            text(record.limit)
            text(record.message)
        case .refusalsCounted(let counts): refusals(counts)
        default: violated("E1: \(event.tag) has no fields")
        }
    }

    private mutating func tenantFields(of event: Event) {
        switch event {
        case .quotaSet(let quota):
            text(quota.tenant)
            kind(quota.kind)
            quotaTerms(quota)
        case .quotaDeleted(let key):
            text(key.tenant)
            kind(key.kind)
        case .tenantLimitsSet(let limits):
            text(limits.tenant)
            tenantLimits(limits)
        case .budgetSet(let set):
            text(set.tenant)
            budget(set)
        case .budgetDeleted(let tenant): text(tenant)
        case .budgetHeld(let id, let held):
            u64(id.rawValue)
            charge(held)
        case .budgetSettled(let settlements):
            count(settlements.count)
            for settled in settlements { settlement(settled) }
        default: violated("E1: \(event.tag) is no event of a tenant")
        }
    }

    private mutating func granted(_ record: GrantRecord) {
        u64(record.lease.id.rawValue)
        lease(record.lease)
        reason(record.why, record.stored)
        // Each field is there when it, or one behind it, says something.
        let why = record.why
        let isLast = why.candidates.isEmpty && why.affinities.isEmpty
        guard why.learntVersion > 0 || record.served != nil || !isLast else { return }
        u32(why.learntVersion)
        if let served = record.served {
            u64(served.ticket.rawValue)
            time(served.keptUntil)
        } else if !isLast {
            u64(0)
        }
        if isLast { return }
        candidates(why.candidates, always: true)
        affinities(of: why)
    }

    /// Appends what other leases had to do with it; nothing when they had not.
    private mutating func affinities(of why: GrantReason) {
        guard !why.affinities.isEmpty else { return }
        count(why.affinities.count)
        for rule in why.affinities { text(rule) }
        count(Int(why.passedOver.affinity))
    }

    /// Appends the best places at the end of a record; nothing when none were noted.
    private mutating func candidates(_ candidates: [Candidate], always: Bool = false) {
        guard always || !candidates.isEmpty else { return }
        count(candidates.count)
        for candidate in candidates {
            text(candidate.place)
            u64(UInt64(bitPattern: candidate.score))
        }
    }

    /// Appends why amounts come from where they do, and the answer that is kept.
    private mutating func reason(_ why: GrantReason, _ stored: StoredAnswer?) {
        u16(why.policyVersion)
        u8(why.strategy.code)
        u32(why.considered)
        count(Int(why.passedOver.room))
        count(Int(why.passedOver.labels))
        count(why.passedOver.first.count)
        for place in why.passedOver.first {
            text(place.name)
            u8(place.reason.rawValue)
        }
        optionalAnswer(stored)
    }

    private mutating func handedOver(_ record: HandOverRecord) {
        u64(record.lease.rawValue)
        u64(record.token.rawValue)
        text(record.holder)
        optionalU32(record.uid)
        optionalU64(record.session?.rawValue)
        u64(record.ttlMilliseconds)
        time(record.deadline)
        optionalAnswer(record.stored)
    }

    private mutating func optionalAnswer(_ stored: StoredAnswer?) {
        bool(stored != nil)
        guard let stored else { return }
        requestKey(stored.key)
        answer(stored)
    }

    private mutating func reclaimed(
        _ leases: [Reclaimed],
        _ cause: ReclaimCause,
        _ evidence: String
    ) {
        u8(cause.rawValue)
        text(evidence)
        count(leases.count)
        for lease in leases {
            u64(lease.lease.rawValue)
            optionalU64(lease.quarantinedUntil?.nanoseconds)
        }
    }

    private mutating func dueEntry(_ entry: DueEntry) {
        time(entry.key.time)
        u8(entry.key.subject.rawValue)
        u64(entry.key.id)
        bool(entry.request != nil)
        if let request = entry.request { requestKey(request) }
    }

    private mutating func resource(_ declaration: ResourceDeclaration) {
        let request = declaration.request
        u32(declaration.id.rawValue)
        text(request.name)
        text(request.pool)
        kind(request.kind)
        u64(request.capacity)
        optionalText(request.node)
        optionalLabels(request.labels)
        optionalU64(request.cost)
        bool(request.force)
        bool(request.detected)
    }

    private mutating func refusals(_ counts: [RefusalCount]) {
        count(counts.count)
        for entry in counts {
            text(entry.tenant)
            text(entry.pool)
            text(entry.code.rawValue)
            text(entry.limit)
            u64(entry.count)
        }
    }
}

extension Event {
    /// The tag that tells this event from others.
    var tag: EventTag {
        switch self {
        case .opened: .opened
        case .grace: .grace
        case .poolSet: .poolSet
        case .poolDeleted: .poolDeleted
        case .policyLearnt: .policyLearnt
        case .queued: .queued
        case .ticketProlonged: .ticketProlonged
        case .ticketEnded: .ticketEnded
        case .booked: .booked
        case .bookingMoved: .bookingMoved
        case .windowPlanned: .windowPlanned
        case .windowBegan: .windowBegan
        case .windowEnded: .windowEnded
        case .resourceSet: .resourceSet
        case .resourceStateSet: .resourceStateSet
        case .resourceDrained: .resourceDrained
        case .drainAdvanced: .drainAdvanced
        case .breakerSet: .breakerSet
        case .breakerCleared: .breakerCleared
        case .resourceDeleted: .resourceDeleted
        case .quotaSet: .quotaSet
        case .quotaDeleted: .quotaDeleted
        case .tenantLimitsSet: .tenantLimitsSet
        case .budgetSet: .budgetSet
        case .budgetDeleted: .budgetDeleted
        case .budgetHeld: .budgetHeld
        case .budgetSettled: .budgetSettled
        case .granted: .granted
        case .committed: .committed
        case .renewed: .renewed
        case .reduced: .reduced
        case .released: .released
        case .reclaimed: .reclaimed
        case .preempted: .preempted
        case .quarantineEnded: .quarantineEnded
        case .sessionOpened: .sessionOpened
        case .sessionKept: .sessionKept
        case .sessionEnded: .sessionEnded
        case .sessionForgotten: .sessionForgotten
        case .answered: .answered
        case .answersForgotten: .answersForgotten
        case .epochRaised: .epochRaised
        case .pruned: .pruned
        case .wallClockSet: .wallClockSet
        case .grown: .grown
        case .handedOver: .handedOver
        case .subleased: .subleased
        case .leasesForgotten: .leasesForgotten
        case .refused: .refused
        case .refusalsCounted: .refusalsCounted
        }
    }
}
