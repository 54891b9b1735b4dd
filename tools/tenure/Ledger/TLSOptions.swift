// Options by which a verb speaks TLS to a daemon.

internal import ArgumentParser
internal import TenureClient

/// Whether a connection is encrypted, whom it believes, and what it shows.
struct TLSOptions: ParsableArguments {
    @Flag(help: "Speak TLS to the address of --tcp.")
    var tls = false

    @Option(
        help: ArgumentHelp(
            "Authorities that the daemon's certificate must come from; default: the host's.",
            valueName: "file"
        )
    )
    var ca: String?

    @Option(help: ArgumentHelp("Certificate to show.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("Key of that certificate.", valueName: "file"))
    var key: String?

    func validate() throws {
        guard (certificate == nil) == (key == nil) else {
            throw ValidationError("--certificate and --key belong together")
        }
        if !tls, ca != nil || certificate != nil {
            throw ValidationError("--ca, --certificate and --key need --tls")
        }
    }

    /// How to speak TLS; nothing when the connection is plain.
    func tls(over endpoint: Endpoint) throws -> ClientTLS? {
        guard tls else { return nil }
        guard case .tcp = endpoint else { throw ValidationError("--tls needs --tcp") }
        return ClientTLS(authorityPath: ca, certificatePath: certificate, keyPath: key)
    }
}
