// Until when things are valid, and who may change them.

internal import TenureBase

extension LedgerState {
    /// The deadline with what grace adds to it.
    ///
    /// Every gap that began before the deadline and in which it was held gives the holder time
    /// after it to renew, once, and never beyond the longest life.
    func effective(
        _ deadline: LedgerTime,
        heldSince: LedgerTime,
        ttlMilliseconds: UInt64,
        lifetimeEnd: LedgerTime,
        bound: (Grace) -> UInt64
    ) -> LedgerTime {
        var end = deadline
        for grace in facts.graces {
            end = grace.prolonged(
                end,
                heldSince: heldSince,
                ttlMilliseconds: ttlMilliseconds,
                lifetimeEnd: lifetimeEnd,
                bound: bound
            )
        }
        return end
    }

    /// A gap with what the pools give after it, as their settings are now.
    func grace(from: LedgerTime, to end: LedgerTime) -> Grace {
        let gap = end.milliseconds(since: from)
        let usual = min(gap, PoolSettings().restartGrace)
        let others = pools.values.compactMap { state -> Grace.PoolBound? in
            let bound = min(gap, state.pool.settings.restartGrace)
            if bound == usual { return nil }
            return Grace.PoolBound(pool: state.pool.name, milliseconds: bound)
        }
        return Grace(
            from: from,
            end: end,
            milliseconds: usual,
            others: others.sorted { $0.pool < $1.pool }
        )
    }

    /// Remembers a gap, and forgets those before it when nothing can live by them any more.
    ///
    /// A gap counts as long as what it gave may reach into the next one, and so on.
    mutating func note(_ grace: Grace) {
        if facts.graces.allSatisfy({ $0.reach <= grace.from }) { facts.graces = [] }
        facts.graces.append(grace)
        if facts.graces.count > Limits.graces { facts.graces.removeFirst() }
    }

    /// From here on the past is told by what the wall clock shows now, in nanoseconds.
    mutating func note(wallClock wall: UInt64) {
        let then = facts.wallAtOpening(showing: wall, at: facts.time)
        facts.opening?.wallNanoseconds = then
    }

    /// When a lease falls due by its own deadline, grace included.
    func dueTime(of lease: Lease) -> LedgerTime {
        guard !lease.state.isOver else { return lease.deadline }
        return effective(
            lease.deadline,
            heldSince: lease.terms.granted,
            ttlMilliseconds: lease.terms.ttlMilliseconds,
            lifetimeEnd: lease.terms.lifetimeEnd
        ) { $0.bound(of: lease.terms.pool) }
    }

    /// When a session falls due, grace included.
    func dueTime(of session: Session) -> LedgerTime {
        // One that was opened after a gap ends after all that the gap can give.
        effective(
            session.deadline,
            heldSince: .zero,
            ttlMilliseconds: session.renewalMilliseconds,
            lifetimeEnd: .never
        ) { $0.milliseconds }
    }

    /// When the lease ends without renewal: its own deadline, its session's, its parent's or by a
    /// drain.
    ///
    /// `zero` when it has ended already.
    func end(of lease: Lease) throws(RowFault) -> LedgerTime {
        if lease.state.isOver { return .zero }
        var end = min(dueTime(of: lease), drainEnd(of: lease))
        if let id = lease.terms.session {
            guard let session = try session(id), session.ended == nil else { return .zero }
            end = min(end, dueTime(of: session))
        }
        if let id = lease.parent {
            guard let parent = try self.lease(id), parent.state.isHeld else { return .zero }
            end = min(end, try self.end(of: parent))
        }
        return end
    }

    /// Milliseconds until `end`; nothing when only an event ends it.
    func ttl(until end: LedgerTime, now: LedgerTime) -> UInt64? {
        end == .never ? nil : end.milliseconds(since: now)
    }

    /// What a reference to a lease turned out to be.
    enum Located {
        /// The token is current and the lease valid until `end`.
        case valid(Lease, end: LedgerTime)
        /// It ended: given back, past its deadline, or taken back.
        case ended
        /// The token is not the current one, or there never was such a lease.
        case refused(Refusal)
    }

    /// Finds a lease and checks its token.
    func locate(_ reference: LeaseReference, now: LedgerTime) throws(RowFault) -> Located {
        guard let lease = try lease(reference.lease) else { return try absent(reference) }
        guard reference.token == lease.token else {
            return .refused(staleToken(reference.token, of: "lease \(reference.lease.rawValue)"))
        }
        let end = try end(of: lease)
        return end > now ? .valid(lease, end: end) : .ended
    }

    /// What is known of a lease without a row.
    ///
    /// It has ended when its id can be one that was granted, which is its only token: who has that
    /// token has had the lease.
    func absent(_ reference: LeaseReference) throws(RowFault) -> Located {
        let id = Token(rawValue: reference.lease.rawValue)
        // One position gives one token: what is a session has never been a lease.
        guard wasGiven(id), try session(SessionID(rawValue: id.rawValue)) == nil,
            tickets[TicketID(rawValue: id.rawValue)] == nil,
            bookings[TicketID(rawValue: id.rawValue)] == nil,
            windows[WindowID(rawValue: id.rawValue)] == nil
        else {
            let sentence = "lease \(id.rawValue) was never granted by this ledger"
            guard isAhead(id) else {
                return .refused(Refusal(.notFound, sentence + "; check the id"))
            }
            return .refused(
                Refusal(
                    .notFound,
                    sentence + ", which has not come so far; it may be another ledger's, or this "
                        + "one was restored from an old backup",
                    limit: Refusal.newerToken
                )
            )
        }
        guard reference.token == id else {
            return .refused(staleToken(reference.token, of: "lease \(id.rawValue)"))
        }
        return .ended
    }

    /// Whether this ledger may have given the token out, as far as its bits tell.
    ///
    /// A position belongs to one epoch: a token of another one at the same position is none.
    func wasGiven(_ token: Token) -> Bool {
        guard token.position > 0, token.position <= facts.position, token.epoch > 0 else {
            return false
        }
        return token.position > facts.epochSince
            ? token.epoch == facts.epoch : token.epoch < facts.epoch
    }

    /// Whether this ledger can not have given the token out yet.
    private func isAhead(_ token: Token) -> Bool {
        token.position > facts.position || token.epoch > facts.epoch
    }

    /// The refusal of a token that is not the current one.
    func staleToken(_ token: Token, of subject: String) -> Refusal {
        if isAhead(token) {
            return Refusal(
                .fenced,
                "token \(token.rawValue) of \(subject) is newer than any this ledger gave out; "
                    + "it may be another ledger's, or this one was restored from an old backup",
                limit: Refusal.newerToken
            )
        }
        return Refusal(
            .fenced,
            "token \(token.rawValue) is not the current token of \(subject); stop using it"
        )
    }
}
