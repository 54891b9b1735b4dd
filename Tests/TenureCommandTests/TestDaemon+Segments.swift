// Ledgers of many segments, made by the library before a daemon serves them.

import Tenure
import TenureModel

extension TestDaemon {
    /// A ledger whose segments are as small as they can be.
    static var smallSegments: LedgerConfiguration {
        var configuration = LedgerConfiguration()
        configuration.createIfMissing = true
        configuration.allowUnsafeFileSystem = true
        configuration.segmentBytes = 64 << 10
        return configuration
    }

    /// A ledger of many small segments, and a lease of its first one that lives on.
    func liveInSmallSegments() async throws -> HeldLease {
        let configuration = Self.smallSegments
        let ledger = try Ledger.open(at: data, configuration: configuration)
        _ = try await ledger.set(.setPool(name: "p", settings: []))
        let resource = ResourceRequest(name: "a/gpu", pool: "p", kind: .gpu, capacity: 4_000)
        _ = try await ledger.set(.setResource(resource))
        func grant(_ holder: String) async throws -> LeaseReference {
            var request = AcquireRequest(
                pool: "p",
                claims: [Claim(amounts: [ClaimAmount(kind: .gpu, amount: 1_000)])]
            )
            request.holder = holder
            request.ttlMilliseconds = 6_000_000
            let grant = try await ledger.acquire(request)
            return LeaseReference(lease: grant.lease, token: grant.token)
        }
        let early = try await grant("early")
        for _ in 0..<400 { _ = try await ledger.release(try await grant("short")) }
        ledger.shutdown()
        // What a checkpoint does not need any more is retired at the next one.
        for _ in 0..<2 { try Ledger.open(at: data, configuration: configuration).shutdown() }
        return HeldLease(lease: "\(early.lease.rawValue)", token: "\(early.token.rawValue)")
    }
}
