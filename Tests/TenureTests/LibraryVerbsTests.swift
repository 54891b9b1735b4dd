// Every verb of the library, once each as a program calls it: that each gives back what it says.

import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Verbs of the library", .waiting)
struct LibraryVerbsTests {
    private let scratch = LedgerScratch()

    private func opened(cpus: UInt64) async throws -> Ledger {
        let ledger = try scratch.open()
        for command in LedgerScratch.setup(cpus: cpus) { _ = try await ledger.set(command) }
        return ledger
    }

    @Test
    func `what is reserved is committed whole or in part, or given back`() async throws {
        let ledger = try await opened(cpus: 2)
        defer { ledger.shutdown() }
        let planned = try await ledger.plan(LedgerScratch.request())
        let first = try await ledger.reserve(LedgerScratch.request(), holdMilliseconds: 60_000)
        #expect(first.status == .reserved && first.reference.lease == planned.reference.lease)
        let lease = try await ledger.commit(first.reference)
        #expect(lease.status == .granted && lease.reference.lease == first.reference.lease)
        let second = try await ledger.reserve(LedgerScratch.request(), holdMilliseconds: 60_000)
        #expect(try await ledger.cancel(second.reference).status == .cancelled)
        #expect(try await ledger.cancel(second.reference).status == .alreadyEnded)
        let third = try await ledger.acquire(LedgerScratch.request())
        let refusal = await #expect(throws: Refusal.self) {
            try await ledger.reserve(LedgerScratch.request(), holdMilliseconds: 60_000)
        }
        #expect(refusal?.code == .exhausted)
        #expect(try await ledger.revoke(third.lease, reason: "test").status == .revoked)
        #expect(try await ledger.release(lease.reference).status == .released)
    }

    @Test
    func `a session is opened, kept and closed with its leases`() async throws {
        let ledger = try await opened(cpus: 1)
        defer { ledger.shutdown() }
        let session = try await ledger.openSession(SessionRequest(ttlMilliseconds: 60_000))
        let lease = try await ledger.acquire(LedgerScratch.request(session: session.session))
        let kept = try await ledger.keepSession(session.reference)
        #expect(kept.session == session.session)
        #expect(try await ledger.closeSession(session.reference).status == .closed)
        let refusal = await #expect(throws: Refusal.self) {
            try await ledger.renew(lease.reference)
        }
        #expect(refusal?.code == .expired)
    }

    @Test
    func `a request is granted at once or queued, and its ticket is called off`() async throws {
        let ledger = try await opened(cpus: 1)
        defer { ledger.shutdown() }
        var request = LedgerScratch.request()
        request.requestID = "one"
        guard case .granted(let grant) = try await ledger.queue(request, milliseconds: 60_000)
        else {
            Issue.record("what is free is granted")
            return
        }
        request.requestID = "two"
        guard case .queued(let queued) = try await ledger.queue(request, milliseconds: 60_000)
        else {
            Issue.record("what is not free waits")
            return
        }
        #expect(try await ledger.read(.ticket(queued.ticket))["status"] == .string("queued"))
        _ = try await ledger.set(.cancelTicket(queued.ticket))
        _ = try await ledger.release(grant.reference)
        let refusal = await #expect(throws: Refusal.self) {
            try await ledger.queue(LedgerScratch.request(), milliseconds: 60_000)
        }
        #expect(refusal?.code == .malformed)
    }

    @Test
    func `a booking and a planned drain are made, shown and called off`() async throws {
        let ledger = try await opened(cpus: 1)
        defer { ledger.shutdown() }
        let request = BookingRequest(
            LedgerScratch.request(),
            startMilliseconds: 3_600_000,
            lengthMilliseconds: 60_000
        )
        guard case .id(let number) = try await ledger.book(request)["booking"] else {
            Issue.record("a booking has a number")
            return
        }
        let booking = TicketID(rawValue: number)
        #expect(try await ledger.read(.booking(booking))["status"] == .string("booked"))
        let again = await #expect(throws: Refusal.self) { try await ledger.book(request) }
        #expect(again?.code == .exhausted)
        for _ in 0..<2 { _ = try await ledger.cancelBooking(booking) }
        let drain = WindowRequest(
            .resource("cpus"),
            startMilliseconds: 3_600_000,
            lengthMilliseconds: 60_000
        )
        guard case .id(let id) = try await ledger.planWindow(drain)["window"] else {
            Issue.record("a window has a number")
            return
        }
        let second = await #expect(throws: Refusal.self) { try await ledger.planWindow(drain) }
        #expect(second?.code == .conflict)
        _ = try await ledger.cancelWindow(WindowID(rawValue: id))
        _ = try await ledger.planWindow(drain)
    }
}
