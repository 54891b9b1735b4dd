// When a pool learns: by requests, once each, and again after a restart.

import Tenure
import TenureModel
import TenureTesting
import Testing

@Suite("Learning of prices")
struct LearningTests {
    private func version(_ core: LedgerCore) throws -> Int64 {
        guard
            case .document(let pool) = try core.ask(.query(.pool("gpus"))),
            case .integer(let version)? = pool["policyVersion"]
        else { return -1 }
        return version
    }

    private func request(wait: UInt64? = nil) -> AcquireRequest {
        let amount = ClaimAmount(kind: .gpu, amount: 1_000)
        var request = AcquireRequest(pool: "gpus", claims: [Claim(amounts: [amount])])
        request.holder = "me"
        request.waitMilliseconds = wait
        return request
    }

    private func makeWorld() throws -> EngineWorld {
        var world = try EngineWorld()
        world.checkpointRows = 20
        try world.open()
        _ = try world.core?.ask(.setPool(name: "gpus", settings: []))
        _ = try world.core?.ask(
            .setResource(ResourceRequest(name: "g0", pool: "gpus", kind: .gpu, capacity: 1_000))
        )
        return world
    }

    @Test
    func `a request counts once, however often it is looked at, and a restart keeps what is known`()
        throws
    {
        var world = try makeWorld()
        let core = try #require(world.core)
        let sink = KeepingSink()
        var held = try core.grant(request())
        core.run(
            (0..<20).map { ticket in
                Submission(
                    command: .acquire(request(wait: 60_000)),
                    caller: .embedder,
                    ticket: UInt64(ticket),
                    sink: sink
                )
            }
        )
        for _ in 0..<20 {
            _ = try core.ask(.release(held.reference, parts: nil))
            core.tick()
            guard case .grant(let next)? = sink.take().first?.answer else {
                Issue.record("nobody was granted what was released")
                return
            }
            held = next
        }
        // 21 so far; plans do not count.
        for _ in 0..<28 { _ = try core.ask(.acquire(request())) }
        var plan = request()
        plan.planOnly = true
        for _ in 0..<10 { _ = try core.ask(.acquire(plan)) }
        core.tick()
        #expect(try version(core) == 0)
        _ = try core.ask(.acquire(request()))
        core.tick()
        #expect(try version(core) == 1)
        core.checkpointNow()
        world.die(leaving: world.disk.processCrash())
        try world.open()
        let reopened = try #require(world.core)
        #expect(try version(reopened) == 1)
        #expect(try world.replayFaults() == [])
        // The next prices at half as many again: 75.
        for _ in 0..<24 { _ = try reopened.ask(.acquire(request())) }
        reopened.tick()
        #expect(try version(reopened) == 1)
        _ = try reopened.ask(.acquire(request()))
        reopened.tick()
        #expect(try version(reopened) == 2)
    }
}
