// What a service manager passes to the daemon, and what it is told: the protocols of sd_notify(3)
// and sd_listen_fds(3), which are a few variables and one datagram socket.
//
//   G1  The variables are taken out of the environment, so that no child believes they are for it.
//   G2  What is passed is a listening Unix stream socket, or the daemon ends with 78.

internal import Glibc

/// What a service manager has passed to this process.
package struct ServiceManager: Sendable {
    /// Whom to tell; nobody when absent.
    package let notifier: ServiceNotifier?
    /// How long the manager waits for a sign of life, in microseconds; for ever when absent.
    package let watchdogMicroseconds: UInt64?
    /// The socket to listen on instead of one of our own.
    package let socket: PassedSocket?

    /// Nobody manages the process.
    package static let none = ServiceManager(
        notifier: nil,
        watchdogMicroseconds: nil,
        socket: nil
    )

    /// What the environment of this process says, which is taken out of it.
    ///
    /// - Throws: with exit code 78 when what is passed can not be used.
    package static func takeFromEnvironment() throws(ServerError) -> ServiceManager {
        let names = [
            "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS",
            "LISTEN_FDNAMES",
        ]
        var values: [String: String] = [:]
        for name in names {
            // SAFETY: called once, early, when nothing else reads or changes the environment; the
            // text is copied at once.
            if let value = unsafe getenv(name) { values[name] = unsafe String(cString: value) }
            // SAFETY: the same.
            unsafe unsetenv(name)
        }
        return try ServiceManager(values, pid: getpid())
    }

    /// What these variables say to the process `pid`.
    ///
    /// - Throws: with exit code 78 when what is passed can not be used.
    init(_ values: [String: String], pid: Int32) throws(ServerError) {
        let notifier = values["NOTIFY_SOCKET"].flatMap(ServiceNotifier.init(address:))
        let isOurs = values["WATCHDOG_PID"].map { $0 == "\(pid)" } ?? true
        self.init(
            notifier: notifier,
            watchdogMicroseconds: isOurs ? values["WATCHDOG_USEC"].flatMap { UInt64($0) } : nil,
            socket: values["LISTEN_PID"] == "\(pid)"
                ? try PassedSocket.take(count: values["LISTEN_FDS"] ?? "") : nil
        )
    }

    /// A manager who has passed these.
    init(notifier: ServiceNotifier?, watchdogMicroseconds: UInt64?, socket: PassedSocket?) {
        self.notifier = notifier
        self.watchdogMicroseconds = watchdogMicroseconds.flatMap { $0 > 0 ? $0 : nil }
        self.socket = socket
    }
}

/// Tells the service manager how the daemon is.
///
/// What does not reach the manager is lost, as `sd_notify` has it. What is said only once waits up
/// to a second while the manager's queue is full: who never hears of a start ends the daemon.
package final class ServiceNotifier: Sendable {
    private let manager: DatagramPeer

    /// A notifier for `address`, a path or an abstract name behind `@`; nothing for another one.
    package init?(address: String) {
        guard let manager = DatagramPeer(address) else { return nil }
        self.manager = manager
    }

    /// The daemon serves; `status` says where.
    package func ready(_ status: String) {
        send("READY=1\nSTATUS=\(Self.line(status))", waits: true)
    }

    /// The daemon stops.
    package func stopping() { send("STOPPING=1\nSTATUS=stopping", waits: true) }

    /// What the daemon does, for people.
    package func status(_ status: String) { send("STATUS=\(Self.line(status))") }

    /// The daemon lives: the ledger's writer has just answered.
    package func alive() { send("WATCHDOG=1") }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private func send(_ text: String, waits: Bool = false) {
        _ = manager.send(text, waits: waits)
    }
}
