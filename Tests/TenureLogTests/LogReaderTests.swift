// The audit names every changed byte of a log, and nothing else.

import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Log reader")
struct LogReaderTests {
    private let archived = "archive/00000000000000000001.seg"
    private let last = "log/00000000000000000004.seg"

    /// One archived segment with three frames and one being written with two groups.
    private func smallLog() throws -> (disk: SimulatedDisk, records: [Record]) {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        var records: [Record] = []
        for bytes in [30, 40, 55_000 - 4096 * 4] {
            records.append(appendSample(to: log, bytes: bytes))
            if bytes == 40 { try log.commit() }
        }
        try log.commit()
        records.append(appendSample(to: log, bytes: 25_000))
        try log.commit()
        records.append(appendSample(to: log, bytes: 20))
        try log.commit()
        try log.retire(through: 4)
        #expect(try disk.list("archive") == ["00000000000000000001.seg"])
        #expect(try disk.list("log").first == "00000000000000000004.seg")
        return (disk, records)
    }

    @Test
    func `I10: a changed byte of an archived segment is reported wherever it is`() throws {
        let (disk, records) = try smallLog()
        let size = try disk.contents(archived).count
        // Every byte of the headers and small frames, and every 97th of the large payload.
        let offsets =
            Array(0..<600) + Array(stride(from: 600, to: size - 400, by: 97))
            + Array((size - 400)..<size)
        for offset in offsets {
            let copy = disk.processCrash()
            try copy.rot(archived, at: offset, mask: 1 << UInt8(offset % 8))
            let audit = try auditLog(on: copy)
            #expect(!audit.problems.isEmpty, "a flip at \(offset) was not found")
            #expect(audit.problems.allSatisfy { $0.segment == archived }, "\(offset)")
            #expect(audit.problems.allSatisfy { $0.affectsRecords }, "\(offset)")
            #expect(audit.problems.allSatisfy { $0.offset <= UInt64(offset) }, "\(offset)")
            #expect(audit.records.allSatisfy { records.contains($0) }, "\(offset)")
            #expect(audit.records.suffix(2) == records.suffix(2), "\(offset)")
            #expect(copy.operationCount == 0, "an audit writes nothing")
        }
    }

    @Test
    func `I10: a changed byte of the segment being written is reported, padding as padding`() throws
    {
        let (disk, records) = try smallLog()
        let bytes = try disk.contents(last)
        let second = GroupOffsets(large: 25_000)
        var offsets = Array(0..<140) + Array(4096..<4300) + Array(second.start..<second.end)
        offsets += stride(from: 140, to: bytes.count, by: 211)
        for offset in offsets {
            let copy = disk.processCrash()
            try copy.rot(last, at: offset, mask: 0x80)
            let audit = try auditLog(on: copy)
            let isPadding = second.isPadding(offset)
            #expect(audit.problems.count == 1, "a flip at \(offset): \(audit.problems)")
            #expect(audit.problems.first?.segment == last, "\(offset)")
            if isPadding {
                #expect(audit.problems.first?.affectsRecords == false, "\(offset)")
                #expect(audit.records == records, "\(offset)")
            } else if offset < second.start {
                #expect(audit.problems.first?.affectsRecords == true, "\(offset)")
                #expect(audit.problems.first?.verdict != .torn, "\(offset)")
            }
        }
    }

    /// Where things are in a segment with a group of one large frame and one of 20 bytes.
    private struct GroupOffsets {
        let firstEnd: Int
        let start: Int
        let end: Int

        init(large: Int) {
            firstEnd = 4096 + 112 + 24 + large + 32
            start = (firstEnd + 4095) / 4096 * 4096
            end = start + 112 + 24 + 20 + 32
        }

        func isPadding(_ offset: Int) -> Bool {
            (128..<4096).contains(offset) || (firstEnd..<start).contains(offset) || offset >= end
        }
    }

    @Test
    func `an audit starts at any position and goes on behind damage`() throws {
        let (disk, records) = try smallLog()
        for first in 1...6 {
            let audit = try auditLog(on: disk, from: UInt64(first))
            #expect(audit.records == Array(records.dropFirst(first - 1)))
            #expect(audit.summary.lastPosition == 5)
        }
        #expect(try auditLog(on: disk, from: 4).summary.segments == 1)
        try disk.remove(archived)
        let audit = try auditLog(on: disk)
        #expect(audit.records == Array(records.dropFirst(3)))
        try disk.replace(last, with: Array(try disk.contents(last).dropLast(4096)))
        #expect(try auditLog(on: disk).problems.map { $0.fault } == [.size])
    }

    @Test
    func `a segment that is missing in the middle is reported and refused`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        for _ in 0..<6 {
            appendSample(to: log, bytes: 21_000)
            try log.commit()
        }
        try disk.remove("log/00000000000000000003.seg")
        #expect(try auditLog(on: disk).problems.map { $0.fault } == [.missingSegment])
        #expect(throws: LogError.missing(position: 3)) { try openLog(on: disk) }
    }

    @Test
    func `a sector that can not be read is a problem, not the end`() throws {
        let (disk, records) = try smallLog()
        try disk.makeUnreadable(archived, at: 0)
        let audit = try auditLog(on: disk)
        #expect(audit.problems.first?.verdict == .unreadable)
        #expect(audit.records == Array(records.dropFirst(3)))
    }
}
