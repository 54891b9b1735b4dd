// Opening a ledger: directory, state, then the log's records behind the state, in this order.
//
//   O1  lock and look at the directory                     DataDirectory.open
//   O2  open the state, read its checkpoint and the resident rows
//   O3  open the log at that checkpoint: recovery of its end, and the records after it
//
// The caller makes its own state between O2 and O3, from the resident rows and the cache, and
// applies the records as they come. Start is O(records after the checkpoint) + O(resources, pools,
// quotas); no step looks at all leases.
//
//   R1  Nothing is written before the checkpoint's seal was found in the log, but a torn end that
//       is cut.
//   R2  A state that can not be used is never replaced without being asked for, and then kept.

internal import TenureBase
internal import TenureLMDB
package import TenureLog
package import TenureModel

/// What can be chosen about opening a ledger.
package struct StorageConfiguration: Sendable {
    /// Sizes of the log.
    package var log = LogConfiguration()
    /// Memory for clean rows.
    package var cache = FrontCacheBudget()
    /// Whether to use a file system that does not keep what it promises.
    package var allowUnsafeFileSystem = false
    /// Whether to make the state anew from the log, which must go back to position 1.
    package var rebuildState = false

    package init() {}
}

/// A ledger that is open, with everything that the engine works on.
package struct OpenedStorage {
    /// The directory; it stays locked for as long as this is kept.
    package let directory: DataDirectory
    /// The log, positioned behind its last record.
    package let log: FileLog
    /// The state.
    package let store: LMDBStateStore
    /// The rows of the state, for the writer's thread.
    package let cache: FrontCache
    /// What was found and done.
    package let report: RecoveryReport
    /// What an operator should know.
    package let warnings: [String]
}

/// A ledger whose state is open and whose log is not yet read.
package struct PreparedStorage: ~Copyable {
    /// Pools, resources, quotas and facts at the checkpoint.
    package let resident: ResidentRows
    /// The other rows at the checkpoint, for the calling thread.
    package let cache: FrontCache
    /// The directory.
    package let directory: DataDirectory
    /// The state.
    package let store: LMDBStateStore
    private let configuration: StorageConfiguration
    private let keptState: String?

    fileprivate init(
        _ directory: DataDirectory,
        _ store: LMDBStateStore,
        _ cache: FrontCache,
        _ resident: ResidentRows,
        _ configuration: StorageConfiguration,
        keptState: String?
    ) {
        self.directory = directory
        self.store = store
        self.cache = cache
        self.resident = resident
        self.configuration = configuration
        self.keptState = keptState
    }

    /// Opens the log and gives every record after the checkpoint to `apply`, in order.
    ///
    /// When this throws, what `apply` was given must be forgotten: the ledger is not open.
    package consuming func replay(
        _ apply: (Position, LedgerTime, [Event]) throws(RowFault) -> Void
    ) throws(StorageError) -> OpenedStorage {
        let checkpoint = store.checkpoint.position
        var refusal: StorageError?
        let path = directory.path
        let opened: (FileLog, LogRecoveryReport)
        do throws(LogError) {
            opened = try FileLog.open(
                on: directory.disk,
                ledgerID: directory.ledger,
                configuration: configuration.log,
                checkpoint: store.logCheckpoint
            ) { (frame) throws(LogError) in
                do throws(StorageError) {
                    let events = try events(of: frame, in: path)
                    let time = LedgerTime(nanoseconds: frame.time)
                    do throws(RowFault) {
                        try apply(frame.position, time, events)
                    } catch {
                        throw StorageError(error, in: path)
                    }
                } catch {
                    refusal = error
                    throw .replay("\(error)")
                }
            }
        } catch {
            throw refusal ?? StorageError(error, in: path)
        }
        var report = RecoveryReport(log: opened.1, checkpoint: checkpoint)
        report.rebuiltState = configuration.rebuildState
        report.keptState = keptState
        report.unrecordedCut = try diskCall(path) { () throws(DiskError) in
            // The name ends in the position at which the log went on.
            let end = "-\(opened.1.lastPosition + 1)"
            return try directory.disk.list("log").first {
                $0.hasPrefix("cut-") && $0.hasSuffix(end)
            }
        }
        report.isCopy = try directory.isCopy
        report.isRebuilding = try directory.isRebuilding
        report.isRepaired = try directory.isRepaired
        return OpenedStorage(
            directory: directory,
            log: opened.0,
            store: store,
            cache: cache,
            report: report,
            warnings: directory.warnings
        )
    }
}

/// The data directory as one thing.
package enum Storage {
    /// Makes an empty ledger at `path`, which does not exist or is an empty directory.
    package static func create(
        at path: String,
        ledger: LedgerID? = nil,
        configuration: StorageConfiguration = StorageConfiguration()
    ) throws(StorageError) {
        let drawn = LedgerID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max))
        try DataDirectory.create(
            at: path,
            ledger: ledger ?? drawn,
            log: configuration.log,
            allowUnsafeFileSystem: configuration.allowUnsafeFileSystem
        )
    }

    /// Locks the ledger at `path` and opens its state.
    package static func prepare(
        at path: String,
        configuration: StorageConfiguration = StorageConfiguration()
    ) throws(StorageError) -> PreparedStorage {
        let directory = try DataDirectory.open(
            at: path,
            allowUnsafeFileSystem: configuration.allowUnsafeFileSystem
        )
        var kept: String?
        if configuration.rebuildState { kept = try StateRebuild.begin(directory) }
        let store = try openState(directory)
        let cache = try FrontCache(store, budget: configuration.cache)
        let resident = try ResidentRows.read(from: store, in: directory.path)
        return PreparedStorage(
            directory,
            store,
            cache,
            resident,
            configuration,
            keptState: kept
        )
    }

    private static func openState(
        _ directory: DataDirectory
    ) throws(StorageError) -> LMDBStateStore {
        // LMDB's own lock says nothing here: nobody but us has the directory. A damaged one would
        // only stand in the way.
        try diskCall(directory.path) { () throws(DiskError) in
            if try directory.disk.contains(DataDirectory.Name.state, in: "") {
                try directory.disk.unlinkIfPresent(DataDirectory.Name.stateLock)
            }
        }
        return try LMDBStateStore.open(
            in: directory.path,
            on: directory.disk,
            ledger: directory.ledger
        )
    }
}

/// The events of a frame, all of which must be known.
func events(of frame: borrowing Frame, in path: String) throws(StorageError) -> [Event] {
    let place = "\(path)/log, position \(frame.position)"
    let decoded: EventCodec.Decoded
    do throws(DecodeError) {
        decoded = try EventCodec.decode(frame.payload)
    } catch {
        throw .damaged(
            Trouble("the record can not be read: \(error)", at: place, StorageError.keepRemedy)
        )
    }
    guard decoded.isComplete else {
        throw .unsupported(
            Trouble(
                "the record has events with tags \(decoded.unknownTags), which this version does "
                    + "not know",
                at: place,
                "use the version of the program that wrote it, or a later one"
            )
        )
    }
    return decoded.events
}
