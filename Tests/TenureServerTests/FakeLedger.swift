// A ledger that answers what a test wants, when the test wants it.

import Dispatch
import Synchronization
import TenureServer

@testable import Tenure
@testable import TenureModel

/// Answers with made-up grants in the order of submission; can be held, and can fail.
final class FakeLedger: ServedLedger {
    private struct State {
        var isHeld = false
        var waiting: [Submission] = []
        var commands: [Command] = []
        var callers: [Caller] = []
        var batches = 0
        var position: UInt64 = 0
        var subscribers: [UInt64: (sink: any NoticeSink, interest: NoticeInterest)] = [:]
        var failureHandler: (@Sendable (LedgerFailure) -> Void)?
        var isShutDown = false
        var lastFailure: String?
        var abandoned: [UInt64] = []
        var endsWaiting = false
        var isFull = false
        var comingBy: [@Sendable () -> Void] = []
        var holdsFigures = false
        var figuresAsked = 0
    }

    private let state = Mutex(State())
    private let writer = DispatchQueue(label: "fake writer")
    private let figuresReleased = DispatchSemaphore(value: 0)

    /// Everything that was submitted.
    var commands: [Command] { state.withLock { $0.commands } }
    /// Who submitted it.
    var callers: [Caller] { state.withLock { $0.callers } }
    /// How many commands wait for their answers while it is held.
    var waitingCount: Int { state.withLock { $0.waiting.count } }
    /// In how many batches it came.
    var batches: Int { state.withLock { $0.batches } }
    /// How many listen for events.
    var subscribers: Int { state.withLock { $0.subscribers.count } }
    /// Whether it was shut down.
    var isShutDown: Bool { state.withLock { $0.isShutDown } }

    /// The tickets whose waits were called off.
    var abandoned: [UInt64] { state.withLock { $0.abandoned } }
    /// Whether all waits were ended.
    var endsWaiting: Bool { state.withLock { $0.endsWaiting } }

    func abandon(_ tickets: [UInt64], of sink: any AnswerSink) {
        state.withLock { $0.abandoned += tickets }
    }

    func explain(_ subject: ExplainSubject, _ body: @escaping @Sendable (Answer) -> Void) {
        writer.async { body(.document(.map([.init("explained", .string("\(subject)"))]))) }
    }

    /// How many wait for the writer to come by while it is held.
    var comingByCount: Int { state.withLock { $0.comingBy.count } }
    /// How often figures were asked for.
    var figuresAsked: Int { state.withLock { $0.figuresAsked } }

    func whenWriterComesBy(_ body: @escaping @Sendable () -> Void) {
        let isHeld = state.withLock { state in
            if state.isHeld { state.comingBy.append(body) }
            return state.isHeld
        }
        if !isHeld { writer.async(execute: body) }
    }

    /// From now on every command is turned away, as where too many wait.
    func fill() {
        state.withLock { $0.isFull = true }
    }

    /// From now on figures do not come before `releaseFigures()`.
    func holdFigures() {
        state.withLock { $0.holdsFigures = true }
    }

    /// Figures come again, for those who wait too.
    func releaseFigures() {
        state.withLock { $0.holdsFigures = false }
        figuresReleased.signal()
    }

    func endWaiting() {
        state.withLock { $0.endsWaiting = true }
    }

    func submit(_ batch: [Submission]) {
        let isHeld = state.withLock { state in
            state.commands += batch.map(\.command)
            state.callers += batch.map(\.caller)
            state.batches += 1
            if state.isHeld { state.waiting += batch }
            return state.isHeld
        }
        if !isHeld { writer.async { self.answer(batch) } }
    }

    /// Answers nothing until `resume()`.
    func hold() {
        state.withLock { $0.isHeld = true }
    }

    /// Answers what has waited, and everything from now on.
    func resume() {
        let (waiting, comingBy) = state.withLock { state in
            state.isHeld = false
            defer { (state.waiting, state.comingBy) = ([], []) }
            return (state.waiting, state.comingBy)
        }
        for body in comingBy { writer.async(execute: body) }
        writer.async { self.answer(waiting) }
    }

    /// Stops serving, as after a failed sync.
    func fail(_ sentence: String) {
        let handler = state.withLock { state in
            state.isHeld = true
            return state.failureHandler
        }
        handler?(LedgerFailure(sentence: sentence, exitCode: 74))
    }

    /// Tells subscribers of an event.
    func notify(_ name: String, lease: LeaseID?, pool: String?, cause: String? = nil) {
        let (subscribers, position) = state.withLock { state in
            state.position += 1
            return (state.subscribers.values, state.position)
        }
        var fields: [Document.Field] = [
            .init("event", .string(name)), .init("position", .id(position)),
            .init("lease", lease.map { .id($0.rawValue) } ?? .null), .init("token", .id(99)),
        ]
        if let cause { fields.append(.init("cause", .string(cause))) }
        let notice = Notice(
            position: position,
            time: .zero,
            name: name,
            lease: lease,
            pool: pool,
            tenant: nil,
            document: .map(fields)
        )
        for subscriber in subscribers where subscriber.interest == .all || notice.concernsHolder {
            subscriber.sink.notice([notice])
        }
    }

    func subscribe(_ sink: any NoticeSink, to interest: NoticeInterest) -> UInt64 {
        state.withLock { state in
            state.position += 1
            state.subscribers[state.position] = (sink, interest)
            return state.position
        }
    }

    func unsubscribe(_ id: UInt64) {
        state.withLock { $0.subscribers[id] = nil }
    }

    func figures() -> Document {
        let isHeld = state.withLock { state in
            state.figuresAsked += 1
            return state.holdsFigures
        }
        if isHeld {
            figuresReleased.wait()
            // For the next one who waits.
            figuresReleased.signal()
        }
        return .map([
            .init("position", .id(7)), .init("cache", .map([.init("hits", .count(3 as UInt64))])),
        ])
    }

    func onFailure(_ body: @escaping @Sendable (LedgerFailure) -> Void) {
        state.withLock { $0.failureHandler = body }
    }

    func shutdown() {
        let last = state.withLock { state in
            state.isShutDown = true
            return state.lastFailure
        }
        if let last { fail(last) }
    }

    /// Fails while it is shut down.
    func failLast(_ sentence: String) {
        state.withLock { $0.lastFailure = sentence }
    }

    private func answer(_ batch: [Submission]) {
        for submission in batch {
            let position = state.withLock { state in
                state.position += 1
                return state.position
            }
            let isFull = state.withLock { $0.isFull }
            let answer =
                isFull
                ? .refused(Refusal(.busy, "65536 commands wait already"))
                : Self.answer(submission.command, position)
            submission.sink.deliver([Delivery(ticket: submission.ticket, answer: answer)])
        }
    }

    private static func answer(_ command: Command, _ position: UInt64) -> Answer {
        switch command {
        case .acquire(let request) where request.pool == "theirs":
            return .refused(Refusal(.notPermitted, "user 7 may not act for tenant theirs"))
        case .acquire(let request) where request.pool == "full":
            return .refused(Refusal(.exhausted, "0 of 8 gpu are free in pool full"))
        case .acquire(let request):
            let placement = PlacementView(resource: "gpu0", node: "n", kind: .gpu, amount: 1_000)
            return .grant(
                Grant(
                    status: request.planOnly ? .planned : .granted,
                    lease: LeaseID(rawValue: position),
                    token: Token(rawValue: position),
                    holder: request.holder ?? "h",
                    ttlMilliseconds: request.ttlMilliseconds,
                    placements: [placement],
                    position: position,
                    replayed: false
                )
            )
        case .release(let reference, _):
            return .ended(
                Ending(
                    status: .released,
                    id: reference.lease.rawValue,
                    placements: [],
                    position: position
                )
            )
        default:
            return .document(.map([.init("position", .id(position))]))
        }
    }
}
