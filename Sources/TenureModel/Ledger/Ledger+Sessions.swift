// Sessions: liveness shared by many leases.

internal import TenureBase

extension LedgerState {
    func openSession(
        _ request: SessionRequest,
        caller: Caller,
        now: LedgerTime
    ) -> Decision {
        if let ttl = request.ttlMilliseconds, ttl == 0 || ttl > Limits.millisecondsMax {
            return Decision(refused: .malformed, "TTL must be 1 to \(Limits.millisecondsMax) ms")
        }
        if request.ttlMilliseconds == nil, request.process == nil {
            return Decision(
                refused: .malformed,
                "a session needs TTL or PROCESS, or nothing would ever end it"
            )
        }
        let holder = request.holder ?? caller.generatedHolder
        guard Names.isValid(holder) else {
            return Decision(refused: .malformed, "HOLDER '\(holder.printable)' is no name")
        }
        guard facts.sessions < UInt64(Limits.sessions) else {
            return Decision(
                refused: .busy,
                "there are \(Limits.sessions) sessions; close some, or share one among leases"
            )
        }
        let ttl = request.ttlMilliseconds ?? 0
        let session = Session(
            id: SessionID(rawValue: nextToken.rawValue),
            token: nextToken,
            holder: holder,
            uid: caller.uid,
            ttlMilliseconds: ttl,
            deadline: ttl == 0 ? .never : now.advanced(byMilliseconds: ttl),
            process: request.process,
            ended: nil
        )
        return Decision(
            .sessionOpened(session),
            .session(view(session, now: now, position: nextPosition))
        )
    }

    func keepSession(_ reference: SessionReference, now: LedgerTime) throws(RowFault) -> Decision {
        var session: Session
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended:
            return Decision(
                refused: .expired,
                "session \(reference.session.rawValue) has ended; open another"
            )
        case .valid(let found): session = found
        }
        // Only its process ends it.
        guard session.deadline < .never else {
            return Decision(.session(view(session, now: now, position: facts.position)))
        }
        session.deadline = max(
            session.deadline,
            now.advanced(byMilliseconds: session.renewalMilliseconds)
        )
        return Decision(
            .sessionKept(session.id, deadline: session.deadline),
            .session(view(session, now: now, position: nextPosition))
        )
    }

    func closeSession(_ reference: SessionReference, now: LedgerTime) throws(RowFault) -> Decision {
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended:
            return Decision(
                .ended(
                    Ending(
                        status: .alreadyEnded,
                        id: reference.session.rawValue,
                        isSession: true,
                        placements: [],
                        position: facts.position
                    )
                )
            )
        case .valid(let session):
            return Decision(
                .sessionEnded(session.id, cause: .closed, evidence: "closed by its holder"),
                .ended(
                    Ending(
                        status: .closed,
                        id: session.id.rawValue,
                        isSession: true,
                        placements: [],
                        position: nextPosition
                    )
                )
            )
        }
    }

    /// What it means for a session without a TTL that its process can be seen, or can not.
    ///
    /// Unseen it lives by keep-alives, as if it had a TTL; seen again, by its process alone.
    func processSeen(
        _ id: SessionID,
        _ isSeen: Bool,
        now: LedgerTime
    ) throws(RowFault) -> [Event] {
        guard let session = try session(id), session.ttlMilliseconds == 0, session.ended == nil,
            dueTime(of: session) > now, (session.deadline == .never) != isSeen
        else { return [] }
        let end = now.advanced(byMilliseconds: session.renewalMilliseconds)
        return [.sessionKept(id, deadline: isSeen ? .never : end)]
    }

    private enum LocatedSession {
        case valid(Session)
        case ended
        case refused(Refusal)
    }

    private func locate(
        _ reference: SessionReference,
        now: LedgerTime
    ) throws(RowFault) -> LocatedSession {
        let id = reference.session
        guard let session = try session(id) else {
            let token = Token(rawValue: id.rawValue)
            guard wasGiven(token), try lease(LeaseID(rawValue: id.rawValue)) == nil else {
                return .refused(
                    Refusal(
                        .notFound,
                        "session \(id.rawValue) was never opened by this ledger; check the id"
                    )
                )
            }
            return reference.token == token
                ? .ended
                : .refused(staleToken(reference.token, of: "session \(id.rawValue)"))
        }
        guard reference.token == session.token else {
            return .refused(staleToken(reference.token, of: "session \(id.rawValue)"))
        }
        return session.ended == nil && dueTime(of: session) > now ? .valid(session) : .ended
    }

    func view(_ session: Session, now: LedgerTime, position: Position) -> SessionView {
        SessionView(
            session: session.id,
            token: session.token,
            ttlMilliseconds: ttl(until: dueTime(of: session), now: now),
            position: position
        )
    }
}

extension Session {
    /// How far a keep-alive moves the deadline, if there is one, in milliseconds.
    package var renewalMilliseconds: UInt64 {
        ttlMilliseconds > 0 ? ttlMilliseconds : Limits.unseenProcessMilliseconds
    }
}
