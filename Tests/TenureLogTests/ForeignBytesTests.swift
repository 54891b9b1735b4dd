// Bytes that are whole and stand where they do not belong: of an earlier life, of a second copy.

import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Bytes of elsewhere")
struct ForeignBytesTests {
    private static let first = "log/00000000000000000001.seg"
    private static let second = "log/00000000000000000003.seg"

    /// The error with which a log is not opened.
    private func refusal(
        _ disk: SimulatedDisk,
        after checkpoint: LogCheckpoint = .none
    ) -> LogError? {
        do throws(LogError) {
            _ = try openLog(on: disk, after: checkpoint)
            return nil
        } catch {
            return error
        }
    }

    /// A log of two segments, the first with two groups and sealed.
    private func twoSegments() throws -> (disk: SimulatedDisk, log: FileLog) {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        for _ in 1...3 {
            appendSample(to: log, bytes: 21_000)
            try log.commit()
        }
        #expect(try disk.list("log").contains("00000000000000000003.seg"))
        return (disk, log)
    }

    @Test
    func `row 51: damage at the end of a sealed segment is not the end of the log`() throws {
        let (disk, _) = try twoSegments()
        // The last group, and behind its padding the one without frames that seals the segment.
        let group = (28_672..<49_840).filter { $0 % 97 == 0 } + [28_672, 49_839]
        for offset in group + Array(53_248..<53_392) {
            let copy = disk.processCrash()
            try copy.rot(Self.first, at: offset, mask: 0x04)
            guard case .corrupt(Self.first, _, _, let verdict, _) = refusal(copy) else {
                Issue.record("a flip at \(offset) is called \(String(describing: refusal(copy)))")
                continue
            }
            #expect(!verdict.opens)
        }
    }

    /// What a file system may show after a power cut: blocks of a file that was removed.
    @Test
    func `row 53: a group of another segment behind the end is never taken for one`() throws {
        let (disk, log) = try twoSegments()
        let life = Array(try disk.contents(Self.first)[4_096..<(4_096 + 24_576)])
        var bytes = try disk.contents(Self.second)
        let end = try #require(bytes.lastIndex { $0 != 0 }) / 4_096 * 4_096 + 4_096
        bytes.replaceSubrange(end..<(end + life.count), with: life)
        let copy = disk.processCrash()
        try copy.replace(Self.second, with: bytes)
        let (_, report, records) = try openLog(on: copy)
        #expect(records.count == Int(log.durablePosition))
        #expect(report.verdict == .torn && report.cut != nil)
    }

    @Test
    func `row 53: a group of another history behind the end is never taken for one`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        appendSample(to: log)
        try log.commit()
        let fork = disk.clone()
        for _ in 0..<2 {
            appendSample(to: log)
            try log.commit()
        }
        let (other, _, _) = try openLog(on: fork)
        _ = other.append(time: 2_500, payload: samplePayload(77, 100))
        try other.commit()
        // The same place, number and position, behind another group than its own.
        var bytes = try fork.contents(Self.first)
        let end = try #require(bytes.lastIndex { $0 != 0 }) / 4_096 * 4_096 + 4_096
        let life = Array(try disk.contents(Self.first)[end..<(end + 4_096)])
        #expect(life.contains { $0 != 0 })
        bytes.replaceSubrange(end..<(end + 4_096), with: life)
        try fork.replace(Self.first, with: bytes)
        let (_, report, records) = try openLog(on: fork)
        #expect(records.map(\.time) == [1_000, 2_500])
        #expect(report.verdict == .torn && report.cut != nil)
    }

    @Test
    func `row 53: what is in a spare segment is never part of the log`() throws {
        let (disk, log) = try twoSegments()
        let spare = "log/spare.tmp"
        try disk.replace(spare, with: disk.contents(Self.first))
        let copy = disk.processCrash()
        let (again, _, records) = try openLog(on: copy)
        #expect(records.count == Int(log.durablePosition))
        for _ in 0..<4 {
            appendSample(to: again, bytes: 21_000)
            try again.commit()
        }
        #expect(try openLog(on: copy.processCrash()).records.count == records.count + 4)
    }

    /// The first segment in the archive, and a second copy of it where it came from.
    @Test(arguments: [nil, 4_200, 53_300])
    func `row 54: of two copies of a segment one goes when they are the same, else none`(
        flipped: Int?
    ) throws {
        let (disk, log) = try twoSegments()
        let whole = try disk.contents(Self.first)
        let checkpoint = LogCheckpoint(position: log.durablePosition, seal: log.seal)
        try log.retire(through: 3)
        #expect(try disk.list("archive").count == 1)
        let copy = disk.processCrash()
        try copy.replace(Self.first, with: whole)
        if let flipped { try copy.rot(Self.first, at: flipped, mask: 0x40) }
        let error = refusal(copy, after: checkpoint)
        if flipped == nil {
            #expect(error == nil)
            #expect(try !copy.list("log").contains("00000000000000000001.seg"))
        } else {
            #expect(error != nil)
            #expect(try copy.list("log").contains("00000000000000000001.seg"))
        }
        #expect(try copy.list("archive").count == 1)
    }
}
