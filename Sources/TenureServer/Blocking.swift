// Work that waits for the disk or the writer stays off the event loops.
//
// On threads of two kinds, so that what clients ask for never stands before what the daemon itself
// has to do: to stop, and to take a role away from somebody.

internal import NIOPosix

/// Runs what waits on a thread that may.
enum Blocking {
    /// Whose work it is.
    enum Kind {
        /// What a client has asked for.
        case clients
        /// What the daemon does whatever clients ask for.
        case daemon

        fileprivate var pool: NIOThreadPool {
            switch self {
            case .clients: Blocking.clients
            case .daemon: Blocking.daemon
            }
        }
    }

    private static let clients = pool(threads: 2)
    private static let daemon = pool(threads: 2)

    /// A pool that lives as long as the process.
    private static func pool(threads: Int) -> NIOThreadPool {
        let pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
        return pool
    }

    /// Starts the threads: at the start, because later there may be no room for one.
    static func prepare() {
        _ = (clients, daemon)
    }

    /// What `body` returned; nothing when the process is ending.
    static func run<Value: Sendable>(
        _ kind: Kind,
        _ body: @escaping @Sendable () -> Value
    ) async -> Value? {
        // The pools live as long as the process, so there is no error to have.
        try? await kind.pool.runIfActive(body)
    }

    /// Runs `body` later, for a client unless another kind is named.
    static func start(_ kind: Kind = .clients, _ body: @escaping @Sendable () -> Void) {
        kind.pool.submit { _ in body() }
    }
}
