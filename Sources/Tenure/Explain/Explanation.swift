// EXPLAIN: why a lease was granted where it was, what became of it, and why; from the log.
//
// The id of a lease has the position of its grant, so that its record is found without an index.
// What came after is read on from there, up to its end.

internal import Dispatch
internal import Synchronization
internal import TenureBase
public import TenureModel

extension Ledger {
    /// Tells why a lease was granted where it was and what became of it, why a request was refused,
    /// or what keeps it waiting.
    ///
    /// Reads the log from the grant on, beside the writer: O(bytes of the log between grant and
    /// end), at most eight segments; `searchedTo` says how far, when that is not the end.
    ///
    /// - Throws: `Refusal`: `NOTFOUND` when there never was such a lease or its record was pruned,
    ///   `BUSY` when too many are explained at once.
    public func explain(_ subject: ExplainSubject) async throws -> Document {
        let answer = await withCheckedContinuation { continuation in
            explain(subject) { continuation.resume(returning: $0) }
        }
        switch answer {
        case .document(let document): return document
        case .refused(let refusal): throw refusal
        default: violated("an explanation is a document or a refusal")
        }
    }

    /// Calls `body` with an explanation, on a thread of its own.
    package func explain(_ subject: ExplainSubject, _ body: @escaping @Sendable (Answer) -> Void) {
        guard let history = explainer.begin() else {
            return body(
                .refused(Refusal(.busy, "too much is being explained already; ask again later"))
            )
        }
        explainer.thread.run { [self] in
            var explanation = Explanation(ledger: self, history: history)
            let answer = explanation.answer(to: subject)
            explainer.end()
            body(answer)
        }
    }

    /// Asks the writer and waits for the answer: never on the writer's thread.
    func ask(_ query: Query) -> Answer {
        let answer = AwaitedAnswer()
        submit([
            Submission(command: .query(query), caller: .embedder, ticket: 0, sink: answer)
        ])
        return answer.cell.wait() ?? .refused(LedgerCore.unknownRefusal)
    }

    fileprivate func names(in events: [Event]) -> EventSubjects {
        onWriter { $0.subjects(of: events) } ?? EventSubjects()
    }
}

/// The thread that explains, and how much it has to do.
final class Explainer: Sendable {
    let thread: WorkThread
    private let history: LogHistory?
    private let count = Atomic<Int>(0)

    /// Without a history there is nothing to explain from.
    init(_ history: LogHistory?, on thread: WorkThread) {
        self.history = history
        self.thread = thread
    }

    /// One more is to be explained; nothing when there are too many.
    func begin() -> LogHistory? {
        guard let history else { return nil }
        guard count.add(1, ordering: .relaxed).newValue <= EngineLimits.explanations else {
            count.subtract(1, ordering: .relaxed)
            return nil
        }
        return history
    }

    /// One has been explained.
    func end() { count.subtract(1, ordering: .relaxed) }
}

/// An answer that a thread waits for.
private final class AwaitedAnswer: AnswerSink {
    let cell = ResultCell<Answer>()

    func deliver(_ answers: [Delivery]) {
        if let answer = answers.first?.answer { cell.set(answer) }
    }
}

/// One explanation in the making.
struct Explanation {
    let ledger: Ledger
    let history: LogHistory
    private var grant: PastRecord?
    private var events: [(record: PastRecord, event: Event)] = []
    private var renewals: UInt64 = 0
    private var end: (record: PastRecord, event: Event)?

    init(ledger: Ledger, history: LogHistory) {
        self.ledger = ledger
        self.history = history
    }

    mutating func answer(to subject: ExplainSubject) -> Answer {
        switch subject {
        case .lease(let id): return explain(TicketID(rawValue: id.rawValue)) ?? explain(id)
        case .request(let id, let tenant):
            switch ledger.ask(.request(id: id, tenant: tenant)) {
            case .grant(let grant): return explain(grant.lease)
            case .queued(let queued): return explain(queued.ticket) ?? Self.justEnded(queued.ticket)
            case .refused(let refusal) where refusal.code == .notFound: return .refused(refusal)
            case .refused(let refusal):
                return .document(
                    .map([
                        .init("request", .string(id)), .init("tenant", .string(tenant)),
                        .init("state", .string("refused")),
                        .init("code", .string(refusal.code.rawValue)),
                        .init("reason", .string(refusal.message)),
                    ])
                )
            case let other: return other
            }
        }
    }

    mutating func explain(_ id: LeaseID) -> Answer {
        let now = ledger.ask(.lease(id))
        guard case .document(let status) = ledger.ask(.status), let last = status.position else {
            return .refused(LedgerCore.unknownRefusal)
        }
        let position = Token(rawValue: id.rawValue).position
        var searched = position
        let outcome = history.read(from: position, through: last) { record in
            searched = record.position
            take(record, id)
            // Who was never granted has no history, and who has ended no more of it.
            return grant != nil && end == nil
        }
        if case .unreadable(let what) = outcome {
            return .refused(
                Refusal(
                    .unknown,
                    "the record of lease \(id.rawValue) can not be read: \(what); see tenure audit "
                        + "verify"
                )
            )
        }
        guard let grant else {
            return .refused(
                Refusal(
                    .notFound,
                    "lease \(id.rawValue) was never granted by this ledger, or its record was "
                        + "pruned; check the id"
                )
            )
        }
        return .document(document(id, grant, now: now, searched: searched, outcome))
    }

    private mutating func take(_ record: PastRecord, _ id: LeaseID) {
        for event in record.events where event.leases.contains(id) {
            switch event {
            case .granted: grant = record
            case .subleased(let carved) where carved.lease.id == id: grant = record
            case .renewed: renewals += 1
            case .released, .quarantineEnded: end = (record, event)
            case .reclaimed(let taken, _, _):
                let isQuarantined = taken.contains {
                    $0.lease == id && $0.quarantinedUntil != nil
                }
                if isQuarantined { keep(record, event) } else { end = (record, event) }
            default: keep(record, event)
            }
        }
    }

    private mutating func keep(_ record: PastRecord, _ event: Event) {
        if events.count < EngineLimits.explainEvents { events.append((record, event)) }
    }

    private func document(
        _ id: LeaseID,
        _ grant: PastRecord,
        now: Answer,
        searched: Position,
        _ outcome: LogHistory.Outcome
    ) -> Document {
        let granted = grant.events.filter { $0.leases.contains(id) }
        let names = ledger.names(in: granted + events.map(\.event))
        let tell = { (record: PastRecord, event: Event) -> Document in
            .map(
                [
                    .init("position", .id(record.position)),
                    .init("time", .count(record.time.nanoseconds)),
                    .init("event", .string(event.name)),
                ] + event.fields { names.resources[$0] }.filter { $0.name != "token" }
            )
        }
        var fields: [Document.Field] = [.init("lease", .id(id.rawValue))]
        if case .document(let document) = now, let state = document["state"] {
            fields.append(.init("state", state))
        } else {
            fields.append(.init("state", .string("ended")))
        }
        fields.append(.init("granted", granted.first.map { tell(grant, $0) } ?? .null))
        fields.append(.init("renewals", .count(renewals)))
        fields.append(.init("events", .list(events.map { tell($0.record, $0.event) })))
        fields.append(.init("ended", end.map { tell($0.record, $0.event) } ?? .null))
        switch outcome {
        case .cut, .missing: fields.append(.init("searchedTo", .id(searched)))
        case .found, .ended, .unreadable: break
        }
        return .map(fields)
    }
}

extension Document {
    /// The position that an answer shows.
    fileprivate var position: Position? {
        guard case .id(let position)? = self["position"] else { return nil }
        return position
    }
}
