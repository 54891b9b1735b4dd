// What the log says of a lease while the ledger is open.

import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Explain", .waiting)
struct ExplainTests {
    private let scratch = LedgerScratch()

    private func opened(cpus: UInt64 = 4) async throws -> Ledger {
        let ledger = try scratch.open()
        for command in LedgerScratch.setup(cpus: cpus) { _ = try await ledger.set(command) }
        return ledger
    }

    private func text(_ document: Document, _ path: String...) -> String? {
        var found: Document? = document
        for name in path { found = found?[name] }
        guard case .string(let text)? = found else { return nil }
        return text
    }

    @Test
    func `a lease that is held is explained by its grant, without its token`() async throws {
        let ledger = try await opened()
        defer { ledger.shutdown() }
        let grant = try await ledger.acquire(LedgerScratch.request())
        _ = try await ledger.renew(grant.reference, ttlMilliseconds: 900_000)
        _ = try await ledger.renew(grant.reference, ttlMilliseconds: 950_000)
        let told = try await ledger.explain(.lease(grant.lease))
        #expect(text(told, "state") == "held")
        #expect(text(told, "granted", "event") == "granted")
        #expect(text(told, "granted", "strategy") == "first-fit")
        #expect(told["granted"]?["position"] == .id(grant.position))
        #expect(told["renewals"] == .integer(2))
        #expect(told["ended"] == .null)
        #expect(told["granted"]?["token"] == nil)
        #expect("\(told)".contains(grant.placements[0].resource), "by the name of its resource")
    }

    @Test
    func `a lease that has ended is explained by what ended it, after a restart too`() async throws
    {
        let first = try await opened()
        let released = try await first.acquire(LedgerScratch.request())
        let revoked = try await first.acquire(LedgerScratch.request())
        _ = try await first.release(released.reference)
        _ = try await first.perform(.revoke(revoked.lease, reason: "maintenance"))
        first.shutdown()
        let second = try scratch.open()
        defer { second.shutdown() }
        let one = try await second.explain(.lease(released.lease))
        #expect(text(one, "state") == "ended")
        #expect(text(one, "ended", "event") == "released")
        let other = try await second.explain(.lease(revoked.lease))
        #expect(text(other, "ended", "event") == "revoked")
        #expect(text(other, "ended", "evidence") == "maintenance")
    }

    @Test
    func `a lease that was handed over is told with who has it and who got it`() async throws {
        let ledger = try await opened()
        defer { ledger.shutdown() }
        var request = LedgerScratch.request()
        request.holder = "first"
        let grant = try await ledger.acquire(request)
        let before = try await ledger.explain(.lease(grant.lease))
        #expect(text(before, "heldBy", "holder") == "first")
        #expect(before["grantedTo"] == .null)
        _ = try await ledger.handOver(grant.reference, to: HandOverRequest(holder: "second"))
        let told = try await ledger.explain(.lease(grant.lease))
        #expect(text(told, "heldBy", "holder") == "second")
        #expect(text(told, "grantedTo", "holder") == "first")
    }

    @Test
    func `a request is explained by its lease, or by its refusal`() async throws {
        let ledger = try await opened(cpus: 2)
        defer { ledger.shutdown() }
        var request = LedgerScratch.request()
        request.requestID = "one"
        let grant = try await ledger.acquire(request)
        let told = try await ledger.explain(.request(id: "one", tenant: request.tenant))
        #expect(told["lease"] == .id(grant.lease.rawValue))
        request.requestID = "two"
        request.claims[0].amounts[0].amount = 1 << 40
        _ = await ledger.perform(.acquire(request))
        let refusal = try await ledger.explain(.request(id: "two", tenant: request.tenant))
        #expect(text(refusal, "state") == "refused")
        #expect(text(refusal, "code") == "UNSATISFIABLE")
        await #expect(throws: Refusal.self) {
            try await ledger.explain(.request(id: "three", tenant: request.tenant))
        }
    }

    @Test
    func `what was never granted is not found`() async throws {
        let ledger = try await opened()
        defer { ledger.shutdown() }
        let session = try await ledger.openSession(SessionRequest(ttlMilliseconds: 60_000))
        let strangers = [
            LeaseID(rawValue: 7), LeaseID(rawValue: 1 << 48 | 1),
            LeaseID(rawValue: 1 << 48 | 9_999),
            LeaseID(rawValue: 2 << 48 | 3), LeaseID(rawValue: session.session.rawValue),
        ]
        for id in strangers {
            let refusal = await #expect(throws: Refusal.self) {
                try await ledger.explain(.lease(id))
            }
            #expect(refusal?.code == .notFound, "\(id)")
        }
    }

    @Test
    func `a record is found in a later segment, while others write`() async throws {
        let ledger = try scratch.open { $0.segmentBytes = 64 << 10 }
        defer { ledger.shutdown() }
        for command in LedgerScratch.setup(cpus: 4) { _ = try await ledger.set(command) }
        var grants: [Grant] = []
        for _ in 0..<3 {
            for _ in 0..<200 {
                let grant = try await ledger.acquire(LedgerScratch.request())
                _ = try await ledger.release(grant.reference)
            }
            grants.append(try await ledger.acquire(LedgerScratch.request()))
        }
        async let writing: Void = {
            for _ in 0..<100 {
                let grant = try await ledger.acquire(LedgerScratch.request())
                _ = try await ledger.release(grant.reference)
            }
        }()
        for grant in grants {
            let told = try await ledger.explain(.lease(grant.lease))
            #expect(told["granted"]?["position"] == .id(grant.position))
            #expect(text(told, "state") == "held")
        }
        try await writing
    }
}
