// Bytes to events; the table is in EventCodec.swift.
//
// Fields behind those that are known stay unread: a later version may have appended them.

internal import TenureBase
internal import TenureModel

extension ByteReader {
    /// Reads the fields of the event that `tag` names.
    mutating func event(_ tag: EventTag) throws(DecodeError) -> Event {
        switch tag {
        case .granted: return .granted(try grantRecord())
        case .committed:
            let id = try leaseID()
            let deadline = try time()
            return .committed(id, deadline: deadline, kept: try placements())
        case .renewed:
            let id = try leaseID()
            return .renewed(id, deadline: try time())
        case .reduced:
            let id = try leaseID()
            return .reduced(id, by: try placements())
        case .released: return .released(try leaseID())
        case .reclaimed: return try reclaimed()
        case .preempted:
            let until = try time()
            let evidence = try readString()
            return .preempted(try leaseIDs(), until: until, evidence: evidence)
        case .grown: return .grown(try growthRecord())
        case .handedOver: return .handedOver(try handOverRecord())
        case .subleased: return .subleased(try subleaseRecord())
        case .leasesForgotten: return .leasesForgotten(try leaseIDs())
        case .quarantineEnded: return .quarantineEnded(try leaseIDs())
        case .answered:
            let key = try requestKey()
            return .answered(try answer(key))
        case .answersForgotten: return .answersForgotten(try dueEntries())
        case .sessionOpened, .sessionKept, .sessionEnded, .sessionForgotten:
            return try sessionEvent(tag)
        case .queued, .ticketProlonged, .ticketEnded: return try ticketEvent(tag)
        case .booked, .bookingMoved: return try bookingEvent(tag)
        case .windowPlanned, .windowBegan, .windowEnded: return try windowEvent(tag)
        default: return try settingsEvent(tag)
        }
    }

    private mutating func sessionEvent(_ tag: EventTag) throws(DecodeError) -> Event {
        let id = SessionID(rawValue: try read())
        switch tag {
        case .sessionOpened: return .sessionOpened(try session(id))
        case .sessionKept: return .sessionKept(id, deadline: try time())
        case .sessionEnded:
            let cause = try coded(ReclaimCause.init(rawValue:), "cause")
            return .sessionEnded(id, cause: cause, evidence: try readString())
        default: return .sessionForgotten(id)
        }
    }

    private mutating func settingsEvent(_ tag: EventTag) throws(DecodeError) -> Event {
        switch tag {
        case .opened: return .opened(try opening())
        case .grace: return .grace(try grace())
        case .epochRaised:
            let epoch: UInt16 = try read()
            return .epochRaised(to: epoch, reason: try readString())
        case .pruned:
            let last: UInt64 = try read()
            return .pruned(through: last, seal: try readString())
        case .wallClockSet: return .wallClockSet(nanoseconds: try read())
        case .poolSet:
            let name = try readString()
            var settings = try settings()
            try furtherSettings(&settings)
            return .poolSet(Pool(name: name, settings: settings))
        case .poolDeleted: return .poolDeleted(name: try readString())
        case .policyLearnt:
            let pool = try readString()
            return .policyLearnt(pool: pool, try policy())
        case .resourceSet: return .resourceSet(try declaration())
        case .resourceStateSet:
            let id = ResourceID(rawValue: try read())
            let state = try coded(ResourceState.init(rawValue:), "resource state")
            return .resourceStateSet(id, state)
        case .resourceDrained:
            let id = ResourceID(rawValue: try read())
            return .resourceDrained(id, by: try time())
        case .drainAdvanced:
            let id = ResourceID(rawValue: try read())
            return .drainAdvanced(id, past: try leaseID())
        case .breakerSet:
            let subject = try subject()
            return .breakerSet(try breaker(subject))
        case .breakerCleared:
            let subject = try subject()
            return .breakerCleared(subject, reason: try readString())
        case .resourceDeleted: return .resourceDeleted(ResourceID(rawValue: try read()))
        case .quotaSet, .quotaDeleted, .tenantLimitsSet, .budgetSet, .budgetDeleted, .budgetHeld,
            .budgetSettled:
            return try tenantEvent(tag)
        case .refused:
            let tenant = try readString()
            let pool = try readString()
            let code = try refusalCode()
            let limit = try readString()
            let message = try readString()
            return .refused(
                RefusalRecord(
                    tenant: tenant,
                    pool: pool,
                    code: code,
                    limit: limit,
                    message: message
                )
            )
        default: return .refusalsCounted(try refusalCounts())
        }
    }

    private mutating func tenantEvent(_ tag: EventTag) throws(DecodeError) -> Event {
        switch tag {
        case .quotaSet: return .quotaSet(try quota(quotaKey()))
        case .quotaDeleted: return .quotaDeleted(try quotaKey())
        case .budgetSet: return .budgetSet(try budget(readString()))
        case .budgetDeleted: return .budgetDeleted(tenant: try readString())
        case .budgetHeld:
            let id = try leaseID()
            return .budgetHeld(id, try charge())
        case .tenantLimitsSet: return .tenantLimitsSet(try tenantLimits(readString()))
        default:
            var settlements: [Settlement] = []
            for _ in 0..<(try readCount()) { settlements.append(try settlement()) }
            return .budgetSettled(settlements)
        }
    }

    mutating func leaseID() throws(DecodeError) -> LeaseID {
        LeaseID(rawValue: try read())
    }

    private mutating func leaseIDs() throws(DecodeError) -> [LeaseID] {
        var ids: [LeaseID] = []
        for _ in 0..<(try readCount()) { ids.append(try leaseID()) }
        return ids
    }

    private mutating func quotaKey() throws(DecodeError) -> QuotaKey {
        let tenant = try readString()
        return QuotaKey(tenant: tenant, kind: try kind())
    }

    private mutating func grantRecord() throws(DecodeError) -> GrantRecord {
        let lease = try lease(leaseID())
        var (why, stored) = try reason()
        guard remaining > 0 else { return GrantRecord(lease: lease, stored: stored, why: why) }
        let tail = offset
        why.learntVersion = try read()
        // A 0 is there for what is behind it, only.
        guard why.learntVersion > 0 || remaining > 0 else { throw .trailing(offset: tail) }
        let served = remaining > 0 ? try optionalServedTicket() : nil
        if remaining > 0 {
            why.candidates = try candidates()
            guard !why.candidates.isEmpty || remaining > 0 else { throw .trailing(offset: tail) }
        }
        if remaining > 0 { why = try affinities(of: why) }
        return GrantRecord(lease: lease, stored: stored, why: why, served: served)
    }

    /// The reason with what other leases had to do with it.
    private mutating func affinities(of why: GrantReason) throws(DecodeError) -> GrantReason {
        let start = offset
        var rules: [String] = []
        for _ in 0..<(try readCount()) { rules.append(try readString()) }
        guard !rules.isEmpty else { throw .trailing(offset: start) }
        var passedOver = why.passedOver
        passedOver.affinity = try number32()
        return GrantReason(
            policyVersion: why.policyVersion,
            strategy: why.strategy,
            considered: why.considered,
            passedOver: passedOver,
            learntVersion: why.learntVersion,
            candidates: why.candidates,
            affinities: rules
        )
    }

    private mutating func growthRecord() throws(DecodeError) -> GrowthRecord {
        let lease = try leaseID()
        let token = Token(rawValue: try read())
        let added = try placements()
        var (why, stored) = try reason()
        why.learntVersion = try read()
        if remaining > 0 { why.candidates = try candidates() }
        return GrowthRecord(lease: lease, token: token, added: added, stored: stored, why: why)
    }

    private mutating func handOverRecord() throws(DecodeError) -> HandOverRecord {
        let lease = try leaseID()
        let token = Token(rawValue: try read())
        let holder = try readString()
        let uid = try optionalU32()
        let session = try optionalU64().map(SessionID.init(rawValue:))
        let ttl: UInt64 = try read()
        let deadline = try time()
        return HandOverRecord(
            lease: lease,
            token: token,
            holder: holder,
            uid: uid,
            session: session,
            ttlMilliseconds: ttl,
            deadline: deadline,
            stored: try optionalAnswer()
        )
    }

    private mutating func subleaseRecord() throws(DecodeError) -> SubleaseRecord {
        var lease = try lease(leaseID())
        lease.parent = try leaseID()
        return SubleaseRecord(lease: lease, stored: try optionalAnswer())
    }

    private mutating func optionalAnswer() throws(DecodeError) -> StoredAnswer? {
        try bool() ? try answer(requestKey()) : nil
    }

    /// Why amounts come from where they do, and the answer that is kept.
    private mutating func reason() throws(DecodeError) -> (GrantReason, StoredAnswer?) {
        let policyVersion: UInt16 = try read()
        let strategy = try coded(Strategy.init(code:), "strategy")
        let considered: UInt32 = try read()
        let passedOver = try passedOver()
        let stored = try optionalAnswer()
        let why = GrantReason(
            policyVersion: policyVersion,
            strategy: strategy,
            considered: considered,
            passedOver: passedOver
        )
        return (why, stored)
    }

    private mutating func passedOver() throws(DecodeError) -> PassedOver {
        var passedOver = PassedOver()
        passedOver.room = try number32()
        passedOver.labels = try number32()
        for _ in 0..<(try readCount()) {
            let name = try readString()
            let reason = try coded(PassedOver.Reason.init(rawValue:), "reason")
            passedOver.first.append(PassedOver.Place(name: name, reason: reason))
        }
        return passedOver
    }

    private mutating func candidates() throws(DecodeError) -> [Candidate] {
        var candidates: [Candidate] = []
        for _ in 0..<(try readCount()) {
            let place = try readString()
            candidates.append(Candidate(place: place, score: Int64(bitPattern: try read())))
        }
        return candidates
    }

    private mutating func number32() throws(DecodeError) -> UInt32 {
        let start = offset
        guard let value = UInt32(exactly: try readVarint()) else {
            throw .invalid(offset: start, field: "number")
        }
        return value
    }

    private mutating func reclaimed() throws(DecodeError) -> Event {
        let cause = try coded(ReclaimCause.init(rawValue:), "cause")
        let evidence = try readString()
        var leases: [Reclaimed] = []
        for _ in 0..<(try readCount()) {
            let id = try leaseID()
            let until = try optionalU64().map(LedgerTime.init(nanoseconds:))
            leases.append(Reclaimed(lease: id, quarantinedUntil: until))
        }
        return .reclaimed(leases, cause: cause, evidence: evidence)
    }

    private mutating func dueEntries() throws(DecodeError) -> [DueEntry] {
        var entries: [DueEntry] = []
        for _ in 0..<(try readCount()) {
            let time = try time()
            let subject = try coded(DueKey.Class.init(rawValue:), "class")
            let key = DueKey(time: time, subject: subject, id: try read())
            entries.append(DueEntry(key: key, request: try bool() ? try requestKey() : nil))
        }
        return entries
    }

    private mutating func declaration() throws(DecodeError) -> ResourceDeclaration {
        let id = ResourceID(rawValue: try read())
        let name = try readString()
        let pool = try readString()
        let kind = try kind()
        let capacity: UInt64 = try read()
        var request = ResourceRequest(
            name: name,
            pool: pool,
            kind: kind,
            capacity: capacity,
            node: try optionalText()
        )
        request.labels = try optionalLabels()
        request.cost = try optionalU64()
        request.force = try bool()
        request.detected = try bool()
        return ResourceDeclaration(id: id, request: request)
    }

    private mutating func refusalCounts() throws(DecodeError) -> [RefusalCount] {
        var counts: [RefusalCount] = []
        for _ in 0..<(try readCount()) {
            let tenant = try readString()
            let pool = try readString()
            let code = try refusalCode()
            let limit = try readString()
            let count: UInt64 = try read()
            counts.append(
                RefusalCount(tenant: tenant, pool: pool, code: code, limit: limit, count: count)
            )
        }
        return counts
    }
}
