// What waits for the writer: commands from any thread, and calls to be run on its own.

internal import CTenureSystem
internal import Dispatch
internal import Synchronization
internal import TenureModel

/// The queue in front of the writer.
///
/// Bounded: past the limit commands are turned away.
final class Inbox: Sendable {
    /// What the writer takes at once.
    struct Load {
        var submissions: [Submission] = []
        var calls: [@Sendable (LedgerCore) -> Void] = []
        /// What was found out about processes.
        var findings: [Housekeeping] = []
        /// Those whose answers nobody takes any more; some may be among `submissions`.
        var abandoned: [Abandonment] = []
        var isStopping = false
        /// Whether nobody takes anything any more.
        fileprivate(set) var isClosed = false
        /// How many commands were taken that wait all the same.
        fileprivate var backlog = 0
        /// How many commands of each user are in the part of the room that all have a share of.
        fileprivate var shares: [UInt32?: Int] = [:]

        var isEmpty: Bool {
            submissions.isEmpty && calls.isEmpty && findings.isEmpty && abandoned.isEmpty
                && !isStopping
        }
    }

    private let load = Mutex(Load())
    private let arrived = DispatchSemaphore(value: 0)

    /// What became of a batch.
    struct Rest {
        /// Those that were not taken.
        var submissions: [Submission]
        /// How many wait.
        var waiting = 0
        /// Whether they were not taken because the ledger is closed.
        var isClosed = false
    }

    /// Adds commands; those for which there is no room are returned.
    func add(_ batch: [Submission]) -> Rest {
        let (rest, wakes) = load.withLock { load in
            if load.isClosed { return (Rest(submissions: batch, isClosed: true), false) }
            let wakes = load.isEmpty
            return (load.add(batch), wakes)
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

    /// Tells the writer what was found out about a process.
    func add(_ finding: Housekeeping) {
        load.withLock { load in
            if !load.isClosed { load.findings.append(finding) }
        }
        arrived.signal()
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
    ///
    /// So many of what was taken before wait in `backlog`: they count as if they waited here.
    func take(waitingFor nanoseconds: UInt64, backlog: Int) -> Load {
        let ready = takeNow(backlog)
        if !ready.isEmpty || nanoseconds == 0 { return ready }
        let deadline = DispatchTime.now() + .nanoseconds(Int(clamping: nanoseconds))
        _ = arrived.wait(timeout: deadline)
        return takeNow(backlog)
    }

    private func takeNow(_ backlog: Int) -> Load {
        load.withLock { load in
            let taken = load
            let waiting = backlog + taken.submissions.count
            load = Load(isStopping: taken.isStopping)
            load.backlog = max(0, waiting - EngineLimits.turnCommands)
            return taken
        }
    }
}

extension Inbox.Load {
    /// Adds those for which there is room.
    fileprivate mutating func add(_ batch: [Submission]) -> Inbox.Rest {
        let limit = EngineLimits.waitingCommands
        if batch.count <= limit - backlog - submissions.count {
            submissions.append(contentsOf: batch)
            return Inbox.Rest(submissions: [])
        }
        var rest = Inbox.Rest(submissions: [])
        for submission in batch {
            rest.waiting = backlog + submissions.count
            let more = submission.command.comesFirst ? EngineLimits.waitingFirstCommands : 0
            if rest.waiting < limit + more || hasShare(submission, rest.waiting) {
                submissions.append(submission)
            } else {
                rest.submissions.append(submission)
            }
        }
        return rest
    }

    /// Whether, where so many wait, the user of a command still has a share of the room.
    private mutating func hasShare(_ submission: Submission, _ waiting: Int) -> Bool {
        let limit =
            EngineLimits.waitingCommands + EngineLimits.waitingFirstCommands
            + EngineLimits.sharedCommands
        let user = submission.caller.uid
        let count = shares[user] ?? 0
        guard waiting < limit, count < EngineLimits.sharedCommandsPerUser else { return false }
        shares[user] = count + 1
        return true
    }
}
