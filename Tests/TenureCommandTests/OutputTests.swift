// How answers are printed: JSON for programs, tables and names with values for people.

import TenureCommand
import TenureModel
import Testing

@Suite("Output")
struct OutputTests {
    @Test
    func `JSON carries tokens, lease ids and positions as strings, amounts as numbers`() {
        let document = Document.map([
            .init("lease", .id(281_474_976_710_661)), .init("ttl", .integer(30_000)),
            .init("replayed", .bool(false)), .init("session", .null),
            .init("placements", .list([.map([.init("resource", .string("gpu0"))])])),
        ])
        #expect(
            JSONText.of(document) == """
                {"lease":"281474976710661","ttl":30000,"replayed":false,"session":null,\
                "placements":[{"resource":"gpu0"}]}
                """
        )
    }

    /// One row per way in which a text could end a JSON string or draw on a terminal.
    @Test(arguments: [
        ("plain", #""plain""#), (#"a"b"#, #""a\"b""#), (#"a\b"#, #""a\\b""#),
        ("a\nb\r\tc", #""a\nb\r\tc""#), ("\u{0}\u{1b}[31m", #""\u0000\u001b[31m""#),
        ("\u{7f}\u{9b}", #""\u007f\u009b""#),
        ("\u{2028}\u{202e}\u{2066}", #""\u2028\u202e\u2066""#),
        ("Zürich 🚀", #""Zürich 🚀""#), ("a\u{301}", "\"a\u{301}\""), ("", #""""#),
    ])
    func `JSON text is escaped`(text: String, expected: String) {
        #expect(JSONText.of(.string(text)) == expected)
    }

    @Test
    func `integers that name something are identifiers again, counts stay counts`() {
        let answer = Document.map([
            .init("lease", .integer(7)), .init("ttl", .integer(7)), .init("leases", .integer(7)),
            .init("session", .null),
            .init("items", .list([.map([.init("token", .integer(8))])])),
            .init("sessions", .list([.integer(9)])), .init("position", .integer(0)),
        ])
        #expect(
            JSONText.of(WireIdentifiers.marked(answer)) == """
                {"lease":"7","ttl":7,"leases":7,"session":null,"items":[{"token":"8"}],\
                "sessions":["9"],"position":"0"}
                """
        )
    }

    @Test
    func `a list is a table with amounts as quantities and numbers at the right`() {
        func item(_ name: String, _ kind: String, _ capacity: UInt64, _ held: UInt64) -> Document {
            .map([
                .init("resource", .string(name)), .init("kind", .string(kind)),
                .init("capacity", .count(capacity)), .init("held", .count(held)),
                .init("labels", .map([.init("model", .string("A100"))])),
            ])
        }
        let list = Document.map([
            .init(
                "items",
                .list([
                    item("box/gpu0", "gpu", 1000, 500), item("box/memory", "memory", 1 << 38, 0),
                ])
            ),
            .init("cursor", .null),
        ])
        #expect(
            Rendering.lines(list) == [
                "RESOURCE    KIND    CAPACITY  HELD  LABELS",
                "box/gpu0    gpu            1  500m  model=A100",
                "box/memory  memory     256Gi     0  model=A100",
            ]
        )
    }

    @Test
    func `a grant is names and values with its placements below`() {
        let grant = Document.map([
            .init("status", .string("granted")), .init("lease", .id(7)),
            .init("ttl", .integer(90_500)),
            .init(
                "placements",
                .list([
                    .map([
                        .init("resource", .string("gpu0")), .init("node", .string("box")),
                        .init("kind", .string("gpu")), .init("amount", .integer(2000)),
                    ])
                ])
            ),
        ])
        #expect(
            Rendering.lines(grant) == [
                "status  granted", "lease   7", "ttl     1m30s", "", "placements",
                "  RESOURCE  NODE  KIND  AMOUNT", "  gpu0      box   gpu        2",
            ]
        )
    }

    @Test
    func `an empty list is no lines`() {
        #expect(Rendering.lines(.map([.init("items", .list([])), .init("cursor", .null)])) == [])
    }

    @Test
    func `what would move the cursor of a terminal is made visible`() {
        #expect(Table.cell("a\u{1b}[2Jb\nc") == "a\\u{1b}[2Jb\\u{a}c")
    }

    @Test
    func `a refusal is its code and sentence, or one JSON object`() {
        let refusal = Refusal(.exhausted, "gpu: 1 of 8 is free\n")
        #expect(
            TenureTool.sentence(of: refusal, json: false)
                == "tenure: EXHAUSTED gpu: 1 of 8 is free\\u{a}"
        )
        #expect(
            TenureTool.sentence(of: refusal, json: true)
                == #"{"code":"EXHAUSTED","message":"gpu: 1 of 8 is free\n"}"#
        )
    }

    @Test(
        arguments: [
            (Document.string("a/b"), "a/b"), (.id(9), "9"), (.null, nil), (.string(""), nil),
        ] as [(Document, String?)]
    )
    func `a list goes on at its cursor and ends without one`(cursor: Document, expected: String?) {
        let page = Document.map([.init("items", .list([])), .init("cursor", cursor)])
        #expect(ListPages.cursor(of: page) == expected)
    }

    @Test
    func `the next page is asked for with the cursor of this one`() {
        let list = ["LEASE", "LIST", "LIMIT", "5"]
        #expect(ListPages.arguments(list, after: "x") == list + ["AFTER", "x"])
        #expect(ListPages.arguments(list + ["AFTER", "x"], after: "y") == list + ["AFTER", "y"])
    }

    @Test
    func `the steps of a revocation are one answer`() {
        func step(_ lease: Int64, _ cursor: String?) -> Document {
            .map([
                .init("status", .string("revoked")), .init("revoked", .integer(lease)),
                .init("items", .list([.integer(lease)])), .init("cursor", .optional(cursor)),
                .init("position", .integer(40 + lease)),
            ])
        }
        var steps = RevokedSteps(step(2, "7"))
        #expect(steps.cursor == "7")
        steps.add(step(1, nil))
        #expect(steps.cursor == nil)
        #expect(
            steps.document
                == .map([
                    .init("status", .string("revoked")), .init("revoked", .integer(3)),
                    .init("items", .list([.integer(2), .integer(1)])), .init("cursor", .null),
                    .init("position", .integer(41)),
                ])
        )
    }

    /// What the daemon answers, ids as the numbers that they are in RESP.
    private static func plan(_ goal: String, _ items: [Document], isCut: Bool = false) -> Document {
        .map([
            .init("pool", .string("gpus")), .init("goal", .string(goal)),
            .init("before", .integer(3_000)), .init("after", .integer(1_500)),
            .init("items", .list(items)), .init("version", .integer(31)),
            .init("cut", .bool(isCut)),
        ])
    }

    @Test
    func `a plan of moves names the commands of the holders`() {
        let move = Document.map([
            .init("lease", .integer(7)), .init("tenant", .string("research")),
            .init("holder", .string("job")), .init("from", .string("n0")),
            .init("to", .string("n1")), .init("gain", .integer(1_500)),
            .init("claims", .string("gpu=500m,cpu=4")),
            .init("parts", .string("n0-g0=500m,n0-cpu=4")),
        ])
        #expect(
            MovePlan.lines(Self.plan("fragmentation", [move])) == [
                "fragmentation of pool gpus: 3 GPU now, 1500m GPU after 1 move", "",
                "lease 7 of job, tenant research: n0 to n1, 1500m GPU less",
                "  tenure grow 7 TOKEN --claim gpu=500m,cpu=4 --node n1 --plan 31",
                "  tenure release 7 NEW_TOKEN --part n0-g0=500m --part n0-cpu=4",
            ]
        )
        #expect(
            MovePlan.lines(Self.plan("cost", [], isCut: true)) == [
                "cost of pool gpus: 0.003 now, 0.0015 after 0 moves", "",
                "Not everything was looked at; there may be better moves.",
            ]
        )
    }

    @Test
    func `a progress bar is never longer than its width`() {
        let bar = ProgressBar("replay", isShown: false)
        #expect(
            bar.line(1, of: 2, after: .seconds(2))
                == "replay [###############...............] 1/2, 0/s"
        )
        #expect(
            bar.line(9, of: 3, after: .zero)
                == "replay [##############################] 9/3, 0/s"
        )
        let bytes = ProgressBar("bundle", unit: .bytes, isShown: false)
        #expect(
            bytes.line(3 << 20, of: 6 << 20, after: .seconds(1))
                == "bundle [###############...............] 3/6 MiB, 3 MiB/s"
        )
    }

    @Test
    func `percentiles are whole microseconds, rounded up`() {
        var latencies = Latencies()
        #expect(latencies.fields.isEmpty)
        for microseconds in 1...100 { latencies.record(.microseconds(microseconds)) }
        let fields = Document.map(latencies.fields)
        #expect(latencies.count == 100)
        #expect(fields["p50"] == .integer(51) || fields["p50"] == .integer(50))
        #expect(fields["max"] == .integer(101) || fields["max"] == .integer(100))
    }

    @Test(arguments: [(1.0, 3.0, "33.3"), (2, 2, "100.0"), (1, 0, "0.0"), (0, 5, "0.0")])
    func `a share has one digit behind the point`(part: Double, whole: Double, text: String) {
        #expect(Figures.percent(part, of: whole) == text)
    }
}
