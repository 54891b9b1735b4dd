// What the daemon's front is told: where to listen, for whom, and how to stop.

internal import NIOCore

/// Where the daemon listens and for whom.
public struct ServerConfiguration: Sendable {
    /// A listener for TCP.
    ///
    /// It needs a password, or a policy with accounts; with TLS and a policy with accounts it may
    /// be on any address, else on loopback.
    public struct TCP: Sendable {
        /// `127.0.0.1`, `::1` or `localhost`, or with TLS any address of the host.
        public var host: String
        /// The port; 0 lets the system choose.
        public var port: Int
        /// What AUTH must say, at least 16 bytes; nothing where only accounts may come in.
        public var password: String?
        /// TLS; plain where it is absent.
        public var tls: ListenerTLS?

        /// A listener; `password` makes an admin of everybody who knows it.
        public init(host: String = "127.0.0.1", port: Int, password: String? = nil) {
            self.host = host
            self.port = port
            self.password = password
        }
    }

    /// The path of the Unix socket.
    public var socketPath: String
    /// The group that may connect besides the daemon's own user; nobody else when absent.
    public var socketGroup: String?
    /// The file of the policy; where it is absent, everybody who can connect may hold.
    public var policyPath: String?
    /// The listener for TCP; none when absent.
    public var tcp: TCP?
    /// Threads that serve connections: the ledger's writer is the bottleneck, so one is enough.
    public var threads = 1
    /// How long a graceful shutdown waits for outstanding commands.
    public var drainTime = Duration.seconds(10)
    /// How often every connection is looked at for what takes too long; tests do it themselves.
    var sweepInterval = ServerLimits.sweepInterval

    /// A daemon that listens at `socketPath` for its own user and root.
    public init(socketPath: String) {
        self.socketPath = socketPath
    }
}

/// Why the daemon can not listen, or had to stop: a sentence with the remedy, and an exit code.
public struct ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What, where, and what to do.
    public let sentence: String
    /// The exit code of the process, from sysexits(3).
    public let exitCode: Int32

    /// An error for the operator.
    package init(_ sentence: String, exitCode: Int32) {
        self.sentence = sentence
        self.exitCode = exitCode
    }

    /// The sentence.
    public var description: String { sentence }

    static let unavailable: Int32 = 69
    static let noRoom: Int32 = 71
    static let cannotCreate: Int32 = 73
    static let inputOutput: Int32 = 74
    static let inUse: Int32 = 75
    static let notPermitted: Int32 = 77
    static let configuration: Int32 = 78
}

extension ServerConfiguration {
    /// Checks what can be checked without touching the system.
    ///
    /// - Throws: with exit code 78, naming the setting.
    package func check() throws(ServerError) {
        guard socketPath.hasPrefix("/") else {
            throw ServerError(
                "the socket path '\(socketPath)' is not absolute; write it from /",
                exitCode: ServerError.configuration
            )
        }
        guard socketPath.utf8.count <= ServerLimits.socketPathBytes, !socketPath.hasSuffix("/"),
            !socketPath.utf8.contains(0)
        else {
            throw ServerError(
                "the socket path '\(socketPath)' is longer than \(ServerLimits.socketPathBytes) "
                    + "bytes or no file name; choose another",
                exitCode: ServerError.configuration
            )
        }
        guard ServerLimits.threads.contains(threads) else {
            throw ServerError(
                "\(threads) threads are not between \(ServerLimits.threads.lowerBound) and "
                    + "\(ServerLimits.threads.upperBound)",
                exitCode: ServerError.configuration
            )
        }
        try tcp?.check()
        if let tcp, !tcp.isLoopback, tcp.tls == nil || policyPath == nil {
            throw ServerError(
                "TCP on '\(tcp.host)' is refused: without TLS and a policy with accounts the "
                    + "daemon listens on loopback only; use 127.0.0.1, or give both",
                exitCode: ServerError.configuration
            )
        }
        if let tcp, tcp.password == nil, policyPath == nil {
            throw ServerError(
                "TCP needs a password, or a policy with accounts; set one or do not listen on TCP",
                exitCode: ServerError.configuration
            )
        }
    }

    /// Checks that the files of TLS can be used.
    ///
    /// - Throws: with exit code 77 or 78, naming the file.
    package func checkTLS() throws(ServerError) {
        _ = try tcp?.tls?.makeContext()
    }

    /// Reads the policy, if there is to be one.
    ///
    /// - Throws: with exit code 77 or 78 when it can not be used, or leaves TCP to nobody.
    package func readPolicy() throws(ServerError) -> AccessPolicy? {
        guard let policyPath else { return nil }
        let policy = try PolicyFile.read(policyPath)
        guard let tcp, policy.accounts.isEmpty, tcp.password == nil || !tcp.isLoopback else {
            return policy
        }
        throw ServerError(
            "policy '\(policyPath)' has no accounts, which TCP without a password, or on other "
                + "addresses than loopback, needs; add an account or do not listen on TCP",
            exitCode: ServerError.configuration
        )
    }
}

extension ServerConfiguration.TCP {
    /// Whether nobody but this host can connect.
    var isLoopback: Bool { ["127.0.0.1", "::1", "localhost"].contains(host) }

    fileprivate func check() throws(ServerError) {
        guard (0...65_535).contains(port) else {
            throw ServerError("\(port) is not a TCP port", exitCode: ServerError.configuration)
        }
        guard let password else { return }
        guard
            (ServerLimits.passwordBytesMin...ServerLimits.passwordBytesMax)
                .contains(password.utf8.count)
        else {
            throw ServerError(
                "TCP needs a password of \(ServerLimits.passwordBytesMin) to "
                    + "\(ServerLimits.passwordBytesMax) bytes; set one or do not listen on TCP",
                exitCode: ServerError.configuration
            )
        }
    }
}
