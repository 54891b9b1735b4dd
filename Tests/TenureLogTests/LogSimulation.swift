// Random workloads, faults and crashes over several lives of one log, repeatable by seed.

import Glibc
import SystemPackage
import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Log simulation", .computing)
struct LogSimulation {
    /// The seeds of a run: those of every build, the first `TENURE_SEEDS` for a long one, or
    /// `TENURE_SEED` alone to look at one.
    static let seeds: [UInt64] = {
        if let seed = number("TENURE_SEED") { return [seed] }
        return Array(1...max(1, number("TENURE_SEEDS") ?? 400))
    }()

    private static func number(_ variable: String) -> UInt64? {
        // SAFETY: the value is copied before anything can change the environment.
        unsafe getenv(variable).flatMap { unsafe UInt64(String(cString: $0)) }
    }

    @Test(arguments: seeds)
    func `I1: several lives of a log with faults and power cuts`(seed: UInt64) throws {
        let replay = "TENURE_SEED=\(seed) swift test --filter LogSimulation"
        var generator = SeededGenerator(seed: seed)
        var disk = SimulatedDisk()
        try createLog(on: disk)
        var records: [Record] = []
        var checkpoint = LogCheckpoint.none
        for life in 0..<5 {
            let place = "life \(life): \(replay)"
            let (log, report, found) = try openLog(on: disk, after: checkpoint)
            #expect(report.verdict.opens, "\(place)")
            let known = records.prefix(Int(checkpoint.position))
            var history = History(known + found)
            let start = disk.operationCount
            spoil(disk, &generator)
            do throws(LogError) {
                try work(log, on: disk, &history, &checkpoint, &generator)
            } catch {
                #expect(error != .full, "\(place)")
            }
            #expect(disk.operationCount >= start)
            let operation = disk.operationCount
            let left =
                generator.chance(30)
                ? disk.processCrash() : disk.crash(using: &generator, policy(&generator))
            let (_, _, all) = try openLog(on: left.clone())
            history.check(all, at: operation, place)
            let audit = try auditLog(on: left)
            // What recovery would cut may still lie there; nothing else may be wrong.
            #expect(!audit.problems.contains { $0.affectsRecords }, "\(place)")
            #expect(audit.records == all, "\(place)")
            records = all
            disk = left
        }
    }

    private func policy(_ generator: inout SeededGenerator) -> CrashPolicy {
        let keep = Int.random(in: 0...100, using: &generator)
        let garbage = Int.random(in: 0...(100 - keep), using: &generator)
        return CrashPolicy(
            keep: keep,
            garbage: garbage,
            keepNames: Int.random(in: 0...100, using: &generator)
        )
    }

    /// Most lives end by a power cut at some operation, some by a fault.
    private func spoil(_ disk: SimulatedDisk, _ generator: inout SeededGenerator) {
        let number = Int.random(in: 0..<60, using: &generator)
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6: disk.stop(after: number)
        case 6: disk.inject(.error(.ioError), at: number)
        case 7: disk.failNextSync()
        default: break
        }
    }

    private func work(
        _ log: FileLog,
        on disk: SimulatedDisk,
        _ history: inout History,
        _ checkpoint: inout LogCheckpoint,
        _ generator: inout SeededGenerator
    ) throws(LogError) {
        for _ in 0..<Int.random(in: 1...12, using: &generator) {
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                let count = generator.chance(20) ? 12_000 : 200
                let bytes = Int.random(in: 0...count, using: &generator)
                guard log.hasRoom(forPayload: bytes) else { break }
                history.append(generator.bytes(bytes), to: log)
            }
            try history.commit(log, on: disk)
            guard generator.chance(15),
                let stored = history.checkpoints.randomElement(
                    using: &generator
                ), stored.position > checkpoint.position
            else { continue }
            let previous = checkpoint.position
            checkpoint = stored
            try log.retire(through: previous)
        }
    }
}
