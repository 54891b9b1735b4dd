// The command line `tenure`: serves a ledger, asks one, measures one, and reads a stopped one.
//
// Every verb is one type with one line, one paragraph and real examples. Data goes to stdout,
// words to stderr; `--json` is for programs. How the process ends is in Failure.swift.

package import ArgumentParser
internal import Glibc
package import TenureClient
package import TenureModel
internal import TenureServer

/// The root of all verbs.
@main
package struct TenureTool: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tenure",
        abstract: "A crash-safe allocation ledger: leases on things that run out.",
        discussion: """
            'tenure serve' keeps a ledger; the other verbs ask it over its socket. What it \
            acknowledges is durable. The data directory is --data, else TENURE_DATA, else \
            /var/lib/tenure for root, else $XDG_STATE_HOME/tenure or ~/.local/state/tenure; the \
            socket is --socket, else TENURE_SOCKET, else the data directory's name with '.sock'.

            EXAMPLES
              tenure serve --data /srv/tenure
              tenure pool set gpus ttlDefault=5m
              tenure resource set gpu0 --pool gpus --kind gpu --capacity 1 --node box
              tenure acquire --pool gpus --claim gpu=500m --tenant research --ttl 30s
              tenure lease list --pool gpus
              tenure release 281474976710661 281474976710661

            Exit codes: 'tenure help exit-codes'.
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Leases",
                subcommands: [
                    Acquire.self, Renew.self, Grow.self, HandOver.self, Sublease.self, Release.self,
                    Check.self, Report.self,
                    Reserve.self,
                    Commit.self,
                    Cancel.self, Plan.self, LeaseNoun.self, SessionNoun.self, RequestNoun.self,
                    QueueNoun.self, Book.self, BookingNoun.self, WindowNoun.self, Optimize.self,
                    Explain.self,
                ]
            ),
            CommandGroup(
                name: "Settings",
                subcommands: [
                    PoolNoun.self, ResourceNoun.self, NodeNoun.self, BreakerNoun.self,
                    QuotaNoun.self, TenantNoun.self, BudgetNoun.self,
                ]
            ),
            CommandGroup(
                name: "Daemon",
                subcommands: [
                    Serve.self, PolicyNoun.self, Status.self, Usage.self, Watch.self, Ping.self,
                ]
            ),
            CommandGroup(
                name: "Inspection and measurement",
                subcommands: [
                    AuditNoun.self, Backup.self, Anchor.self, Restore.self, Snapshot.self,
                    Prune.self, Compact.self,
                    Repair.self, Simulate.self, Bench.self, Replay.self,
                ]
            ),
            CommandGroup(name: "Topics", subcommands: [ExitCodes.self]),
        ]
    )

    package init() {}

    /// Runs the verb and ends the process with its code.
    package static func main() async {
        DaemonProcess.openMissingStreams()
        Terminal.ignoreBrokenPipes()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// Says what went wrong, and ends the process with the code for it.
    static func end(with error: any Error) -> Never {
        switch error {
        case let failure as Failure:
            Terminal.word("tenure: " + failure.sentence)
            Glibc.exit(failure.status)
        case let refusal as Refusal:
            let json = CommandLine.arguments.contains("--json")
            Terminal.word(TenureTool.sentence(of: refusal, json: json))
            Glibc.exit(ExitStatus.refused.rawValue)
        case let error as ClientError: end(with: Failure(error))
        default: exit(withError: error)
        }
    }

    /// What is said about a refusal: its code first.
    package static func sentence(of refusal: Refusal, json: Bool) -> String {
        guard json else {
            return "tenure: " + refusal.code.rawValue + " " + Table.cell(refusal.message)
        }
        return JSONText.of(
            .map([
                .init("code", .string(refusal.code.rawValue)),
                .init("message", .string(refusal.message)),
            ])
        )
    }
}

/// A page of help that can also be run.
struct ExitCodes: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exit-codes",
        abstract: "How the process ends, and what each code means.",
        discussion: lines.joined(separator: "\n")
    )

    private static var lines: [String] {
        ["0   it was done"]
            + ExitStatus.allCases.map { status in
                let code = String(status.rawValue)
                let blanks = String(repeating: " ", count: 4 - code.count)
                return code + blanks + status.meaning
            }
    }

    func run() throws {
        try Terminal.data(ExitCodes.lines)
    }
}

extension Failure {
    /// What it means that a client can not go on.
    package init(_ error: ClientError) {
        switch error {
        case .unreachable(let endpoint, let reason):
            self.init(
                reason.isOfTrust ? .permission : .unavailable,
                "no daemon answers at \(endpoint): \(Table.cell(reason.description));"
                    + " \(Failure.remedy(reason))"
            )
        case .closed:
            self.init(
                .unavailable,
                "the daemon closed the connection; whether the command happened is not known,"
                    + " 'tenure request get' tells when it had a --request"
            )
        case .unusable(let file, let what):
            self.init(.configuration, "'\(Table.cell(file))' \(what)")
        case .notTenure(let what):
            self.init(.unavailable, "what answers there is no tenure daemon: \(Table.cell(what))")
        case .rejected(let code, let message):
            self.init(.permission, "the daemon refuses: \(Table.cell(code + " " + message))")
        }
    }

    /// What to do where there is no connection.
    private static func remedy(_ fault: ConnectFault) -> String {
        switch fault {
        case .absent, .nobodyListens:
            "is it running? Start one with 'tenure serve', or say where it is with --data,"
                + " --socket or --tcp"
        case .forbidden:
            "ask as its user, as root, or as a member of the group given to 'tenure serve"
                + " --socket-group'"
        case .unknownHost: "correct --tcp"
        case .notTrusted:
            "give --ca with the authority of its certificate, ask it by a name that is in that, and"
                + " look whether it speaks TLS"
        case .full: "try again"
        case .other: "look at the daemon's log, and whether --socket or --tcp is right"
        }
    }
}

extension ConnectFault {
    /// Whether somebody is there, and one of the two does not want the other.
    fileprivate var isOfTrust: Bool {
        switch self {
        case .forbidden, .notTrusted: true
        case .absent, .nobodyListens, .unknownHost, .full, .other: false
        }
    }
}
