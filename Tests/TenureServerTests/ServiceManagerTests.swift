// What a service manager passes and is told, against real sockets.

import Glibc
import Logging
import TenureClient
import TenureModel
import TenureTesting
import Testing

@testable import TenureServer

/// A manager's end: a datagram socket with a name.
final class ManagerSocket {
    let descriptor: CInt
    let name: String
    private let path: String?

    /// At `name`, a path or an abstract name behind `@`.
    init(_ name: String) throws {
        self.name = name
        path = name.hasPrefix("/") ? name : nil
        let bytes = try #require(SocketAddressBytes(name))
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let own = descriptor
        // SAFETY: the address lives for the closure.
        let result = unsafe bytes.withPointer { unsafe bind(own, $0, $1) }
        try #require(result == 0)
    }

    deinit {
        close(descriptor)
        // SAFETY: the path is a string of ours for the call.
        if let path { _ = unsafe unlink(path) }
    }

    /// The next thing that was said; nothing when nothing was, and `waits` is not.
    func next(waits: Bool = true) -> String? {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        // SAFETY: the kernel writes no more than the array has.
        let count = unsafe recv(
            descriptor,
            &bytes,
            bytes.count,
            waits ? 0 : Int32(MSG_DONTWAIT)
        )
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}

@Suite("Journal", .waiting)
struct JournalTests {
    @Test
    func `an entry is a field a line, and nobody who takes it is an error with its place`() throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let path = "\(directory.path)/journal"
        let journal = Journal(at: path)
        let fields = [(name: "TENURE_POSITION", value: "17")]
        let error = #expect(throws: ServerError.self) {
            try journal.write("17:ab", identifier: "tenure-anchor", fields: fields)
        }
        #expect(error?.exitCode == 69 && error?.sentence.contains(path) == true)
        let manager = try ManagerSocket(path)
        try journal.write("17:ab", identifier: "tenure-anchor", fields: fields)
        let entry = "MESSAGE=17:ab\nPRIORITY=6\nSYSLOG_IDENTIFIER=tenure-anchor\n"
        #expect(manager.next() == entry + "TENURE_POSITION=17\n")
    }
}

@Suite("Service manager", .waiting, .timeLimit(.minutes(5)))
struct ServiceManagerTests {
    private func names(_ body: (String) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try body("\(directory.path)/s")
        try body("@tenure-test-\(directory.path)")
    }

    @Test
    func `what is said arrives, at a path and at an abstract name`() throws {
        try names { name in
            let manager = try ManagerSocket(name)
            let notifier = try #require(ServiceNotifier(address: name))
            notifier.ready("serving\nat /s")
            #expect(manager.next() == "READY=1\nSTATUS=serving at /s")
            notifier.status("busy")
            #expect(manager.next() == "STATUS=busy")
            notifier.alive()
            #expect(manager.next() == "WATCHDOG=1")
            notifier.stopping()
            #expect(manager.next() == "STOPPING=1\nSTATUS=stopping")
        }
    }

    @Test
    func `a manager that is gone, or does not read, hurts nobody`() throws {
        try names { name in
            let notifier = try #require(ServiceNotifier(address: name))
            notifier.alive()
            let manager = try ManagerSocket(name)
            for _ in 0..<10_000 { notifier.alive() }
            #expect(manager.next() == "WATCHDOG=1")
        }
    }

    @Test(arguments: [
        "", "@", "/", "relative", "vsock:1:2", "/" + String(repeating: "x", count: 107),
    ])
    func `what is no address is nobody`(address: String) {
        #expect(ServiceNotifier(address: address) == nil)
    }

    @Test
    func `variables for another process are not ours`() throws {
        let values = [
            "WATCHDOG_PID": "7", "WATCHDOG_USEC": "9", "LISTEN_PID": "7", "LISTEN_FDS": "5",
        ]
        let other = try ServiceManager(values, pid: 8)
        #expect(other.watchdogMicroseconds == nil && other.socket == nil && other.notifier == nil)
        #expect(try ServiceManager(["WATCHDOG_USEC": "9"], pid: 8).watchdogMicroseconds == 9)
        #expect(try ServiceManager(["WATCHDOG_USEC": "x"], pid: 8).watchdogMicroseconds == nil)
        #expect(try ServiceManager(["WATCHDOG_USEC": "0"], pid: 8).watchdogMicroseconds == nil)
        for count in ["", "0", "2", "-1", "x"] {
            let error = #expect(throws: ServerError.self) {
                try ServiceManager(["LISTEN_PID": "8", "LISTEN_FDS": count], pid: 8)
            }
            #expect(error?.exitCode == 78)
        }
    }

    @Test
    func `only a Unix stream socket that listens is taken`() throws {
        func refused(_ descriptor: CInt) {
            let error = #expect(throws: ServerError.self) { try PassedSocket.take(descriptor) }
            #expect(error?.exitCode == 78)
            close(descriptor)
        }
        refused(-1)
        refused(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0))
        refused(socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        refused(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        let tcp = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #expect(listen(tcp, 1) == 0)
        refused(tcp)
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let path = "\(directory.path)/s"
        let file = try SocketFile.listen(at: path, group: nil)
        #expect(fcntl(file.descriptor, F_SETFD, 0) == 0)
        #expect(try PassedSocket.take(file.descriptor).path == path)
        #expect(fcntl(file.descriptor, F_GETFD) == FD_CLOEXEC)
        close(file.descriptor)
    }

    /// The order of what the manager is told over the life of a service, and that the socket stays.
    @Test
    func `a service on a passed socket says that it is ready, and leaves the socket there`()
        async throws
    {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let manager = try ManagerSocket("@tenure-test-\(directory.path)")
        let file = try SocketFile.listen(at: "\(directory.path)/s", group: nil)
        let service = TenureService(
            serving: FakeLedger(),
            configuration: ServerConfiguration(socketPath: "/nowhere/s"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            manager: ServiceManager(
                notifier: ServiceNotifier(address: manager.name),
                watchdogMicroseconds: nil,
                socket: try PassedSocket.take(file.descriptor)
            )
        )
        let running = Task { try await service.run() }
        let ready = manager.next()
        #expect(ready == "READY=1\nSTATUS=serving at \(directory.path)/s")
        let socket = "\(directory.path)/s"
        let raw = try await RawConnection.connect(to: .unixSocket(path: socket), reads: true)
        try await raw.exchange("PING\r\n", "+PONG\r\n")
        await raw.close()
        running.cancel()
        try await running.value
        #expect(manager.next() == "STOPPING=1\nSTATUS=stopping")
        #expect(unsafe access(socket, F_OK) == 0)
    }

    /// Clients that ask and ask are no reason to end the daemon of all.
    @Test
    func `row 67: there are signs of life while every command is turned away`() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let manager = try ManagerSocket("@tenure-test-\(directory.path)")
        let ledger = FakeLedger()
        ledger.fill()
        let service = TenureService(
            serving: ledger,
            configuration: ServerConfiguration(socketPath: "\(directory.path)/s"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            manager: ServiceManager(
                notifier: ServiceNotifier(address: manager.name),
                watchdogMicroseconds: 2_000,
                socket: nil
            )
        )
        let running = Task { try await service.run() }
        #expect(manager.next()?.hasPrefix("READY=1") == true)
        for _ in 0..<5 { #expect(manager.next() == "WATCHDOG=1") }
        running.cancel()
        try await running.value
    }

    /// The writer is held as by a sync that does not return: it does not come by, and no sign can
    /// follow before it does.
    @Test
    func `row 67: there are signs of life as long as the writer answers, and none else`()
        async throws
    {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let manager = try ManagerSocket("@tenure-test-\(directory.path)")
        let ledger = FakeLedger()
        let service = TenureService(
            serving: ledger,
            configuration: ServerConfiguration(socketPath: "\(directory.path)/s"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            manager: ServiceManager(
                notifier: ServiceNotifier(address: manager.name),
                watchdogMicroseconds: 2_000,
                socket: nil
            )
        )
        let running = Task { try await service.run() }
        #expect(manager.next()?.hasPrefix("READY=1") == true)
        for _ in 0..<5 { #expect(manager.next() == "WATCHDOG=1") }
        ledger.hold()
        while ledger.comingByCount == 0 { try await Task.sleep(for: .milliseconds(1)) }
        while manager.next(waits: false) != nil {}
        try await Task.sleep(for: .milliseconds(50))
        #expect(manager.next(waits: false) == nil)
        #expect(ledger.comingByCount == 1)
        ledger.resume()
        #expect(manager.next() == "WATCHDOG=1")
        running.cancel()
        // Signs that were on their way come before it, and may fill the queue.
        var word = manager.next()
        while word == "WATCHDOG=1" { word = manager.next() }
        #expect(word == "STOPPING=1\nSTATUS=stopping")
        try await running.value
    }
}
