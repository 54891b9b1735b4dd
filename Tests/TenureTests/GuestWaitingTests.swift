// Guests: those who wait for several pools, in the lines of those that are not their home.

import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Guests in lines")
struct GuestWaitingTests {
    private typealias Scene = WaitingScene

    /// Pools `main` and `side` of so many CPUs.
    private static func scene(_ main: UInt64, _ side: UInt64) throws -> WaitingScene {
        let scene = try WaitingScene(cpus: main)
        try scene.ask(.setPool(name: "side", settings: []))
        let capacity = side * 1000
        try scene.ask(
            .setResource(
                ResourceRequest(name: "side-r", pool: "side", kind: .cpu, capacity: capacity)
            )
        )
        return scene
    }

    /// A request for so many CPUs of one of these pools, held as long as `life`; for ever without.
    private static func request(
        _ cpus: UInt64,
        _ pools: String...,
        life: UInt64? = nil,
        wait: UInt64? = 600_000,
        id: String? = nil
    ) -> AcquireRequest {
        Scene.request(cpus, wait: wait) {
            $0.pool = pools[0]
            $0.fallbackPools = Array(pools.dropFirst())
            $0.maxLifetimeMilliseconds = life
            $0.requestID = id
        }
    }

    private static func take(
        _ cpus: UInt64,
        _ pool: String,
        life: UInt64? = nil,
        _ scene: WaitingScene
    ) throws -> Grant {
        let number = try scene.ask(request(cpus, pool, life: life, wait: nil))
        return try #require(scene.grant(number))
    }

    /// By when the first ticket that asks one pool only is promised what it needs.
    private static func date(_ scene: WaitingScene) throws -> Document? {
        let ticket = try #require(
            try scene.core.state.queued.first { $0.request.fallbackPools.isEmpty }
        )
        guard case .document(let told) = try scene.core.ask(.query(.ticket(ticket.id))) else {
            throw NotGranted()
        }
        return told["startsBy"]
    }

    @Test
    func `behind a guest a date comes forward when a lease ends early`() throws {
        let scene = try Self.scene(3, 3)
        _ = try Self.take(3, "main", scene)
        _ = try Self.take(1, "side", life: 10_000, scene)
        let early = try Self.take(1, "side", life: 100_000, scene)
        _ = try Self.take(1, "side", life: 100_000, scene)
        let guest = try scene.ask(Self.request(3, "main", "side"))
        let resident = try scene.ask(Self.request(2, "side", life: 1_000, id: "resident"))
        let follower = try scene.ask(Self.request(1, "side", life: 50_000))
        try scene.settle()
        #expect(try Self.date(scene) == .integer(100_000))
        try scene.release(early)
        try scene.settle()
        #expect(scene.waits(follower))
        #expect(try Self.date(scene) == .integer(10_000))
        try scene.pass(milliseconds: 10_000)
        #expect(scene.grant(resident) != nil)
        #expect(scene.waits(guest))
    }

    @Test
    func `guests are looked at when what is freed may be enough for them`() throws {
        let scene = try Self.scene(2, 4)
        _ = try Self.take(2, "main", scene)
        let held = try (0..<4).map { _ in try Self.take(1, "side", scene) }
        let guests = try (0..<20).map { _ in try scene.ask(Self.request(2, "main", "side")) }
        try scene.settle()
        let looks = try #require(try scene.figure("waitLooks"))
        try scene.release(held[0])
        try scene.settle()
        // The first of them, once: it is at home in the pool where all of them stand as well.
        #expect(try #require(try scene.figure("waitLooks")) - looks <= 1)
        try scene.release(held[1])
        #expect(scene.grant(guests[0])?.pool == "side")
        #expect(guests.dropFirst().allSatisfy { scene.waits($0) })
        #expect(try scene.core.invariantFault() == nil)
    }

    @Test
    func `who is held back in one pool at its first look stays in the lines of the others`()
        throws
    {
        let scene = try Self.scene(2, 2)
        _ = try Self.take(2, "main", scene)
        _ = try Self.take(2, "side", scene)
        try scene.ask(Self.request(1, "main", "side", id: "ticket"))
        scene.world.die(leaving: scene.world.disk.processCrash())
        try scene.world.open()
        let core = try scene.core
        let waiter = try #require(core.waiting.waiters.first { _ in true })
        let lacking = Shortage(of: .cpu, in: "side")
        var refusal = waiter.request.refusal(behindThoseWhoLack: lacking)
        refusal.pools = [PoolLimit(pool: "side", code: refusal.code, limit: refusal.limit)]
        core.waiting.keep(waiter, refused: refusal, behind: true)
        #expect(Set(waiter.lacks) == [lacking, Shortage(of: .cpu, in: "main")])
        #expect(waiter.home == "main")
    }
}
