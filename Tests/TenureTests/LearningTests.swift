// When a pool learns: by requests, once each, and again after a restart.

import Tenure
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@Suite("Learning of prices")
struct LearningTests {
    private func version(_ core: LedgerCore) throws -> Int64 {
        guard
            case .document(let pool) = try core.ask(.query(.pool("gpus"))),
            case .integer(let version)? = pool["learntVersion"]
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
        world.checkpointRows = 10_000
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
        // The first record comes back from the state, the second from the log behind it; the next
        // prices are due at half as many requests again.
        core.checkpointNow()
        var later = try reopened(&world)
        #expect(try version(later) == 1)
        for (next, due) in [(2, 25), (3, 37)] as [(Int64, Int)] {
            for _ in 1..<due { _ = try later.ask(.acquire(request())) }
            later.tick()
            #expect(try version(later) == next - 1)
            _ = try later.ask(.acquire(request()))
            later.tick()
            #expect(try version(later) == next)
            later = try reopened(&world)
            #expect(try version(later) == next)
        }
        #expect(try world.replayFaults() == [])
    }

    private func reopened(_ world: inout EngineWorld) throws -> LedgerCore {
        world.die(leaving: world.disk.processCrash())
        try world.open()
        return try #require(world.core)
    }
}
