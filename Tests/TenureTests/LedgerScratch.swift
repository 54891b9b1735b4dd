// A directory of a test's own for a ledger, and requests that tests make again and again.

import Foundation
import Tenure
import TenureModel

/// A place for one ledger that goes with its owner.
final class LedgerScratch: Sendable {
    /// Where the ledger is.
    let path: String

    init() {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("tenure-ledger-\(UUID().uuidString)").path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Makes a ledger where there is none, on whatever file system the tests run.
    static var configuration: LedgerConfiguration {
        var configuration = LedgerConfiguration()
        configuration.createIfMissing = true
        configuration.allowUnsafeFileSystem = true
        return configuration
    }

    /// Opens the ledger with threads of its own.
    func open(_ change: (inout LedgerConfiguration) -> Void = { _ in }) throws -> Ledger {
        var configuration = Self.configuration
        change(&configuration)
        return try Ledger.open(at: path, configuration: configuration)
    }

    /// Opens the ledger on the calling thread.
    func core(clock: any LedgerClock) throws -> LedgerCore {
        try LedgerCore.direct(directory: path, configuration: Self.configuration, clock: clock)
    }

    /// A pool `main` with one resource of so many CPUs.
    static func setup(cpus: UInt64) -> [Command] {
        [
            .setPool(name: "main", settings: []),
            .setResource(
                ResourceRequest(name: "cpus", pool: "main", kind: .cpu, capacity: cpus * 1000)
            ),
        ]
    }

    /// A request for one CPU.
    static func request(
        ttl: UInt64? = 600_000,
        holder: String = "me",
        session: SessionID? = nil
    ) -> AcquireRequest {
        var request = AcquireRequest(
            pool: "main",
            claims: [Claim(amounts: [ClaimAmount(kind: .cpu, amount: 1000)])]
        )
        request.ttlMilliseconds = session == nil ? ttl : nil
        request.holder = holder
        request.session = session
        return request
    }
}

extension LedgerCore {
    /// Decides one command.
    func ask(_ command: Command) throws(LedgerFailure) -> Answer {
        try process([(command, .embedder)])[0]
    }

    /// Grants one CPU.
    func grant(_ request: AcquireRequest) throws -> Grant {
        guard case .grant(let grant) = try ask(.acquire(request)) else { throw NotGranted() }
        return grant
    }

    /// Milliseconds that a lease has left; nothing when it is not valid.
    func remaining(_ grant: Grant) throws -> UInt64? {
        let answer = try ask(.check(grant.reference))
        guard case .document(let document) = answer, case .integer(let ttl)? = document["ttl"]
        else { return nil }
        return UInt64(ttl)
    }
}

struct NotGranted: Error {}
