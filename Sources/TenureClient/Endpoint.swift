// Where a daemon listens, and why a client can not go on.

internal import Glibc
internal import NIOCore
internal import NIOPosix

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
    /// Nobody listens there, or may not be talked to.
    case unreachable(endpoint: String, reason: String)
    /// The connection ended; whether outstanding commands happened is not known.
    case closed
    /// The daemon sent what is no reply.
    case notTenure(String)
    /// The connection was refused: an error that no command of the ledger has.
    case rejected(code: String, message: String)
}

extension Endpoint {
    /// Connects and puts `makeHandler`'s handler into the pipeline.
    func connect<Handler: ChannelInboundHandler & SendableMetatype>(
        on group: any EventLoopGroup,
        makeHandler: @escaping @Sendable () -> Handler
    ) async throws -> (channel: any Channel, handler: NIOLoopBound<Handler>) {
        let bootstrap = ClientBootstrap(group: group)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(makeHandler())
                }
            }
        do {
            let channel = try await connect(with: bootstrap)
            let handler = try await channel.eventLoop.submit {
                NIOLoopBound(
                    try channel.pipeline.syncOperations.handler(type: Handler.self),
                    eventLoop: channel.eventLoop
                )
            }.get()
            return (channel, handler)
        } catch {
            throw ClientError.unreachable(endpoint: name, reason: String(describing: error))
        }
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
                where error.errnoCode == EAGAIN && attempt < Self.attemptsMax
            {
                // Unlike a blocking connect, one that does not block fails when the queue is full.
                try await Task.sleep(for: .milliseconds(10 * attempt))
            }
        }
        throw ClientError.unreachable(endpoint: name, reason: "too many attempts")
    }

    /// How often a full queue is tried: about half a second in all.
    private static let attemptsMax = 10
}
