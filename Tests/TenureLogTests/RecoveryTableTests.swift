// The decision about the end of the log, over all facts and over real bytes.

import SystemPackage
import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Recovery table")
struct RecoveryTableTests {
    /// The rule in other words than the table's: what must hold of every decision.
    @Test
    func `the table decides all 64 combinations, and safely`() {
        var seen: [TailVerdict: Int] = [:]
        for bits in 0..<64 {
            var facts = TailFacts()
            facts.isUnreadable = bits & 1 != 0
            facts.isZeroToEnd = bits & 2 != 0
            facts.hasGroupBehind = bits & 4 != 0
            facts.isAcknowledged = bits & 8 != 0
            facts.isLastSegment = bits & 16 != 0
            facts.isSealed = bits & 32 != 0
            let verdict = TailVerdict(facts)
            seen[verdict, default: 0] += 1
            if facts.isUnreadable {
                #expect(verdict == .unreadable)
                continue
            }
            #expect(verdict != .unreadable)
            if verdict == .torn {
                // Only what nobody can have been told of is ever cut.
                #expect(!facts.isZeroToEnd && !facts.hasGroupBehind && !facts.isAcknowledged)
                #expect(facts.isLastSegment && !facts.isSealed)
            }
            if !facts.isZeroToEnd && (facts.hasGroupBehind || facts.isAcknowledged) {
                #expect(!verdict.opens)
            }
            if facts.isZeroToEnd && facts.isLastSegment { #expect(verdict == .clean) }
            if !facts.isLastSegment && !facts.isSealed { #expect(!verdict.opens) }
            if verdict == .clean { #expect(facts.isZeroToEnd) }
        }
        #expect(seen[.unreadable] == 32)
        #expect(seen[.clean] == 12)
        #expect(seen[.torn] == 1)
        #expect(seen.values.reduce(0, +) == 64)
        #expect(seen.count == TailVerdict.allCases.count)
    }

    /// Three groups of two frames; the offset and length of the last two.
    private func threeGroups() throws -> (disk: SimulatedDisk, log: FileLog, records: [Record]) {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        var records: [Record] = []
        for _ in 0..<3 {
            for _ in 0..<2 { records.append(appendSample(to: log, bytes: 20)) }
            try log.commit()
        }
        return (disk, log, records)
    }

    private let path = "log/00000000000000000001.seg"
    private let groupBytes = 112 + 2 * 44 + 32

    @Test
    func `T6: a last group cut at any byte costs that group only, and its bytes are kept`() throws {
        let (disk, _, records) = try threeGroups()
        let whole = try disk.contents(path)
        let start = 3 * 4096
        for cut in 0..<groupBytes {
            let copy = disk.clone()
            var bytes = whole
            for index in (start + cut)..<(start + groupBytes) { bytes[index] = 0 }
            try copy.replace(path, with: bytes)
            let (log, report, found) = try openLog(on: copy)
            #expect(found == Array(records.prefix(4)))
            #expect(report.verdict == (cut == 0 ? .clean : .torn))
            guard cut > 0 else { continue }
            let kept = try #require(report.cut)
            #expect(kept.offset == UInt64(start))
            #expect(kept.positions == (cut >= 112 ? 5...6 : nil))
            #expect(try copy.contents("log/\(kept.keptAs)") == Array(bytes[start..<(start + 4096)]))
            #expect(try copy.contents(path)[start...].allSatisfy { $0 == 0 })
            var generator = SeededGenerator(seed: UInt64(cut))
            let stored = copy.crash(using: &generator, .nothing)
            #expect(
                try stored.contents(path)[start...].allSatisfy { $0 == 0 },
                "what was cut must be gone for good before the next group"
            )
            #expect(try stored.contents("log/\(kept.keptAs)").count == 4096)
            appendSample(to: log)
            try log.commit()
            #expect(try openLog(on: copy.processCrash()).records.count == 5)
        }
    }

    @Test
    func `T2: a damaged group with a later one behind it is never skipped`() throws {
        let (disk, _, _) = try threeGroups()
        for offset in 0..<groupBytes {
            let copy = disk.processCrash()
            try copy.rot(path, at: 2 * 4096 + offset, mask: 0x10)
            do throws(LogError) {
                _ = try openLog(on: copy)
                Issue.record("a flip at \(offset) was not seen")
            } catch {
                guard case .corrupt(path, 8192, 3, .groupBehind, _) = error else {
                    Issue.record("a flip at \(offset) is called \(error)")
                    continue
                }
            }
            let kinds = Set(copy.operations.map { $0.kind })
            #expect(kinds == [.syncData, .syncDirectory], "a damaged log is not written to")
        }
    }

    @Test
    func `T3: damage at or below the checkpoint is not a torn tail`() throws {
        let (disk, log, _) = try threeGroups()
        let checkpoint = LogCheckpoint(position: log.durablePosition, seal: log.seal)
        for offset in 0..<groupBytes {
            let copy = disk.clone()
            try copy.rot(path, at: 3 * 4096 + offset, mask: 0x01)
            do throws(LogError) {
                _ = try openLog(on: copy, after: checkpoint)
                Issue.record("a flip at \(offset) was not seen")
            } catch {
                guard case .corrupt(path, 12288, 5, .acknowledged, _) = error else {
                    Issue.record("a flip at \(offset) is called \(error)")
                    continue
                }
            }
        }
        var bytes = try disk.contents(path)
        for index in (3 * 4096)..<(4 * 4096) { bytes[index] = 0 }
        try disk.replace(path, with: bytes)
        #expect(throws: LogError.endsBelowCheckpoint(last: 4, checkpoint: 6)) {
            try openLog(on: disk, after: checkpoint)
        }
    }

    @Test
    func `T5: a sector that can not be read is never the end of the log`() throws {
        let (disk, _, _) = try threeGroups()
        for offset in [0, 4096, 3 * 4096, 4 * 4096, 15 * 4096] {
            let copy = disk.clone()
            try copy.makeUnreadable(path, at: offset)
            do throws(LogError) {
                _ = try openLog(on: copy)
                Issue.record("a read error at \(offset) was not seen")
            } catch {
                guard case .device(.system(.ioError, .read, path: path)) = error else {
                    Issue.record("a read error is called \(error)")
                    continue
                }
            }
        }
    }

    @Test
    func `a state from another history is refused before anything is cut`() throws {
        let (disk, log, _) = try threeGroups()
        var other = log.seal.bytes
        other[0] ^= 1
        let seal = try #require(Seal(bytes: other))
        #expect(throws: LogError.stateFromAnotherHistory(position: 6)) {
            try openLog(on: disk, after: LogCheckpoint(position: 6, seal: seal))
        }
        #expect(throws: LogError.stateFromAnotherHistory(position: 5)) {
            try openLog(on: disk, after: LogCheckpoint(position: 5, seal: log.seal))
        }
        #expect(throws: LogError.endsBelowCheckpoint(last: 6, checkpoint: 7)) {
            try openLog(on: disk, after: LogCheckpoint(position: 7, seal: log.seal))
        }
    }

    @Test
    func `a state stored after an idle group fits, and so does one from before it`() throws {
        let (disk, log, _) = try threeGroups()
        let before = log.seal
        try log.commit()
        #expect(log.seal != before)
        let size = disk.operationCount
        try log.commit()
        #expect(disk.operationCount == size, "a second idle group would say nothing new")
        for seal in [before, log.seal] {
            let checkpoint = LogCheckpoint(position: 6, seal: seal)
            #expect(try openLog(on: disk.clone(), after: checkpoint).records.isEmpty)
        }
    }
}
