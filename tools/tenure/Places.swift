// Where a ledger and its socket are when nobody says.
//
// One rule. The data directory is `--data`, else TENURE_DATA, else `/var/lib/tenure` for root,
// else `$XDG_STATE_HOME/tenure`, else `~/.local/state/tenure`. The socket is `--socket`, else
// TENURE_SOCKET, else the data directory's name with `.sock` behind it: `/var/lib/tenure` is
// served at `/var/lib/tenure.sock`. So two ledgers of one user never meet at one socket, and a
// client finds the daemon whatever session or service either was started from.

internal import FoundationEssentials
internal import Glibc

/// What decides where things are: the options, the environment and the user.
package struct Places {
    private let environment: [String: String]
    private let isRoot: Bool

    /// The places that an environment and a user give.
    package init(environment: [String: String], isRoot: Bool) {
        self.environment = environment
        self.isRoot = isRoot
    }

    /// The places of this process.
    package static var current: Places {
        Places(environment: ProcessInfo.processInfo.environment, isRoot: geteuid() == 0)
    }

    /// The longest path that fits the address of a Unix socket, in bytes.
    private static let socketPathBytes = 107

    /// The directory of the ledger.
    package func dataDirectory(option: String?) throws -> String {
        if let path = option ?? value("TENURE_DATA") { return withoutTrailingSlash(path) }
        if isRoot { return "/var/lib/tenure" }
        if let state = value("XDG_STATE_HOME"), state.hasPrefix("/") {
            return withoutTrailingSlash(state) + "/tenure"
        }
        if let home = value("HOME"), home.hasPrefix("/") {
            return withoutTrailingSlash(home) + "/.local/state/tenure"
        }
        throw Failure(
            .configuration,
            "no data directory: HOME is not set; give --data or set TENURE_DATA"
        )
    }

    /// The socket of the daemon.
    package func socket(option: String?, data: String?) throws -> String {
        let path = try option ?? value("TENURE_SOCKET") ?? dataDirectory(option: data) + ".sock"
        guard path.utf8.count <= Places.socketPathBytes else {
            throw Failure(
                .configuration,
                "the socket path '\(path)' is longer than \(Places.socketPathBytes) bytes;"
                    + " give a shorter one with --socket"
            )
        }
        return path
    }

    /// Whose password it is; the daemon's own one when nobody says.
    package var account: String { value("TENURE_ACCOUNT") ?? "default" }

    /// The password for TCP and for a daemon that asks for one.
    package var password: String? { value("TENURE_PASSWORD") }

    /// An empty variable is one that is not set.
    private func value(_ name: String) -> String? {
        guard let text = environment[name], !text.isEmpty else { return nil }
        return text
    }

    private func withoutTrailingSlash(_ path: String) -> String {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return String(path)
    }
}
