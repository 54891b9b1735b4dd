// When a checkpoint is due, and when admission must slow because checkpoints do not keep up.
//
// A pure function over figures; who runs checkpoints, and on which thread, is the engine's.

package import TenureLog

/// How much may gather before a checkpoint, each with its reason.
package struct CheckpointLimits: Equatable, Sendable {
    /// Pages of the state that one checkpoint touches: about 16 MiB in one transaction.
    package var pages = 4_096
    /// Bytes of payloads: what a start has to decode again.
    package var contentBytes: UInt64 = 8 << 20
    /// Records: what a start has to apply again.
    package var records: UInt64 = 32_768
    /// Bytes of log with padding: what a start has to read again.
    package var extentBytes: UInt64 = 64 << 20

    package init() {}
}

/// What has gathered since a checkpoint.
package struct CheckpointLoad: Equatable, Sendable {
    /// Distinct rows that were changed.
    package var rows = 0
    /// Bytes of payloads.
    package var contentBytes: UInt64 = 0
    /// Records.
    package var records: UInt64 = 0
    /// Bytes of log with padding.
    package var extentBytes: UInt64 = 0

    package init() {}

    /// How many pages the rows are on.
    ///
    /// Measured on scattered updates: 20,000 rows of a large table touched 9,000 pages, branches
    /// included. Rows in key order share pages, so this is an upper estimate.
    package var pages: Int { (rows + 1) / 2 }
}

/// What to do about a load.
package enum CheckpointVerdict: Equatable, Sendable {
    /// Nothing.
    case idle
    /// Start a checkpoint, unless one is running.
    case due
    /// Start one, and admit more slowly until it is done.
    case mustSlow
}

/// Decides when a checkpoint is due.
package struct CheckpointPolicy: Equatable, Sendable {
    /// The limits that it goes by.
    package var limits: CheckpointLimits

    package init(limits: CheckpointLimits = CheckpointLimits()) {
        self.limits = limits
    }

    /// What to do about `load`.
    package func verdict(_ load: CheckpointLoad) -> CheckpointVerdict {
        if reaches(load, 2) { return .mustSlow }
        return reaches(load, 1) ? .due : .idle
    }

    /// Whether to start one now.
    ///
    /// Beside a burst of reclaim it waits until that is done or twice as much has gathered: the
    /// device and the processors are for those who ask meanwhile.
    package func starts(_ load: CheckpointLoad, isReclaiming: Bool) -> Bool {
        switch verdict(load) {
        case .idle: false
        case .due: !isReclaiming
        case .mustSlow: true
        }
    }

    /// Whether checkpoints are so far behind that nothing more may gather: four times the limits.
    package func isFarBehind(_ load: CheckpointLoad) -> Bool { reaches(load, 4) }

    private func reaches(_ load: CheckpointLoad, _ times: UInt64) -> Bool {
        load.pages >= limits.pages * Int(times)
            || load.contentBytes >= limits.contentBytes * times
            || load.records >= limits.records * times
            || load.extentBytes >= limits.extentBytes * times
    }
}

/// Tells how much has gathered since the last finished checkpoint.
package struct CheckpointMeter: Sendable {
    private struct Mark {
        var contentBytes: UInt64 = 0
        var records: UInt64 = 0
        var extentBytes: UInt64 = 0
    }

    private var finished = Mark()
    private var frozen: Mark?

    /// Starts at the checkpoint that the log was opened at.
    package init() {}

    /// Whether a checkpoint is being written.
    package var isFrozen: Bool { frozen != nil }

    /// Notes that the rows up to now are being written.
    package mutating func freeze(_ log: some Log) {
        frozen = Mark(
            contentBytes: log.writtenContentBytes,
            records: log.writtenFrames,
            extentBytes: log.writtenExtentBytes
        )
    }

    /// Notes that they are durable.
    package mutating func finish() {
        if let frozen { finished = frozen }
        frozen = nil
    }

    /// What has gathered since the last finished checkpoint; `rows` counts the overlay's.
    package func load(_ log: some Log, rows: Int) -> CheckpointLoad {
        var load = CheckpointLoad()
        load.rows = rows
        load.contentBytes = log.writtenContentBytes - finished.contentBytes
        load.records = log.writtenFrames - finished.records
        load.extentBytes = log.writtenExtentBytes - finished.extentBytes
        return load
    }
}
