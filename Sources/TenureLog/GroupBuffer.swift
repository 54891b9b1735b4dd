// The group being gathered: one piece of memory, used again for every group.
//
//   L8  Whoever appends has asked for room.

import TenureBase

/// Frames on their way to the disk.
struct GroupBuffer: ~Copyable {
    private var buffer: AlignedBuffer
    /// The most bytes that the group can have, header and seal included.
    var limit: Int
    /// Bytes up to the end of the last frame.
    private var end = GroupFormat.headerBytes
    /// How many frames have been gathered.
    private(set) var count: UInt32 = 0
    /// Bytes of the payloads.
    private(set) var contentBytes = 0

    init(limit: Int) {
        self.limit = limit
        buffer = AlignedBuffer(byteCount: GroupFormat.padded(limit))
    }

    /// Bytes of the group as it is now.
    var length: Int { end + Seal.byteCount }

    /// The bytes; up to the padded length, after `finish`.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { buffer.bytes }
    }

    /// Adds a frame.
    ///
    /// Its checksum waits for `finish`, which knows where the group goes.
    @inline(__always)
    mutating func append(position: UInt64, time: UInt64, payload: RawSpan) {
        let next = end + GroupFormat.frameHeaderBytes + payload.byteCount
        invariant(next + Seal.byteCount <= limit, "L8: whoever appends has asked for room")
        buffer.store(UInt32(payload.byteCount), at: end + 4)
        buffer.store(position, at: end + 8)
        buffer.store(time, at: end + 16)
        buffer.copy(payload, to: end + GroupFormat.frameHeaderBytes)
        end = next
        count += 1
        contentBytes += payload.byteCount
    }

    /// Fills in checksums, header, seal and padding for a group at `place`.
    mutating func finish(
        at place: GroupPlace,
        durableBefore: UInt64,
        sealed: Bool
    ) -> (GroupHeader, Seal) {
        fillFrameChecksums(place)
        let header = GroupHeader(
            isSealed: sealed,
            length: length,
            place: place,
            durableBefore: durableBefore,
            count: count
        )
        header.encode(into: &buffer)
        let seal = Seal(hashing: buffer.bytes.extracting(0..<end))
        buffer.store(seal, at: end)
        buffer.clear(length..<GroupFormat.padded(length))
        return (header, seal)
    }

    /// Starts the next group.
    mutating func reset() {
        end = GroupFormat.headerBytes
        count = 0
        contentBytes = 0
    }

    private mutating func fillFrameChecksums(_ place: GroupPlace) {
        let start = GroupFormat.frameChecksumStart(ledger: place.ledger, segment: place.segment)
        var at = GroupFormat.headerBytes
        for _ in 0..<count {
            guard let payload: UInt32 = try? buffer.bytes.field(at: at + 4) else { return }
            let next = at + GroupFormat.frameHeaderBytes + Int(payload)
            let crc = GroupFormat.frameChecksum(
                start,
                offset: place.offset + UInt64(at),
                frame: buffer.bytes.extracting(at..<next)
            )
            buffer.store(crc, at: at)
            at = next
        }
    }
}
