// What the wall clock shows is recorded when it is set, and no lease notices.

import Tenure
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@Suite("Wall clock", .computing)
struct WallClockTests {
    private static let second: UInt64 = 1_000_000_000

    /// A machine without a clock of its own: 1970 at the start, right when the network is there.
    @Test
    func `row 69: a wall clock that is set is recorded, and makes no downtime`() throws {
        var world = try EngineWorld.withCPUs()
        world.clock.stepWall(toNanoseconds: 1)
        let first = try world.restart()
        let grant = try first.grant(LedgerScratch.request(ttl: 60_000))
        let today = 1_800_000_000 * Self.second
        world.clock.stepWall(toNanoseconds: today)
        first.tick()
        #expect(try world.wallClocks().isEmpty)
        world.clock.advance(byNanoseconds: 10 * Self.second)
        first.tick()
        // It goes a little fast, and is looked at no more often than that.
        world.clock.stepWall(toNanoseconds: today + 10 * Self.second + Self.second / 2)
        world.clock.advance(byNanoseconds: 5 * Self.second)
        first.tick()
        #expect(try world.wallClocks() == [today + 10 * Self.second])
        #expect(try first.remaining(grant) == 45_000)
        world.clock.reboot(bootID: "second")
        let second = try world.restart()
        // Half a second is not worth a record, and counts as downtime.
        #expect(try second.remaining(grant) == 44_499)
        // An id of today is none of long ago, whatever the clock said at the opening.
        world.clock.stepWall(toNanoseconds: 4_000_000_000 * Self.second)
        let third = try world.restart()
        world.clock.stepWall(toNanoseconds: today)
        world.clock.advance(byNanoseconds: 11 * Self.second)
        third.tick()
        var request = LedgerScratch.request(ttl: 60_000)
        request.requestID = "01a3185c-5000-7abc-8def-0123456789ab"
        #expect(throws: Never.self) { try third.grant(request) }
    }

    @Test
    func `a record from before the opening, which nobody writes, is no trap`() {
        var facts = LedgerFacts()
        facts.openedAt = LedgerTime(nanoseconds: 9)
        #expect(facts.wallAtOpening(showing: 5, at: LedgerTime(nanoseconds: 3)) == 5)
        #expect(facts.wallAtOpening(showing: 5, at: LedgerTime(nanoseconds: 11)) == 3)
        #expect(facts.wallAtOpening(showing: 5, at: LedgerTime(nanoseconds: 99)) == 0)
    }
}
