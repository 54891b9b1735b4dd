// The writer's loop and what it works with, for a test that runs it on its own thread.

import TenureModel

@testable import Tenure

/// An inbox and a watcher of processes; ended as a ledger ends them.
final class WriterScene {
    /// What waits for the writer.
    let inbox = Inbox()
    /// Sees processes end.
    let watcher: ProcessWatcher
    private let threads: LedgerThreads

    /// A watcher with at most `limit` pidfds, which tells `report` what it has found.
    init(
        limit: Int? = nil,
        report: @escaping @Sendable (Housekeeping) -> Void = { _ in }
    ) throws {
        threads = try LedgerThreads.start()
        watcher = ProcessWatcher(
            on: threads.watcher,
            wake: threads.wake,
            limit: limit,
            report: report
        )
    }

    deinit {
        watcher.stop()
        for thread in [threads.writer, threads.state, threads.explainer] { thread.stop() }
    }

    /// Runs `core` until the inbox is told to stop.
    func run(_ core: LedgerCore) {
        WriterLoop(core: core, inbox: inbox, watcher: watcher).run { _ in }
    }
}
