// What a segment is made of, group by group, and what of it has to be mended.

import TenureBase

/// What was done for a group, or for the header, that was damaged.
package enum Mending: Equatable, Sendable {
    /// The bytes are those of a copy of the ledger.
    case copied
    /// One bit was turned back; the seal is proof.
    case bit
    /// The header was made from what the segment before says of it.
    case header
    /// The file has its size again, and zeros behind its last group.
    case rest
}

/// A segment as its groups are found, in its file or elsewhere.
struct SegmentExamination {
    /// Where the bytes of a sound group are.
    private enum Source {
        /// In the file, at this offset.
        case file(offset: Int, length: Int)
        /// Here.
        case bytes([UInt8])

        var length: Int {
            switch self {
            case .file(_, let length): length
            case .bytes(let bytes): bytes.count
            }
        }
    }

    private(set) var walk: SegmentWalk
    private var groups: [Source] = []
    /// What was mended.
    private(set) var mendings: [PositionedMending] = []
    /// What is wrong where the groups end; nothing when the segment is whole, or ends as the last
    /// one of a log may end.
    private(set) var fault: LogFault?
    /// The segment is not there at all, but in a copy.
    let isMissing: Bool
    /// Whether the checkpoint that was asked for is a boundary in it.
    private(set) var hasCheckpoint = false
    private let checkpoint: LogCheckpoint?

    var header: SegmentHeader { walk.header }

    /// Whether the file must be written anew.
    var needsWriting: Bool { isMissing || !mendings.isEmpty }

    /// Looks at a segment whose header is known, `mending` when its file does not have it.
    init(
        _ header: SegmentHeader,
        _ mending: Mending?,
        file: borrowing SegmentFile,
        copied: CopiedSegment?,
        isLast: Bool,
        checkpoint: LogCheckpoint?
    ) {
        walk = SegmentWalk(header)
        isMissing = false
        self.checkpoint = checkpoint
        if let mending { note(mending) }
        noteBoundary()
        let bytes = file.bytes
        while !walk.isSealed {
            if let group = try? walk.group(in: bytes) {
                groups.append(.file(offset: walk.fileOffset, length: group.header.length))
                walk.advance(over: group)
                noteBoundary()
            } else if !mendGroup(file, copied, isLast: isLast) {
                break
            }
        }
        judgeEnd(file, isLast: isLast)
    }

    /// Takes a segment that is not there from a copy.
    init(missing copied: CopiedSegment, checkpoint: LogCheckpoint?) {
        walk = SegmentWalk(copied.header)
        isMissing = true
        self.checkpoint = checkpoint
        noteBoundary()
        while !walk.isSealed, let bytes = copied.group(at: walk.place) { _ = take(bytes) }
        if !walk.isSealed { fault = .missingSegment }
    }

    private mutating func note(_ mending: Mending) {
        mendings.append(PositionedMending(position: walk.place.position, mending: mending))
    }

    private mutating func noteBoundary() {
        guard let checkpoint else { return }
        let (position, seal) = (walk.place.position - 1, walk.place.seal)
        if position == checkpoint.position, seal == checkpoint.seal { hasCheckpoint = true }
    }

    /// Finds the group elsewhere that the file does not have.
    private mutating func mendGroup(
        _ file: borrowing SegmentFile,
        _ copied: CopiedSegment?,
        isLast: Bool
    ) -> Bool {
        let rest = file.bytes.extracting(min(walk.fileOffset, file.count)..<file.count)
        // Where the last segment has nothing, nothing was lost: a copy may have gone on by itself.
        if isLast, rest.countWithoutZeros == 0 { return false }
        let place = walk.place
        if let fromCopy = copied?.group(at: place) {
            note(.copied)
            return take(fromCopy)
        }
        guard let bytes = FlippedBit.mend(rest, at: place) else { return false }
        note(.bit)
        return take(bytes)
    }

    /// Steps over a group whose bytes are here.
    private mutating func take(_ bytes: [UInt8]) -> Bool {
        // SAFETY: bytes have no padding that could be read uninitialised.
        guard let group = try? Group(reading: unsafe bytes.span.bytes, at: walk.place) else {
            return false
        }
        groups.append(.bytes(bytes))
        walk.advance(over: group)
        noteBoundary()
        return true
    }

    /// What is behind the last group that was found.
    private mutating func judgeEnd(_ file: borrowing SegmentFile, isLast: Bool) {
        let bytes = file.bytes
        let rest = bytes.extracting(min(walk.fileOffset, file.count)..<file.count)
        let size = header.isCompact ? header.compactBytes : header.bytes
        if walk.isSealed {
            if rest.countWithoutZeros > 0 || size != UInt64(file.count) { note(.rest) }
            return
        }
        var facts = TailFacts()
        facts.isZeroToEnd = rest.countWithoutZeros == 0
        facts.hasGroupBehind = walk.hasGroupBehind(in: bytes)
        facts.isLastSegment = isLast
        if !TailVerdict(facts).opens {
            fault = walk.fault(in: bytes)
        } else if size != UInt64(file.count) {
            note(.rest)
        }
    }

    /// The bytes of the segment, up to its last sound group: for log/ with padding and zeros
    /// behind, else as it is in archive/.
    func assembled(from segment: HeldSegment?, inLog: Bool) -> AlignedBuffer {
        var header = header
        let compact = groups.reduce(SegmentHeader.byteCount) { $0 + $1.length }
        header.compactBytes = inLog ? 0 : UInt64(compact)
        var buffer = AlignedBuffer(byteCount: Int(inLog ? header.bytes : header.compactBytes))
        header.encode(into: &buffer)
        var offset = inLog ? LogLimits.block : SegmentHeader.byteCount
        for source in groups {
            switch source {
            case .file(let from, let length):
                guard let segment else { violated("what is in a file is read from it") }
                segment.file.copy(from..<(from + length), to: &buffer, at: offset)
            case .bytes(let bytes):
                // SAFETY: bytes have no padding that could be read uninitialised.
                buffer.copy(unsafe bytes.span.bytes, to: offset)
            }
            offset += inLog ? GroupFormat.padded(source.length) : source.length
        }
        return buffer
    }
}

/// A segment in memory that several look at.
final class HeldSegment {
    let file: SegmentFile

    /// Reads the file of a segment, as a start does; nothing when it can not be read.
    init?(_ name: SegmentName, path: String, on disk: any Disk) {
        let isInLog = path == name.inLog
        guard let file = try? SegmentFile(name, path: path, on: disk, direct: isInLog) else {
            return nil
        }
        self.file = file
    }
}

/// A segment of a copy of the ledger, from which damaged groups are taken.
final class CopiedSegment {
    private let segment: HeldSegment
    let header: SegmentHeader
    private let places: [(place: GroupPlace, offset: Int, length: Int)]

    /// Reads what is sound of the segment `name` on the disk of a copy; nothing when none is.
    init?(_ name: SegmentName, of ledger: LedgerID, on disk: any Disk) {
        let held =
            HeldSegment(name, path: name.inArchive, on: disk)
            ?? HeldSegment(name, path: name.inLog, on: disk)
        guard let held, let header = try? held.file.header(of: ledger) else { return nil }
        (segment, self.header) = (held, header)
        places = held.file.places(behind: header)
    }

    /// The bytes of the group at `place`, which continues the same history; nothing without it.
    func group(at place: GroupPlace) -> [UInt8]? {
        guard let found = places.first(where: { $0.place == place }) else { return nil }
        var buffer = AlignedBuffer(byteCount: found.length)
        segment.file.copy(found.offset..<(found.offset + found.length), to: &buffer, at: 0)
        return buffer.bytes.copied
    }
}

extension SegmentFile {
    /// Copies some of the bytes.
    fileprivate func copy(_ range: Range<Int>, to buffer: inout AlignedBuffer, at offset: Int) {
        buffer.copy(bytes.extracting(range), to: offset)
    }

    /// Where the groups are, up to the first one that is not sound.
    fileprivate func places(
        behind header: SegmentHeader
    ) -> [(place: GroupPlace, offset: Int, length: Int)] {
        var walk = SegmentWalk(header)
        var places: [(place: GroupPlace, offset: Int, length: Int)] = []
        while !walk.isAtEnd(of: bytes) {
            guard let group = try? walk.group(in: bytes) else { break }
            places.append((walk.place, walk.fileOffset, group.header.length))
            walk.advance(over: group)
        }
        return places
    }
}

extension RawSpan {
    /// The bytes, to keep.
    var copied: [UInt8] {
        // SAFETY: the bytes are copied within the closure.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}
