// Where the daemon listens, what it refuses to trust, and how it stops.

import Glibc
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import TenureClient
import TenureModel
import TenureTesting
import Testing

@testable import TenureServer

/// The number of this process.
enum ProcessNumber {
    static var own: Int32 { getpid() }
}

@Suite("Start and stop", .waiting, .timeLimit(.minutes(10)))
struct StartStopTests {
    @Test(arguments: [
        ("s", "the socket path 's' is not absolute; write it from /"),
        ("/tmp/" + String(repeating: "x", count: 103), "is longer than 107 bytes"),
        ("/tmp/", "is longer than 107 bytes or no file name"),
    ])
    func `a socket path that can not be one is refused`(path: String, sentence: String) {
        let error = #expect(throws: ServerError.self) {
            try ServerConfiguration(socketPath: path).check()
        }
        #expect(error?.exitCode == 78)
        #expect(error?.sentence.contains(sentence) == true)
    }

    @Test(arguments: [
        ("127.0.0.1", "", "TCP needs a password of 16 to 1024 bytes"),
        ("127.0.0.1", "short", "TCP needs a password of 16 to 1024 bytes"),
        ("0.0.0.0", "0123456789abcdef", "TCP on '0.0.0.0' is refused"),
        ("example.org", "0123456789abcdef", "TCP on 'example.org' is refused"),
    ])
    func `row 46: TCP needs loopback and a password`(host: String, word: String, sentence: String) {
        var configuration = ServerConfiguration(socketPath: "/tmp/s")
        configuration.tcp = .init(host: host, port: 1, password: word)
        let error = #expect(throws: ServerError.self) { try configuration.check() }
        #expect(error?.exitCode == 78)
        #expect(error?.sentence.hasPrefix(sentence) == true)
    }

    /// Runs `body` in a directory of its own.
    private func inDirectory(_ body: (String) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try body(directory.path)
    }

    private func mode(_ path: String) -> mode_t {
        var facts = stat()
        // SAFETY: the kernel fills the structure during the call.
        return unsafe lstat(path, &facts) == 0 ? facts.st_mode & 0o7777 : 0
    }

    private func exitCode(at path: String) -> Int32? {
        do throws(ServerError) {
            let file = try SocketFile.listen(at: path, group: nil)
            close(file.descriptor)
            file.remove()
            return nil
        } catch {
            return error.exitCode
        }
    }

    @Test
    func `U1, row 47: the socket is 0600 whatever the umask, its directory 0700 when made`() throws
    {
        try inDirectory { path in
            let before = umask(0)
            defer { umask(before) }
            let file = try SocketFile.listen(at: "\(path)/inner/s", group: nil)
            #expect(mode("\(path)/inner/s") == 0o600)
            #expect(mode("\(path)/inner") == 0o700)
            #expect(umask(0) == 0, "the mask is left as it was")
            file.remove()
            #expect(mode("\(path)/inner/s") == 0)
            close(file.descriptor)
        }
    }

    @Test
    func `U1: a group gets 0660, an unknown group is refused`() throws {
        try inDirectory { path in
            let file = try SocketFile.listen(at: "\(path)/s", group: "\(getgid())")
            #expect(mode("\(path)/s") == 0o660)
            file.remove()
            close(file.descriptor)
            let error = #expect(throws: ServerError.self) {
                try SocketFile.listen(at: "\(path)/s", group: "no-such-group-here")
            }
            #expect(error?.exitCode == 78)
        }
    }

    @Test
    func `U2, row 38: a directory that others could write is refused`() throws {
        try inDirectory { path in
            for bits in [0o777, 0o770, 0o1777] as [mode_t] {
                #expect(unsafe chmod(path, bits) == 0)
                #expect(exitCode(at: "\(path)/s") == 77)
            }
            #expect(unsafe chmod(path, 0o755) == 0)
            #expect(exitCode(at: "\(path)/s") == nil)
        }
    }

    @Test
    func `U2, row 38: a directory that is a link, or below a writable one, is refused`() throws {
        try inDirectory { path in
            #expect(unsafe mkdir("\(path)/inner", 0o700) == 0)
            #expect(unsafe symlink("\(path)/inner", "\(path)/directory") == 0)
            #expect(exitCode(at: "\(path)/directory/s") == 77)
            #expect(unsafe chmod(path, 0o777) == 0)
            #expect(exitCode(at: "\(path)/inner/s") == 77)
            // Sticky, as /tmp is: nobody else can rename what is in it.
            #expect(unsafe chmod(path, 0o1777) == 0)
            #expect(exitCode(at: "\(path)/inner/s") == nil)
        }
    }

    /// The directory that a link leads to is safe in all of these: it is the way there that is not.
    @Test
    func `row 38: a link above the directory is followed only where nobody else can put one`()
        throws
    {
        try inDirectory { path in
            let inner = "\(path)/inner"
            #expect(unsafe mkdir(inner, 0o700) == 0)
            #expect(unsafe mkdir("\(inner)/directory", 0o700) == 0)
            defer { _ = unsafe rmdir("\(inner)/directory") }
            #expect(unsafe symlink("inner", "\(path)/link") == 0)
            #expect(exitCode(at: "\(path)/link/directory/s") == nil)
            #expect(unsafe chmod(path, 0o777) == 0)
            #expect(exitCode(at: "\(path)/link/directory/s") == 77)
            // Nobody else can put another in its place.
            #expect(unsafe chmod(path, 0o1777) == 0)
            #expect(exitCode(at: "\(path)/link/directory/s") == nil)
            #expect(unsafe chmod(path, 0o700) == 0)
            #expect(exitCode(at: "\(path)/link/../inner/directory/s") == nil)
            if geteuid() == 0 {
                #expect(unsafe lchown("\(path)/link", 4_242, 4_242) == 0)
                #expect(exitCode(at: "\(path)/link/directory/s") == 77)
            }
            #expect(unsafe unlink("\(path)/link") == 0)
            #expect(unsafe symlink("link", "\(path)/link") == 0)
            #expect(exitCode(at: "\(path)/link/directory/s") == 73)
        }
    }

    @Test
    func `U3, row 39: what is in the way stays, but for a dead socket of ours`() throws {
        try inDirectory { path in
            let file = unsafe open("\(path)/file", O_CREAT | O_WRONLY, 0o600)
            close(file)
            #expect(exitCode(at: "\(path)/file") == 73)
            #expect(mode("\(path)/file") == 0o600)
            #expect(unsafe symlink("\(path)/file", "\(path)/link") == 0)
            #expect(exitCode(at: "\(path)/link") == 77)
            let live = try SocketFile.listen(at: "\(path)/s", group: nil)
            #expect(exitCode(at: "\(path)/s") == 75)
            close(live.descriptor)
            // Now it is a file that nobody listens on.
            #expect(mode("\(path)/s") == 0o600)
            #expect(exitCode(at: "\(path)/s") == nil)
        }
    }

    @Test(arguments: [1, 16, 64, 600, 100_000])
    func `row 16: one user can not take the last places`(descriptors: Int) {
        let admission = Admission(descriptors: descriptors)
        var count = 0
        while admission.enter(user: 1) == nil { count += 1 }
        #expect(count == admission.limitPerUser)
        #expect(admission.enter(user: 1)?.contains("user 1 has") == (admission.limit > count))
        // With one place in all there is none to keep.
        #expect((admission.enter(user: 2) == nil) == (admission.limit > 1))
        admission.leave(user: 1, isStranger: false)
        #expect(admission.enter(user: 1) == nil)
    }

    @Test
    func `a graceful stop answers what is outstanding and closes`() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let ledger = FakeLedger()
        ledger.hold()
        let (addresses, started) = AsyncStream.makeStream(of: ServerAddresses.self)
        let service = TenureService(
            serving: ledger,
            configuration: ServerConfiguration(socketPath: "\(directory.path)/s"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            started: { started.yield($0) }
        )
        let group = ServiceGroup(
            configuration: .init(
                services: [service],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
        )
        let running = Task { try await group.run() }
        var iterator = addresses.makeAsyncIterator()
        let path = try #require(await iterator.next()).socketPath
        let raw = try await RawConnection.connect(to: .unixSocket(path: path), reads: true)
        try await raw.send("STATUS\r\n")
        while ledger.commands.isEmpty { await Task.yield() }
        await group.triggerGracefulShutdown()
        while mode(path) != 0 { await Task.yield() }
        #expect(!ledger.isShutDown)
        ledger.resume()
        #expect(try await raw.readToEnd().hasPrefix("*2\r\n$8\r\nposition\r\n"))
        await raw.close()
        try await running.value
        #expect(ledger.isShutDown)
    }

    /// A client that has nothing outstanding, and never ends its side, holds nobody up.
    @Test
    func `an idle client does not keep the daemon until its limit, and a last failure is told`()
        async throws
    {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let ledger = FakeLedger()
        ledger.failLast("the last checkpoint failed")
        let (addresses, started) = AsyncStream.makeStream(of: ServerAddresses.self)
        var configuration = ServerConfiguration(socketPath: "\(directory.path)/s")
        configuration.drainTime = .seconds(86_400)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let service = TenureService(
            serving: ledger,
            configuration: configuration,
            logger: logger,
            started: { started.yield($0) }
        )
        let group = ServiceGroup(configuration: .init(services: [service], logger: logger))
        let running = Task { try await group.run() }
        var iterator = addresses.makeAsyncIterator()
        let path = try #require(await iterator.next()).socketPath
        let raw = try await RawConnection.connect(to: .unixSocket(path: path), reads: true)
        try await raw.exchange("PING\r\n", "+PONG\r\n")
        await group.triggerGracefulShutdown()
        let error = await #expect(throws: ServerError.self) { try await running.value }
        #expect(error == ServerError("the last checkpoint failed", exitCode: 74))
        await raw.close()
    }

    @Test
    func `after a failure outstanding requests are UNKNOWN and the service ends with its code`()
        async throws
    {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let ledger = FakeLedger()
        ledger.hold()
        let (addresses, started) = AsyncStream.makeStream(of: ServerAddresses.self)
        let service = TenureService(
            serving: ledger,
            configuration: ServerConfiguration(socketPath: "\(directory.path)/s"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            started: { started.yield($0) }
        )
        let running = Task { try await service.run() }
        var iterator = addresses.makeAsyncIterator()
        let path = try #require(await iterator.next()).socketPath
        let raw = try await RawConnection.connect(to: .unixSocket(path: path), reads: true)
        try await raw.send("ACQUIRE p gpu=1\r\nPING\r\n")
        while ledger.commands.isEmpty { await Task.yield() }
        ledger.fail("the log can not be synced")
        let answers = try await raw.readToEnd()
        #expect(answers.hasPrefix("-UNKNOWN whether it happened is not known"))
        #expect(answers.hasSuffix("\r\n+PONG\r\n"))
        await raw.close()
        let error = await #expect(throws: ServerError.self) { try await running.value }
        #expect(error == ServerError("the log can not be synced", exitCode: 74))
        #expect(mode(path) == 0)
    }
}
