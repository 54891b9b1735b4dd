// Threads of their own for tests that compute for long, and for tests that wait for something.

import Dispatch
import Foundation
import Synchronization
public import Testing

/// Runs tests on other threads than all the rest.
///
/// All tests begin at once and share the few threads of Swift's pool, which one that computes
/// leaves only when it ends. One that waits for a socket, a clock or a daemon would go on minutes
/// later: past its time limit, and past the deadline of a lease that it holds.
public struct OwnThreads: SuiteTrait, TestTrait, TestScoping {
    private let threads: Threads

    fileprivate init(_ threads: Threads) {
        self.threads = threads
    }

    /// What holds for a suite holds for its tests.
    public var isRecursive: Bool { true }

    /// Runs one case of a test on those threads.
    @concurrent public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(threads) { try await function() }
    }

    /// As many threads as there are cores; none of Dispatch's, which gives no more than that to
    /// everybody together.
    fileprivate final class Threads: TaskExecutor {
        static let computing = Threads()
        static let waiting = Threads()

        private let jobs = Mutex<[UnownedJob]>([])
        private let isThere = DispatchSemaphore(value: 0)

        init() {
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
                Thread.detachNewThread { [self] in run() }
            }
        }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            jobs.withLock { $0.append(job) }
            isThere.signal()
        }

        private func run() {
            while true {
                isThere.wait()
                let job = jobs.withLock { $0.removeFirst() }
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
    }
}

extension Trait where Self == OwnThreads {
    /// Computes for seconds, and waits for nothing.
    public static var computing: Self { Self(.computing) }

    /// Waits for time to pass, for sockets or processes, and computes next to nothing.
    public static var waiting: Self { Self(.waiting) }
}
