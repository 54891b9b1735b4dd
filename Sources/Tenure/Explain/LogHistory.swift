// What the log says of the past, read while the ledger is open and writes.
//
// A record that is durable never changes, and segments only move to archive/; so the writer needs
// not know of a reader. Where the writer is at work the end of a group may be torn: nobody asks for
// records behind the durable position, and what is wrong there is not told.

internal import TenureBase
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// A record of the past.
struct PastRecord: Sendable {
    let position: Position
    let time: LedgerTime
    let events: [Event]
}

/// Reads records of a ledger that is open.
struct LogHistory: Sendable {
    let disk: any Disk
    let ledger: LedgerID

    /// What came of reading.
    enum Outcome {
        /// `body` wanted no more.
        case found
        /// Everything up to `last` was read.
        case ended
        /// So many segments were read, and there are more.
        case cut
        /// The log begins behind the next record.
        case missing
        /// A record that was asked for can not be read.
        case unreadable(String)
    }

    /// How often a record is looked for that is not where it should be: its segment may have moved
    /// to archive/ between a look into the one directory and into the other.
    private static let looksMax = 3

    /// Calls `body` with the records from `first` to `last` until it returns false.
    ///
    /// Blocks; reads whole segments, at most `EngineLimits.explainSegments`.
    func read(
        from first: Position,
        through last: Position,
        _ body: (PastRecord) -> Bool
    ) -> Outcome {
        var next = first
        var misses = 0
        for _ in 0..<EngineLimits.explainSegments {
            guard next <= last else { return .ended }
            let before = next
            var isWanted = true
            var fault: String?
            let reader = LogReader(disk: disk, ledgerID: ledger)
            do throws(LogError) {
                _ = try reader.read(from: next, segments: 1) { (frame) throws(LogError) in
                    guard isWanted, fault == nil, frame.position <= last else { return }
                    // Where the log begins behind it the record is no longer kept.
                    guard frame.position <= next else { return }
                    guard frame.position == next else {
                        fault = "position \(next) is not where it should be"
                        return
                    }
                    next += 1
                    do throws(DecodeError) {
                        let record = PastRecord(
                            position: frame.position,
                            time: LedgerTime(nanoseconds: frame.time),
                            events: try EventCodec.decode(frame.payload).events
                        )
                        isWanted = body(record)
                    } catch {
                        fault = "position \(frame.position): \(error)"
                    }
                } problem: { problem in
                    guard fault == nil, problem.affectsRecords, problem.position <= last else {
                        return
                    }
                    fault = "\(problem)"
                }
            } catch {
                return .unreadable("the log can not be read: \(error)")
            }
            if !isWanted { return .found }
            if next == before {
                misses += 1
                if misses < Self.looksMax { continue }
                if let fault { return .unreadable(fault) }
                return hasBegun(before: next)
                    ? .unreadable("the log lacks position \(next)") : .missing
            }
            if let fault { return .unreadable(fault) }
        }
        return next <= last ? .cut : .ended
    }

    /// Whether a segment has what is before a record, or it itself.
    private func hasBegun(before position: Position) -> Bool {
        [LogPath.archive, LogPath.log].contains { directory in
            let names = (try? disk.list(directory)) ?? []
            return names.compactMap(SegmentName.init).contains { $0.firstPosition <= position }
        }
    }
}
