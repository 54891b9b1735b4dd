// Reading one segment as a whole, and walking over its groups.

import TenureBase

/// A segment's bytes in memory, from whichever directory.
struct SegmentFile: ~Copyable {
    let name: SegmentName
    let path: String
    private let buffer: AlignedBuffer
    /// How many bytes the file has.
    let count: Int

    /// Reads a file; `direct` goes past the page cache, for files of log/ only.
    init(
        _ name: SegmentName,
        path: String,
        on disk: any Disk,
        direct: Bool
    ) throws(LogError) {
        do throws(DiskError) {
            let file = direct ? try disk.openDirect(path) : try disk.open(path, .readOnly)
            let size = try file.size()
            // What is longer than any segment is read so far that the header can say so.
            let wanted = Int(min(size, UInt64(LogLimits.segmentMaximum)))
            var buffer = AlignedBuffer(byteCount: GroupFormat.padded(max(wanted, 1)))
            var all = buffer.mutableBytes
            count = min(try file.read(into: &all, at: 0), wanted)
            self.buffer = buffer
        } catch {
            throw .device(error)
        }
        self.name = name
        self.path = path
    }

    /// The bytes of the file.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { buffer.bytes.extracting(0..<count) }
    }

    /// The header, checked against the name, the ledger and the size of the file.
    func header(of ledger: LedgerID?) throws(LogError) -> SegmentHeader {
        do throws(LogFault) {
            let header = try SegmentHeader(reading: bytes)
            guard ledger == nil || header.ledger == ledger else { throw .otherLedger }
            guard header.firstPosition == name.firstPosition else { throw .otherPlace }
            let size = header.isCompact ? header.compactBytes : header.bytes
            guard size == UInt64(count) else { throw .size }
            return header
        } catch {
            throw LogError(error, in: self, at: 0, position: name.firstPosition, .notTheTail)
        }
    }
}

extension LogCheckpoint {
    /// The name of a segment that begins right behind it.
    var next: SegmentName { SegmentName(firstPosition: position + 1) }
}

extension Disk {
    /// Whether there is a segment that begins right behind a checkpoint and has its seal, and so
    /// needs nothing that is before.
    ///
    /// Only its header is read, which whoever walks over the segment checks again.
    ///
    /// - Throws: why a file that is there can not be read (T5): that is no answer.
    package func isSegment(continuing checkpoint: LogCheckpoint) throws(DiskError) -> Bool {
        let name = checkpoint.next
        for path in [name.inLog, name.inArchive] {
            guard let header = try readHeader(at: path) else { continue }
            if header.firstPosition == name.firstPosition, header.previousSeal == checkpoint.seal {
                return true
            }
        }
        return false
    }

    /// The header of the segment in a file, checked against itself; nothing when there is none, or
    /// it can not be read.
    package func segmentHeader(at path: String) -> SegmentHeader? {
        try? readHeader(at: path)
    }

    /// The header of the segment in a file; nothing when there is no file, or no header in it.
    private func readHeader(at path: String) throws(DiskError) -> SegmentHeader? {
        var buffer = AlignedBuffer(byteCount: LogLimits.block)
        var bytes = buffer.mutableBytes
        do throws(DiskError) {
            _ = try open(path, .readOnly).read(into: &bytes, at: 0)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        return try? SegmentHeader(reading: buffer.bytes)
    }
}

extension LogError {
    /// What a fault in a segment makes of opening it.
    init(
        _ fault: LogFault,
        in segment: borrowing SegmentFile,
        at offset: UInt64,
        position: UInt64,
        _ verdict: TailVerdict
    ) {
        self =
            switch fault {
            case .newerFormat(let format): .newerFormat(segment: segment.path, format)
            case .otherLedger: .otherLedger(segment: segment.path)
            default:
                .corrupt(
                    segment: segment.path,
                    offset: offset,
                    position: position,
                    verdict,
                    fault
                )
            }
    }
}

/// A walk over the groups of a segment.
struct SegmentWalk {
    let header: SegmentHeader
    /// Where the next group is expected, in the terms of log/.
    var place: GroupPlace
    /// Where the next group is expected in the file.
    var fileOffset: Int
    /// Whether the last group seals the segment.
    var isSealed = false
    /// Whether the last group had no frames.
    var endsEmpty = true

    init(_ header: SegmentHeader) {
        self.header = header
        place = GroupPlace(startOf: header)
        fileOffset = header.firstGroupOffset
    }

    /// Whether the walk has come to where no further group can start.
    func isAtEnd(of bytes: RawSpan) -> Bool {
        isSealed || fileOffset >= bytes.byteCount
    }

    /// Checks the group at the current place without stepping over it.
    @_lifetime(copy bytes)
    func group(in bytes: RawSpan) throws(LogFault) -> Group {
        guard fileOffset < bytes.byteCount else { throw .truncated }
        return try Group(reading: bytes.extracting(fileOffset..<bytes.byteCount), at: place)
    }

    /// Steps over a group that was checked.
    mutating func advance(over group: borrowing Group) {
        place.advance(over: group.header, seal: group.seal)
        let length = group.header.length
        fileOffset += header.isCompact ? length : GroupFormat.padded(length)
        isSealed = group.header.isSealed
        endsEmpty = group.header.count == 0
    }

    /// What is wrong at the current place, where no valid group starts.
    func fault(in bytes: RawSpan) -> LogFault {
        do throws(LogFault) {
            _ = try group(in: bytes)
            return isSealed ? .padding : .notSealed
        } catch {
            return error
        }
    }

    /// Whether a later group's header lies behind the current place: proof that the group
    /// expected here was durable.
    func hasGroupBehind(in bytes: RawSpan) -> Bool {
        nextHeader(in: bytes) != nil
    }

    /// The next header of a later group of this segment, and its offset in the file.
    func nextHeader(in bytes: RawSpan) -> (offset: Int, header: GroupHeader)? {
        let step = header.isCompact ? 1 : LogLimits.block
        var offset = fileOffset + step
        // A group torn in the middle still has its own header; what lies within it, payloads
        // that may look like anything, says nothing about later groups.
        if fileOffset < bytes.byteCount,
            let own = try? GroupHeader(reading: bytes.extracting(fileOffset..<bytes.byteCount)),
            (try? place.admit(own)) != nil
        {
            offset = fileOffset + (header.isCompact ? own.length : GroupFormat.padded(own.length))
        }
        while offset < bytes.byteCount {
            if let later = later(in: bytes, at: offset) { return (offset, later) }
            offset += step
        }
        return nil
    }

    private func later(in bytes: RawSpan, at offset: Int) -> GroupHeader? {
        let magic: UInt32? = try? bytes.field(at: offset)
        guard magic == GroupFormat.magic,
            let later = try? GroupHeader(reading: bytes.extracting(offset..<bytes.byteCount)),
            later.ledger == place.ledger, later.segment == place.segment,
            header.isCompact || later.offset == UInt64(offset), later.number > place.number
        else { return nil }
        return later
    }

    /// Goes on at a group behind damage, believing what its header says about what was before.
    mutating func jump(to next: (offset: Int, header: GroupHeader)) {
        fileOffset = next.offset
        place.offset = next.header.offset
        place.number = next.header.number
        place.position = next.header.firstPosition
        place.seal = next.header.previousSeal
    }
}
