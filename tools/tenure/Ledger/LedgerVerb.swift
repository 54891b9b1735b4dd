// A verb that is one command of the daemon's protocol: options in, arguments out, answer shown.
//
// What is no command of the protocol is refused here, by the daemon's own parser and in its words,
// before anything is sent. Everything else is the daemon's to judge.

package import ArgumentParser
internal import TenureClient
package import TenureModel
internal import TenureWire

/// Where the daemon is, and how the answer is shown.
package struct GlobalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Socket of the daemon; default: <data>.sock.", valueName: "path")
    )
    var socket: String?

    @Option(help: ArgumentHelp("Data directory of the ledger.", valueName: "directory"))
    var data: String?

    @Option(
        help: ArgumentHelp("Address of the daemon instead of a socket.", valueName: "host:port")
    )
    var tcp: String?

    @OptionGroup(title: "TLS")
    var security: TLSOptions

    @Option(
        help: ArgumentHelp(
            "Account whose secret TENURE_PASSWORD is; else TENURE_ACCOUNT.",
            valueName: "name"
        )
    )
    var account: String?

    @Flag(help: "Answer as JSON; tokens, lease ids and positions are strings.")
    var json = false

    package init() {}

    package func validate() throws {
        if let tcp { _ = try HostPort(tcp) }
    }

    /// Connects, runs `body` and closes the connection whatever happens.
    func withClient<Result>(
        _ body: (TenureClient) async throws -> Result
    ) async throws -> Result {
        let client = try await connect()
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }

    private func connect() async throws -> TenureClient {
        let places = Places.current
        return try await TenureClient.connect(
            to: endpoint,
            account: account ?? places.account,
            password: places.password,
            tls: try tls
        )
    }

    /// How TLS is spoken; nothing where it is not.
    var tls: ClientTLS? {
        get throws { try security.tls(over: endpoint) }
    }

    /// Where the daemon listens.
    var endpoint: Endpoint {
        get throws {
            guard let tcp else {
                return .unixSocket(path: try Places.current.socket(option: socket, data: data))
            }
            let address = try HostPort(tcp)
            return .tcp(host: address.host, port: address.port)
        }
    }

    /// Shows an answer as it was asked for.
    func show(_ answer: Document) throws {
        let answer = WireIdentifiers.marked(answer)
        if json {
            try Terminal.data(JSONText.of(answer))
        } else {
            try Terminal.data(Rendering.lines(answer))
        }
    }
}

/// `host:port`, the host in brackets when it is an IPv6 address.
package struct HostPort: Equatable, Sendable {
    /// Name or address.
    package let host: String
    /// From 1 to 65535.
    package let port: Int

    /// Reads an address; the port is behind the last colon.
    package init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else {
            throw ValidationError("'\(text)' is no address; say host:port, as 127.0.0.1:7420")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else {
            throw ValidationError("'\(text)' has no host; say host:port, as 127.0.0.1:7420")
        }
        self.host = String(host)
        self.port = Int(port)
    }
}

/// A verb that sends one command and shows its answer.
package protocol LedgerVerb: AsyncParsableCommand {
    /// Where the daemon is, and how the answer is shown.
    var options: GlobalOptions { get }

    /// The command as the protocol has it.
    func request() throws -> [String]
}

extension LedgerVerb {
    /// Refuses what the daemon could not even read.
    package func validate() throws { try checkSyntax() }

    /// Refuses what the daemon could not even read; for verbs that check more.
    func checkSyntax() throws {
        if case .refused(let refusal) = CommandParser.parse(RequestArguments(try request())) {
            throw ValidationError(refusal.message)
        }
    }

    /// Sends the command and shows the answer.
    package mutating func run() async throws {
        let arguments = try request()
        let answer = try await options.withClient { try await $0.send(arguments) }
        try options.show(answer)
    }
}

/// Which part of a list is shown.
struct PageOptions: ParsableArguments {
    @Option(help: ArgumentHelp("At most so many items.", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Where the page before ended.", valueName: "cursor"))
    var after: String?

    @Flag(help: "All pages, one after the other.")
    var all = false

    func validate() throws {
        if let limit, limit < 1 || limit > Limits.pageItems {
            throw ValidationError("--limit is from 1 to \(Limits.pageItems)")
        }
    }

    /// The options as the protocol has them.
    var words: [String] {
        var words: [String] = []
        if let limit { words += ["LIMIT", String(limit)] }
        if let after { words += ["AFTER", after] }
        return words
    }
}

/// A verb whose answer comes in pages.
protocol ListVerb: LedgerVerb {
    var page: PageOptions { get }
}

extension ListVerb {
    /// Shows a page, or all of them, and says on stderr when there is more.
    mutating func run() async throws {
        let first = try request()
        let answer = try await options.withClient { client in
            var answer = try await client.send(first)
            guard page.all, case .list(var items)? = answer["items"] else { return answer }
            while let cursor = ListPages.cursor(of: answer) {
                answer = try await client.send(ListPages.arguments(first, after: cursor))
                guard case .list(let more)? = answer["items"] else { break }
                items += more
            }
            return .map([.init("items", .list(items)), .init("cursor", .null)])
        }
        try options.show(answer)
        if !options.json, let cursor = ListPages.cursor(of: answer) {
            Terminal.word("more: --after \(cursor)")
        }
    }
}

/// How one goes from page to page.
package enum ListPages {
    /// Where the page ended; nil at the end of the list.
    package static func cursor(of answer: Document) -> String? {
        switch answer["cursor"] {
        case .string(let text)?: text.isEmpty ? nil : text
        case .id(let number)?: String(number)
        case .integer(let number)?: String(number)
        default: nil
        }
    }

    /// The same command for the page behind `cursor`.
    package static func arguments(_ arguments: [String], after cursor: String) -> [String] {
        var arguments = arguments
        if let place = arguments.lastIndex(of: "AFTER"), place + 1 < arguments.count {
            arguments[place + 1] = cursor
        } else {
            arguments += ["AFTER", cursor]
        }
        return arguments
    }
}

/// Adds option words to a command where there is something to say.
struct Words {
    private(set) var list: [String]

    /// A command that starts with these words.
    init(_ list: String...) {
        self.list = list
    }

    mutating func add(_ name: String, _ value: String?) {
        if let value { list += [name, value] }
    }

    mutating func add(_ name: String, _ value: UInt64?) {
        add(name, value.map { String($0) })
    }

    /// Values of a repeatable option, joined by commas.
    mutating func add(_ name: String, joined values: [String]) {
        if !values.isEmpty { list += [name, values.joined(separator: ",")] }
    }

    mutating func add(flag name: String, _ isSet: Bool) {
        if isSet { list.append(name) }
    }
}
