// Replaying a trace: everything is answered and released, with crashes as without.

import FoundationEssentials
import Tenure
import TenureCommand
import TenureModel
import Testing

@Suite("Replay")
struct ReplayTests {
    /// A ledger of its own for each run, removed afterwards.
    private func outcome(
        crashEvery: Int?,
        strategy: Strategy = .bestFit,
        waitMilliseconds: UInt64? = nil
    ) throws -> ReplayOutcome {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "tenure-replay-test-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var configuration = LedgerConfiguration()
        configuration.allowUnsafeFileSystem = true
        let run = try ReplayRun(
            Excerpt.trace().scaled(nodes: 1, copies: 4, seed: 11),
            at: directory,
            strategy: strategy,
            waitMilliseconds: waitMilliseconds,
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

    @Test
    func `who waits is granted later or gives up, and nobody is left waiting`() throws {
        let trace = try Excerpt.trace().scaled(nodes: 1, copies: 4, seed: 11)
        let hour = try outcome(crashEvery: nil, waitMilliseconds: 3_600_000)
        let refused = hour.refused.values.reduce(0) { $0 + $1.count }
        #expect(hour.granted + refused == trace.tasks.count)
        #expect(hour.released == hour.granted)
        #expect(hour.grantedAfterWaiting > 0)
        #expect(hour.waited.count == hour.grantedAfterWaiting)
        #expect(hour.waited.allSatisfy { $0 > 0 })
        #expect(hour.refused[.exhausted] == nil)
        #expect(hour.refused[.timeout]?.count ?? 0 > 0)
        #expect(hour.errors == 0)
        #expect(hour.figures["waiting"] == .integer(0))
        for (kind, capacity) in trace.capacities {
            #expect(hour.use.peak(kind) <= capacity, "\(kind.name)")
        }
    }

    @Test
    func `devices are idle though wanted only while somebody waits for one`() throws {
        let devices = try Excerpt.trace().capacities.first { $0.kind == .gpu }?.amount ?? 0
        #expect(try outcome(crashEvery: nil).idle.mean == 0)
        let waste = try outcome(crashEvery: nil, waitMilliseconds: 3_600_000).idle.mean
        #expect(waste > 0)
        #expect(waste < Double(devices))
    }

    @Test
    func `idle devices are averaged over all of the time`() {
        var idle = IdleWhileWanted()
        #expect(idle.mean == 0)
        idle.add(free: 1000, isWanted: true, seconds: 1)
        idle.add(free: 9000, isWanted: false, seconds: 2)
        idle.add(free: 5000, isWanted: true, seconds: 1)
        #expect(idle.mean == 1500)
    }
}
