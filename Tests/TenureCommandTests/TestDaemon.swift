// The shipped program as a child: started, asked, stopped, killed, and read when it has ended.
//
// Started and reaped by hand: Foundation's Process waits by a signal that the monitor of exit
// tests, in the same process, takes from it.

import FoundationEssentials
import Glibc
import TenureClient
import TenureModel

/// A program that was started.
struct ChildProgram {
    /// Its number.
    let pid: Int32
    private let output: String

    /// Starts the program at `path`; what it writes goes to the file `output`.
    init(_ path: String, _ arguments: [String], output: String) throws {
        self.output = output
        var actions = unsafe posix_spawn_file_actions_t()
        // SAFETY: initialised here, used by the call below and destroyed at the end of the scope.
        unsafe posix_spawn_file_actions_init(&actions)
        // SAFETY: the same.
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // SAFETY: here and in the next lines the names are copied by the calls.
        let flags = O_WRONLY | O_CREAT | O_APPEND
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, flags, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // The other tests of this process have files open that are not the program's.
        for descriptor in STDERR_FILENO + 1..<4_096 {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var pid: pid_t = 0
        // SAFETY: copies that live until they are freed below.
        var words = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        // SAFETY: freed once, after the call that reads them.
        defer { for index in unsafe words.indices { unsafe free(words[index]) } }
        // SAFETY: the list ends in nil and outlives the call.
        let status = unsafe posix_spawn(&pid, path, &actions, nil, &words, environ)
        guard status == 0 else { throw TestFailure("\(path): error \(status)") }
        self.pid = pid
    }

    /// What it has written so far.
    var words: String {
        String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
    }

    /// Sends a signal.
    func signal(_ number: Int32) {
        kill(pid, number)
    }

    /// The status with which it ended, or minus the signal; nothing while it runs.
    func ended() -> Int32? {
        var status: Int32 = 0
        // SAFETY: the kernel fills an integer of ours.
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
        return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
    }
}

/// Why a test can not go on.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A directory for a daemon of a test's own, and the daemon that serves it now.
final class TestDaemon {
    /// The directory of everything: removed in the end.
    let home: String
    /// The ledger.
    let data: String
    /// Where the daemon listens.
    let socket: String
    private let log: String
    private var child: ChildProgram?

    /// The program beside the tests.
    static let program: String = {
        var path = [CChar](repeating: 0, count: 4_096)
        // SAFETY: the kernel writes no more than it is told, and the last byte stays zero.
        let count = unsafe readlink("/proc/self/exe", &path, path.count - 1)
        let own = String(decoding: path.prefix(max(count, 0)).map(UInt8.init), as: UTF8.self)
        return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/tenure"
    }()

    /// On a file system that keeps what it is told.
    init() {
        home = "/var/tmp/tenure-daemon-\(UUID().uuidString.prefix(8))"
        data = home + "/data"
        socket = home + "/socket"
        log = home + "/log"
        try? FileManager.default.createDirectory(
            atPath: home,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }

    deinit {
        if let child, child.ended() == nil {
            child.signal(SIGKILL)
            while child.ended() == nil { usleep(1_000) }
        }
        try? FileManager.default.removeItem(atPath: home)
    }

    /// What the daemon has said.
    var words: String {
        String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
    }

    /// The arguments that serve this ledger.
    func serving(_ options: [String] = []) -> [String] {
        ["serve", "--no-detect", "--data", data, "--socket", socket] + options
    }

    /// Starts the daemon and waits until it answers.
    func start(_ options: [String] = [], limits: String? = nil) async throws {
        try spawn(options, limits: limits)
        for _ in 0..<3_000 {
            if let status = child?.ended() { throw TestFailure("ended with \(status): \(words)") }
            if (try? await ask(["PING"])) != nil { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestFailure("does not answer: \(words)")
    }

    /// Starts the daemon; `limits` are words of the shell in front of it.
    func spawn(_ options: [String] = [], limits: String? = nil) throws {
        child =
            if let limits {
                try ChildProgram(
                    "/bin/sh",
                    ["-c", limits + #"; exec "$0" "$@""#, Self.program] + serving(options),
                    output: log
                )
            } else {
                try ChildProgram(Self.program, serving(options), output: log)
            }
    }

    /// Sends a signal to the daemon.
    func signal(_ number: Int32) {
        child?.signal(number)
    }

    /// The most memory that it has had, in KiB.
    var memoryPeakKiB: Int? {
        let status = FileManager.default.contents(atPath: "/proc/\(child?.pid ?? 0)/status")
        let lines = String(decoding: status ?? Data(), as: UTF8.self).split(separator: "\n")
        let words = lines.first { $0.hasPrefix("VmHWM:") }?.split(whereSeparator: \.isWhitespace)
        return words.flatMap { $0.count > 1 ? Int($0[1]) : nil }
    }

    /// What its open files are, by number.
    var openFiles: [Int: String] {
        let place = "/proc/\(child?.pid ?? 0)/fd"
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
        var files: [Int: String] = [:]
        for number in numbers.compactMap({ Int($0) }) {
            files[number] =
                try? FileManager.default.destinationOfSymbolicLink(atPath: "\(place)/\(number)")
        }
        return files
    }

    /// A connection of a client that neither sends, reads nor closes; its descriptor.
    func connectSilently() throws -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = socket
        // SAFETY: the path is shorter than the room for it, whose last byte stays zero.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
            unsafe room.copyBytes(from: path.utf8.prefix(room.count - 1))
        }
        // SAFETY: the address lives for the closure.
        let result = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw TestFailure("no connection: error \(errno)")
        }
        return descriptor
    }

    /// A connection of a client that has asked for more than it will read; its descriptor.
    func connectDeafly() async throws -> Int32 {
        let client = try connectSilently()
        let request = Array(String(repeating: "COMMAND DOCS\r\n", count: 200).utf8)
        // SAFETY: the array lives for the call.
        guard unsafe write(client, request, request.count) == request.count else {
            close(client)
            throw TestFailure("not sent: error \(errno)")
        }
        // As many as fit into what the client does not read.
        let enough = 10
        while try await figure("total_commands_processed") ?? 0 < enough { await Task.yield() }
        return client
    }

    /// The status with which the daemon ends, within a minute.
    func end() async throws -> Int32 {
        for _ in 0..<6_000 {
            if let status = child?.ended() {
                child = nil
                return status
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestFailure("does not end: \(words)")
    }

    /// The status of a daemon that has ended; nothing while it runs.
    func ended() -> Int32? {
        guard let status = child?.ended() else { return nil }
        child = nil
        return status
    }

    /// Stops the daemon as a service manager does.
    func stop() async throws -> Int32 {
        signal(SIGTERM)
        return try await end()
    }

    /// Sends one command on a connection of its own.
    @discardableResult
    func ask(_ command: [String]) async throws -> Document {
        let client = try await TenureClient.connect(to: .unixSocket(path: socket))
        do {
            let answer = try await client.send(command)
            await client.close()
            return answer
        } catch {
            await client.close()
            throw error
        }
    }

    /// One number of INFO.
    func figure(_ name: String) async throws -> Int? {
        guard case .string(let text) = try await ask(["INFO"]) else { return nil }
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }
        return line.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    /// Declares a pool of eight CPUs.
    func declare() async throws {
        try await ask(["POOL", "SET", "main"])
        try await ask([
            "RESOURCE", "SET", "cpus", "POOL", "main", "KIND", "cpu", "CAPACITY", "8",
        ])
    }

    /// Takes one CPU; answers lease and token.
    func acquire(ttl: Int = 600_000) async throws -> [String] {
        let grant = try await ask(["ACQUIRE", "main", "cpu=1", "TTL", "\(ttl)"])
        return try ["lease", "token"].map { name in
            switch grant[name] {
            case .id(let number)?: return "\(number)"
            case .integer(let number)?: return "\(number)"
            default: throw TestFailure("no \(name) in \(grant)")
            }
        }
    }

    /// Whether a lease is held.
    func holds(_ lease: [String]) async throws -> Bool {
        do {
            return try await ask(["CHECK"] + lease)["status"] == .string("held")
        } catch let refusal as Refusal where refusal.code == .expired || refusal.code == .notFound {
            return false
        }
    }

    /// Runs the program to its end; answers its status and what it wrote.
    func run(_ arguments: [String]) async throws -> (status: Int32, words: String) {
        try await end(of: launch(arguments))
    }

    /// Starts the program with these arguments.
    func launch(_ arguments: [String]) throws -> ChildProgram {
        try ChildProgram(
            Self.program,
            arguments,
            output: "\(home)/run-\(UUID().uuidString)"
        )
    }

    /// Waits for what `launch` started; answers its status and what it said.
    func end(of program: ChildProgram) async throws -> (status: Int32, words: String) {
        while true {
            if let status = program.ended() { return (status, program.words) }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
