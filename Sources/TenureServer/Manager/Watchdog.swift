// Signs of life for a service manager: only as long as the ledger's writer answers.
//
// A read is asked of the writer, and its answer is durable like every other: while a sync hangs
// there is none, so the manager gets no sign and ends the daemon, whose clients could only wait. An
// idle ledger, and one whose disk is full, answers.

internal import NIOCore
internal import Synchronization
internal import Tenure
internal import TenureModel

/// Sends signs of life.
final class Watchdog: AnswerSink {
    private let ledger: any ServedLedger
    private let loops: [any EventLoop]
    private let notifier: ServiceNotifier
    private let interval: TimeAmount
    private let isOver = Atomic<Bool>(false)

    /// A watchdog whose manager waits for `microseconds`; half of that is between two signs.
    init(
        _ ledger: any ServedLedger,
        _ loops: [any EventLoop],
        _ notifier: ServiceNotifier,
        microseconds: UInt64
    ) {
        self.ledger = ledger
        self.loops = loops
        self.notifier = notifier
        interval = .microseconds(Int64(clamping: microseconds / 2))
    }

    /// Begins.
    func start() { ask() }

    /// Ends: the event loops are about to.
    func end() { isOver.store(true, ordering: .relaxed) }

    private func ask() {
        if isOver.load(ordering: .relaxed) { return }
        ledger.submit([
            Submission(command: .query(.status), caller: .embedder, ticket: 0, sink: self)
        ])
    }

    func deliver(_ answers: [Delivery]) {
        if isOver.load(ordering: .relaxed) { return }
        // A refusal comes from where commands wait, and says nothing of the writer.
        if case .document? = answers.first?.answer { pass(through: loops[...]) } else { pause() }
    }

    /// Goes through all event loops, so that one that hangs gives no sign either.
    private func pass(through rest: ArraySlice<any EventLoop>) {
        if isOver.load(ordering: .relaxed) { return }
        guard let loop = rest.first else {
            notifier.alive()
            return pause()
        }
        loop.execute { self.pass(through: rest.dropFirst()) }
    }

    private func pause() {
        loops.first?.scheduleTask(in: interval) { self.ask() }
    }
}
