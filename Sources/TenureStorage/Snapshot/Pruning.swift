// Deleting retired segments that a snapshot stands for, oldest first, with their indexes.
//
//   D1  What is deleted ends at or before the position of a snapshot that was checked.
//   D2  That it is deleted is durable in the log before: the caller sees to it.
//   D3  A crash on the way leaves an unbroken end of history and the snapshot that it goes on from.

internal import TenureBase
package import TenureLog
package import TenureModel

/// What was deleted.
package struct PruningSummary: Equatable, Sendable {
    /// How many segments.
    package var segments = 0
    /// Bytes of their files.
    package var bytes: UInt64 = 0
    /// What the history that they had ended in; nothing without one.
    package var end: LogAnchor?
    /// The first position that is still there.
    package var firstPosition: Position = 1

    /// Nothing.
    package init() {}
}

/// Deletes what is old of one ledger's history.
package struct Pruning {
    private let directory: DataDirectory

    /// Prunes the ledger in `directory`, which may be served meanwhile.
    package init(of directory: DataDirectory) {
        self.directory = directory
    }

    /// The last position of the retired segments whose records are all older than `age`, by ledger
    /// time before the newest record; 0 without one.
    ///
    /// - Throws: `damaged` when a segment can not be read, or `device`.
    package func lastPosition(olderThan age: UInt64) throws(StorageError) -> Position {
        let segments = try retired()
        guard let newest = try newestTime(), newest > age else { return 0 }
        // Times rise along the log: the first segment behind which something is young enough.
        var (low, high) = (0, segments.count)
        while low < high {
            let middle = (low + high) / 2
            let time = try firstTime(of: segments[middle].next) ?? .max
            if time <= newest - age { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? 0 : segments[low - 1].next.firstPosition - 1
    }

    /// Deletes the retired segments that end at or before both `last` and the snapshot.
    ///
    /// - Throws: `locked` while a snapshot or a backup is being made, `full` or `device`; it may be
    ///   repeated.
    package func delete(
        through last: Position,
        coveredBy snapshot: StateSnapshot
    ) throws(StorageError) -> PruningSummary {
        let lock = try SnapshotMaking.takeLock(of: directory, shared: false)
        defer { withExtendedLifetime(lock) {} }
        guard try StateSnapshot.newest(in: directory) == snapshot else { return PruningSummary() }
        return try prune(through: min(last, snapshot.position), isDry: false)
    }

    /// What would be deleted through a position; changes nothing.
    package func preview(through last: Position) throws(StorageError) -> PruningSummary {
        try prune(through: last, isDry: true)
    }

    private func prune(
        through last: Position,
        isDry: Bool
    ) throws(StorageError) -> PruningSummary {
        var summary = PruningSummary()
        summary.firstPosition = try firstPosition()
        for (name, next) in try retired() {
            summary.firstPosition = name.firstPosition
            guard next.firstPosition - 1 <= last else { break }
            // Before it is deleted: without what goes on behind it nothing is.
            let end = try end(before: next)
            try diskCall(directory.path) { () throws(DiskError) in
                let disk = directory.disk
                summary.bytes += try disk.open(name.inArchive, .readOnly).size()
                if isDry { return }
                try disk.unlink(name.inArchive)
                try disk.unlinkIfPresent(name.index)
                // One after the other, so that what is left has no hole.
                try disk.syncDirectory(LogPath.archive)
            }
            summary.segments += 1
            summary.end = end
            summary.firstPosition = next.firstPosition
        }
        return summary
    }

    /// The end of the history before a segment, as that says it.
    private func end(before next: SegmentName) throws(StorageError) -> LogAnchor {
        let disk = directory.disk
        let header = disk.segmentHeader(at: next.inArchive) ?? disk.segmentHeader(at: next.inLog)
        guard let header, header.firstPosition == next.firstPosition else {
            throw .damaged(
                Trouble(
                    "the header of \(next.fileName) can not be read",
                    at: directory.path,
                    StorageError.keepRemedy
                )
            )
        }
        return LogAnchor(position: next.firstPosition - 1, seal: header.previousSeal)
    }

    /// Where the history begins that is there.
    private func firstPosition() throws(StorageError) -> Position {
        try diskCall(directory.path) { () throws(DiskError) in
            let names = try directory.disk.list(LogPath.archive) + directory.disk.list(LogPath.log)
            return names.compactMap(SegmentName.init).map(\.firstPosition).min() ?? 1
        }
    }

    /// The segments in archive/ and the one behind each, in order.
    private func retired() throws(StorageError) -> [(name: SegmentName, next: SegmentName)] {
        try diskCall(directory.path) { () throws(DiskError) in
            let retired = try directory.disk.list(LogPath.archive).compactMap(SegmentName.init)
            let inLog = try directory.disk.list(LogPath.log).compactMap(SegmentName.init)
            let all = Set(retired).union(inLog).sorted()
            let isRetired = Set(retired).subtracting(inLog)
            return zip(all, all.dropFirst()).filter { isRetired.contains($0.0) }
                .map { (name: $0.0, next: $0.1) }
        }
    }

    /// The ledger time of the last record of the log.
    private func newestTime() throws(StorageError) -> UInt64? {
        let names = try diskCall(directory.path) { () throws(DiskError) in
            try directory.disk.list(LogPath.log).compactMap(SegmentName.init)
        }
        // The last one may be empty yet.
        for name in names.sorted().suffix(2).reversed() {
            if let time = try times(of: name).last { return time }
        }
        return nil
    }

    private func firstTime(of name: SegmentName) throws(StorageError) -> UInt64? {
        try times(of: name).first
    }

    private func times(
        of name: SegmentName
    ) throws(StorageError) -> (first: UInt64?, last: UInt64?) {
        var times: (first: UInt64?, last: UInt64?) = (nil, nil)
        do throws(LogError) {
            _ = try LogReader(disk: directory.disk, ledgerID: directory.ledger).read(
                from: name.firstPosition,
                segments: 1,
                frame: { (frame) throws(LogError) in
                    times = (times.first ?? frame.time, frame.time)
                },
                problem: { _ in }
            )
        } catch {
            throw StorageError(error, in: directory.path)
        }
        return times
    }
}
