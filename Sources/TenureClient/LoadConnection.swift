// A connection for load generators: requests are bytes prepared by the driver, replies are bytes.
//
// Nothing is decoded that the driver does not ask for, and nothing crosses a thread: the driver
// runs in the event loop of its connection, so that one thread drives many connections.

package import NIOCore
internal import TenureWire

/// What a load generator sends and what it makes of the replies.
///
/// All calls come from the event loop of the connection, one after the other.
package protocol LoadDriver: AnyObject {
    /// Appends the next request to `output` and returns true, or returns false when there is none.
    ///
    /// `RequestEncoder` makes the bytes; a driver may prepare them once and append copies. After
    /// false it is asked again when a reply has come.
    func next(_ output: inout ByteBuffer) -> Bool

    /// Takes the reply to the oldest request without one.
    func received(_ reply: LoadReply)
}

/// A reply as its bytes.
package struct LoadReply: Sendable {
    /// The whole reply.
    package let bytes: ByteBuffer

    /// Whether it is an error.
    package var isError: Bool {
        bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == 0x2d
    }

    /// The line of an error, for a report; empty for other replies.
    package var errorLine: String {
        guard isError else { return "" }
        return bytes.getString(at: bytes.readerIndex + 1, length: max(0, bytes.readableBytes - 3))
            ?? ""
    }

    /// The integer of a field such as `lease` or `token`.
    package func integer(_ name: StaticString) -> UInt64? { bytes.replyInteger(name) }
}

/// A pipelined connection that keeps `depth` requests outstanding.
package final class LoadConnection: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<LoadHandler>

    private init(channel: any Channel, handler: NIOLoopBound<LoadHandler>) {
        self.channel = channel
        self.handler = handler
    }

    /// Connects, authenticates where `password` is given, and agrees on RESP3.
    ///
    /// - Throws: `ClientError`.
    package static func connect(
        to endpoint: Endpoint,
        account: String = "default",
        password: String? = nil,
        tls: ClientTLS? = nil,
        on group: any EventLoopGroup
    ) async throws -> LoadConnection {
        let (channel, handler) = try await endpoint.connect(on: group, tls: tls) { LoadHandler() }
        let connection = LoadConnection(channel: channel, handler: handler)
        let hello = ["HELLO", "3"] + (password.map { ["AUTH", account, $0] } ?? [])
        try await connection.run(depth: 1) { Greeting(hello) }
        return connection
    }

    /// Sends what the driver has, `depth` at a time, until it has nothing and all is answered.
    ///
    /// `makeDriver` is called in the event loop, so that the driver need not be `Sendable`.
    ///
    /// - Throws: `ClientError` when the connection ends first or the greeting is refused.
    package func run(
        depth: Int,
        makeDriver: @escaping @Sendable () -> any LoadDriver
    ) async throws {
        let handler = handler
        let done = channel.eventLoop.makePromise(of: Void.self)
        channel.eventLoop.execute {
            handler.value.start(makeDriver(), depth: max(1, depth), done: done)
        }
        try await done.futureResult.get()
    }

    /// Closes the connection.
    package func close() async {
        // An error here says that it was closed already.
        try? await channel.close().get()
    }
}

/// Sends HELLO and nothing else.
private final class Greeting: LoadDriver, FailingDriver {
    private let words: [String]
    private var isSent = false
    private(set) var failure: ClientError?

    init(_ words: [String]) {
        self.words = words
    }

    func next(_ output: inout ByteBuffer) -> Bool {
        if isSent { return false }
        isSent = true
        RequestEncoder.write(words, to: &output)
        return true
    }

    func received(_ reply: LoadReply) {
        if reply.isError { failure = .rejected(code: "HELLO", message: reply.errorLine) }
    }
}
