// Turns the words of a request into a command of the model, or a refusal that names the word.
//
// The table decides what may stand where; this file finds the row, checks the words against it and
// hands over to the function that knows the meaning. Nothing here looks at the ledger.

internal import TenureModel

/// Turns words into commands.
package enum CommandParser {
    /// What `arguments` ask for.
    package static func parse(_ arguments: RequestArguments) -> ParsedRequest {
        do throws(Refusal) {
            let row = try row(for: arguments)
            switch row.scope {
            case .connection:
                return .connection(try ConnectionParser.parse(row, arguments))
            case .ledger:
                return try ledger(row, arguments)
            }
        } catch {
            return .refused(error)
        }
    }

    /// The refusal of what is in the table and that nobody reads: never, but an answer, not a trap.
    static func unsupported(_ what: String) -> Refusal {
        Refusal(.malformed, "\(what) is not supported by this version")
    }

    /// The row of the command that `arguments` begin with.
    private static func row(for arguments: RequestArguments) throws(Refusal) -> CommandSpecification
    {
        guard arguments.count > 0, let key = arguments.key(0),
            let entry = CommandTable.entries[key]
        else { throw unknownCommand(arguments) }
        switch entry {
        case .command(let row):
            return row
        case .family(let alone, let members):
            if arguments.count > 1 {
                if let key = arguments.key(1), let row = members[key] { return row }
                throw unknownSubcommand(arguments, members)
            }
            if let alone { return alone }
            let names = members.values.map(\.word.rawValue).sorted().joined(separator: ", ")
            throw Refusal(.malformed, "\(arguments.quoted(0)) needs a second word: \(names)")
        }
    }

    private static func unknownCommand(_ arguments: RequestArguments) -> Refusal {
        guard arguments.count > 0 else { return Refusal(.malformed, "an empty command") }
        let names = CommandTable.all.map { row in
            String(row.word.rawValue.prefix { $0 != " " })
        }
        let word = (try? arguments.text(0)) ?? ""
        return Refusal(
            .malformed,
            "unknown command \(arguments.quoted(0))\(Suggestion.sentence(for: word, in: names))"
        )
    }

    private static func unknownSubcommand(
        _ arguments: RequestArguments,
        _ members: [WordKey: CommandSpecification]
    ) -> Refusal {
        let names = members.values.map(\.word.rawValue).sorted()
        let seconds = names.map { name in String(name.drop { $0 != " " }.dropFirst()) }
        let word = (try? arguments.text(1)) ?? ""
        let meant = Suggestion.sentence(for: word, in: seconds)
        return Refusal(
            .malformed,
            "unknown subcommand \(arguments.quoted(1)) of \(arguments.quoted(0))\(meant); "
                + "there are \(names.joined(separator: ", "))"
        )
    }

    /// What a command for the ledger asks.
    private static func ledger(
        _ row: CommandSpecification,
        _ arguments: RequestArguments
    ) throws(Refusal) -> ParsedRequest {
        let words = try CommandWords(row, arguments)
        if row.word == .sessionOpen { return try sessionOpen(words) }
        return .ledger(try command(words))
    }

    private static func command(_ words: CommandWords) throws(Refusal) -> Command {
        switch words.row.word {
        case .acquire, .reserve, .plan:
            .acquire(try acquire(words))
        case .commit, .cancel, .renew, .release, .check, .report, .leaseRevoke, .sessionKeepAlive,
            .sessionClose:
            try holding(words)
        case .grow, .handOver, .sublease:
            try changing(words)
        case .queueCancel: .cancelTicket(TicketID(rawValue: try words.id(operand: 0)))
        case .book: .book(try booking(words))
        case .bookingCancel: .cancelBooking(TicketID(rawValue: try words.id(operand: 0)))
        case .windowCancel: .cancelWindow(WindowID(rawValue: try words.id(operand: 0)))
        case .sessionGet, .leaseGet, .leaseList, .requestGet, .queueGet, .queueList, .usageGet,
            .bookingGet, .bookingList, .windowGet, .windowList, .optimize, .status, .poolGet,
            .poolList, .resourceGet,
            .resourceList, .quotaGet, .quotaList,
            .tenantGet, .tenantList, .budgetGet, .budgetList, .breakerList:
            .query(try query(words))
        default:
            try setting(words)
        }
    }
}

/// The words of one command, checked against its row.
struct CommandWords {
    /// The row of the table.
    let row: CommandSpecification
    /// All words.
    let arguments: RequestArguments
    /// The place of each option's value by the option's raw value; 0 when it was not given.
    private var places = SIMD64<Int16>(repeating: 0)

    /// Checks that every operand is there, every option is known, given once and has its value.
    init(_ row: CommandSpecification, _ arguments: RequestArguments) throws(Refusal) {
        self.row = row
        self.arguments = arguments
        let first = row.nameWords + row.operands.count
        guard arguments.count >= first else {
            let missing = row.operands[max(0, arguments.count - row.nameWords)]
            throw Refusal(
                .malformed,
                "\(row.word.rawValue) needs its \(missing): \(row.syntax)"
            )
        }
        if row.isOpen { return }
        var index = first + min(row.optionalOperands.count, arguments.count - first)
        while index < arguments.count { index = try take(at: index) }
        for option in row.required where self[option] == nil {
            throw Refusal(.malformed, "\(row.word.rawValue) needs \(option.word): \(row.syntax)")
        }
    }

    /// The place of the value of `option`, when it was given.
    subscript(option: OptionWord) -> Int? {
        let place = places[Int(option.rawValue)]
        return place == 0 ? nil : Int(place)
    }

    /// The place of operand number `index`.
    func operand(_ index: Int) -> Int { row.nameWords + index }

    /// The place of the optional word behind the operands, when there is one.
    var optionalOperand: Int? {
        let place = row.nameWords + row.operands.count
        return place < arguments.count ? place : nil
    }

    /// Takes the option at `index`; returns where the next one is.
    private mutating func take(at index: Int) throws(Refusal) -> Int {
        guard let key = arguments.key(index), let option = CommandTable.options[key],
            row.optionBits & option.bit != 0
        else { throw unknownOption(index) }
        guard self[option] == nil else {
            throw Refusal(.malformed, "the option \(option.word) is given twice")
        }
        let value = row.value(of: option)
        guard value == nil || index + 1 < arguments.count else {
            throw Refusal(
                .malformed,
                "the option \(option.word) needs a value: \(option.word) \(value ?? "")"
            )
        }
        places[Int(option.rawValue)] = Int16(clamping: value == nil ? index : index + 1)
        return value == nil ? index + 1 : index + 2
    }

    private func unknownOption(_ index: Int) -> Refusal {
        let names = row.options.map(\.word)
        guard !names.isEmpty else {
            return Refusal(
                .malformed,
                "\(row.word.rawValue) has no place for \(arguments.quoted(index)): \(row.syntax)"
            )
        }
        let word = (try? arguments.text(index)) ?? ""
        return Refusal(
            .malformed,
            "unknown option \(arguments.quoted(index)) of \(row.word.rawValue)"
                + "\(Suggestion.sentence(for: word, in: names)); it has "
                + names.joined(separator: ", ")
        )
    }
}
