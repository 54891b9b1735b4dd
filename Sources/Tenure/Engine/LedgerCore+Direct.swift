// The engine driven directly by its owner, without threads: traces, simulation, tests.

internal import CTenureSystem
internal import Synchronization
package import TenureModel
internal import TenureStorage

/// Keeps the answers of one batch.
private final class CollectingSink: AnswerSink {
    private let answers: Mutex<[Answer?]>

    init(count: Int) {
        answers = Mutex(Array(repeating: nil, count: count))
    }

    func deliver(_ deliveries: [Delivery]) {
        answers.withLock { answers in
            for delivery in deliveries where delivery.queued == nil {
                answers[Int(delivery.ticket)] = delivery.answer
            }
        }
    }

    var collected: [Answer?] { answers.withLock { $0 } }
}

extension LedgerCore {
    /// Opens a ledger whose checkpoints run where they fall due.
    package static func direct(
        directory: String,
        configuration: LedgerConfiguration,
        clock: any LedgerClock
    ) throws(LedgerOpenError) -> LedgerCore {
        try open(
            directory: directory,
            configuration: configuration,
            clock: clock,
            runner: InlineCheckpointRunner()
        )
    }

    /// Decides a batch, makes it durable with one sync, and returns the answers in order.
    ///
    /// Nobody waits here: what is not granted when the batch is through is called off.
    ///
    /// - Throws: why the ledger stopped; what was asked may or may not have happened then.
    package func process(_ batch: [(Command, Caller)]) throws(LedgerFailure) -> [Answer] {
        let sink = CollectingSink(count: batch.count)
        run(
            batch.enumerated().map { index, item in
                Submission(
                    command: item.0,
                    caller: item.1,
                    ticket: UInt64(index),
                    sink: sink
                )
            }
        )
        // What waits for reclaim is decided when what is due has been taken back.
        while failure == nil, !deferred.isEmpty { run([]) }
        if !waiting.isEmpty,
            abandon(batch.indices.map { Abandonment(ticket: UInt64($0), sink: sink) })
        {
            run([])
        }
        if let failure { throw failure }
        return sink.collected.map { answer in
            answer ?? .refused(Self.unknownRefusal)
        }
    }

    /// Decides a batch and goes on until nobody is left whose turn it may be; who waits, waits on.
    ///
    /// - Throws: why the ledger stopped; answers that were certain by then have come.
    package func runUntilStill(_ batch: [Submission]) throws(LedgerFailure) {
        run(batch)
        while failure == nil,
            !deferred.isEmpty || waiting.hasMarked || backfill.isBuilding || waiting.isDue(at: now)
        {
            run([])
        }
        if let failure { throw failure }
    }

    /// Takes back everything that is due now.
    package func settle() throws(LedgerFailure) {
        while failure == nil {
            tick()
            do throws(RowFault) {
                if try state.nextDue() > now { break }
            } catch {
                fail(LedgerFailure(error))
            }
        }
        if let failure { throw failure }
    }

    /// Stops without a checkpoint, as the end of the process would.
    ///
    /// The directory is free again when the last reference to this engine is gone.
    package func crash() {
        fail(LedgerFailure(sentence: "stopped on request", exitCode: 70))
        runner.finish()
    }

    /// The first violation of I2 or I3, as a sentence; nothing when both hold.
    ///
    /// O(leases).
    package func invariantFault() throws(LedgerFailure) -> String? {
        do throws(RowFault) {
            return try state.invariantFault()
        } catch {
            throw LedgerFailure(error)
        }
    }

    /// A digest of who holds what, whatever the positions it was granted at.
    ///
    /// The same work gives the same digest, with or without restarts in between. O(leases).
    package func contentDigest() throws(LedgerFailure) -> String {
        do throws(RowFault) {
            let lines = try state.contentLines()
            var sum = [UInt64](repeating: 0, count: 2)
            let key = [UInt8](repeating: 0, count: 16)
            for line in lines {
                var hash: [UInt64] = [0, 0]
                let bytes = Array(line.utf8)
                // SAFETY: all three buffers outlive the call and have the sizes that it expects.
                unsafe tenure_siphash128(key, bytes, bytes.count, &hash)
                sum[0] &+= hash[0]
                sum[1] &+= hash[1]
            }
            return sum.map { word in
                let digits = String(word, radix: 16)
                return String(repeating: "0", count: 16 - digits.count) + digits
            }.joined()
        } catch {
            throw LedgerFailure(error)
        }
    }
}
