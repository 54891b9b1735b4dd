// Leases, sessions and stored answers: written the same way in events and in rows.
//
//   lease    token u64 · state u8 · deadline u64 · placements · terms
//   terms    pool text · tenant text · holder text · uid optional u32 · granted u64 · TTL ms u64
//            · end of life u64 · session optional u64 · priority u8 · tags · purpose optional text
//            · request id optional text · was reserved u8
//   session  token u64 · holder text · uid optional u32 · TTL ms u64 · deadline u64
//            · process optional (pid u32 · start u64 · boot text · namespace u64)
//            · ended optional u8
//   answer   body bytes · position u64 · expires u64 · outcome u8:
//              0 granted  status u8 · lease u64 · holder text · deadline u64 · placements
//              1 refused  code text · message text
//              2 changed  change u8 · lease u64 · token u64 · holder text · deadline u64
//                         · placements
//   placements: count, then for each resource u32 · amount u64
//   tags, labels: count, then for each name text · value text
//
// Ids and keys are not part of these: a row has them in its key, an event in front.

internal import TenureBase
internal import TenureModel

extension FieldWriter {
    mutating func lease(_ lease: Lease) {
        u64(lease.token.rawValue)
        u8(lease.state.rawValue)
        time(lease.deadline)
        placements(lease.placements)
        terms(lease.terms)
    }

    private mutating func terms(_ terms: LeaseTerms) {
        text(terms.pool)
        text(terms.tenant)
        text(terms.holder)
        optionalU32(terms.uid)
        time(terms.granted)
        u64(terms.ttlMilliseconds)
        time(terms.lifetimeEnd)
        optionalU64(terms.session?.rawValue)
        u8(terms.priority.rawValue)
        labels(terms.tags)
        optionalText(terms.purpose)
        optionalText(terms.requestID)
        bool(terms.wasReserved)
    }

    mutating func session(_ session: Session) {
        u64(session.token.rawValue)
        text(session.holder)
        optionalU32(session.uid)
        u64(session.ttlMilliseconds)
        time(session.deadline)
        process(session.process)
        bool(session.ended != nil)
        if let cause = session.ended { u8(cause.rawValue) }
    }

    mutating func answer(_ answer: StoredAnswer) {
        counted(answer.body)
        u64(answer.position)
        time(answer.expires)
        switch answer.outcome {
        case .granted(let status, let lease, let holder, let deadline, let placed):
            u8(0)
            u8(status)
            u64(lease.rawValue)
            text(holder)
            time(deadline)
            placements(placed)
        case .refused(let code, let message):
            u8(1)
            text(code)
            text(message)
        case .changed(let change, let lease, let token, let holder, let deadline, let placed):
            u8(2)
            u8(change.rawValue)
            u64(lease.rawValue)
            u64(token.rawValue)
            text(holder)
            time(deadline)
            placements(placed)
        }
    }
}

extension ByteReader {
    mutating func lease(_ id: LeaseID) throws(DecodeError) -> Lease {
        let token = Token(rawValue: try read())
        let state = try coded(LeaseState.init(rawValue:), "lease state")
        let deadline = try time()
        let placements = try placements()
        return Lease(
            id: id,
            token: token,
            state: state,
            deadline: deadline,
            placements: placements,
            terms: try terms()
        )
    }

    private mutating func terms() throws(DecodeError) -> LeaseTerms {
        let pool = try readString()
        let tenant = try readString()
        let holder = try readString()
        let uid = try optionalU32()
        let granted = try time()
        let ttl: UInt64 = try read()
        let lifetimeEnd = try time()
        let session = try optionalU64().map(SessionID.init(rawValue:))
        let priority = try coded(Priority.init(rawValue:), "priority")
        let tags = try labels()
        let purpose = try optionalText()
        let requestID = try optionalText()
        return LeaseTerms(
            pool: pool,
            tenant: tenant,
            holder: holder,
            uid: uid,
            granted: granted,
            ttlMilliseconds: ttl,
            lifetimeEnd: lifetimeEnd,
            session: session,
            priority: priority,
            tags: tags,
            purpose: purpose,
            requestID: requestID,
            wasReserved: try bool()
        )
    }

    mutating func session(_ id: SessionID) throws(DecodeError) -> Session {
        let token = Token(rawValue: try read())
        let holder = try readString()
        let uid = try optionalU32()
        let ttl: UInt64 = try read()
        let deadline = try time()
        let process = try process()
        let ended = try bool() ? try coded(ReclaimCause.init(rawValue:), "cause") : nil
        return Session(
            id: id,
            token: token,
            holder: holder,
            uid: uid,
            ttlMilliseconds: ttl,
            deadline: deadline,
            process: process,
            ended: ended
        )
    }

    mutating func answer(_ key: RequestKey) throws(DecodeError) -> StoredAnswer {
        let body = try readCounted()
        let position: UInt64 = try read()
        let expires = try time()
        return StoredAnswer(
            key: key,
            body: body,
            outcome: try outcome(),
            position: position,
            expires: expires
        )
    }

    private mutating func outcome() throws(DecodeError) -> StoredAnswer.Outcome {
        let start = offset
        switch try read(UInt8.self) {
        case 0:
            let status: UInt8 = try read()
            let lease = LeaseID(rawValue: try read())
            let holder = try readString()
            let deadline = try time()
            return .granted(
                status: status,
                lease: lease,
                holder: holder,
                deadline: deadline,
                placements: try placements()
            )
        case 1:
            let code = try readString()
            return .refused(code: code, message: try readString())
        case 2:
            let change = try coded(LeaseChange.init(rawValue:), "change")
            let lease = LeaseID(rawValue: try read())
            let token = Token(rawValue: try read())
            let holder = try readString()
            let deadline = try time()
            return .changed(
                change,
                lease: lease,
                token: token,
                holder: holder,
                deadline: deadline,
                placements: try placements()
            )
        default:
            throw .invalid(offset: start, field: "outcome")
        }
    }
}
