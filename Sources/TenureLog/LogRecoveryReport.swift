// What opening a log has found and done, for the recovery report of the ledger.

/// What opening a log has found and done.
package struct LogRecoveryReport: Equatable, Sendable {
    /// Bytes that were cut from the end of the log.
    package struct Cut: Equatable, Sendable {
        /// Where in the segment the bytes began.
        package var offset: UInt64
        /// How many bytes were not zero any more or had to be made so.
        package var bytes: UInt64
        /// The file that keeps them.
        package var keptAs: String
        /// The positions that the cut group would have had, if its header was stored.
        ///
        /// None of them was acknowledged, unless the disk lost exactly the last acknowledged
        /// group before an empty one confirmed it: the one damage that looks like this.
        package var positions: ClosedRange<UInt64>?
    }

    /// The row of the recovery table that fitted the end of the log.
    package var verdict = TailVerdict.clean
    /// The segment that the log goes on in.
    package var segment = ""
    /// The position of the last frame.
    package var lastPosition: UInt64 = 0
    /// How many segments were read.
    package var segmentsRead = 0
    /// How many frames after the checkpoint were handed out.
    package var replayedFrames: UInt64 = 0
    /// Bytes of their payloads.
    package var replayedContentBytes: UInt64 = 0
    /// Bytes of whole blocks of their groups.
    package var replayedExtentBytes: UInt64 = 0
    /// What was cut, if anything was.
    package var cut: Cut?
    /// Whether a segment was sealed and its successor had still to be made.
    package var finishedRotation = false
    /// Segments whose move to the archive a crash had interrupted and that is finished now.
    package var finishedMoves: [String] = []
    /// Names in log/ and archive/ that are not ours; they are left alone.
    package var ignored: [String] = []

    /// A report of nothing found and nothing done.
    package init() {}
}
