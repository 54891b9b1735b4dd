// The scrub of a served ledger: it goes on beside commands and checkpoints, and ends on damage.

import Foundation
import Tenure
import TenureModel
import TenureStorage
import TenureTesting
import Testing

@Suite("Scrub of a served ledger", .waiting)
struct LedgerScrubTests {
    private let scratch = LedgerScratch()

    /// Opens the ledger with one scrub after the other.
    private func open(checkpointRecords: UInt64? = nil) throws -> Ledger {
        var configuration = LedgerScratch.configuration
        configuration.scrubInterval = .milliseconds(1)
        if let checkpointRecords { configuration.checkpoints.records = checkpointRecords }
        return try Ledger.open(at: scratch.path, configuration: configuration)
    }

    private func figure(_ name: String, of ledger: Ledger) -> Int64 {
        guard case .integer(let value)? = ledger.figures()[name] else { return -1 }
        return value
    }

    @Test
    func `I10: a whole state passes again and again, beside commands and checkpoints`()
        async throws
    {
        let ledger = try open(checkpointRecords: 20)
        for command in LedgerScratch.setup(cpus: 4) { _ = try await ledger.set(command) }
        while figure("scrubPasses", of: ledger) < 3 || figure("checkpoints", of: ledger) < 10 {
            for _ in 0..<10 {
                let grant = try await ledger.acquire(LedgerScratch.request())
                _ = try await ledger.release(grant.reference)
            }
        }
        #expect(figure("scrubRows", of: ledger) > 0)
        #expect(figure("scrubLastPassUnixSeconds", of: ledger) > 1_500_000_000)
        ledger.shutdown()
        // Nothing of the scrub keeps the state open.
        try open().shutdown()
    }

    /// The damaged row is the resource's, which is read at the opening and never again.
    @Test
    func `I10: damage in a row that nobody reads ends the ledger with 65, and no start serves it`()
        async throws
    {
        let first = try scratch.open()
        for command in LedgerScratch.setup(cpus: 4) { _ = try await first.set(command) }
        first.shutdown()
        let ledger = try open()
        defer { ledger.shutdown() }
        let (failures, told) = AsyncStream.makeStream(of: LedgerFailure.self)
        try StateFile(of: scratch.path).flipBit(in: "cpus")
        ledger.onFailure { told.yield($0) }
        for await failure in failures {
            #expect(failure.exitCode == 65)
            #expect(failure.sentence.contains("scrub"))
            #expect(failure.sentence.contains("table resources"))
            #expect(failure.sentence.contains("wrong checksum"))
            break
        }
        let refusal = await #expect(throws: Refusal.self) {
            try await ledger.acquire(LedgerScratch.request())
        }
        #expect(refusal?.code == .unknown)
        // Who asks late is told as well.
        let late = AsyncStream.makeStream(of: LedgerFailure.self)
        ledger.onFailure { late.continuation.yield($0) }
        for await failure in late.stream {
            #expect(failure.exitCode == 65)
            break
        }
        ledger.shutdown()
        let error = #expect(throws: LedgerOpenError.self) { try scratch.open() }
        #expect(error?.exitCode == 65)
    }

    @Test
    func `without an interval nothing is scrubbed`() async throws {
        var configuration = LedgerScratch.configuration
        configuration.scrubInterval = .zero
        let ledger = try Ledger.open(at: scratch.path, configuration: configuration)
        defer { ledger.shutdown() }
        for command in LedgerScratch.setup(cpus: 4) { _ = try await ledger.set(command) }
        try await Task.sleep(for: .milliseconds(100))
        #expect(figure("scrubRows", of: ledger) == 0)
    }
}

/// The file of a ledger's state, changed behind everybody's back.
struct StateFile {
    private let url: URL

    /// The state of the ledger at `path`.
    init(of path: String) {
        url = URL(fileURLWithPath: path).appendingPathComponent("state/data.mdb")
    }

    /// Flips one bit wherever `text` is in the file; a map of it shows that at once.
    func flipBit(in text: String) throws {
        let bytes = try Data(contentsOf: url)
        let file = try FileHandle(forUpdating: url)
        defer { try? file.close() }
        var (from, flipped) = (bytes.startIndex, 0)
        while let found = bytes.range(of: Data(text.utf8), in: from..<bytes.endIndex) {
            try file.seek(toOffset: UInt64(found.lowerBound))
            try file.write(contentsOf: [bytes[found.lowerBound] ^ 1])
            (from, flipped) = (found.upperBound, flipped + 1)
        }
        guard flipped > 0 else { throw NotThere() }
    }

    private struct NotThere: Error {}
}
