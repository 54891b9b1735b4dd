// Work that waits for the disk or the writer stays off the event loops.
//
// On threads of several kinds, so that what clients ask for never stands before what the daemon
// itself has to do: to stop, and to take a role away from somebody. They are threads of ours,
// because a pool of SwiftNIO ends the process where there is no room for one.

internal import Dispatch
internal import NIOCore
internal import Synchronization
internal import TenureThreads

/// Runs what waits on a thread that may.
enum Blocking {
    /// Whose work it is.
    enum Kind {
        /// What a client has asked for.
        case clients
        /// What the daemon does whatever clients ask for.
        case daemon
        /// Looking at secrets, one after the other: each takes a processor and 16 MiB for a while.
        case secrets

        fileprivate var workers: Workers {
            switch self {
            case .clients: Blocking.clients
            case .daemon: Blocking.daemon
            case .secrets: Blocking.secrets
            }
        }

        /// The daemon has two, so that it can end while a policy can not be read.
        fileprivate var threads: Int { self == .secrets ? 1 : 2 }
    }

    private static let clients = Workers("tenure-clients")
    private static let daemon = Workers("tenure-daemon")
    private static let secrets = Workers("tenure-secrets")

    /// Starts the threads of a kind, which live as long as the process: later there may be no room
    /// for them.
    ///
    /// - Throws: `ServerError` where there is no room already.
    static func prepare(_ kind: Kind) throws(ServerError) {
        try kind.workers.start(threads: kind.threads)
    }

    /// What `body` returned.
    static func run<Value: Sendable>(
        _ kind: Kind,
        _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            kind.workers.add { continuation.resume(returning: body()) }
        }
    }

    /// Runs `body` later, for a client unless another kind is named.
    static func start(_ kind: Kind = .clients, _ body: @escaping @Sendable () -> Void) {
        kind.workers.add(body)
    }
}

/// Threads with one queue of work.
private final class Workers: Sendable {
    private struct State {
        var work = CircularBuffer<@Sendable () -> Void>()
        var threads = 0
    }

    private let state = Mutex(State())
    private let available = DispatchSemaphore(value: 0)
    private let name: String

    init(_ name: String) {
        self.name = name
    }

    /// Starts those of so many threads that there are not yet.
    func start(threads: Int) throws(ServerError) {
        try state.withLock { (state) throws(ServerError) in
            while state.threads < threads {
                try startThread()
                state.threads += 1
            }
        }
    }

    private func startThread() throws(ServerError) {
        do {
            _ = try SystemThread.start(name) { self.loop() }
        } catch {
            throw ServerError(
                "a thread can not be started: \(error); \(SystemThread.remedy)",
                exitCode: ServerError.noRoom
            )
        }
    }

    /// Has `work` done when a thread has nothing before it.
    func add(_ work: @escaping @Sendable () -> Void) {
        state.withLock { $0.work.append(work) }
        available.signal()
    }

    private func loop() {
        while true {
            available.wait()
            let work = state.withLock { $0.work.popFirst() }
            work?()
        }
    }
}
