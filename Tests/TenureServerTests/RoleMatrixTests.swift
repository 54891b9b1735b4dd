// Every role with every command: what is expected is written out by hand, command by command.

import TenureModel
import TenureWire
import Testing

@testable import TenureServer

@Suite("Role matrix")
struct RoleMatrixTests {
    /// The least role of each command; `-` for what needs none.
    private static let least: [String: String] = [
        "ACQUIRE": "acquire", "RESERVE": "acquire", "PLAN": "acquire", "COMMIT": "acquire",
        "CANCEL": "acquire", "RENEW": "acquire", "RELEASE": "acquire", "GROW": "acquire",
        "HANDOVER": "acquire", "SUBLEASE": "acquire", "CHECK": "observe", "REPORT": "acquire",
        "SESSION OPEN": "acquire", "SESSION KEEPALIVE": "acquire", "SESSION CLOSE": "acquire",
        "SESSION GET": "observe", "LEASE GET": "observe", "LEASE LIST": "observe",
        "LEASE REVOKE": "admin", "REQUEST GET": "acquire", "QUEUE GET": "observe",
        "QUEUE LIST": "observe", "QUEUE CANCEL": "acquire", "BOOK": "acquire",
        "BOOKING GET": "observe", "BOOKING LIST": "observe", "BOOKING CANCEL": "acquire",
        "WINDOW GET": "observe", "WINDOW LIST": "observe", "WINDOW CANCEL": "operate",
        "EXPLAIN": "observe", "POOL SET": "operate", "POOL GET": "observe", "POOL LIST": "observe",
        "POOL DEL": "operate", "RESOURCE SET": "operate", "RESOURCE GET": "observe",
        "RESOURCE LIST": "observe", "RESOURCE CORDON": "operate", "RESOURCE DRAIN": "operate",
        "RESOURCE UNCORDON": "operate", "RESOURCE DEL": "operate", "BREAKER LIST": "observe",
        "BREAKER RESET": "operate", "PRUNE": "admin", "NODE CORDON": "operate",
        "NODE DRAIN": "operate",
        "NODE UNCORDON": "operate", "QUOTA SET": "admin", "QUOTA GET": "observe",
        "QUOTA LIST": "observe", "QUOTA DEL": "admin", "TENANT SET": "admin",
        "TENANT GET": "observe", "TENANT LIST": "observe", "TENANT DEL": "admin",
        "BUDGET SET": "admin", "BUDGET GET": "observe", "BUDGET LIST": "observe",
        "BUDGET DEL": "admin", "USAGE GET": "observe", "OPTIMIZE": "operate", "STATUS": "observe",
        "WATCH": "observe", "UNWATCH": "-", "HELLO": "-", "AUTH": "-", "PING": "-", "ECHO": "-",
        "CLIENT ID": "-", "CLIENT GETNAME": "-", "CLIENT SETNAME": "-", "CLIENT SETINFO": "-",
        "CLIENT INFO": "-", "CLIENT LIST": "-", "COMMAND": "-", "COMMAND COUNT": "-",
        "COMMAND DOCS": "-", "COMMAND INFO": "-", "COMMAND LIST": "-", "INFO": "observe",
        "SELECT": "-", "RESET": "-", "QUIT": "-",
    ]

    /// The roles in their order, the first for who has none.
    private static let order = ["-", "observe", "acquire", "operate", "admin"]

    @Test
    func `the table names each command once, and no other`() {
        #expect(Set(Self.least.keys) == Set(CommandWord.allCases.map(\.rawValue)))
        #expect(CommandTable.all.count == CommandWord.allCases.count)
    }

    /// Each example of the command table is parsed, and judged for each role.
    @Test(arguments: order)
    func `every role and every command`(role: String) throws {
        let permission = Role(rawValue: role).map { Permission($0, tenants: nil) }
        let standing = Standing(uid: 4_242, permission)
        let identity = Identity.user(4_242, groups: [])
        for row in CommandTable.all {
            let words = Self.words(row.example)
            let refusal: Refusal?
            switch CommandParser.parse(RequestArguments(words)) {
            case .ledger(let command):
                refusal = Roles.refusal(of: command, for: standing, identity)
            case .openSession(let request, _):
                refusal = Roles.refusal(of: .openSession(request), for: standing, identity)
            case .connection(let command):
                refusal = Roles.refusal(of: command, for: standing, identity)
            case .refused(let why):
                Issue.record("\(row.example): \(why.message)")
                continue
            }
            let needed = try #require(Self.least[row.word.rawValue])
            let rank = try #require(Self.order.firstIndex(of: role))
            let isAllowed = try #require(Self.order.firstIndex(of: needed)) <= rank
            #expect((refusal == nil) == isAllowed, "\(row.word.rawValue) as \(role)")
            if let refusal { #expect(refusal.code == .notPermitted) }
        }
    }

    @Test
    func `the ledger's housekeeping is nobody's to send`() {
        for row in CommandTable.all {
            let parsed = CommandParser.parse(RequestArguments(Self.words(row.example)))
            if case .ledger(.housekeeping) = parsed { Issue.record("\(row.example)") }
        }
    }

    /// The commands that only admins may send where there is no policy are those of the table.
    @Test
    func `without a policy users hold, and root and the daemon's user do everything`() throws {
        let user = AccessPolicy.unrestricted(.user(4_242, groups: []))
        #expect(user.caller == Caller(uid: 4_242, isAdmin: false))
        let root = AccessPolicy.unrestricted(.user(0, groups: []))
        #expect(root.caller == Caller(uid: 0, isAdmin: true))
        let password = AccessPolicy.unrestricted(.password)
        #expect(password.caller == Caller(uid: nil, isAdmin: true))
        for row in CommandTable.all where row.scope == .ledger {
            let needed = try #require(Self.least[row.word.rawValue])
            #expect(row.isAdmin == (needed == "operate" || needed == "admin"), "\(row.word)")
        }
        #expect(user.role == .acquire)
        #expect(root.role == .admin && password.role == .admin)
    }

    /// Words as a shell parts them.
    private static func words(_ text: String) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .flatMap { index, part in
                index % 2 == 1 ? [String(part)] : part.split(separator: " ").map(String.init)
            }
    }
}
