// What words mean, and the sentence for each way in which they mean nothing.

import NIOCore
import TenureModel
import TenureWire
import Testing

@Suite("Command parser")
struct CommandParserTests {
    /// One row per refusal: the words, and what the sentence must say.
    private static let refusals: [(words: [String], sentence: String)] = [
        (["AQUIRE"], "unknown command 'AQUIRE'; did you mean 'ACQUIRE'?"),
        (["SUBSCRIBE", "x"], "unknown command 'SUBSCRIBE'"),
        (["EVAL", "return 1", "0"], "unknown command 'EVAL'"),
        (["CONFIG", "SET", "a", "b"], "unknown command 'CONFIG'"),
        ([""], "unknown command ''"),
        (["a\u{1b}[31m\nb"], "unknown command 'a?[31m?b'"),
        (
            ["LEASE", "FOO"],
            "unknown subcommand 'FOO' of 'LEASE'; there are LEASE GET, LEASE LIST, LEASE REVOKE"
        ),
        (
            ["LEASE", "LSIT"],
            "unknown subcommand 'LSIT' of 'LEASE'; did you mean 'LIST'?; "
                + "there are LEASE GET, LEASE LIST, LEASE REVOKE"
        ),
        (["LEASE"], "'LEASE' needs a second word: LEASE GET, LEASE LIST, LEASE REVOKE"),
        (["CANCEL", "1"], "CANCEL needs its token: CANCEL reservation token"),
        (["CANCEL"], "CANCEL needs its reservation: CANCEL reservation token"),
        (["CANCEL", "1", "2", "3"], "CANCEL has no place for '3': CANCEL reservation token"),
        (
            ["RENEW", "1", "2", "TLL", "5"],
            "unknown option 'TLL' of RENEW; did you mean 'TTL'?; it has TTL"
        ),
        (["RENEW", "1", "2", "TTL"], "the option TTL needs a value: TTL ms"),
        (["RENEW", "1", "2", "TTL", "1", "ttl", "2"], "the option TTL is given twice"),
        (["EXPLAIN"], "EXPLAIN needs its lease|request: EXPLAIN lease|request"),
        (["EXPLAIN", ""], "a request id has 1 to 64 bytes, this one 0"),
        (["PLAN", "p", "gpu=1", "WAIT", "5"], "unknown option 'WAIT' of PLAN"),
        (
            ["ACQUIRE", "p", "gpu=1", "QUEUE", "5"],
            "QUEUE needs REQUEST or SESSION, by which to ask what became of it"
        ),
        (
            ["ACQUIRE", "p", "gpu=1", "QUEUE", "5", "WAIT", "5", "REQUEST", "r"],
            "WAIT and QUEUE exclude each other: one blocks, the other answers at once"
        ),
        (["QUEUE", "GET"], "QUEUE GET needs its ticket: QUEUE GET ticket"),
        (
            ["QUOTA", "SET", "t", "gpu", "WEIGHT", "1000001"],
            "WEIGHT '1000001' is not a whole number from 0 to 1000000"
        ),
        (
            ["QUOTA", "SET", "t", "gpu", "BORROW", "all"],
            "the quantity 'all' of gpu is not a number such as 500m, 2, 1.5 or 32Gi"
        ),
        (
            ["RENEW", "0", "2"],
            "the lease '0' is not a number as the grant told it"
        ),
        (
            ["RENEW", "1", "-2"],
            "the token '-2' is not a number as the grant told it"
        ),
        (
            ["RENEW", "18446744073709551616", "2"],
            "the lease '18446744073709551616' is not a number as the grant told it"
        ),
        (
            ["RENEW", "1", "2", "TTL", "0"],
            "TTL '0' is not a whole number of milliseconds from 1 to 316224000000"
        ),
        (
            ["RENEW", "1", "2", "TTL", "9223372036854775808"],
            "TTL '9223372036854775808' is not a whole number of milliseconds from 1 to 316224000000"
        ),
        (
            ["RENEW", "1", "2", "TTL", "1.5"],
            "TTL '1.5' is not a whole number of milliseconds from 1 to 316224000000"
        ),
        (
            ["ACQUIRE", "p", "gpu=1", "TTL", "5", "SESSION", "7"],
            "TTL and SESSION exclude each other: a lease in a session lives as long as it"
        ),
        (
            ["ACQUIRE", "p q", "gpu=1"],
            "the pool 'p q' is not a name: 1 to 128 of A-Z a-z 0-9 . _ : / -, "
                + "the first a letter or digit"
        ),
        (
            ["ACQUIRE", "p", "gpu=1", "TENANT", "a//b"],
            "tenant 'a//b' is not a path such as research/vision: at most 8 names, none empty, "
                + "none beginning with a dot"
        ),
        (
            ["ACQUIRE", "p", "gpu=1", "PRIORITY", "urgent"],
            "PRIORITY 'urgent' is none of low, normal, high, critical"
        ),
        (
            ["ACQUIRE", "p", "gpu=1", "STRATEGY", "worst"],
            "the strategy 'worst' is none of auto, first-fit, best-fit, fair-price, fragmentation"
        ),
        (["ACQUIRE", "p", "gpu=1", "REQUEST", ""], "a request id has 1 to 64 bytes, this one 0"),
        (
            ["ACQUIRE", "p", "gpu=1", "REQUEST", String(repeating: "x", count: 65)],
            "a request id has 1 to 64 bytes, this one 65"
        ),
        (
            ["ACQUIRE", "p", "gpu=1", "PURPOSE", "a\u{202e}b"],
            "PURPOSE has a control character; send printable text"
        ),
        (
            ["ACQUIRE", "p", "gpu=1", "PURPOSE", String(repeating: "x", count: 513)],
            "PURPOSE has 513 bytes; the limit is 512"
        ),
        (["ACQUIRE", "p", "gpu=1", "SELECT", "a"], "SELECT 'a' is not name=value"),
        (["ACQUIRE", "p", "gpu=1", "TAG", "a=1,a=2"], "TAG names the label a twice"),
        (["ACQUIRE", "p", "gpu=1", "HOLD", "5"], "unknown option 'HOLD' of ACQUIRE"),
        (["RESERVE", "p", "gpu=1"], "RESERVE needs HOLD: RESERVE pools claims"),
        (
            ["SESSION", "OPEN"],
            "SESSION OPEN needs TTL or PROCESS, or both: what else ends it?"
        ),
        (
            ["SESSION", "OPEN", "PROCESS", "-1"],
            "PROCESS '-1' is neither a process number nor 'peer'"
        ),
        (
            ["SESSION", "OPEN", "PROCESS", "2147483648"],
            "PROCESS '2147483648' is neither a process number nor 'peer'"
        ),
        (["LEASE", "REVOKE", "1", ""], "the reason is empty; state one"),
        (["LEASE", "LIST", "LIMIT", "0"], "LIMIT '0' is not a number from 1 to 1000"),
        (["LEASE", "LIST", "LIMIT", "1001"], "LIMIT '1001' is not a number from 1 to 1000"),
        (
            ["POOL", "SET", "p", "ttlMx", "1"],
            "unknown pool setting 'ttlMx'; did you mean 'ttlMax'?"
        ),
        (["POOL", "SET", "p", "tier"], "the pool setting tier needs a value"),
        (["POOL", "SET", "p", "tier", "1", "TIER", "2"], "the pool setting tier is given twice"),
        (
            ["POOL", "SET", "p", "tier", "x"],
            "the pool setting tier 'x' is not a whole number from 0 to 316224000000"
        ),
        (
            ["RESOURCE", "SET", "r", "POOL", "p", "KIND", "gpu"],
            "RESOURCE SET needs CAPACITY: RESOURCE SET name POOL pool KIND kind CAPACITY q"
        ),
        (
            ["RESOURCE", "SET", "r", "POOL", "p", "KIND", "a:b", "CAPACITY", "1"],
            "'a:b' is not a kind: cpu, memory, disk, network, gpu, or a name of its own "
                + "without / and :"
        ),
        (
            [
                "RESOURCE", "SET", "r", "POOL", "p", "KIND", "gpu", "CAPACITY", "1", "COST",
                "0.0001",
            ],
            "COST '0.0001' is not a price with at most three decimal places"
        ),
        (["RELEASE", "1", "2", "gpu0"], "the part 'gpu0' is not resource=quantity"),
        (
            ["RELEASE", "1", "2", "gpu0=-1"],
            "the part 'gpu0=-1' has no quantity such as 500m, 2 or 32Gi"
        ),
        (
            ["RELEASE", "1", "2", "gpu0=1,gpu0=2"],
            "the resource gpu0 is named twice in the parts"
        ),
        (["SELECT", "7"], "DB index is out of range: there is only database 0"),
        (["HELLO", "abc"], "Protocol version is not an integer or out of range"),
        (["HELLO", "3", "AUTH", "x"], "Syntax error in HELLO option 'AUTH'"),
        (
            ["CLIENT", "SETNAME", "a b"],
            "'a b' has spaces, special characters, or more than 128 bytes"
        ),
    ]

    @Test(arguments: refusals.indices)
    func `row 11: every malformed command names its word`(index: Int) {
        let row = Self.refusals[index]
        let sentence = refusal(row.words) ?? "not refused"
        #expect(sentence.hasPrefix(row.sentence), "\(row.words): \(sentence)")
    }

    /// Claims that are none.
    @Test(arguments: [
        ("gpu=-1", "the quantity '-1' of gpu is not a number such as 500m, 2, 1.5 or 32Gi"),
        ("gpu=0", "the quantity '0' of gpu asks for nothing"),
        ("gpu=1e400", "the quantity '1e400' of gpu is not a number"),
        ("gpu=0.0001", "the quantity '0.0001' of gpu is finer than its base unit, milli"),
        ("slots=500m", "the quantity '500m' of slots is finer than its base unit, units"),
        ("memory=9223372036854775808", "the quantity '9223372036854775808' of memory is more than"),
        ("memory=16Ei", "the quantity '16Ei' of memory is more than 4611686018427387904 bytes"),
        ("gpu=", "the quantity '' of gpu is not a number"),
        ("gpu", "the claim 'gpu' is not [count*]kind=quantity[,kind=quantity…]"),
        ("", "the claim '' is not [count*]kind=quantity[,kind=quantity…]"),
        ("gpu=1+", "the claim '' is not [count*]kind=quantity[,kind=quantity…]"),
        ("gpu=1,gpu=2", "the claim 'gpu=1,gpu=2' names the kind gpu twice"),
        ("0*gpu=1", "the claim '0*gpu=1' is for '0' places; the count is from 1 to 1024"),
        ("1000000000*gpu=1", "the claim '1000000000*gpu=1' is for '1000000000' places"),
        ("-1*gpu=1", "the claim '-1*gpu=1' is for '-1' places"),
        ("*gpu=1", "the claim '*gpu=1' is for '' places"),
        ("1024*gpu=1+gpu=1", "the claims are for more than 1024 places, the limit"),
        ("1024*memory=5Pi", "the claims ask together for more than 4611686018427387904 bytes"),
        ("=1", "'' is not a kind"),
    ])
    func `rows 19, 20, 21: claims are refused with kind and unit`(claims: String, sentence: String)
    {
        let message = refusal(["ACQUIRE", "p", claims]) ?? "not refused"
        #expect(message.hasPrefix(sentence), "\(message)")
    }

    @Test
    func `rows 20, 21: the bounds of claims themselves are allowed`() {
        #expect(refusal(["ACQUIRE", "p", "1024*gpu=1"]) == nil)
        #expect(refusal(["ACQUIRE", "p", "1024*memory=4Pi"]) == nil)
        #expect(refusal(["ACQUIRE", "p", "1023*memory=4Pi,cpu=1+memory=5Pi"]) != nil)
        #expect(refusal(["ACQUIRE", "p", "1023*memory=4Pi,cpu=1+memory=3Pi"]) == nil)
        let claims = Array(repeating: "gpu=1", count: 64)
        #expect(refusal(["ACQUIRE", "p", claims.joined(separator: "+")]) == nil)
        #expect(refusal(["ACQUIRE", "p", (claims + ["gpu=1"]).joined(separator: "+")]) != nil)
    }

    @Test
    func `row 10: what is not UTF-8 is refused with its place`() {
        var buffer = [UInt8]("*3\r\n$7\r\nACQUIRE\r\n$2\r\n".utf8)
        buffer += [0xff, 0xfe]
        buffer += [UInt8]("\r\n$5\r\ngpu=1\r\n".utf8)
        var decoder = RequestDecoder(limits: .known)
        var bytes = ByteBuffer(bytes: buffer)
        #expect(decoder.next(&bytes) == .request)
        let refused = Refusal(.malformed, "argument 2 is not UTF-8; send text as UTF-8")
        #expect(CommandParser.parse(decoder.arguments) == .refused(refused))
    }

    @Test
    func `a full request means what it says, whatever the case and order of its options`() {
        var expected = AcquireRequest(
            pool: "gpus",
            claims: [
                Claim(
                    places: 4,
                    amounts: [.init(kind: .gpu, amount: 2_000), .init(kind: .cpu, amount: 8_000)]
                ),
                Claim(amounts: [.init(kind: .memory, amount: 32 << 30)]),
            ]
        )
        expected.tenant = "research/vision"
        expected.holder = "job-1"
        expected.ttlMilliseconds = 5_000
        expected.maxLifetimeMilliseconds = 60_000
        expected.priority = .high
        expected.requestID = "7f3a"
        expected.strategy = .bestFit
        expected.selector = [Label(name: "model", value: "h100|a100")]
        expected.tags = [Label(name: "a", value: "1"), Label(name: "b", value: "")]
        expected.purpose = "train"
        let line =
            "acquire gpus 4*gpu=2,cpu=8+memory=32Gi purpose train TAG a=1,b= "
            + "Select model=h100|a100 strategy Best-Fit request 7f3a priority HIGH "
            + "maxlifetime 60000 ttl 5000 holder job-1 tenant research/vision"
        #expect(parse(line) == .ledger(.acquire(expected)))
    }

    @Test
    func `sessions name a process for the server to find`() {
        #expect(
            parse("SESSION OPEN PROCESS peer TTL 5")
                == .openSession(SessionRequest(ttlMilliseconds: 5), process: .peer)
        )
        #expect(
            parse("SESSION OPEN PROCESS 17 HOLDER h")
                == .openSession(SessionRequest(holder: "h"), process: .pid(17))
        )
        #expect(
            parse("SESSION OPEN TTL 9") == .ledger(.openSession(SessionRequest(ttlMilliseconds: 9)))
        )
    }

    @Test
    func `commands of a connection are read as clients write them`() {
        let hello = HelloRequest(
            version: 3,
            credentials: CommandParserTests.credentials,
            name: "worker"
        )
        #expect(
            parse("HELLO 3 AUTH default secret SETNAME worker") == .connection(.hello(hello))
        )
        #expect(parse("hello") == .connection(.hello(HelloRequest())))
        #expect(parse("AUTH secret") == .connection(.auth(CommandParserTests.credentials)))
        #expect(parse("PING") == .connection(.ping(nil)))
        #expect(parse("ping a") == .connection(.ping("a")))
        #expect(parse("COMMAND") == .connection(.commands(named: nil)))
        #expect(parse("COMMAND INFO get") == .connection(.commands(named: ["get"])))
        #expect(parse("INFO Server") == .connection(.info(sections: ["server"])))
        #expect(parse("WATCH POOL p") == .connection(.watch(pool: "p")))
        #expect(parse("SELECT 0") == .connection(.select))
    }

    private static let credentials = Credentials(user: "default", password: "secret")

    @Test
    func `a password is not in the description of its credentials`() {
        #expect("\(Self.credentials)" == "Credentials(user: default)")
    }
}
