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
            let explanation = Explanation(ledger: self, history: history)
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

    func answer(to subject: ExplainSubject) -> Answer {
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

    func explain(_ id: LeaseID) -> Answer {
        let now = ledger.ask(.lease(id))
        guard case .document(let status) = ledger.ask(.status), let last = status.position else {
            return .refused(LedgerCore.unknownRefusal)
        }
        let position = Token(rawValue: id.rawValue).position
        var searched = position
        var story = LeaseStory(of: id)
        let outcome = history.read(from: position, through: last) { record in
            searched = record.position
            story.take(record.events, at: record.position, time: record.time)
            return story.goesOn
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
        guard story.grant != nil else {
            return .refused(
                Refusal(
                    .notFound,
                    "lease \(id.rawValue) was never granted by this ledger, or its record was "
                        + "pruned; check the id"
                )
            )
        }
        return .document(document(of: story, now: now, searched: searched, outcome))
    }

    private func document(
        of story: LeaseStory,
        now: Answer,
        searched: Position,
        _ outcome: LogHistory.Outcome
    ) -> Document {
        let id = story.lease
        let names = ledger.names(in: story.named)
        let place = { (told: StoryEvent) -> [Document.Field] in
            [
                .init("position", .id(told.position)), .init("time", .count(told.time.nanoseconds)),
            ]
        }
        let tell = { (told: StoryEvent) -> Document in
            .map(
                place(told) + [.init("event", .string(told.event.name))]
                    + told.event.fields { names.resources[$0] }.filter { $0.name != "token" }
            )
        }
        var fields: [Document.Field] = [.init("lease", .id(id.rawValue))]
        if case .document(let document) = now, let state = document["state"] {
            fields.append(.init("state", state))
        } else {
            fields.append(.init("state", .string("ended")))
        }
        fields += story.fields(telling: tell, place: place)
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
