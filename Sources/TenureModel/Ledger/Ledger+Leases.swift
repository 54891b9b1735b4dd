// What becomes of a lease: renew, release, commit, cancel, revoke, check.

internal import TenureBase

extension LedgerState {
    func renew(
        _ reference: LeaseReference,
        ttl: UInt64?,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let lease: Lease
        let end: LedgerTime
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended: return Decision(refused: .expired, endedSentence(reference))
        case .valid(let found, let until): (lease, end) = (found, until)
        }
        if lease.terms.session != nil {
            return Decision(
                refused: .malformed,
                "lease \(lease.id.rawValue) lives by its session; use SESSION KEEPALIVE"
            )
        }
        if lease.state == .reserved {
            return Decision(
                refused: .malformed,
                "\(lease.id.rawValue) is a reservation and can not be renewed; COMMIT or CANCEL it"
            )
        }
        if let parent = lease.parent, lease.terms.ttlMilliseconds == 0 {
            return Decision(
                refused: .malformed,
                "lease \(lease.id.rawValue) lives as long as lease \(parent.rawValue), from which "
                    + "it is carved; RENEW that one"
            )
        }
        let ttl = ttl ?? lease.terms.ttlMilliseconds
        if let refusal = refusal(ofTTL: ttl, inPool: lease.terms.pool) {
            return Decision(.refused(refusal))
        }
        let drainEnd = drainEnd(of: lease)
        let wanted = min(now.advanced(byMilliseconds: ttl), lease.terms.lifetimeEnd, drainEnd)
        let deadline = max(lease.deadline, wanted)
        let changes = deadline > lease.deadline
        var renewed = lease
        renewed.deadline = deadline
        let answer = Renewal(
            lease: lease.id,
            token: lease.token,
            ttlMilliseconds: self.ttl(until: max(try self.end(of: renewed), end), now: now),
            position: changes ? nextPosition : facts.position,
            draining: drainNotice(of: lease, now: now)
        )
        return Decision(
            changes ? [.renewed(lease.id, deadline: deadline)] : [],
            .renewed(answer)
        )
    }

    func release(
        _ reference: LeaseReference,
        parts: [Part]?,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let lease: Lease
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended: return alreadyEnded(reference)
        case .valid(let found, _): lease = found
        }
        if lease.state == .reserved {
            return Decision(
                refused: .malformed,
                "\(lease.id.rawValue) is a reservation; COMMIT or CANCEL it"
            )
        }
        guard let parts else { return try released(lease, now: now) }
        let taken: [Placement]
        switch placements(of: parts, in: lease) {
        case .success(let found): taken = found
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        let rest = lease.placements.subtracting(taken)
        // What its sub-leases have comes back to it.
        if rest.isEmpty, lease.subleases.isEmpty { return try released(lease, now: now) }
        return Decision(
            try settling([lease], keeping: rest, now: now) + [.reduced(lease.id, by: taken)],
            .ended(
                Ending(
                    status: .reduced,
                    id: lease.id.rawValue,
                    placements: views(of: rest),
                    position: nextPosition
                )
            )
        )
    }

    /// Gives a lease back whole, and takes its sub-leases back.
    private func released(_ lease: Lease, now: LedgerTime) throws(RowFault) -> Decision {
        var decision = try ending(.released(lease.id), .released, lease, now: now)
        if let event = try subleasesTaken(with: lease, now: now) { decision.events.append(event) }
        decision.events += breakerEvents(ofRelease: lease.id)
        return decision
    }

    func cancel(_ reference: LeaseReference, now: LedgerTime) throws(RowFault) -> Decision {
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended: return alreadyEnded(reference)
        case .valid(let lease, _):
            guard lease.state == .reserved else { return notReserved(lease) }
            return try ending(.released(lease.id), .cancelled, lease, now: now)
        }
    }

    /// The refusal of a TTL that the pool does not allow; nothing when it does.
    func refusal(ofTTL ttl: UInt64, inPool pool: String) -> Refusal? {
        guard let settings = settings(ofPool: pool),
            ttl < settings.ttlMin || ttl > settings.ttlMax
        else { return nil }
        return Refusal(
            .malformed,
            "TTL \(ttl) ms is outside \(settings.ttlMin) to \(settings.ttlMax) ms of "
                + "pool \(pool); ask for one inside, or change ttlMin or ttlMax"
        )
    }

    func commit(
        _ reference: LeaseReference,
        parts: [Part]?,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        let lease: Lease
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended: return Decision(refused: .expired, endedSentence(reference))
        case .valid(let found, _): lease = found
        }
        guard lease.state == .reserved else {
            guard lease.terms.wasReserved else { return notReserved(lease) }
            return try committed(lease, placements: lease.placements, replayed: true, now: now)
        }
        var kept = lease.placements
        if let parts {
            switch placements(of: parts, in: lease) {
            case .success(let found): kept = found
            case .failure(let refusal): return Decision(.refused(refusal))
            }
        }
        return try committed(lease, placements: kept, replayed: false, now: now)
    }

    private func committed(
        _ lease: Lease,
        placements: [Placement],
        replayed: Bool,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        var held = lease
        held.state = .held
        if !replayed {
            let byTTL =
                lease.terms.session == nil
                ? now.advanced(byMilliseconds: lease.terms.ttlMilliseconds) : .never
            held.deadline = min(byTTL, lease.terms.lifetimeEnd)
        }
        let grant = Grant(
            status: .granted,
            lease: lease.id,
            token: lease.token,
            holder: lease.terms.holder,
            ttlMilliseconds: ttl(until: try end(of: held), now: now),
            placements: views(of: placements),
            position: replayed ? facts.position : nextPosition,
            replayed: replayed
        )
        if replayed { return Decision(.grant(grant)) }
        let isWhole = lease.placements.subtracting(placements).isEmpty
        let settled = isWhole ? [] : try settling([lease], keeping: placements, now: now)
        return Decision(
            settled + [.committed(lease.id, deadline: held.deadline, kept: placements)],
            .grant(grant)
        )
    }

    func revoke(
        _ id: LeaseID,
        reason: String,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard reason.isPlainText, !reason.isEmpty else {
            return Decision(
                refused: .malformed,
                "a reason is 1 to \(Limits.textBytes) bytes without control characters"
            )
        }
        let reference = LeaseReference(lease: id, token: Token(rawValue: id.rawValue))
        guard let lease = try lease(id) else {
            if case .refused(let refusal) = try absent(reference) {
                return Decision(.refused(refusal))
            }
            return alreadyEnded(reference)
        }
        if lease.state.isOver { return alreadyEnded(reference) }
        let event = Event.reclaimed(
            [reclaimed(lease, cause: .revoked, now: now)],
            cause: .revoked,
            evidence: reason
        )
        var decision = try ending(event, .revoked, lease, now: now)
        if let event = try subleasesTaken(with: lease, now: now) { decision.events.append(event) }
        return decision
    }

    func check(_ reference: LeaseReference, now: LedgerTime) throws(RowFault) -> Decision {
        var fields: [Document.Field] = []
        switch try locate(reference, now: now) {
        case .refused(let refusal): return Decision(.refused(refusal))
        case .ended: return Decision(refused: .expired, endedSentence(reference))
        case .valid(let lease, let end):
            fields = [
                .init("status", .string(lease.state.name)),
                .init("lease", .id(lease.id.rawValue)), .init("token", .id(lease.token.rawValue)),
                .init("ttl", ttl(until: end, now: now).map(Document.count) ?? .null),
                .init("position", .id(facts.position)),
            ]
            if let notice = drainNotice(of: lease, now: now) { fields.append(notice.field) }
        }
        return Decision(.document(.map(fields)))
    }

    // MARK: Answers they share

    private func ending(
        _ event: Event,
        _ status: Ending.Status,
        _ lease: Lease,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        var events = lease.charge == nil ? [] : try settling([lease], now: now)
        events.append(event)
        return Decision(
            events,
            .ended(
                Ending(
                    status: status,
                    id: lease.id.rawValue,
                    placements: [],
                    position: nextPosition
                )
            )
        )
    }

    /// Ending what has ended is a success: a client that lost the answer may ask again.
    private func alreadyEnded(_ reference: LeaseReference) -> Decision {
        Decision(
            .ended(
                Ending(
                    status: .alreadyEnded,
                    id: reference.lease.rawValue,
                    placements: [],
                    position: facts.position
                )
            )
        )
    }

    private func notReserved(_ lease: Lease) -> Decision {
        Decision(
            refused: .malformed,
            "\(lease.id.rawValue) is a lease, not a reservation; RELEASE it"
        )
    }

    func endedSentence(_ reference: LeaseReference) -> String {
        "lease \(reference.lease.rawValue) has ended; acquire anew"
    }

    /// The placements that parts mean, each at most what the lease holds of the resource.
    func placements(
        of parts: [Part],
        in lease: Lease
    ) -> Result<[Placement], Refusal> {
        var found: [Placement] = []
        for part in parts {
            guard let resource = resource(named: part.resource),
                let held = lease.placements.first(where: { $0.resource == resource.id })
            else {
                return .failure(
                    Refusal(.malformed, "the lease holds nothing of '\(part.resource.printable)'")
                )
            }
            if found.contains(where: { $0.resource == resource.id }) {
                return .failure(Refusal(.malformed, "\(resource.name) is named twice; add it up"))
            }
            let total = lease.placements.reduce(0) {
                $1.resource == resource.id ? $0 + $1.amount : $0
            }
            switch Result(catching: { () throws(Quantity.Fault) in
                try Quantity.parse(part.quantity, kind: resource.kind)
            }) {
            case .failure(let fault):
                return .failure(Refusal(.malformed, fault.sentence(part.quantity, resource.kind)))
            case .success(let amount) where amount > total:
                return .failure(
                    Refusal(
                        .malformed,
                        "\(part.quantity) is more than the lease holds of \(resource.name): "
                            + Quantity.text(total, kind: held.kind(in: resource))
                    )
                )
            case .success(let amount):
                found.append(Placement(resource: resource.id, amount: amount))
            }
        }
        if found.isEmpty { return .failure(Refusal(.malformed, "no part is named")) }
        return .success(found)
    }
}

extension Placement {
    fileprivate func kind(in resource: Resource) -> Kind { resource.kind }
}

extension Quantity.Fault {
    /// What is wrong with `text` as an amount of `kind`, and what would be right.
    public func sentence(_ text: String, _ kind: Kind) -> String {
        let shown = "'\(text.printable)'"
        switch self {
        case .malformed:
            return "\(shown) is no quantity of \(kind.name); write digits and a suffix, "
                + "as 500m, 2 or 32Gi"
        case .finerThanBaseUnit:
            return "\(shown) is finer than the base unit of \(kind.name), "
                + "\(kind.baseUnit.rawValue); round it"
        case .tooLarge:
            return "\(shown) is more than \(Limits.amountMax) \(kind.baseUnit.rawValue)"
        case .zero: return "\(shown) of \(kind.name) is nothing; ask for at least one base unit"
        }
    }
}

extension [Placement] {
    /// What is left of the placements without `parts`, which they cover.
    func subtracting(_ parts: [Placement]) -> [Placement] {
        var owed = parts
        return compactMap { placement in
            var rest = placement
            for index in owed.indices where owed[index].resource == placement.resource {
                let step = Swift.min(owed[index].amount, rest.amount)
                owed[index].amount -= step
                rest.amount -= step
            }
            return rest.amount > 0 ? rest : nil
        }
    }
}
