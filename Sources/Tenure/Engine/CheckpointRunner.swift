// Who writes checkpoints: a thread of its own, or the caller, so that a simulation has one order.

internal import CTenureSystem
internal import Dispatch
internal import Synchronization
internal import TenureLog
package import TenureModel
package import TenureStorage

/// One checkpoint to be written, and what may leave the log once it is durable.
package struct CheckpointJob: Sendable {
    /// The rows to be written.
    package let changes: FrozenChanges
    let seal: Seal
    let store: any StateStore
    let retirement: Retirement?
    /// Segments up to this position go to the archive: that of the checkpoint before.
    let retireThrough: Position

    /// Writes the checkpoint, then retires segments and indexes them; `scrub` is what looks at the
    /// store meanwhile.
    package func run(beside scrub: BackgroundScrub? = nil) -> Result<Void, StorageError> {
        do throws(StorageError) {
            if let scrub {
                try scrub.commit(changes, seal: seal, to: store).get()
            } else {
                try store.commit(changes, seal: seal)
            }
        } catch {
            return .failure(error)
        }
        do throws(LogError) {
            if let retirement {
                try retirement.retire(through: retireThrough)
                try SegmentIndexing(of: retirement.ledgerID, on: retirement.disk).run()
            }
        } catch {
            // A full archive loses nothing; the next checkpoint tries again.
            if error != .full { return .failure(StorageError(error, in: "archive")) }
        }
        return .success(())
    }
}

/// Runs checkpoints one at a time, and between them what else takes long.
package protocol CheckpointRunner: AnyObject, Sendable {
    /// Starts `job`; its result comes from `result`.
    func start(_ job: CheckpointJob)
    /// The result of the job that was started last, once, when there is one.
    func result() -> Result<Void, StorageError>?
    /// Waits until no job runs.
    func finish()
    /// Drops rows that are not needed any more, off the writer's thread.
    func discard(_ changes: FrozenChanges)
    /// Works out prices, off the writer's thread.
    func learn(_ task: LearningTask)
    /// What records the prices that were worked out last, once, when there are some.
    func learnt() -> Housekeeping?
    /// What looks at the rows that nobody asks for, when something does.
    var scrub: BackgroundScrub? { get }
}

/// Runs a checkpoint where it is started.
package final class InlineCheckpointRunner: CheckpointRunner {
    private let last = Mutex<Result<Void, StorageError>?>(nil)
    private let prices = Mutex<Housekeeping?>(nil)

    package init() {}

    package func start(_ job: CheckpointJob) {
        let result = job.run()
        last.withLock { $0 = result }
    }

    package func result() -> Result<Void, StorageError>? {
        last.withLock { last in
            defer { last = nil }
            return last
        }
    }

    package func finish() {}

    package func discard(_ changes: FrozenChanges) {}

    package func learn(_ task: LearningTask) {
        prices.withLock { $0 = .learnt(pool: task.pool, task.learn()) }
    }

    package func learnt() -> Housekeeping? {
        prices.withLock { prices in
            defer { prices = nil }
            return prices
        }
    }

    /// None: who drives an engine directly has one order of things.
    package var scrub: BackgroundScrub? { nil }
}

/// Runs checkpoints on one thread of its own: LMDB's write transactions belong to a thread.
///
/// Between them the thread scrubs, when it was told to.
package final class ThreadedCheckpointRunner: CheckpointRunner {
    private struct State {
        var result: Result<Void, StorageError>?
        var scrub: BackgroundScrub?
        var prices: Housekeeping?
    }

    private let state = Mutex(State())
    private let queue: WorkThread
    private let idle = DispatchSemaphore(value: 1)
    private let wake: @Sendable () -> Void

    /// Runs on `thread`, and calls `wake` there whenever a result is there.
    init(on thread: WorkThread, wake: @escaping @Sendable () -> Void) {
        self.wake = wake
        queue = thread
    }

    package func start(_ job: CheckpointJob) {
        idle.wait()
        queue.run { [self] in
            let result = job.run(beside: scrub)
            state.withLock { $0.result = result }
            idle.signal()
            wake()
        }
    }

    package func result() -> Result<Void, StorageError>? {
        state.withLock { state in
            defer { state.result = nil }
            return state.result
        }
    }

    package func finish() {
        idle.wait()
        idle.signal()
    }

    package func discard(_ changes: FrozenChanges) {
        queue.run { _ = changes }
    }

    package func learn(_ task: LearningTask) {
        queue.run { [self] in
            let learnt = Housekeeping.learnt(pool: task.pool, task.learn())
            state.withLock { $0.prices = learnt }
            wake()
        }
    }

    package func learnt() -> Housekeeping? {
        state.withLock { state in
            defer { state.prices = nil }
            return state.prices
        }
    }

    package var scrub: BackgroundScrub? { state.withLock { $0.scrub } }

    /// Scrubs from now on; once, before the first checkpoint.
    func begin(_ scrub: BackgroundScrub) {
        state.withLock { $0.scrub = scrub }
        queue.fillPauses { scrub.advance() }
    }

    /// Scrubs no more, so that the store can be closed.
    func endScrub() {
        scrub?.end()
    }

    /// Ends the thread after what it has to do.
    package func stop() {
        queue.stop()
    }
}
