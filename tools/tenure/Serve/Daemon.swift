// The daemon as it runs: opens the ledger, declares what the host has, listens, stops when told.

internal import Glibc
internal import Logging
internal import ServiceLifecycle
internal import Tenure
internal import TenureModel
internal import TenureServer

/// Everything that `serve` was told.
struct Daemon: Sendable {
    let data: String
    let server: ServerConfiguration
    let cacheBytes: Int?
    let scrubInterval: Duration
    let detects: Bool
    let createsIfMissing: Bool
    let allowsUnsafeFileSystem: Bool
    let rebuildsState: Bool
    let logLevel: Logger.Level
    let manager: ServiceManager

    /// Serves until a signal says stop.
    ///
    /// Ends the process, unless the ledger can not be opened.
    func run() async throws {
        DaemonProcess.boundHeap()
        DaemonProcess.ignoreSizeLimits()
        do {
            try DaemonProcess.requireRoom(forLoops: server.threads)
        } catch {
            // Here, as below: what is on the way to the end of `main` may be lacking too.
            TenureTool.end(with: Failure(code: error.exitCode, error.sentence))
        }
        let logger = makeLogger()
        manager.notifier?.status("opening the ledger")
        let ledger = try open()
        logger.info("ledger open", metadata: ["data": "\(data)"])
        for sentence in ledger.openingSentences { logger.notice("opening: \(sentence)") }
        if detects { await declareHost(in: ledger, logger) }
        let service = TenureService(
            serving: ledger,
            configuration: server,
            logger: logger,
            manager: manager
        )
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [service],
                logger: logger
            )
        )
        let reloads = server.policyPath != nil || server.tcp?.tls != nil
        let reload: @Sendable () -> Void = { service.reload() }
        do {
            try StopSignals.catchAll(logger, reload: reloads ? reload : nil) {
                await group.triggerGracefulShutdown()
            }
            try await group.run()
            logger.notice("stopped")
        } catch let error as ServerError {
            TenureTool.end(with: Failure(code: error.exitCode, error.sentence))
        } catch {
            TenureTool.end(with: error)
        }
        // Here, and not at the end of `main`: the way there leads over the main queue, which needs
        // a thread, and whoever has none left could not end.
        Glibc.exit(EXIT_SUCCESS)
    }

    private func makeLogger() -> Logger {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "tenure")
        logger.logLevel = logLevel
        return logger
    }

    private func open() throws -> Ledger {
        var configuration = Ledger.Configuration()
        configuration.createIfMissing = createsIfMissing
        configuration.allowUnsafeFileSystem = allowsUnsafeFileSystem
        configuration.rebuildState = rebuildsState
        configuration.scrubInterval = scrubInterval
        if let cacheBytes { configuration.cacheBytes = cacheBytes }
        do {
            return try Ledger.open(at: data, configuration: configuration)
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
    }

    /// Declares what this host has as the pool `local`, by ordinary commands.
    private func declareHost(in ledger: Ledger, _ logger: Logger) async {
        let inventory = HostDetection.detect(dataDirectory: data)
        for note in inventory.notes { logger.notice("host: \(note)") }
        let known = await declared(in: ledger)
        let commands = HostDeclaration.commands(HostDeclaration.requests(inventory), known: known)
        for command in commands {
            if case .refused(let refusal) = await ledger.perform(command, caller: .embedder) {
                logger.warning(
                    "a part of the host is not declared",
                    metadata: [
                        "code": "\(refusal.code.rawValue)", "why": "\(refusal.message)",
                    ]
                )
            }
        }
        logger.info(
            "host declared",
            metadata: [
                "pool": "\(HostDeclaration.pool)", "resources": "\(inventory.resources.count)",
                "changes": "\(commands.count)",
            ]
        )
    }

    /// The resources of the pool `local`; none when there is no such pool.
    private func declared(in ledger: Ledger) async -> [Document] {
        var rows: [Document] = []
        var cursor: String?
        repeat {
            let page = Page(limit: Limits.pageItems, after: cursor)
            let query = Command.query(.resources(pool: HostDeclaration.pool, page: page))
            guard case .document(let answer) = await ledger.perform(query, caller: .embedder),
                case .list(let items)? = answer["items"]
            else { break }
            rows += items
            cursor = ListPages.cursor(of: answer)
        } while cursor != nil
        return rows
    }
}
