// The table is complete, and what it shows works.

import TenureModel
import TenureWire
import Testing

@Suite("Command table")
struct CommandTableTests {
    @Test
    func `every command has exactly one row`() {
        let rows = CommandTable.all.map(\.word)
        #expect(Set(rows) == Set(CommandWord.allCases))
        #expect(rows.count == CommandWord.allCases.count)
    }

    @Test
    func `the words of options are those of the protocol`() {
        #expect(
            OptionWord.allCases.map(\.word) == [
                "TENANT", "HOLDER", "TTL", "SESSION", "MAXLIFETIME", "PRIORITY", "WAIT", "QUEUE",
                "REQUEST", "STRATEGY", "SELECT", "TAG", "PURPOSE", "HOLD", "PROCESS", "POOL",
                "LIMIT", "AFTER", "KIND", "CAPACITY", "NODE", "LABEL", "COST", "FORCE",
                "GUARANTEE", "BORROW", "LEND", "WEIGHT", "LEASES", "RATE", "BURST", "BY",
                "RESOURCE", "REASON", "WINDOW", "MAXCOST", "PLAN", "WITHIN",
                "NEAR", "AWAY", "MOVES", "FOR",
                "DRYRUN", "AT", "OFFER",
            ]
        )
    }

    @Test(arguments: CommandTable.all.indices)
    func `every example is accepted`(index: Int) throws {
        let row = CommandTable.all[index]
        #expect(!row.summary.isEmpty && row.summary.hasSuffix("."))
        guard case .request(let words)? = decodeAll(row.example + "\r\n").first else {
            Issue.record("\(row.example) is no inline command")
            return
        }
        #expect(refusal(words) == nil, "\(row.example)")
    }

    @Test
    func `arity counts the name, and is negative where more may follow`() {
        func arity(_ name: String) -> Int? { CommandTable.specification(named: name)?.arity }
        #expect(arity("cancel") == 3)
        #expect(arity("lease|get") == 3)
        #expect(arity("acquire") == -3)
        #expect(arity("reserve") == -5)
        #expect(arity("ping") == -1)
        #expect(arity("status") == 1)
        #expect(arity("pool set") == -3)
    }

    @Test
    func `syntax shows required and optional words and leaves out what is not supported`() {
        #expect(
            CommandTable.specification(named: "quota set")?.syntax
                == "QUOTA SET tenant kind [LIMIT q] [GUARANTEE q] [BORROW q|unlimited] "
                + "[LEND q|all] [WEIGHT n]"
        )
        #expect(
            CommandTable.specification(named: "release")?.syntax == "RELEASE lease token [parts]"
        )
    }

    /// Each shown option takes a value of the sort that is shown, and none of another sort.
    ///
    /// A length and a time are whole numbers; a quantity may have a suffix.
    @Test
    func `what is shown behind an option is what the parser takes`() throws {
        let samples = ["n": "7", "ms": "1000", "q": "2500m"]
        let begun: [CommandWord: [String]] = [
            .acquire: ["p", "gpu=1"], .reserve: ["p", "gpu=1"], .plan: ["p", "gpu=1"],
            .renew: ["1", "1"], .handOver: ["1", "1"],
            .sublease: ["1", "1", "g=1"], .grow: ["1", "1", "gpu=1"],
            .sessionOpen: [], .leaseList: [], .resourceList: [],
            .resourceSet: ["g", "POOL", "p", "KIND", "gpu", "CAPACITY", "1"],
            .quotaSet: ["research", "gpu"], .tenantSet: ["research"], .resourceDrain: ["g"],
            .nodeDrain: ["n"], .breakerList: [], .budgetSet: ["research"], .queueList: [],
            .optimize: ["p"],
            .bookingList: [], .windowList: [], .book: ["p", "gpu=1", "AT", "1000", "FOR", "1000"],
        ]
        var shown = 0
        for row in CommandTable.all {
            for option in row.options {
                guard let placeholder = row.value(of: option), let sample = samples[placeholder]
                else { continue }
                var words = row.word.rawValue.split(separator: " ").map(String.init)
                words += try #require(begun[row.word], "\(row.word) has no beginning here")
                if let place = words.firstIndex(of: option.word) {
                    words.removeSubrange(place...place + 1)
                }
                if row.required.contains(.hold), option != .hold { words += ["HOLD", "1000"] }
                if option == .queue { words += ["REQUEST", "r"] }
                shown += 1
                let problem = refusal(words + [option.word, sample])
                #expect(problem == nil, "\(words) \(option.word) \(sample)")
                if placeholder != "q" {
                    let wrong = refusal(words + [option.word, "2500m"])
                    #expect(wrong != nil, "\(words) \(option.word) takes a quantity")
                }
            }
        }
        #expect(shown >= 15)
    }
}
