// One ledger over a simulated disk, its clients' book, and the machine that both live on.

internal import Synchronization
package import Tenure
internal import TenureBase
package import TenureLog
package import TenureModel
package import TenureStorage

/// Keeps answers in the order in which they are delivered.
package final class KeepingSink: AnswerSink {
    private let kept = Mutex<[Delivery]>([])
    private let lateAnswers = Mutex<[Delivery]>([])

    /// Nothing was delivered yet.
    package init() {}

    package func deliver(_ answers: [Delivery]) {
        kept.withLock { $0 += answers.filter { $0.queued == nil } }
        lateAnswers.withLock { $0 += answers.filter { $0.queued != nil } }
    }

    /// What became of queued requests, and forgets it.
    package func takeLate() -> [Delivery] {
        lateAnswers.withLock { kept in
            defer { kept = [] }
            return kept
        }
    }

    /// What was answered at once, and forgets it.
    package func take() -> [Delivery] {
        kept.withLock { kept in
            defer { kept = [] }
            return kept
        }
    }
}

/// A machine with a ledger that lives, dies and is opened again.
package struct EngineWorld {
    package static let ledger = LedgerID(high: 0x7465_6e75_7265, low: 1)

    package private(set) var disk: SimulatedDisk
    package private(set) var store: EngineStore
    package private(set) var clock: VirtualClock
    package var book: ReferenceLedger
    package private(set) var core: LedgerCore?
    private let sink = KeepingSink()
    package var cache = FrontCacheBudget()
    /// Rows that make a checkpoint due.
    package var checkpointRows = 12
    /// Who writes checkpoints, when it is not the engine itself.
    package var runner: (any CheckpointRunner)?
    /// Puts something between the engine and its log.
    package var wrapLog: @Sendable (any Log) -> any Log = { $0 }
    /// Puts something between the engine and its clock.
    package var wrapClock: @Sendable (VirtualClock) -> any LedgerClock = { $0 }

    private var configuration: LogConfiguration {
        LogConfiguration(segmentBytes: LogLimits.segmentMinimum, spare: .synchronous)
    }

    package init(quarantining: Set<String> = []) throws {
        disk = SimulatedDisk()
        store = EngineStore(ledger: Self.ledger)
        clock = VirtualClock()
        book = ReferenceLedger(things: EngineWorkload.things, quarantining: quarantining)
        try FileLog.create(on: disk, ledgerID: Self.ledger, configuration: configuration)
    }

    /// The same machine without its process, going its own way.
    package func fork() -> EngineWorld {
        var fork = self
        fork.core = nil
        fork.disk = disk.processCrash()
        fork.store = store.clone()
        fork.clock = VirtualClock(clock.read())
        return fork
    }

    /// Milliseconds since the world began, whatever boots there were.
    package var now: UInt64 { clock.read().wallNanoseconds / 1_000_000 }

    /// Opens the ledger on the disk as it is.
    package mutating func open() throws(LedgerOpenError) {
        core = nil
        core = try makeCore(on: disk, store)
    }

    private func makeCore(
        on disk: SimulatedDisk,
        _ store: EngineStore
    ) throws(LedgerOpenError) -> LedgerCore {
        try LedgerCore.assemble(parts(on: disk, store))
    }

    /// What a ledger of this machine is put together from.
    package func parts() -> LedgerParts { parts(on: disk, store) }

    private func parts(on disk: SimulatedDisk, _ store: EngineStore) -> LedgerParts {
        store.ride(on: disk)
        let (configuration, wrapLog) = (configuration, wrapLog)
        var parts = LedgerParts(store: store, clock: wrapClock(clock)) {
            (checkpoint, frame) throws(LogError) in
            let (log, report) = try FileLog.open(
                on: disk,
                ledgerID: Self.ledger,
                configuration: configuration,
                checkpoint: checkpoint,
                replay: frame
            )
            return (wrapLog(log), report)
        }
        parts.cache = cache
        if let runner { parts.runner = runner }
        parts.checkpoints.pages = checkpointRows / 2
        return parts
    }

    /// The events of every record that is on the disk.
    package func frames() throws -> [[Event]] {
        var frames: [[Event]] = []
        let reader = LogReader(disk: disk.processCrash(), ledgerID: Self.ledger)
        _ = try reader.read(
            frame: { (frame) throws(LogError) in
                do throws(DecodeError) {
                    frames.append(try EventCodec.decode(frame.payload).events)
                } catch {
                    throw .replay("\(error)")
                }
            },
            problem: { _ in }
        )
        return frames
    }

    /// The records on the disk behind a position.
    package func records(
        after first: Position
    ) throws -> [(position: Position, time: LedgerTime, events: [Event])] {
        var records: [(Position, LedgerTime, [Event])] = []
        let reader = LogReader(disk: disk.processCrash(), ledgerID: Self.ledger)
        _ = try reader.read(
            frame: { (frame) throws(LogError) in
                guard frame.position > first else { return }
                do throws(DecodeError) {
                    let events = try EventCodec.decode(frame.payload).events
                    records.append((frame.position, LedgerTime(nanoseconds: frame.time), events))
                } catch {
                    throw .replay("\(error)")
                }
            },
            problem: { _ in }
        )
        return records
    }

    /// The ledger time of every record that is on the disk.
    package func recordTimes() throws -> [UInt64] {
        var times: [UInt64] = []
        let reader = LogReader(disk: disk.processCrash(), ledgerID: Self.ledger)
        _ = try reader.read(frame: { times.append($0.time) }, problem: { _ in })
        return times
    }

    /// The openings that the log tells of.
    package func openings() throws -> [Opening] {
        try frames().joined().compactMap {
            if case .opened(let opening) = $0 { opening } else { nil }
        }
    }

    /// What the wall clock showed whenever the log tells that it was set, in nanoseconds.
    package func wallClocks() throws -> [UInt64] {
        try frames().joined().compactMap {
            if case .wallClockSet(let wall) = $0 { wall } else { nil }
        }
    }

    /// The process is gone; what the disk keeps is `left`.
    package mutating func die(leaving left: SimulatedDisk) {
        core = nil
        disk = left
    }

    /// Asks the ledger everything at once; what is not answered is pending in the book.
    ///
    /// Returns what the book has to say against the answers, and the answers.
    package mutating func ask(_ actions: [ReferenceLedger.Action]) -> (faults: [String], [Answer]) {
        guard let core else { return (["the ledger is not open"], []) }
        core.run(
            actions.enumerated().map { index, action in
                Submission(
                    command: EngineWorkload.command(action, of: book),
                    caller: .embedder,
                    ticket: UInt64(index),
                    sink: sink
                )
            }
        )
        var delivered = sink.take()
        // What waits for reclaim is answered when that is done; the clock stands still meanwhile.
        while delivered.count < actions.count, core.failure == nil {
            core.run([])
            delivered += sink.take()
        }
        var faults: [String] = []
        var answered: Set<UInt64> = []
        for delivery in delivered {
            if case .refused(let refusal) = delivery.answer, refusal.code == .unknown { continue }
            answered.insert(delivery.ticket)
            let action = actions[Int(delivery.ticket)]
            faults += book.take(action, EngineWorkload.reply(delivery.answer), at: now)
        }
        for (index, action) in actions.enumerated() where !answered.contains(UInt64(index)) {
            book.lost(action, at: now)
        }
        if delivered.count != actions.count { faults.append("not everything was answered") }
        return (faults, delivered.map(\.answer))
    }

    /// Everything that can be seen.
    package func picture() throws -> ReferenceLedger.Picture {
        guard let core else { return ReferenceLedger.Picture() }
        return try EnginePicture.take(of: core, sessions: Array(book.sittings.keys))
    }

    /// Opens again, and compares with the book what is there.
    package mutating func reopen() throws -> [String] {
        try open()
        book.reopened(at: now)
        return book.reconcile(try picture(), at: now)
    }

    /// Compares the state with what follows from the log alone, on copies (I6).
    package func replayFaults() throws -> [String] {
        let disk = disk.processCrash()
        let store = store.clone()
        let core = try makeCore(on: disk, store)
        if let fault = try core.invariantFault() { return [fault] }
        core.checkpointNow()
        if let failure = core.failure { return [failure.sentence] }
        var state = LedgerState(resident: ResidentRows(), rows: NoRows())
        var problems: [String] = []
        let reader = LogReader(disk: disk, ledgerID: Self.ledger)
        _ = try reader.read(
            frame: { (frame) throws(LogError) in
                do {
                    let events = try EventCodec.decode(frame.payload).events
                    let time = LedgerTime(nanoseconds: frame.time)
                    try state.apply(events, at: frame.position, time: time)
                } catch {
                    throw .replay("\(error)")
                }
            },
            problem: { if $0.affectsRecords { problems.append("I10: \($0)") } }
        )
        let replayed = EngineStore(ledger: Self.ledger)
        _ = try replayed.commit(state.freeze(), seal: store.checkpoint.seal)
        for table in RowTable.allCases where replayed.rows[table] != store.rows[table] {
            problems.append("I6: the rows of \(table.name) do not follow from the log")
        }
        if replayed.checkpoint != store.checkpoint { problems.append("I6: digest or facts differ") }
        return problems
    }
}
