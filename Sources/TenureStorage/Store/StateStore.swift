// The state as rows of bytes: what a store must do, whichever it is.
//
//   S1  `commit` makes rows and checkpoint durable together, or changes nothing.
//   S2  A miss is believed only if the keys on both sides of the gap prove it.
//   S3  Nothing is decoded here; who reads verifies with RowCodec.
//
// One thread commits. Each thread that reads has a reader of its own.

package import TenureLMDB
package import TenureLog
package import TenureModel

/// One row as it is stored.
package struct RawRow: Equatable, Sendable {
    package let key: [UInt8]
    package let value: [UInt8]

    package init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

/// Reads rows, each call at one moment, on the one thread that it belongs to.
package protocol RowReading: AnyObject {
    /// The value of `key`, or nothing when its absence is proved.
    func value(_ table: RowTable, _ key: [UInt8]) throws(RowFault) -> [UInt8]?

    /// The rows from `start` on whose keys begin with `prefix`, in order; at most `limit`.
    func rows(
        _ table: RowTable,
        from start: ScanStart,
        prefix: [UInt8],
        limit: Int
    ) throws(RowFault) -> [RawRow]

    /// The keys on both sides of `key`, whether or not it has a row itself.
    func neighbours(
        _ table: RowTable,
        of key: [UInt8]
    ) throws(RowFault) -> (before: [UInt8]?, after: [UInt8]?)
}

/// What one checkpoint wrote.
package struct CheckpointFigures: Equatable, Sendable {
    /// How many rows were written or deleted.
    package var rows = 0
    /// Bytes of keys and values written.
    package var bytes = 0
    /// How the rows up to the frontier of a scrub were changed.
    package var behindFrontier = StateDelta()

    package init() {}
}

/// Keeps the rows of one moment, and moves to a later one at a time.
package protocol StateStore: AnyObject, Sendable {
    /// Whose rows these are.
    var ledger: LedgerID { get }

    /// The last checkpoint that is durable.
    var checkpoint: StoredCheckpoint { get }

    /// A reader for the calling thread.
    func makeReader() throws(StorageError) -> any RowReading

    /// Makes `changes` durable, together with their position, seal, digest and counts.
    ///
    /// `frontier` is that of a scrub under way, which is told what changed behind it.
    ///
    /// - Throws: `full` when it may be tried again with the same changes; `damaged` when a row
    ///   that is replaced is not the one that was written; `device` when the writer must stop.
    @discardableResult
    func commit(
        _ changes: FrozenChanges,
        seal: Seal,
        frontier: ScrubFrontier?
    ) throws(StorageError) -> CheckpointFigures
}

extension StateStore {
    /// Makes `changes` durable while no scrub is under way.
    @discardableResult
    package func commit(
        _ changes: FrozenChanges,
        seal: Seal
    ) throws(StorageError) -> CheckpointFigures {
        try commit(changes, seal: seal, frontier: nil)
    }

    /// The state's place in the history of the log.
    package var logCheckpoint: LogCheckpoint {
        let checkpoint = checkpoint
        return LogCheckpoint(position: checkpoint.position, seal: checkpoint.seal)
    }
}
