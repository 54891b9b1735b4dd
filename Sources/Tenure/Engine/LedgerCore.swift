// The engine: admit, decide, log, sync, publish. One thread, no suspension, no clock of its own.
//
//   command ──▶ decide ──▶ events ──▶ frame in the gathered group ──▶ one sync ──▶ answers
//                 ▲          └──▶ apply to the state
//
//   E1  Events are applied and appended together, so that the state is at the position that the
//       next frame follows.
//   E2  An answer waits in the outbox until the group it belongs to is durable (A1).
//   E3  After a failed sync or a row that can not be trusted nothing more is decided.
//   E4  Who is told that time has ended something is told so after a record as late: the gap of a
//       crash begins behind it, and can not bring back to life what was told to be over.
//
// A request that would be refused for lack of capacity or quota waits until what is due has been
// taken back, so that a late reclaimer can not be seen. Checkpoints are in
// LedgerCore+Checkpoint.swift, the passing of time in LedgerCore+Time.swift, those who wait in
// LedgerCore+Waiting.swift.

internal import TenureBase
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// The writer's half of a ledger.
///
/// It belongs to one thread.
package final class LedgerCore {
    var state: LedgerState
    let log: any Log
    let store: any StateStore
    let cache: FrontCache
    let clock: any LedgerClock
    let runner: any CheckpointRunner
    let figuresAtOpening: OpeningFigures
    var timeLine: TimeLine
    var outbox = Outbox()
    var refusals = RefusalMeter()
    var deferred: [Submission] = []
    var waiting = WaitingRoom()
    var waits = WaitCounters()
    var backfill = Backfill()
    var bookings = BookingProgress()
    /// When those who wait may be looked at again because leases have run for longer.
    var nextPreemption = LedgerTime.zero
    /// Whether the ledger closes, so that nobody is let wait.
    var endsWaits = false
    var checkpoint = CheckpointProgress()
    var counters = EngineCounters()
    var pulse = Pulse()
    /// Sessions bound to a process whose opening became durable, for the watcher.
    var openedSessions: [Session] = []
    /// Sessions that ended, for the watcher.
    var endedSessions: [SessionID] = []
    /// Who has how many sessions open.
    var sessionUsers = SessionUsers()
    /// Whether someone takes these two; without a watcher they would only grow.
    var isWatchingProcesses = false
    /// Whether the disk is so full that only what frees is admitted.
    var isReadOnly = false
    var headroom = Headroom()
    /// Keeps the directory locked for as long as the engine lives.
    var directory: DataDirectory?
    package private(set) var failure: LedgerFailure?
    var holderNames = HolderNames()
    private var payload: [UInt8] = []
    /// Whether E4 asks for a record before the answers of this group leave.
    private var owesRecord = false
    /// Whether prices are being worked out.
    var isLearning = false
    /// Whether leases are still to be looked at for their tags with this group.
    var scansTags = true

    init(
        state: consuming LedgerState,
        log: any Log,
        store: any StateStore,
        cache: FrontCache,
        clock: any LedgerClock,
        runner: any CheckpointRunner,
        opening: OpeningFigures
    ) {
        timeLine = TimeLine(after: state.facts, reading: clock.read())
        self.state = state
        self.log = log
        self.store = store
        self.cache = cache
        self.clock = clock
        self.runner = runner
        figuresAtOpening = opening
    }

    /// The ledger time now, after every record.
    var now: LedgerTime { timeLine.time(at: clock.bootNanoseconds, after: state.facts.time) }

    /// Decides a batch, makes it durable and hands the answers out.
    ///
    /// Takes back what is due on the way. Never throws: after a failure everything is answered
    /// `UNKNOWN`, and `failure` says why.
    package func run(_ batch: [Submission]) {
        guard failure == nil else { return refuse(batch) }
        var admitted = 0
        scansTags = true
        do throws(LedgerFailure) {
            try lookAtDirectory()
            try noteGap()
            try noteWallClock()
            for submission in batch {
                if admitted > 0, admitted % EngineLimits.groupCommands == 0 {
                    try serveWaiting()
                    try publish()
                }
                try admit(submission)
                admitted += 1
            }
            if !batch.isEmpty { pulse.lastCommand = clock.bootNanoseconds }
            try reclaimDue(atMost: reclaimsPerGroup)
            try keepBookings()
            try serveWaiting()
            try recordCountedRefusals()
            try learn()
            try publish()
            try advanceCheckpoint(commands: batch.count)
        } catch {
            fail(error)
            refuse(Array(batch[admitted...]))
        }
    }

    /// Decides one command, perhaps again; its answer waits in the outbox.
    ///
    /// With `lookingFirst` those are looked at before it whose turn it may be.
    private func admit(
        _ submission: Submission,
        again: Bool = false,
        lookingFirst: Bool = true
    ) throws(LedgerFailure) {
        try noteStall()
        if isReadOnly, submission.command.needsRoom {
            outbox.add(.refused(Self.readOnlyRefusal), to: submission)
            return
        }
        if let refusal = sessionRefusal(of: submission) {
            return outbox.add(.refused(refusal), to: submission)
        }
        if submission.command.hasAffinities, try !knowsTags() { return deferred.append(submission) }
        let time = now
        counters.decided += 1
        var carrying = submission
        if hasBookings || submission.command.plansAhead {
            guard let found = try besideBookings(submission, now: time) else {
                return deferred.append(submission)
            }
            carrying = found
        }
        var decision = try decide(carrying, now: time)
        if !again { count(submission.command, answeredWith: decision.answer) }
        if !waiting.isEmpty {
            guard
                let found = try behindOthers(
                    decision,
                    of: carrying,
                    lookingFirst: lookingFirst,
                    now: time
                )
            else { return try admit(submission, again: true, lookingFirst: false) }
            decision = found
        }
        if hasBookings { decision = try withBookings(decision, of: carrying, now: time) }
        switch decision.answer {
        case .queued(let queued): return try rejoin(submission, queued, at: time)
        case .refused(let refusal) where refusal.isOfWant:
            if try letWait(submission, refused: refusal, at: time) { return }
            if try isAnythingDue() {
                deferred.append(submission)
                return
            }
            if try letQueue(submission, refused: refusal, at: time) { return }
        case .grant where try mayRestOnThePast(submission.command):
            return deferred.append(submission)
        default: break
        }
        try conclude(submission, decision, at: time)
        follow(submission, decision)
    }

    /// Takes a decision for good; its answer waits in the outbox.
    func conclude(
        _ submission: Submission,
        _ decision: Decision,
        at time: LedgerTime
    ) throws(LedgerFailure) {
        if decision.answer.tellsOfAnEnd { owesRecord = true }
        if case .refused(let refusal) = decision.answer, decision.events.isEmpty {
            return try refuse(submission, refusal)
        }
        try commitToMemory(decision.events, at: time)
        outbox.add(decision.answer, to: submission)
    }

    func decide(
        _ submission: Submission,
        now: LedgerTime
    ) throws(LedgerFailure) -> Decision {
        let caller = caller(of: submission)
        do throws(RowFault) {
            return try state.decide(submission.command, caller: caller, now: now)
        } catch {
            throw LedgerFailure(error)
        }
    }

    private func refuse(_ submission: Submission, _ refusal: Refusal) throws(LedgerFailure) {
        counters.refused += 1
        if refusal.limit == Refusal.newerToken { counters.newerTokens += 1 }
        let record = refusals.record(
            submission.command,
            refusal,
            isCountingOnly: isReadOnly
        )
        if let record { try perform(.refused(record)) }
        outbox.add(.refused(refusal), to: submission)
    }

    /// Decides and applies something that the ledger asks of itself, now unless a time is given.
    @discardableResult
    func perform(
        _ task: Housekeeping,
        at given: LedgerTime? = nil
    ) throws(LedgerFailure) -> Bool {
        let events: [Event]
        let time = given ?? now
        do throws(RowFault) {
            events = try state.decide(
                .housekeeping(task),
                caller: .embedder,
                now: time
            ).events
        } catch {
            throw LedgerFailure(error)
        }
        try commitToMemory(events, at: time)
        return !events.isEmpty
    }

    /// Appends the events as one frame and applies them (E1).
    ///
    /// `time` is that of the decision, so that the record never shows a change at a time at which
    /// it was not allowed (I5). Nothing else is appended in between: what was decided names the
    /// position that it gets.
    func commitToMemory(
        _ events: [Event],
        at time: LedgerTime
    ) throws(LedgerFailure) {
        guard !events.isEmpty else { return }
        payload.removeAll(keepingCapacity: true)
        EventCodec.encode(events, into: &payload)
        if !log.hasRoom(forPayload: payload.count) { try syncGathered() }
        owesRecord = false
        let position = log.append(time: time.nanoseconds, payload: payload)
        var relief: Relief?
        do throws(RowFault) {
            // Before the events are applied, because they may end the lease.
            let subjects = outbox.isWatched ? try state.subjects(of: events) : EventSubjects()
            let isKept = waiting.isEmpty && backfill.ends.isEmpty
            relief = isKept ? nil : try state.relief(of: events)
            try state.apply(events, at: position, time: time)
            outbox.add(events, about: subjects, at: position, time: time)
        } catch {
            throw LedgerFailure(error)
        }
        if let relief {
            waiting.mark(relief)
            try reorder(after: relief)
        }
        counters.count(events)
        if isWatchingProcesses { noteSessions(events) }
    }

    /// Syncs what was gathered and hands out what waited for it (A1).
    ///
    /// Gives holders back the time of a sync that took long.
    func publish() throws(LedgerFailure) {
        // What has not been taken back yet is due; each step takes some of that (E4).
        while owesRecord, try isAnythingDue() { try reclaim() }
        owesRecord = false
        try publishGathered()
        guard pulse.stalledSince > 0 else { return }
        try noteStall()
        try publishGathered()
    }

    /// Syncs and hands out without adding anything to the log.
    private func publishGathered() throws(LedgerFailure) {
        try syncGathered()
        invariant(
            log.durablePosition == state.facts.position,
            "A1: answers leave when everything they show is durable"
        )
        outbox.deliver()
    }

    /// Syncs, and tells a sync that took long from others.
    private func syncGathered() throws(LedgerFailure) {
        guard log.gatheredBytes > 0 else { return }
        let begun = clock.bootNanoseconds
        try syncLog()
        let ended = clock.bootNanoseconds
        counters.synced(nanoseconds: ended > begun ? ended - begun : 0)
        pulse.wrote(at: ended)
        if ended > begun, ended - begun > Pulse.stallNanoseconds {
            pulse.stalledSince = max(begun, 1)
        }
    }

    /// One sync of what was gathered; waits for room when the disk has none.
    private func syncLog() throws(LedgerFailure) {
        var tries = 0
        while true {
            do throws(LogError) {
                return try log.commit()
            } catch {
                // Nothing was written and the group stays gathered: room may come back.
                guard error == .full, tries < Headroom.triesMax else { throw LedgerFailure(error) }
            }
            tries += 1
            isReadOnly = true
            headroom.pause(microseconds: Headroom.fullMicroseconds)
            log.prepareReserve()
        }
    }

    // MARK: Taking back

    /// Small steps as long as commands come: those that wait for an answer come right after it.
    private var reclaimsPerGroup: Int {
        let quiet = clock.bootNanoseconds &- pulse.lastCommand
        return quiet < Pulse.quietNanoseconds
            ? EngineLimits.groupReclaimsBesideCommands : EngineLimits.groupReclaims
    }

    /// Takes back what is due, at most one group of it, and decides anew what waited for that.
    private func reclaimDue(atMost limit: Int) throws(LedgerFailure) {
        var frames = 0
        while frames < limit, try isAnythingDue() {
            try reclaim()
            frames += 1
        }
        guard !deferred.isEmpty else { return }
        // Those for which it was not enough go back to `deferred` as long as more is due.
        let late = deferred
        deferred = []
        for (index, submission) in late.enumerated() {
            do throws(LedgerFailure) {
                try admit(submission, again: true)
            } catch {
                deferred += late[index...]
                throw error
            }
        }
    }

    /// One step: at most one frame.
    private func reclaim() throws(LedgerFailure) {
        // What a gap gives back must not be taken.
        try noteStall()
        try perform(.reclaim)
    }

    private func recordCountedRefusals() throws(LedgerFailure) {
        guard !isReadOnly else { return }
        let counts = refusals.turn(now: now)
        if !counts.isEmpty { try perform(.refusalsCounted(counts)) }
    }

    // MARK: Failure

    /// Ends the writer (E3): what waits is answered `UNKNOWN`, and so is everything after it.
    func fail(_ failure: LedgerFailure) {
        guard self.failure == nil else { return }
        self.failure = failure
        answerWaiting(with: Self.unknownRefusal)
        outbox.fail(with: Self.unknownRefusal)
        refuse(deferred)
        deferred = []
    }

    private func refuse(_ batch: [Submission]) {
        for submission in batch {
            submission.sink.deliver([
                Delivery(ticket: submission.ticket, answer: .refused(Self.unknownRefusal))
            ])
        }
    }
}
