// The simulation, in the size of a test run: `tenure simulate` runs more of it.

import Glibc
import TenureSimulation
import TenureTesting
import Testing

@Suite("Engine simulation", .computing)
struct EngineSimulation {
    /// The seeds of a run: those of every build, the first `TENURE_SEEDS` for a long one, or
    /// `TENURE_SEED` alone to look at one.
    private static let seeds: [UInt64] = {
        if let seed = number("TENURE_SEED") { return [seed] }
        return Array(1...max(1, number("TENURE_SEEDS") ?? 300))
    }()

    private static func number(_ variable: String) -> UInt64? {
        // SAFETY: the value is copied before anything can change the environment.
        unsafe getenv(variable).flatMap { unsafe UInt64(String(cString: $0)) }
    }

    private static func tally(of seed: UInt64, operations: Int) throws -> SimulationTally {
        var simulation = try Simulation(seed: seed)
        try simulation.run(operations: operations)
        return simulation.tally
    }

    @Test(arguments: seeds)
    func `I1 to I7: several lives of a ledger with crashes anywhere`(seed: UInt64) throws {
        let tally = try Self.tally(of: seed, operations: 100)
        #expect(tally.commands >= 100 && tally.recoveries == tally.lives)
    }

    @Test
    func `the lives meet everything that they are there for`() throws {
        var all = SimulationTally()
        for seed in 1...60 as ClosedRange<UInt64> {
            all.add(try Self.tally(of: seed, operations: 200))
        }
        #expect(all.missing == [])
        #expect(all.virtualMilliseconds > 1_000_000)
    }

    @Test
    func `a seed is the same run again, and another seed is another`() throws {
        let first = try Self.tally(of: 7, operations: 60)
        #expect(try Self.tally(of: 7, operations: 60) == first)
        #expect(try Self.tally(of: 8, operations: 60).fingerprint != first.fingerprint)
    }
}
