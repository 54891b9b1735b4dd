// What the wall clock shows is recorded when it is set, and no lease notices.

import Tenure
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@Suite("Wall clock", .computing)
struct WallClockTests {
    private static let second: UInt64 = 1_000_000_000

    private func makeWorld(cpus: UInt64 = 20) throws -> EngineWorld {
        var world = try EngineWorld()
        world.checkpointRows = 50
        try world.open()
        for command in LedgerScratch.setup(cpus: cpus) { _ = try world.core?.ask(command) }
        return world
    }

    /// Ends the process and opens the ledger again.
    private func restart(_ world: inout EngineWorld) throws -> LedgerCore {
        world.die(leaving: world.disk.processCrash())
        try world.open()
        return try #require(world.core)
    }

    /// A machine without a clock of its own: 1970 at the start, right when the network is there.
    @Test
    func `row 69: a wall clock that is set is recorded, and makes no downtime`() throws {
        var world = try makeWorld()
        world.clock.stepWall(toNanoseconds: 1)
        let first = try restart(&world)
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
        let second = try restart(&world)
        // Half a second is not worth a record, and counts as downtime.
        #expect(try second.remaining(grant) == 44_499)
        // An id of today is none of long ago, whatever the clock said at the opening.
        world.clock.stepWall(toNanoseconds: 4_000_000_000 * Self.second)
        let third = try restart(&world)
        world.clock.stepWall(toNanoseconds: today)
        world.clock.advance(byNanoseconds: 11 * Self.second)
        third.tick()
        var request = LedgerScratch.request(ttl: 60_000)
        request.requestID = "01a3185c-5000-7abc-8def-0123456789ab"
        #expect(throws: Never.self) { try third.grant(request) }
    }
}
