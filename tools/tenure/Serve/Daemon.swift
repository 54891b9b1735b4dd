// The daemon as it runs: opens the ledger, declares what the host has, listens, stops when told.

internal import Logging
internal import ServiceLifecycle
internal import Tenure
internal import TenureModel
internal import TenureServer
internal import UnixSignals

/// Everything that `serve` was told.
struct Daemon: Sendable {
    let data: String
    let server: ServerConfiguration
    let cacheBytes: Int?
    let detects: Bool
    let allowsUnsafeFileSystem: Bool
    let logLevel: Logger.Level

    /// Serves until a signal says stop.
    func run() async throws {
        let logger = makeLogger()
        let ledger = try open()
        logger.info("ledger open", metadata: ["data": "\(data)"])
        if detects { await declareHost(in: ledger, logger) }
        let service = TenureService(
            ledger: ledger,
            configuration: server,
            logger: logger
        ) { addresses in
            logger.notice("listening", metadata: addresses.metadata)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [service],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        do {
            try await group.run()
        } catch let error as ServerError {
            throw Failure(code: error.exitCode, error.sentence)
        }
        logger.notice("stopped")
    }

    private func makeLogger() -> Logger {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "tenure")
        logger.logLevel = logLevel
        return logger
    }

    private func open() throws -> Ledger {
        var configuration = Ledger.Configuration()
        configuration.createIfMissing = true
        if let cacheBytes { configuration.cacheBytes = cacheBytes }
        do {
            return try Ledger.open(at: data, configuration: configuration)
        } catch let error as LedgerOpenError {
            throw Failure(code: error.exitCode, error.sentence)
        }
    }

    /// Declares what this host has as the pool `local`, by ordinary commands.
    private func declareHost(in ledger: Ledger, _ logger: Logger) async {
        let inventory = HostDetection.detect(dataDirectory: data)
        for note in inventory.notes { logger.notice("host: \(note)") }
        for command in HostDeclaration.commands(inventory) {
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
            ]
        )
    }
}

extension ServerAddresses {
    fileprivate var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["socket": "\(socketPath)"]
        if let tcpPort { metadata["port"] = "\(tcpPort)" }
        return metadata
    }
}
