// A log in the segments of one directory: gathering, committing, rotating.
//
// A rotation goes R0 to R5, and what a crash after each step leaves is legal:
//
//   R0  the spare is zero-filled and synced             (SpareSegment.swift)
//   R1  an empty SEALED group ends the old segment, synced
//   R2  the spare gets the header that names the old segment's end, synced
//   R3  the spare is renamed to its name
//   R4  log/ is synced
//   R5  the first group may be written
//
// R4 comes before R5 because a group acknowledged in a file whose name is not durable is lost.
// The last block of a segment is never used for anything but the SEALED group, so that a
// rotation can not be stuck.
//
//   L6  A group ends within its segment.
//   L7  A segment that was named is open.
//
// Recovery is in LogRecovery.swift, retirement in Retirement.swift.

import TenureBase

/// The log of one ledger in files.
package final class FileLog: Log {
    /// The segment that is being written.
    struct Tail {
        var header: SegmentHeader
        var file: any DiskFile
        /// Where the next group goes.
        var place: GroupPlace
        /// Whether the segment has been sealed and waits for its successor.
        var isSealed: Bool
        /// Whether the last group had no frames, so that another empty one would say nothing new.
        var endsEmpty: Bool
    }

    private let disk: any Disk
    private let configuration: LogConfiguration
    private let spare: SpareSegment
    private var tail: Tail
    private var group: GroupBuffer
    private var hasFailed = false

    package private(set) var durablePosition: UInt64
    package private(set) var writtenExtentBytes: UInt64 = 0
    package private(set) var writtenContentBytes: UInt64 = 0
    package private(set) var writtenFrames: UInt64 = 0

    /// Takes over a tail that recovery or `create` has left.
    init(
        _ disk: any Disk,
        _ configuration: LogConfiguration,
        _ tail: Tail,
        since report: LogRecoveryReport
    ) throws(LogError) {
        self.disk = disk
        self.configuration = configuration
        self.tail = tail
        spare = SpareSegment(disk, configuration)
        group = GroupBuffer(limit: configuration.groupBytes)
        group.limit = FileLog.groupLimit(configuration, tail.header)
        durablePosition = tail.place.position - 1
        writtenExtentBytes = report.replayedExtentBytes
        writtenContentBytes = report.replayedContentBytes
        writtenFrames = report.replayedFrames
        if tail.isSealed { try installSuccessor() }
        spare.begin()
    }

    /// Makes `log/`, `archive/` and the first segment, all durable, in a directory without them.
    package static func create(
        on disk: any Disk,
        ledgerID: LedgerID,
        configuration: LogConfiguration = LogConfiguration()
    ) throws(LogError) {
        guard configuration.isValid else { throw .configuration }
        do throws(DiskError) {
            try disk.makeDirectory(LogPath.log)
            try disk.makeDirectory(LogPath.archive)
        } catch {
            throw error.isFull ? .full : .device(error)
        }
        let spare = SpareSegment(disk, configuration)
        try spare.require()
        let header = SegmentHeader(
            ledger: ledgerID,
            segment: 1,
            firstPosition: 1,
            bytes: UInt64(configuration.segmentBytes),
            previousSeal: .zero,
            firstGroup: 1,
            compactBytes: 0
        )
        do throws(DiskError) {
            _ = try name(header, on: disk)
            try disk.syncDirectory(LogPath.archive)
            try disk.syncDirectory("")
        } catch {
            throw error.isFull ? .full : .device(error)
        }
    }

    package var nextPosition: UInt64 { tail.place.position + UInt64(group.count) }

    package var gatheredBytes: Int { group.count == 0 ? 0 : group.length }

    package var seal: Seal { tail.place.seal }

    package var payloadLimit: Int {
        min(LogLimits.payload, group.limit - GroupFormat.emptyBytes - GroupFormat.frameHeaderBytes)
    }

    package var reserveBytes: UInt64 {
        let used = tail.place.offset + UInt64(LogLimits.block)
        let room = tail.header.bytes > used ? tail.header.bytes - used : 0
        let next = spare.isReady ? UInt64(configuration.segmentBytes - 2 * LogLimits.block) : 0
        return room + next
    }

    package func hasRoom(forPayload bytes: Int) -> Bool {
        bytes <= payloadLimit && group.length + GroupFormat.frameHeaderBytes + bytes <= group.limit
    }

    package func append(time: UInt64, payload: borrowing [UInt8]) -> UInt64 {
        let position = nextPosition
        // SAFETY: a byte has no padding.
        let bytes = unsafe payload.span.bytes
        group.append(position: position, time: time, payload: bytes)
        return position
    }

    package func commit() throws(LogError) {
        guard !hasFailed else { throw .failed }
        if group.count == 0 && tail.endsEmpty { return }
        let end = tail.place.offset + UInt64(GroupFormat.padded(group.length) + LogLimits.block)
        if end > tail.header.bytes { try rotate() }
        let content = UInt64(group.contentBytes)
        let frames = UInt64(group.count)
        try write(&group, sealed: false)
        writtenContentBytes += content
        writtenFrames += frames
    }

    package func retire(through position: UInt64) throws(LogError) {
        guard !hasFailed else { throw .failed }
        do throws(LogError) {
            try retirement.retire(through: min(position, durablePosition))
        } catch {
            if case .device = error { hasFailed = true }
            throw error
        }
    }

    /// Retires segments without touching what is being written, so from any thread.
    package var retirement: Retirement {
        Retirement(disk: disk, ledgerID: tail.header.ledger)
    }

    package func prepareReserve() {
        if !hasFailed { spare.begin() }
    }

    /// Writes one group where the tail is, and syncs it.
    private func write(_ group: inout GroupBuffer, sealed: Bool) throws(LogError) {
        let isEmpty = group.count == 0
        let (header, seal) = group.finish(
            at: tail.place,
            durableBefore: durablePosition,
            sealed: sealed
        )
        let extent = GroupFormat.padded(header.length)
        invariant(
            tail.place.offset + UInt64(extent) <= tail.header.bytes,
            "L6: a group ends within its segment"
        )
        try device { () throws(DiskError) in
            try tail.file.write(group.bytes.extracting(0..<extent), at: tail.place.offset)
            try tail.file.syncData()
        }
        tail.place.advance(over: header, seal: seal)
        tail.endsEmpty = isEmpty
        tail.isSealed = sealed
        durablePosition = tail.place.position - 1
        writtenExtentBytes += UInt64(extent)
        group.reset()
    }

    /// Ends the tail and goes on in the spare.
    private func rotate() throws(LogError) {
        do throws(LogError) {
            try spare.require()
        } catch {
            if error != .full { hasFailed = true }
            throw error
        }
        var last = GroupBuffer(limit: LogLimits.block)
        try write(&last, sealed: true)
        try installSuccessor()
        spare.begin()
    }

    /// Makes the spare the successor of the sealed tail.
    private func installSuccessor() throws(LogError) {
        try spare.require()
        let header = SegmentHeader(
            ledger: tail.header.ledger,
            segment: tail.header.segment + 1,
            firstPosition: tail.place.position,
            bytes: UInt64(configuration.segmentBytes),
            previousSeal: tail.place.seal,
            firstGroup: tail.place.number,
            compactBytes: 0
        )
        var file: (any DiskFile)?
        try device { () throws(DiskError) in
            file = try FileLog.name(header, on: disk)
        }
        guard let file else { violated("L7: a segment that was named is open") }
        spare.taken()
        tail.file.close()
        tail.file = file
        tail.header = header
        tail.place = GroupPlace(startOf: header)
        tail.isSealed = false
        tail.endsEmpty = true
        group.limit = FileLog.groupLimit(configuration, header)
    }

    /// The most bytes of a group: what the configuration says, or less in a smaller segment.
    private static func groupLimit(
        _ configuration: LogConfiguration,
        _ header: SegmentHeader
    ) -> Int {
        min(configuration.groupBytes, Int(header.bytes) - 3 * LogLimits.block)
    }

    /// Writes a header to the spare and gives it its name: R2, R3, R4.
    private static func name(
        _ header: SegmentHeader,
        on disk: any Disk
    ) throws(DiskError) -> any DiskFile {
        let file = try disk.open(LogPath.spare, .readWriteDirect)
        var block = AlignedBuffer(byteCount: LogLimits.block)
        header.encode(into: &block)
        try file.write(block.bytes, at: 0)
        try file.syncData()
        let name = SegmentName(firstPosition: header.firstPosition)
        try disk.rename(LogPath.spare, to: name.inLog, replacing: false)
        try disk.syncDirectory(LogPath.log)
        return file
    }

    /// Runs what must not fail; if it does, the log is closed for good.
    private func device(_ body: () throws(DiskError) -> Void) throws(LogError) {
        do throws(DiskError) {
            try body()
        } catch {
            hasFailed = true
            throw .device(error)
        }
    }
}
