// The public face: a ledger that is open in this process.
//
// One thread writes, another checkpoints, a third sees processes end. Callers hand commands in from
// any thread; answers come when they are durable.

internal import Synchronization
internal import TenureBase
public import TenureModel
internal import TenureStorage

/// A crash-safe allocation ledger, open for writing.
///
/// Every method that changes something returns when the change is durable. A refusal is thrown as
/// `Refusal`; it changes nothing. After a failure of the disk every call throws `UNKNOWN`.
///
/// ```swift
/// let ledger = try Ledger.open(at: "/var/lib/jobs/ledger")
/// let request = AcquireRequest(
///     pool: "gpus", claims: [Claim(amounts: [ClaimAmount(kind: .gpu, amount: 1000)])])
/// let grant = try await ledger.acquire(request)
/// ```
public final class Ledger: Sendable {
    /// What can be chosen about a ledger.
    public typealias Configuration = LedgerConfiguration

    private let inbox: Inbox
    private let writer: WorkThread
    private let runner: ThreadedCheckpointRunner
    private let watcher: ProcessWatcher
    let explainer: Explainer
    private let failures = Mutex(Failures())
    private let isClosed = Mutex(false)
    /// What an operator should know of the opening, a sentence each.
    public let openingSentences: [String]

    /// Why the ledger stopped serving, and who wants to know.
    private struct Failures {
        var failure: LedgerFailure?
        var handler: (@Sendable (LedgerFailure) -> Void)?
    }

    /// Opens the ledger at a path.
    ///
    /// Blocks for O(log tail) + O(resources, pools, quotas), never for O(leases).
    ///
    /// - Throws: `LedgerOpenError`, which names what is wrong, where, and the remedy.
    public static func open(
        at path: String,
        configuration: Configuration = Configuration()
    ) throws(LedgerOpenError) -> Ledger {
        let inbox = Inbox()
        let threads = try LedgerThreads.start()
        let runner = ThreadedCheckpointRunner(on: threads.state) { inbox.add { _ in } }
        do throws(LedgerOpenError) {
            let core = try LedgerCore.open(
                directory: path,
                configuration: configuration,
                clock: HostClock(),
                runner: runner
            )
            if let pace = configuration.scrubPace {
                runner.begin(
                    BackgroundScrub(core.store, pace: pace, clock: core.clock) { error in
                        inbox.add { core in core.fail(LedgerFailure(error)) }
                    }
                )
            }
            return Ledger(inbox, threads, runner, core)
        } catch {
            threads.stop()
            throw error
        }
    }

    init(
        _ inbox: Inbox,
        _ threads: LedgerThreads,
        _ runner: ThreadedCheckpointRunner,
        _ core: sending LedgerCore
    ) {
        self.inbox = inbox
        self.runner = runner
        openingSentences = core.openingSentences
        explainer = Explainer(
            core.directory.map { LogHistory(disk: $0.disk, ledger: $0.ledger) },
            on: threads.explainer
        )
        writer = threads.writer
        watcher = ProcessWatcher(on: threads.watcher, wake: threads.wake) { inbox.add($0) }
        let loop = WriterLoop(core: core, inbox: inbox, watcher: watcher)
        // SAFETY: the loop is handed to the writer's thread and touched by no other from here on.
        nonisolated(unsafe) let handed = loop
        writer.run { [self] in
            unsafe handed.run { failure in
                let handler = failures.withLock { failures in
                    failures.failure = failure
                    return failures.handler
                }
                handler?(failure)
            }
        }
    }

    /// Hands commands in; never waits for the disk.
    ///
    /// Past the bound of waiting commands the answer is `BUSY`.
    package func submit(_ batch: [Submission]) {
        let rest = inbox.add(batch)
        if rest.submissions.isEmpty { return }
        let refusal =
            rest.isClosed
            ? Refusal(.unknown, "the ledger is closed; open it again")
            : Refusal(
                .busy,
                "\(rest.waiting) commands wait already; retry after a pause"
            )
        var left = rest.submissions[...]
        while let sink = left.first?.sink {
            let own = left.prefix { $0.sink === sink }
            left = left.dropFirst(own.count)
            sink.deliver(own.map { Delivery(ticket: $0.ticket, answer: .refused(refusal)) })
        }
    }

    /// Ends the waits of commands whose answers nobody takes any more.
    ///
    /// They are answered `TIMEOUT`; what was granted before stands. Commands that do not wait are
    /// not concerned.
    package func abandon(_ tickets: [UInt64], of sink: any AnswerSink) {
        inbox.abandon(tickets.map { Abandonment(ticket: $0, sink: sink) })
    }

    /// Calls `body` on the writer's thread when it comes by, unless the ledger has failed or ended.
    ///
    /// Never waits, and is never turned away for what else waits: who asks wants to know whether
    /// the writer lives.
    package func whenWriterComesBy(_ body: @escaping @Sendable () -> Void) {
        inbox.add { core in
            if core.failure == nil { body() }
        }
    }

    /// Ends all waits because the ledger is about to close; from now on nobody waits.
    package func endWaiting() {
        inbox.add { $0.endWaiting() }
    }

    /// Sends notices to `sink` from the next group on; returns a number for `unsubscribe`.
    package func subscribe(_ sink: any NoticeSink, to interest: NoticeInterest) -> UInt64 {
        onWriter { $0.outbox.subscribe(sink, to: interest) } ?? 0
    }

    /// Sends no more notices.
    package func unsubscribe(_ id: UInt64) {
        inbox.add { $0.outbox.unsubscribe(id) }
    }

    /// Counts, sizes and positions of the engine.
    public func figures() -> Document {
        onWriter { $0.figures() } ?? .map([])
    }

    /// Calls `body` once when the ledger stops serving because of a failure.
    ///
    /// At once when it has stopped already; otherwise on the writer's thread. A later call replaces
    /// an earlier one.
    package func onFailure(_ body: @escaping @Sendable (LedgerFailure) -> Void) {
        let past = failures.withLock { failures in
            failures.handler = body
            return failures.failure
        }
        if let past { body(past) }
    }

    /// A local process as sessions are bound to it; nothing when there is none of that number.
    public static func identifyProcess(pid: Int32) -> ProcessIdentity? {
        HostFacts.identify(pid: pid)
    }

    /// Decides what has come in, writes a checkpoint and closes.
    ///
    /// Blocks; a second call does nothing.
    public func shutdown() {
        let isFirst = isClosed.withLock { closed in
            defer { closed = true }
            return !closed
        }
        guard isFirst else { return }
        watcher.stop()
        explainer.thread.stop()
        // Its reader of the store must be gone before the engine is.
        runner.endScrub()
        inbox.stop()
        writer.stop()
        runner.stop()
    }

    func onWriter<Value: Sendable>(
        _ body: @escaping @Sendable (LedgerCore) -> Value
    ) -> Value? {
        let cell = ResultCell<Value>()
        guard inbox.add({ core in cell.set(body(core)) }) else { return nil }
        return cell.wait()
    }
}
