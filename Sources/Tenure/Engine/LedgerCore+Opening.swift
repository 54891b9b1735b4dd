// Opening: storage, replay, the record of the opening, and the grace for the gap.

internal import TenureBase
internal import TenureLog
internal import TenureModel
package import TenureStorage

extension LedgerCore {
    /// Opens the ledger at `directory`, or makes one where there is none and that is allowed.
    ///
    /// Nothing is served before the record of the opening is durable.
    package static func open(
        directory: String,
        configuration: LedgerConfiguration,
        clock: any LedgerClock,
        runner: any CheckpointRunner
    ) throws(LedgerOpenError) -> LedgerCore {
        do throws(StorageError) {
            if configuration.createIfMissing, try DataDirectory.isFree(directory) {
                try Storage.create(at: directory, configuration: configuration.storage)
            }
            let prepared = try Storage.prepare(
                at: directory,
                configuration: configuration.storage
            )
            var state = LedgerState(resident: prepared.resident, rows: prepared.cache)
            let opened = try prepared.replay { (position, time, events) throws(RowFault) in
                try state.apply(events, at: position, time: time)
            }
            let core = LedgerCore(
                state: state,
                log: opened.log,
                store: opened.store,
                cache: opened.cache,
                clock: clock,
                runner: runner,
                opening: OpeningFigures(
                    label: opened.report.label,
                    sentences: opened.warnings + opened.report.sentences,
                    replayed: opened.report.log.replayedFrames,
                    missingHistory: opened.report.missingHistory,
                    ledger: "\(opened.directory.ledger)"
                )
            )
            core.directory = opened.directory
            core.headroom.lowWaterBytes = configuration.lowWaterBytes
            core.checkpoint.lastPosition = opened.report.checkpoint
            core.checkpoint.policy = CheckpointPolicy(limits: configuration.checkpoints)
            try core.recordOpening()
            try opened.directory.forgetPast()
            return core
        } catch {
            throw LedgerOpenError(sentence: error.description, exitCode: error.exitCode)
        }
    }

    /// What an operator should know of the opening.
    package var openingSentences: [String] { figuresAtOpening.sentences }

    /// Writes the record of the opening and of the gap before it; nothing is served earlier.
    func recordOpening() throws(StorageError) {
        let lastTime = state.facts.time
        let isFirst = state.position == 0
        do throws(LedgerFailure) {
            try restoreQueue()
            // Both clocks of one moment: the next opening in this boot goes on from there.
            let reading = clock.read()
            try perform(
                .opened(
                    Opening(
                        bootID: reading.bootID,
                        bootNanoseconds: reading.bootNanoseconds,
                        wallNanoseconds: reading.wallNanoseconds,
                        pidNamespace: HostFacts.pidNamespace,
                        recovery: figuresAtOpening.label,
                        version: TenureVersion.current,
                        isEstimate: timeLine.isEstimate
                    )
                ),
                at: timeLine.time(at: reading.bootNanoseconds, after: lastTime)
            )
            if let reason = figuresAtOpening.missingHistory {
                try perform(.raiseEpoch(reason: reason))
            }
            if !isFirst, state.facts.leases + state.facts.sessions > 0 {
                try perform(.grace(fromNanoseconds: lastTime.nanoseconds))
            }
            try publish()
        } catch {
            let trouble = Trouble(error.sentence, at: "the opening", "see the place it names")
            throw error.exitCode == 65 ? .damaged(trouble) : .device(trouble)
        }
    }
}

/// The version of this package.
public enum TenureVersion {
    /// As the command line and the log show it.
    public static let current = "0.1.0"
}

/// What can be chosen about a ledger.
public struct LedgerConfiguration: Sendable {
    /// Whether to make a ledger where there is nothing or an empty directory.
    public var createIfMissing = false
    /// Memory for clean rows, in bytes.
    public var cacheBytes = 8 << 20
    /// From the end of one scrub of all stored rows to the begin of the next; `.zero` for none.
    ///
    /// A scrub finds what is damaged, lost or stale in rows that nobody asks for, and ends the
    /// ledger when there is any. The first begins a minute after the opening, or after the
    /// interval when that is shorter.
    public var scrubInterval = Duration.seconds(86_400)
    /// Whether to use a file system that does not keep what it promises.
    public var allowUnsafeFileSystem = false
    /// Whether to make the state anew from a log that goes back to position 1, or a snapshot.
    public var rebuildState = false
    /// The most clean rows in memory; for tests of the cache.
    package var cacheRows = Int.max
    /// Bytes of one segment of the log; for tests of rotation.
    package var segmentBytes: Int?
    /// Below this many free bytes nothing new is granted; for tests on any disk.
    package var lowWaterBytes = Headroom.lowWaterBytes
    /// When a checkpoint is due; for tests of what goes on beside many.
    package var checkpoints = CheckpointLimits()

    /// The defaults.
    public init() {}

    /// How to scrub; nothing when not at all.
    var scrubPace: ScrubPace? {
        guard scrubInterval > .zero else { return nil }
        let (seconds, attoseconds) = scrubInterval.components
        let (nanoseconds, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return ScrubPace(
            interval: overflow ? .max / 2 : nanoseconds &+ UInt64(attoseconds / 1_000_000_000)
        )
    }

    var storage: StorageConfiguration {
        var storage = StorageConfiguration()
        storage.cache = FrontCacheBudget(bytes: cacheBytes, rows: cacheRows)
        storage.allowUnsafeFileSystem = allowUnsafeFileSystem
        storage.rebuildState = rebuildState
        if let segmentBytes { storage.log.segmentBytes = segmentBytes }
        return storage
    }
}
