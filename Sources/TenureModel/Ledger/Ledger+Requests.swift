// Request ids: the same id and body gives the stored answer, another body a conflict (I7).

internal import TenureBase

extension LedgerState {
    /// The answer that the request's id already has, or nothing when it is new.
    ///
    /// `identity` learns what an answer of it has to make room for.
    func answered(
        _ request: AcquireRequest,
        _ identity: inout Identity,
        now: LedgerTime
    ) throws(RowFault) -> Decision? {
        guard let id = request.requestID else { return nil }
        let key = RequestKey(tenant: request.tenant, id: id)
        return try answered(key, &identity, now: now)
    }

    /// The answer that `key` already has, or nothing when it is new: for requests that do not wait.
    func answered(
        _ key: RequestKey,
        body: [UInt8],
        now: LedgerTime
    ) throws(RowFault) -> Decision? {
        var identity = Identity(ticket: nil)
        identity.body = body
        if let answered = try answered(key, &identity, now: now) { return answered }
        if identity.superseded.isEmpty { return nil }
        return Decision(
            refused: .conflict,
            "request id \(key.id.printable) of tenant \(key.tenant) was used by a request that "
                + "waited; use a new id"
        )
    }

    private func answered(
        _ key: RequestKey,
        _ identity: inout Identity,
        now: LedgerTime
    ) throws(RowFault) -> Decision? {
        let id = key.id
        if let ticket = tickets[key] {
            guard ticket.request.canonicalBytes == identity.body else {
                return Decision(
                    refused: .conflict,
                    "a request of tenant \(key.tenant) with this id and another body is "
                        + "queued; use a new id"
                )
            }
            return Decision(queued(ticket, now: now))
        }
        if let booking = bookings[key] {
            guard booking.canonicalBytes == identity.body else {
                return Decision(
                    refused: .conflict,
                    "a booking of tenant \(key.tenant) has this id and another body; use a new id"
                )
            }
            return Decision(.document(answer(to: booking, replayed: true, now: now)))
        }
        if let stored = try storedAnswer(key) {
            guard stored.outcome.isBinding else {
                identity.superseded = try superseded(key)
                return nil
            }
            guard stored.body == identity.body else {
                return Decision(
                    refused: .conflict,
                    "request id \(id.printable) of tenant \(key.tenant) was used with another "
                        + "body at position \(stored.position); use a new id"
                )
            }
            return Decision(repeated(stored, now: now))
        }
        if isTooOld(id, now: now) {
            return Decision(
                refused: .requestTooOld,
                "request id \(id.printable) is older than the "
                    + "\(Limits.requestWindowMilliseconds) ms for which answers are kept; whether "
                    + "it was granted can not be told from it"
            )
        }
        if facts.storedAnswers >= UInt64(Limits.storedAnswers) {
            return Decision(
                refused: .busy,
                "\(Limits.storedAnswers) answers are kept for request ids; retry when some are "
                    + "older than \(Limits.requestWindowMilliseconds) ms"
            )
        }
        return nil
    }

    /// A stored answer as it is given now.
    func repeated(_ stored: StoredAnswer, now: LedgerTime) -> Answer {
        switch stored.outcome {
        case .granted(let status, let lease, let holder, let deadline, let placements):
            return .grant(
                Grant(
                    status: status == LeaseState.reserved.rawValue ? .reserved : .granted,
                    lease: lease,
                    token: Token(rawValue: lease.rawValue),
                    holder: holder,
                    ttlMilliseconds: ttl(until: deadline, now: now),
                    placements: views(of: placements),
                    position: stored.position,
                    replayed: true
                )
            )
        case .changed(let change, let lease, let token, let holder, let deadline, let placements):
            return .grant(
                Grant(
                    status: change.status,
                    lease: lease,
                    token: token,
                    holder: holder,
                    ttlMilliseconds: ttl(until: deadline, now: now),
                    placements: views(of: placements),
                    position: stored.position,
                    replayed: true
                )
            )
        case .refused(let code, let message):
            return .refused(Refusal(RefusalCode(rawValue: code) ?? .unknown, message))
        }
    }

    /// The answer that the frame of the decision keeps for `key`.
    func newAnswer(
        _ key: RequestKey,
        _ outcome: StoredAnswer.Outcome,
        body: [UInt8],
        now: LedgerTime
    ) -> StoredAnswer {
        StoredAnswer(
            key: key,
            body: body,
            outcome: outcome,
            position: nextPosition,
            expires: now.advanced(byMilliseconds: Limits.requestWindowMilliseconds)
        )
    }

    /// Whether `id` is a time-ordered id (UUIDv7) from before the window.
    private func isTooOld(_ id: String, now: LedgerTime) -> Bool {
        guard let made = Self.uuidV7Milliseconds(id), let opening = facts.opening else {
            return false
        }
        let sinceOpening = now.milliseconds(since: facts.openedAt)
        let wall = (opening.wallNanoseconds / 1_000_000).addingReportingOverflow(sinceOpening)
        return !wall.overflow && made < wall.partialValue
            && wall.partialValue - made > Limits.requestWindowMilliseconds
    }

    /// The milliseconds since 1970 in a UUIDv7 (RFC 9562, section 5.7).
    static func uuidV7Milliseconds(_ id: String) -> UInt64? {
        let bytes = Array(id.utf8)
        // A sign would pass for a digit below.
        guard bytes.count == 36, bytes[0] != 0x2b, bytes[8] == 0x2d, bytes[13] == 0x2d,
            bytes[18] == 0x2d, bytes[23] == 0x2d, bytes[14] == 0x37
        else { return nil }
        return UInt64(String(decoding: bytes[0..<8] + bytes[9..<13], as: UTF8.self), radix: 16)
    }
}

extension AcquireRequest {
    /// What was asked for, every field of it in a fixed order: equal for equal bodies only.
    ///
    /// How long to wait for it is not among them: who asks again may have less patience.
    package var canonicalBytes: [UInt8] {
        var writer = ByteWriter(capacity: 96)
        writer.write(pool)
        writer.write(claims)
        writer.write(tenant)
        writer.write(holder ?? "")
        for number in [
            ttlMilliseconds, session?.rawValue, maxLifetimeMilliseconds, holdMilliseconds,
        ] {
            writer.write(UInt8(number == nil ? 0 : 1))
            writer.writeVarint(number ?? 0)
        }
        writer.write(priority.rawValue)
        writer.write(strategy?.rawValue ?? "")
        for labels in [selector, tags] { writer.write(labels) }
        writer.write(purpose ?? "")
        writeLaterFields(to: &writer)
        return writer.bytes
    }

    /// Fields that came later, each behind its number; nothing for those that are not given, so
    /// that bodies which were stored before stay what they were.
    private func writeLaterFields(to writer: inout ByteWriter) {
        if !fallbackPools.isEmpty {
            writer.write(UInt8(1))
            writer.writeVarint(UInt64(fallbackPools.count))
            for pool in fallbackPools { writer.write(pool) }
        }
        for (claim, amounts) in claims.map(\.amounts).enumerated() {
            for (index, amount) in amounts.enumerated() {
                guard let most = amount.most else { continue }
                writer.write(UInt8(2))
                writer.writeVarint(UInt64(claim))
                writer.writeVarint(UInt64(index))
                writer.writeVarint(most)
            }
        }
        if let maxCost {
            writer.write(UInt8(3))
            writer.writeVarint(maxCost)
        }
        if let within {
            writer.write(UInt8(30))
            writer.write(within)
        }
        for rule in near { rule.write(as: 31, to: &writer) }
        for rule in away { rule.write(as: 32, to: &writer) }
    }
}

extension Affinity {
    fileprivate func write(as number: UInt8, to writer: inout ByteWriter) {
        writer.write(number)
        writer.write([tag])
        writer.write(level)
    }
}

extension ByteWriter {
    /// Appends claims as the body of a request has them.
    mutating func write(_ claims: [Claim]) {
        writeVarint(UInt64(claims.count))
        for claim in claims {
            writeVarint(UInt64(claim.places))
            writeVarint(UInt64(claim.amounts.count))
            for amount in claim.amounts {
                write(amount.kind.name)
                writeVarint(amount.amount)
            }
        }
    }

    /// Appends labels as the body of a request has them.
    mutating func write(_ labels: [Label]) {
        writeVarint(UInt64(labels.count))
        for label in labels {
            write(label.name)
            write(label.value)
        }
    }
}
