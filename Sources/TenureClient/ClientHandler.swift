// The connection's end in the event loop: requests out, replies matched in order, pushes aside.

internal import NIOCore
internal import NIOSSL
internal import TenureWire

/// Matches replies to the requests they answer; lives in its event loop.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    typealias Waiting = CheckedContinuation<Reply, any Error>

    private let pushes: AsyncStream<Push>.Continuation
    private var waiting = CircularBuffer<Waiting>()
    private var decoder = ReplyDecoder()
    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var isFlushScheduled = false
    private var context: ChannelHandlerContext?

    init(pushes: AsyncStream<Push>.Continuation) {
        self.pushes = pushes
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    /// Sends `words`; everything sent in one turn of the loop leaves in one write.
    func send(_ words: [String], _ reply: Waiting) {
        guard let context, context.channel.isActive else {
            reply.resume(throwing: ClientError.closed)
            return
        }
        waiting.append(reply)
        RequestEncoder.write(words, to: &output)
        if isFlushScheduled { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard let context, output.readableBytes > 0 else { return }
        let bytes = output
        output = context.channel.allocator.buffer(capacity: 512)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        if input.readableBytes == 0 { input = part } else { input.writeBuffer(&part) }
        do {
            while let reply = try decoder.next(&input) { try accept(reply) }
        } catch {
            end(ClientError.notTenure(String(describing: error)))
            context.close(promise: nil)
        }
    }

    private func accept(_ reply: Reply) throws(ClientError) {
        if case .push(let name, let values) = reply {
            pushes.yield(Push(name: name, values: values))
        } else if let first = waiting.popFirst() {
            first.resume(returning: reply)
        } else if case .failure(let code, let message) = reply {
            // Said at once by a daemon that does not want the connection.
            throw .rejected(code: code, message: message)
        } else {
            throw .notTenure("an answer to nothing")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(ClientError.closed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // After our handshake the daemon may still say that it does not believe our certificate.
        let isOfTLS = error is NIOSSLError && !(error as? NIOSSLError == .uncleanShutdown)
        end(
            isOfTLS
                ? ClientError.rejected(code: "TLS", message: TLSReason.word(in: "\(error)"))
                : ClientError.closed
        )
        context.close(promise: nil)
    }

    private func end(_ error: ClientError) {
        pushes.finish()
        while let first = waiting.popFirst() { first.resume(throwing: error) }
    }
}
