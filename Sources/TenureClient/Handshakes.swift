// Waits until a connection is encrypted and whom it leads to is known, or it is known why not.

internal import NIOCore
internal import NIOTLS
internal import Synchronization

/// The handshakes of one attempt to connect, which may try several addresses at once.
final class Handshakes: Sendable {
    private let futures = Mutex<[ObjectIdentifier: EventLoopFuture<Void>]>([:])

    /// How long a daemon may take to answer a handshake.
    private static let time = TimeAmount.seconds(10)

    /// A handler that waits for the handshake of `channel`.
    func waiter(of channel: any Channel) -> some ChannelInboundHandler {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        futures.withLock { $0[ObjectIdentifier(channel)] = promise.futureResult }
        return HandshakeWaiter(promise)
    }

    /// Waits for the handshake of `channel`; returns at once where there is none.
    ///
    /// - Throws: why there is no agreement; the channel is closed then.
    func wait(for channel: any Channel) async throws {
        guard let future = futures.withLock({ $0[ObjectIdentifier(channel)] }) else { return }
        let timeout = channel.eventLoop.scheduleTask(in: Self.time) {
            channel.pipeline.fireErrorCaught(ChannelError.connectTimeout(Self.time))
        }
        defer { timeout.cancel() }
        do {
            try await future.get()
        } catch {
            // An error here says that it was closed already.
            try? await channel.close().get()
            throw error
        }
    }
}

/// Waits for the handshake of one channel.
private final class HandshakeWaiter: ChannelInboundHandler {
    typealias InboundIn = Never

    private let done: EventLoopPromise<Void>

    init(_ done: EventLoopPromise<Void>) {
        self.done = done
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { done.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The first says why; what follows, only that it is over.
        done.fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        done.fail(ChannelError.eof)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        done.fail(ChannelError.eof)
    }
}
