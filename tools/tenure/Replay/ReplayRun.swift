// Runs a trace through a ledger in this process, in virtual time.
//
// One batch is what happens at one second, and one group of commits. The digest of the decisions
// is over who got what where, in the order in which it was decided: two runs that decide alike have
// the same one, whatever lies between them.

internal import Synchronization
package import Tenure
package import TenureModel

/// Keeps the answers that have come, in the order in which they were decided.
private final class AnswerQueue: AnswerSink {
    private let answers = Mutex<[Delivery]>([])

    func deliver(_ deliveries: [Delivery]) {
        answers.withLock { $0 += deliveries }
    }

    func takeAll() -> [Delivery] {
        answers.withLock { answers in
            defer { answers = [] }
            return answers
        }
    }
}

/// A replay that is going on.
package final class ReplayRun {
    private let trace: Trace
    private let path: String
    private let configuration: LedgerConfiguration
    private let waitMilliseconds: UInt64?
    private let saysLengths: Bool
    private let clock = VirtualClock()
    private let answers = AnswerQueue()
    private let devices: UInt64
    private let warmUntil: UInt64
    private var agenda: ReplayAgenda
    private var core: LedgerCore?
    private var second: UInt64
    private var held: [Int: (reference: LeaseReference, placements: [PlacementView])] = [:]
    /// Tasks that wait, and those of them that want devices.
    private var waiting: Set<Int> = []
    private var waitingForDevices = 0
    private var outcome = ReplayOutcome()

    /// The most commands of one group of commits.
    private static let batchLimit = 256
    /// The part of the trace's time that fills the cluster and is not averaged over: a tenth.
    private static let warmUpDivisor: UInt64 = 10

    /// Creates the ledger at `path` and declares the cluster in it.
    ///
    /// With `waitMilliseconds`, what does not fit waits so long at most, and may be passed for
    /// `starvationLimit` milliseconds; unless tasks say how long they run, by nobody later.
    package init(
        _ trace: Trace,
        at path: String,
        strategy: Strategy,
        waitMilliseconds: UInt64? = nil,
        saysLengths: Bool = true,
        starvationLimit: UInt64 = 0,
        configuration: LedgerConfiguration = LedgerConfiguration()
    ) throws {
        self.trace = trace
        self.path = path
        self.configuration = configuration
        self.waitMilliseconds = waitMilliseconds
        self.saysLengths = saysLengths
        let span = trace.span
        second = span.start
        warmUntil = span.start + (span.end - span.start) / ReplayRun.warmUpDivisor
        devices = trace.capacities.first { $0.kind == .gpu }?.amount ?? 0
        agenda = ReplayAgenda(trace)
        let core = try ReplayRun.open(path, configuration, clock)
        self.core = core
        let commands = trace.declarations(
            strategy: strategy,
            starvationLimit: starvationLimit
        )
        for start in stride(from: 0, to: commands.count, by: ReplayRun.batchLimit) {
            let batch = commands[start..<min(start + ReplayRun.batchLimit, commands.count)]
            do {
                for answer in try core.process(batch.map { ($0, Caller.embedder) }) {
                    if case .refused(let refusal) = answer { throw refusal }
                }
            } catch let error as LedgerFailure {
                throw Failure(code: error.exitCode, error.sentence)
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

    /// The trace's time becomes the ledger's; it never goes back.
    private func move(to next: UInt64) {
        let from = max(second, warmUntil)
        if next > from {
            outcome.idle.add(
                free: devices - min(outcome.use.now(.gpu), devices),
                isWanted: waitingForDevices > 0,
                seconds: next - from
            )
        }
        clock.advance(byNanoseconds: (next - second) * 1_000_000_000)
        second = next
        outcome.use.advance(to: next)
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

    /// Runs all of it; with `crashEvery`, drops the ledger after every so many operations.
    ///
    /// Calls `progress` with how many tasks have arrived, and of how many.
    package func finish(
        crashEvery: Int?,
        progress: (Int, Int) -> Void
    ) throws -> ReplayOutcome {
        var arrived = 0
        var untilCrash = crashEvery ?? .max
        while let next = agenda.nextSecond {
            move(to: next)
            let batch = agenda.takeBatch(limit: ReplayRun.batchLimit)
            try run(batch)
            if batch.first?.act == .acquire { arrived += batch.count }
            progress(arrived, trace.tasks.count)
            untilCrash -= batch.count
            if let crashEvery, untilCrash <= 0, agenda.nextSecond != nil {
                try crash()
                untilCrash = crashEvery
            }
        }
        try letWaitsEnd()
        guard let core else { return outcome }
        outcome.state = try core.contentDigest()
        outcome.figures = core.figures()
        outcome.logBytes += logBytes
        self.core = nil
        return outcome
    }

    /// Who still waits when everything has ended can never be granted.
    private func letWaitsEnd() throws {
        guard !waiting.isEmpty, let waitMilliseconds else { return }
        clock.advance(byNanoseconds: (waitMilliseconds + 1) * 1_000_000)
        _ = try decide([])
        guard waiting.isEmpty else {
            throw Failure(.damaged, "\(waiting.count) tasks wait past their time")
        }
    }

    private func run(_ batch: [ReplayStep]) throws {
        let submissions = batch.compactMap { step -> Submission? in
            let command: Command
            if step.act == .acquire {
                let request = trace.tasks[step.task].request(
                    waitingMilliseconds: waitMilliseconds,
                    saysLength: saysLengths
                )
                command = .acquire(request)
            } else {
                guard let lease = held[step.task] else { return nil }
                command = .release(lease.reference, parts: nil)
            }
            return Submission(
                command: command,
                caller: .embedder,
                ticket: UInt64(step.task),
                sink: answers
            )
        }
        let isAcquiring = batch.first?.act == .acquire
        if isAcquiring {
            for step in batch { wait(step.task) }
        }
        let took = try decide(submissions)
        let answered = batch.count { !isAcquiring || !waiting.contains($0.task) }
        if isAcquiring {
            outcome.acquires.record(took, count: answered)
        } else {
            outcome.releases.record(took, count: answered)
        }
    }

    /// Decides a batch and takes in the answers, those of waits included; tells how long it took.
    private func decide(_ submissions: [Submission]) throws -> Duration {
        guard let core else { return .zero }
        let watch = ContinuousClock()
        let began = watch.now
        do {
            try core.runUntilStill(submissions)
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
        let took = watch.now - began
        outcome.elapsed += took
        for delivery in answers.takeAll() {
            try settle(Int(delivery.ticket), delivery.answer)
        }
        return took
    }

    private func wait(_ task: Int) {
        waiting.insert(task)
        if trace.tasks[task].gpu > 0 { waitingForDevices += 1 }
    }

    private func endWait(_ task: Int) -> Bool {
        guard waiting.remove(task) != nil else { return false }
        if trace.tasks[task].gpu > 0 { waitingForDevices -= 1 }
        return true
    }

    private func settle(_ task: Int, _ answer: Answer) throws {
        let isArrival = endWait(task)
        switch answer {
        case .grant(let grant):
            let reference = LeaseReference(lease: grant.lease, token: grant.token)
            held[task] = (reference, grant.placements)
            agenda.start(task, at: second)
            outcome.granted += 1
            if second > trace.tasks[task].created {
                outcome.grantedAfterWaiting += 1
                outcome.waited.append(second - trace.tasks[task].created)
            }
            outcome.use.take(grant.placements)
            let places = grant.placements.map { "\($0.resource)=\($0.amount)" }
            outcome.decisions.add("\(task) " + places.joined(separator: ","))
        case .ended:
            guard let lease = held.removeValue(forKey: task) else { break }
            outcome.released += 1
            outcome.use.give(lease.placements)
            outcome.decisions.add("\(task) released")
        case .refused(let refusal) where isArrival:
            let before = outcome.refused[refusal.code]
            outcome.refused[refusal.code] = (
                (before?.count ?? 0) + 1, before?.first ?? refusal.message
            )
            outcome.decisions.add("\(task) \(refusal.code.rawValue)")
        case .refused(let refusal):
            throw refusal
        default:
            throw Failure(.damaged, "the ledger answered a request with something else")
        }
    }
}
