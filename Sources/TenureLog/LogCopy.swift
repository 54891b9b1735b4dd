// Copying a log that may be written meanwhile.
//
// What is sealed never changes, and segments only move to archive/. Behind the last whole group of
// the segment that is being written the copy has zeros, as a log that was just synced: what is torn
// or not acknowledged yet is not copied as such. Every group that is copied was checked; that the
// segments follow each other is for an audit of the copy to say.

import SystemPackage
import TenureBase

/// What was copied.
package struct LogCopySummary: Equatable, Sendable {
    /// All of it, to be kept elsewhere.
    package var anchor = LogAnchor(position: 0, seal: .zero)
    /// How many segments there are.
    package var segments = 0
    /// Bytes of their files.
    package var bytes: UInt64 = 0
}

/// Copies the log of a ledger to another disk.
package struct LogCopy {
    private let source: any Disk
    private let destination: any Disk
    private let ledger: LedgerID

    /// How often a segment is read anew that was moved, or written, while it was read.
    private static let readsMax = 5

    /// From one disk to another, which has empty log/ and archive/.
    package init(of ledger: LedgerID, from source: any Disk, to destination: any Disk) {
        (self.ledger, self.source, self.destination) = (ledger, source, destination)
    }

    /// Copies all segments; durable when it returns.
    ///
    /// - Throws: `corrupt` with the place where a group is damaged, `newerFormat`, `otherLedger`,
    ///   or `device`.
    package func run() throws(LogError) -> LogCopySummary {
        var summary = LogCopySummary()
        let names = try segments()
        for name in names {
            try copy(name, isLast: name == names.last, &summary)
            summary.segments += 1
        }
        for directory in [LogPath.archive, LogPath.log] {
            do throws(DiskError) {
                try destination.syncDirectory(directory)
            } catch {
                throw .device(error)
            }
        }
        return summary
    }

    /// The names of all segments, each once, in order.
    private func segments() throws(LogError) -> [SegmentName] {
        do throws(DiskError) {
            // log/ first: what moves in between is in archive/ then.
            let names = try source.list(LogPath.log) + source.list(LogPath.archive)
            return Set(names.compactMap(SegmentName.init)).sorted()
        } catch {
            throw .device(error)
        }
    }

    private func copy(
        _ name: SegmentName,
        isLast: Bool,
        _ summary: inout LogCopySummary
    ) throws(LogError) {
        for read in 1...Self.readsMax {
            let isLastRead = read == Self.readsMax
            if try copyOnce(name, isLast: isLast, isLastRead: isLastRead, &summary) { return }
        }
        throw .device(.system(.noSuchFileOrDirectory, .open, path: name.inLog))
    }

    /// Reads and writes a segment; false when it was moved or written meanwhile.
    private func copyOnce(
        _ name: SegmentName,
        isLast: Bool,
        isLastRead: Bool,
        _ summary: inout LogCopySummary
    ) throws(LogError) -> Bool {
        guard let path = try path(of: name) else { return false }
        let segment = try SegmentFile(
            name,
            path: path,
            on: source,
            direct: path == name.inLog
        )
        let walk = try walk(segment, &summary)
        let isTorn = walk.hasGroupBehind(in: segment.bytes)
        if walk.isSealed || (isLast && !isTorn) {
            try write(segment, until: walk.fileOffset)
            summary.bytes += UInt64(segment.count)
            return true
        }
        guard isLastRead else { return false }
        throw LogError(
            walk.fault(in: segment.bytes),
            in: segment,
            at: UInt64(walk.fileOffset),
            position: walk.place.position,
            .notTheTail
        )
    }

    /// Walks over all whole groups of a segment.
    private func walk(
        _ segment: borrowing SegmentFile,
        _ summary: inout LogCopySummary
    ) throws(LogError) -> SegmentWalk {
        var walk = SegmentWalk(try segment.header(of: ledger))
        let bytes = segment.bytes
        while !walk.isAtEnd(of: bytes) {
            guard let group = try? walk.group(in: bytes) else { break }
            walk.advance(over: group)
            summary.anchor = LogAnchor(
                position: walk.place.position - 1,
                seal: walk.place.seal
            )
        }
        return walk
    }

    /// Where a segment is: in log/ until its copy in archive/ is whole; nothing while it moves.
    private func path(of name: SegmentName) throws(LogError) -> String? {
        do throws(DiskError) {
            for (path, directory) in [(name.inArchive, LogPath.archive), (name.inLog, LogPath.log)]
            where try source.list(directory).contains(name.fileName) {
                return path
            }
            return nil
        } catch {
            throw .device(error)
        }
    }

    /// Writes the bytes of a segment up to the end of its last group, and zeros behind.
    private func write(_ segment: borrowing SegmentFile, until end: Int) throws(LogError) {
        var buffer = AlignedBuffer(byteCount: segment.count)
        let end = min(end, segment.count)
        buffer.copy(segment.bytes.extracting(0..<end), to: 0)
        buffer.clear(end..<segment.count)
        do throws(DiskError) {
            let file = try destination.create(segment.path)
            try file.write(buffer.bytes, at: 0)
            try file.sync()
            file.close()
        } catch {
            throw .device(error)
        }
    }
}
