// Mending a log: what was damaged is taken from a copy of the ledger, or proved; what is behind a
// damage that nothing mends is cut off, and all that is changed is kept.
//
//   M1  A group is taken from elsewhere only where it is the very one that was there: the seal
//       before it and its own place say which that is, and its own seal what is in it.
//   M2  What is replaced or removed is durable in the directory of evidence before.
//   M3  A segment is replaced as a whole, under its name; those behind a cut go newest first. So a
//       crash leaves a log that is refused as before, and mended anew, or one that is mended.
//
// Segments of log/ keep their padding, those of archive/ have none. The segment in which the log
// is cut becomes the last one, in log/.

import SystemPackage
import TenureBase

/// Mends the log of a ledger that nobody serves.
package struct LogMending {
    let ledger: LedgerID
    let disk: any Disk
    private let copy: (any Disk)?

    /// Mends the log on `disk`, with what a copy of the ledger has where there is one.
    package init(of ledger: LedgerID, on disk: any Disk, from copy: (any Disk)?) {
        (self.ledger, self.disk, self.copy) = (ledger, disk, copy)
    }

    /// What can be done: reads every byte, and changes nothing.
    ///
    /// A state at `checkpoint` needs what is behind it; without one everything is needed.
    ///
    /// - Throws: `newerFormat`, or `device` when a directory can not be listed.
    package func plan(for checkpoint: LogCheckpoint?) throws(LogError) -> LogMendingPlan {
        var plan = LogMendingPlan()
        let listing = try listing()
        let needed = listing.needed(for: checkpoint, on: disk)
        var before: GroupPlace?
        for (index, name) in listing.all.enumerated() {
            if let end = before, end.position != name.firstPosition {
                let missing = SegmentName(firstPosition: end.position)
                let lost = LogBreak(missing, end.position, .missingSegment)
                guard index <= needed else { return plan.broken(at: lost) }
                plan.gaps.append(lost)
                before = nil
            }
            let found = try examine(name, listing, after: before, checkpoint)
            let end = found?.walk.place
            if let found {
                if before == nil { plan.firstPosition = name.firstPosition }
                plan.note(found)
            }
            guard let fault = found.map(\.fault) ?? .headerChecksum else {
                before = end
                continue
            }
            let position = end?.position ?? name.firstPosition
            let isInLog = listing.log.contains(name)
            let lost = LogBreak(name, position, fault, isInLog: isInLog)
            guard index < needed else { return plan.broken(at: lost) }
            plan.gaps.append(lost)
            before = nil
        }
        return plan
    }

    /// Does what a plan of now says; what it replaces or removes goes to `evidence`, a directory.
    ///
    /// With a `continuation` the log goes on behind the state instead of being cut.
    ///
    /// - Throws: `full` or `device`, after which another plan tells what there is to do.
    package func carryOut(
        _ plan: LogMendingPlan,
        _ continuation: LogContinuation?,
        keeping evidence: String
    ) throws(LogError) {
        for segment in plan.mended { try mend(segment, keeping: evidence) }
        for gap in plan.setAside { try remove(gap.segment, try listing(), evidence) }
        if let continuation {
            try goOn(from: continuation, keeping: evidence)
        } else if let cut = plan.cut {
            try self.cut(at: cut, keeping: evidence)
        }
    }

    /// Gives a segment back what it had.
    private func mend(_ segment: MendedSegment, keeping evidence: String) throws(LogError) {
        let listing = try listing()
        let before = try place(before: segment.name, listing)
        guard let found = try examine(segment.name, listing, after: before, nil) else { return }
        let isInLog = listing.isInLog(segment.name)
        try replace(segment.name, by: found, inLog: isInLog, listing, evidence)
    }

    /// Ends the log before a break: all that is behind it goes to `evidence`.
    private func cut(at lost: LogBreak, keeping evidence: String) throws(LogError) {
        let listing = try listing()
        let kept = listing.all.filter { $0.firstPosition < max(lost.position, 2) }
        guard let last = kept.last else { throw .missing(position: lost.position) }
        for name in listing.own.sorted(by: >) where name > last {
            try remove(name, listing, evidence)
        }
        let before = try place(before: last, listing)
        guard let found = try examine(last, listing, after: before, nil) else {
            throw .missing(position: last.firstPosition)
        }
        try replace(last, by: found, inLog: true, listing, evidence)
    }
}

/// The segments that there are.
struct MendingListing {
    var log: Set<SegmentName>
    var archive: Set<SegmentName>
    /// Of the copy, those before our last one.
    var copied: Set<SegmentName> = []

    var own: Set<SegmentName> { log.union(archive) }
    var all: [SegmentName] { own.union(copied).sorted() }
    var last: SegmentName? { own.max() }

    /// Where a segment of ours is.
    func path(of name: SegmentName) -> String {
        log.contains(name) ? name.inLog : name.inArchive
    }

    /// The index of the first one that a start reads with a state at `checkpoint`.
    func needed(for checkpoint: LogCheckpoint?, on disk: any Disk) -> Int {
        guard let checkpoint else { return 0 }
        // What can not be read is for whoever examines it.
        if let index = all.firstIndex(of: checkpoint.next),
            (try? disk.isSegment(continuing: checkpoint)) == true
        {
            return index
        }
        return all.lastIndex { $0.firstPosition <= checkpoint.position } ?? 0
    }

    /// A missing one goes where its neighbours are.
    func isInLog(_ name: SegmentName) -> Bool {
        if log.contains(name) { return true }
        return !archive.contains(name) && (log.min().map { $0 < name } ?? false)
    }
}

extension LogMending {
    func listing() throws(LogError) -> MendingListing {
        do throws(DiskError) {
            var listing = MendingListing(
                log: Set(try disk.list(LogPath.log).compactMap(SegmentName.init)),
                archive: Set(try disk.list(LogPath.archive).compactMap(SegmentName.init))
            )
            if let copy, let last = listing.last {
                let names = try copy.list(LogPath.log) + copy.list(LogPath.archive)
                listing.copied = Set(names.compactMap(SegmentName.init).filter { $0 < last })
            }
            return listing
        } catch {
            throw .device(error)
        }
    }

    /// Where the segment before `name` ends, when it does so soundly.
    private func place(
        before name: SegmentName,
        _ listing: MendingListing
    ) throws(LogError) -> GroupPlace? {
        guard let before = listing.all.last(where: { $0 < name }),
            let found = try examine(before, listing, after: nil, nil), found.fault == nil,
            found.walk.place.position == name.firstPosition
        else { return nil }
        return found.walk.place
    }

    /// Walks over a segment, and takes from elsewhere what its file has not.
    ///
    /// - Returns: nothing when nothing tells its header.
    private func examine(
        _ name: SegmentName,
        _ listing: MendingListing,
        after before: GroupPlace?,
        _ checkpoint: LogCheckpoint?
    ) throws(LogError) -> SegmentExamination? {
        let copied = copiedSegment(name)
        let isInLog = listing.log.contains(name)
        guard listing.own.contains(name),
            let held = HeldSegment(name, path: listing.path(of: name), on: disk)
        else {
            guard let copied, copied.header.follows(before) else { return nil }
            return SegmentExamination(missing: copied, checkpoint: checkpoint)
        }
        guard
            let (header, mending) =
                try header(of: held.file, copied?.header, after: before, isInLog)
        else { return nil }
        return SegmentExamination(
            header,
            mending,
            file: held.file,
            copied: copied,
            isLast: isInLog && name == listing.last,
            checkpoint: checkpoint
        )
    }

    private func copiedSegment(_ name: SegmentName) -> CopiedSegment? {
        guard let copy else { return nil }
        return CopiedSegment(name, of: ledger, on: copy)
    }

    /// The header of a segment, its own or the one that it must have had.
    private func header(
        of file: borrowing SegmentFile,
        _ copied: SegmentHeader?,
        after before: GroupPlace?,
        _ isInLog: Bool
    ) throws(LogError) -> (SegmentHeader, Mending?)? {
        func fits(_ header: SegmentHeader) -> Bool {
            header.ledger == ledger && header.firstPosition == file.name.firstPosition
                && header.follows(before) && header.isCompact != isInLog
        }
        do throws(LogFault) {
            let own = try SegmentHeader(reading: file.bytes)
            if fits(own) { return (own, nil) }
        } catch {
            if case .newerFormat(let format) = error {
                throw .newerFormat(segment: file.path, format)
            }
        }
        if let header = FlippedBit.mendHeader(file.bytes, where: fits) { return (header, .bit) }
        let count = UInt64(file.count)
        if var copied, copied.follows(before) {
            copied.compactBytes = isInLog ? 0 : count
            return (copied, .copied)
        }
        guard let before else { return nil }
        let bytes = isInLog ? count : UInt64(LogLimits.segmentDefault)
        let made = SegmentHeader(
            ledger: ledger,
            segment: before.segment + 1,
            firstPosition: before.position,
            bytes: max(bytes, UInt64(LogLimits.segmentMinimum)),
            previousSeal: before.seal,
            firstGroup: before.number,
            compactBytes: isInLog ? 0 : count
        )
        return (made, .header)
    }
}

extension SegmentHeader {
    /// Whether a segment with this header goes on where the one before it ended.
    fileprivate func follows(_ before: GroupPlace?) -> Bool {
        guard let before else { return true }
        return ledger == before.ledger && segment == before.segment + 1
            && firstPosition == before.position && previousSeal == before.seal
            && firstGroup == before.number
    }
}

extension LogMendingPlan {
    fileprivate mutating func note(_ found: SegmentExamination) {
        lastPosition = found.walk.place.position - 1
        hasCheckpoint = hasCheckpoint || found.hasCheckpoint
        // What breaks off is not written anew before it is known what becomes of its rest.
        guard found.needsWriting, found.fault == nil else { return }
        mended.append(
            MendedSegment(
                name: SegmentName(firstPosition: found.header.firstPosition),
                mendings: found.mendings,
                isMissing: found.isMissing
            )
        )
    }

    fileprivate func broken(at lost: LogBreak) -> LogMendingPlan {
        var plan = self
        plan.cut = lost
        return plan
    }
}

extension LogMending {
    /// Writes a segment anew under its name, after what has the name was kept.
    private func replace(
        _ name: SegmentName,
        by found: SegmentExamination,
        inLog: Bool,
        _ listing: MendingListing,
        _ evidence: String
    ) throws(LogError) {
        let path = listing.path(of: name)
        let directory = inLog ? LogPath.log : LogPath.archive
        let bytes = found.assembled(from: HeldSegment(name, path: path, on: disk), inLog: inLog)
        do throws(DiskError) {
            if listing.own.contains(name) { try keep(path, as: name.fileName, evidence) }
            try disk.unlinkIfPresent(LogPath.mended)
            try Self.write(bytes.bytes, to: disk.create(LogPath.mended))
            let target = inLog ? name.inLog : name.inArchive
            try disk.rename(LogPath.mended, to: target, replacing: true)
            try disk.syncDirectory(directory)
            try disk.syncDirectory(LogPath.log)
            if inLog, listing.archive.contains(name) {
                try disk.unlink(name.inArchive)
                try disk.syncDirectory(LogPath.archive)
            }
        } catch {
            try? disk.unlink(LogPath.mended)
            throw error.isFull ? .full : .device(error)
        }
    }

    /// Moves a segment to the evidence.
    fileprivate func remove(
        _ name: SegmentName,
        _ listing: MendingListing,
        _ evidence: String
    ) throws(LogError) {
        do throws(DiskError) {
            for path in [name.inLog, name.inArchive] {
                let isThere = path == name.inLog ? listing.log : listing.archive
                guard isThere.contains(name) else { continue }
                try keep(path, as: name.fileName, evidence)
                try disk.unlink(path)
            }
            try disk.syncDirectory(LogPath.log)
            try disk.syncDirectory(LogPath.archive)
        } catch {
            throw error.isFull ? .full : .device(error)
        }
    }

    /// M2: copies a file to the evidence; a second one of the name gets another.
    func keep(
        _ path: String,
        as name: String,
        _ evidence: String
    ) throws(DiskError) {
        let taken = Set(try disk.list(evidence))
        let numbered = ([name] + (2...LogLimits.cutCopies).map { "\(name)-\($0)" })
            .first { !taken.contains($0) }
        guard let numbered else { throw .system(.fileExists, .create, path: evidence) }
        let source = try disk.open(path, .readOnly)
        let size = Int(min(try source.size(), UInt64(LogLimits.segmentMaximum)))
        var buffer = AlignedBuffer(byteCount: size)
        var all = buffer.mutableBytes
        let count = try source.read(into: &all, at: 0)
        let target = try disk.create("\(evidence)/\(numbered)")
        try Self.write(buffer.bytes.extracting(0..<min(count, size)), to: target)
        try disk.syncDirectory(evidence)
    }

    static func write(_ bytes: RawSpan, to file: any DiskFile) throws(DiskError) {
        var offset = 0
        while offset < bytes.byteCount {
            let count = min(LogLimits.chunk, bytes.byteCount - offset)
            try file.write(bytes.extracting(offset..<(offset + count)), at: UInt64(offset))
            offset += count
        }
        try file.sync()
        file.close()
    }
}
