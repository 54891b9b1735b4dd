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
                "GUARANTEE", "BORROW", "WEIGHT",
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
        let isLater = row.scope == .later
        #expect((refusal(words) != nil) == isLater, "\(row.example): \(refusal(words) ?? "")")
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
                == "QUOTA SET tenant kind LIMIT n"
        )
        #expect(
            CommandTable.specification(named: "release")?.syntax == "RELEASE lease token [parts]"
        )
    }
}
