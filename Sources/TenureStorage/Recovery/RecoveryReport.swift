// What opening a ledger has found and done, for the operator and for the record of the opening.

package import TenureLog
package import TenureModel

/// What opening a ledger has found and done.
package struct RecoveryReport: Equatable, Sendable {
    /// What the log has found and done.
    package var log: LogRecoveryReport
    /// The position of the stored state from which records were applied.
    package var checkpoint: Position
    /// Whether the state was made anew from the whole log.
    package var rebuiltState = false
    /// Where the state that could not be used was put.
    package var keptState: String?
    /// A file of bytes that an earlier start cut at this very end, without a record behind it.
    package var unrecordedCut: String?
    /// Whether the directory is a copy that was never served.
    package var isCopy = false
    /// Whether the state was made anew from the log since the last opening that went through.
    package var isRebuilding = false
    /// Whether a repair has given up history since the last opening that went through.
    package var isRepaired = false

    /// A report about a log that was opened at `checkpoint`.
    package init(log: LogRecoveryReport, checkpoint: Position) {
        self.log = log
        self.checkpoint = checkpoint
    }

    /// The row of the recovery table, and `R` behind it when the state was rebuilt.
    package var label: String {
        rebuiltState ? "\(log.verdict.rawValue)+R" : log.verdict.rawValue
    }

    /// Whether acknowledged history may be missing although the log opened.
    ///
    /// A cut whose positions are known concerns a group that looks torn and may have been the
    /// last acknowledged one.
    package var mayMissAcknowledged: Bool { log.cut != nil }

    /// Why acknowledged history may be missing, when it may be: tokens then need a new epoch.
    package var missingHistory: String? {
        if isCopy {
            return "the directory is a copy; what its original did after position "
                + "\(log.lastPosition) is not in it"
        }
        if isRepaired {
            return "a repair gave up what the log had after position \(log.lastPosition)"
        }
        if isRebuilding {
            return "the state was made anew from the log; whether the one before knew of more than "
                + "position \(log.lastPosition) can not be told"
        }
        guard mayMissAcknowledged, let cut = log.cut else {
            return unrecordedCut.map { "log/\($0) was cut by a start that did not get further" }
        }
        return "\(cut.bytes) bytes were cut at offset \(cut.offset) of \(log.segment)"
    }

    /// A sentence for each thing that an operator may want to know.
    package var sentences: [String] {
        var sentences = [
            "recovery \(label): the state at position \(checkpoint) and "
                + "\(log.replayedFrames) records after it; the log ends at \(log.lastPosition)"
        ]
        if let cut = log.cut {
            let positions = cut.positions.map { ", positions \($0.lowerBound) to \($0.upperBound)" }
            sentences.append(
                "cut \(cut.bytes) bytes at offset \(cut.offset) of \(log.segment)"
                    + (positions ?? "") + ", kept as log/\(cut.keptAs); none was acknowledged, "
                    + "unless the disk lost the last acknowledged group"
            )
        }
        if log.finishedRotation { sentences.append("a new segment had still to be made") }
        for name in log.finishedMoves { sentences.append("finished moving \(name) to archive/") }
        for name in log.ignored { sentences.append("'\(name)' is no part of a log; left alone") }
        if let keptState { sentences.append("the former state is kept as \(keptState)") }
        return sentences
    }
}
