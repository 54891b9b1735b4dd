// A sync that fails, as ext4 fails it: the page cache goes on showing what the disk has not.

import SystemPackage
import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Failed writes and syncs")
struct FailedSyncTests {
    private let path = "log/00000000000000000001.seg"

    @Test
    func `after a failed sync every call throws, and nothing is synced a second time`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        appendSample(to: log)
        try log.commit()
        appendSample(to: log)
        disk.failNextSync()
        let failure = DiskError.system(.ioError, .syncData, path: path)
        #expect(throws: LogError.device(failure)) { try log.commit() }
        #expect(log.durablePosition == 1)
        let count = disk.operationCount
        appendSample(to: log)
        #expect(throws: LogError.failed) { try log.commit() }
        #expect(throws: LogError.failed) { try log.retire(through: 1) }
        log.prepareReserve()
        #expect(disk.operationCount == count)
    }

    @Test
    func `I1: recovery does not believe the cache that a failed sync has left`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        let kept = appendSample(to: log)
        try log.commit()
        let before = try disk.contents(path)
        appendSample(to: log)
        disk.failNextSync()
        #expect(throws: LogError.self) { try log.commit() }
        // Only the process ends: the cache survives, and shows a whole valid group.
        let restarted = disk.processCrash()
        #expect(try restarted.contents(path) != before, "the fault must leave phantoms")
        let (again, report, records) = try openLog(on: restarted)
        #expect(records == [kept])
        #expect(report.verdict == .clean)
        let next = appendSample(to: again)
        try again.commit()
        var generator = SeededGenerator(seed: 3)
        let after = restarted.crash(using: &generator, .nothing)
        #expect(try openLog(on: after).records == [kept, next])
    }

    /// The audit reads past the cache as well, so that it does not report phantoms.
    @Test
    func `the audit does not show what a failed sync has lost`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        let kept = appendSample(to: log)
        try log.commit()
        appendSample(to: log)
        disk.failNextSync()
        #expect(throws: LogError.self) { try log.commit() }
        let audit = try auditLog(on: disk.processCrash())
        #expect(audit.records == [kept])
        #expect(audit.problems.isEmpty)
    }

    /// Rotation and retirement have several writes, syncs and renames: each fails once.
    @Test(arguments: [Errno.ioError, Errno.noSpace])
    func `I1: each operation of a rotation and a retirement fails once`(errno: Errno) throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        var history = History()
        for _ in 0..<2 {
            history.append(samplePayload(log.nextPosition, 21_000), to: log)
            try history.commit(log, on: disk)
        }
        let operations = try operationsOfRotation(disk.processCrash(), history)
        #expect(operations > 15)
        for number in 0..<operations {
            let copy = disk.processCrash()
            let (log, _, found) = try openLog(on: copy)
            var history = History(found)
            copy.inject(.error(errno), at: number)
            do throws(LogError) {
                try rotateAndRetire(log, copy, &history)
            } catch {
                if error == .full {
                    try rotateAndRetire(log, copy, &history)
                } else {
                    let count = copy.operationCount
                    #expect(throws: LogError.self) { try log.commit() }
                    #expect(throws: LogError.self) { try log.retire(through: 1) }
                    if case .device = error { #expect(copy.operationCount <= count + 1) }
                }
            }
            let operation = copy.operationCount
            for left in [copy.processCrash(), crash(copy, number)] {
                let place = "operation \(number) failed with \(errno)"
                history.check(try openLog(on: left).records, at: operation, place)
            }
        }
    }

    private func crash(_ disk: SimulatedDisk, _ number: Int) -> SimulatedDisk {
        var generator = SeededGenerator(seed: UInt64(number))
        return disk.crash(using: &generator, .mixed)
    }

    private func operationsOfRotation(
        _ disk: SimulatedDisk,
        _ history: History
    ) throws(LogError) -> Int {
        let (log, _, found) = try openLog(on: disk)
        var history = History(found)
        let start = disk.operationCount
        try rotateAndRetire(log, disk, &history)
        return disk.operationCount - start
    }

    private func rotateAndRetire(
        _ log: FileLog,
        _ disk: SimulatedDisk,
        _ history: inout History
    ) throws(LogError) {
        if log.gatheredBytes == 0 {
            history.append(samplePayload(log.nextPosition, 21_000), to: log)
        }
        try history.commit(log, on: disk)
        try log.retire(through: 3)
    }

    @Test
    func `a full disk lets one rotation through and loses nothing at the next`() throws {
        // Room for the first segment and its spare, and a little more.
        let disk = SimulatedDisk(capacity: 140 << 10)
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        #expect(log.reserveBytes > 100 << 10)
        var history = History()
        for _ in 0..<4 {
            history.append(samplePayload(log.nextPosition, 21_000), to: log)
            try history.commit(log, on: disk)
        }
        #expect(log.reserveBytes < 24 << 10)
        history.append(samplePayload(log.nextPosition, 30_000), to: log)
        #expect(throws: LogError.full) { try history.commit(log, on: disk) }
        #expect(throws: LogError.full) { try history.commit(log, on: disk) }
        #expect(log.durablePosition == 4)
        #expect(log.gatheredBytes > 30_000)
        history.check(try openLog(on: crash(disk, 1)).records, at: disk.operationCount, "full")
        disk.setCapacity(1 << 20)
        try history.commit(log, on: disk)
        #expect(log.durablePosition == 5)
        history.check(try openLog(on: crash(disk, 1)).records, at: disk.operationCount, "room")
    }

    @Test
    func `a disk that loses a write is found out`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        appendSample(to: log)
        try log.commit()
        appendSample(to: log)
        disk.inject(.lost, at: 0)
        try log.commit()
        appendSample(to: log)
        try log.commit()
        #expect(
            throws: LogError.corrupt(
                segment: path,
                offset: 8192,
                position: 2,
                .groupBehind,
                .magic
            )
        ) { try openLog(on: disk) }
    }
}
