// Where a daemon listens, and why a client can not go on.

internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import SystemPackage
internal import TenureWire

/// Where a daemon listens.
public enum Endpoint: Hashable, Sendable {
    /// A Unix socket, by its path.
    case unixSocket(path: String)
    /// TCP.
    case tcp(host: String, port: Int)

    /// The endpoint as an error names it.
    public var name: String {
        switch self {
        case .unixSocket(let path): path
        case .tcp(let host, let port): "\(host):\(port)"
        }
    }
}

/// Why a client can not go on; what the ledger refuses is a `Refusal` instead.
public enum ClientError: Error, Equatable, Sendable {
    /// There is no connection to a daemon.
    case unreachable(endpoint: String, reason: ConnectFault)
    /// The connection ended; whether outstanding commands happened is not known.
    case closed
    /// The daemon sent what is no reply.
    case notTenure(String)
    /// A file that was given is not what it should be.
    case unusable(file: String, String)
    /// The connection was refused: an error that no command of the ledger has.
    case rejected(code: String, message: String)
}

/// Why there is no connection.
public enum ConnectFault: Equatable, Sendable, CustomStringConvertible {
    /// There is no socket at the path.
    case absent
    /// There is a socket, or a host, and nobody listens.
    case nobodyListens
    /// The socket belongs to others.
    case forbidden
    /// No address of that name is known.
    case unknownHost
    /// More connections wait to be accepted than there is room for.
    case full
    /// TLS: the daemon's certificate is not believed, or it speaks none, or does not believe ours.
    case notTrusted(String)
    /// Something else, in the system's words.
    case other(String)

    /// The reason as part of a sentence.
    public var description: String {
        switch self {
        case .absent: "there is no such socket"
        case .nobodyListens: "nobody listens there"
        case .forbidden: "this user may not use it"
        case .unknownHost: "the host is not known"
        case .full: "too many connections wait to be accepted"
        case .notTrusted(let words): "no trust over TLS: \(words)"
        case .other(let words): words
        }
    }

    /// What an error of NIO means; of several addresses the last one's.
    init(_ error: any Error) {
        switch error {
        case let error as IOError: self.init(errno: Errno(rawValue: error.errnoCode))
        case let error as NIOConnectionError:
            if let failure = error.connectionErrors.last {
                self.init(failure.error)
            } else {
                self = .unknownHost
            }
        case let error as NIOSSLError: self = .notTrusted(TLSReason.word(in: "\(error)"))
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            self = .notTrusted("its certificate is of another host")
        case let error as NIOSSLExtraError:
            self = .notTrusted(TLSReason.word(in: error.description))
        case ChannelError.eof: self = .notTrusted("the connection ended before it was agreed on")
        case ChannelError.connectTimeout: self = .other("it does not answer in time")
        default: self = .other(String(describing: error))
        }
    }

    private init(errno: Errno) {
        self =
            switch errno {
            case .noSuchFileOrDirectory, .notDirectory: .absent
            case .connectionRefused: .nobodyListens
            case .permissionDenied, .notPermitted: .forbidden
            case .resourceTemporarilyUnavailable: .full
            default: .other(errno.description)
            }
    }
}

extension Endpoint {
    /// Connects and puts `makeHandler`'s handler into the pipeline.
    func connect<Handler: ChannelInboundHandler & SendableMetatype>(
        on group: any EventLoopGroup,
        tls: ClientTLS? = nil,
        makeHandler: @escaping @Sendable () -> Handler
    ) async throws -> (channel: any Channel, handler: NIOLoopBound<Handler>) {
        let context = try tls?.makeContext()
        let hostName = hostName
        let handshakes = Handshakes()
        let bootstrap = ClientBootstrap(group: group)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context {
                        try pipeline.addHandler(
                            try NIOSSLClientHandler(context: context, serverHostname: hostName)
                        )
                        try pipeline.addHandler(handshakes.waiter(of: channel))
                    }
                    try pipeline.addHandler(makeHandler())
                }
            }
        do {
            let channel = try await connect(with: bootstrap)
            try await handshakes.wait(for: channel)
            let handler = try await channel.eventLoop.submit {
                NIOLoopBound(
                    try channel.pipeline.syncOperations.handler(type: Handler.self),
                    eventLoop: channel.eventLoop
                )
            }.get()
            return (channel, handler)
        } catch is ChannelPipelineError where tls != nil {
            // Ours was sent last, so it has agreed before it has looked at it.
            let words = "the daemon ended the connection; it may not believe our certificate"
            throw ClientError.unreachable(endpoint: name, reason: .notTrusted(words))
        } catch {
            throw ClientError.unreachable(endpoint: name, reason: ConnectFault(error))
        }
    }

    /// The name that a certificate must have; of an address, it must have the address.
    private var hostName: String? {
        guard case .tcp(let host, _) = self else { return nil }
        return (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
    }

    /// Connects; a daemon whose queue of connections is full is asked again a few times.
    func connect(with bootstrap: ClientBootstrap) async throws -> any Channel {
        for attempt in 1... {
            do {
                switch self {
                case .unixSocket(let path):
                    return try await bootstrap.connect(unixDomainSocketPath: path).get()
                case .tcp(let host, let port):
                    return try await bootstrap.connect(host: host, port: port).get()
                }
            } catch let error as IOError
                where ConnectFault(error) == .full && attempt < Self.attemptsMax
            {
                // Unlike a blocking connect, one that does not block fails when the queue is full.
                try await Task.sleep(for: .milliseconds(10 * attempt))
            }
        }
        throw ClientError.unreachable(endpoint: name, reason: .full)
    }

    /// How often a full queue is tried: about half a second in all.
    private static let attemptsMax = 10
}
