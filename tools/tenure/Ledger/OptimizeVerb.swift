// The verb that proposes moves, and a plan of them as text for people.

package import ArgumentParser
internal import TenureClient
package import TenureModel

/// Asks for a plan of moves.
package struct Optimize: LedgerVerb {
    package static let configuration = CommandConfiguration(
        abstract: "Propose moves of leases that make a pool better.",
        discussion: """
            Nothing moves by itself: the plan names leases whose holders consent, and each move is \
            two commands of its holder. 'grow' takes the new place, exactly as the plan told or not \
            at all; when the work runs there, 'release' gives the old one back. TOKEN is the token \
            that the holder has, NEW_TOKEN the one that 'grow' answered. The moves depend on each \
            other in nothing: any of them can be made, in any order.

            A holder consents with the tag movable=true, to places with the same labels, or with \
            movable=any, to all places of the pool. For fragmentation the plan makes that less which \
            is free of GPUs and of no use to the requests that the pool has learnt; for cost, what \
            all that is taken costs for an hour.

            With --offer each holder whose connection takes pushes is told of its move.

            EXAMPLES
              tenure optimize gpus
              tenure optimize gpus --moves 3 --for cost --json
            """
    )

    @Argument(help: "The pool.")
    var pool: String

    @Option(help: ArgumentHelp("At most so many; 10 when not given.", valueName: "n"))
    var moves: UInt64?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("fragmentation, when not given, or cost.", valueName: "goal")
    )
    var goal: String?

    @Option(help: ArgumentHelp("Where the plan before ended.", valueName: "cursor"))
    var after: String?

    @Flag(help: "Tell the holders that are connected of their moves.")
    var offer = false

    @OptionGroup package var options: GlobalOptions

    package init() {}

    package func request() -> [String] {
        var words = Words("OPTIMIZE", pool)
        words.add("MOVES", moves)
        words.add("FOR", goal)
        words.add("AFTER", after)
        words.add(flag: "OFFER", offer)
        return words.list
    }

    package mutating func run() async throws {
        let arguments = request()
        let answer = try await options.withClient { try await $0.send(arguments) }
        if options.json { return try options.show(answer) }
        try Terminal.data(MovePlan.lines(answer))
        if let cursor = ListPages.cursor(of: answer) { Terminal.word("more: --after \(cursor)") }
    }
}

/// A plan of moves as text.
package enum MovePlan {
    /// What the plan would change, and each move with the commands that make it.
    package static func lines(_ answer: Document) -> [String] {
        guard case .list(let moves)? = answer["items"] else { return Rendering.lines(answer) }
        let goal = text(answer["goal"])
        let before = measure(answer["before"], goal)
        let after = measure(answer["after"], goal)
        var lines = [
            "\(goal) of pool \(text(answer["pool"])): \(before) now, \(after) after "
                + (moves.count == 1 ? "1 move" : "\(moves.count) moves")
        ]
        for move in moves {
            let lease = text(move["lease"])
            lines += [
                "",
                "lease \(lease) of \(text(move["holder"])), tenant \(text(move["tenant"])): "
                    + "\(text(move["from"])) to \(text(move["to"])), "
                    + "\(measure(move["gain"], goal)) less",
                "  tenure grow \(lease) TOKEN --claim \(text(move["claims"])) "
                    + "--node \(text(move["to"])) --plan \(text(answer["version"]))",
                "  tenure release \(lease) NEW_TOKEN"
                    + text(move["parts"]).split(separator: ",").map { " --part \($0)" }.joined(),
            ]
        }
        if answer["cut"] == .bool(true) {
            lines += ["", "Not everything was looked at; there may be better moves."]
        }
        return lines.map(Table.cell)
    }

    private static func text(_ value: Document?) -> String {
        switch value {
        case .string(let text)?: text
        case .id(let number)?: String(number)
        case .integer(let number)?: String(number)
        default: "-"
        }
    }

    /// Devices, or what an hour costs.
    private static func measure(_ value: Document?, _ goal: String) -> String {
        guard case .integer(let value)? = value, value >= 0 else { return text(value) }
        let amount = UInt64(value)
        guard goal == OptimizeRequest.Goal.cost.rawValue else {
            return "\(Quantity.text(amount, kind: .gpu)) GPU"
        }
        let digits = String(amount % 1_000_000)
        var decimals = Substring(String(repeating: "0", count: 6 - digits.count) + digits)
        while decimals.last == "0" { decimals.removeLast() }
        return "\(amount / 1_000_000)" + (decimals.isEmpty ? "" : ".\(decimals)")
    }
}
