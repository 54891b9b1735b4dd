// Commands that a connection answers by itself, read the way Redis clients write them.

internal import TenureModel

/// Reads the commands of a connection.
enum ConnectionParser {
    /// What `arguments`, which begin with the name of `row`, ask of the connection.
    static func parse(
        _ row: CommandSpecification,
        _ arguments: RequestArguments
    ) throws(Refusal) -> ConnectionCommand {
        switch row.word {
        case .hello: return .hello(try hello(arguments))
        case .auth: return .auth(try auth(arguments))
        default: break
        }
        let words = try CommandWords(row, arguments)
        switch row.word {
        case .ping: return .ping(try words.optionalOperand.map(arguments.text))
        case .echo: return .echo(try words.text(operand: 0))
        case .clientSetName: return .clientSetName(try clientName(arguments, at: 2))
        case .clientSetInfo:
            return .clientSetInfo(
                attribute: try words.text(operand: 0).uppercased(),
                value: try clientName(arguments, at: 3)
            )
        case .commandDocs: return .commandDocs(named: try texts(arguments, from: 2))
        case .commandInfo: return .commands(named: try texts(arguments, from: 2))
        case .info: return .info(sections: try texts(arguments, from: 1).map { $0.lowercased() })
        case .explain: return .explain(try subject(words))
        case .watch: return .watch(pool: try words.name(.pool))
        case .select:
            guard arguments.unsigned(1) == 0 else {
                throw Grammar.fault("DB index is out of range: there is only database 0")
            }
            return .select
        default: return try plain(row.word)
        }
    }

    /// A lease by its number, which is above 2^48, or a request by its id.
    private static func subject(_ words: CommandWords) throws(Refusal) -> ExplainSubject {
        let text = try words.text(operand: 0)
        let tenant = try words.tenant()
        if tenant == nil, let number = UInt64(text), Token(rawValue: number).epoch > 0 {
            return .lease(LeaseID(rawValue: number))
        }
        return .request(id: try Grammar.requestID(text), tenant: tenant ?? "default")
    }

    /// Commands without operands.
    private static func plain(_ word: CommandWord) throws(Refusal) -> ConnectionCommand {
        switch word {
        case .clientID: .clientID
        case .clientGetName: .clientGetName
        case .clientInfo: .clientInfo
        case .clientList: .clientList
        case .commands: .commands(named: nil)
        case .commandCount: .commandCount
        case .commandList: .commandList
        case .unwatch: .unwatch
        case .reset: .reset
        case .quit: .quit
        default: throw CommandParser.unsupported(word.rawValue)
        }
    }

    /// `HELLO [version [AUTH user password] [SETNAME name]]`.
    private static func hello(_ arguments: RequestArguments) throws(Refusal) -> HelloRequest {
        var request = HelloRequest()
        guard arguments.count > 1 else { return request }
        guard let version = arguments.unsigned(1) else {
            throw Grammar.fault("Protocol version is not an integer or out of range")
        }
        request.version = version
        var index = 2
        while index < arguments.count {
            switch arguments.key(index) {
            case WordKey("AUTH") where index + 2 < arguments.count:
                request.credentials = Credentials(
                    user: try arguments.text(index + 1),
                    password: try arguments.text(index + 2)
                )
                index += 3
            case WordKey("SETNAME") where index + 1 < arguments.count:
                request.name = try clientName(arguments, at: index + 1)
                index += 2
            default:
                throw Grammar.fault("Syntax error in HELLO option \(arguments.quoted(index))")
            }
        }
        return request
    }

    /// `AUTH [user] password`.
    private static func auth(_ arguments: RequestArguments) throws(Refusal) -> Credentials {
        switch arguments.count {
        case 2: return Credentials(user: "default", password: try arguments.text(1))
        case 3:
            return Credentials(user: try arguments.text(1), password: try arguments.text(2))
        default:
            throw Grammar.fault(
                "wrong number of arguments for 'auth' command: AUTH [user] password"
            )
        }
    }

    private static func clientName(
        _ arguments: RequestArguments,
        at place: Int
    ) throws(Refusal) -> String {
        let text = try arguments.text(place)
        guard text.utf8.count <= WireLimits.clientNameBytes,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else {
            throw Grammar.fault(
                "\(arguments.quoted(place)) has spaces, special characters, or more than "
                    + "\(WireLimits.clientNameBytes) bytes"
            )
        }
        return text
    }

    private static func texts(
        _ arguments: RequestArguments,
        from start: Int
    ) throws(Refusal) -> [String] {
        var texts: [String] = []
        for index in min(start, arguments.count)..<arguments.count {
            texts.append(try arguments.text(index))
        }
        return texts
    }
}
