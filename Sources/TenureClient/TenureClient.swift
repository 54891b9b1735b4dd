// A client of the daemon: commands in, answers out, over one pipelined connection.
//
// Commands of concurrent tasks share the connection and are answered in the order they were sent.
// A client does not reconnect: after `ClientError.closed` the caller decides, and asks with its
// request id whether what was outstanding happened.

public import NIOCore
public import NIOPosix
public import TenureModel
internal import TenureWire

/// A connection to a daemon.
public final class TenureClient: Sendable {
    /// What the daemon says without being asked: leases lost, and events after WATCH.
    ///
    /// One task may iterate; past 1,000 that nobody took, the oldest are dropped.
    public let pushes: AsyncStream<Push>
    private let channel: any Channel
    private let handler: NIOLoopBound<ClientHandler>

    /// How many pushes wait for somebody to take them.
    private static let pushesKept = 1_000

    private init(
        channel: any Channel,
        handler: NIOLoopBound<ClientHandler>,
        pushes: AsyncStream<Push>
    ) {
        self.channel = channel
        self.handler = handler
        self.pushes = pushes
    }

    /// Connects, authenticates where `password` is given, and agrees on RESP3.
    ///
    /// `account` is whose password it is; without one, it is that of the daemon. With `tls` the
    /// connection is encrypted, and the daemon's certificate checked; a Unix socket has none.
    ///
    /// - Throws: `ClientError.unreachable` when nobody listens, `ClientError.rejected` when the
    ///   daemon does not want us, `Refusal` with `busy` when it has too many connections.
    public static func connect(
        to endpoint: Endpoint,
        account: String = "default",
        password: String? = nil,
        tls: ClientTLS? = nil,
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> TenureClient {
        let (pushes, continuation) = AsyncStream.makeStream(
            of: Push.self,
            bufferingPolicy: .bufferingNewest(pushesKept)
        )
        let (channel, handler) = try await endpoint.connect(on: group, tls: tls) {
            ClientHandler(pushes: continuation)
        }
        let client = TenureClient(channel: channel, handler: handler, pushes: pushes)
        do {
            _ = try await client.send(
                ["HELLO", "3"] + (password.map { ["AUTH", account, $0] } ?? [])
            )
        } catch {
            await client.close()
            throw error
        }
        return client
    }

    /// Sends a command and waits for its answer.
    ///
    /// Cancelling the task does not take the command back. There is no time limit: a command with
    /// `WAIT` is answered when its wait ends, and what other tasks send on this connection is
    /// answered behind it, so wait on a client of its own, and close that to call the wait off.
    ///
    /// - Throws: `Refusal` when the ledger says no; `ClientError` when there is no answer.
    public func send(_ words: [String]) async throws -> Document {
        let handler = handler
        let reply = try await withCheckedThrowingContinuation { continuation in
            channel.eventLoop.execute { handler.value.send(words, continuation) }
        }
        switch reply {
        case .value(let document):
            return document
        case .failure(let code, let message):
            if let code = RefusalCode(rawValue: code) { throw Refusal(code, message) }
            throw ClientError.rejected(code: code, message: message)
        case .push:
            throw ClientError.notTenure("a push where an answer was due")
        }
    }

    /// Sends `command` and waits for its answer.
    ///
    /// - Throws: as `send(_:)` with words; `Refusal` for what only the ledger asks of itself.
    public func send(_ command: Command) async throws -> Document {
        guard let words = CommandWriter.words(command) else {
            throw Refusal(.malformed, "housekeeping is the ledger's own and can not be sent")
        }
        return try await send(words)
    }

    /// Closes the connection; what is outstanding ends in `ClientError.closed`.
    public func close() async {
        // An error here says that it was closed already.
        try? await channel.close().get()
    }
}

/// Something that the daemon said without being asked.
public struct Push: Equatable, Sendable {
    /// What kind: `lease-lost`, `lease-preempted`, `ticket-granted`, `ticket-ended`, `event`.
    public let name: String
    /// What it says.
    public let values: [Document]
}
