// Moving segments that no start needs any more from log/ to archive/.
//
// The copy in archive/ has the same groups, byte for byte, without the padding between them:
//
//   D1  every group of the segment is checked while it is copied to archive/retiring.tmp
//   D2  the copy is synced and renamed to the segment's name
//   D3  archive/ is synced: the destination first
//   D4  the segment is removed from log/, and log/ is synced
//
// Oldest first, so that what log/ holds is always an unbroken end of history. A crash between D2
// and D4 leaves the segment in both directories; recovery compares the final seals and goes on
// with D3. Nothing here touches the segment that is being written, so any thread may do it, one
// at a time.

import TenureBase

/// Moves segments to the archive.
package struct Retirement: Sendable {
    /// Where the segments are.
    package let disk: any Disk
    /// Whose they are.
    package let ledgerID: LedgerID

    /// Retires segments of the ledger on `disk`.
    package init(disk: any Disk, ledgerID: LedgerID) {
        self.disk = disk
        self.ledgerID = ledgerID
    }

    /// Moves the segments whose last position is below `position`, oldest first.
    ///
    /// The segment with `position` itself stays: a start from there compares the seal in it.
    ///
    /// - Throws: `full` when the archive has no room; nothing is lost, and it may be tried again.
    ///   After `device` the writer must stop, as after any failed sync.
    package func retire(through position: UInt64) throws(LogError) {
        let names: [SegmentName]
        do throws(DiskError) {
            names = try disk.list(LogPath.log).compactMap(SegmentName.init)
        } catch {
            throw .device(error)
        }
        for (name, next) in zip(names, names.dropFirst()) {
            guard next.firstPosition <= position else { return }
            try move(name)
        }
    }

    /// Goes on with a move that a crash interrupted after the copy had its name.
    func finishMove(of name: SegmentName) throws(LogError) {
        let copy = try SegmentFile(name, path: name.inArchive, on: disk, direct: false)
        let source = try SegmentFile(name, path: name.inLog, on: disk, direct: false)
        let archived = try check(copy)
        let original = try check(source)
        guard archived.header.isCompact, archived.place == original.place else {
            let position = name.firstPosition
            throw LogError(.brokenChain, in: copy, at: 0, position: position, .notTheTail)
        }
        do throws(DiskError) {
            try finish(name)
        } catch {
            throw .device(error)
        }
    }

    private func move(_ name: SegmentName) throws(LogError) {
        let source = try SegmentFile(name, path: name.inLog, on: disk, direct: false)
        var ends: [Int] = []
        let walk = try check(source) { ends.append($0) }
        var header = walk.header
        header.compactBytes = UInt64(
            ends.reduce(SegmentHeader.byteCount) { $0 + $1 }
        )
        do throws(DiskError) {
            try copy(source, header, lengths: ends)
        } catch {
            try? disk.unlink(LogPath.retiring)
            throw error.isFull ? .full : .device(error)
        }
        do throws(DiskError) {
            try disk.rename(LogPath.retiring, to: name.inArchive, replacing: false)
            try finish(name)
        } catch {
            throw .device(error)
        }
    }

    /// D1: the header and the groups of a segment, one after the other, durable.
    private func copy(
        _ source: borrowing SegmentFile,
        _ header: SegmentHeader,
        lengths: [Int]
    ) throws(DiskError) {
        try disk.unlinkIfPresent(LogPath.retiring)
        let target = try disk.create(LogPath.retiring)
        var compact = AlignedBuffer(byteCount: Int(header.compactBytes))
        header.encode(into: &compact)
        var from = LogLimits.block
        var to = SegmentHeader.byteCount
        for length in lengths {
            compact.copy(source.bytes.extracting(from..<(from + length)), to: to)
            from += GroupFormat.padded(length)
            to += length
        }
        var offset = 0
        while offset < compact.byteCount {
            if offset > 0 { try target.finishPiece(.gentle) }
            let count = min(LogLimits.piece, compact.byteCount - offset)
            try target.write(
                compact.bytes.extracting(offset..<(offset + count)),
                at: UInt64(offset)
            )
            offset += count
        }
        try target.sync()
    }

    /// D3 and D4.
    private func finish(_ name: SegmentName) throws(DiskError) {
        try disk.syncDirectory(LogPath.archive)
        try disk.unlink(name.inLog)
        try disk.syncDirectory(LogPath.log)
    }

    /// Walks over a whole segment, which must be sealed and have nothing behind the seal.
    private func check(
        _ segment: borrowing SegmentFile,
        each: (Int) -> Void = { _ in }
    ) throws(LogError) -> SegmentWalk {
        var walk = SegmentWalk(try segment.header(of: ledgerID))
        let bytes = segment.bytes
        do throws(LogFault) {
            while !walk.isAtEnd(of: bytes) {
                let group = try walk.group(in: bytes)
                walk.advance(over: group)
                each(group.header.length)
            }
            guard walk.isSealed else { throw .notSealed }
            let rest = bytes.extracting(walk.fileOffset..<bytes.byteCount)
            guard rest.countWithoutZeros == 0 else { throw .padding }
        } catch {
            let position = walk.place.position
            let offset = walk.place.offset
            throw LogError(error, in: segment, at: offset, position: position, .notTheTail)
        }
        return walk
    }
}
