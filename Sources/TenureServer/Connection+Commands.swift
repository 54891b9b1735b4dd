// What a connection answers by itself, as clients of Redis expect it.

internal import Logging
internal import NIOCore
internal import Tenure
internal import TenureModel
internal import TenureWire

/// What a client told of itself.
struct ClientFacts {
    var name = ""
    var library = ""
    var libraryVersion = ""
}

extension Connection {
    /// Answers a request, or sends it to the ledger.
    func answer(_ request: ParsedRequest) {
        refreshStanding()
        if isStranger, !request.isOpenToStrangers {
            return reply { $0.writeError(code: "NOAUTH", "Authentication required.") }
        }
        switch request {
        case .ledger(let command): send(command)
        case .openSession(let session, let process): open(session, process)
        case .connection(let command):
            if let refusal = Roles.refusal(of: command, for: standing, identity) {
                return reply(refusal)
            }
            perform(command)
        case .refused(let refusal): reply(refusal)
        }
    }

    private func open(_ request: SessionRequest, _ process: ProcessArgument) {
        var request = request
        let session = Command.openSession(request)
        if let refusal = Roles.refusal(of: session, for: standing, identity) {
            return reply(refusal)
        }
        do throws(Refusal) {
            switch process {
            case .peer:
                guard let peer else {
                    throw Refusal(
                        .malformed,
                        "PROCESS peer needs the Unix socket, and a process that the daemon can see"
                    )
                }
                request.process = peer
            case .pid(let pid):
                request.process = try PeerProcess.identify(pid: pid, for: caller)
            }
        } catch {
            return reply(error)
        }
        send(.openSession(request))
    }

    private func perform(_ command: ConnectionCommand) {
        switch command {
        case .hello(let request): hello(request)
        case .auth(let credentials):
            authenticate(credentials) { $0.reply { $0.writeSimple("OK") } }
        case .ping(nil): reply { $0.writeSimple("PONG") }
        case .ping(let message?), .echo(let message): reply { $0.writeBulk(message) }
        case .select: reply { $0.writeSimple("OK") }
        case .watch(let pool): watch(pool)
        case .unwatch:
            watched = nil
            hub.state.value.unwatch(self)
            reply { $0.writeSimple("OK") }
        case .reset:
            reset()
            reply { $0.writeSimple("RESET") }
        case .quit:
            reply { $0.writeSimple("OK") }
            finish()
        case .info(let sections): info(sections)
        case .explain(let subject): explain(subject)
        default: tell(command)
        }
    }

    /// Commands that describe the connection or the commands.
    private func tell(_ command: ConnectionCommand) {
        switch command {
        case .clientID: reply { $0.writeRESP(integer: Int64(clamping: number)) }
        case .clientGetName: reply { [client] in $0.writeBulk(client.name) }
        case .clientInfo, .clientList:
            let line = description
            reply { $0.writeBulk(line) }
        case .clientSetName(let name):
            client.name = name
            reply { $0.writeSimple("OK") }
        case .clientSetInfo(let attribute, let value): setInfo(attribute, value)
        case .commandCount: reply { $0.writeRESP(integer: Int64(CommandPages.count)) }
        case .commandList: reply { [version] in CommandPages.list(to: &$0, version) }
        case .commands(let names):
            reply { [version] in CommandPages.describe(names, to: &$0, version) }
        case .commandDocs(let names):
            reply { [version] in CommandPages.document(names, to: &$0, version) }
        default: reply(Refusal(.malformed, "not supported by this version"))
        }
    }

    private func setInfo(_ attribute: String, _ value: String) {
        switch attribute {
        case "LIB-NAME": client.library = value
        case "LIB-VER": client.libraryVersion = value
        default:
            return reply(Refusal(.malformed, "unknown attribute; there are LIB-NAME and LIB-VER"))
        }
        reply { $0.writeSimple("OK") }
    }

    private func hello(_ request: HelloRequest) {
        var wanted = version
        if let number = request.version {
            guard let version = UInt8(exactly: number).flatMap(RESPVersion.init(rawValue:)) else {
                return reply { $0.writeError(code: "NOPROTO", "unsupported protocol version") }
            }
            wanted = version
        }
        guard let credentials = request.credentials else { return greet(request, wanted) }
        authenticate(credentials) { $0.greet(request, wanted) }
    }

    private func greet(_ request: HelloRequest, _ wanted: RESPVersion) {
        guard !isStranger else {
            return reply {
                $0.writeError(
                    code: "NOAUTH",
                    "HELLO must be called with the client already authenticated, otherwise the "
                        + "HELLO <proto> AUTH <user> <pass> option can be used"
                )
            }
        }
        version = wanted
        if let name = request.name { client.name = name }
        let answer = Document.map([
            .init("server", .string("tenure")), .init("version", .string(InfoText.version)),
            .init("proto", .integer(Int64(version.rawValue))),
            .init("id", .integer(Int64(clamping: number))),
            .init("mode", .string("standalone")), .init("role", .string("master")),
            .init("modules", .list([])),
        ])
        reply { [version] in ReplyEncoder.write(answer, to: &$0, version) }
    }

    private func watch(_ pool: String?) {
        guard version == .three else {
            return reply(
                Refusal(.malformed, "WATCH pushes events, which needs RESP3: send HELLO 3")
            )
        }
        watched = .some(pool)
        let ticket = openSlot()
        hub.state.value.watch(self, hub: hub) { [hub] in
            hub.answer(ticket, .document(.string("OK")))
        }
    }

    /// Answers INFO; the figures wait for the writer, and what follows on the connection for them.
    private func info(_ sections: [String]) {
        let ticket = openSlot()
        informing = ticket
        hub.state.value.tellFigures(.init(ticket: ticket, sections: sections), hub: hub)
    }

    /// Answers EXPLAIN; the log is read elsewhere.
    private func explain(_ subject: ExplainSubject) {
        let ticket = openSlot()
        hub.ledger.explain(subject) { [hub] in hub.answer(ticket, $0) }
    }

    private func reset() {
        watched = nil
        hub.state.value.unwatch(self)
        version = .two
        client.name = ""
    }

    /// Whether the connection watches what `notice` tells.
    func watches(_ notice: Notice) -> Bool {
        guard let watched else { return false }
        // The policy may have changed since WATCH.
        refreshStanding()
        guard Roles.refusal(needing: .observe, for: standing, identity) == nil else { return false }
        return watched == nil || watched == notice.pool
    }

    /// `document` without what only its holder and admins may see.
    func visible(_ document: Document) -> Document {
        guard !caller.isAdmin, case .map(let fields) = document else { return document }
        return .map(fields.filter { $0.name != "token" })
    }

    /// The connection as one line, like `CLIENT INFO` of Redis.
    private var description: String {
        let age = (NIODeadline.now() - since).nanoseconds / 1_000_000_000
        let user: String
        switch identity {
        case .user(let uid, _): user = "uid:\(uid)"
        case .account(let name, _), .certificate(let name, _, _): user = name
        case .stranger, .password: user = "default"
        }
        return "id=\(number) name=\(client.name) age=\(age) db=0 user=\(user) "
            + "resp=\(version.rawValue) lib-name=\(client.library) "
            + "lib-ver=\(client.libraryVersion)\n"
    }
}

extension ParsedRequest {
    /// Whether it may be sent before authenticating.
    fileprivate var isOpenToStrangers: Bool {
        switch self {
        case .connection(.hello), .connection(.auth), .connection(.quit), .connection(.reset): true
        case .connection, .ledger, .openSession, .refused: false
        }
    }
}
