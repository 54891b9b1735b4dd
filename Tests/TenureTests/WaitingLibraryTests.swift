// Waiting in a program that has the ledger open: the writer's thread, tasks and their cancellation.

import TenureModel
import TenureTesting
import Testing

@testable import Tenure

@Suite("Waiting in a program", .waiting, .timeLimit(.minutes(10)))
struct WaitingLibraryTests {
    private func opened(_ scratch: LedgerScratch) async throws -> (Ledger, Grant) {
        let ledger = try scratch.open()
        for command in LedgerScratch.setup(cpus: 1) { _ = try await ledger.set(command) }
        return (ledger, try await ledger.acquire(LedgerScratch.request()))
    }

    private func waiting(_ milliseconds: UInt64) -> AcquireRequest {
        var request = LedgerScratch.request()
        request.waitMilliseconds = milliseconds
        return request
    }

    private func wait(until count: Int64, in ledger: Ledger) async throws {
        while ledger.figures()["waiting"] != .integer(count) {
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    @Test
    func `acquire waits until something is free, or until its time is over`() async throws {
        let scratch = LedgerScratch()
        let (ledger, held) = try await opened(scratch)
        let refusal = await #expect(throws: Refusal.self) {
            try await ledger.acquire(waiting(20))
        }
        #expect(refusal?.code == .timeout)
        async let next = ledger.acquire(waiting(600_000))
        try await wait(until: 1, in: ledger)
        _ = try await ledger.release(held.reference)
        #expect(try await next.token > held.token)
        ledger.shutdown()
    }

    @Test
    func `cancelling the task calls the wait off, before it began and after`() async throws {
        let scratch = LedgerScratch()
        let (ledger, held) = try await opened(scratch)
        let request = waiting(600_000)
        let task = Task { try await ledger.acquire(request) }
        try await wait(until: 1, in: ledger)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await wait(until: 0, in: ledger)
        let early = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await ledger.acquire(request)
        }
        early.cancel()
        await #expect(throws: CancellationError.self) { try await early.value }
        #expect(ledger.figures()["waiting"] == .integer(0))
        // Any number of tasks, cancelled at any moment: none stays behind.
        for _ in 0..<200 {
            let racing = Task { try await ledger.acquire(request) }
            await Task.yield()
            racing.cancel()
            await #expect(throws: CancellationError.self) { try await racing.value }
        }
        #expect(ledger.figures()["waiting"] == .integer(0))
        _ = try await ledger.release(held.reference)
        #expect(try await ledger.acquire(LedgerScratch.request()).token > held.token)
        ledger.shutdown()
    }

    @Test
    func `closing the ledger answers those who wait`() async throws {
        let scratch = LedgerScratch()
        let (ledger, _) = try await opened(scratch)
        let request = waiting(600_000)
        let task = Task { try await ledger.acquire(request) }
        try await wait(until: 1, in: ledger)
        ledger.shutdown()
        await #expect(throws: LedgerCore.closingRefusal) { try await task.value }
    }
}
