// Threads of their own for tests that compute for long, so that they hold up none that wait.

import Dispatch
import Foundation
import Synchronization
public import Testing

/// Runs tests that compute for seconds on threads of their own.
///
/// All tests share the few threads of Swift's pool, and a simulation leaves its thread only when
/// it ends. A test beside it that waits for a socket, a clock or a daemon would go on minutes
/// later, past its time limit.
public struct Computing: SuiteTrait, TestTrait, TestScoping {
    /// A suite that computes has tests that compute.
    public var isRecursive: Bool { true }

    /// Runs one case of a test on those threads.
    @concurrent public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(Threads.shared) { try await function() }
    }

    /// As many threads as there are cores; none of Dispatch's, which gives no more than that to
    /// everybody together.
    private final class Threads: TaskExecutor {
        static let shared = Threads()

        private let jobs = Mutex<[UnownedJob]>([])
        private let waiting = DispatchSemaphore(value: 0)

        init() {
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
                Thread.detachNewThread { [self] in run() }
            }
        }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            jobs.withLock { $0.append(job) }
            waiting.signal()
        }

        private func run() {
            while true {
                waiting.wait()
                let job = jobs.withLock { $0.removeFirst() }
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
    }
}

extension Trait where Self == Computing {
    /// Computes for seconds, and waits for nothing: runs on other threads than the tests that wait.
    public static var computing: Self { Self() }
}
