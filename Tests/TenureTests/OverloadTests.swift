// Back-pressure in front of the writer: what is past the bound is turned away, the rest is served.

import Synchronization
import Tenure
import TenureModel
import TenureTesting
import Testing

/// Counts answers, and lets a test wait for so many.
private final class AnswerCount: AnswerSink {
    private let codes = Mutex<[RefusalCode?: Int]>([:])

    func deliver(_ answers: [Delivery]) {
        codes.withLock { codes in
            for delivery in answers {
                var code: RefusalCode?
                if case .refused(let refusal) = delivery.answer { code = refusal.code }
                codes[code, default: 0] += 1
            }
        }
    }

    subscript(code: RefusalCode?) -> Int { codes.withLock { $0[code] ?? 0 } }

    var total: Int { codes.withLock { $0.values.reduce(0, +) } }
}

@Suite("Overload", .waiting)
struct OverloadTests {
    private let scratch = LedgerScratch()

    @Test
    func `past the commands that may wait for the writer the rest is BUSY, at once`() async throws {
        let ledger = try scratch.open()
        defer { ledger.shutdown() }
        let answers = AnswerCount()
        // One batch is taken or turned away in one step, whatever the writer does meanwhile.
        let limit = 65_536
        ledger.submit(
            (0..<limit + 10).map { ticket in
                Submission(
                    command: .query(.status),
                    caller: .embedder,
                    ticket: UInt64(ticket),
                    sink: answers
                )
            }
        )
        #expect(answers[.busy] == 10)
        while answers.total < limit + 10 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(answers[nil] == limit)
        #expect(answers[.busy] == 10)
        // And what comes then is served.
        for command in LedgerScratch.setup(cpus: 1) { _ = try await ledger.set(command) }
        _ = try await ledger.acquire(LedgerScratch.request())
    }
}
