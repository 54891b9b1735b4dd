// The listeners and event loops of a running daemon.

internal import CTenureSystem
internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Tenure
internal import TenureModel

/// The listeners and event loops of a running daemon.
struct Front: Sendable {
    let addresses: ServerAddresses
    private let group: MultiThreadedEventLoopGroup
    let hubs: [LoopHub]
    private let listeners: [any Channel]
    private let socketFile: SocketFile
    private let subscriptions: [UInt64]
    private let logger: Logger
    private let ledger: any ServedLedger
    private let verifier: SecretVerifier

    /// Listens.
    ///
    /// - Throws: `ServerError` with everything undone that was begun.
    static func start(
        _ ledger: any ServedLedger,
        _ configuration: ServerConfiguration,
        _ logger: Logger,
        policies: PolicyBoard = PolicyBoard(nil, path: nil),
        tls: TLSBoard? = nil,
        passed: PassedSocket? = nil,
        held: HeldBytes = HeldBytes()
    ) async throws -> Front {
        try Descriptors.requireRoom(forLoops: configuration.threads)
        try Blocking.prepare(.clients)
        try Blocking.prepare(.daemon)
        let verifier = try SecretVerifier(hasAccounts: policies.policy != nil)
        let file =
            try passed.map(SocketFile.init)
            ?? SocketFile.listen(at: configuration.socketPath, group: configuration.socketGroup)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.threads)
        let hubs = await makeHubs(
            group,
            ledger,
            configuration,
            logger,
            policies,
            verifier,
            held
        )
        var listeners: [any Channel] = []
        do {
            try await listen(group, hubs, file, configuration.tcp, tls, &listeners)
        } catch {
            for listener in listeners { try? await listener.close().get() }
            file.remove()
            await verifier.end()
            try? await group.shutdownGracefully()
            throw ServerError("can not listen: \(error)", exitCode: ServerError.cannotCreate)
        }
        let relays = hubs.map { LossRelay(hub: $0) }
        let subscriptions =
            await Blocking.run(.daemon) { relays.map { ledger.subscribe($0, to: .lost) } }
        let addresses = ServerAddresses(
            socketPath: file.path,
            tcpPort: listeners.count > 1 ? listeners[1].localAddress?.port : nil
        )
        announce(addresses, configuration, logger)
        return Front(
            addresses: addresses,
            group: group,
            hubs: hubs,
            listeners: listeners,
            socketFile: file,
            subscriptions: subscriptions,
            logger: logger,
            ledger: ledger,
            verifier: verifier
        )
    }

    /// Tells the log where it listens, and who is let in beside what a policy says.
    private static func announce(
        _ addresses: ServerAddresses,
        _ configuration: ServerConfiguration,
        _ logger: Logger
    ) {
        logger.info(
            "listening",
            metadata: [
                "socket": "\(addresses.socketPath)",
                "tcp": "\(addresses.tcpPort.map { "\($0)" } ?? "off")",
                "tls": "\(configuration.tcp?.tls == nil ? "off" : "on")",
            ]
        )
        if configuration.tcp?.password != nil {
            logger.notice("who says the password over TCP is an admin, beside every policy")
        }
    }

    /// Begins to accept; what listens already is in `listeners` when it throws.
    private static func listen(
        _ group: MultiThreadedEventLoopGroup,
        _ hubs: [LoopHub],
        _ file: SocketFile,
        _ tcp: ServerConfiguration.TCP?,
        _ tls: TLSBoard?,
        _ listeners: inout [any Channel]
    ) async throws {
        listeners.append(
            try await bootstrap(group, hubs, isLocal: true).withBoundSocket(file.descriptor).get()
        )
        // SwiftNIO has listened again with a backlog of its own.
        guard Glibc.listen(file.descriptor, ServerLimits.backlog) == 0 else {
            throw ServerError("can not listen", exitCode: ServerError.cannotCreate)
        }
        guard let tcp else { return }
        listeners.append(
            try await bootstrap(group, hubs, isLocal: false, tls)
                .bind(host: tcp.host, port: tcp.port).get()
        )
    }

    private static func makeHubs(
        _ group: MultiThreadedEventLoopGroup,
        _ ledger: any ServedLedger,
        _ configuration: ServerConfiguration,
        _ logger: Logger,
        _ policies: PolicyBoard,
        _ verifier: SecretVerifier,
        _ held: HeldBytes
    ) async -> [LoopHub] {
        let admission = Admission(descriptors: Descriptors.limit)
        let log = ClientLog(logger)
        let numbers = ConnectionNumbers()
        var hubs: [LoopHub] = []
        for loop in group.makeIterator() {
            let made = loop.submit {
                let hub = LoopHub(
                    eventLoop: loop,
                    ledger: ledger,
                    log: log,
                    held: held,
                    admission: admission,
                    numbers: numbers,
                    password: configuration.tcp?.password,
                    policies: policies,
                    verifier: verifier
                )
                hub.startSweeping(every: configuration.sweepInterval)
                return hub
            }
            // The closure does not throw, so only a loop that was shut down could fail it.
            if let hub = try? await made.get() { hubs.append(hub) }
        }
        return hubs
    }

    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup,
        _ hubs: [LoopHub],
        isLocal: Bool,
        _ tls: TLSBoard? = nil
    ) -> ServerBootstrap {
        let watermark = ChannelOptions.Types.WriteBufferWaterMark(
            low: ServerLimits.pendingOutputLowBytes,
            high: ServerLimits.pendingOutputBytes
        )
        let acceptsPerTurn = hubs.first?.admission.acceptsPerTurn ?? 1
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: ServerLimits.backlog)
            .serverChannelOption(.maxMessagesPerRead, value: acceptsPerTurn)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause())
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: watermark)
            // A byte that is sent out of band wakes the event loop and is not there when it reads,
            // over which SwiftNIO ends debug builds. In line it is a byte like any other.
            .childChannelOption(.socketOption(.init(rawValue: SO_OOBINLINE)), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let hub = hubs.first(where: { $0.eventLoop === channel.eventLoop }) else {
                        throw ChannelError.operationUnsupported
                    }
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLServerHandler(context: tls.context)
                        )
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        Connection(hub: hub, isLocal: isLocal, isAgreeing: tls != nil)
                    )
                }
            }
        if !isLocal {
            bootstrap =
                bootstrap
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
        }
        return bootstrap
    }

    /// Stops accepting, lets what is outstanding finish within `limit`, and closes.
    func stop(within limit: Duration) async {
        await stopListening()
        logger.info("stopping: finishing what is outstanding")
        // Nobody waits for the daemon's end, or it for those who wait.
        ledger.endWaiting()
        await drain(within: limit) { $0.drain($1) }
        await finish()
    }

    /// Answers everything outstanding `UNKNOWN` and closes.
    func fail(_ sentence: String) async {
        logger.critical("the ledger has failed", metadata: ["reason": "\(sentence)"])
        await stopListening()
        let refusal = Refusal(
            .unknown,
            "whether it happened is not known, because the ledger has failed; after the restart "
                + "ask with REQUEST GET and the request id"
        )
        await drain(within: .seconds(1)) { state, done in
            state.fail(refusal)
            state.drain(done)
        }
        await finish()
    }

    private func stopListening() async {
        // While we still listen nobody else can have put a socket of theirs there.
        socketFile.remove()
        for listener in listeners {
            // An error here says that it was closed already.
            try? await listener.close().get()
        }
    }

    private func drain(
        within limit: Duration,
        _ begin: @escaping @Sendable (LoopState, EventLoopPromise<Void>) -> Void
    ) async {
        let nanoseconds = limit.components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let amount = TimeAmount.nanoseconds(
            nanoseconds.overflow
                ? .max / 2
                : nanoseconds.partialValue + limit.components.attoseconds / 1_000_000_000
        )
        for hub in hubs {
            let done = hub.eventLoop.makePromise(of: Void.self)
            let timeout = hub.eventLoop.scheduleTask(in: amount) {
                hub.state.value.closeAll()
                done.succeed()
            }
            hub.eventLoop.execute { begin(hub.state.value, done) }
            // The promise is only ever succeeded.
            try? await done.futureResult.get()
            timeout.cancel()
        }
    }

    private func finish() async {
        for subscription in subscriptions { ledger.unsubscribe(subscription) }
        hubs.first?.log.tellLeftOut(now: .max)
        // It tells the loops what it has found.
        await verifier.end()
        for hub in hubs { hub.end() }
        // What is left after the drain closes with its loop.
        try? await group.shutdownGracefully()
    }
}

/// How many files the process may have open.
enum Descriptors {
    /// Raises the soft limit to what the limits of connections need, as far as it may.
    ///
    /// Where it may not, fewer connections are let in: `Admission`.
    static func raiseLimit() {
        let wanted = rlim_t(ServerLimits.connections + ServerLimits.descriptorsKept)
        var limit = rlimit()
        // SAFETY: the kernel reads and fills the structure during the calls.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
            limit.rlim_cur < wanted
        else { return }
        limit.rlim_cur = min(wanted, limit.rlim_max)
        // SAFETY: the kernel reads the structure during the call.
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Checks that event loops can get what SwiftNIO can not go on without.
    ///
    /// - Throws: `ServerError` when something is lacking.
    static func requireRoom(forLoops count: Int) throws(ServerError) {
        let result = tenure_event_loops_try(CInt(clamping: count))
        guard result == 0 else {
            throw ServerError(
                "\(count) event loops can not be had: errno \(-result); allow more open files "
                    + "(ulimit -n, LimitNOFILE, fs.file-max, fs.epoll.max_user_watches), or more "
                    + "memory",
                exitCode: ServerError.noRoom
            )
        }
    }

    /// The limit as it is now.
    static var limit: Int {
        var limit = rlimit()
        // SAFETY: the kernel fills the structure during the call.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return ServerLimits.connections + ServerLimits.descriptorsKept
        }
        return Int(clamping: limit.rlim_cur)
    }
}
