// What can be wrong with the bytes of a log, and why the log refuses.

/// What is wrong with the bytes at one place.
package enum LogFault: Error, Equatable, Sendable {
    /// The bytes end before the field.
    case truncated
    /// The first four bytes are not those of a group or of a segment.
    case magic
    /// The checksum of a group's or segment's header does not fit it.
    case headerChecksum
    /// The fields of a header contradict each other or the limits.
    case headerFields
    /// A newer version of the program wrote this.
    case newerFormat(UInt16)
    /// It belongs to another ledger.
    case otherLedger
    /// It belongs to another segment or another place in this one.
    case otherPlace
    /// The number, position or previous seal do not follow what comes before.
    case notTheNext
    /// A frame at this offset in the segment has a wrong checksum, position or length.
    case frame(offset: UInt64)
    /// The seal does not fit the group.
    case seal
    /// Bytes that should be zero are not.
    case padding
    /// The segment ends without a sealed group although another one follows.
    case notSealed
    /// The segment does not follow the one before it: identity, last position or final seal.
    case brokenChain
    /// The segment between the one before and this one is not there.
    case missingSegment
    /// The file does not have the size that its header states.
    case size
    /// The device does not give the bytes.
    case unreadable(DiskError)
}

/// Why the log refused.
///
/// After `device` and `failed` the log is closed for good.
package enum LogError: Error, Equatable, Sendable {
    /// The disk failed; nothing more is written.
    case device(DiskError)
    /// An earlier write or sync failed; start again.
    case failed
    /// The disk is full; nothing was written, and the same call may succeed later.
    case full
    /// The sizes of the configuration are outside the limits.
    case configuration
    /// Acknowledged bytes are damaged.
    case corrupt(segment: String, offset: UInt64, position: UInt64, TailVerdict, LogFault)
    /// A newer version of the program wrote this segment.
    case newerFormat(segment: String, UInt16)
    /// The segment belongs to another ledger.
    case otherLedger(segment: String)
    /// The frames from this position on are needed and not there.
    case missing(position: UInt64)
    /// The log ends before the position that the state was stored at.
    case endsBelowCheckpoint(last: UInt64, checkpoint: UInt64)
    /// The log's seal at the checkpoint's position is not the checkpoint's.
    case stateFromAnotherHistory(position: UInt64)
    /// Who was given the frames refused one.
    case replay(String)
}

extension LogError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .device(let error): "the log's disk failed: \(error)"
        case .failed: "the log has failed before and must be opened again"
        case .full: "the disk has no room for another segment of the log"
        case .configuration: "the sizes configured for the log are outside the limits"
        case .corrupt(let segment, let offset, let position, let verdict, let fault):
            "segment '\(segment)' is damaged at offset \(offset), position \(position): "
                + "\(fault) (\(verdict.rawValue))"
        case .newerFormat(let segment, let format):
            "segment '\(segment)' has format \(format); this version reads up to "
                + "\(SegmentHeader.format)"
        case .otherLedger(let segment): "segment '\(segment)' belongs to another ledger"
        case .missing(let position): "the log's frames from position \(position) on are missing"
        case .endsBelowCheckpoint(let last, let checkpoint):
            "the log ends at position \(last), the state was stored at \(checkpoint): "
                + "acknowledged frames are missing"
        case .stateFromAnotherHistory(let position):
            "the state stored at position \(position) belongs to another history than the log"
        case .replay(let reason): "a frame of the log could not be applied: \(reason)"
        }
    }
}
