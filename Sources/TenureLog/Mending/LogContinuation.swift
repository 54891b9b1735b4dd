// Going on from the state where the log before it is damaged: what the state was stored at needs
// nothing of what is before, and the records behind it are written anew into one segment.
//
//   N1  The state is of this history: no group that ends or begins at its position says otherwise.
//   N2  The new segment gets its name, durable, before any of the old ones goes; behind it they
//       are cut off, so that a crash in between leaves a log whose rest is cut by the next repair.
//
// Seals chain on from the state's. An anchor of before the damage, or of behind it, is none of the
// new segment: what was given out of history can not be proved any more.

import SystemPackage
import TenureBase

/// What of a log goes on behind a state.
package struct LogContinuation: Equatable, Sendable {
    /// Where the state was stored.
    package let checkpoint: LogCheckpoint
    /// The last position that goes on.
    package internal(set) var lastPosition: UInt64
    /// How many records there are behind the state.
    package internal(set) var records: UInt64 = 0
    /// The break behind which nothing goes on, when there is one behind the state.
    package internal(set) var cut: LogBreak?
}

extension LogMending {
    /// The bytes of segment that records may fill; the rest is for what comes next.
    private static let roomBytes = LogLimits.segmentMaximum - LogLimits.segmentDefault

    /// What goes on behind a state; changes nothing.
    ///
    /// - Returns: nothing when the state is of another history.
    /// - Throws: `device` when a directory can not be listed.
    package func continuation(
        behind checkpoint: LogCheckpoint
    ) throws(LogError) -> LogContinuation? {
        guard try isOfThisHistory(checkpoint) else { return nil }
        var writing = ContinuationWriting(behind: checkpoint, isDry: true, header: nil)
        return try read(into: &writing)
    }

    /// Makes a log that begins behind the state; what it takes the place of goes to `evidence`.
    func goOn(
        from continuation: LogContinuation,
        keeping evidence: String
    ) throws(LogError) {
        let checkpoint = continuation.checkpoint
        let listing = try listing()
        let all = listing.own.sorted()
        let (number, bytes) = figures(of: all, listing)
        let header = SegmentHeader(
            ledger: ledger,
            segment: number + 1,
            firstPosition: checkpoint.position + 1,
            bytes: bytes,
            previousSeal: checkpoint.seal,
            // Above all before: beside its groups with records each segment has no more empty ones,
            // and one that seals it.
            firstGroup: 3 * checkpoint.position + 1,
            compactBytes: 0
        )
        var writing = ContinuationWriting(behind: checkpoint, isDry: false, header: header)
        _ = try read(into: &writing)
        let name = SegmentName(firstPosition: header.firstPosition)
        // What a start would read of the log as it is.
        let first = all.last { $0.firstPosition <= checkpoint.position }
        let replaced = all.filter { $0 >= first ?? name }
        do throws(DiskError) {
            for old in replaced { try keep(listing.path(of: old), as: old.fileName, evidence) }
            try disk.unlinkIfPresent(LogPath.mended)
            try writing.write(to: disk)
            try disk.rename(LogPath.mended, to: name.inLog, replacing: true)
            try disk.syncDirectory(LogPath.log)
            for old in replaced.reversed() {
                if listing.archive.contains(old) { try disk.unlink(old.inArchive) }
                if listing.log.contains(old), old != name { try disk.unlink(old.inLog) }
            }
            try disk.syncDirectory(LogPath.log)
            try disk.syncDirectory(LogPath.archive)
        } catch {
            throw error.isFull ? .full : .device(error)
        }
    }

    /// N1.
    private func isOfThisHistory(_ checkpoint: LogCheckpoint) throws(LogError) -> Bool {
        let listing = try listing()
        var isContradicted = false
        // The one with the position, and one that begins behind it.
        let near = listing.own.sorted().filter { $0 <= checkpoint.next }.suffix(2)
        for name in near {
            let held = HeldSegment(name, path: listing.path(of: name), on: disk)
            let seals = held.map { $0.file.seals(at: checkpoint.position, of: ledger) } ?? []
            if seals.contains(checkpoint.seal) { return true }
            isContradicted = isContradicted || !seals.isEmpty
        }
        return !isContradicted
    }

    /// The highest id that a segment of these can have, and the size that they have in log/.
    private func figures(
        of names: [SegmentName],
        _ listing: MendingListing
    ) -> (number: UInt64, bytes: UInt64) {
        for (behind, name) in names.reversed().enumerated() {
            let header = disk.segmentHeader(at: listing.path(of: name))
            guard let header, header.ledger == ledger else { continue }
            return (header.segment + UInt64(behind), header.bytes)
        }
        return (UInt64(names.count), UInt64(LogLimits.segmentDefault))
    }

    /// Reads the records behind the state, as long as none is missing and they have room.
    private func read(
        into writing: inout ContinuationWriting
    ) throws(LogError) -> LogContinuation {
        var fault: LogProblem?
        var isBroken = false
        let summary = try LogReader(disk: disk, ledgerID: ledger).read(
            from: writing.found.lastPosition + 1,
            frame: { (frame) throws(LogError) in
                // After a repair that was interrupted a record may be there twice.
                if isBroken || frame.position <= writing.found.lastPosition { return }
                let isNext = frame.position == writing.found.lastPosition + 1
                isBroken = !isNext || !writing.take(frame, upTo: Self.roomBytes)
            },
            problem: { if $0.affectsRecords { fault = fault ?? $0 } }
        )
        writing.finish()
        var found = writing.found
        if isBroken || summary.lastPosition > found.lastPosition
            || fault.map({ $0.position > found.lastPosition }) ?? false
        {
            let position = found.lastPosition + 1
            let segment = SegmentName(firstPosition: position)
            found.cut = LogBreak(segment, position, fault?.fault ?? .missingSegment)
        }
        return found
    }
}

/// The segment of a continuation, being filled.
private struct ContinuationWriting: ~Copyable {
    private(set) var found: LogContinuation
    private let isDry: Bool
    private var place: GroupPlace?
    private var header: SegmentHeader?
    private var group = GroupBuffer(limit: LogLimits.group)
    /// Groups, padded, as they go into the file.
    private var pieces: [[UInt8]] = []
    private var bytes = LogLimits.block

    init(behind checkpoint: LogCheckpoint, isDry: Bool, header: SegmentHeader?) {
        found = LogContinuation(checkpoint: checkpoint, lastPosition: checkpoint.position)
        self.isDry = isDry
        self.header = header
        place = header.map(GroupPlace.init(startOf:))
    }

    /// Takes the next record; false when there is no room for it.
    mutating func take(_ frame: borrowing Frame, upTo limit: Int) -> Bool {
        let needed = GroupFormat.frameHeaderBytes + frame.payload.byteCount
        if group.length + needed > LogLimits.group { finish() }
        guard bytes + GroupFormat.padded(group.length + needed) <= limit else { return false }
        group.append(position: frame.position, time: frame.time, payload: frame.payload)
        found.lastPosition = frame.position
        found.records += 1
        return true
    }

    /// Ends the group that is being gathered.
    mutating func finish() {
        guard group.count > 0 else { return }
        bytes += GroupFormat.padded(group.length)
        if !isDry, let place {
            let (header, seal) = group.finish(
                at: place,
                durableBefore: place.position - 1,
                sealed: false
            )
            pieces.append(group.bytes.extracting(0..<GroupFormat.padded(header.length)).copied)
            self.place?.advance(over: header, seal: seal)
        }
        group.reset()
    }

    /// Writes the segment aside, with room for what comes next.
    mutating func write(to disk: any Disk) throws(DiskError) {
        guard var header else { violated("what is written has a header") }
        // Room for what comes next: as much as other segments have.
        let whole = min(bytes + Int(header.bytes), LogLimits.segmentMaximum)
        header.bytes = UInt64(GroupFormat.padded(whole))
        var buffer = AlignedBuffer(byteCount: Int(header.bytes))
        header.encode(into: &buffer)
        var offset = LogLimits.block
        for piece in pieces {
            // SAFETY: bytes have no padding that could be read uninitialised.
            buffer.copy(unsafe piece.span.bytes, to: offset)
            offset += piece.count
        }
        try LogMending.write(buffer.bytes, to: disk.create(LogPath.mended))
    }
}

extension SegmentFile {
    /// The seals of the history up to a position, from the groups that end or begin there: more
    /// than one where empty groups follow.
    fileprivate func seals(at position: UInt64, of ledger: LedgerID) -> [Seal] {
        guard let header = try? header(of: ledger) else { return [] }
        var walk = SegmentWalk(header)
        var seals: [Seal] = []
        while true {
            if walk.place.position == position + 1 { seals.append(walk.place.seal) }
            if walk.isAtEnd(of: bytes) { return seals }
            if let group = try? walk.group(in: bytes) {
                walk.advance(over: group)
            } else {
                guard let next = walk.nextHeader(in: bytes) else { return seals }
                walk.jump(to: next)
            }
        }
    }
}
