// Reading a whole history for an audit: archive/ and log/, without writing anything.
//
// Everything that recovery checks is checked, and beyond that the padding and every segment in
// both directories. What is damaged is reported with its place and stepped over, so that one
// audit names all the damage; frames of a damaged group are not handed out. Segments of log/ are
// read past the page cache: after a failed sync the cache shows what the disk does not have.

import TenureBase

/// One thing that is wrong with a log.
package struct LogProblem: Equatable, Sendable, CustomStringConvertible {
    /// The path of the segment.
    package let segment: String
    /// The offset in the file at which the damaged thing starts.
    package let offset: UInt64
    /// The position of the first frame concerned, as far as it can be told.
    package let position: UInt64
    /// What is wrong.
    package let fault: LogFault
    /// The row of the recovery table, when the place is where the log's end is looked for.
    package let verdict: TailVerdict?

    /// Whether a record may be lost: not for padding, nor for a group that was being written.
    ///
    /// A power cut may leave both without any fault of the disk.
    package var affectsRecords: Bool { fault != .padding && verdict != .torn }

    package var description: String {
        let place = "'\(segment)' at offset \(offset)"
        if fault == .padding { return "\(place): padding is not zero, no record affected" }
        if verdict == .torn { return "\(place): a group was being written, no record affected" }
        return "\(place): \(fault), from position \(position) on"
    }
}

/// What an audit has read.
package struct LogSummary: Equatable, Sendable {
    /// The position of the first frame handed out, if any was.
    package var firstPosition: UInt64?
    /// The position of the last frame of the last valid group.
    package var lastPosition: UInt64 = 0
    /// The seal of the last valid group.
    package var seal = Seal.zero
    /// How many frames were handed out.
    package var frames: UInt64 = 0
    /// How many groups were valid.
    package var groups: UInt64 = 0
    /// How many segments were read.
    package var segments = 0
    /// How many problems were reported.
    package var problems = 0
    /// Bytes of the files that were read.
    package var bytes: UInt64 = 0
    /// Whether the anchor that was looked for is one of this history.
    package var hasAnchor = false
}

/// Reads a log without writing.
package struct LogReader {
    private let disk: any Disk
    private var ledger: LedgerID?

    /// Reads the log on `disk`; without an identity, that of the first segment is taken.
    package init(disk: any Disk, ledgerID: LedgerID?) {
        self.disk = disk
        ledger = ledgerID
    }

    /// Reads every segment from the one with `first` to the one with `last`, at most `segments` of
    /// them, and none behind one at which `isDone`; looks for an anchor on the way.
    ///
    /// A segment is passed over when `passing` knows where it ends: only that the next one goes on
    /// there is checked. `ended` is told where each sealed segment ended that was read.
    ///
    /// - Throws: What `frame` throws, or `device` when a directory can not be listed. A segment
    ///   that can not be read is a problem, not the end.
    package func read(
        from first: UInt64 = 1,
        to last: UInt64 = .max,
        segments: Int = .max,
        anchor: LogAnchor? = nil,
        isDone: () -> Bool = { false },
        passing: (SegmentName) -> GroupPlace? = { _ in nil },
        ended: (SegmentName, GroupPlace) -> Void = { _, _ in },
        frame: FrameBody,
        problem: (LogProblem) -> Void
    ) throws(LogError) -> LogSummary {
        let all = try self.segments(from: first)
        let places = all.prefix(segments).prefix { $0.name.firstPosition <= last }
        var audit = SegmentAudit(first: first, anchor: anchor)
        var expected = ledger
        var before: GroupPlace?
        for (index, place) in places.enumerated() where !isDone() {
            let isCopy = index > 0 && places[index - 1].name == place.name
            let isLast = index == all.count - 1
            if let end = passing(place.name), isCopy || before?.isFollowed(by: end) ?? true {
                before = end
                expected = expected ?? end.ledger
                continue
            }
            guard let segment = open(place, &audit, problem) else {
                before = nil
                continue
            }
            audit.summary.segments += 1
            audit.summary.bytes += UInt64(segment.count)
            let start = isCopy ? nil : before
            guard let header = audit.header(of: segment, expected, after: start, problem) else {
                continue
            }
            expected = expected ?? header.ledger
            let role = SegmentAudit.Role(
                isLast: isLast,
                isCopy: isCopy,
                isInLog: place.isInLog
            )
            let end = try audit.groups(of: segment, header, role, frame, problem)
            if isCopy, let before, let end, end.place != before {
                audit.report(segment, 0, before.position, .brokenChain, nil, problem)
            }
            if !isCopy { before = end?.place }
            if !isCopy, let end, end.isSealed { ended(place.name, end.place) }
        }
        return audit.summary
    }

    /// Where a segment lies.
    private struct Place {
        var name: SegmentName
        var isInLog: Bool

        var path: String { isInLog ? name.inLog : name.inArchive }
    }

    /// All segments from the one with `first` on, the archived one before its copy in log/.
    private func segments(from first: UInt64) throws(LogError) -> [Place] {
        var places: [Place] = []
        do throws(DiskError) {
            for name in try disk.list(LogPath.archive).compactMap(SegmentName.init) {
                places.append(Place(name: name, isInLog: false))
            }
            for name in try disk.list(LogPath.log).compactMap(SegmentName.init) {
                places.append(Place(name: name, isInLog: true))
            }
        } catch {
            throw .device(error)
        }
        places.sort { ($0.name, $0.isInLog ? 1 : 0) < ($1.name, $1.isInLog ? 1 : 0) }
        guard let start = places.last(where: { $0.name.firstPosition <= first }) else {
            return places
        }
        return places.filter { $0.name >= start.name }
    }

    private func open(
        _ place: Place,
        _ audit: inout SegmentAudit,
        _ problem: (LogProblem) -> Void
    ) -> SegmentFile? {
        do throws(LogError) {
            return try SegmentFile(
                place.name,
                path: place.path,
                on: disk,
                direct: place.isInLog
            )
        } catch {
            guard case .device(let failure) = error else { return nil }
            audit.summary.problems += 1
            problem(
                LogProblem(
                    segment: place.path,
                    offset: 0,
                    position: place.name.firstPosition,
                    fault: .unreadable(failure),
                    verdict: .unreadable
                )
            )
            return nil
        }
    }
}

extension GroupPlace {
    /// Whether the end of a segment is that of the segment behind the one that ends here.
    fileprivate func isFollowed(by end: GroupPlace) -> Bool {
        end.ledger == ledger && end.segment == segment + 1
    }
}
