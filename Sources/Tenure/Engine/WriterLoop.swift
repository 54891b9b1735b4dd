// The writer's thread: takes what has come in, runs the engine, sleeps until something is due.

internal import DequeModule
internal import Dispatch
internal import Synchronization
internal import TenureModel

/// Runs the engine until it is told to stop or fails.
final class WriterLoop {
    private var core: LedgerCore?
    private let inbox: Inbox
    private var backlog = Backlog()
    /// What was found out about processes, and not taken in yet.
    private var findings: Deque<Housekeeping> = []
    private let watcher: ProcessWatcher
    private var lastSession: SessionID?
    private var knowsAllSessions = false

    init(core: LedgerCore, inbox: Inbox, watcher: ProcessWatcher) {
        self.core = core
        self.inbox = inbox
        self.watcher = watcher
        core.isWatchingProcesses = true
    }

    /// Returns when the ledger is closed.
    ///
    /// After a failure everything is refused until then.
    func run(onFailure: (LedgerFailure) -> Void) {
        guard let core else { return }
        var hasReported = false
        while true {
            let boot = core.clock.bootNanoseconds
            // Also where it does not sleep: it notes by when the writer means to be at work again.
            let due = knowsAllSessions ? core.nextWake() : boot
            let wake = backlog.isEmpty && findings.isEmpty ? due : boot
            let load = inbox.take(
                waitingFor: wake > boot ? wake - boot : 0,
                backlog: backlog.count
            )
            for call in load.calls { call(core) }
            findings += load.findings
            // However many have died at once, nobody waits for all of them. What is left when it
            // ends is found again at the next start.
            for _ in 0..<EngineLimits.turnFindings {
                guard let finding = findings.popFirst() else { break }
                core.take(finding)
            }
            // Before, so that nothing is granted to them; what they have just submitted, behind it.
            _ = core.abandon(load.abandoned)
            run(backlog.turn(with: load.submissions, abandoned: load.abandoned), on: core)
            watchNewSessions(core)
            watchOldSessions(core)
            forgetEndedSessions(core)
            if let failure = core.failure, !hasReported {
                hasReported = true
                onFailure(failure)
            }
            guard load.isStopping else { continue }
            let last = inbox.close()
            run(backlog.turn(with: last.submissions, abandoned: last.abandoned), on: core)
            while !backlog.isEmpty { run(backlog.turn(with: [], abandoned: []), on: core) }
            // What waits for reclaim is decided, too.
            while core.failure == nil, !core.deferred.isEmpty { core.run([]) }
            core.endWaiting()
            core.run([])
            for call in last.calls { call(core) }
            core.checkpointNow()
            // What was answered is durable all the same; the next start has the more to do.
            if let failure = core.failure, !hasReported { onFailure(failure) }
            self.core = nil
            return
        }
    }

    private func run(_ turn: Backlog.Turn, on core: LedgerCore) {
        if turn.submissions.isEmpty {
            core.tick()
        } else {
            core.run(turn.submissions)
        }
        if core.abandon(turn.abandoned) { core.run([]) }
    }

    private func watchNewSessions(_ core: LedgerCore) {
        guard !core.openedSessions.isEmpty else { return }
        for session in core.openedSessions { watcher.watch(session) }
        core.openedSessions.removeAll()
    }

    /// After the others, because what has just been opened may have ended as well.
    private func forgetEndedSessions(_ core: LedgerCore) {
        guard !core.endedSessions.isEmpty else { return }
        watcher.forget(core.endedSessions)
        core.endedSessions.removeAll()
    }

    /// Sessions from before the opening, a page at a time, after serving has begun.
    private func watchOldSessions(_ core: LedgerCore) {
        guard !knowsAllSessions else { return }
        guard
            let page = core.sessions(
                after: lastSession,
                limit: EngineLimits.watchedSessionsPerStep
            ),
            let last = page.last
        else {
            knowsAllSessions = true
            return
        }
        for session in page where session.ended == nil {
            core.sessionUsers.note(session)
            watcher.watch(session)
        }
        lastSession = last.id
    }
}

/// A value that another thread fills in.
final class ResultCell<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let ready = DispatchSemaphore(value: 0)

    func set(_ value: Value) {
        self.value.withLock { $0 = value }
        ready.signal()
    }

    /// Waits for the value.
    func wait() -> Value? {
        ready.wait()
        return value.withLock { $0 }
    }
}

extension LedgerCore {
    /// Takes in what was found out about a session's process.
    func take(_ finding: Housekeeping) {
        guard failure == nil else { return }
        do throws(LedgerFailure) {
            try perform(finding)
        } catch {
            fail(error)
        }
    }

    /// What the numbers in events stand for now.
    func subjects(of events: [Event]) -> EventSubjects {
        do throws(RowFault) {
            return try state.subjects(of: events)
        } catch {
            fail(LedgerFailure(error))
            return EventSubjects()
        }
    }

    /// Sessions behind `id`, in the order of their opening.
    func sessions(after id: SessionID?, limit: Int) -> [Session]? {
        do throws(RowFault) {
            return try state.sessions(after: id, limit: limit)
        } catch {
            fail(LedgerFailure(error))
            return nil
        }
    }
}
