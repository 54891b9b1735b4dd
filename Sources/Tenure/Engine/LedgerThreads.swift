// What an open ledger needs of the system before anything else: its threads, and an event.

internal import CTenureSystem
internal import SystemPackage
internal import TenureLog

/// The threads of an open ledger.
struct LedgerThreads {
    /// Decides and writes the log.
    let writer: WorkThread
    /// Writes checkpoints.
    let state: WorkThread
    /// Sees processes end.
    let watcher: WorkThread
    /// Explains.
    let explainer: WorkThread
    /// The descriptor of an event that wakes the watcher.
    let wake: Int32

    private var all: [WorkThread] { [writer, state, watcher, explainer] }

    /// Starts all of them.
    ///
    /// - Throws: when there is no room for one; none is left then.
    static func start() throws(LedgerOpenError) -> LedgerThreads {
        let names: [(String, Int32)] = [
            ("tenure-writer", 0), ("tenure-state", LogLimits.niceness), ("tenure-watch", 0),
            ("tenure-explain", 5),
        ]
        let wake = tenure_event_open()
        guard wake >= 0 else {
            throw LedgerOpenError(
                sentence: "an event can not be made: \(Errno(rawValue: -wake)); allow more open "
                    + "files (ulimit -n, LimitNOFILE)",
                exitCode: LedgerOpenError.noRoom
            )
        }
        var started: [WorkThread] = []
        for (name, niceness) in names {
            do throws(LedgerOpenError) {
                started.append(try WorkThread.start(name: name, niceness: niceness))
            } catch {
                for thread in started { thread.stop() }
                _ = tenure_close(wake)
                throw error
            }
        }
        return LedgerThreads(
            writer: started[0],
            state: started[1],
            watcher: started[2],
            explainer: started[3],
            wake: wake
        )
    }

    /// Ends all of them, when nothing was given to them.
    func stop() {
        for thread in all { thread.stop() }
        _ = tenure_close(wake)
    }
}
