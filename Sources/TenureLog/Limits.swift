// Every bound of the log in one place, each with its unit and its reason.
//
// The relations between them are checked by a test; a configuration is checked when a log is
// made or opened.

/// Bounds of the log.
package enum LogLimits {
    /// Bytes: the unit in which a disk keeps or loses data, and on which every group starts.
    package static let block = 4096
    /// Bytes of one payload; larger than any command that the wire lets in.
    package static let payload = 1 << 20
    /// Bytes of one group, header and seal included: one write and one sync stay short.
    package static let group = 4 << 20
    /// Bytes of a segment unless the configuration says otherwise.
    package static let segmentDefault = 16 << 20
    /// Bytes of the smallest segment, for tests: small, and still with room for several groups.
    package static let segmentMinimum = 64 << 10
    /// Bytes of the largest segment, which recovery holds in memory as a whole.
    package static let segmentMaximum = 256 << 20
    /// Bytes read or made zero at once by an opening, to which nobody's sync is next.
    package static let chunk = 1 << 20
    /// Bytes written and synced at once in the background: 0.2 ms of a device that writes 1 GB/s.
    package static let piece = 256 << 10
    /// How far threads that write in the background give way to the one that commits.
    package static let niceness: Int32 = 10
    /// Microseconds for which the device is left to others after each piece; 16 MiB then take
    /// about 0.1 s, and the log fills a segment in no less.
    package static let pieceMicroseconds: UInt32 = 1000
    /// The largest position, group number and segment id that is believed: beyond all that a
    /// ledger can reach, and far enough from the end of the integers that sums can not overflow.
    package static let number: UInt64 = 1 << 62
    /// Bytes of the largest frame in which a repair looks for a flipped bit: each of its bits is
    /// tried, and the checksum of the whole frame taken for each, 0.2 s for this one.
    package static let mendedFrame = 16 << 10
    /// How many copies of bytes cut at one place are kept before opening is refused.
    package static let cutCopies = 1000
}

/// What can be chosen about a log.
package struct LogConfiguration: Equatable, Sendable {
    /// Who prepares the next segment.
    package enum SparePreparation: Equatable, Sendable {
        /// A thread of its own, so that no commit waits for 16 MiB of zeros.
        case background
        /// The committing thread, so that a simulation sees one order of operations.
        case synchronous
    }

    /// Bytes of a segment made from now on; those that exist keep their size.
    package var segmentBytes: Int
    /// Who prepares the next segment.
    package var spare: SparePreparation

    /// A configuration with defaults for what is not named.
    package init(
        segmentBytes: Int = LogLimits.segmentDefault,
        spare: SparePreparation = .background
    ) {
        self.segmentBytes = segmentBytes
        self.spare = spare
    }

    /// Whether the sizes are within the limits and on block boundaries.
    package var isValid: Bool {
        segmentBytes >= LogLimits.segmentMinimum
            && segmentBytes <= LogLimits.segmentMaximum
            && segmentBytes % LogLimits.block == 0
    }

    /// The most bytes that one group can have.
    ///
    /// A fresh segment has room for its header, one empty group, one group of this size and the
    /// empty group that seals it; so a segment never gets sealed without a frame in it.
    package var groupBytes: Int {
        min(LogLimits.group, segmentBytes - 3 * LogLimits.block)
    }
}
