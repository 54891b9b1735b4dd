// Bytes from a disk that went bad: segments of the log.

import TenureBase
import TenureLog
import TenureSimulation
import TenureTesting

enum FuzzLog {
    private static let ledger = LedgerID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
    private static let path = "log/00000000000000000001.seg"
    private static let configuration = LogConfiguration(
        segmentBytes: LogLimits.segmentMinimum,
        spare: .synchronous
    )

    /// A frame that was read.
    private struct Record: Equatable {
        let position: UInt64
        let time: UInt64
        let payload: [UInt8]

        init(_ frame: borrowing Frame) {
            position = frame.position
            time = frame.time
            payload = arrayOf(frame.payload)
        }
    }

    /// A log of three groups with frames and an empty one.
    static let sound: [UInt8] = {
        let disk = SimulatedDisk()
        do {
            try FileLog.create(on: disk, ledgerID: ledger, configuration: configuration)
            let (log, _) = try open(disk)
            for count in [3, 1, 0, 2] {
                for index in 0..<count {
                    let payload = [UInt8](repeating: UInt8(index), count: 40 + index)
                    _ = log.append(time: log.nextPosition, payload: payload)
                }
                try log.commit()
            }
            return try disk.contents(path)
        } catch {
            return []
        }
    }()

    /// Any bytes in place of the last segment: read, opened or refused.
    static func segment(_ bytes: [UInt8]) throws {
        let disk = SimulatedDisk()
        try FileLog.create(on: disk, ledgerID: ledger, configuration: configuration)
        try disk.replace(path, with: bytes)
        try check(disk)
    }

    /// Fields of a sound segment changed, and the checksums of the blocks made to fit.
    ///
    /// Each five bytes: where, in two bytes, and three bytes that are put there.
    static func edits(_ bytes: [UInt8]) throws {
        var segment = sound
        try require(segment.count == LogLimits.segmentMinimum, "there is a sound segment")
        for start in stride(from: 0, to: bytes.count - 4, by: 5) {
            let at = (Int(bytes[start]) << 8 | Int(bytes[start + 1])) % (5 * LogLimits.block)
            segment.replaceSubrange(at..<(at + 3), with: bytes[(start + 2)...(start + 4)])
        }
        fit(&segment, 0, 128)
        for block in 1..<5 { fitGroup(&segment, block * LogLimits.block) }
        try self.segment(segment)
    }

    /// What an open gives is what an audit of the same bytes has read, and opening twice changes
    /// nothing (invariant: recovery is idempotent).
    private static func check(_ disk: SimulatedDisk) throws {
        var audited: [Record] = []
        var problems: [LogProblem] = []
        _ = try LogReader(disk: disk, ledgerID: ledger).read { (frame) throws(LogError) in
            audited.append(Record(frame))
        } problem: {
            problems.append($0)
        }
        guard let (log, first) = try? open(disk) else {
            return try require(!problems.isEmpty, "an audit calls sound what is not opened")
        }
        try require(audited.starts(with: first), "an open gives records that an audit did not see")
        _ = consume log
        let (_, second) = try open(disk)
        try require(first == second, "a second open gives other records")
        // An end that looks torn affects no record; whatever does keeps a log from being opened.
        try require(
            !problems.contains(where: \.affectsRecords),
            "damage is passed over: \(problems)"
        )
    }

    private static func open(_ disk: SimulatedDisk) throws -> (FileLog, [Record]) {
        var records: [Record] = []
        let (log, _) = try FileLog.open(
            on: disk,
            ledgerID: ledger,
            configuration: configuration,
            checkpoint: .none
        ) { (frame) throws(LogError) in
            records.append(Record(frame))
        }
        return (log, records)
    }

    // MARK: Checksums

    /// Makes the checksum of a header fit.
    private static func fit(_ bytes: inout [UInt8], _ start: Int, _ count: Int) {
        var crc = CRC32C()
        crc.update(bytes, start..<(start + 4))
        crc.update(bytes, (start + 8)..<(start + count))
        store(crc.value, &bytes, start + 4)
    }

    /// Makes the checksums of a group's frames, and that of its header, fit.
    private static func fitGroup(_ bytes: inout [UInt8], _ start: Int) {
        let length = min(Int(number(bytes, start + 12)), bytes.count - start)
        var frame = start + 112
        while frame + 24 <= start + length - 32 {
            let payload = Int(number(bytes, frame + 4))
            let end = frame + 24 + payload
            guard payload <= length, end <= start + length - 32 else { break }
            var crc = CRC32C()
            crc.update([1, 0], 0..<2)
            crc.update(bytes, (start + 16)..<(start + 40))
            crc.update(UInt64(frame % LogLimits.segmentMinimum))
            crc.update(bytes, (frame + 4)..<end)
            store(crc.value, &bytes, frame)
            frame = end
        }
        if length >= 144 {
            let end = start + length - 32
            bytes.replaceSubrange(end..<(end + 32), with: seal(bytes, start..<end))
        }
        fit(&bytes, start, 112)
    }

    private static func seal(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8] {
        // SAFETY: bytes have no padding that could be read uninitialised.
        Seal(hashing: unsafe bytes.span.bytes.extracting(range)).bytes
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
    }

    private static func store(_ value: UInt32, _ bytes: inout [UInt8], _ at: Int) {
        for index in 0..<4 { bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }
}

extension CRC32C {
    fileprivate mutating func update(_ bytes: [UInt8], _ range: Range<Int>) {
        // SAFETY: bytes have no padding that could be read uninitialised.
        update(unsafe bytes.span.bytes.extracting(range))
    }
}
