// Runs of the simulation: a failure ends with the command that repeats it.

import Foundation
import TenureModel
import TenureTesting
import Testing

@Suite("LedgerSimulation", .computing)
struct LedgerSimulationTests {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap(UInt64.init)
    }

    /// The seeds of a run: those of every build, the first `TENURE_SEEDS` for a long one, or
    /// `TENURE_SEED` alone to look at one.
    static let seeds: [UInt64] = {
        if let seed = number("TENURE_SEED") { return [seed] }
        return Array(1...max(1, number("TENURE_SEEDS") ?? 300))
    }()

    @Test(arguments: seeds)
    func `I2 I3 I4 I6: where rows are never changes an answer`(seed: UInt64) throws {
        var simulation = LedgerSimulation(seed: seed, .never, .everyStep, .nowAndThen)
        try simulation.run(steps: 120)
    }

    @Test(arguments: seeds)
    func `I2 I3 I4 I6: restarts between checkpoints lose nothing and leave nothing behind`(
        seed: UInt64
    ) throws {
        var simulation = LedgerSimulation(seed: seed, .restarting)
        try simulation.run(steps: 120)
    }

    @Test
    func `a run meets most of what can be answered`() throws {
        var answered: [String: Int] = [:]
        for seed in 1...25 as ClosedRange<UInt64> {
            var simulation = LedgerSimulation(seed: seed, .never)
            try simulation.run(steps: 120)
            answered.merge(simulation.answered) { $0 + $1 }
        }
        for sort in [
            "granted", "reserved", "planned", "replayed", "session", "renewed", "document",
            "released", "partly released", "cancelled", "already ended", "revoked", "closed",
            "ERR", "CONFLICT", "NOTFOUND", "FENCED", "EXPIRED", "UNSATISFIABLE", "QUOTA",
            "EXHAUSTED", "grown", "handed over",
        ] {
            #expect(answered[sort, default: 0] >= 5, "\(sort): \(answered)")
        }
    }
}
