// TLS on TCP: who is believed, what a client's certificate opens, and what is no TLS.

import Glibc
import Logging
import NIOCore
import NIOSSL
import TenureModel
import TenureTesting
import Testing

@testable import TenureClient
@testable import TenureServer

/// Certificates and keys as files, in a directory that is removed afterwards.
final class CertificateFiles {
    private let directory: TemporaryDirectory
    private var paths: [String] = []

    init() throws {
        directory = try TemporaryDirectory()
    }

    deinit {
        // SAFETY: the paths are strings of ours for the calls.
        for path in paths { _ = unsafe unlink(path) }
        directory.remove()
    }

    /// A file with this text; its path.
    func file(_ text: String, mode: mode_t = 0o600) throws -> String {
        let path = "\(directory.path)/\(paths.count).pem"
        // SAFETY: the path is a string of ours for the call.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        try #require(descriptor >= 0)
        paths.append(path)
        // SAFETY: no more is read than the text has.
        #expect(unsafe write(descriptor, text, text.utf8.count) == text.utf8.count)
        #expect(fchmod(descriptor, mode) == 0)
        close(descriptor)
        return path
    }

    /// A daemon's TLS with this certificate; clients of `authority` may show theirs.
    func listener(
        _ certificate: String = TestCertificates.server,
        _ key: String = TestCertificates.serverKey,
        asksClients: Bool = true
    ) throws -> ListenerTLS {
        try ListenerTLS(
            certificatePath: file(certificate),
            keyPath: file(key),
            clientAuthorityPath: asksClients ? file(TestCertificates.authority) : nil
        )
    }

    /// A client's TLS that believes `authority` and shows what is given.
    func client(_ certificate: String? = nil, _ key: String? = nil) throws -> ClientTLS {
        try ClientTLS(
            authorityPath: file(TestCertificates.authority),
            certificatePath: certificate.map { try file($0) },
            keyPath: key.map { try file($0) }
        )
    }
}

@Suite("TLS", .waiting, .timeLimit(.minutes(5)))
struct TLSTests {
    private static func policy(_ names: String = #""ci.example.org""#) throws -> AccessPolicy {
        try PolicyDocument.read(
            Array(
                """
                {"accounts": [
                  {"account": "ci", "uid": 60001, "role": "acquire", "tenants": ["ci"],
                   "secrets": [{"hash": "\(PolicyDocumentTests.hash)"}],
                   "certificates": [\(names)]}
                ]}
                """.utf8
            )
        )
    }

    private static func fault(_ body: () async throws -> Void) async throws -> String {
        let error = await #expect(throws: ClientError.self) { try await body() }
        switch error {
        case .unreachable(_, .notTrusted(let words)): return words
        case .rejected("TLS", let words): return words
        default: return "not of TLS: \(String(describing: error))"
        }
    }

    @Test
    func `a client certificate opens the account that names it`() async throws {
        let files = try CertificateFiles()
        let policy = try Self.policy()
        try await Harness.run(tcp: true, policy: policy, tls: try files.listener()) { harness in
            let tls = try files.client(TestCertificates.client, TestCertificates.clientKey)
            let client = try await TenureClient.connect(to: harness.tcp, tls: tls)
            _ = try await client.send(["STATUS"])
            let caller = Caller(uid: 60_001, isAdmin: false, tenants: TenantScope(["ci"]))
            #expect(harness.ledger.callers == [caller])
            // A policy that names it no more takes all from it.
            harness.policies.replace(try Self.policy(#""cj""#))
            await #expect(throws: Refusal.self) { try await client.send(["STATUS"]) }
            await client.close()
        }
    }

    /// The authority has looked at the other names; the common one may be what the client wanted.
    @Test
    func `a common name opens nothing where the certificate has another kind of name`()
        async throws
    {
        let files = try CertificateFiles()
        let policy = try Self.policy(#""ci""#)
        try await Harness.run(tcp: true, policy: policy, tls: try files.listener()) { harness in
            let tls = try files.client(TestCertificates.client, TestCertificates.clientKey)
            await #expect(throws: ClientError.self) {
                try await TenureClient.connect(to: harness.tcp, tls: tls)
            }
            #expect(harness.ledger.callers.isEmpty)
        }
    }

    @Test
    func `names are those of hosts, or the common name as it is`() throws {
        func names(_ text: String) throws -> [String]? {
            let certificate = try NIOSSLCertificate(bytes: Array(text.utf8), format: .pem)
            return ClientCertificate(certificate)?.names
        }
        #expect(try names(TestCertificates.client) == ["ci.example.org"])
        #expect(try names(TestCertificates.onlyCommonName) == ["ci, spare; x"])
    }

    @Test
    func `without a certificate a secret is needed, and by name or address the host is checked`()
        async throws
    {
        let files = try CertificateFiles()
        try await Harness.run(
            tcp: true,
            policy: try Self.policy(),
            tls: try files.listener()
        ) { harness in
            let tls = try files.client()
            guard case .tcp(_, let port) = harness.tcp else { return }
            for host in ["127.0.0.1", "localhost"] {
                let client = try await TenureClient.connect(
                    to: .tcp(host: host, port: port),
                    account: "ci",
                    password: "correct horse ci",
                    tls: tls
                )
                #expect(try await client.send(["PING"]) == .string("PONG"))
                await client.close()
            }
            let error = await #expect(throws: ClientError.self) {
                try await TenureClient.connect(to: harness.tcp, tls: tls)
            }
            guard case .rejected("NOAUTH", _)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    /// What the daemon shows, and why it is not believed.
    @Test(arguments: [
        (TestCertificates.expired, TestCertificates.expiredKey, "CERTIFICATE_VERIFY_FAILED"),
        (TestCertificates.elsewhere, TestCertificates.elsewhereKey, "is of another host"),
        (TestCertificates.foreign, TestCertificates.foreignKey, "CERTIFICATE_VERIFY_FAILED"),
    ])
    func `a daemon whose certificate has ended, is of another host or authority is not believed`(
        certificate: String,
        key: String,
        words: String
    ) async throws {
        let files = try CertificateFiles()
        let listener = try files.listener(certificate, key)
        try await Harness.run(tcp: true, policy: try Self.policy(), tls: listener) { harness in
            let tls = try files.client()
            let fault = try await Self.fault {
                _ = try await TenureClient.connect(to: harness.tcp, tls: tls)
            }
            #expect(fault.lowercased().contains(words.lowercased()), "\(fault)")
            #expect(harness.ledger.callers.isEmpty)
        }
    }

    @Test(arguments: [
        (TestCertificates.foreign, TestCertificates.foreignKey),
        (TestCertificates.ended, TestCertificates.endedKey),
    ])
    func `a client whose certificate is not believed gets no connection`(
        certificate: String,
        key: String
    ) async throws {
        let files = try CertificateFiles()
        try await Harness.run(
            tcp: true,
            policy: try Self.policy(),
            tls: try files.listener()
        ) { harness in
            let tls = try files.client(certificate, key)
            await #expect(throws: ClientError.self) {
                try await TenureClient.connect(
                    to: harness.tcp,
                    account: "ci",
                    password: "correct horse ci",
                    tls: tls
                )
            }
            #expect(harness.ledger.callers.isEmpty)
            try await harness.wait { harness.front.hubs[0].admission.figures.now == 0 }
        }
    }

    @Test
    func `plain bytes on the port of TLS, and TLS on a plain port, are told apart`() async throws {
        let files = try CertificateFiles()
        let tls = try files.client()
        try await Harness.run(
            tcp: true,
            policy: try Self.policy(),
            tls: try files.listener()
        ) { harness in
            let raw = try await harness.raw(harness.tcp)
            try await raw.send("HELLO 3 AUTH default \"\(Harness.password)\"\r\n")
            let answer = try await raw.readToEnd()
            #expect(!answer.contains("+") && !answer.contains("server"))
            await raw.close()
            try await harness.wait { harness.front.hubs[0].admission.figures.now == 0 }
        }
        try await Harness.run(tcp: true, policy: try Self.policy()) { harness in
            let fault = try await Self.fault {
                _ = try await TenureClient.connect(to: harness.tcp, tls: tls)
            }
            #expect(!fault.hasPrefix("not of TLS"), "\(fault)")
        }
    }

    /// The client says nothing at all, or half of a greeting; time is that of the sweep.
    @Test(arguments: ["", "\u{16}\u{3}\u{1}"])
    func `a handshake that does not come ends by the time of strangers`(start: String) async throws
    {
        let files = try CertificateFiles()
        try await Harness.run(
            tcp: true,
            policy: try Self.policy(),
            tls: try files.listener()
        ) { harness in
            let raw = try await harness.raw(harness.tcp)
            if !start.isEmpty { try await raw.send(start) }
            try await harness.wait { harness.front.hubs[0].admission.figures.now == 1 }
            let late = NIODeadline.now() + ServerLimits.strangerTime + .seconds(1)
            try await harness.onLoop { $0.sweep(at: late) }
            _ = try await raw.readToEnd()
            await raw.close()
            try await harness.wait { harness.front.hubs[0].admission.figures.now == 0 }
        }
    }

    /// Nothing can be said to such a client, so there is nothing to wait for.
    @Test
    func `a handshake that does not come does not hold up a stop`() async throws {
        let files = try CertificateFiles()
        try await Harness.run(
            tcp: true,
            policy: try Self.policy(),
            tls: try files.listener()
        ) { harness in
            let raw = try await harness.raw(harness.tcp)
            try await harness.wait { harness.front.hubs[0].admission.figures.now == 1 }
            try await harness.onLoop { state in
                state.drain(harness.front.hubs[0].eventLoop.makePromise())
            }
            _ = try await raw.readToEnd()
            await raw.close()
        }
    }

    /// Renewed certificates are for new connections; wrong ones leave those before.
    @Test
    func `certificates are read again, and wrong ones change nothing`() throws {
        let files = try CertificateFiles()
        let listener = try files.listener()
        let board = try TLSBoard(listener)
        let before = board.context
        board.reload(.init(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(board.context !== before)
        let now = board.context
        // SAFETY: the path is a string of ours for the call.
        #expect(unsafe truncate(listener.keyPath, 3) == 0)
        board.reload(.init(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(board.context === now)
    }

    @Test
    func `files that can not be used are refused, with the one that is wrong`() throws {
        let files = try CertificateFiles()
        func error(_ tls: ListenerTLS) -> ServerError? {
            #expect(throws: ServerError.self) { try tls.makeContext() }
        }
        let good = try files.listener()
        var tls = good
        tls.keyPath = try files.file(TestCertificates.serverKey, mode: 0o640)
        #expect(error(tls)?.exitCode == 77)
        tls.keyPath = try files.file(TestCertificates.clientKey)
        #expect(error(tls)?.sentence.contains("does not fit") == true)
        tls.keyPath = try files.file("no key")
        #expect(error(tls)?.exitCode == 78)
        tls = good
        tls.certificatePath = try files.file("none")
        #expect(error(tls)?.sentence.contains("has no certificate in PEM") == true)
        tls.certificatePath = try files.file(TestCertificates.server, mode: 0o666)
        #expect(error(tls)?.exitCode == 77)
        tls = good
        tls.clientAuthorityPath = "/nowhere"
        #expect(error(tls)?.exitCode == 78)
    }

    @Test
    func `beyond loopback TCP needs TLS and a policy`() throws {
        var configuration = ServerConfiguration(socketPath: "/tmp/s")
        let word = "0123456789abcdef"
        for host in ["0.0.0.0", "::", "192.0.2.1"] {
            configuration.tcp = .init(host: host, port: 1, password: word)
            configuration.tcp?.tls = ListenerTLS(certificatePath: "/c", keyPath: "/k")
            configuration.policyPath = nil
            #expect(throws: ServerError.self) { try configuration.check() }
            configuration.policyPath = "/p"
            try configuration.check()
            configuration.tcp?.tls = nil
            #expect(throws: ServerError.self) { try configuration.check() }
        }
    }
}
