// The whole engine over a disk that forgets: random work, crashes anywhere, recovery, work again.
//
// A seed gives the work, the place of the crash and what the disk keeps of it. After each crash the
// ledger is opened, sometimes crashing again on the way, and the reference must agree with all that
// it shows; at the end the state must follow from the log. A failing seed prints how to repeat it.

import Glibc
import SystemPackage
import Tenure
import TenureLog
import TenureModel
import TenureStorage
import TenureTesting
import Testing

@Suite("Engine simulation", .computing)
struct EngineSimulation {
    /// The seeds of a run: those of every build, the first `TENURE_SEEDS` for a long one, or
    /// `TENURE_SEED` alone to look at one.
    static let seeds: [UInt64] = {
        if let seed = number("TENURE_SEED") { return [seed] }
        return Array(1...max(1, number("TENURE_SEEDS") ?? 300))
    }()

    private static func number(_ variable: String) -> UInt64? {
        // SAFETY: the value is copied before anything can change the environment.
        unsafe getenv(variable).flatMap { unsafe UInt64(String(cString: $0)) }
    }

    static func makeWorld(quarantining: Set<String>) throws -> EngineWorld {
        var world = try EngineWorld(quarantining: quarantining)
        try world.open()
        let setup = EngineWorkload.setup(quarantining: quarantining)
        _ = try world.core?.process(setup.map { ($0, .embedder) })
        return world
    }

    @Test(arguments: seeds)
    func `I1 to I7: several lives of a ledger with crashes anywhere`(seed: UInt64) throws {
        try live(seed)
    }

    @Test
    func `the lives meet what changes and bounds leases`() throws {
        var met: [String: Int] = [:]
        for seed in 1...20 as ClosedRange<UInt64> { met.merge(try live(seed), uniquingKeysWith: +) }
        for verdict in ["grown", "handed over", "quota binds", "leases bind", "out of service"] {
            #expect(met[verdict, default: 0] >= 5, "\(verdict): \(met)")
        }
    }

    /// Lives through a seed; how often each sort of verdict was reached.
    @discardableResult
    private func live(_ seed: UInt64) throws -> [String: Int] {
        let replay = "TENURE_SEED=\(seed) swift test --filter EngineSimulation"
        var work = EngineWorkload(seed: seed)
        let quarantining: Set<String> = seed % 3 == 0 ? ["main", "slow"] : []
        var world = try Self.makeWorld(quarantining: quarantining)
        world.checkpointRows = [6, 24, 200][Int(seed % 3)]
        for life in 0..<4 {
            spoil(world, &work.generator)
            for step in 0..<Int.random(in: 4...24, using: &work.generator) {
                passTime(world, &work.generator)
                let (faults, _) = world.ask(work.batch(for: world.book))
                #expect(faults == [], "life \(life), step \(step): \(replay)")
                if work.generator.chance(30) { world.core?.tick() }
                if world.core?.failure != nil { break }
            }
            let faults = try rebirth(&world, &work.generator)
            #expect(faults == [], "after life \(life): \(replay)")
            if !faults.isEmpty { return world.book.met }
        }
        #expect(try world.replayFaults() == [], "\(replay)")
        return world.book.met
    }

    /// Most lives end by a power cut at some operation, some by a sync that fails, some in peace.
    private func spoil(_ world: EngineWorld, _ generator: inout SeededGenerator) {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6: world.disk.stop(after: Int.random(in: 0..<90, using: &generator))
        case 6..<8: world.disk.failNextSync()
        case 8:
            let number = Int.random(in: 0..<60, using: &generator)
            world.disk.inject(.error(.ioError), at: number)
        default: break
        }
    }

    private func passTime(_ world: EngineWorld, _ generator: inout SeededGenerator) {
        let steps: [UInt64] = [0, 0, 1, 60, 399, 400, 1_000, 2_500, 15_000]
        let step = steps[Int.random(in: 0..<steps.count, using: &generator)]
        world.clock.advance(byNanoseconds: step * 1_000_000)
    }

    /// Ends the process one way or another and opens the ledger again.
    private func rebirth(
        _ world: inout EngineWorld,
        _ generator: inout SeededGenerator
    ) throws -> [String] {
        let isPowerCut = generator.chance(70)
        if isPowerCut, generator.chance(30) { world.clock.reboot(bootID: "\(generator.next())") }
        let downtime = UInt64.random(in: 0...20_000, using: &generator)
        world.clock.advance(byNanoseconds: downtime * 1_000_000)
        world.die(leaving: left(of: world.disk, isPowerCut, &generator))
        for _ in 0..<Int.random(in: 0...2, using: &generator) {
            // Recovery is itself cut short.
            world.disk.stop(after: Int.random(in: 0..<12, using: &generator))
            do throws(LedgerOpenError) {
                try world.open()
                world.book.reopened(at: world.now)
            } catch {
                guard world.disk.hasStopped else { throw error }
            }
            world.die(leaving: left(of: world.disk, generator.chance(70), &generator))
            world.clock.advance(byNanoseconds: 1_000_000_000)
        }
        return try world.reopen()
    }

    private func left(
        of disk: SimulatedDisk,
        _ isPowerCut: Bool,
        _ generator: inout SeededGenerator
    ) -> SimulatedDisk {
        guard isPowerCut else { return disk.processCrash() }
        let keep = Int.random(in: 0...100, using: &generator)
        let policy = CrashPolicy(
            keep: keep,
            garbage: Int.random(in: 0...(100 - keep), using: &generator),
            keepNames: Int.random(in: 0...100, using: &generator)
        )
        return disk.crash(using: &generator, policy)
    }
}
