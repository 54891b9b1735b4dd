// A listener that can not accept for want of descriptors or memory waits, and does not spin.
//
// The connection that could not be accepted stays in the kernel's queue, so that the listener stays
// readable: without a pause its event loop would do nothing else.

internal import NIOCore

/// Takes a listener out of its event loop for a while after an error of accept.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private var isPaused = false

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is IOError, !isPaused {
            isPaused = true
            setAccepting(false, context)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: ServerLimits.acceptPause) {
                let (handler, context) = bound.value
                handler.isPaused = false
                handler.setAccepting(true, context)
            }
        }
        context.fireErrorCaught(error)
    }

    private func setAccepting(_ isAccepting: Bool, _ context: ChannelHandlerContext) {
        // It fails on a listener that is closed, which accepts nothing anyway.
        try? context.channel.syncOptions?.setOption(.autoRead, value: isAccepting)
    }
}
