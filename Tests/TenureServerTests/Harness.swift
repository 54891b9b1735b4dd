// A running front over a fake ledger, in a directory of its own, and connections to it.

import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TenureModel
import Testing

@testable import TenureClient
@testable import TenureServer

/// A directory that only its owner can enter, removed afterwards.
struct TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/tenure-server-XXXXXX".utf8CString)
        // SAFETY: the template is writable, ends in a zero byte and lives for the call.
        let isMade = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return false }
            return unsafe mkdtemp(start) != nil
        }
        try #require(isMade)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() {
        for name in ["s", "file", "link", "inner/s"] { _ = unsafe unlink("\(path)/\(name)") }
        for name in ["inner", "directory"] {
            _ = unsafe unlink("\(path)/\(name)")
            _ = unsafe rmdir("\(path)/\(name)")
        }
        _ = unsafe rmdir(path)
    }
}

/// A running front.
struct Harness {
    let ledger = FakeLedger()
    let directory: TemporaryDirectory
    let front: Front
    let policies: PolicyBoard

    static let password = "correct horse battery"

    /// Runs `body` against a front that listens, and stops it afterwards.
    static func run(
        tcp: Bool = false,
        policy: AccessPolicy? = nil,
        tls: ListenerTLS? = nil,
        password: String? = Self.password,
        log: (any LogHandler)? = nil,
        held: HeldBytes = HeldBytes(),
        sweepsItself: Bool = false,
        _ body: (Harness) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let harness = try await Harness(
            directory: directory,
            tcp: tcp,
            policy: policy,
            tls: tls,
            password: password,
            log: log,
            held: held,
            sweepsItself: sweepsItself
        )
        do {
            try await body(harness)
        } catch {
            await harness.front.stop(within: .zero)
            throw error
        }
        harness.ledger.resume()
        await harness.front.stop(within: .seconds(10))
    }

    private init(
        directory: TemporaryDirectory,
        tcp: Bool,
        policy: AccessPolicy?,
        tls: ListenerTLS?,
        password: String?,
        log: (any LogHandler)?,
        held: HeldBytes,
        sweepsItself: Bool
    ) async throws {
        self.directory = directory
        var configuration = ServerConfiguration(socketPath: "\(directory.path)/s")
        if tcp { configuration.tcp = .init(port: 0, password: password) }
        // By the clock of a busy machine more would end than what a test lets end.
        if sweepsItself { configuration.sweepInterval = .hours(1) }
        if policy != nil { configuration.policyPath = "/not/read" }
        try configuration.check()
        var logger = Logger(label: "test") { _ in log ?? SwiftLogNoOpLogHandler() }
        if log == nil { logger.logLevel = .critical }
        policies = PolicyBoard(policy, path: nil)
        front = try await Front.start(
            ledger,
            configuration,
            logger,
            policies: policies,
            tls: try tls.map(TLSBoard.init),
            held: held
        )
    }

    /// The Unix socket.
    var socket: Endpoint { .unixSocket(path: front.addresses.socketPath) }

    /// The TCP listener.
    var tcp: Endpoint { .tcp(host: "127.0.0.1", port: front.addresses.tcpPort ?? 0) }

    /// A client that speaks RESP3.
    func client() async throws -> TenureClient {
        try await TenureClient.connect(to: socket)
    }

    /// A connection for bytes.
    func raw(_ endpoint: Endpoint? = nil, reads: Bool = true) async throws -> RawConnection {
        try await RawConnection.connect(to: endpoint ?? socket, reads: reads)
    }

    /// Runs `body` in the event loop of the front.
    func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (LoopState) -> Value
    ) async throws -> Value {
        let hub = front.hubs[0]
        return try await hub.eventLoop.submit { body(hub.state.value) }.get()
    }

    /// Waits until `condition` holds; the suite's time limit is the end of patience.
    func wait(until condition: @Sendable () -> Bool) async throws {
        while !condition() {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}

/// A connection that sends and receives bytes.
final class RawConnection: Sendable {
    private let channel: any Channel
    private let received: NIOLoopBound<Collector>

    private init(channel: any Channel, received: NIOLoopBound<Collector>) {
        self.channel = channel
        self.received = received
    }

    static func connect(to endpoint: Endpoint, reads: Bool) async throws -> RawConnection {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector())
                }
            }
        let channel = try await endpoint.connect(with: bootstrap)
        let received = try await channel.eventLoop.submit {
            NIOLoopBound(
                try channel.pipeline.syncOperations.handler(type: Collector.self),
                eventLoop: channel.eventLoop
            )
        }.get()
        return RawConnection(channel: channel, received: received)
    }

    /// Sends `text`; waits until the kernel has it.
    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text)).get()
    }

    /// Sends `text` without waiting.
    func sendWithoutWaiting(_ text: String) {
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    /// Tells the daemon that nothing follows.
    func finish() async throws {
        try await channel.close(mode: .output).get()
    }

    /// Closes.
    func close() async {
        try? await channel.close().get()
    }

    /// What has come when `condition` holds for it, or the daemon has ended its side.
    func read(until condition: @escaping @Sendable (String) -> Bool) async throws -> String {
        let promise = channel.eventLoop.makePromise(of: String.self)
        let received = received
        channel.eventLoop.execute { received.value.wait(until: condition, promise) }
        return try await promise.futureResult.get()
    }

    /// What has come when at least `count` bytes have.
    func read(_ count: Int) async throws -> String {
        try await read { $0.utf8.count >= count }
    }

    /// Everything up to the end.
    func readToEnd() async throws -> String {
        try await read { _ in false }
    }

    /// Sends `text`, then waits for `answer`.
    func exchange(_ text: String, _ answer: String) async throws {
        try await send(text)
        let got = try await read(answer.utf8.count)
        #expect(got == answer)
        let received = received
        try await channel.eventLoop.submit { received.value.clear() }.get()
    }
}

/// Collects what comes; lives in its event loop.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var bytes = ByteBuffer()
    private var hasEnded = false
    private var condition: (String) -> Bool = { _ in false }
    private var promise: EventLoopPromise<String>?

    func wait(until condition: @escaping (String) -> Bool, _ promise: EventLoopPromise<String>) {
        self.condition = condition
        self.promise = promise
        look()
    }

    func clear() {
        bytes.clear()
    }

    private func look() {
        guard let promise else { return }
        let text = String(buffer: bytes)
        guard hasEnded || condition(text) else { return }
        self.promise = nil
        promise.succeed(text)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        bytes.writeBuffer(&part)
        look()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { end() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func end() {
        hasEnded = true
        look()
    }
}
