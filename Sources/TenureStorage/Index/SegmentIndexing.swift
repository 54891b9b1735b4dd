// Making the indexes of sealed segments, beside the writer.
//
//   X1  every group of the segment is checked and every record decoded
//   X2  archive/indexing.tmp is written and synced
//   X3  it is renamed to the name of the segment, with ".idx"
//
// Nothing waits for an index and nothing is lost without one: a crash between X2 and X3, or a name
// that was not durable yet, leaves a segment that is indexed at a later checkpoint.

internal import TenureBase
package import TenureLog
internal import TenureModel

/// Makes indexes of segments that will not change any more.
package struct SegmentIndexing: Sendable {
    private let disk: any Disk
    private let ledger: LedgerID

    /// Segments that are indexed at one checkpoint at most: more than are filled between two of
    /// them, and no more than the next one can wait for.
    static let segmentsMax = 2
    /// Segments that are looked at for that, some of which may not be sound.
    private static let triesMax = 4
    private static let scratch = "\(LogPath.archive)/indexing.tmp"

    /// Indexes segments of the ledger on `disk`.
    package init(of ledger: LedgerID, on disk: any Disk) {
        (self.ledger, self.disk) = (ledger, disk)
    }

    /// Indexes sealed segments that have no index, the newest first, and not all at once.
    ///
    /// - Throws: `full` when there is no room; it may be tried again. After `device` the writer
    ///   must stop, as after any failed sync.
    package func run() throws(LogError) {
        var made = 0
        for name in try missing().prefix(Self.triesMax) where made < Self.segmentsMax {
            // Who reads the whole log tells what is wrong with it.
            guard let index = try index(of: name) else { continue }
            try write(index, of: name)
            made += 1
        }
    }

    /// The index of a segment, made from its records; none when it is not sound.
    package func index(of name: SegmentName) throws(LogError) -> SegmentIndex? {
        var subjects = SegmentSubjects()
        var end: GroupPlace?
        var isSound = true
        var device: DiskError?
        _ = try LogReader(disk: disk, ledgerID: ledger).read(
            from: name.firstPosition,
            segments: 1,
            ended: { ended, place in end = ended == name ? place : nil },
            frame: { (frame) throws(LogError) in
                guard let decoded = try? EventCodec.decode(frame.payload) else {
                    isSound = false
                    return
                }
                let time = LedgerTime(nanoseconds: frame.time)
                for event in decoded.events {
                    subjects.add(event, at: frame.position, time: time)
                }
            },
            problem: { problem in
                isSound = isSound && !problem.affectsRecords
                if case .unreadable(let error) = problem.fault { device = error }
            }
        )
        // The next start needs what is in log/: better told now. What is not there any more was
        // moved, or is no longer kept.
        if let device, !device.isMissing { throw .device(device) }
        guard isSound, let end else { return nil }
        return SegmentIndex(subjects, from: name.firstPosition, to: end)
    }

    /// The index that was made of a segment.
    ///
    /// - Returns: nothing when there is none, or it can not be read.
    package func stored(of name: SegmentName) -> SegmentIndex? {
        guard let file = try? disk.open(name.index, .readOnly),
            let bytes = try? file.readAll(limit: SegmentIndex.byteMax, path: name.index),
            let index = try? SegmentIndex(bytes),
            index.end.ledger == ledger, index.firstPosition == name.firstPosition
        else { return nil }
        return index
    }

    /// Copies the indexes of segments that are on another disk too.
    func copy(to other: any Disk) throws(LogError) {
        do throws(DiskError) {
            let names = try other.list(LogPath.archive) + other.list(LogPath.log)
            // The last one was being written, and may have been sealed since it was copied.
            for name in Set(names.compactMap(SegmentName.init)).sorted().dropLast() {
                guard let index = stored(of: name) else { continue }
                try Self.write(index.bytes, to: other.create(name.index))
            }
            try other.syncDirectory(LogPath.archive)
        } catch {
            throw .device(error)
        }
    }

    /// The sealed segments without an index, the newest first.
    private func missing() throws(LogError) -> [SegmentName] {
        do throws(DiskError) {
            let archive = try disk.list(LogPath.archive)
            // Which of them are being written, and so not sealed, is the last one.
            let sealed = try disk.list(LogPath.log).compactMap(SegmentName.init).dropLast()
            let indexed = Set(archive)
            return Set(archive.compactMap(SegmentName.init)).union(sealed)
                .filter { !indexed.contains($0.indexFileName) }
                .sorted(by: >)
        } catch {
            throw .device(error)
        }
    }

    private func write(_ index: SegmentIndex, of name: SegmentName) throws(LogError) {
        do throws(DiskError) {
            try disk.unlinkIfPresent(Self.scratch)
            try Self.write(index.bytes, to: disk.create(Self.scratch))
            try disk.rename(Self.scratch, to: name.index, replacing: true)
        } catch {
            try? disk.unlink(Self.scratch)
            throw error.isFull ? .full : .device(error)
        }
    }

    private static func write(_ bytes: [UInt8], to file: any DiskFile) throws(DiskError) {
        // SAFETY: bytes have no padding that could be read uninitialised.
        let all = unsafe bytes.span.bytes
        var offset = 0
        while offset < all.byteCount {
            if offset > 0 { try file.finishPiece(.gentle) }
            let end = min(offset + LogLimits.piece, all.byteCount)
            try file.write(all.extracting(offset..<end), at: UInt64(offset))
            offset = end
        }
        try file.sync()
        file.close()
    }
}

extension SegmentName {
    /// The path of the segment's index, wherever the segment is.
    package var index: String { "\(LogPath.archive)/\(indexFileName)" }
}
