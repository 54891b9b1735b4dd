// A timeline that passes over segments shows what one that reads all of them shows.

import Foundation
import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Timelines with indexes", .serialized, .timeLimit(.minutes(5)))
struct IndexedTimelineTests {
    private let daemon = TestDaemon()

    /// A ledger of many small segments: two resources, tenants above each other, a session, leases
    /// that live for long and many that do not.
    ///
    /// - Returns: What has a timeline.
    private func live() async throws -> [String] {
        let configuration = TestDaemon.smallSegments
        let ledger = try Ledger.open(at: daemon.data, configuration: configuration)
        _ = try await ledger.set(.setPool(name: "p", settings: []))
        for name in ["a/gpu", "b/gpu"] {
            let request = ResourceRequest(name: name, pool: "p", kind: .gpu, capacity: 4)
            _ = try await ledger.set(.setResource(request))
        }
        func grant(_ tenant: String, _ session: SessionID? = nil) async throws -> LeaseReference {
            var request = AcquireRequest(
                pool: "p",
                claims: [Claim(amounts: [ClaimAmount(kind: .gpu, amount: 1)])]
            )
            request.tenant = tenant
            request.session = session
            request.ttlMilliseconds = session == nil ? 600_000 : nil
            let grant = try await ledger.acquire(request)
            return LeaseReference(lease: grant.lease, token: grant.token)
        }
        let session = try await ledger.openSession(SessionRequest(ttlMilliseconds: 600_000))
        let inSession = try await grant("team/x", session.session)
        let long = try await grant("team")
        var short: [LeaseID] = []
        for round in 0..<900 {
            let lease = try await grant(round.isMultiple(of: 3) ? "team/y" : "other")
            short.append(lease.lease)
            _ = try await ledger.release(lease)
            if round == 500 { _ = try await ledger.renew(long) }
        }
        _ = try await ledger.closeSession(
            session.reference
        )
        _ = try await ledger.release(long)
        ledger.shutdown()
        // A few segments are indexed at each checkpoint, and an end is one.
        for _ in 0..<8 { try Ledger.open(at: daemon.data, configuration: configuration).shutdown() }
        return [short[1], short[450], short[899], inSession.lease, long.lease]
            .map { "\($0.rawValue)" } + [
                "\(session.session.rawValue)", "b/gpu", "team", "team/y", "x",
            ]
    }

    private func timelines(of subjects: [String]) async throws -> [String] {
        var answers: [String] = []
        for subject in subjects {
            for form in [[], ["--json"]] {
                let words = ["audit", "timeline", daemon.data, subject] + form
                let answer = try await daemon.run(words)
                answers.append("\(answer.status) \(answer.words)")
            }
        }
        return answers
    }

    @Test
    func `with and without indexes a timeline is the same`() async throws {
        let subjects = try await live()
        let archive = "\(daemon.data)/archive"
        let indexes = try FileManager.default.contentsOfDirectory(atPath: archive)
            .filter { $0.hasSuffix(".idx") }.sorted()
        #expect(indexes.count >= 8)
        let indexed = try await timelines(of: subjects)
        // What is passed over is not read: damage there is for 'audit verify' to tell.
        let name = "\(indexes[1].dropLast(3))seg"
        let damaged = try #require(
            ["log", "archive"].map { "\(daemon.data)/\($0)/\(name)" }
                .first { FileManager.default.fileExists(atPath: $0) }
        )
        let bytes = try #require(FileManager.default.contents(atPath: damaged))
        var wrong = bytes
        wrong[wrong.count / 2] ^= 1
        try wrong.write(to: URL(filePath: damaged))
        let last = [subjects[2]]
        #expect(try await timelines(of: last) == Array(indexed[4...5]))
        for name in indexes { try FileManager.default.removeItem(atPath: "\(archive)/\(name)") }
        #expect(try await timelines(of: last).allSatisfy { $0.hasPrefix("65 ") })
        try bytes.write(to: URL(filePath: damaged))
        #expect(try await timelines(of: subjects) == indexed)
        #expect(indexed.filter { $0.hasPrefix("0 ") }.count == 2 * (subjects.count - 1))
        // From the grant, with names, to the end of the session that the lease was in.
        #expect(indexed[6].contains("granted") && indexed[6].contains("/gpu"))
        #expect(indexed[6].contains("session-ended") && !indexed[6].contains("team/y"))
    }
}
