// The signals with which a daemon is told to stop, or to read its policy again.
//
// By a handler and a thread of our own: event sources need descriptors, and a daemon that got none
// when it started could only be killed.

internal import CTenureSystem
internal import Glibc
package import Logging

/// What `SIGTERM`, `SIGINT` and `SIGHUP` do.
package enum StopSignals {
    private static let numbers = [SIGTERM, SIGINT, SIGHUP]

    /// What the thread is given.
    private final class Watch: Sendable {
        let logger: Logger
        let reload: (@Sendable () -> Void)?
        let stop: @Sendable () async -> Void

        init(
            _ logger: Logger,
            _ reload: (@Sendable () -> Void)?,
            _ stop: @escaping @Sendable () async -> Void
        ) {
            (self.logger, self.reload, self.stop) = (logger, reload, stop)
        }

        /// The first signal stops in order, the second at once: a start recovers from that too.
        func run() {
            let stop = stop
            var isStopping = false
            while true {
                let number = tenure_signal_wait()
                if number == SIGHUP, let reload {
                    reload()
                    continue
                }
                guard isStopping else {
                    isStopping = true
                    Task { await stop() }
                    continue
                }
                logger.warning(
                    "told to stop again: ending at once",
                    metadata: ["signal": "\(number)"]
                )
                // So that who waits for the process sees what ended it.
                _ = signal(number, SIG_DFL)
                kill(getpid(), number)
            }
        }
    }

    /// Catches them for the rest of the process's life; `stop` is called at the first one.
    ///
    /// With `reload`, `SIGHUP` calls that instead, however often it comes.
    ///
    /// - Throws: `ServerError` when there is no room for a thread.
    package static func catchAll(
        _ logger: Logger,
        reload: (@Sendable () -> Void)? = nil,
        stop: @escaping @Sendable () async -> Void
    ) throws(ServerError) {
        // SAFETY: the numbers are read during the call.
        var status = unsafe tenure_signals_catch(numbers, CInt(numbers.count))
        if status == 0 {
            // SAFETY: the retained reference is taken over by the thread's body, exactly once.
            let watch = unsafe Unmanaged.passRetained(Watch(logger, reload, stop))
            var thread: UInt64 = 0
            status = unsafe tenure_thread_start(&thread, watch.toOpaque()) { context in
                guard let context = unsafe context else { return }
                unsafe tenure_thread_describe("tenure-signals", 0)
                unsafe Unmanaged<Watch>.fromOpaque(context).takeRetainedValue().run()
            }
            // SAFETY: there is no thread that would take it over.
            if status != 0 { unsafe watch.release() }
        }
        guard status == 0 else {
            throw ServerError(
                "nobody can tell the daemon to stop: errno \(-status); allow more processes and "
                    + "threads (ulimit -u, TasksMax, pids.max)",
                exitCode: ServerError.noRoom
            )
        }
    }
}
