// What the daemon's log has of clients: by user, bounded, and with what was left out.

import Glibc
import Logging
import Synchronization
import TenureModel
import TenureTesting
import Testing

@testable import TenureClient
@testable import TenureServer

/// A log that is kept, for a test to look at.
final class KeptLog: LogHandler, Sendable {
    private let kept = Mutex<[String]>([])

    /// Every line, with its facts in the order of their names.
    var lines: [String] { kept.withLock { $0 } }

    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let facts = (event.metadata ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }
        kept.withLock { $0.append((["\(event.message)"] + facts).joined(separator: " ")) }
    }
}

@Suite("Log of clients", .waiting, .timeLimit(.minutes(5)))
struct ClientLogTests {
    private let kept = KeptLog()

    private var log: ClientLog { ClientLog(Logger(label: "test") { _ in kept }) }

    @Test
    func `a user that fills the log hides nobody, and what is left out is told`() {
        let log = log
        for _ in 0..<200 { log.warn("refused", of: "1002", ["user": "1002"], now: 7) }
        log.warn("refused", of: "1004", ["user": "1004"], now: 7)
        let lines = kept.lines
        #expect(lines.count == ServerLimits.linesPerUser + 1)
        #expect(lines.last == "refused user=1004")
        log.tellLeftOut(now: 7)
        #expect(kept.lines.count == lines.count, "the second is not over")
        log.tellLeftOut(now: 8)
        let rest = 200 - ServerLimits.linesPerUser
        #expect(
            kept.lines.last == "more lines about clients were left out lines=\(rest) "
                + "users=1002: \(rest)"
        )
        log.tellLeftOut(now: 9)
        #expect(kept.lines.count == lines.count + 1, "nothing was left out since")
    }

    @Test
    func `all users together have a bound, and who did little is named first`() {
        let log = log
        for round in 0..<10 {
            for user in 0..<100 where user > 0 || round == 0 {
                log.warn("refused", of: "\(user)", [:], now: 7)
            }
        }
        let most = ServerLimits.linesPerSecond + ServerLimits.firstLines
        #expect(kept.lines.count == most)
        log.warn("refused", of: "first", [:], now: 8)
        let summary = kept.lines[most]
        #expect(summary.contains("lines=\(991 - most) "))
        #expect(summary.contains("others: "), "\(summary)")
        #expect(kept.lines.last == "refused")
    }

    @Test
    func `what the ledger does not permit is logged with who asked`() async throws {
        try await Harness.run(log: kept) { harness in
            let client = try await harness.client()
            await #expect(throws: Refusal.self) {
                try await client.send(["ACQUIRE", "theirs", "gpu=1"])
            }
            await client.close()
            let line = kept.lines.first { $0.hasPrefix("a command was not permitted") }
            #expect(line?.contains("reason=user 7 may not act for tenant theirs") == true)
            #expect(line?.hasSuffix("user=\(getuid())") == true)
        }
    }

    @Test
    func `a password that is wrong is logged with its address, a password at all with a notice`()
        async throws
    {
        try await Harness.run(tcp: true, log: kept) { harness in
            let raw = try await harness.raw(harness.tcp)
            try await raw.send("AUTH wrong-and-long-enough\r\n")
            _ = try await raw.read(5)
            await raw.close()
            let line = try #require(kept.lines.first { $0.hasPrefix("a wrong password") })
            #expect(line.contains("address=127.0.0.1") && !line.contains("wrong-and"))
            #expect(kept.lines.contains { $0.hasPrefix("who says the password over TCP") })
        }
    }
}
