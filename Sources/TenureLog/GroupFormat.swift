// The bytes of a commit group and of the frames in it.
//
// A group:
//
//   offset  bytes  field
//        0      4  magic "TGRP"
//        4      4  CRC-32C of bytes 0..<4 and 8..<112
//        8      2  format version, 1
//       10      2  flags: bit 0 SEALED, no group follows in this segment
//       12      4  length in bytes: header, frames and seal, without padding
//       16     16  ledger id
//       32      8  segment id
//       40      8  own offset in the segment in log/
//       48      8  group number, from 1 on over the ledger's life, consecutive
//       56      8  position of the first frame; of an empty group, the one its successor will have
//       64      8  durableBefore: the last position acknowledged when the group was written
//       72      4  count of frames
//       76      4  zero
//       80     32  seal of the group before
//      112         frames, one after the other
//   length-32  32  seal: SHA-256 of bytes 0..<length-32, so of the previous seal too
//
// A frame:
//
//   offset  bytes  field
//        0      4  CRC-32C of: format version (2), ledger id (16), segment id (8), the frame's own
//                  offset in the segment in log/ (8), then bytes 4..<24+n
//        4      4  n, the payload's length in bytes
//        8      8  position
//       16      8  ledger time in nanoseconds
//       24      n  payload
//
// The first four items under a frame's checksum are not stored in it: the group's header has
// them, and a frame found in another ledger, segment or place does not fit its checksum.
// Integers are little-endian. A later format keeps bytes 0..<12 of a group and its checksum.

/// One record of the log, while the bytes it lies in are borrowed.
package struct Frame: ~Escapable {
    /// Its place in history, from 1 on without holes.
    package let position: UInt64
    /// The ledger time at which it was decided, in nanoseconds.
    package let time: UInt64
    /// What the writer appended.
    package let payload: RawSpan

    @_lifetime(copy payload)
    init(position: UInt64, time: UInt64, payload: RawSpan) {
        self.position = position
        self.time = time
        self.payload = payload
    }
}

/// Sizes and constants of the formats above.
enum GroupFormat {
    static let version: UInt16 = 1
    /// "TGRP", read as a little-endian integer.
    static let magic: UInt32 = 0x5052_4754
    static let headerBytes = 112
    static let frameHeaderBytes = 24
    /// The bytes of a group without frames.
    static let emptyBytes = headerBytes + Seal.byteCount

    /// `count` rounded up to the next block boundary.
    static func padded(_ count: Int) -> Int {
        (count + LogLimits.block - 1) / LogLimits.block * LogLimits.block
    }

    /// The part of a frame's checksum that all frames of a segment share.
    static func frameChecksumStart(ledger: LedgerID, segment: UInt64) -> CRC32C {
        var crc = CRC32C()
        crc.update(version)
        crc.update(ledger.high.byteSwapped)
        crc.update(ledger.low.byteSwapped)
        crc.update(segment)
        return crc
    }

    /// The checksum of the frame whose bytes are `frame`.
    @inline(__always)
    static func frameChecksum(_ start: CRC32C, offset: UInt64, frame: RawSpan) -> UInt32 {
        var crc = start
        crc.update(offset)
        crc.update(frame.extracting(4..<frame.byteCount))
        return crc.value
    }

    /// The checksum of the group header at the start of `span`.
    static func headerChecksum(_ span: RawSpan) -> UInt32 {
        var crc = CRC32C()
        crc.update(span.extracting(0..<4))
        crc.update(span.extracting(8..<headerBytes))
        return crc.value
    }
}

/// The header of a commit group.
struct GroupHeader: Equatable {
    var isSealed: Bool
    var length: Int
    var ledger: LedgerID
    var segment: UInt64
    var offset: UInt64
    var number: UInt64
    var firstPosition: UInt64
    var durableBefore: UInt64
    var count: UInt32
    var previousSeal: Seal

    /// The position that the next group starts with.
    var nextPosition: UInt64 { firstPosition + UInt64(count) }

    /// Writes the header to the start of `buffer`.
    func encode(into buffer: inout AlignedBuffer) {
        buffer.store(GroupFormat.magic, at: 0)
        buffer.store(GroupFormat.version, at: 8)
        buffer.store(UInt16(isSealed ? 1 : 0), at: 10)
        buffer.store(UInt32(length), at: 12)
        buffer.store(ledger, at: 16)
        buffer.store(segment, at: 32)
        buffer.store(offset, at: 40)
        buffer.store(number, at: 48)
        buffer.store(firstPosition, at: 56)
        buffer.store(durableBefore, at: 64)
        buffer.store(count, at: 72)
        buffer.store(UInt32(0), at: 76)
        buffer.store(previousSeal, at: 80)
        buffer.store(GroupFormat.headerChecksum(buffer.bytes), at: 4)
    }

    /// Reads a header and checks it against itself.
    init(reading span: RawSpan) throws(LogFault) {
        guard span.byteCount >= GroupFormat.headerBytes else { throw .truncated }
        guard try span.field(at: 0) == GroupFormat.magic else { throw .magic }
        guard try span.field(at: 4) == GroupFormat.headerChecksum(span) else {
            throw .headerChecksum
        }
        let format: UInt16 = try span.field(at: 8)
        guard format == GroupFormat.version else { throw .newerFormat(format) }
        let flags: UInt16 = try span.field(at: 10)
        let length: UInt32 = try span.field(at: 12)
        self.length = Int(length)
        isSealed = flags & 1 == 1
        ledger = try LedgerID(reading: span, at: 16)
        segment = try span.field(at: 32)
        offset = try span.field(at: 40)
        number = try span.field(at: 48)
        firstPosition = try span.field(at: 56)
        durableBefore = try span.field(at: 64)
        count = try span.field(at: 72)
        previousSeal = try Seal(reading: span, at: 80)
        let reserved: UInt32 = try span.field(at: 76)
        guard
            flags <= 1, reserved == 0, self.length <= LogLimits.group,
            self.length - GroupFormat.emptyBytes >= Int(count) * GroupFormat.frameHeaderBytes,
            (1...LogLimits.number).contains(firstPosition), durableBefore < firstPosition,
            (1...LogLimits.number).contains(number),
            offset <= UInt64(LogLimits.segmentMaximum)
        else { throw .headerFields }
    }

    init(
        isSealed: Bool,
        length: Int,
        place: GroupPlace,
        durableBefore: UInt64,
        count: UInt32
    ) {
        self.isSealed = isSealed
        self.length = length
        ledger = place.ledger
        segment = place.segment
        offset = place.offset
        number = place.number
        firstPosition = place.position
        previousSeal = place.seal
        self.durableBefore = durableBefore
        self.count = count
    }
}

/// Where the next group of a history goes, and what it continues.
package struct GroupPlace: Equatable, Sendable {
    /// The ledger that it belongs to.
    package let ledger: LedgerID
    /// The id of its segment.
    package var segment: UInt64
    /// Its offset in the segment in log/.
    package var offset: UInt64
    /// Its number.
    package var number: UInt64
    /// The position of its first frame.
    package var position: UInt64
    /// The seal of the group before.
    package var seal: Seal

    /// A place that was written down.
    package init(
        ledger: LedgerID,
        segment: UInt64,
        offset: UInt64,
        number: UInt64,
        position: UInt64,
        seal: Seal
    ) {
        (self.ledger, self.segment, self.offset) = (ledger, segment, offset)
        (self.number, self.position, self.seal) = (number, position, seal)
    }

    /// The first group of the segment that `header` starts.
    init(startOf header: SegmentHeader) {
        ledger = header.ledger
        segment = header.segment
        offset = UInt64(LogLimits.block)
        number = header.firstGroup
        position = header.firstPosition
        seal = header.previousSeal
    }

    /// The place behind the group that `header` and `seal` stand for.
    mutating func advance(over header: GroupHeader, seal: Seal) {
        offset += UInt64(GroupFormat.padded(header.length))
        number += 1
        position = header.nextPosition
        self.seal = seal
    }

    /// Checks that a header is that of a group at this place.
    func admit(_ header: GroupHeader) throws(LogFault) {
        guard header.ledger == ledger else { throw .otherLedger }
        guard header.segment == segment, header.offset == offset else { throw .otherPlace }
        guard
            header.number == number, header.firstPosition == position,
            header.previousSeal == seal
        else { throw .notTheNext }
    }
}

/// A whole group in borrowed bytes, checked.
struct Group: ~Escapable {
    let header: GroupHeader
    let seal: Seal
    private let bytes: RawSpan

    /// Checks the group that starts at the first byte of `span`.
    @_lifetime(copy span)
    init(reading span: RawSpan, at place: GroupPlace) throws(LogFault) {
        let header = try GroupHeader(reading: span)
        try place.admit(header)
        guard header.length <= span.byteCount else { throw .truncated }
        bytes = span.extracting(0..<header.length)
        self.header = header
        let sealed = header.length - Seal.byteCount
        try Group.checkFrames(of: header, in: span.extracting(0..<sealed))
        seal = Seal(hashing: span.extracting(0..<sealed))
        guard try Seal(reading: span, at: sealed) == seal else { throw .seal }
    }

    /// Checks that the frames fill the group exactly and each fits its checksum and position.
    private static func checkFrames(of header: GroupHeader, in span: RawSpan) throws(LogFault) {
        let start = GroupFormat.frameChecksumStart(ledger: header.ledger, segment: header.segment)
        var at = GroupFormat.headerBytes
        var position = header.firstPosition
        for _ in 0..<header.count {
            let offset = header.offset + UInt64(at)
            guard span.byteCount - at >= GroupFormat.frameHeaderBytes else {
                throw .frame(offset: offset)
            }
            let payload = Int(try span.field(at: at + 4) as UInt32)
            let end = at + GroupFormat.frameHeaderBytes + payload
            guard end <= span.byteCount else { throw .frame(offset: offset) }
            let frame = span.extracting(at..<end)
            guard
                try frame.field(at: 0)
                    == GroupFormat.frameChecksum(start, offset: offset, frame: frame),
                try frame.field(at: 8) == position
            else { throw .frame(offset: offset) }
            at = end
            position += 1
        }
        guard at == span.byteCount else { throw .frame(offset: header.offset + UInt64(at)) }
    }

    /// Calls `body` with every frame in order.
    func forEachFrame(_ body: FrameBody) throws(LogError) {
        var at = GroupFormat.headerBytes
        for index in 0..<UInt64(header.count) {
            let payload: UInt32
            let time: UInt64
            do throws(LogFault) {
                payload = try bytes.field(at: at + 4)
                time = try bytes.field(at: at + 16)
            } catch {
                // The bytes are borrowed and were checked above.
                continue
            }
            let start = at + GroupFormat.frameHeaderBytes
            at = start + Int(payload)
            let frame = Frame(
                position: header.firstPosition + index,
                time: time,
                payload: bytes.extracting(start..<at)
            )
            try body(frame)
        }
    }
}

/// What is called with each frame of a log, in order.
package typealias FrameBody = (borrowing Frame) throws(LogError) -> Void
