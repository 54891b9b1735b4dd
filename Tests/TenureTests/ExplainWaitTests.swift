// What is told of one who waits: who comes before, what is lacking, and who has it.

import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Explain of waits")
struct ExplainWaitTests {
    private let scratch = LedgerScratch()

    private func opened(cpus: UInt64) async throws -> Ledger {
        let ledger = try scratch.open()
        for command in LedgerScratch.setup(cpus: cpus) { _ = try await ledger.set(command) }
        return ledger
    }

    private func request(_ cpus: UInt64, _ holder: String, tenant: String) -> AcquireRequest {
        var request = LedgerScratch.request(holder: holder)
        request.claims = [Claim(amounts: [ClaimAmount(kind: .cpu, amount: cpus * 1000)])]
        request.tenant = tenant
        return request
    }

    /// Queues a request under its holder's name.
    private func queue(
        _ request: AcquireRequest,
        _ priority: Priority,
        in ledger: Ledger
    ) async throws -> TicketID {
        var request = request
        request.priority = priority
        request.requestID = request.holder
        request.queueMilliseconds = 600_000
        guard case .queued(let queued) = await ledger.perform(.acquire(request)) else {
            throw NotGranted()
        }
        return queued.ticket
    }

    private func holders(_ told: Document) -> [Document] {
        if case .list(let items)? = told["holders"] { items } else { [] }
    }

    private func lacks(_ told: Document) -> [Document] {
        if case .list(let items)? = told["lacks"] { items } else { [] }
    }

    @Test
    func `who waits is told who comes before, what is lacking, and who has most of it`()
        async throws
    {
        let ledger = try await opened(cpus: 4)
        defer { ledger.shutdown() }
        let small = try await ledger.acquire(request(1, "small", tenant: "a"))
        _ = try await ledger.acquire(request(3, "big", tenant: "b"))
        let ticket = try await queue(request(2, "late", tenant: "c"), .normal, in: ledger)
        _ = try await queue(request(2, "high", tenant: "c"), .high, in: ledger)
        let told = try await ledger.explain(.request(id: "late", tenant: "c"))
        #expect(told["state"] == .string("queued"))
        #expect(told["ticket"] == .id(ticket.rawValue))
        #expect(told["class"] == .string("normal"))
        #expect(told["before"] == .integer(1))
        #expect(told["code"] == .string("EXHAUSTED"))
        #expect(lacks(told).map { $0["limit"] } == [.string("cpu")])
        #expect(lacks(told).first?["pool"] == .string("main"))
        #expect(lacks(told).first?["before"] == .integer(1))
        #expect(holders(told).map { $0["holder"] } == [.string("big"), .string("small")])
        #expect(holders(told).map { $0["amount"] } == [.integer(3_000), .integer(1_000)])
        #expect(holders(told).allSatisfy { $0["token"] == nil && $0["ttl"] != nil })
        // By its number it is the same.
        _ = try await ledger.release(small.reference)
        let again = try await ledger.explain(.lease(LeaseID(rawValue: ticket.rawValue)))
        #expect(holders(again).map { $0["holder"] } == [.string("big")])
    }

    @Test
    func `who waits for quota is told whose leases use it`() async throws {
        let ledger = try await opened(cpus: 8)
        defer { ledger.shutdown() }
        _ = try await ledger.set(.setQuota(tenant: "a", kind: .cpu, limit: 2_000))
        _ = try await ledger.acquire(request(5, "other", tenant: "b"))
        _ = try await ledger.acquire(request(2, "mine", tenant: "a/x"))
        _ = try await queue(request(1, "late", tenant: "a/y"), .normal, in: ledger)
        let told = try await ledger.explain(.request(id: "late", tenant: "a/y"))
        #expect(lacks(told).map { $0["limit"] } == [.string("a cpu")])
        #expect(lacks(told).first?["pool"] == .null)
        #expect(holders(told).map { $0["holder"] } == [.string("mine")])
    }

    @Test
    func `who waits for one lease less is told all that count`() async throws {
        let ledger = try await opened(cpus: 8)
        defer { ledger.shutdown() }
        var limits = TenantRequest(tenant: "a")
        limits.leases = .amount(1)
        _ = try await ledger.set(.setTenant(limits))
        _ = try await ledger.acquire(request(1, "mine", tenant: "a"))
        _ = try await queue(request(1, "late", tenant: "a"), .normal, in: ledger)
        let told = try await ledger.explain(.request(id: "late", tenant: "a"))
        #expect(lacks(told).map { $0["limit"] } == [.string("leases of a")])
        #expect(holders(told).map { $0["amount"] } == [.integer(1)])
    }

    @Test
    func `a ticket that ended is explained by its lease, or by what ended it`() async throws {
        let ledger = try await opened(cpus: 1)
        defer { ledger.shutdown() }
        let held = try await ledger.acquire(request(1, "first", tenant: "a"))
        let served = try await queue(request(1, "served", tenant: "a"), .normal, in: ledger)
        let called = try await queue(request(1, "called", tenant: "a"), .normal, in: ledger)
        _ = await ledger.perform(.cancelTicket(called))
        _ = try await ledger.release(held.reference)
        let lease = try await ledger.explain(.lease(LeaseID(rawValue: served.rawValue)))
        #expect(lease["state"] == .string("held") && lease["granted"] != nil)
        let ended = try await ledger.explain(.lease(LeaseID(rawValue: called.rawValue)))
        #expect(ended["state"] == .string("ended"))
        #expect(ended["code"] == .string("TIMEOUT"))
    }
}
