// The daemon's front as a service: listen, serve, and stop in the order that loses nothing.
//
// A graceful shutdown stops accepting, lets outstanding commands finish within a limit, closes the
// connections, then shuts the ledger down. A ledger that fails ends the service: what is
// outstanding is answered `UNKNOWN`, because nobody knows its fate until the restart.

public import Logging
internal import NIOCore
public import ServiceLifecycle
internal import Synchronization
public import Tenure
internal import TenureModel

/// Serves one ledger over sockets.
public struct TenureService: Service {
    private let ledger: any ServedLedger
    private let configuration: ServerConfiguration
    private let logger: Logger
    private let started: @Sendable (ServerAddresses) -> Void
    private let manager: ServiceManager
    private let policies: PolicyBoard
    private let tls = Shared<TLSBoard?>(nil)

    /// A service that has not begun; `started` is told where it listens when it does.
    public init(
        ledger: Ledger,
        configuration: ServerConfiguration,
        logger: Logger,
        started: @escaping @Sendable (ServerAddresses) -> Void = { _ in }
    ) {
        self.init(
            serving: ledger,
            configuration: configuration,
            logger: logger,
            manager: .none,
            started: started
        )
    }

    /// A service for anything that answers like a ledger, under a service manager.
    package init(
        serving ledger: any ServedLedger,
        configuration: ServerConfiguration,
        logger: Logger,
        manager: ServiceManager = .none,
        started: @escaping @Sendable (ServerAddresses) -> Void = { _ in }
    ) {
        self.ledger = ledger
        self.configuration = configuration
        self.logger = logger
        self.manager = manager
        self.started = started
        policies = PolicyBoard(nil, path: configuration.policyPath)
    }

    /// Reads policy and certificates again, for all commands and connections from then on.
    ///
    /// One that is wrong changes nothing.
    public func reload() {
        Blocking.start(.daemon) { [policies, tls, logger] in
            policies.reload(logger)
            tls.withLock { $0 }?.reload(logger)
        }
    }

    /// What can end the service.
    private enum Ending: Sendable {
        case asked
        case failed(sentence: String, exitCode: Int32)
    }

    /// Serves until a graceful shutdown or the cancellation of the task.
    ///
    /// - Throws: `ServerError` with an exit code when it can not listen or the ledger has failed.
    public func run() async throws {
        try configuration.check()
        if let policy = try configuration.readPolicy() { policies.replace(policy) }
        let board = try configuration.tcp?.tls.map(TLSBoard.init)
        tls.withLock { $0 = board }
        Descriptors.raiseLimit()
        let (endings, continuation) = AsyncStream.makeStream(of: Ending.self)
        let lastFailure = FailureCell()
        ledger.onFailure { failure in
            lastFailure.set(ServerError(failure.sentence, exitCode: failure.exitCode))
            continuation.yield(.failed(sentence: failure.sentence, exitCode: failure.exitCode))
        }
        let front = try await Front.start(
            ledger,
            configuration,
            logger,
            policies: policies,
            tls: board,
            passed: manager.socket
        )
        let watchdog = tellReady(front)
        started(front.addresses)
        let ending = await withTaskCancellationOrGracefulShutdownHandler {
            for await ending in endings { return ending }
            return Ending.asked
        } onCancelOrGracefulShutdown: {
            continuation.yield(.asked)
        }
        // A task that was cancelled can not wait; what follows must.
        let ledger = ledger
        let drainTime = configuration.drainTime
        let notifier = manager.notifier
        let stopping = Task { () -> ServerError? in
            notifier?.stopping()
            watchdog?.end()
            switch ending {
            case .asked:
                await front.stop(within: drainTime)
                await Blocking.run(.daemon) { ledger.shutdown() }
                // The last group or the last checkpoint may have failed.
                return lastFailure.value
            case .failed(let sentence, let exitCode):
                await front.fail(sentence)
                return ServerError(sentence, exitCode: exitCode)
            }
        }
        if let error = await stopping.value { throw error }
    }
}

extension TenureService {
    /// Tells the manager that the daemon serves, and from now on that it lives, where that is
    /// asked for.
    private func tellReady(_ front: Front) -> Watchdog? {
        guard let notifier = manager.notifier else { return nil }
        let tcp = front.addresses.tcpPort.map { " and TCP port \($0)" } ?? ""
        notifier.ready("serving at \(front.addresses.socketPath)\(tcp)")
        guard let microseconds = manager.watchdogMicroseconds else { return nil }
        let watchdog = Watchdog(ledger, front.hubs, notifier, microseconds: microseconds)
        watchdog.start()
        return watchdog
    }
}

/// Something behind a lock that copies of a value share.
private final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        value.withLock { body(&$0) }
    }
}

/// What has become of the ledger, told on its threads.
private final class FailureCell: Sendable {
    private let failure = Mutex<ServerError?>(nil)

    var value: ServerError? { failure.withLock { $0 } }

    func set(_ error: ServerError) {
        failure.withLock { $0 = error }
    }
}

/// Where a daemon listens.
public struct ServerAddresses: Sendable {
    /// The path of the Unix socket.
    public let socketPath: String
    /// The port of TCP, when it listens there.
    public let tcpPort: Int?
}
