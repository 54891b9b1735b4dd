// Command lines as commands of the protocol, and those that are none.

import ArgumentParser
import TenureCommand
import TenureModel
import TenureWire
import Testing

/// A command line and the command of the protocol that it means.
struct RequestCase: Sendable, CustomTestStringConvertible {
    let line: [String]
    let words: [String]

    init(_ line: String, _ words: String) {
        self.line = line.split(separator: " ").map(String.init)
        self.words = words.split(separator: " ").map(String.init)
    }

    init(_ line: [String], _ words: [String]) {
        self.line = line
        self.words = words
    }

    var testDescription: String { line.joined(separator: " ") }

    static let all: [RequestCase] = [
        .init("status", "STATUS"),
        .init("usage research/vision", "USAGE GET research/vision"),
        .init("acquire --pool p --claim gpu=1,memory=32Gi", "ACQUIRE p gpu=1,memory=32Gi"),
        .init(
            "acquire --pool p --claim 4*gpu=2 --claim cpu=2 --tenant a/b --holder h --ttl 30s",
            "ACQUIRE p 4*gpu=2+cpu=2 TENANT a/b HOLDER h TTL 30000"
        ),
        .init(
            "acquire --pool p --claim gpu=1 --queue 10m --request r",
            "ACQUIRE p gpu=1 REQUEST r QUEUE 600000"
        ),
        .init("queue list --pool p --tenant a", "QUEUE LIST POOL p TENANT a"),
        .init(
            "book --pool p --claim gpu=1 --claim cpu=2 --at 2h --for 30m --request r",
            "BOOK p gpu=1+cpu=2 AT 7200000 FOR 1800000 REQUEST r"
        ),
        .init(
            "book --pool p --claim gpu=1 --at 1s --for 1s --tenant a --holder h --ttl 5s"
                + " --priority low --select m=a --tag t=1 --purpose x",
            "BOOK p gpu=1 AT 1000 FOR 1000 TENANT a HOLDER h TTL 5000 PRIORITY low SELECT m=a"
                + " TAG t=1 PURPOSE x"
        ),
        .init("booking list --pool p --tenant a", "BOOKING LIST POOL p TENANT a"),
        .init("booking get 12", "BOOKING GET 12"),
        .init("booking cancel 12", "BOOKING CANCEL 12"),
        .init("queue get 12", "QUEUE GET 12"), .init("queue cancel 12", "QUEUE CANCEL 12"),
        .init(
            "acquire --pool p --claim gpu=1 --session 9 --max-lifetime 1d --priority high",
            "ACQUIRE p gpu=1 SESSION 9 MAXLIFETIME 86400000 PRIORITY high"
        ),
        .init(
            "acquire --pool p --claim gpu=1 --request r --strategy best-fit --select m=a|b"
                + " --select z=1 --tag job=7 --json",
            "ACQUIRE p gpu=1 REQUEST r STRATEGY best-fit SELECT m=a|b,z=1 TAG job=7"
        ),
        .init(
            ["acquire", "--pool", "p", "--claim", "cpu=1", "--purpose", "night run"],
            ["ACQUIRE", "p", "cpu=1", "PURPOSE", "night run"]
        ),
        .init("reserve --pool p --claim gpu=1 --hold 10s", "RESERVE p gpu=1 HOLD 10000"),
        .init("acquire --pool p --claim gpu=1 --wait 30s", "ACQUIRE p gpu=1 WAIT 30000"),
        .init(
            "reserve --pool p --claim gpu=1 --hold 10s --wait 1m",
            "RESERVE p gpu=1 HOLD 10000 WAIT 60000"
        ),
        .init("plan --pool p --claim gpu=1", "PLAN p gpu=1"),
        .init("lease revoke 5 why", "LEASE REVOKE 5 why"),
        .init(
            "lease revoke all why --pool p --tenant a/b --holder h --node n --tag x=1 --tag y=2"
                + " --dry-run",
            "LEASE REVOKE all why POOL p TENANT a/b HOLDER h NODE n TAG x=1,y=2 DRYRUN"
        ),
        .init("optimize p", "OPTIMIZE p"),
        .init(
            "optimize p --moves 3 --for cost --after 7 --offer --json",
            "OPTIMIZE p MOVES 3 FOR cost AFTER 7 OFFER"
        ),
        .init(
            "grow 5 6 --claim gpu=1 --node n --plan 31",
            "GROW 5 6 gpu=1 NODE n PLAN 31"
        ),
        .init("plan --pool p --claim gpu=1 --within rack", "PLAN p gpu=1 WITHIN rack"),
        .init(
            "acquire --pool p --claim gpu=1 --near a=b --near c=d@rack --away e=f",
            "ACQUIRE p gpu=1 NEAR a=b,c=d@rack AWAY e=f"
        ),
        .init("commit 5 6", "COMMIT 5 6"),
        .init("commit 5 6 --part g=1 --part m=2Gi", "COMMIT 5 6 g=1,m=2Gi"),
        .init("cancel 5 6", "CANCEL 5 6"),
        .init("renew 5 6", "RENEW 5 6"),
        .init("renew 5 6 --ttl 2h", "RENEW 5 6 TTL 7200000"),
        .init("release 5 6", "RELEASE 5 6"),
        .init("release 5 6 --part g=500m", "RELEASE 5 6 g=500m"),
        .init("check 5 6", "CHECK 5 6"),
        .init("lease list", "LEASE LIST"),
        .init(
            "lease list --pool p --tenant t --holder h --limit 5 --after x",
            "LEASE LIST POOL p TENANT t HOLDER h LIMIT 5 AFTER x"
        ),
        .init("lease show 5", "LEASE GET 5"),
        .init(["lease", "revoke", "5", "node down"], ["LEASE", "REVOKE", "5", "node down"]),
        .init("request get r --tenant t", "REQUEST GET r TENANT t"),
        .init("session open --ttl 30s --holder h", "SESSION OPEN TTL 30000 HOLDER h"),
        .init("session open --process 41", "SESSION OPEN PROCESS 41"),
        .init("session keepalive 5 6", "SESSION KEEPALIVE 5 6"),
        .init("session close 5 6", "SESSION CLOSE 5 6"),
        .init("session show 5", "SESSION GET 5"),
        .init("pool set p", "POOL SET p"),
        .init(
            "pool set p strategy=best-fit ttlMax=7d maxLifetime=0s tier=2",
            "POOL SET p strategy best-fit ttlMax 604800000 maxLifetime 0 tier 2"
        ),
        .init("pool get p", "POOL GET p"),
        .init("pool list", "POOL LIST"),
        .init("pool del p", "POOL DEL p"),
        .init(
            "resource set g --pool p --kind gpu --capacity 1 --node n --label a=b --label c=d"
                + " --force",
            "RESOURCE SET g POOL p KIND gpu CAPACITY 1 NODE n LABEL a=b,c=d FORCE"
        ),
        .init("resource get g", "RESOURCE GET g"),
        .init("resource list --pool p --all", "RESOURCE LIST POOL p"),
        .init("resource cordon g", "RESOURCE CORDON g"),
        .init("resource uncordon g", "RESOURCE UNCORDON g"),
        .init("resource drain g", "RESOURCE DRAIN g"),
        .init("resource drain g --by 10m", "RESOURCE DRAIN g BY 600000"),
        .init(
            "resource drain g --at 2h --for 1h --reason fan",
            "RESOURCE DRAIN g AT 7200000 FOR 3600000 REASON fan"
        ),
        .init("breaker list --pool p --limit 3", "BREAKER LIST POOL p LIMIT 3"),
        .init("breaker reset pool p", "BREAKER RESET POOL p"),
        .init("breaker reset resource g", "BREAKER RESET RESOURCE g"),
        .init("report 5 6 ok", "REPORT 5 6 OK"),
        .init(
            ["report", "5", "6", "failed", "--resource", "g", "--reason", "xid 79"],
            ["REPORT", "5", "6", "FAILED", "RESOURCE", "g", "REASON", "xid 79"]
        ),
        .init(
            "pool set p breakerFailures=3 breakerOpen=1m",
            "POOL SET p breakerFailures 3 breakerOpen 60000"
        ),
        .init("node cordon n", "NODE CORDON n"),
        .init("node drain n --pool p --by 1h", "NODE DRAIN n POOL p BY 3600000"),
        .init(
            "node drain n --by 1m --at 2h --for 1h",
            "NODE DRAIN n BY 60000 AT 7200000 FOR 3600000"
        ),
        .init("window list --pool p", "WINDOW LIST POOL p"),
        .init("window get 12", "WINDOW GET 12"),
        .init("window cancel 12", "WINDOW CANCEL 12"),
        .init("node uncordon n --pool p", "NODE UNCORDON n POOL p"),
        .init("resource del g", "RESOURCE DEL g"),
        .init("quota set t gpu --limit 8", "QUOTA SET t gpu LIMIT 8"),
        .init(
            "quota set t gpu --guarantee 4 --borrow unlimited --lend 2 --weight 3",
            "QUOTA SET t gpu GUARANTEE 4 BORROW unlimited LEND 2 WEIGHT 3"
        ),
        .init("quota get t gpu", "QUOTA GET t gpu"),
        .init("quota list --tenant t", "QUOTA LIST TENANT t"),
        .init("quota del t gpu", "QUOTA DEL t gpu"),
        .init(
            "tenant set t --leases 5 --rate unlimited --burst 2",
            "TENANT SET t LEASES 5 RATE unlimited BURST 2"
        ),
        .init("budget set t --limit 2.5 --window 1h", "BUDGET SET t LIMIT 2.5 WINDOW 3600000"),
        .init("budget get t", "BUDGET GET t"),
        .init("budget list --tenant t", "BUDGET LIST TENANT t"),
        .init("budget del t", "BUDGET DEL t"),
        .init("tenant get t", "TENANT GET t"),
        .init("tenant list --tenant t", "TENANT LIST TENANT t"),
        .init("tenant del t", "TENANT DEL t"),
    ]
}

@Suite("Requests")
struct RequestTests {
    @Test(arguments: RequestCase.all)
    func `a command line is one command of the protocol`(row: RequestCase) throws {
        let verb = try #require(try TenureTool.parseAsRoot(row.line) as? any LedgerVerb)
        #expect(try verb.request() == row.words)
    }

    @Test(arguments: RequestCase.all)
    func `the daemon understands what the command line says`(row: RequestCase) {
        let parsed = CommandParser.parse(RequestArguments(row.words))
        if case .refused(let refusal) = parsed {
            Issue.record("\(row.words) is refused: \(refusal.message)")
        }
    }

    /// One row per mistake that is told before anything is sent.
    @Test(arguments: [
        "acquire --claim gpu=1", "acquire --pool p", "acquire --pool p --claim gpu=1 --ttl 30",
        "acquire --pool p --claim gpu=1 --ttl 30s --session 4",
        "acquire --pool p --claim gpu=1 --priority urgent",
        "acquire --pool p --claim gpu=1 --strategy random",
        "acquire --pool p --claim gpu=1 --select model",
        "acquire --pool p --claim gpu=1 --tag a,b=c", "acquire --pool p --claim gpu",
        "acquire --pool p --claim gpu=x", "acquire --pool p --claim 0*gpu=1",
        "acquire --pool .p --claim gpu=1", "acquire --pool p --claim gpu=1 --session nine",
        "quota set t gpu --limit x", "pool set p ttl=5m", "pool set p strategy=random",
        "status --tcp nowhere", "watch --tcp nowhere:0",
        "reserve --pool p --claim gpu=1", "renew 5", "renew five 6", "release 5 -6",
        "release 5 6 --part gpu0", "session open", "session open --process 0",
        "pool set p ttlMax", "pool set p ttlMax=7", "resource set g --pool p --kind gpu",
        "resource set g --pool p --kind g/pu --capacity 1",
        "resource set g --pool p --kind seat --capacity 500m",
        "resource set g --pool p --kind gpu --capacity 1e3", "quota set a//b gpu --limit 1",
        "lease list --limit 0", "lease list --limit 100000", "lease revoke 5", "nothing",
        "lease revoke five why", "lease revoke 5 why --node n", "lease revoke all why --tag x",
        "optimize", "optimize p --for speed", "optimize p --moves 101",
        "serve --tcp nowhere", "serve --log-level loud", "serve --cache-bytes -1",
        "serve --tcp a:1 --tls-certificate c", "serve --tcp a:1 --tls-key k",
        "serve --tcp a:1 --tls-client-ca c", "serve --tls-certificate c --tls-key k",
        "status --ca c", "status --tcp a:1 --tls --certificate c", "policy check",
        "bench load --clients 0", "bench load --depth 100000", "bench fill --leases 0",
        "bench disk --writes 0", "replay openb --nodes n --pods p --nodes-sample 0",
        "replay openb --nodes n --pods p --copies 0", "replay openb --nodes n --pods p --step 1ms",
        "replay openb --nodes n --pods p --crash-every 0", "audit log d --from 0",
        "audit log d --from 5 --to 4", "audit timeline d ..",
    ])
    func `a wrong command line is refused as a usage error`(line: String) throws {
        let arguments = line.split(separator: " ").map(String.init)
        let error = #expect(throws: (any Error).self) { try TenureTool.parseAsRoot(arguments) }
        #expect(TenureTool.exitCode(for: try #require(error)).rawValue == ExitStatus.usage.rawValue)
    }

    @Test(arguments: [
        ("127.0.0.1:7420", "127.0.0.1", 7420), ("host:1", "host", 1), ("[::1]:7420", "::1", 7420),
    ])
    func `an address has a host and a port`(text: String, host: String, port: Int) throws {
        let address = try HostPort(text)
        #expect(address.host == host)
        #expect(address.port == port)
    }

    @Test(arguments: ["", "host", ":7420", "host:", "host:0", "host:65536", "host:x", "[]:7"])
    func `what is no address is refused`(text: String) {
        #expect(throws: (any Error).self) { try HostPort(text) }
    }

    @Test
    func `every verb that asks the daemon has examples in its help`() throws {
        for row in RequestCase.all {
            let verb = try #require(try TenureTool.parseAsRoot(row.line) as? any LedgerVerb)
            let help = type(of: verb).helpMessage()
            #expect(help.contains("EXAMPLES\n  tenure "), "\(row.line)")
        }
    }
}
