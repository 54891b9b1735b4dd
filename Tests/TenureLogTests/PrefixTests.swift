// Crashes after every operation of small workloads, and during the recovery from them.
//
// A workload runs once with pictures of the disk before each operation. From each picture the
// power fails in several ways; the log is opened, must hold what I1 promises, goes on, and is
// opened again. For some ways recovery is itself cut after each of its own operations.

import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Every prefix of the disk's operations", .computing)
struct PrefixTests {
    /// A way for the power to fail, with the number that chooses what survives.
    struct Crash: CustomStringConvertible, Sendable {
        var policy: CrashPolicy
        var seed: UInt64
        /// Whether recovery is cut after each of its operations, too.
        var isDeep: Bool
        /// Whether only the process is killed: the cache survives, and the power fails later,
        /// when something has been acknowledged on top of what was never synced.
        var isKill = false

        var description: String { isKill ? "kill" : "\(policy) seed \(seed)" }
    }

    static let crashes: [Crash] =
        [
            Crash(policy: .everything, seed: 1, isDeep: false, isKill: true),
            Crash(policy: .nothing, seed: 1, isDeep: true),
            Crash(policy: .everything, seed: 1, isDeep: true),
            Crash(policy: .dataOnly, seed: 1, isDeep: false),
            Crash(policy: .namesOnly, seed: 1, isDeep: false),
            Crash(policy: .torn, seed: 2, isDeep: true),
        ] + (3..<9).map { Crash(policy: $0 % 2 == 0 ? .torn : .mixed, seed: $0, isDeep: false) }

    /// Creation, three groups, an idle one.
    @Test(arguments: crashes)
    func `I1: creating a log and appending to it`(crash: Crash) throws {
        let disk = SimulatedDisk()
        disk.keepPictures()
        try createLog(on: disk)
        let created = disk.operationCount
        let (log, _, _) = try openLog(on: disk)
        var history = History()
        for index in 0..<3 {
            for _ in 0...index { history.append(samplePayload(log.nextPosition, 700), to: log) }
            try history.commit(log, on: disk)
        }
        try log.commit()
        try explore(disk, from: 0, usable: created, history, crash)
    }

    /// Groups large enough that every second one needs a new segment.
    @Test(arguments: crashes)
    func `I1: rotating`(crash: Crash) throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        let start = disk.operationCount
        disk.keepPictures()
        var history = History()
        for index in 0..<5 {
            history.append(samplePayload(log.nextPosition, index == 2 ? 40_000 : 21_000), to: log)
            try history.commit(log, on: disk)
            if index == 1 { try log.commit() }
        }
        #expect(try disk.list("log").filter { $0.hasSuffix(".seg") }.count == 3)
        try explore(disk, from: start, usable: 0, history, crash)
    }

    /// Two segments go to the archive, with appends in between.
    @Test(arguments: crashes)
    func `I1: retiring`(crash: Crash) throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        var history = History()
        for _ in 0..<6 {
            history.append(samplePayload(log.nextPosition, 21_000), to: log)
            try history.commit(log, on: disk)
        }
        let start = disk.operationCount
        disk.keepPictures()
        try log.retire(through: 3)
        history.append(samplePayload(log.nextPosition, 200), to: log)
        try history.commit(log, on: disk)
        try log.retire(through: log.durablePosition)
        #expect(try disk.list("archive").count == 2)
        try explore(disk, from: start, usable: 0, history, crash)
    }

    /// Segments of three pieces, so that a spare and a retired copy appear piece by piece.
    private static let piecewise = LogConfiguration(
        segmentBytes: 2 * LogLimits.piece + LogLimits.segmentMinimum,
        spare: .synchronous
    )

    /// One rotation and one retirement, with a crash before, in and after every piece.
    @Test(arguments: crashes.prefix(7).filter { !$0.isDeep || $0.policy == .torn })
    func `I1: rotating and retiring in pieces`(crash: Crash) throws {
        let disk = SimulatedDisk()
        try createLog(on: disk, Self.piecewise)
        let (log, _, _) = try openLog(on: disk, Self.piecewise)
        var history = History()
        let start = disk.operationCount
        disk.keepPictures()
        for bytes in [350_000, 200_000, 100_000] {
            history.append(samplePayload(log.nextPosition, bytes), to: log)
            try history.commit(log, on: disk)
        }
        try log.retire(through: log.durablePosition)
        history.append(samplePayload(log.nextPosition, 200), to: log)
        try history.commit(log, on: disk)
        #expect(try disk.list("archive").count == 1)
        // Three pieces of the first spare, and three of the copy, with a sync behind each.
        let pieces = disk.pictures().count
        #expect(pieces > 20, "\(pieces) operations")
        try explore(disk, from: start, usable: 0, history, crash, Self.piecewise)
    }

    /// The recovery from a torn tail, which keeps, cuts and zeroes.
    @Test(arguments: crashes)
    func `I1: recovering from a torn tail`(crash: Crash) throws {
        let first = SimulatedDisk()
        try createLog(on: first)
        let (log, _, _) = try openLog(on: first)
        var history = History()
        for _ in 0..<2 {
            history.append(samplePayload(log.nextPosition, 300), to: log)
            try history.commit(log, on: first)
        }
        history.append(samplePayload(log.nextPosition, 9_000), to: log)
        first.stop(after: 1)
        #expect(throws: LogError.device(.stopped)) { try history.commit(log, on: first) }
        var generator = SeededGenerator(seed: 99)
        let torn = first.crash(using: &generator, CrashPolicy(keep: 50, garbage: 20, keepNames: 0))
        torn.keepPictures()
        let (again, report, found) = try openLog(on: torn)
        #expect(report.verdict == .torn)
        #expect(found.count == 2)
        var after = History(found)
        after.append(samplePayload(again.nextPosition, 5_000), to: again)
        try after.commit(again, on: torn)
        try explore(torn, from: 0, usable: 0, after, crash)
    }

    /// Crashes before each operation from `start` on, and checks what each leaves.
    private func explore(
        _ disk: SimulatedDisk,
        from start: Int,
        usable: Int,
        _ history: History,
        _ crash: Crash,
        _ configuration: LogConfiguration = sampleConfiguration
    ) throws {
        for (index, picture) in disk.pictures().enumerated() {
            let operation = start + index
            let place = "after \(operation) operations, \(crash)"
            var generator = SeededGenerator(seed: crash.seed &* 1_000 &+ UInt64(operation))
            let left =
                crash.isKill
                ? picture.processCrash() : picture.crash(using: &generator, crash.policy)
            if operation < usable {
                // Nobody was told of this log; whatever is found, nothing traps.
                _ = try? openLog(on: left, configuration)
                continue
            }
            if crash.isDeep { left.keepPictures() }
            let (log, report, found) = try openLog(on: left, configuration)
            history.check(found, at: operation, place)
            let lines = try auditLog(on: left)
            // Garbage in the padding of the last group is legal after a crash, and noted.
            #expect(!lines.problems.contains { $0.affectsRecords }, "\(place)")
            #expect(lines.records == found, "\(place)")
            if crash.isDeep {
                try exploreRecovery(left, found, report, &generator, place, configuration)
            }
            try goOn(log, on: left, found, place, configuration)
        }
    }

    /// Cuts a recovery after each of its operations: the next one ends in the same state.
    private func exploreRecovery(
        _ disk: SimulatedDisk,
        _ found: [Record],
        _ report: LogRecoveryReport,
        _ generator: inout SeededGenerator,
        _ place: String,
        _ configuration: LogConfiguration
    ) throws {
        for (index, picture) in disk.pictures().enumerated() {
            let left = picture.crash(using: &generator, .mixed)
            let (log, second, again) = try openLog(on: left, configuration)
            let comment = "\(place), then \(index) operations of recovery"
            #expect(again == found, "recovery is not idempotent: \(comment)")
            #expect(second.lastPosition == report.lastPosition, "\(comment)")
            try goOn(log, on: left, found, comment, configuration)
        }
    }

    /// Appends to a recovered log and loses power: the new record is there, the old ones too.
    private func goOn(
        _ log: FileLog,
        on disk: SimulatedDisk,
        _ found: [Record],
        _ place: String,
        _ configuration: LogConfiguration
    ) throws {
        let record = appendSample(to: log, bytes: 50)
        try log.commit()
        var generator = SeededGenerator(seed: 5)
        let early = disk.crash(using: &generator, .nothing)
        #expect(
            try openLog(on: early, configuration).records == found + [record],
            "\(place), going on"
        )
        // Segments that a crash left in both directories must not be in the way.
        try log.retire(through: record.position)
        let names = Set(try disk.list("archive"))
        #expect(names.isDisjoint(with: try disk.list("log")), "\(place)")
        let after = disk.crash(using: &generator, .nothing)
        let (_, report, records) = try openLog(on: after, configuration)
        #expect(records == found + [record], "\(place), going on")
        #expect(report.verdict == .clean, "\(place), going on")
    }
}
