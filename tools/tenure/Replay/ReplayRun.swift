// Runs a trace through a ledger in this process, in virtual time, and counts what came of it.
//
// One batch is what happens at one second, and one group of commits. The digest of the decisions
// is over who got what where, in the order of the trace: two runs that decide alike have the same
// one, whatever lies between them.

package import Tenure
package import TenureModel

/// What one run did.
package struct ReplayOutcome: Sendable {
    /// Requests that were granted.
    package var granted = 0
    /// Requests that were refused, by code: how many, and the first sentence of each.
    package var refused: [RefusalCode: (count: Int, first: String)] = [:]
    /// Leases that were released.
    package var released = 0
    /// How often the ledger was dropped and opened again.
    package var crashes = 0
    /// The time spent in the ledger, without opening it.
    package var elapsed = Duration.zero
    /// What a request waited for its answer.
    package var acquires = Latencies()
    /// What a release waited for its answer.
    package var releases = Latencies()
    /// The use of each kind over the trace.
    package var use = UseOverTime()
    /// Of who got what where.
    package var decisions = DecisionDigest()
    /// Of the ledger at the end.
    package var state = ""
    /// What the ledger says of itself at the end.
    package var figures = Document.null
    /// Bytes of records written.
    package var logBytes: UInt64 = 0

    /// Everything that was asked of the ledger.
    package var operations: Int {
        granted + released + refused.values.reduce(0) { $0 + $1.count }
    }
}

/// Amounts by kind, as they change over time.
package struct UseOverTime: Sendable {
    private var second: UInt64?
    private var first: UInt64 = 0
    private var current: [Kind: UInt64] = [:]
    private var peaks: [Kind: UInt64] = [:]
    private var integrals: [Kind: Double] = [:]

    /// Nothing is used.
    package init() {}

    /// The time has come to `second`; it never goes back.
    package mutating func advance(to second: UInt64) {
        if let before = self.second {
            for (kind, amount) in current {
                integrals[kind, default: 0] += Double(amount) * Double(second - before)
            }
        } else {
            first = second
        }
        self.second = second
    }

    /// A lease took these.
    package mutating func take(_ placements: [PlacementView]) {
        for placement in placements {
            let now = current[placement.kind, default: 0] + placement.amount
            current[placement.kind] = now
            peaks[placement.kind] = max(peaks[placement.kind, default: 0], now)
        }
    }

    /// A lease gave these back.
    package mutating func give(_ placements: [PlacementView]) {
        for placement in placements { current[placement.kind, default: 0] -= placement.amount }
    }

    /// The most that was used at once.
    package func peak(_ kind: Kind) -> UInt64 { peaks[kind] ?? 0 }

    /// The use averaged over time.
    package func mean(_ kind: Kind) -> Double {
        guard let second, second > first else { return Double(current[kind] ?? 0) }
        return (integrals[kind] ?? 0) / Double(second - first)
    }
}

/// FNV-1a over decisions; finds differences, withstands no forger.
package struct DecisionDigest: Hashable, Sendable {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    /// The digest of nothing.
    package init() {}

    /// One more decision.
    package mutating func add(_ decision: String) {
        for byte in decision.utf8 { step(byte) }
        step(0)
    }

    private mutating func step(_ byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    /// Sixteen hexadecimal digits.
    package var text: String {
        let digits = String(state, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// A replay that is going on.
package final class ReplayRun {
    private let trace: Trace
    private let path: String
    private let configuration: LedgerConfiguration
    private let clock = VirtualClock()
    private var core: LedgerCore?
    private var nanoseconds: UInt64 = 0
    private var held: [Int: (reference: LeaseReference, placements: [PlacementView])] = [:]
    private var outcome = ReplayOutcome()

    /// The most commands of one group of commits.
    private static let batchLimit = 256

    /// Creates the ledger at `path` and declares the cluster in it.
    package init(
        _ trace: Trace,
        at path: String,
        strategy: Strategy,
        configuration: LedgerConfiguration = LedgerConfiguration()
    ) throws {
        self.trace = trace
        self.path = path
        self.configuration = configuration
        core = try ReplayRun.open(path, configuration, clock)
        let commands = trace.declarations(strategy: strategy)
        for start in stride(from: 0, to: commands.count, by: ReplayRun.batchLimit) {
            let batch = commands[start..<min(start + ReplayRun.batchLimit, commands.count)]
            for answer in try process(batch.map { ($0, Caller.embedder) }) {
                if case .refused(let refusal) = answer { throw refusal }
            }
        }
    }

    private static func open(
        _ path: String,
        _ configuration: LedgerConfiguration,
        _ clock: VirtualClock
    ) throws -> LedgerCore {
        var configuration = configuration
        configuration.createIfMissing = true
        do {
            return try LedgerCore.direct(
                directory: path,
                configuration: configuration,
                clock: clock
            )
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
    }

    /// The trace's time becomes the ledger's.
    private func moveClock(toSecond second: UInt64) {
        let now = (second - trace.span.start) * 1_000_000_000
        clock.advance(byNanoseconds: now - nanoseconds)
        nanoseconds = now
    }

    /// Drops the ledger without a checkpoint and opens it again.
    private func crash() throws {
        outcome.logBytes += logBytes
        core?.crash()
        // The directory is free when the last reference is gone.
        core = nil
        core = try ReplayRun.open(path, configuration, clock)
        outcome.crashes += 1
    }

    private var logBytes: UInt64 {
        guard case .integer(let bytes)? = core?.figures()["logContentBytes"] else { return 0 }
        return UInt64(max(bytes, 0))
    }

    private func process(_ commands: [(Command, Caller)]) throws -> [Answer] {
        do {
            guard let core else { return [] }
            return try core.process(commands)
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
    }

    /// Runs all of it; with `crashEvery`, drops the ledger after every so many operations.
    package func finish(
        crashEvery: Int?,
        progress: (Int, Int) -> Void
    ) throws -> ReplayOutcome {
        let steps = trace.steps
        var done = 0
        var untilCrash = crashEvery ?? .max
        for batch in Trace.batches(steps, limit: ReplayRun.batchLimit) {
            guard let first = batch.first else { continue }
            moveClock(toSecond: first.second)
            outcome.use.advance(to: first.second)
            try run(batch)
            done += batch.count
            progress(done, steps.count)
            untilCrash -= batch.count
            if let crashEvery, untilCrash <= 0, done < steps.count {
                try crash()
                untilCrash = crashEvery
            }
        }
        guard let core else { return outcome }
        outcome.state = try core.contentDigest()
        outcome.figures = core.figures()
        outcome.logBytes += logBytes
        self.core = nil
        return outcome
    }

    private func run(_ batch: ArraySlice<ReplayStep>) throws {
        // A task that was refused has nothing to release.
        let asked = batch.filter { $0.act == .acquire || held[$0.task] != nil }
        let commands = asked.map { step -> (Command, Caller) in
            if let lease = held[step.task], step.act != .acquire {
                return (.release(lease.reference, parts: nil), .embedder)
            }
            return (.acquire(trace.tasks[step.task].request), .embedder)
        }
        guard !commands.isEmpty else { return }
        let watch = ContinuousClock()
        let began = watch.now
        let answers = try process(commands)
        let took = watch.now - began
        outcome.elapsed += took
        for (step, answer) in zip(asked, answers) {
            try settle(step, answer)
            if step.act == .acquire {
                outcome.acquires.record(took)
            } else {
                outcome.releases.record(took)
            }
        }
    }

    private func settle(_ step: ReplayStep, _ answer: Answer) throws {
        switch answer {
        case .grant(let grant):
            let reference = LeaseReference(lease: grant.lease, token: grant.token)
            held[step.task] = (reference, grant.placements)
            outcome.granted += 1
            outcome.use.take(grant.placements)
            let places = grant.placements.map { "\($0.resource)=\($0.amount)" }
            outcome.decisions.add("\(step.task) " + places.joined(separator: ","))
        case .ended:
            guard let lease = held.removeValue(forKey: step.task) else { break }
            outcome.released += 1
            outcome.use.give(lease.placements)
            outcome.decisions.add("\(step.task) released")
        case .refused(let refusal) where step.act == .acquire:
            let before = outcome.refused[refusal.code]
            outcome.refused[refusal.code] = (
                (before?.count ?? 0) + 1, before?.first ?? refusal.message
            )
            outcome.decisions.add("\(step.task) \(refusal.code.rawValue)")
        case .refused(let refusal):
            throw refusal
        default:
            throw Failure(.damaged, "the ledger answered a request with something else")
        }
    }
}
