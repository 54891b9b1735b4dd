// The passing of time: gaps in which holders could not renew, quiet in which the log is confirmed.

internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// When the writer last worked, and when it meant to work next.
struct Pulse {
    /// A pause of the writer longer than this is a gap for its holders: one second.
    static let stallNanoseconds: UInt64 = 1_000_000_000
    /// Quiet after which an empty group confirms the last one.
    static let quietNanoseconds: UInt64 = 50_000_000
    /// The writer wakes at least this often, so that a pause can be told from quiet.
    static let beatNanoseconds: UInt64 = 500_000_000

    /// When the writer should be awake again at the latest, on `CLOCK_BOOTTIME`; 0 when unknown.
    var expectedWake: UInt64 = 0
    /// How far the wall clock must have been set for that to be recorded: one second.
    static let wallStepNanoseconds: UInt64 = 1_000_000_000
    /// From one look at it to the next: ten seconds.
    static let wallLookNanoseconds: UInt64 = 10_000_000_000

    /// When the wall clock is looked at again, on `CLOCK_BOOTTIME`.
    var nextWallLook: UInt64 = 0
    /// When a sync began that took so long that holders could not renew; 0 when none did.
    var stalledSince: UInt64 = 0
    /// When the last command came in, on `CLOCK_BOOTTIME`.
    var lastCommand: UInt64 = 0
    /// When the last group was written; 0 when an empty one confirmed it.
    private(set) var unconfirmedSince: UInt64 = 0

    mutating func wrote(at time: UInt64) { unconfirmedSince = max(time, 1) }
    mutating func confirmed() { unconfirmedSince = 0 }
}

extension LedgerCore {
    /// Records a gap when the writer wakes much later than it meant to.
    ///
    /// After a suspend, or when its process was stopped.
    func noteGap() throws(LedgerFailure) {
        let boot = clock.bootNanoseconds
        let expected = pulse.expectedWake
        pulse.expectedWake = 0
        guard expected > 0, boot > expected, boot - expected > Pulse.stallNanoseconds else {
            return
        }
        try stalled(fromBoot: expected)
    }

    /// Records that the wall clock was set.
    ///
    /// The past is told by what it shows since, and the next downtime reckoned by that.
    func noteWallClock() throws(LedgerFailure) {
        guard clock.bootNanoseconds >= pulse.nextWallLook, !isReadOnly,
            let opening = state.facts.opening
        else { return }
        let reading = clock.read()
        pulse.nextWallLook = reading.bootNanoseconds + Pulse.wallLookNanoseconds
        let time = timeLine.time(at: reading.bootNanoseconds, after: state.facts.time)
        let then = state.facts.wallAtOpening(showing: reading.wallNanoseconds, at: time)
        let known = opening.wallNanoseconds
        guard max(then, known) - min(then, known) >= Pulse.wallStepNanoseconds else { return }
        try perform(.wallClockSet(nanoseconds: reading.wallNanoseconds), at: time)
    }

    /// Records the gap that a long sync made, if one did.
    func noteStall() throws(LedgerFailure) {
        guard pulse.stalledSince > 0 else { return }
        let began = pulse.stalledSince
        pulse.stalledSince = 0
        try stalled(fromBoot: began)
    }

    /// Gives holders the time back in which they could not renew.
    func stalled(fromBoot boot: UInt64) throws(LedgerFailure) {
        counters.gaps += 1
        guard state.facts.leases + state.facts.sessions > 0 else { return }
        let from = timeLine.time(at: boot, after: .zero)
        try perform(.grace(fromNanoseconds: from.nanoseconds))
    }

    /// What is to be done without any command: what is due, confirmation, checkpoints.
    package func tick() {
        run([])
        guard failure == nil else { return }
        let boot = clock.bootNanoseconds
        do throws(LedgerFailure) {
            if pulse.unconfirmedSince > 0,
                boot >= pulse.unconfirmedSince + Pulse.quietNanoseconds
            {
                do throws(LogError) {
                    try log.commit()
                } catch {
                    throw LedgerFailure(error)
                }
                pulse.confirmed()
            }
        } catch {
            fail(error)
        }
    }

    /// When the writer has to wake if nothing comes in, on `CLOCK_BOOTTIME`.
    package func nextWake() -> UInt64 {
        let boot = clock.bootNanoseconds
        guard failure == nil else { return boot + Pulse.beatNanoseconds }
        var wake = boot + Pulse.beatNanoseconds
        if pulse.unconfirmedSince > 0 {
            wake = min(wake, pulse.unconfirmedSince + Pulse.quietNanoseconds)
        }
        if !deferred.isEmpty || checkpoint.hasWork { return boot }
        // With a disk nearly full nobody is looked at until there is room.
        if waiting.hasMarked || backfill.isBuilding, !isReadOnly { return boot }
        if !isReadOnly,
            let time = [waiting.nextDeadline, waiting.nextRise, backfill.nextDating, nextBooking]
                .compactMap(\.self).min(), time < .never
        {
            wake = min(wake, timeLine.bootNanoseconds(at: time))
        }
        do throws(RowFault) {
            let due = try state.nextDue()
            if due < .never { wake = min(wake, timeLine.bootNanoseconds(at: due)) }
        } catch {
            fail(LedgerFailure(error))
        }
        pulse.expectedWake = max(wake, boot)
        return wake
    }
}
