// Signs of life for a service manager: only as long as the ledger's writer goes round.
//
// The writer is asked by a call that no limit turns away: how much clients ask says nothing of
// whether it lives. It syncs on its own thread, so while a sync hangs it does not come by, the
// manager gets no sign and ends the daemon, whose clients could only wait. An idle ledger, and one
// whose disk is full, answers.
//
// It is asked about every second, so that nearly all of the manager's time is the writer's.

internal import NIOCore
internal import Synchronization
internal import Tenure

/// Sends signs of life.
final class Watchdog: Sendable {
    private let ledger: any ServedLedger
    private let hubs: [LoopHub]
    private let notifier: ServiceNotifier
    private let interval: TimeAmount
    private let isOver = Atomic<Bool>(false)

    /// A watchdog whose manager waits for `microseconds`; half of that, or a second, is between two
    /// signs.
    init(
        _ ledger: any ServedLedger,
        _ hubs: [LoopHub],
        _ notifier: ServiceNotifier,
        microseconds: UInt64
    ) {
        self.ledger = ledger
        self.hubs = hubs
        self.notifier = notifier
        interval = min(.microseconds(Int64(clamping: microseconds / 2)), ServerLimits.aliveInterval)
    }

    /// Begins.
    func start() { ask() }

    /// Ends: the event loops are about to.
    func end() { isOver.store(true, ordering: .relaxed) }

    private func ask() {
        if isOver.load(ordering: .relaxed) { return }
        ledger.whenWriterComesBy {
            if self.isOver.load(ordering: .relaxed) { return }
            self.pass(through: self.hubs[...])
        }
    }

    /// Goes through all event loops, so that one that hangs gives no sign either.
    private func pass(through rest: ArraySlice<LoopHub>) {
        if isOver.load(ordering: .relaxed) { return }
        guard let hub = rest.first else {
            notifier.alive()
            return pause()
        }
        hub.tell { self.pass(through: rest.dropFirst()) }
    }

    private func pause() {
        guard let hub = hubs.first else { return }
        hub.tell { hub.eventLoop.scheduleTask(in: self.interval) { self.ask() } }
    }
}
