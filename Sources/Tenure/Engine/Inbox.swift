// What waits for the writer: commands from any thread, and calls to be run on its own.

internal import CTenureSystem
internal import Dispatch
internal import Synchronization

/// The queue in front of the writer.
///
/// Bounded: past the limit commands are turned away.
final class Inbox: Sendable {
    /// The most commands that wait.
    static let commandsMax = 65_536

    /// What the writer takes at once.
    struct Load {
        var submissions: [Submission] = []
        var calls: [@Sendable (LedgerCore) -> Void] = []
        var isStopping = false

        var isEmpty: Bool { submissions.isEmpty && calls.isEmpty && !isStopping }
    }

    private let load = Mutex(Load())
    private let arrived = DispatchSemaphore(value: 0)

    /// Adds commands; those for which there is no room are returned.
    func add(_ batch: [Submission]) -> ArraySlice<Submission> {
        let (rest, wakes) = load.withLock { load in
            let wakes = load.isEmpty
            let room = max(0, Self.commandsMax - load.submissions.count)
            load.submissions.append(contentsOf: batch.prefix(room))
            return (batch.dropFirst(room), wakes)
        }
        if wakes { arrived.signal() }
        return rest
    }

    /// Has `call` run on the writer's thread.
    func add(_ call: @escaping @Sendable (LedgerCore) -> Void) {
        load.withLock { $0.calls.append(call) }
        arrived.signal()
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
