// Answers and notices that wait for the group they belong to.
//
//   A1  Nothing leaves before the durable position has reached the last position it could show.

internal import TenureBase
internal import TenureModel

/// What leaves with the group being gathered.
struct Outbox {
    private var batches: [(sink: any AnswerSink, answers: [Delivery])] = []
    private var notices: [Notice] = []
    private var subscribers: [UInt64: (sink: any NoticeSink, interest: NoticeInterest)] = [:]
    private var nextSubscriber: UInt64 = 1

    /// Whether nothing waits.
    var isEmpty: Bool { batches.isEmpty && notices.isEmpty }

    /// Adds an answer.
    mutating func add(_ answer: Answer, to submission: Submission) {
        add(Delivery(ticket: submission.ticket, answer: answer), to: submission)
    }

    /// Adds what became of a request that was answered `queued`.
    mutating func add(_ answer: Answer, of queued: TicketID, to submission: Submission) {
        let delivery = Delivery(ticket: submission.ticket, answer: answer, queued: queued)
        add(delivery, to: submission)
    }

    private mutating func add(_ delivery: Delivery, to submission: Submission) {
        // Few sinks: one for each event loop.
        if let index = batches.firstIndex(where: { $0.sink === submission.sink }) {
            batches[index].answers.append(delivery)
        } else {
            batches.append((submission.sink, [delivery]))
        }
    }

    /// Whether someone wants to hear of everything.
    var isWatched: Bool { subscribers.values.contains { $0.interest == .all } }

    /// Adds the notices of one frame, if anyone listens.
    ///
    /// `subjects` tells what the numbers in the events stand for.
    mutating func add(
        _ events: [Event],
        about subjects: EventSubjects,
        at position: Position,
        time: LedgerTime
    ) {
        guard !subscribers.isEmpty else { return }
        let wantsAll = isWatched
        for event in events where wantsAll || event.concernsHolders {
            notices += event.notices(about: subjects, at: position, time: time)
        }
    }

    /// Adds what tells holders of the moves of a plan; it is no event, so only they hear of it.
    mutating func offer(_ plan: Answer, at position: Position, time: LedgerTime) {
        guard !subscribers.isEmpty, case .document(let plan) = plan,
            case .list(let moves)? = plan["items"], case .string(let pool)? = plan["pool"]
        else { return }
        for move in moves {
            guard case .id(let lease)? = move["lease"], case .map(let fields) = move else {
                continue
            }
            let rest = ["goal", "version"].compactMap { name in
                plan[name].map { Document.Field(name, $0) }
            }
            notices.append(
                Notice(
                    position: position,
                    time: time,
                    name: Notice.offerName,
                    lease: LeaseID(rawValue: lease),
                    pool: pool,
                    tenant: nil,
                    document: .map(fields + rest)
                )
            )
        }
    }

    /// Adds a subscriber and returns its number.
    mutating func subscribe(_ sink: any NoticeSink, to interest: NoticeInterest) -> UInt64 {
        defer { nextSubscriber += 1 }
        subscribers[nextSubscriber] = (sink, interest)
        return nextSubscriber
    }

    /// Removes a subscriber.
    mutating func unsubscribe(_ id: UInt64) {
        subscribers[id] = nil
    }

    /// Hands everything out.
    mutating func deliver() {
        for batch in batches { batch.sink.deliver(batch.answers) }
        batches.removeAll(keepingCapacity: true)
        guard !notices.isEmpty else { return }
        let lost = notices.filter(\.concernsHolder)
        for id in subscribers.keys.sorted() {
            guard let subscriber = subscribers[id] else { continue }
            let wanted = subscriber.interest == .all ? notices.filter { !$0.isOffer } : lost
            if !wanted.isEmpty { subscriber.sink.notice(wanted) }
        }
        notices.removeAll(keepingCapacity: true)
    }

    /// Answers everything that waits with `refusal` instead: its fate is not known.
    mutating func fail(with refusal: Refusal) {
        for batch in batches {
            batch.sink.deliver(
                batch.answers.filter { $0.queued == nil }
                    .map { Delivery(ticket: $0.ticket, answer: .refused(refusal)) }
            )
        }
        batches.removeAll()
        notices.removeAll()
    }
}

extension Event {
    /// Whether someone lost what it held, or is told to leave.
    fileprivate var concernsHolders: Bool {
        switch self {
        case .reclaimed, .sessionEnded, .preempted: true
        default: false
        }
    }

    fileprivate func notices(
        about subjects: EventSubjects,
        at position: Position,
        time: LedgerTime
    ) -> [Notice] {
        let common: [Document.Field] = [
            .init("event", .string(name)), .init("position", .id(position)),
            .init("time", .count(time.nanoseconds)),
        ]
        let held: [LeaseID]
        let fields: [Document.Field]
        switch self {
        case .reclaimed(let reclaimed, let cause, let evidence):
            held = reclaimed.map(\.lease)
            fields = [.init("cause", .string(cause.name)), .init("evidence", .string(evidence))]
        case .preempted(let told, let until, let evidence):
            held = told
            fields = [
                .init("ttl", .count(until.milliseconds(since: time))),
                .init("evidence", .string(evidence)),
            ]
        default:
            let terms = leases.first.flatMap { subjects.leases[$0] }
            return [
                Notice(
                    position: position,
                    time: time,
                    name: name,
                    lease: leases.first,
                    pool: terms?.pool,
                    tenant: terms?.tenant,
                    document: .map(common + self.fields { subjects.resources[$0] })
                )
            ]
        }
        return held.map { lease in
            Notice(
                position: position,
                time: time,
                name: name,
                lease: lease,
                pool: subjects.leases[lease]?.pool,
                tenant: subjects.leases[lease]?.tenant,
                document: .map(common + [.init("lease", .id(lease.rawValue))] + fields)
            )
        }
    }
}

extension Notice {
    /// Whether it is for who holds the lease: it was taken back, or is to be left.
    package var concernsHolder: Bool { document["cause"] != nil || isPreemption || isOffer }

    /// What an offer of a move is called.
    static let offerName = "leaseMove"

    /// Whether it tells a holder of a better place.
    package var isOffer: Bool { name == Notice.offerName }

    /// Whether it tells a holder to leave.
    package var isPreemption: Bool { name == Event.preemptionName }
}
