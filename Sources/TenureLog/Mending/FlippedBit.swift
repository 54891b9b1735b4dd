// Turning back the one bit of a group that was flipped.
//
// A group has a checksum over its header, one over each frame, and a SHA-256 over all of it. So
// where one bit is wrong the checksum that does not fit tells about where, every bit there is
// tried, and the SHA-256 is proof of the one that was found: that another group fits it by chance
// is out of the question. Two wrong bits are beyond this.

import TenureBase

/// A search for one flipped bit.
enum FlippedBit {
    /// The bytes of the group at `place`, as they were written, where `bytes` start with it and one
    /// of its bits was flipped; nothing otherwise.
    ///
    /// O(n²) in the bytes of the frame concerned, of which LogLimits.mendedFrame are looked at.
    static func mend(_ bytes: RawSpan, at place: GroupPlace) -> [UInt8]? {
        var copy = bytes.extracting(0..<min(bytes.byteCount, LogLimits.group)).copied
        guard let header = header(of: &copy, at: place), header.length <= copy.count else {
            return nil
        }
        copy.removeLast(copy.count - header.length)
        switch fault(of: copy, at: place) {
        case nil: return copy
        case .frame(let offset)?:
            let start = Int(offset - header.offset)
            let found = mendFrame(&copy, at: start, of: header) && fault(of: copy, at: place) == nil
            return found ? copy : nil
        case .seal?: return mendSeal(&copy) ? copy : nil
        default: return nil
        }
    }

    /// The header of a segment of which one bit was flipped, where that `fits`; nothing otherwise.
    ///
    /// A header has only its checksum: that it fits its neighbours is for the caller to say.
    static func mendHeader(
        _ bytes: RawSpan,
        where fits: (SegmentHeader) -> Bool
    ) -> SegmentHeader? {
        guard bytes.byteCount >= SegmentHeader.byteCount else { return nil }
        var copy = bytes.extracting(0..<SegmentHeader.byteCount).copied
        func header(_ bytes: [UInt8]) -> SegmentHeader? {
            // SAFETY: bytes have no padding that could be read uninitialised.
            try? SegmentHeader(reading: unsafe bytes.span.bytes)
        }
        let isFound = firstBit(of: &copy, in: 0..<copy.count) { header($0).map(fits) ?? false }
        return isFound ? header(copy) : nil
    }

    /// The header, after its bit was turned back if it was there.
    private static func header(
        of bytes: inout [UInt8],
        at place: GroupPlace
    ) -> GroupHeader? {
        guard bytes.count >= GroupFormat.emptyBytes else { return nil }
        if let header = admitted(bytes, at: place) { return header }
        return firstBit(of: &bytes, in: 0..<GroupFormat.headerBytes) {
            admitted($0, at: place) != nil
        } ? admitted(bytes, at: place) : nil
    }

    private static func admitted(_ bytes: [UInt8], at place: GroupPlace) -> GroupHeader? {
        // SAFETY: bytes have no padding that could be read uninitialised.
        guard let header = try? GroupHeader(reading: unsafe bytes.span.bytes),
            (try? place.admit(header)) != nil
        else { return nil }
        return header
    }

    private static func fault(of bytes: [UInt8], at place: GroupPlace) -> LogFault? {
        do throws(LogFault) {
            // SAFETY: bytes have no padding that could be read uninitialised.
            _ = try Group(reading: unsafe bytes.span.bytes, at: place)
            return nil
        } catch {
            return error
        }
    }

    /// Turns a bit of the frame at `start` back so that its checksum fits.
    private static func mendFrame(
        _ bytes: inout [UInt8],
        at start: Int,
        of header: GroupHeader
    ) -> Bool {
        let end = header.length - Seal.byteCount
        let checksum = GroupFormat.frameChecksumStart(
            ledger: header.ledger,
            segment: header.segment
        )
        func length(_ bytes: [UInt8]) -> Int? {
            // SAFETY: bytes have no padding that could be read uninitialised.
            guard let payload: UInt32 = try? unsafe bytes.span.bytes.field(at: start + 4) else {
                return nil
            }
            let length = GroupFormat.frameHeaderBytes + Int(payload)
            return length <= end - start && length <= LogLimits.mendedFrame ? length : nil
        }
        func fits(_ bytes: [UInt8]) -> Bool {
            guard let length = length(bytes) else { return false }
            // SAFETY: bytes have no padding that could be read uninitialised.
            let frame = unsafe bytes.span.bytes.extracting(start..<(start + length))
            let stored: UInt32? = try? frame.field(at: 0)
            let offset = header.offset + UInt64(start)
            return stored == GroupFormat.frameChecksum(checksum, offset: offset, frame: frame)
        }
        guard end - start >= GroupFormat.frameHeaderBytes else { return false }
        let known = length(bytes) ?? GroupFormat.frameHeaderBytes
        return firstBit(of: &bytes, in: start..<(start + known), where: fits)
    }

    /// Makes the seal that of the bytes before it, if it is one bit off.
    private static func mendSeal(_ bytes: inout [UInt8]) -> Bool {
        let sealed = bytes.count - Seal.byteCount
        // SAFETY: bytes have no padding that could be read uninitialised.
        let seal = Seal(hashing: unsafe bytes.span.bytes.extracting(0..<sealed))
        return firstBit(of: &bytes, in: sealed..<bytes.count) { bytes in
            // SAFETY: the same.
            (try? Seal(reading: unsafe bytes.span.bytes, at: sealed)) == seal
        }
    }

    /// Turns bits one by one, and leaves the first one turned with which `holds`.
    private static func firstBit(
        of bytes: inout [UInt8],
        in range: Range<Int>,
        where holds: ([UInt8]) -> Bool
    ) -> Bool {
        for index in range {
            for bit in 0..<8 {
                bytes[index] ^= 1 << bit
                if holds(bytes) { return true }
                bytes[index] ^= 1 << bit
            }
        }
        return false
    }
}
