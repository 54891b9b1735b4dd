// TLS of the TCP listener: its certificate and key, and whose certificates clients may show.
//
//   L1  TLS 1.3 and nothing older: every client that is to use it can, and there is nothing to
//       choose wrongly.
//   L2  A client that shows a certificate shows one that the given authority has signed and that
//       is valid, or gets no connection. One that shows none has to say a secret.
//
// What a client's certificate opens is in the policy.

internal import Logging
internal import NIOSSL
internal import SwiftASN1
internal import Synchronization
internal import TenureWire
internal import X509

/// The files that the listener's TLS is made of, in PEM.
public struct ListenerTLS: Hashable, Sendable {
    /// The certificate, with those between it and its authority behind it.
    public var certificatePath: String
    /// The key of the certificate; nobody else may read it.
    public var keyPath: String
    /// The authorities that clients' certificates must come from; nothing where none are asked for.
    public var clientAuthorityPath: String?

    /// TLS with these files.
    public init(certificatePath: String, keyPath: String, clientAuthorityPath: String? = nil) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.clientAuthorityPath = clientAuthorityPath
    }

    /// Reads the files.
    ///
    /// - Throws: with exit code 77 or 78, naming the file.
    func makeContext() throws(ServerError) -> NIOSSLContext {
        let limit = ServerLimits.certificateBytes
        let keyBytes = try GuardedFile.read(keyPath, "TLS key", .secret, atMost: limit)
        let chain = try certificates(certificatePath, "TLS certificate")
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(bytes: keyBytes, format: .pem)
        } catch {
            throw ServerError(
                "TLS key '\(keyPath)' is no private key in PEM without a passphrase",
                exitCode: ServerError.configuration
            )
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv13
        configuration.shutdownTimeout = ServerLimits.stopFarewellTime
        if let clientAuthorityPath {
            configuration.trustRoots = .certificates(
                try certificates(clientAuthorityPath, "TLS client authority")
            )
            configuration.certificateVerification = .optionalVerification
            configuration.sendCANameList = true
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ServerError(
                "TLS key '\(keyPath)' does not fit the certificate '\(certificatePath)', or one of "
                    + "them can not be used: \(TLSReason.word(in: "\(error)"))",
                exitCode: ServerError.configuration
            )
        }
    }

    private func certificates(
        _ path: String,
        _ name: String
    ) throws(ServerError) -> [NIOSSLCertificate] {
        let limit = ServerLimits.certificateBytes
        let bytes = try GuardedFile.read(path, name, .published, atMost: limit)
        if let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty {
            return certificates
        }
        throw ServerError(
            "\(name) '\(path)' has no certificate in PEM",
            exitCode: ServerError.configuration
        )
    }
}

/// The TLS that new connections get, which can be replaced when certificates are renewed.
final class TLSBoard: Sendable {
    private let files: ListenerTLS
    private let state: Mutex<NIOSSLContext>

    /// TLS from these files.
    ///
    /// - Throws: with exit code 77 or 78, naming the file.
    init(_ files: ListenerTLS) throws(ServerError) {
        self.files = files
        state = Mutex(try files.makeContext())
    }

    /// What a new connection gets.
    var context: NIOSSLContext { state.withLock { $0 } }

    /// Reads the files again; with wrong ones the TLS before goes on.
    func reload(_ logger: Logger) {
        do throws(ServerError) {
            let context = try files.makeContext()
            state.withLock { $0 = context }
            logger.notice("certificates read again", metadata: ["path": "\(files.certificatePath)"])
        } catch {
            logger.error(
                "the certificates are wrong; those before are used on",
                metadata: ["reason": "\(error.sentence)"]
            )
        }
    }
}

/// What a client's certificate, which has been verified, says of it.
struct ClientCertificate {
    /// The names of hosts and URIs; the common names only where there is no other kind of name.
    let names: [String]
    /// When it ends, in seconds since 1970.
    let expires: Double

    /// Reads a certificate; nothing when it is none that we understand.
    init?(_ certificate: NIOSSLCertificate) {
        guard let bytes = try? certificate.toDERBytes(),
            let parsed = try? Certificate(derEncoded: bytes)
        else { return nil }
        guard let names = try? Self.names(of: parsed) else { return nil }
        self.names = names
        expires = Double(certificate.notValidAfter)
    }
    /// The common name is what an authority may leave to who asks for a certificate, while it has
    /// looked at the other names: with these it says nothing.
    private static func names(of certificate: Certificate) throws -> [String] {
        if let alternatives = try certificate.extensions.subjectAlternativeNames {
            return alternatives.compactMap { name in
                switch name {
                case .dnsName(let text), .uniformResourceIdentifier(let text): text
                default: nil
                }
            }
        }
        return certificate.subject.flatMap { part in
            part.filter { $0.type == .RDNAttributeType.commonName }.compactMap { String($0.value) }
        }
    }
}
