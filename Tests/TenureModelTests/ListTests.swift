// What lists and plans refuse: cursors that are none, and more windows than there may be.

import TenureModel
import TenureTesting
import Testing

@Suite("Lists", .computing)
struct ListTests {
    @Test
    func `a cursor that is none is refused, by name, wherever one goes on`() throws {
        var world = try World.hosts(1)
        let page = Page(after: "x1")
        var revoking = RevokeRequest(reason: "fire")
        (revoking.filter.pool, revoking.after) = ("pool", "x1")
        let commands: [(Command, String)] = [
            (.query(.leases(LeaseFilter(), page: page)), "page"),
            (.query(.tickets(TicketFilter(), page: page)), "page"),
            (.query(.bookings(TicketFilter(), page: page)), "page"),
            (.query(.windows(pool: "pool", page: page)), "page"),
            (.query(.optimize(OptimizeRequest(pool: "pool", after: "x1"))), "plan"),
            (.revokeAll(revoking), "step"),
        ]
        for (command, source) in commands {
            let answer = try world.ask(command)
            #expect(answer.code == .malformed, "\(command)")
            #expect(
                answer.sentence
                    == "AFTER 'x1' is no cursor; use the one of the \(source) before"
            )
        }
    }

    @Test
    func `a pool has so many windows and no more`() throws {
        var world = World()
        world.checksEveryStep = false
        try world.declarePool()
        let resources = Limits.windowsPerPool / Limits.windowsPerResource + 1
        for number in 0..<resources { try world.declare("s\(number)", .slot, 1) }
        func plan(_ name: String, _ number: Int) throws -> Answer {
            let start = UInt64(1_000_000 + 10 * number)
            return try world.ask(
                .planWindow(
                    WindowRequest(.resource(name), startMilliseconds: start, lengthMilliseconds: 10)
                )
            )
        }
        for resource in 0..<resources - 1 {
            for number in 0..<Limits.windowsPerResource {
                #expect(try plan("s\(resource)", number).code == nil)
            }
        }
        let last = try plan("s\(resources - 1)", 0)
        #expect(last.code == .busy)
        #expect(last.sentence.contains("pool pool has \(Limits.windowsPerPool) windows already"))
        #expect(try world.state.invariantFault() == nil)
        // Of a full resource that is what is told.
        let full = try plan("s0", Limits.windowsPerResource)
        #expect(full.sentence.contains("s0 has \(Limits.windowsPerResource) windows already"))
    }
}
