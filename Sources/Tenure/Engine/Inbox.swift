// What waits for the writer: commands from any thread, and calls to be run on its own.

internal import CTenureSystem
internal import Dispatch
internal import Synchronization

/// The queue in front of the writer.
///
/// Bounded: past the limit commands are turned away.
final class Inbox: Sendable {
    /// What the writer takes at once.
    struct Load {
        var submissions: [Submission] = []
        var calls: [@Sendable (LedgerCore) -> Void] = []
        /// Those whose answers nobody takes any more; some may be among `submissions`.
        var abandoned: [Abandonment] = []
        var isStopping = false
        /// Whether nobody takes anything any more.
        fileprivate(set) var isClosed = false

        var isEmpty: Bool {
            submissions.isEmpty && calls.isEmpty && abandoned.isEmpty && !isStopping
        }
    }

    private let load = Mutex(Load())
    private let arrived = DispatchSemaphore(value: 0)

    /// What became of a batch.
    struct Rest {
        /// Those that were not taken.
        var submissions: ArraySlice<Submission>
        /// Whether that is because the ledger is closed.
        var isClosed: Bool
    }

    /// Adds commands; those for which there is no room are returned.
    func add(_ batch: [Submission]) -> Rest {
        let (rest, wakes) = load.withLock { load in
            if load.isClosed { return (Rest(submissions: batch[...], isClosed: true), false) }
            let wakes = load.isEmpty
            let room = max(0, EngineLimits.waitingCommands - load.submissions.count)
            load.submissions.append(contentsOf: batch.prefix(room))
            return (Rest(submissions: batch.dropFirst(room), isClosed: false), wakes)
        }
        if wakes { arrived.signal() }
        return rest
    }

    /// Has `call` run on the writer's thread; false when that has ended.
    @discardableResult
    func add(_ call: @escaping @Sendable (LedgerCore) -> Void) -> Bool {
        let isOpen = load.withLock { load in
            if !load.isClosed { load.calls.append(call) }
            return !load.isClosed
        }
        if isOpen { arrived.signal() }
        return isOpen
    }

    /// Tells the writer of those who are gone; behind what they submitted.
    func abandon(_ abandoned: [Abandonment]) {
        load.withLock { load in
            if !load.isClosed { load.abandoned += abandoned }
        }
        arrived.signal()
    }

    /// Takes what is left; from now on nothing is let in.
    func close() -> Load {
        load.withLock { load in
            let taken = load
            load = Load()
            load.isClosed = true
            return taken
        }
    }

    /// Tells the writer to end after what is there.
    func stop() {
        load.withLock { $0.isStopping = true }
        arrived.signal()
    }

    /// Takes everything, waiting for at most `nanoseconds` when there is nothing.
    func take(waitingFor nanoseconds: UInt64) -> Load {
        let ready = takeNow()
        if !ready.isEmpty || nanoseconds == 0 { return ready }
        let deadline = DispatchTime.now() + .nanoseconds(Int(clamping: nanoseconds))
        _ = arrived.wait(timeout: deadline)
        return takeNow()
    }

    private func takeNow() -> Load {
        load.withLock { load in
            let taken = load
            load = Load(isStopping: taken.isStopping)
            return taken
        }
    }
}
