// Work that waits for the disk or the writer stays off the event loops.

internal import NIOPosix

/// Runs what waits on a thread that may.
enum Blocking {
    /// What `body` returned; nothing when the process is ending.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value? {
        // The pool of NIO lives as long as the process, so there is no error to have.
        try? await NIOThreadPool.singleton.runIfActive(body)
    }

    /// Runs `body` later.
    static func start(_ body: @escaping @Sendable () -> Void) {
        NIOThreadPool.singleton.submit { _ in body() }
    }
}
