// Handing a lease over: in one frame another has it, and the token of the one before is void.
//
// The caller gets the new token, so its user is who may see it from then on. A successor that is
// another user takes the lease over by itself, with the id and token that it was told.

internal import TenureBase

extension LedgerState {
    func handOver(
        _ reference: LeaseReference,
        _ request: HandOverRequest,
        caller: Caller,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        if let fault = request.fault { return Decision(refused: .malformed, fault) }
        let known = try lease(reference.lease)
        let key = known.flatMap { requestKey(request.requestID, in: $0) }
        let body = key == nil ? [] : request.canonicalBytes(of: reference)
        if let key, let answered = try answered(key, body: body, now: now) { return answered }
        var lease: Lease
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended: return Decision(refused: .expired, endedSentence(reference))
        case .valid(let found, _): lease = found
        }
        if lease.state == .reserved {
            return Decision(
                refused: .malformed,
                "\(lease.id.rawValue) is a reservation; COMMIT it before it is handed over"
            )
        }
        let (session, ttl) = (request.session, request.ttlMilliseconds)
        if let refusal = try refusal(of: session, ttl, in: lease.terms.pool, now: now) {
            return Decision(.refused(refusal))
        }
        let wasKeptBySession = lease.terms.session != nil
        lease.terms = lease.terms.handed(to: request, caller: caller)
        lease.token = nextToken
        lease.deadline = deadline(of: lease, request, wasKeptBySession, now: now)
        return Decision(
            .handedOver(
                HandOverRecord(
                    lease: lease.id,
                    token: lease.token,
                    holder: lease.terms.holder,
                    uid: lease.terms.uid,
                    session: lease.terms.session,
                    ttlMilliseconds: lease.terms.ttlMilliseconds,
                    deadline: lease.deadline,
                    stored: key.map {
                        newAnswer($0, .changed(.handedOver, lease), body: body, now: now)
                    }
                )
            ),
            .grant(try changed(lease, .handedOver, now: now))
        )
    }

    /// When a lease that is handed over ends without renewal.
    ///
    /// What stays as it was is renewed, as the last act of the one before.
    private func deadline(
        of lease: Lease,
        _ request: HandOverRequest,
        _ wasKeptBySession: Bool,
        now: LedgerTime
    ) -> LedgerTime {
        if lease.terms.session != nil { return lease.terms.lifetimeEnd }
        let end = min(
            now.advanced(byMilliseconds: lease.terms.ttlMilliseconds),
            lease.terms.lifetimeEnd
        )
        return request.ttlMilliseconds == nil && !wasKeptBySession ? max(lease.deadline, end) : end
    }

    /// Why a lease of `pool` can not be kept alive by `session` or with `ttl`; nothing when it can.
    func refusal(
        of session: SessionID?,
        _ ttl: UInt64?,
        in pool: String,
        now: LedgerTime
    ) throws(RowFault) -> Refusal? {
        if let id = session {
            guard let session = try self.session(id), session.ended == nil,
                dueTime(of: session) > now
            else {
                return Refusal(.expired, "session \(id.rawValue) has ended; open another")
            }
        }
        return ttl.flatMap { refusal(ofTTL: $0, inPool: pool) }
    }
}

extension LeaseTerms {
    /// The terms of the next holder.
    fileprivate func handed(to request: HandOverRequest, caller: Caller) -> LeaseTerms {
        let keepsAlive = request.session == nil && request.ttlMilliseconds == nil
        return handed(
            to: request.holder ?? caller.generatedHolder,
            uid: caller.uid,
            session: keepsAlive ? session : request.session,
            ttlMilliseconds: keepsAlive ? ttlMilliseconds : request.ttlMilliseconds ?? 0
        )
    }

    /// The terms with another holder and another life.
    func handed(
        to holder: String,
        uid: UInt32?,
        session: SessionID?,
        ttlMilliseconds: UInt64
    ) -> LeaseTerms {
        LeaseTerms(
            pool: pool,
            tenant: tenant,
            holder: holder,
            uid: uid,
            granted: granted,
            ttlMilliseconds: ttlMilliseconds,
            lifetimeEnd: lifetimeEnd,
            session: session,
            priority: priority,
            tags: tags,
            purpose: purpose,
            requestID: requestID,
            wasReserved: wasReserved
        )
    }
}

extension HandOverRequest {
    /// The first thing that is malformed, as a sentence; nothing when all is well.
    var fault: String? {
        var request = AcquireRequest(
            pool: "any",
            claims: [Claim(amounts: [ClaimAmount(kind: .cpu, amount: 1)])]
        )
        request.holder = holder
        request.ttlMilliseconds = ttlMilliseconds
        request.session = session
        request.requestID = requestID
        return request.fault
    }

    /// What was asked for, every field of it in a fixed order, and of which lease.
    ///
    /// Not the body of another sort of request: see `GrowRequest`.
    func canonicalBytes(of reference: LeaseReference) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.write("")
        writer.write("HANDOVER")
        writer.write(reference.lease.rawValue)
        writer.write(reference.token.rawValue)
        writer.write(holder ?? "")
        for number in [ttlMilliseconds, session?.rawValue] {
            writer.write(UInt8(number == nil ? 0 : 1))
            writer.writeVarint(number ?? 0)
        }
        return writer.bytes
    }
}
