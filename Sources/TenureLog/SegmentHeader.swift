// The first block of a segment: which ledger, which part of its history, and what comes before.
//
//   offset  bytes  field
//        0      4  magic "TSEG"
//        4      4  CRC-32C of bytes 0..<4 and 8..<128; here in every later format too
//        8      2  format version, 1; likewise
//       10      2  flags: bit 0 COMPACT, the form of archive/
//       12      4  zero
//       16     16  ledger id
//       32      8  segment id, 1 for the first of a ledger, then consecutive
//       40      8  first position; also the file's name, as 20 digits and ".seg"
//       48      8  size in bytes in log/
//       56      8  id of the segment before, 0 for none
//       64      8  last position of the segment before, 0 for none
//       72     32  final seal of the segment before, zero for none
//      104      8  number of the first group
//      112      8  COMPACT: size in bytes in archive/; otherwise 0
//      120      8  zero
//
// In log/ the block is filled up with zeros, the first group starts at byte 4,096, and every
// further group on the next block boundary. In archive/ (COMPACT) the first group starts at byte
// 128 and every group where the one before ends; the offsets *in* the groups stay those of log/,
// so that not one sealed byte changes. Integers are little-endian.

/// What the first bytes of a segment say.
package struct SegmentHeader: Equatable, Sendable {
    /// How many bytes the header has.
    package static let byteCount = 128
    /// The format that this code writes, and the newest that it reads.
    package static let format: UInt16 = 1
    /// "TSEG", read as a little-endian integer.
    static let magic: UInt32 = 0x4745_5354
    /// The flag of a segment in archive/.
    static let compactFlag: UInt16 = 1

    /// The ledger that it belongs to.
    package var ledger: LedgerID
    /// Which segment of the ledger it is, from 1 on.
    package var segment: UInt64
    /// The position of its first frame.
    package var firstPosition: UInt64
    /// Its size in log/.
    package var bytes: UInt64
    /// The final seal of the segment before.
    package var previousSeal: Seal
    /// The number of its first group.
    package var firstGroup: UInt64
    /// Its size in archive/, 0 in log/.
    package var compactBytes: UInt64

    /// Whether groups follow each other without padding.
    package var isCompact: Bool { compactBytes != 0 }

    /// Where the first group starts in the file.
    var firstGroupOffset: Int { isCompact ? SegmentHeader.byteCount : LogLimits.block }

    /// Writes the header to the start of `buffer`.
    func encode(into buffer: inout AlignedBuffer) {
        buffer.store(SegmentHeader.magic, at: 0)
        buffer.store(SegmentHeader.format, at: 8)
        buffer.store(isCompact ? SegmentHeader.compactFlag : 0, at: 10)
        buffer.store(UInt32(0), at: 12)
        buffer.store(ledger, at: 16)
        buffer.store(segment, at: 32)
        buffer.store(firstPosition, at: 40)
        buffer.store(bytes, at: 48)
        buffer.store(segment - 1, at: 56)
        buffer.store(firstPosition - 1, at: 64)
        buffer.store(previousSeal, at: 72)
        buffer.store(firstGroup, at: 104)
        buffer.store(compactBytes, at: 112)
        buffer.store(UInt64(0), at: 120)
        buffer.store(SegmentHeader.checksum(buffer.bytes), at: 4)
    }

    fileprivate static func checksum(_ span: RawSpan) -> UInt32 {
        var crc = CRC32C()
        crc.update(span.extracting(0..<4))
        crc.update(span.extracting(8..<byteCount))
        return crc.value
    }
}

extension SegmentHeader {
    /// Reads a header and checks it against itself.
    package init(reading span: RawSpan) throws(LogFault) {
        guard span.byteCount >= SegmentHeader.byteCount else { throw .truncated }
        guard try span.field(at: 0) == SegmentHeader.magic else { throw .magic }
        guard try span.field(at: 4) == SegmentHeader.checksum(span) else { throw .headerChecksum }
        let format: UInt16 = try span.field(at: 8)
        guard format == SegmentHeader.format else { throw .newerFormat(format) }
        ledger = try LedgerID(reading: span, at: 16)
        segment = try span.field(at: 32)
        firstPosition = try span.field(at: 40)
        bytes = try span.field(at: 48)
        previousSeal = try Seal(reading: span, at: 72)
        firstGroup = try span.field(at: 104)
        compactBytes = try span.field(at: 112)
        let flags: UInt16 = try span.field(at: 10)
        let before: UInt64 = try span.field(at: 56)
        let lastBefore: UInt64 = try span.field(at: 64)
        let zeros: (UInt32, UInt64) = (try span.field(at: 12), try span.field(at: 120))
        guard
            zeros == (0, 0), (1...LogLimits.number).contains(segment), before == segment - 1,
            (1...LogLimits.number).contains(firstPosition), lastBefore == firstPosition - 1,
            (1...LogLimits.number).contains(firstGroup),
            flags == (isCompact ? SegmentHeader.compactFlag : 0),
            bytes >= UInt64(LogLimits.segmentMinimum), bytes <= UInt64(LogLimits.segmentMaximum),
            bytes % UInt64(LogLimits.block) == 0, compactBytes <= bytes
        else { throw .headerFields }
    }
}

/// Where a segment is and what it is called.
package struct SegmentName: Hashable, Sendable, Comparable {
    /// The position of the segment's first frame.
    package let firstPosition: UInt64

    /// The segment that starts with this position.
    package init(firstPosition: UInt64) {
        self.firstPosition = firstPosition
    }

    /// Reads a file name; `nil` when it is not one of a segment.
    package init?(_ name: String) {
        let digits = name.utf8.prefix(20)
        guard name.utf8.count == 24, name.hasSuffix(".seg"),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let value = UInt64(name.prefix(20)), value >= 1
        else { return nil }
        firstPosition = value
    }

    /// The file name: 20 digits, so that names sort as positions do.
    package var fileName: String {
        let digits = String(firstPosition)
        return String(repeating: "0", count: 20 - digits.count) + digits + ".seg"
    }

    /// The name of the file that says what the segment is about.
    package var indexFileName: String { fileName.dropLast(3) + "idx" }

    /// The path while the segment may still be needed to start.
    package var inLog: String { "\(LogPath.log)/\(fileName)" }
    /// The path of the retired segment.
    package var inArchive: String { "\(LogPath.archive)/\(fileName)" }

    package static func < (left: SegmentName, right: SegmentName) -> Bool {
        left.firstPosition < right.firstPosition
    }
}

/// The names that the log uses in the data directory.
package enum LogPath {
    /// Segments that a start may need, and the spare one.
    package static let log = "log"
    /// Retired segments, without padding.
    package static let archive = "archive"
    /// The zero-filled file that becomes the next segment.
    package static let spare = "log/spare.tmp"
    /// Bytes being kept aside before a torn tail is cut.
    static let cut = "log/cut.tmp"
    /// A segment being written anew by a repair.
    static let mended = "log/mended.tmp"
    /// A segment being retired.
    static let retiring = "archive/retiring.tmp"
}
