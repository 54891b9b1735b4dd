// A thread that runs what it is given, in order. Swift tasks move between threads; LMDB's write
// transactions and the writer do not.

internal import Dispatch
internal import Synchronization
internal import TenureThreads

/// One thread with a queue of work.
final class WorkThread: Sendable {
    private struct Queue {
        var work: [@Sendable () -> Void] = []
        var pauseWork: (@Sendable () -> UInt64?)?
        var isStopping = false
    }

    private let queue = Mutex(Queue())
    private let available = DispatchSemaphore(value: 0)
    private let thread = Mutex<SystemThread?>(nil)

    /// Starts a thread that waits for work.
    ///
    /// - Parameters:
    ///   - name: at most 15 bytes, shown by `ps -T` and `perf`.
    ///   - niceness: how far it gives way to the process's other threads, 0 to 19.
    /// - Returns: The thread.
    /// - Throws: when the system has no room for one more thread.
    static func start(name: String, niceness: Int32 = 0) throws(LedgerOpenError) -> WorkThread {
        let new = WorkThread()
        do {
            let started = try SystemThread.start(name, niceness: niceness) { new.loop() }
            new.thread.withLock { $0 = started }
        } catch {
            throw LedgerOpenError(
                sentence: "a thread can not be started: \(error); \(SystemThread.remedy)",
                exitCode: LedgerOpenError.noRoom
            )
        }
        return new
    }

    /// Runs `work` after everything given before.
    func run(_ work: @escaping @Sendable () -> Void) {
        queue.withLock { $0.work.append(work) }
        available.signal()
    }

    /// Calls `work` whenever nothing else is to be done, after as many nanoseconds as it answered
    /// the time before; never again once it answers nothing.
    func fillPauses(with work: @escaping @Sendable () -> UInt64?) {
        queue.withLock { $0.pauseWork = work }
        available.signal()
    }

    /// Ends the thread after what it has to do, and waits for that.
    func stop() {
        queue.withLock { $0.isStopping = true }
        available.signal()
        let started = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        started?.join()
    }

    private func loop() {
        while true {
            waitForWork()
            let (work, isStopping) = queue.withLock { queue in
                defer { queue.work = [] }
                return (queue.work, queue.isStopping)
            }
            for item in work { item() }
            if isStopping, work.isEmpty { return }
            if isStopping { available.signal() }
        }
    }

    /// Returns when there may be something to do, and does meanwhile what pauses are for.
    private func waitForWork() {
        while let pauseWork = queue.withLock({ $0.pauseWork }) {
            guard available.wait(timeout: .now()) == .timedOut else { return }
            guard let pause = pauseWork() else {
                queue.withLock { $0.pauseWork = nil }
                break
            }
            let deadline = DispatchTime.now() + .nanoseconds(Int(clamping: pause))
            if available.wait(timeout: deadline) == .success { return }
        }
        available.wait()
    }
}
