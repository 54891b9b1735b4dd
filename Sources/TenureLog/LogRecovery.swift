// Opening a log: which segments are needed, whether they are whole, where the log ends.
//
//   O2  sync archive/ and log/: a killed process may have left a segment's new name in the cache
//       only, and what is acknowledged in it next must not lose its name; list the segments,
//       finish moves to the archive that a crash interrupted
//   O3  sync the last segment: what another process left in the cache goes out, or fails here
//   O4  drop its cache and read it past the cache: after a failed sync the cache shows bytes
//       that the disk does not have
//   O5  the verdict of RecoveryTable.swift about its end
//   O7  a torn tail: its bytes are kept aside, then zeroed; both synced
//
// Only the segment with the checkpoint's position and later ones are read. Every step can be
// repeated: a crash at any of them leaves facts that lead to the same end.

import TenureBase

/// One run of recovery.
struct LogRecovery {
    let disk: any Disk
    let ledgerID: LedgerID
    let checkpoint: LogCheckpoint
    private(set) var report = LogRecoveryReport()
    /// Whether the log has shown the checkpoint's seal at the checkpoint's position.
    private var hasMatched = false

    init(_ disk: any Disk, _ ledgerID: LedgerID, _ checkpoint: LogCheckpoint) {
        self.disk = disk
        self.ledgerID = ledgerID
        self.checkpoint = checkpoint
    }

    /// Reads what is needed, hands out the frames after the checkpoint, and ends the log.
    mutating func run(_ replay: FrameBody) throws(LogError) -> FileLog.Tail {
        guard checkpoint.position < LogLimits.number else {
            throw .stateFromAnotherHistory(position: checkpoint.position)
        }
        let listing = try list()
        let needed = try select(listing)
        var before: SegmentWalk?
        for name in needed.dropLast() {
            let path = listing.log.contains(name) ? name.inLog : name.inArchive
            let segment = try SegmentFile(name, path: path, on: disk, direct: false)
            let walk = try walk(segment, after: before, replay)
            try judgeInner(segment, walk)
            before = walk
        }
        guard let last = needed.last else { throw .missing(position: checkpoint.position + 1) }
        return try openTail(last, after: before, replay)
    }

    /// The segments in both directories, each in one of them.
    private struct Listing {
        var log: Set<SegmentName> = []
        var archive: Set<SegmentName> = []
    }

    private mutating func list() throws(LogError) -> Listing {
        var listing = Listing()
        var leftovers: [String] = []
        do throws(DiskError) {
            try disk.syncDirectory(LogPath.archive)
            try disk.syncDirectory(LogPath.log)
            for name in try disk.list(LogPath.archive) {
                if let segment = SegmentName(name) {
                    listing.archive.insert(segment)
                } else if "\(LogPath.archive)/\(name)" == LogPath.retiring {
                    leftovers.append(LogPath.retiring)
                } else {
                    report.ignored.append("\(LogPath.archive)/\(name)")
                }
            }
            for name in try disk.list(LogPath.log) {
                let path = "\(LogPath.log)/\(name)"
                if let segment = SegmentName(name) {
                    listing.log.insert(segment)
                } else if path == LogPath.cut {
                    leftovers.append(path)
                } else if path != LogPath.spare, !name.hasPrefix("cut-") {
                    report.ignored.append(path)
                }
            }
            // An index says what a segment has, also while that is still in log/.
            let indexes = listing.log.union(listing.archive).map(\.indexFileName)
            let own = Set(indexes.map { "\(LogPath.archive)/\($0)" })
            report.ignored.removeAll { own.contains($0) }
            for path in leftovers { try disk.unlinkIfPresent(path) }
        } catch {
            throw .device(error)
        }
        let retirement = Retirement(disk: disk, ledgerID: ledgerID)
        for name in listing.log.intersection(listing.archive).sorted() {
            try retirement.finishMove(of: name)
            listing.log.remove(name)
            report.finishedMoves.append(name.fileName)
        }
        return listing
    }

    /// The segments from the one with the checkpoint's position on.
    private func select(_ listing: Listing) throws(LogError) -> [SegmentName] {
        let all = listing.log.union(listing.archive).sorted()
        guard let last = all.last, listing.log.contains(last) else {
            // The one being written is never retired.
            throw .missing(position: (all.last?.firstPosition ?? checkpoint.position + 1))
        }
        do throws(DiskError) {
            if let start = all.firstIndex(of: checkpoint.next),
                try disk.isSegment(continuing: checkpoint)
            {
                return Array(all[start...])
            }
        } catch {
            throw .device(error)
        }
        guard let start = all.lastIndex(where: { $0.firstPosition <= checkpoint.position }) else {
            guard let first = all.first, first.firstPosition == checkpoint.position + 1 else {
                throw .missing(position: checkpoint.position + 1)
            }
            return all
        }
        return Array(all[start...])
    }

    /// Walks over the groups of a segment as far as they are valid.
    private mutating func walk(
        _ segment: borrowing SegmentFile,
        after before: SegmentWalk?,
        _ replay: FrameBody
    ) throws(LogError) -> SegmentWalk {
        report.segmentsRead += 1
        let header = try segment.header(of: ledgerID)
        if let before { try link(segment, header, to: before) }
        note(position: header.firstPosition - 1, seal: header.previousSeal)
        var walk = SegmentWalk(header)
        let bytes = segment.bytes
        while !walk.isAtEnd(of: bytes) {
            guard let group = try? walk.group(in: bytes) else { break }
            try take(group, replay)
            walk.advance(over: group)
            note(position: walk.place.position - 1, seal: walk.place.seal)
        }
        return walk
    }

    /// Checks that a segment goes on where the one before it ended.
    private func link(
        _ segment: borrowing SegmentFile,
        _ header: SegmentHeader,
        to before: SegmentWalk
    ) throws(LogError) {
        if header.firstPosition > before.place.position
            || header.segment > before.header.segment + 1
        {
            throw .missing(position: before.place.position)
        }
        guard
            header.segment == before.header.segment + 1,
            header.firstPosition == before.place.position,
            header.previousSeal == before.place.seal,
            header.firstGroup == before.place.number
        else {
            let position = header.firstPosition
            throw LogError(.brokenChain, in: segment, at: 0, position: position, .notTheTail)
        }
    }

    /// Looks whether this is the boundary that the checkpoint names.
    private mutating func note(position: UInt64, seal: Seal) {
        if position == checkpoint.position && seal == checkpoint.seal { hasMatched = true }
    }

    /// Hands out the frames of a group that lie after the checkpoint.
    private mutating func take(
        _ group: borrowing Group,
        _ replay: FrameBody
    ) throws(LogError) {
        guard group.header.nextPosition - 1 > checkpoint.position else { return }
        guard hasMatched else { throw .stateFromAnotherHistory(position: checkpoint.position) }
        var frames: UInt64 = 0
        var content: UInt64 = 0
        try group.forEachFrame { (frame) throws(LogError) in
            frames += 1
            content += UInt64(frame.payload.byteCount)
            try replay(frame)
        }
        report.replayedFrames += frames
        report.replayedContentBytes += content
        report.replayedExtentBytes += UInt64(GroupFormat.padded(group.header.length))
    }

    /// The verdict about a segment that another one follows.
    private func judgeInner(
        _ segment: borrowing SegmentFile,
        _ walk: SegmentWalk
    ) throws(LogError) {
        let facts = facts(segment, walk, isLast: false)
        let verdict = TailVerdict(facts)
        if verdict != .clean { throw damage(segment, walk, verdict) }
    }

    private func facts(
        _ segment: borrowing SegmentFile,
        _ walk: SegmentWalk,
        isLast: Bool
    ) -> TailFacts {
        let bytes = segment.bytes
        let start = min(walk.fileOffset, bytes.byteCount)
        let rest = bytes.extracting(start..<bytes.byteCount)
        var facts = TailFacts()
        facts.isZeroToEnd = rest.countWithoutZeros == 0
        facts.hasGroupBehind = walk.hasGroupBehind(in: bytes)
        facts.isAcknowledged = walk.place.position <= checkpoint.position
        facts.isLastSegment = isLast
        facts.isSealed = walk.isSealed
        return facts
    }

    private func atEnd(_ walk: SegmentWalk) -> LogFault {
        walk.isSealed ? .padding : .notSealed
    }

    private func damage(
        _ segment: borrowing SegmentFile,
        _ walk: SegmentWalk,
        _ verdict: TailVerdict
    ) -> LogError {
        let bytes = segment.bytes
        let fault = walk.isAtEnd(of: bytes) ? atEnd(walk) : walk.fault(in: bytes)
        let position = walk.place.position
        return LogError(fault, in: segment, at: walk.place.offset, position: position, verdict)
    }
}

extension LogRecovery {
    /// O3, O4, O5, O7: the last segment, and the log's end in it.
    fileprivate mutating func openTail(
        _ name: SegmentName,
        after before: SegmentWalk?,
        _ replay: FrameBody
    ) throws(LogError) -> FileLog.Tail {
        let file: any DiskFile
        do throws(DiskError) {
            file = try disk.open(name.inLog, .readWriteDirect)
            try file.syncData()
            try file.dropCache()
        } catch {
            throw .device(error)
        }
        let segment = try SegmentFile(name, path: name.inLog, on: disk, direct: true)
        let walk = try walk(segment, after: before, replay)
        let verdict = TailVerdict(facts(segment, walk, isLast: true))
        guard verdict.opens else { throw damage(segment, walk, verdict) }
        let last = walk.place.position - 1
        if last < checkpoint.position {
            throw .endsBelowCheckpoint(last: last, checkpoint: checkpoint.position)
        }
        guard hasMatched else { throw .stateFromAnotherHistory(position: checkpoint.position) }
        if verdict == .torn {
            do throws(DiskError) {
                report.cut = try cut(segment, walk, file)
            } catch {
                throw error.isFull ? .full : .device(error)
            }
        }
        report.verdict = verdict
        report.segment = name.fileName
        report.lastPosition = last
        report.finishedRotation = walk.isSealed
        return FileLog.Tail(
            header: walk.header,
            file: file,
            place: walk.place,
            isSealed: walk.isSealed,
            endsEmpty: walk.endsEmpty
        )
    }

    /// Keeps the bytes of a torn group aside, then makes them zeros again.
    private func cut(
        _ segment: borrowing SegmentFile,
        _ walk: SegmentWalk,
        _ file: any DiskFile
    ) throws(DiskError) -> LogRecoveryReport.Cut {
        let bytes = segment.bytes
        let rest = bytes.extracting(walk.fileOffset..<bytes.byteCount)
        let torn = rest.extracting(0..<GroupFormat.padded(rest.countWithoutZeros))
        let name = try keep(torn, "cut-\(walk.fileOffset)-\(walk.place.position)")
        var offset = 0
        let zeros = AlignedBuffer(byteCount: min(torn.byteCount, LogLimits.chunk))
        while offset < torn.byteCount {
            let count = min(zeros.byteCount, torn.byteCount - offset)
            let part = zeros.bytes.extracting(0..<count)
            try file.write(part, at: UInt64(walk.fileOffset + offset))
            offset += count
        }
        try file.syncData()
        var positions: ClosedRange<UInt64>?
        if let header = try? GroupHeader(reading: rest), (try? walk.place.admit(header)) != nil,
            header.count > 0
        {
            positions = header.firstPosition...(header.nextPosition - 1)
        }
        return LogRecoveryReport.Cut(
            offset: UInt64(walk.fileOffset),
            bytes: UInt64(torn.byteCount),
            keptAs: name,
            positions: positions
        )
    }

    /// Writes a file in log/ that appears whole, under a name that was free.
    private func keep(_ bytes: RawSpan, _ name: String) throws(DiskError) -> String {
        try disk.unlinkIfPresent(LogPath.cut)
        let copy = try disk.create(LogPath.cut)
        try copy.write(bytes, at: 0)
        try copy.sync()
        copy.close()
        let taken = try disk.list(LogPath.log)
        var free = name
        var number = 1
        while taken.contains(free), number < LogLimits.cutCopies {
            number += 1
            free = "\(name)-\(number)"
        }
        try disk.rename(LogPath.cut, to: "\(LogPath.log)/\(free)", replacing: false)
        try disk.syncDirectory(LogPath.log)
        return free
    }
}

extension FileLog {
    /// Opens the log of `ledgerID` and hands out every frame after `checkpoint`, in order.
    ///
    /// When this throws, what `replay` was given must be forgotten: the log was not opened.
    ///
    /// - Throws: What `replay` throws, or why the log can not be written to; see `LogError`.
    package static func open(
        on disk: any Disk,
        ledgerID: LedgerID,
        configuration: LogConfiguration = LogConfiguration(),
        checkpoint: LogCheckpoint = .none,
        replay: FrameBody
    ) throws(LogError) -> (FileLog, LogRecoveryReport) {
        guard configuration.isValid else { throw .configuration }
        var recovery = LogRecovery(disk, ledgerID, checkpoint)
        let tail = try recovery.run(replay)
        let log = try FileLog(disk, configuration, tail, since: recovery.report)
        return (log, recovery.report)
    }
}
