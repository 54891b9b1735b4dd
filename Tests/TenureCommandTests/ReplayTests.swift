// Replaying a trace: everything is answered and released, with crashes as without.

import FoundationEssentials
import Tenure
import TenureCommand
import TenureModel
import Testing

@Suite("Replay")
struct ReplayTests {
    /// A ledger of its own for each run, removed afterwards.
    private func outcome(crashEvery: Int?, strategy: Strategy = .bestFit) throws -> ReplayOutcome {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "tenure-replay-test-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var configuration = LedgerConfiguration()
        configuration.allowUnsafeFileSystem = true
        let run = try ReplayRun(
            Excerpt.trace().scaled(nodes: 1, copies: 4, seed: 11),
            at: directory,
            strategy: strategy,
            configuration: configuration
        )
        return try run.finish(crashEvery: crashEvery) { done, total in #expect(done <= total) }
    }

    @Test
    func `what was granted is released, and every request is answered`() throws {
        let trace = try Excerpt.trace().scaled(nodes: 1, copies: 4, seed: 11)
        let outcome = try outcome(crashEvery: nil)
        let refused = outcome.refused.values.reduce(0) { $0 + $1.count }
        #expect(outcome.granted + refused == trace.tasks.count)
        #expect(outcome.released == outcome.granted)
        #expect(outcome.granted > 0)
        #expect(refused > 0)
        #expect(outcome.figures["leases"] == .integer(0))
    }

    @Test
    func `I2: no kind is ever used beyond its capacity`() throws {
        let trace = try Excerpt.trace()
        let outcome = try outcome(crashEvery: nil)
        for (kind, capacity) in trace.capacities {
            #expect(outcome.use.peak(kind) <= capacity, "\(kind.name)")
            #expect(outcome.use.peak(kind) > 0, "\(kind.name)")
        }
    }

    /// Drops the ledger after every 16 and 90 operations: who got what where does not change.
    @Test(arguments: [16, 90])
    func `I1, I6: a run with crashes decides and ends as one without`(every: Int) throws {
        let whole = try outcome(crashEvery: nil)
        let broken = try outcome(crashEvery: every)
        #expect(broken.crashes > 1)
        #expect(broken.decisions == whole.decisions)
        #expect(broken.state == whole.state)
        #expect(broken.granted == whole.granted)
    }

    @Test
    func `another strategy decides otherwise, so the digest sees where things are placed`() throws {
        let best = try outcome(crashEvery: nil, strategy: .bestFit)
        let first = try outcome(crashEvery: nil, strategy: .firstFit)
        #expect(best.decisions != first.decisions)
    }
}
