// The signals with which a daemon is told to stop, or to read its policy again.
//
// By a handler and a thread of our own: event sources need descriptors, and a daemon that got none
// when it started could only be killed.

internal import CTenureSystem
internal import Glibc
package import Logging
internal import TenureThreads

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
        let status = unsafe tenure_signals_catch(numbers, CInt(numbers.count))
        guard status == 0 else { throw noRoom("errno \(-status)") }
        let watch = Watch(logger, reload, stop)
        do {
            _ = try SystemThread.start("tenure-signals") { watch.run() }
        } catch {
            throw noRoom("\(error)")
        }
    }

    private static func noRoom(_ reason: String) -> ServerError {
        ServerError(
            "nobody can tell the daemon to stop: \(reason); \(SystemThread.remedy)",
            exitCode: ServerError.noRoom
        )
    }
}
