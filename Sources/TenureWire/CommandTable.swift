// One table of all commands: what parses them, what COMMAND tells, what errors suggest, what the
// documentation shows.

internal import TenureModel

/// Every command that the daemon knows.
package enum CommandWord: String, CaseIterable, Sendable {
    case acquire = "ACQUIRE"
    case reserve = "RESERVE"
    case plan = "PLAN"
    case commit = "COMMIT"
    case cancel = "CANCEL"
    case renew = "RENEW"
    case release = "RELEASE"
    case grow = "GROW"
    case handOver = "HANDOVER"
    case sublease = "SUBLEASE"
    case check = "CHECK"
    case report = "REPORT"
    case sessionOpen = "SESSION OPEN"
    case sessionKeepAlive = "SESSION KEEPALIVE"
    case sessionClose = "SESSION CLOSE"
    case sessionGet = "SESSION GET"
    case leaseGet = "LEASE GET"
    case leaseList = "LEASE LIST"
    case leaseRevoke = "LEASE REVOKE"
    case requestGet = "REQUEST GET"
    case queueGet = "QUEUE GET"
    case queueList = "QUEUE LIST"
    case queueCancel = "QUEUE CANCEL"
    case book = "BOOK"
    case bookingGet = "BOOKING GET"
    case bookingList = "BOOKING LIST"
    case bookingCancel = "BOOKING CANCEL"
    case windowGet = "WINDOW GET"
    case windowList = "WINDOW LIST"
    case windowCancel = "WINDOW CANCEL"
    case explain = "EXPLAIN"
    case poolSet = "POOL SET"
    case poolGet = "POOL GET"
    case poolList = "POOL LIST"
    case poolDelete = "POOL DEL"
    case resourceSet = "RESOURCE SET"
    case resourceGet = "RESOURCE GET"
    case resourceList = "RESOURCE LIST"
    case resourceCordon = "RESOURCE CORDON"
    case resourceDrain = "RESOURCE DRAIN"
    case resourceUncordon = "RESOURCE UNCORDON"
    case resourceDelete = "RESOURCE DEL"
    case breakerList = "BREAKER LIST"
    case breakerReset = "BREAKER RESET"
    case nodeCordon = "NODE CORDON"
    case nodeDrain = "NODE DRAIN"
    case nodeUncordon = "NODE UNCORDON"
    case quotaSet = "QUOTA SET"
    case quotaGet = "QUOTA GET"
    case quotaList = "QUOTA LIST"
    case quotaDelete = "QUOTA DEL"
    case tenantSet = "TENANT SET"
    case tenantGet = "TENANT GET"
    case tenantList = "TENANT LIST"
    case tenantDelete = "TENANT DEL"
    case budgetSet = "BUDGET SET"
    case budgetGet = "BUDGET GET"
    case budgetList = "BUDGET LIST"
    case budgetDelete = "BUDGET DEL"
    case usageGet = "USAGE GET"
    case optimize = "OPTIMIZE"
    case prune = "PRUNE"
    case status = "STATUS"
    case watch = "WATCH"
    case unwatch = "UNWATCH"
    case hello = "HELLO"
    case auth = "AUTH"
    case ping = "PING"
    case echo = "ECHO"
    case clientID = "CLIENT ID"
    case clientGetName = "CLIENT GETNAME"
    case clientSetName = "CLIENT SETNAME"
    case clientSetInfo = "CLIENT SETINFO"
    case clientInfo = "CLIENT INFO"
    case clientList = "CLIENT LIST"
    case commands = "COMMAND"
    case commandCount = "COMMAND COUNT"
    case commandDocs = "COMMAND DOCS"
    case commandInfo = "COMMAND INFO"
    case commandList = "COMMAND LIST"
    case info = "INFO"
    case select = "SELECT"
    case reset = "RESET"
    case quit = "QUIT"
}

/// Every option of a command; its word is the name of its case in upper case.
package enum OptionWord: UInt8, CaseIterable, Sendable {
    case tenant, holder, ttl, session, maxLifetime, priority, wait, queue, request, strategy
    case select, tag, purpose, hold, process, pool, limit, after, kind, capacity, node, label
    case cost, force, guarantee, borrow, lend, weight, leases, rate, burst, by
    case resource, reason, window, maxCost, plan, within, near, away, moves, `for`
    case dryRun, at, offer

    /// The words by raw value.
    private static let words = allCases.map { String(describing: $0).uppercased() }

    /// How it is written.
    package var word: String { Self.words[Int(rawValue)] }

    /// Its place in a set of options.
    var bit: UInt64 { 1 << UInt64(rawValue) }

    /// What stands behind the word, nothing when the word says it all.
    ///
    /// What stands behind it in one command: `CommandSpecification.value(of:)`.
    var usualValue: String? {
        switch self {
        case .force, .dryRun, .offer: nil
        case .ttl, .maxLifetime, .wait, .queue, .hold, .by, .window, .at: "ms"
        case .priority: "low|normal|high|critical"
        case .strategy: Strategy.allCases.map(\.rawValue).joined(separator: "|")
        case .select, .tag, .label: "k=v,…"
        case .process: "pid|peer"
        case .capacity, .cost, .maxCost, .guarantee: "q"
        case .borrow: "q|unlimited"
        case .lend: "q|all"
        case .limit, .weight, .burst, .moves: "n"
        case .for: OptimizeRequest.Goal.allCases.map(\.rawValue).joined(separator: "|")
        case .leases, .rate: "n|unlimited"
        case .plan: "version"
        case .purpose, .reason: "text"
        case .after: "cursor"
        case .within: "numa|node|label"
        case .near, .away: "k=v[@label],…"
        default: word.lowercased()
        }
    }
}

/// One command: how it is written and what it is for.
package final class CommandSpecification: Sendable {
    /// Who answers a command.
    package enum Scope: String, Sendable {
        /// The ledger, in the writer's order.
        case ledger
        /// The connection, at once.
        case connection
    }

    /// Its name, one or two words.
    package let word: CommandWord
    /// What must stand behind the name, in this order.
    package let operands: [String]
    /// How many words may follow without being options.
    package let optionalOperands: [String]
    /// Whether any number of words may follow.
    package let isOpen: Bool
    /// What may follow in any order.
    package let options: [OptionWord]
    /// Options without which it is refused.
    package let required: [OptionWord]
    /// `options` as a set.
    let optionBits: UInt64
    /// Who answers.
    package let scope: Scope
    /// Whether only an admin may send it.
    package let isAdmin: Bool
    /// What it does, in one sentence.
    package let summary: String
    /// A use of it.
    package let example: String
    /// How many words its name has.
    package let nameWords: Int

    /// A row of the table.
    init(
        word: CommandWord,
        operands: [String],
        optionalOperands: [String],
        isOpen: Bool,
        options: [OptionWord],
        required: [OptionWord],
        scope: Scope,
        isAdmin: Bool,
        summary: String,
        example: String
    ) {
        self.word = word
        self.operands = operands
        self.optionalOperands = optionalOperands
        self.isOpen = isOpen
        self.options = options
        self.required = required
        self.scope = scope
        self.isAdmin = isAdmin
        self.summary = summary
        self.example = example
        optionBits = options.reduce(0) { $0 | $1.bit }
        nameWords = word.rawValue.utf8.contains(0x20) ? 2 : 1
    }

    /// The number of arguments as `COMMAND` tells it: negative when there may be more.
    package var arity: Int {
        let least = nameWords + operands.count + required.count * 2
        let more = isOpen || !optionalOperands.isEmpty || options.count > required.count
        return more ? -least : least
    }

    /// What stands behind an option of this command; nothing when its word says it all.
    ///
    /// LIMIT is the length of a page, of a quota the quantity and of a budget the price; FOR is
    /// what to optimise for, and of a booking or a planned drain how long it lasts.
    package func value(of option: OptionWord) -> String? {
        if [.book, .resourceDrain, .nodeDrain].contains(word), option == .for { return "ms" }
        let isAmount = word == .quotaSet || word == .budgetSet
        return option == .limit && isAmount ? "q" : option.usualValue
    }

    /// How it is written, with every option.
    package var syntax: String {
        var parts = [word.rawValue] + operands
        parts += optionalOperands.map { "[\($0)]" }
        for option in options {
            let text = value(of: option).map { "\(option.word) \($0)" } ?? option.word
            parts.append(required.contains(option) ? text : "[\(text)]")
        }
        return parts.joined(separator: " ")
    }
}

/// All commands.
package enum CommandTable {
    /// The commands in the order in which they are shown.
    package static let all: [CommandSpecification] =
        granting + bookings + holding + reading + settings + windows + history + connection

    /// What a first word leads to.
    enum Entry {
        /// A command of one word.
        case command(CommandSpecification)
        /// A word that needs a second one; the command for it alone, when there is one.
        case family(CommandSpecification?, [WordKey: CommandSpecification])
    }

    /// The commands by their first word.
    static let entries: [WordKey: Entry] = {
        var entries: [WordKey: Entry] = [:]
        for specification in all {
            let words = specification.word.rawValue.split(separator: " ").map(String.init)
            guard let first = WordKey(words[0]) else { continue }
            guard words.count == 2, let second = WordKey(words[1]) else {
                entries[first] = .command(specification)
                continue
            }
            switch entries[first] {
            case .family(let alone, var members):
                members[second] = specification
                entries[first] = .family(alone, members)
            case .command(let alone):
                entries[first] = .family(alone, [second: specification])
            case nil:
                entries[first] = .family(nil, [second: specification])
            }
        }
        return entries
    }()

    /// The options by their word.
    static let options: [WordKey: OptionWord] = {
        var options: [WordKey: OptionWord] = [:]
        for option in OptionWord.allCases {
            if let key = WordKey(option.word) { options[key] = option }
        }
        return options
    }()

    /// The command called `name`, with `|` or a space between two words.
    package static func specification(named name: String) -> CommandSpecification? {
        let wanted = name.uppercased().split { $0 == "|" || $0 == " " }.joined(separator: " ")
        return all.first { $0.word.rawValue == wanted }
    }
}
