// How a ledger ends and what the next start makes of it: requests that wait, cuts nobody recorded.

import Dispatch
import Foundation
import Synchronization
import SystemPackage
import Tenure
import TenureLog
import TenureModel
import TenureSimulation
import TenureStorage
import TenureTesting
import Testing

@Suite("Endings")
struct LedgerEndingTests {
    private static let leases = 1_000

    // What a request that waits for reclaim is answered when the ledger closes meanwhile, and so
    // many syncs succeed from the closing on.
    private func answers(whenClosedAfter syncs: Int) async throws -> [Answer] {
        var world = try EngineWorld()
        world.checkpointRows = 100_000
        let gate = Gate()
        world.wrapLog = { GatedLog($0, gate) }
        let ledger = try Ledger.assemble(world.parts())
        for command in LedgerScratch.setup(cpus: UInt64(Self.leases)) {
            _ = try await ledger.set(command)
        }
        let granting = KeepingSink()
        ledger.submit(
            (0..<Self.leases).map { number in
                Self.submission(.acquire(LedgerScratch.request(ttl: 500)), number, granting)
            }
        )
        _ = try await ledger.read(.status)
        #expect(granting.take().count == Self.leases)
        // The writer stops in a sync, for too short a time to be a gap; meanwhile all leases fall
        // due, someone wants all of what they hold, and the ledger is told to end.
        gate.close(thenAllow: syncs)
        let waking = KeepingSink()
        ledger.submit([Self.submission(.setPool(name: "other", settings: []), 0, waking)])
        gate.whenReached()
        world.clock.advance(byNanoseconds: 600_000_000)
        var request = LedgerScratch.request()
        let amount = ClaimAmount(kind: .cpu, amount: UInt64(Self.leases) * 1000)
        request.claims = [Claim(amounts: [amount])]
        let sink = KeepingSink()
        ledger.submit([Self.submission(.acquire(request), 0, sink)])
        let ended = DispatchSemaphore(value: 0)
        Thread {
            ledger.shutdown()
            ended.signal()
        }.start()
        usleep(20_000)
        gate.open()
        await Task.detached { Self.wait(ended) }.value
        return sink.take().map(\.answer)
    }

    /// What was answered is durable; the start has the more to do, and who stopped it is told why.
    @Test(arguments: [SimulatedDisk.Fault.error(.ioError), .error(.readOnlyFileSystem)])
    func `a failure of the last checkpoint is told, as one of the disk`(
        fault: SimulatedDisk.Fault
    ) async throws {
        var world = try EngineWorld()
        world.checkpointRows = 100_000
        let ledger = try Ledger.assemble(world.parts())
        for command in LedgerScratch.setup(cpus: 1) { _ = try await ledger.set(command) }
        let told = Mutex<LedgerFailure?>(nil)
        ledger.onFailure { failure in told.withLock { $0 = failure } }
        let before = world.disk.operationCount
        world.disk.inject(fault, at: 0)
        await Task.detached { ledger.shutdown() }.value
        #expect(world.disk.operationCount > before)
        #expect(told.withLock { $0?.exitCode } == 74)
    }

    private static func wait(_ semaphore: DispatchSemaphore) { semaphore.wait() }

    private static func submission(
        _ command: Command,
        _ number: Int,
        _ sink: KeepingSink
    ) -> Submission {
        Submission(command: command, caller: .embedder, ticket: UInt64(number), sink: sink)
    }

    @Test
    func `A request that waits for what is due is decided before the ledger closes`() async throws {
        let answers = try await answers(whenClosedAfter: .max)
        #expect(answers.count == 1)
        guard case .grant(let grant)? = answers.first else {
            Issue.record("\(answers)")
            return
        }
        #expect(grant.placements.first?.amount == UInt64(Self.leases) * 1000)
    }

    /// The request waits over several groups of reclaim; the disk fails under one of them.
    @Test(arguments: 1...3)
    func `A request that waits is UNKNOWN when the disk fails while the ledger closes`(
        syncs: Int
    ) async throws {
        let answers = try await answers(whenClosedAfter: syncs)
        #expect(answers.count == 1)
        guard case .refused(let refusal)? = answers.first else {
            Issue.record("\(answers)")
            return
        }
        #expect(refusal.code == .unknown)
    }

    /// A start cuts a torn end and dies before it could record that: the next one must know.
    @Test(arguments: [0, 1, 3])
    func `I4: tokens rise above those of a cut that nobody recorded`(deadStarts: Int) throws {
        let scratch = LedgerScratch()
        let clock = VirtualClock()
        var lost: [Grant] = []
        let kept: Grant
        do {
            let core = try scratch.core(clock: clock)
            for command in LedgerScratch.setup(cpus: 40) { _ = try core.ask(command) }
            kept = try core.grant(LedgerScratch.request())
            // One group of several records: what comes after the cut has lower positions.
            let answers = try core.process(
                (0..<20).map { _ in (.acquire(LedgerScratch.request()), .embedder) }
            )
            for case .grant(let grant) in answers { lost.append(grant) }
            core.crash()
        }
        #expect(lost.count == 20)
        try scratch.damageLastGroup()
        for _ in 0..<deadStarts {
            // As far as recovery comes before the engine writes its first record.
            _ = try Storage.prepare(at: scratch.path, configuration: scratch.storage)
                .replay { _, _, _ in }
        }
        let core = try scratch.core(clock: clock)
        let next = try core.grant(LedgerScratch.request())
        let highest = try #require(lost.map(\.token).max())
        #expect(kept.token.epoch == 1)
        #expect(next.token.epoch == 2)
        #expect(next.token.position < highest.position, "or nothing was at stake")
        #expect(next.token > highest)
        core.crash()
    }

    @Test
    func `I4: a cut that was recorded raises the epoch once`() throws {
        let scratch = LedgerScratch()
        let clock = VirtualClock()
        do {
            let core = try scratch.core(clock: clock)
            for command in LedgerScratch.setup(cpus: 40) { _ = try core.ask(command) }
            core.crash()
        }
        try scratch.damageLastGroup()
        var tokens: [Token] = []
        for _ in 0..<3 {
            let core = try scratch.core(clock: clock)
            for command in LedgerScratch.setup(cpus: 40) { _ = try core.ask(command) }
            tokens.append(try core.grant(LedgerScratch.request()).token)
            core.crash()
        }
        #expect(tokens.map(\.epoch) == [2, 2, 2])
        #expect(tokens == tokens.sorted())
    }
}

extension LedgerScratch {
    /// Small segments, no thread of its own, any file system.
    fileprivate var storage: StorageConfiguration {
        var storage = StorageConfiguration()
        storage.allowUnsafeFileSystem = true
        return storage
    }

    /// Flips a bit of the last group of the last segment.
    fileprivate func damageLastGroup() throws {
        let segments = try FileManager.default.contentsOfDirectory(atPath: "\(path)/log")
            .filter { $0.hasSuffix(".seg") }
        let segment = try #require(segments.max())
        let url = URL(fileURLWithPath: "\(path)/log/\(segment)")
        var bytes = try Data(contentsOf: url)
        let last = try #require(bytes.lastIndex { $0 != 0 })
        bytes[last] ^= 1
        try bytes.write(to: url)
    }
}

/// Stops syncs until it is opened; afterwards lets some through.
private final class Gate: Sendable {
    private struct State {
        var isClosed = false
        var left = Int.max
    }

    private let state = Mutex(State())
    private let reached = DispatchSemaphore(value: 0)
    private let opened = DispatchSemaphore(value: 0)

    /// The next sync stops here; from it on, so many succeed.
    func close(thenAllow count: Int) {
        state.withLock { $0 = State(isClosed: true, left: count) }
    }

    /// Waits until a sync has stopped.
    func whenReached() { reached.wait() }

    func open() { opened.signal() }

    func pass() throws(LogError) {
        let stops = state.withLock { state in
            defer { state.isClosed = false }
            return state.isClosed
        }
        if stops {
            reached.signal()
            opened.wait()
        }
        let isAllowed = state.withLock { state in
            state.left -= 1
            return state.left >= 0
        }
        if !isAllowed { throw .device(.stopped) }
    }
}

/// A log whose syncs pass a gate.
private final class GatedLog: ForwardingLog {
    private let gate: Gate

    init(_ log: any Log, _ gate: Gate) {
        self.gate = gate
        super.init(log)
    }

    override func commit() throws(LogError) {
        try gate.pass()
        try super.commit()
    }
}
