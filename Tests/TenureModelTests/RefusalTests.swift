// One row per refusal: what is asked, the code, and what the sentence must name.
//
// A refusal changes nothing, so the position must stand still, except where a request id keeps it.

import TenureModel
import Testing

/// One way to be refused.
struct RefusalRow: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: RefusalCode
    /// Words that the sentence must have.
    let names: [String]
    /// Brings the ledger to where the refusal is due, and asks.
    let ask: @Sendable (inout World) throws -> Answer

    init(
        _ description: String,
        _ code: RefusalCode,
        _ names: [String] = [],
        ask: @escaping @Sendable (inout World) throws -> Answer
    ) {
        testDescription = description
        self.code = code
        self.names = names
        self.ask = ask
    }

    /// A request that is refused whatever the ledger holds.
    static func acquire(
        _ description: String,
        _ code: RefusalCode,
        _ names: [String],
        _ request: AcquireRequest
    ) -> RefusalRow {
        RefusalRow(description, code, names) { try $0.ask(.acquire(request)) }
    }
}

@Suite("Refusals")
struct RefusalTests {
    static let rows = RefusalRows.requests + RefusalRows.state + RefusalRows.settings

    @Test(arguments: rows)
    func `a refusal has its code, names the limiting thing, and changes nothing`(
        row: RefusalRow
    ) throws {
        var world = try World.hosts(2)
        try world.declare("slots", .slot, 4)
        let answer = try row.ask(&world)
        #expect(answer.code == row.code, "\(answer)")
        for name in row.names { #expect(answer.sentence.contains(name), "\(answer.sentence)") }
        #expect(answer.sentence.allSatisfy { $0 >= " " }, "a sentence is one line")
        let position = world.state.position
        let lines = try world.state.contentLines()
        #expect(try row.ask(&world).code != nil)
        if world.state.position == position { #expect(try world.state.contentLines() == lines) }
    }

    @Test
    func `every code that the ledger itself can answer is produced by some row`() {
        let produced = Set(Self.rows.map(\.code))
        let byOthers: Set<RefusalCode> = [
            // The engine and the daemon answer these; waiting is not decided here.
            .notPermitted, .timeout, .deadlock, .readOnly, .unknown,
        ]
        #expect(produced.isDisjoint(with: byOthers))
        #expect(produced.union(byOthers) == Set(RefusalCode.allCases))
    }

    @Test
    func `a limit of the whole ledger is BUSY`() throws {
        var facts = LedgerFacts()
        facts.storedAnswers = UInt64(Limits.storedAnswers)
        facts.nextResource = UInt32(Limits.resources) + 1
        var world = World(facts: facts)
        world.checksEveryStep = false
        try world.declarePool()
        let full = try world.ask(.acquire(.of(1) { $0.requestID = "r" }))
        #expect(full.code == .busy)
        let resource = ResourceRequest(name: "r", pool: "pool", kind: .cpu, capacity: 1)
        #expect(try world.ask(.setResource(resource)).code == .busy)
    }

    @Test
    func `when several reasons apply, the first in the order of precedence is the answer`() throws {
        var world = try World.slots(1)
        try world.ask(.setQuota(tenant: "default", kind: .slot, limit: 0))
        // Unsatisfiable comes before quota, quota before exhausted.
        #expect(try world.ask(.acquire(.of(2))).code == .unsatisfiable)
        try world.ask(.setQuota(tenant: "other", kind: .slot, limit: 1))
        _ = try world.granted(.of(1) { $0.tenant = "other" })
        #expect(try world.ask(.acquire(.of(1))).code == .quota)
        #expect(try world.ask(.acquire(.of(1) { $0.tenant = "third" })).code == .exhausted)
        // An open breaker comes before all three.
        try world.ask(.setPool(name: "pool", settings: [.breakerRefusals(1)]))
        let record = RefusalRecord(
            tenant: "t",
            pool: "pool",
            code: .exhausted,
            limit: "",
            message: ""
        )
        try world.ask(.housekeeping(.refused(record)))
        for tenant in ["default", "third"] {
            #expect(try world.ask(.acquire(.of(2) { $0.tenant = tenant })).code == .circuitOpen)
        }
        // Malformed comes before everything.
        #expect(try world.ask(.acquire(.of(0))).code == .malformed)
    }
}
