// What can be done for a damaged log, and what can not.

import TenureBase

/// A segment that has all its groups again.
package struct MendedSegment: Equatable, Sendable {
    /// Which one.
    package let name: SegmentName
    /// What is done for it, from which position on.
    package let mendings: [PositionedMending]
    /// The file is not there.
    package let isMissing: Bool
}

/// Something that is done for a segment.
package struct PositionedMending: Equatable, Sendable {
    /// The first position concerned.
    package let position: UInt64
    /// What is done.
    package let mending: Mending
}

/// A place at which the history breaks off.
package struct LogBreak: Equatable, Sendable {
    /// The segment in which it breaks off, or the first one that is missing.
    package let segment: SegmentName
    /// The first position that is lost.
    package let position: UInt64
    /// What is wrong there.
    package let fault: LogFault
    /// Whether the segment is in log/, where what is damaged keeps others from being retired.
    package let isInLog: Bool

    init(
        _ segment: SegmentName,
        _ position: UInt64,
        _ fault: LogFault,
        isInLog: Bool = false
    ) {
        (self.segment, self.position, self.fault) = (segment, position, fault)
        self.isInLog = isInLog
    }
}

/// What mending a log comes to.
package struct LogMendingPlan: Equatable, Sendable {
    /// Segments that get back everything they had.
    package internal(set) var mended: [MendedSegment] = []
    /// Breaks before what a start reads: no start needs what is lost there, and audits do.
    package internal(set) var gaps: [LogBreak] = []
    /// The break that keeps the log from being opened: only what is before it can go on.
    package internal(set) var cut: LogBreak?
    /// The first position of the history that is unbroken up to its end.
    package internal(set) var firstPosition: UInt64 = 1
    /// The last position before the cut, or of all.
    package internal(set) var lastPosition: UInt64 = 0
    /// Whether the history has the checkpoint that was asked for.
    package internal(set) var hasCheckpoint = false

    /// Gaps in segments that keep others from being retired.
    package var setAside: [LogBreak] { gaps.filter(\.isInLog) }

    /// Whether the log can be opened, and goes on, as it is.
    package var isSound: Bool { mended.isEmpty && cut == nil && setAside.isEmpty }
}
