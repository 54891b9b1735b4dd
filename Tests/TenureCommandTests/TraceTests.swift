// Traces: what a line means, and where a fault in one is.

import TenureCommand
import TenureModel
import Testing

/// The excerpt beside these tests.
enum Excerpt {
    static func path(_ name: String, here: String = #filePath) -> String {
        here.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/Fixtures/" + name
    }

    static func trace() throws -> Trace {
        try Trace(nodesFile: path("nodes.csv"), tasksFile: path("tasks.csv"))
    }
}

@Suite("Trace")
struct TraceTests {
    /// One row per way in which a file can be wrong, with the place that is named.
    @Test(
        arguments: [
            ("", 0, nil, "is empty"),
            ("name,cpu\nx,1\n", 1, "time", "is missing"),
            ("name,time,time\nx,1,2\n", 1, "time", "is there twice"),
            ("name,time\nx,1\ny\n", 3, nil, "has 1 fields where the header has 2"),
            ("name,time\nx,1\n\ny,2\n", 3, nil, "has 1 fields where the header has 2"),
            ("name,time\n\"x\",1\n", 2, nil, "quoted fields are not read"),
            ("name,time\nx,\n", 2, "time", "'' is no whole number"),
            ("name,time\nx,-1\n", 2, "time", "'-1' is no whole number"),
            ("name,time\nx,+1\n", 2, "time", "'+1' is no whole number"),
            ("name,time\nx,1.5\n", 2, "time", "'1.5' is no whole number"),
            (
                "name,time\nx,99999999999999999999\n", 2, "time",
                "'99999999999999999999' is no whole number"
            ),
            ("name,time\nx,101\n", 2, "time", "101 is above 100"),
        ] as [(String, Int, String?, String)]
    )
    func `a fault names file, line and column`(
        text: String,
        line: Int,
        column: String?,
        sentence: String
    ) {
        let expected = TraceFault(file: "f.csv", line: line, column: column, sentence: sentence)
        #expect(throws: expected) {
            let table = try TraceTable(text: text, file: "f.csv", columns: ["name", "time"])
            for row in table.rows { _ = try row.number(1, limit: 100) }
        }
    }

    @Test
    func `columns are found by name, lines may end in CR LF, the last one in nothing`() throws {
        let text = "time,other,name\r\n7,?,x\r\n8,?,y"
        let table = try TraceTable(text: text, file: "f.csv", columns: ["name", "time"])
        #expect(table.rows.map { $0.text(0) } == ["x", "y"])
        #expect(try table.rows.map { try $0.number(1, limit: 100) } == [7, 8])
    }

    @Test
    func `a file that is not there is named`() {
        let fault = #expect(throws: TraceFault.self) {
            try TraceTable(path: "/nowhere/f.csv", columns: [])
        }
        #expect(fault?.file == "/nowhere/f.csv")
    }

    /// One row per rule between the columns of a task.
    @Test(arguments: [
        ("t,1,1,0,500,,LS,1,2", "gpu_milli"), ("t,1,1,1,0,,LS,1,2", "gpu_milli"),
        ("t,1,1,2,500,,LS,1,2", "gpu_milli"), ("t,1,1,1,1001,,LS,1,2", "gpu_milli"),
        ("t,1,1,0,0,,LS,2,1", "deletion_time"), ("t,x,1,0,0,,LS,1,2", "cpu_milli"),
    ])
    func `a task that can not be is a fault of its column`(line: String, column: String) throws {
        let text = Trace.taskColumns.joined(separator: ",") + "\n" + line + "\n"
        let table = try TraceTable(text: text, file: "f.csv", columns: Trace.taskColumns)
        let fault = #expect(throws: TraceFault.self) { try Trace.tasks(table) }
        #expect(fault?.column == column)
        #expect(fault?.line == 2)
    }

    @Test
    func `the excerpt is read in the units of the ledger`() throws {
        let trace = try Excerpt.trace()
        #expect(trace.nodes.count == 6)
        #expect(trace.tasks.count == 42)
        #expect(trace.nodes[0].memory == 256 << 30)
        #expect(trace.nodes.reduce(0) { $0 + $1.gpus } == 26)
        let shared = try #require(trace.tasks.first { $0.name == "openb-pod-0001" })
        #expect(shared.request().claims[0].amounts.map(\.amount) == [6000, 12 << 30, 460])
        let chosen = try #require(trace.tasks.first { $0.name == "openb-pod-0009" })
        #expect(chosen.request().selector == [Label(name: "model", value: "V100M16|V100M32")])
        let several = try #require(trace.tasks.first { $0.name == "openb-pod-0422" })
        #expect(several.gpu == 2000)
        let none = try #require(trace.tasks.first { $0.name == "openb-pod-0005" })
        #expect(none.request().claims[0].amounts.map(\.kind) == [.cpu, .memory])
        #expect(none.request().tenant == "openb/LS")
    }

    @Test
    func `one copy of all nodes is the trace itself`() throws {
        let trace = try Excerpt.trace()
        #expect(trace.scaled(nodes: 1, copies: 1, seed: 5) == trace)
    }

    @Test(arguments: [1, 7, 0xffff_ffff_ffff_ffff] as [UInt64])
    func `a seed makes one sample and one shift`(seed: UInt64) throws {
        let trace = try Excerpt.trace()
        let scaled = trace.scaled(nodes: 0.5, copies: 3, seed: seed)
        #expect(scaled == trace.scaled(nodes: 0.5, copies: 3, seed: seed))
        #expect(scaled != trace.scaled(nodes: 0.5, copies: 3, seed: seed &+ 1))
        #expect(scaled.nodes.count == 3)
        #expect(Set(scaled.nodes).isSubset(of: trace.nodes))
    }

    @Test
    func `every copy asks for the same device-seconds within the time of the trace`() throws {
        let trace = try Excerpt.trace()
        let scaled = trace.scaled(nodes: 1, copies: 4, seed: 3)
        #expect(abs(scaled.offeredGPUPercent - 4 * trace.offeredGPUPercent) < 1e-9)
        #expect(scaled.span.start >= trace.span.start)
        #expect(scaled.span.end <= trace.span.end)
        #expect(Set(scaled.tasks.map(\.name)).count == scaled.tasks.count)
    }

    @Test
    func `the generator gives the numbers of its authors`() {
        var random = SplitMix(state: 1_234_567)
        let numbers = (0..<3).map { _ in random.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ]
        )
    }

    @Test
    func `at one second what frees comes first, and what lasts no time frees at once`() {
        func task(_ name: String, _ created: UInt64, _ deleted: UInt64) -> TraceTask {
            TraceTask(
                name: name,
                quality: "LS",
                cpu: 1,
                memory: 0,
                gpu: 0,
                models: "",
                created: created,
                deleted: deleted
            )
        }
        let trace = Trace(nodes: [], tasks: [task("a", 1, 5), task("b", 5, 9), task("c", 5, 5)])
        let batches = batches(of: trace, limit: 9)
        #expect(
            batches.joined().map { "\($0.second) \($0.act) \($0.task)" } == [
                "1 acquire 0", "5 release 0", "5 acquire 1", "5 acquire 2", "5 releaseAtOnce 2",
                "9 release 1",
            ]
        )
        #expect(batches.map(\.count) == [1, 1, 2, 1, 1])
        #expect(self.batches(of: trace, limit: 1).map(\.count) == [1, 1, 1, 1, 1, 1])
        #expect(self.batches(of: Trace(nodes: [], tasks: []), limit: 9).isEmpty)
    }

    /// What happens when every task starts as it comes.
    private func batches(of trace: Trace, limit: Int) -> [[ReplayStep]] {
        var agenda = ReplayAgenda(trace)
        var batches: [[ReplayStep]] = []
        while let second = agenda.nextSecond {
            let batch = agenda.takeBatch(limit: limit)
            for step in batch where step.act == .acquire { agenda.start(step.task, at: second) }
            batches.append(batch)
        }
        return batches
    }

    @Test
    func `a coarser step moves times down`() throws {
        let trace = try Excerpt.trace().coarsened(to: 60)
        #expect(trace.tasks.allSatisfy { $0.created % 60 == 0 && $0.deleted % 60 == 0 })
        #expect(trace.tasks.allSatisfy { $0.deleted >= $0.created })
    }

    @Test
    func `use is averaged over time and knows its peak`() {
        let one = [PlacementView(resource: "g", node: "n", kind: .gpu, amount: 1000)]
        var use = UseOverTime()
        use.advance(to: 100)
        use.take(one)
        use.advance(to: 110)
        use.take(one)
        use.advance(to: 120)
        use.give(one + one)
        use.advance(to: 140)
        #expect(use.peak(.gpu) == 2000)
        #expect(use.mean(.gpu) == 750)
        #expect(use.mean(.cpu) == 0)
    }

    @Test
    func `a digest tells order and borders of decisions`() {
        func digest(_ decisions: String...) -> String {
            var digest = DecisionDigest()
            for decision in decisions { digest.add(decision) }
            return digest.text
        }
        #expect(digest("a", "b") == digest("a", "b"))
        #expect(digest("a", "b") != digest("b", "a"))
        #expect(digest("ab") != digest("a", "b"))
        #expect(digest().count == 16)
    }
}
