// TLS of a client: whom it believes, and what it shows.

internal import NIOCore
internal import NIOSSL

/// How a client speaks TLS: always 1.3, always with the name of the host checked.
public struct ClientTLS: Hashable, Sendable {
    /// The authorities that the daemon's certificate must come from, in PEM; those of the host when
    /// absent.
    public var authorityPath: String?
    /// The certificate that the client shows, in PEM; none when absent.
    public var certificatePath: String?
    /// The key of that certificate, in PEM.
    public var keyPath: String?

    /// TLS that believes `authorityPath` and shows a certificate where one is given.
    public init(
        authorityPath: String? = nil,
        certificatePath: String? = nil,
        keyPath: String? = nil
    ) {
        self.authorityPath = authorityPath
        self.certificatePath = certificatePath
        self.keyPath = keyPath
    }

    /// Reads the files.
    ///
    /// - Throws: `ClientError.unusable`, naming the file.
    func makeContext() throws(ClientError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        if let authorityPath {
            configuration.trustRoots = .certificates(try Self.certificates(authorityPath))
        }
        if let certificatePath {
            configuration.certificateChain = try Self.certificates(certificatePath)
                .map { .certificate($0) }
        }
        if let keyPath {
            guard let key = try? NIOSSLPrivateKey(file: keyPath, format: .pem) else {
                throw .unusable(file: keyPath, "is no private key in PEM without a passphrase")
            }
            configuration.privateKey = .privateKey(key)
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw .unusable(
                file: certificatePath ?? authorityPath ?? "TLS",
                "can not be used, or does not fit its key"
            )
        }
    }

    private static func certificates(_ path: String) throws(ClientError) -> [NIOSSLCertificate] {
        if let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty {
            return certificates
        }
        throw .unusable(file: path, "has no certificate in PEM, or can not be read")
    }
}
