// The verb `serve`: options of the daemon, judged before anything is opened.

internal import ArgumentParser
internal import FoundationEssentials
internal import Logging
internal import TenureServer

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep a ledger and answer on a socket until told to stop.",
        discussion: """
            Creates a ledger only where there is nothing, or an empty directory, and with \
            --existing nowhere. What the host has is declared as the pool 'local', with resources \
            that are watched over restarts; --no-detect leaves that out. Without a policy \
            everybody who can connect may hold for any tenant; with one, who is not in it may do \
            nothing. TCP needs a password, or a policy with accounts; with a policy a password is \
            taken from --password-file only. Beyond loopback TCP needs TLS too. SIGTERM and \
            SIGINT drain and stop; SIGHUP reads policy and certificates again, and without them \
            stops too.

            EXAMPLES
              tenure serve
              tenure serve --data /srv/tenure --socket-group tenure
              tenure serve --tcp 127.0.0.1:7420 --password-file /etc/tenure.password
              tenure serve --policy /etc/tenure/policy.json
              tenure serve --tcp 0.0.0.0:7420 --policy /etc/tenure/policy.json \
                --tls-certificate /etc/tenure/chain.pem --tls-key /etc/tenure/key.pem

            EXIT STATUS
              0 stopped when told   65 data damaged   73 can not create   74 disk failed
              75 served by another process   77 permission   78 configuration
            """
    )

    @Option(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var data: String?

    @Option(help: ArgumentHelp("Socket to listen on; default: <data>.sock.", valueName: "path"))
    var socket: String?

    @Option(help: ArgumentHelp("Group that may use the socket.", valueName: "group"))
    var socketGroup: String?

    @Option(help: ArgumentHelp("Address to listen on beside it.", valueName: "host:port"))
    var tcp: String?

    @Option(help: ArgumentHelp("File with the password for TCP.", valueName: "file"))
    var passwordFile: String?

    @Option(help: ArgumentHelp("File that says who may do what.", valueName: "file"))
    var policy: String?

    @Option(help: ArgumentHelp("Certificate for TLS, with those above it.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("Key of that certificate.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Authorities whose client certificates open accounts.",
            valueName: "file"
        )
    )
    var tlsClientCa: String?

    @Option(help: ArgumentHelp("Byte budget of the front cache.", valueName: "n"))
    var cacheBytes: Int?

    @Option(
        help: ArgumentHelp(
            "Pause between two scrubs of all stored rows, such as 12h; 0s for none.",
            valueName: "duration"
        ),
        transform: Durations.parse
    )
    var scrubInterval: UInt64 = 86_400_000

    @Flag(
        help: ArgumentHelp(
            "Serve only a ledger that is there.",
            discussion: "An empty directory may be a volume that is not mounted: without this, a "
                + "new ledger would grant again what the other one has granted."
        )
    )
    var existing = false

    @Flag(help: "Do not declare what the host has.")
    var noDetect = false

    @Flag(
        help: "Serve from tmpfs, NFS or FUSE although they may lose what was synced."
    )
    var allowUnsafeFileSystem = false

    @Flag(
        help: ArgumentHelp(
            "Make the state anew from the log.",
            discussion: "For a damaged state whose log is whole from its first record, or a "
                + "snapshot, on; the damaged state is kept beside it."
        )
    )
    var rebuildState = false

    @Option(
        help: ArgumentHelp(
            "One of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "level"
        ),
        transform: Serve.level
    )
    var logLevel = Logger.Level.info

    func validate() throws {
        if let cacheBytes, cacheBytes < 0 { throw ValidationError("--cache-bytes is at least 0") }
        if let tcp { _ = try HostPort(tcp) }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key belong together")
        }
        if tlsCertificate == nil, tlsClientCa != nil {
            throw ValidationError("--tls-client-ca needs --tls-certificate and --tls-key")
        }
        if tlsCertificate != nil, tcp == nil {
            throw ValidationError("TLS is for TCP; give --tcp too")
        }
    }

    func run() async throws {
        let manager: ServiceManager
        do throws(ServerError) {
            manager = try ServiceManager.takeFromEnvironment()
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
        let places = Places.current
        let data = Serve.absolute(try places.dataDirectory(option: data))
        Serve.makeParent(of: data)
        let server = try server(places, data: data)
        do {
            // Before the ledger is opened: a daemon that can not listen has no use for it.
            try server.check()
            _ = try server.readPolicy()
            try server.checkTLS()
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
        let daemon = Daemon(
            data: data,
            server: server,
            cacheBytes: cacheBytes,
            scrubInterval: .milliseconds(scrubInterval),
            detects: !noDetect,
            createsIfMissing: !existing,
            allowsUnsafeFileSystem: allowUnsafeFileSystem,
            rebuildsState: rebuildState,
            logLevel: logLevel,
            manager: manager
        )
        try await daemon.run()
    }

    private func server(_ places: Places, data: String) throws -> ServerConfiguration {
        let path = try places.socket(option: socket, data: data)
        var configuration = ServerConfiguration(socketPath: Serve.absolute(path))
        configuration.socketGroup = socketGroup
        configuration.policyPath = policy.map(Serve.absolute)
        guard let tcp else { return configuration }
        let address = try HostPort(tcp)
        let password = try password(places)
        if password == nil, policy == nil {
            throw Failure(
                .configuration,
                "--tcp needs a password: give --password-file or set TENURE_PASSWORD, or give "
                    + "--policy with accounts"
            )
        }
        configuration.tcp = ServerConfiguration.TCP(
            host: address.host,
            port: address.port,
            password: password
        )
        if let tlsCertificate, let tlsKey {
            configuration.tcp?.tls = ListenerTLS(
                certificatePath: Serve.absolute(tlsCertificate),
                keyPath: Serve.absolute(tlsKey),
                clientAuthorityPath: tlsClientCa.map(Serve.absolute)
            )
        }
        return configuration
    }

    /// The one password, which is named in the command where there is a policy.
    ///
    /// A shell that asks daemons has a variable of the same name with the secret of an account:
    /// that would be an admin's here, beside the policy.
    private func password(_ places: Places) throws -> String? {
        if let passwordFile { return try PasswordFile.read(passwordFile) }
        guard let password = places.password else { return nil }
        guard policy == nil else {
            throw Failure(
                .configuration,
                "TENURE_PASSWORD would make an admin of whoever knows it, beside what --policy "
                    + "says; unset it, or say so with --password-file"
            )
        }
        return password
    }

    /// Makes the directories above the ledger's, as a first start needs them.
    ///
    /// What fails here is told by what is tried next, which then has no place.
    private static func makeParent(of path: String) {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
        try? FileManager.default.createDirectory(
            atPath: String(path[..<slash]),
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    /// The path from the root, so that nothing depends on where the daemon was started.
    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    private static func level(_ name: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: name) else {
            throw ValidationError("say one of the levels that --help lists")
        }
        return level
    }
}
