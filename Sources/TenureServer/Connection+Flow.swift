// The flow of one connection: decoding within bounds, batches to the ledger, answers in order.

internal import Logging
internal import NIOCore
internal import Tenure
internal import TenureModel
internal import TenureWire

extension Connection {
    /// Decodes what is there, within a turn's bounds, submits it and writes what is ready.
    func proceed() {
        var isMore = false
        // Before anything is decoded within its bounds.
        refreshStanding()
        if isOpen { isMore = decode() }
        if isInputEnded, !isMore { finish() }
        submit()
        // A client that has ended its side can not be told from one that is gone.
        if isInputEnded { callOffWait() }
        slots.takeReady(into: &output)
        flush()
        countHeld()
        noteProgress(isMore: isMore)
        holdRead(isMore)
    }

    private var isFull: Bool {
        wait != nil || informing != nil || isVerifying || isChoked
            || slots.waiting + weight >= ServerLimits.outstanding
            || slots.heldBytes + output.readableBytes >= outputLimit
            || !(context?.channel.isWritable ?? true)
    }

    /// Decodes requests; true when it stopped although there may be more.
    private func decode() -> Bool {
        defer { decoder.releaseArguments() }
        for _ in 0..<ServerLimits.commandsPerTurn {
            if isFull { return true }
            switch decoder.next(&input) {
            case .incomplete:
                if input.readableBytes == 0 { input = ByteBuffer() }
                return false
            case .request:
                hub.state.value.commands &+= 1
                answer(CommandParser.parse(decoder.arguments))
                requestBegan = nil
            case .refused(let sentence):
                reply(Refusal(.malformed, sentence))
            case .violation(let violation):
                refuse(violation)
            }
            guard isOpen else { return false }
            if output.readableBytes > ServerLimits.outputChunkBytes { flush() }
        }
        return true
    }

    private func refuse(_ violation: RequestDecoder.Violation) {
        warn(
            "closed a connection that does not speak RESP",
            [
                "reason": "\(violation.isCrossProtocol ? "cross-protocol" : "protocol")",
                "error": "\(violation.sentence)",
            ]
        )
        reply(Refusal(.malformed, "Protocol error: \(violation.sentence)"))
        finish()
    }

    private func submit() {
        guard !batch.isEmpty else { return }
        let submissions = batch
        batch.removeAll(keepingCapacity: true)
        hub.ledger.submit(submissions)
    }

    /// Keeps the time since when a request has been incomplete, while we are not the ones who wait.
    private func noteProgress(isMore: Bool) {
        if isMore || !isOpen || !decoder.isMidRequest(input) {
            requestBegan = nil
        } else if requestBegan == nil {
            requestBegan = .now()
        }
    }

    /// Stops reading while there is more than can be taken, and begins again.
    private func holdRead(_ isMore: Bool) {
        isReadHeld = isMore || isPressed
        if isMore {
            if !isFull { scheduleTurn() }
        } else if isReadWanted, !isReadHeld {
            isReadWanted = false
            context?.read()
        }
    }

    private func scheduleTurn() {
        guard !isTurnScheduled, let context else { return }
        isTurnScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isTurnScheduled = false
            self.proceed()
        }
    }

    /// Sends `command` to the ledger with the next batch.
    func send(_ command: Command) {
        if let refusal = Roles.refusal(of: command, for: standing, identity) {
            return reply(refusal)
        }
        let sequence = slots.open(version)
        if command.waits { wait = ticket(sequence) }
        if case .query(let query) = command, query.isList {
            weights[sequence] = ServerLimits.listWeight
            weight += ServerLimits.listWeight
        }
        batch.append(
            Submission(
                command: command,
                caller: caller,
                ticket: ticket(sequence),
                sink: hub,
                origin: number
            )
        )
    }

    /// Logs what a caller was not permitted, whoever has found that out.
    private func noteRefusal(in answer: Answer) {
        guard case .refused(let refusal) = answer, refusal.code == .notPermitted else { return }
        warn("a command was not permitted", ["reason": "\(refusal.message)"])
    }

    /// Keeps a place for an answer that comes later; its ticket.
    func openSlot() -> UInt64 {
        ticket(slots.open(version))
    }

    private func ticket(_ sequence: UInt64) -> UInt64 {
        number << ReplySlots.sequenceBits | sequence
    }

    /// Takes an answer of the ledger.
    func settle(_ ticket: UInt64, _ answer: Answer) {
        let sequence = ticket & ((1 << ReplySlots.sequenceBits) - 1)
        guard slots.settle(sequence, answer) else { return }
        noteRefusal(in: answer)
        if wait == ticket { wait = nil }
        if informing == ticket { informing = nil }
        if !weights.isEmpty, let weight = weights.removeValue(forKey: sequence) {
            self.weight -= weight
        }
        guard version == .three else { return }
        switch answer {
        case .grant(let grant) where grant.status != .planned:
            hub.state.value.note(grant.lease, of: self)
        case .ended(let ending) where ending.status != .reduced && ending.status != .closed:
            hub.state.value.forget(LeaseID(rawValue: ending.id))
        default: break
        }
    }

    /// Takes what became of a request that was answered `queued`, and says it; RESP3 only.
    func settleLate(_ ticket: TicketID, _ answer: Answer) {
        guard version == .three, case .map(let fields) = answer.document else { return }
        let document = Document.map([.init("ticket", .id(ticket.rawValue))] + fields)
        guard case .grant(let grant) = answer else { return push("ticket-ended", document) }
        hub.state.value.note(grant.lease, of: self)
        push("ticket-granted", document)
    }

    /// Answers at once, behind what is outstanding.
    func reply(_ write: (inout ByteBuffer) -> Void) {
        if slots.isEmpty {
            write(&output)
        } else {
            var bytes = ByteBuffer()
            write(&bytes)
            slots.append(bytes)
        }
    }

    /// Refuses at once, behind what is outstanding.
    func reply(_ refusal: Refusal) {
        noteRefusal(in: .refused(refusal))
        reply { ReplyEncoder.write(refusal, to: &$0) }
    }

    /// Says something that was not asked for; RESP3 only.
    ///
    /// A client that does not read what is pushed to it loses its connection; its leases stay.
    func push(_ name: String, _ document: Document) {
        guard isOpen, version == .three else { return }
        guard output.readableBytes < outputLimit,
            context?.channel.isWritable ?? false
        else {
            warn("closed a connection that does not read its pushes")
            return abort()
        }
        ReplyEncoder.writePush(name, document, to: &output)
    }
}

extension Query {
    /// Whether the answer can be long.
    fileprivate var isList: Bool {
        switch self {
        case .pools, .resources, .quotas, .tenants, .budgets, .leases, .breakers, .tickets,
            .optimize, .bookings, .windows:
            true
        case .pool, .resource, .quota, .tenant, .budget, .usage, .lease, .session, .request,
            .ticket, .booking, .window,
            .status:
            false
        }
    }
}
