// INFO while the writer does not answer: who waits for it, and what does not.

import FoundationEssentials
import Glibc
import Logging
import TenureClient
import TenureModel
import TenureTesting
import Testing

@testable import TenureServer

@Suite("Informing", .waiting, .timeLimit(.minutes(5)))
struct InformingTests {
    @Test
    func `the ledger is asked once for all who want to know, and one at a time waits`()
        async throws
    {
        try await Harness.run { harness in
            harness.ledger.holdFigures()
            var connections: [RawConnection] = []
            for _ in 0..<20 {
                let raw = try await harness.raw()
                try await raw.send("INFO\r\nINFO ledger\r\nPING\r\n")
                connections.append(raw)
            }
            while try await harness.onLoop({ $0.commands }) < 20 { await Task.yield() }
            try await harness.wait { harness.ledger.figuresAsked == 1 }
            // Nothing behind it is decoded, and others are served.
            let other = try await harness.raw()
            try await other.exchange("PING\r\n", "+PONG\r\n")
            #expect(try await harness.onLoop { $0.commands } == 21)
            harness.ledger.releaseFigures()
            for raw in connections + [other] {
                if raw !== other {
                    let text = try await raw.read { $0.hasSuffix("+PONG\r\n") }
                    #expect(text.split(separator: "# Ledger").count == 3)
                }
                await raw.close()
            }
            #expect(harness.ledger.figuresAsked == 3)
        }
    }

    /// More of them than there are threads for clients.
    @Test
    func `a policy is read again, and a stop comes to its end, while INFO waits for the writer`()
        async throws
    {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let policy = "\(directory.path)/file"
        #expect(
            FileManager.default.createFile(
                atPath: policy,
                contents: Data("{}".utf8),
                attributes: [.posixPermissions: 0o600]
            )
        )
        let ledger = FakeLedger()
        ledger.holdFigures()
        let kept = KeptLog()
        var configuration = ServerConfiguration(socketPath: "\(directory.path)/s")
        configuration.policyPath = policy
        configuration.drainTime = .milliseconds(1)
        configuration.threads = 4
        let (addresses, started) = AsyncStream.makeStream(of: ServerAddresses.self)
        let service = TenureService(
            serving: ledger,
            configuration: configuration,
            logger: Logger(label: "test") { _ in kept },
            started: { started.yield($0) }
        )
        let running = Task { try await service.run() }
        var iterator = addresses.makeAsyncIterator()
        let path = try #require(await iterator.next()).socketPath
        var connections: [RawConnection] = []
        for _ in 0..<16 {
            let raw = try await RawConnection.connect(to: .unixSocket(path: path), reads: true)
            try await raw.send(String(repeating: "INFO\r\n", count: 50))
            connections.append(raw)
        }
        while ledger.figuresAsked == 0 { await Task.yield() }
        service.reload()
        while !kept.lines.contains(where: { $0.hasPrefix("policy read again") }) {
            try Task.checkCancellation()
            await Task.yield()
        }
        running.cancel()
        try await running.value
        #expect(ledger.isShutDown)
        ledger.releaseFigures()
        for raw in connections { await raw.close() }
    }
}
