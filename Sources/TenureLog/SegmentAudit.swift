// The audit of one segment: every byte is checked, and what is damaged is stepped over.

import TenureBase

/// The running state of an audit.
struct SegmentAudit {
    /// What is known about a segment before its bytes are looked at.
    struct Role {
        /// Whether it is the last of the log, where a torn group is legal.
        var isLast: Bool
        /// Whether its frames have been handed out from the archive already.
        var isCopy: Bool
        /// Whether it lies in log/, with padding.
        var isInLog: Bool
    }

    /// Frames before this position are checked and not handed out.
    let first: UInt64
    private let anchor: LogAnchor?
    var summary = LogSummary()

    init(first: UInt64, anchor: LogAnchor?) {
        (self.first, self.anchor) = (first, anchor)
    }

    /// Counts and passes on a problem.
    mutating func report(
        _ segment: borrowing SegmentFile,
        _ offset: Int,
        _ position: UInt64,
        _ fault: LogFault,
        _ verdict: TailVerdict?,
        _ problem: (LogProblem) -> Void
    ) {
        summary.problems += 1
        problem(
            LogProblem(
                segment: segment.path,
                offset: UInt64(max(offset, 0)),
                position: position,
                fault: fault,
                verdict: verdict
            )
        )
    }

    /// Checks the header and what it says about the segment before.
    ///
    /// A damaged header is replaced by what the segment before makes certain; `nil` when there
    /// is none.
    mutating func header(
        of segment: borrowing SegmentFile,
        _ ledger: LedgerID?,
        after before: GroupPlace?,
        _ problem: (LogProblem) -> Void
    ) -> SegmentHeader? {
        let position = segment.name.firstPosition
        var found: SegmentHeader?
        do throws(LogFault) {
            let header = try SegmentHeader(reading: segment.bytes)
            guard ledger == nil || header.ledger == ledger else { throw .otherLedger }
            guard header.firstPosition == position else { throw .otherPlace }
            found = header
            let size = header.isCompact ? header.compactBytes : header.bytes
            guard size == UInt64(segment.bytes.byteCount) else { throw .size }
            if let before { try link(header, to: before) }
        } catch {
            report(segment, 0, position, error, nil, problem)
        }
        if let found {
            checkPadding(segment, SegmentHeader.byteCount, found.firstGroupOffset, problem)
            return found
        }
        guard let before else { return nil }
        let isCompact = segment.path == segment.name.inArchive
        let count = UInt64(segment.bytes.byteCount)
        return SegmentHeader(
            ledger: before.ledger,
            segment: before.segment + 1,
            firstPosition: position,
            bytes: count,
            previousSeal: before.seal,
            firstGroup: before.number,
            compactBytes: isCompact ? count : 0
        )
    }

    private func link(
        _ header: SegmentHeader,
        to before: GroupPlace
    ) throws(LogFault) {
        if header.segment > before.segment + 1 { throw .missingSegment }
        guard
            header.segment == before.segment + 1, header.firstPosition == before.position,
            header.previousSeal == before.seal, header.firstGroup == before.number
        else { throw .brokenChain }
    }

    /// Checks every group and everything between them.
    ///
    /// - Returns: Where the segment ends, and whether it was sealed; `nil` when damage hides it.
    mutating func groups(
        of segment: borrowing SegmentFile,
        _ header: SegmentHeader,
        _ role: Role,
        _ frame: FrameBody,
        _ problem: (LogProblem) -> Void
    ) throws(LogError) -> (place: GroupPlace, isSealed: Bool)? {
        var walk = SegmentWalk(header)
        let bytes = segment.bytes
        while !walk.isAtEnd(of: bytes) {
            guard let group = try? walk.group(in: bytes) else {
                if step(over: &walk, segment, role, problem) { continue }
                return nil
            }
            let start = walk.fileOffset
            walk.advance(over: group)
            if !header.isCompact {
                let end = min(walk.fileOffset, bytes.byteCount)
                checkPadding(segment, start + group.header.length, end, problem)
            }
            try note(group, role, frame)
        }
        let isWhole = walk.isSealed || (role.isLast && role.isInLog)
        if !isWhole {
            report(segment, walk.fileOffset, walk.place.position, .notSealed, .notTheTail, problem)
        }
        checkPadding(segment, walk.fileOffset, bytes.byteCount, problem)
        return (walk.place, walk.isSealed)
    }

    /// Hands out the frames of a valid group.
    private mutating func note(
        _ group: borrowing Group,
        _ role: Role,
        _ frame: FrameBody
    ) throws(LogError) {
        guard !role.isCopy else { return }
        summary.groups += 1
        summary.lastPosition = group.header.nextPosition - 1
        summary.seal = group.seal
        if let anchor, anchor.seal == group.seal, anchor.position == summary.lastPosition {
            summary.hasAnchor = true
        }
        guard summary.lastPosition >= first, group.header.count > 0 else { return }
        var frames: UInt64 = 0
        let first = first
        try group.forEachFrame { (record) throws(LogError) in
            guard record.position >= first else { return }
            frames += 1
            try frame(record)
        }
        summary.firstPosition = summary.firstPosition ?? max(first, group.header.firstPosition)
        summary.frames += frames
    }

    /// Reports what is wrong at the walk's place and goes to the next valid header.
    ///
    /// - Returns: Whether there is a further group; otherwise the segment has been judged.
    private mutating func step(
        over walk: inout SegmentWalk,
        _ segment: borrowing SegmentFile,
        _ role: Role,
        _ problem: (LogProblem) -> Void
    ) -> Bool {
        let bytes = segment.bytes
        let rest = bytes.extracting(walk.fileOffset..<bytes.byteCount)
        let next = walk.nextHeader(in: bytes)
        var facts = TailFacts()
        facts.isZeroToEnd = rest.countWithoutZeros == 0
        facts.hasGroupBehind = next != nil
        facts.isLastSegment = role.isLast && role.isInLog
        facts.isSealed = walk.isSealed
        let verdict = TailVerdict(facts)
        guard verdict != .clean else { return false }
        let fault = facts.isZeroToEnd ? LogFault.notSealed : walk.fault(in: bytes)
        report(segment, walk.fileOffset, walk.place.position, fault, verdict, problem)
        guard let next else { return false }
        walk.jump(to: next)
        return true
    }

    /// Reports the first byte of a range that should be zero and is not.
    private mutating func checkPadding(
        _ segment: borrowing SegmentFile,
        _ start: Int,
        _ end: Int,
        _ problem: (LogProblem) -> Void
    ) {
        let end = min(end, segment.count)
        guard start < end else { return }
        let padding = segment.bytes.extracting(start..<end)
        guard padding.countWithoutZeros > 0 else { return }
        var offset = 0
        while (try? padding.field(at: offset) as UInt8) == 0 { offset += 1 }
        let position = segment.name.firstPosition
        report(segment, start + offset, position, .padding, nil, problem)
    }
}
