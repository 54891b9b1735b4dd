// Checkpoints that end only when they are waited for: the writer slows, and memory stays bounded.

import Synchronization
import Tenure
import TenureModel
import TenureSimulation
import TenureStorage
import TenureTesting
import Testing

/// Writes a checkpoint only when it is waited for, as a disk that is far too slow would.
private final class LateRunner: CheckpointRunner {
    private struct State {
        var job: CheckpointJob?
        var result: Result<Void, StorageError>?
        var frozenRows = 0
        var frozenRowsMax = 0
        var waits = 0
    }

    private let state = Mutex(State())

    /// Rows of the checkpoint that is being written or handed to the cache.
    var frozenRows: Int { state.withLock { $0.frozenRows } }
    /// The most there ever were.
    var frozenRowsMax: Int { state.withLock { $0.frozenRowsMax } }
    /// How often the writer waited.
    var waits: Int { state.withLock { $0.waits } }

    var scrub: BackgroundScrub? { nil }

    func learn(_ task: LearningTask) {}

    func learnt() -> Housekeeping? { nil }

    func start(_ job: CheckpointJob) {
        state.withLock {
            $0.job = job
            $0.frozenRows = job.changes.count
            $0.frozenRowsMax = max($0.frozenRowsMax, job.changes.count)
        }
    }

    func result() -> Result<Void, StorageError>? {
        state.withLock { state in
            defer { state.result = nil }
            return state.result
        }
    }

    func finish() {
        guard let job = state.withLock({ $0.job }) else { return }
        let result = job.run()
        state.withLock {
            $0.job = nil
            $0.result = result
            $0.waits += 1
        }
    }

    func discard(_ changes: FrozenChanges) {
        state.withLock { $0.frozenRows = 0 }
    }
}

@Suite("Back-pressure", .computing)
struct BackPressureTests {
    /// Pages at which a checkpoint is due.
    private static let pages = 100
    /// The writer waits at four times the pages, each of two scattered or four new rows.
    private static let waitRows = 4 * pages * 4

    /// What stays the same however many leases there are: what gathers until the writer waits,
    /// once frozen and once new, and what comes while the frozen rows go to the cache.
    private static func bound(batch: Int) -> Int {
        // A lease and its deadline for each command; usage, resource and the opening's facts.
        let batchRows = 2 * batch + 4
        // A batch is decided before anyone looks.
        let gathered = waitRows + batchRows
        let absorbingSteps = gathered / (512 + 16 * batch) + 1
        // Three steps more: to see the result, to let go of the rows, to freeze again.
        return 2 * gathered + (absorbingSteps + 3) * batchRows
    }

    @Test(arguments: [16, 256])
    func `What is not yet stored stays bounded although checkpoints never end by themselves`(
        batch: Int
    ) throws {
        let runner = LateRunner()
        var world = try EngineWorld()
        world.checkpointRows = 2 * Self.pages
        world.runner = runner
        try world.open()
        let core = try #require(world.core)
        let count = 12_000
        for command in LedgerScratch.setup(cpus: UInt64(count)) { _ = try core.ask(command) }
        var granted = 0
        var rowsMax = 0
        while granted < count - batch {
            let answers = try core.process(
                (0..<batch).map { _ in
                    (Command.acquire(LedgerScratch.request(ttl: 600_000)), Caller.embedder)
                }
            )
            for case .grant in answers { granted += 1 }
            rowsMax = max(rowsMax, try core.overlayRows + runner.frozenRows)
        }
        // Every command was served, and the writer waited each time that it was far behind.
        #expect(granted > count - 2 * batch)
        #expect(runner.waits >= 3)
        #expect(runner.frozenRowsMax > Self.waitRows / 2)
        let bound = Self.bound(batch: batch)
        #expect(rowsMax <= bound, "\(rowsMax) rows in memory, at most \(bound) are to be")
        #expect(bound < granted, "or the bound says nothing")
        #expect(try core.invariantFault() == nil)
    }
}

extension LedgerCore {
    /// Rows that changed since the last checkpoint began.
    fileprivate var overlayRows: Int {
        get throws {
            guard case .integer(let rows)? = figures()["overlayRows"] else {
                throw Refusal(.malformed, "no such figure")
            }
            return Int(rows)
        }
    }
}
