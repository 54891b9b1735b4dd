// Writing to systemd's journal, by the native protocol of systemd-journald: one datagram with a
// field on each line.

internal import Glibc

/// The journal of this machine, or of whoever listens in its place.
package struct Journal {
    /// Where systemd-journald listens.
    package static let path = "/run/systemd/journal/socket"

    private let path: String

    /// The journal that listens at `path`.
    package init(at path: String = Journal.path) {
        self.path = path
    }

    /// Adds an entry of level `info`; no value has more than one line.
    ///
    /// - Throws: with exit code 69 when nobody takes it.
    package func write(
        _ message: String,
        identifier: String,
        fields: [(name: String, value: String)]
    ) throws(ServerError) {
        var lines = [
            "MESSAGE=\(message)", "PRIORITY=\(LOG_INFO)", "SYSLOG_IDENTIFIER=\(identifier)",
        ]
        lines += fields.map { "\($0.name)=\($0.value)" }
        let problem: String
        if let peer = DatagramPeer(path) {
            guard let error = peer.send(lines.joined(separator: "\n") + "\n") else { return }
            // SAFETY: the text is copied before another call can change it.
            problem = unsafe String(cString: strerror(error))
        } else {
            problem = "no socket can be had for it"
        }
        throw ServerError(
            "the journal at '\(path)' takes nothing: \(problem); see that systemd-journald runs",
            exitCode: ServerError.unavailable
        )
    }
}
