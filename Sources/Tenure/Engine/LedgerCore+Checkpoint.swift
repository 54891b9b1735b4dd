// Checkpoints in the background: the overlay is frozen at a durable position, written by another
// thread, and then handed to the front cache in slices, so that no request waits for any of it.
//
//   C1  What is frozen is durable in the log before it is written to the state.
//   C2  A frozen row stays readable until the state has it.

internal import TenureBase
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// How far the checkpoint at work has come.
struct CheckpointProgress {
    /// Indirect, because it is asked for with every group and what is frozen is large to move.
    indirect enum Phase {
        /// None is at work.
        case idle
        /// The rows are being written.
        case writing(FrozenChanges, Seal)
        /// The disk was full; the same rows are written again after a while.
        case waiting(FrozenChanges, Seal)
        /// The rows are durable and go to the front cache.
        case absorbing(FrozenAbsorption)
    }

    var phase = Phase.idle
    var meter = CheckpointMeter()
    var policy = CheckpointPolicy()
    /// The position of the last finished checkpoint, up to which segments may be retired next.
    var lastPosition: Position = 0
    /// How many were finished since the opening.
    var finished: UInt64 = 0
    /// How many failed because the disk was full.
    var postponed: UInt64 = 0
    /// Not before this time on `CLOCK_BOOTTIME` after one failed.
    var notBefore: UInt64 = 0

    /// Whether the writer should come back soon.
    var hasWork: Bool {
        if case .absorbing = phase { true } else { false }
    }
}

extension LedgerCore {
    /// Starts, watches or finishes a checkpoint: one small step at a time.
    ///
    /// `commands` were decided since the last step: rows are handed to the cache faster than they
    /// change, or the overlay would grow without end.
    func advanceCheckpoint(commands: Int) throws(LedgerFailure) {
        switch checkpoint.phase {
        case .idle:
            let load = checkpoint.meter.load(log, rows: state.scatteredRows())
            guard checkpoint.policy.starts(load, isReclaiming: try isAnythingDue()),
                clock.bootNanoseconds >= checkpoint.notBefore
            else { return }
            beginCheckpoint()
        case .writing(let changes, let seal):
            guard let result = runner.result() else { return slowDownIfBehind() }
            try finishWriting(changes, seal, result)
        case .waiting(let changes, let seal):
            guard clock.bootNanoseconds >= checkpoint.notBefore else { return }
            write(changes, seal)
        case .absorbing(var absorption):
            // Unless there is more. No slice copies the rows: what is frozen is shared.
            checkpoint.phase = .idle
            let rows =
                EngineLimits.absorbedRows + EngineLimits.absorbedRowsPerCommand * commands
            if cache.absorb(next: rows, of: &absorption) {
                checkpoint.phase = .absorbing(absorption)
            } else {
                state.thaw()
                runner.discard(absorption.changes)
            }
        }
    }

    /// Freezes what has changed and has it written.
    func beginCheckpoint() {
        invariant(
            log.durablePosition == state.position,
            "C1: what is frozen is durable in the log"
        )
        let changes = state.freeze()
        checkpoint.meter.freeze(log)
        write(changes, log.seal)
    }

    private func write(_ changes: FrozenChanges, _ seal: Seal) {
        checkpoint.phase = .writing(changes, seal)
        runner.start(
            CheckpointJob(
                changes: changes,
                seal: seal,
                store: store,
                retirement: (log as? FileLog)?.retirement,
                retireThrough: checkpoint.lastPosition
            )
        )
    }

    private func finishWriting(
        _ changes: FrozenChanges,
        _ seal: Seal,
        _ result: Result<Void, StorageError>
    ) throws(LedgerFailure) {
        switch result {
        case .success:
            checkpoint.meter.finish()
            checkpoint.lastPosition = changes.facts.position
            checkpoint.finished += 1
            checkpoint.phase = .absorbing(FrozenAbsorption(changes))
        case .failure(.full):
            // The log keeps the truth meanwhile.
            checkpoint.postponed += 1
            checkpoint.notBefore = clock.bootNanoseconds + EngineLimits.checkpointPauseNanoseconds
            checkpoint.phase = .waiting(changes, seal)
        case .failure(let error):
            throw LedgerFailure(error)
        }
    }

    /// Slows the writer when checkpoints do not keep up, so that a restart stays short.
    ///
    /// A little for every group at first; far behind it waits for the one that is running.
    private func slowDownIfBehind() {
        let load = checkpoint.meter.load(log, rows: state.scatteredRows())
        if checkpoint.policy.isFarBehind(load) {
            runner.finish()
        } else if checkpoint.policy.verdict(load) == .mustSlow {
            headroom.pause(microseconds: Headroom.slowMicroseconds)
        }
    }

    /// Writes everything that has changed and waits for it.
    package func checkpointNow() {
        guard failure == nil else { return }
        do throws(LedgerFailure) {
            try settleCheckpoint()
            guard case .idle = checkpoint.phase, state.position > checkpoint.lastPosition
            else { return }
            beginCheckpoint()
            try settleCheckpoint()
        } catch {
            fail(error)
        }
    }

    private func settleCheckpoint() throws(LedgerFailure) {
        while true {
            if case .idle = checkpoint.phase { return }
            if case .waiting = checkpoint.phase { return }
            runner.finish()
            try advanceCheckpoint(commands: EngineLimits.groupCommands)
        }
    }
}
