// Appending, committing, rotating, retiring and opening again, without faults.

import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("File log")
struct FileLogTests {
    @Test
    func `I1: what was committed is there after a crash that keeps only what was synced`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, none) = try openLog(on: disk)
        #expect(none.isEmpty)
        var expected: [Record] = []
        for _ in 0..<3 {
            for _ in 0..<5 { expected.append(appendSample(to: log)) }
            try log.commit()
        }
        #expect(log.durablePosition == 15)
        #expect(log.nextPosition == 16)
        appendSample(to: log)
        var generator = SeededGenerator(seed: 1)
        let after = disk.crash(using: &generator, .nothing)
        let (reopened, report, records) = try openLog(on: after)
        #expect(records == expected)
        #expect(report.verdict == .clean)
        #expect(report.lastPosition == 15)
        #expect(reopened.seal == log.seal)
        #expect(reopened.nextPosition == 16)
    }

    @Test
    func `a log goes on over many segments and is read back from any checkpoint`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        var expected: [Record] = []
        var checkpoints = [LogCheckpoint.none]
        for index in 0..<60 {
            for _ in 0...(index % 4) { expected.append(appendSample(to: log, bytes: 900)) }
            try log.commit()
            if index % 7 == 0 { try log.commit() }
            checkpoints.append(LogCheckpoint(position: log.durablePosition, seal: log.seal))
        }
        #expect(try disk.list("log").filter { $0.hasSuffix(".seg") }.count > 3)
        for checkpoint in checkpoints {
            let (_, report, records) = try openLog(on: disk.processCrash(), after: checkpoint)
            #expect(records == Array(expected.dropFirst(Int(checkpoint.position))))
            #expect(report.verdict == .clean)
        }
        let audit = try auditLog(on: disk)
        #expect(audit.records == expected)
        #expect(audit.problems.isEmpty)
        #expect(audit.summary.seal == log.seal)
    }

    @Test
    func `retired segments keep every frame and every seal, and a start does not need them`() throws
    {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        var expected: [Record] = []
        for _ in 0..<60 {
            expected.append(appendSample(to: log, bytes: 900))
            try log.commit()
        }
        let middle = LogCheckpoint(position: log.durablePosition, seal: log.seal)
        for _ in 0..<10 {
            expected.append(appendSample(to: log, bytes: 900))
            try log.commit()
        }
        let before = try disk.list("log").count
        try log.retire(through: middle.position)
        #expect(try disk.list("log").count < before)
        #expect(try disk.list("archive").count >= 3)
        let audit = try auditLog(on: disk)
        #expect(audit.records == expected)
        #expect(audit.problems.isEmpty)
        let (_, _, tail) = try openLog(on: disk.processCrash(), after: middle)
        #expect(tail == Array(expected.dropFirst(Int(middle.position))))
        // A state rebuilt from nothing finds the whole history.
        let (_, _, all) = try openLog(on: disk.processCrash())
        #expect(all == expected)
        for name in try disk.list("archive") { try disk.remove("archive/\(name)") }
        let (_, _, again) = try openLog(on: disk.processCrash(), after: middle)
        #expect(again == tail)
        #expect(throws: LogError.missing(position: 1)) { try openLog(on: disk.processCrash()) }
    }
}
