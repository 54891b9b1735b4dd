// The load connection's end in the event loop.

internal import NIOCore
internal import TenureWire

/// A driver whose run can fail although the connection lives.
protocol FailingDriver: AnyObject {
    /// Why it failed.
    var failure: ClientError? { get }
}

/// Keeps requests outstanding and counts replies; lives in its event loop.
final class LoadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var driver: (any LoadDriver)?
    private var depth = 1
    private var outstanding = 0
    private var done: EventLoopPromise<Void>?
    private var scanner = ReplyScanner()
    private var input = ByteBuffer()
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    /// Begins a run.
    func start(_ driver: any LoadDriver, depth: Int, done: EventLoopPromise<Void>) {
        guard let context, context.channel.isActive, self.driver == nil else {
            done.fail(ClientError.closed)
            return
        }
        self.driver = driver
        self.depth = depth
        self.done = done
        fill(context)
    }

    private func fill(_ context: ChannelHandlerContext) {
        guard let driver else { return }
        var output = context.channel.allocator.buffer(capacity: 4_096)
        while outstanding < depth, driver.next(&output) { outstanding += 1 }
        if output.readableBytes > 0 {
            context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        }
        if outstanding == 0 { finish() }
    }

    private func finish() {
        let failure = (driver as? any FailingDriver)?.failure
        let done = done
        self.done = nil
        driver = nil
        if let failure { done?.fail(failure) } else { done?.succeed() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        if input.readableBytes == 0 { input = part } else { input.writeBuffer(&part) }
        while let bytes = scanner.next(&input) {
            // A push answers nothing.
            if bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == 0x3e { continue }
            guard outstanding > 0 else {
                // Said at once by a daemon that does not want the connection.
                context.close(promise: nil)
                return
            }
            outstanding -= 1
            driver?.received(LoadReply(bytes: bytes))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        fill(context)
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        outstanding = 0
        let done = done
        self.done = nil
        driver = nil
        done?.fail(ClientError.closed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
