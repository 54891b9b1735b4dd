// Putting an engine together from parts that its owner made: a log, a store, a clock.
//
// What `open` does for a directory, this does for whatever keeps the same promises; a simulation
// hands in a disk that forgets and a clock that stands still.

package import TenureLog
internal import TenureModel
package import TenureStorage

/// The parts of an engine, and what a simulation may choose about it.
package struct LedgerParts: Sendable {
    /// Opens a log.
    package typealias Opener =
        @Sendable (LogCheckpoint, FrameBody) throws(LogError) -> (any Log, LogRecoveryReport)

    /// The rows of the last checkpoint.
    package var store: any StateStore
    /// Opens the log behind a checkpoint and hands out every frame after it.
    package var openLog: Opener
    /// Where time comes from.
    package var clock: any LedgerClock
    /// Who writes checkpoints.
    package var runner: any CheckpointRunner = InlineCheckpointRunner()
    /// Memory for clean rows.
    package var cache = FrontCacheBudget()
    /// When a checkpoint is due.
    package var checkpoints = CheckpointLimits()

    /// Parts with the defaults for what is not named.
    package init(
        store: any StateStore,
        clock: any LedgerClock,
        openLog: @escaping Opener
    ) {
        self.store = store
        self.clock = clock
        self.openLog = openLog
    }
}

extension LedgerCore {
    /// Opens a ledger on these parts: replays what the store does not have, records the opening.
    package static func assemble(_ parts: LedgerParts) throws(LedgerOpenError) -> LedgerCore {
        do throws(StorageError) {
            return try assembled(parts)
        } catch {
            throw LedgerOpenError(sentence: error.description, exitCode: error.exitCode)
        }
    }

    private static func assembled(_ parts: LedgerParts) throws(StorageError) -> LedgerCore {
        let place = "the parts"
        let cache = try FrontCache(parts.store, budget: parts.cache)
        let resident = try ResidentRows.read(from: parts.store, in: place)
        let checkpoint = parts.store.logCheckpoint
        var state = LedgerState(resident: resident, rows: cache)
        let opened: (log: any Log, report: LogRecoveryReport)
        do throws(LogError) {
            opened = try parts.openLog(checkpoint) { (frame) throws(LogError) in
                let time = LedgerTime(nanoseconds: frame.time)
                do {
                    let decoded = try EventCodec.decode(frame.payload)
                    guard decoded.isComplete else { throw LogError.replay("unknown events") }
                    try state.apply(decoded.events, at: frame.position, time: time)
                } catch {
                    throw .replay("position \(frame.position): \(error)")
                }
            }
        } catch {
            throw StorageError(error, in: place)
        }
        let report = RecoveryReport(log: opened.report, checkpoint: checkpoint.position)
        let core = LedgerCore(
            state: state,
            log: opened.log,
            store: parts.store,
            cache: cache,
            clock: parts.clock,
            runner: parts.runner,
            opening: OpeningFigures(
                label: report.label,
                sentences: report.sentences,
                replayed: opened.report.replayedFrames,
                missingHistory: report.missingHistory,
                ledger: "\(parts.store.ledger)"
            )
        )
        core.checkpoint.lastPosition = checkpoint.position
        core.checkpoint.policy = CheckpointPolicy(limits: parts.checkpoints)
        try core.recordOpening()
        return core
    }
}

extension Ledger {
    /// Serves a ledger on these parts with threads of its own; `parts.runner` is replaced.
    package static func assemble(
        _ parts: LedgerParts
    ) throws(LedgerOpenError) -> Ledger {
        let inbox = Inbox()
        let threads = try LedgerThreads.start()
        let runner = ThreadedCheckpointRunner(on: threads.state) { inbox.add { _ in } }
        var parts = parts
        parts.runner = runner
        do throws(LedgerOpenError) {
            return Ledger(inbox, threads, runner, try LedgerCore.assemble(parts))
        } catch {
            threads.stop()
            throw error
        }
    }
}
