// Who waits, in what order, and what lets a waiter through.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Waiting")
struct WaitingTests {
    private typealias Scene = WaitingScene

    // MARK: Being granted

    @Test
    func `what is freed goes to who waits for it, with a whole TTL from then on`() throws {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let waiter = try scene.ask(Scene.request { $0.ttlMilliseconds = 30_000 })
        #expect(scene.waits(waiter))
        #expect(try scene.figure("waiting") == 1)
        try scene.pass(milliseconds: 5_000)
        #expect(scene.waits(waiter))
        try scene.release(held)
        let grant = try #require(scene.grant(waiter))
        #expect(grant.ttlMilliseconds == 30_000)
        #expect(grant.token > held.token)
        #expect(try scene.figure("waiting") == 0)
        #expect(try scene.figure("waitsGranted") == 1)
        #expect(try scene.figure("waitMillisecondsMax") == 5_000)
        #expect(try scene.core.invariantFault() == nil)
    }

    @Test
    func `what expires goes to who waits for it, and the writer wakes for that`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take(ttl: 300)
        let waiter = try scene.ask(Scene.request())
        let boot = scene.world.clock.bootNanoseconds
        #expect(try scene.core.nextWake() <= boot + 300_000_000)
        try scene.pass(milliseconds: 300)
        #expect(scene.grant(waiter) != nil)
    }

    @Test
    func `a reservation waits like a lease, and is held from when it is granted`() throws {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let waiter = try scene.ask(
            Scene.request {
                $0.holdMilliseconds = 10_000
            }
        )
        try scene.pass(milliseconds: 4_000)
        try scene.release(held)
        let grant = try #require(scene.grant(waiter))
        #expect(grant.status == .reserved)
        #expect(grant.ttlMilliseconds == 10_000)
    }

    @Test
    func `a lease does not grow past those who wait for the same`() throws {
        let scene = try Scene(cpus: 3)
        let lease = try scene.take(2)
        let waiter = try scene.ask(Scene.request(2))
        let growth = GrowRequest(claims: [Claim(amounts: [ClaimAmount(kind: .cpu, amount: 1000)])])
        let early = try scene.ask(.grow(lease.reference, growth))
        #expect(scene.refusal(early)?.code == .exhausted)
        #expect(scene.refusal(early)?.message.contains("others wait") == true)
        #expect(scene.refusal(early)?.message.contains("say WAIT") == false)
        #expect(try scene.abandon(waiter))
        let late = try scene.ask(.grow(lease.reference, growth))
        #expect(scene.grant(late)?.placements.map(\.amount) == [3_000])
    }

    @Test
    func `more capacity and an end of cordoning let through who waits`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take()
        let first = try scene.ask(Scene.request())
        let cpus = ResourceRequest(name: "cpus", pool: "main", kind: .cpu, capacity: 2_000)
        try scene.ask(.setResource(cpus))
        #expect(scene.grant(first) != nil)
        try scene.ask(.setResourceState(name: "cpus", state: .cordoned))
        try scene.ask(
            .setResource(
                ResourceRequest(name: "cpus", pool: "main", kind: .cpu, capacity: 3_000)
            )
        )
        let second = try scene.ask(Scene.request())
        #expect(scene.waits(second))
        try scene.ask(.setResourceState(name: "cpus", state: .active))
        #expect(scene.grant(second) != nil)
    }

    @Test
    func `the end of a quarantine lets through who waits`() throws {
        let scene = try Scene(cpus: 1)
        let slot = try #require(Kind("slot"))
        try scene.ask(.setPool(name: "main", settings: [.lockDelay(2_000)]))
        try scene.ask(
            .setResource(ResourceRequest(name: "s", pool: "main", kind: slot, capacity: 1))
        )
        let claims = [Claim(amounts: [ClaimAmount(kind: slot, amount: 1)])]
        let held = try scene.ask(Scene.request { $0.claims = claims })
        let lease = try #require(scene.grant(held)).lease
        let waiter = try scene.ask(Scene.request { $0.claims = claims })
        try scene.ask(.revoke(lease, reason: "test"))
        #expect(scene.waits(waiter))
        try scene.pass(milliseconds: 1_999)
        #expect(scene.waits(waiter))
        try scene.pass(milliseconds: 1)
        #expect(scene.grant(waiter) != nil)
    }

    // MARK: Order

    @Test
    func `within a queue the order is that of asking, and a small request passes no large one`()
        throws
    {
        let scene = try Scene(cpus: 4)
        let held = try (0..<4).map { _ in try scene.take() }
        let large = try scene.ask(Scene.request(3))
        let small = try scene.ask(Scene.request(1))
        try scene.release(held[0])
        #expect(scene.waits(large) && scene.waits(small))
        // Nor does one that does not wait at all; it is told why.
        let newcomer = try scene.ask(Scene.request(1, wait: nil))
        let refusal = try #require(scene.refusal(newcomer))
        #expect(refusal.code == .exhausted && refusal.limit == "cpu")
        #expect(refusal.message.contains("others wait before this request for cpu of pool main"))
        // A plan tells the same.
        let plan = try scene.ask(
            Scene.request(1, wait: nil) {
                $0.planOnly = true
            }
        )
        #expect(scene.refusal(plan) == refusal)
        try scene.release(held[1])
        #expect(scene.waits(large) && scene.waits(small))
        try scene.release(held[2])
        #expect(scene.grant(large) != nil && scene.waits(small))
        try scene.release(held[3])
        #expect(scene.grant(small) != nil)
        #expect(try scene.core.invariantFault() == nil)
    }

    @Test
    func `a higher class comes first, whether it waits or has just come`() throws {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let low = try scene.ask(Scene.request { $0.priority = .low })
        let normal = try scene.ask(Scene.request())
        let critical = try scene.ask(Scene.request { $0.priority = .critical })
        let high = try scene.ask(Scene.request { $0.priority = .high })
        var last = held
        for waiter in [critical, high] {
            try scene.release(last)
            last = try #require(scene.grant(waiter))
        }
        #expect(scene.waits(low) && scene.waits(normal))
        // One CPU more, and someone of a higher class in the same group of commands.
        let bigger = ResourceRequest(name: "cpus", pool: "main", kind: .cpu, capacity: 2_000)
        let newcomers = try scene.ask([
            .setResource(bigger), .acquire(Scene.request(1, wait: nil)),
            .acquire(Scene.request(1, wait: nil) { $0.priority = .high }),
        ])
        #expect(scene.refusal(newcomers[1])?.code == .exhausted)
        #expect(scene.grant(newcomers[2]) != nil)
        #expect(scene.waits(low) && scene.waits(normal))
        try scene.release(last)
        #expect(scene.grant(normal) != nil && scene.waits(low))
    }

    @Test
    func `who waits for one kind, pool or label does not hold up who wants another`() throws {
        let scene = try Scene(cpus: 1)
        let slot = try #require(Kind("slot"))
        try scene.ask(.setPool(name: "other", settings: []))
        for (name, pool, kind) in [("s", "main", slot), ("o", "other", Kind.cpu)] {
            try scene.ask(
                .setResource(ResourceRequest(name: name, pool: pool, kind: kind, capacity: 1000))
            )
        }
        for model in ["a", "b"] {
            var gpu = ResourceRequest(name: model, pool: "main", kind: .gpu, capacity: 1000)
            gpu.labels = [Label(name: "model", value: model)]
            try scene.ask(.setResource(gpu))
        }
        let gpu = [Claim(amounts: [ClaimAmount(kind: .gpu, amount: 1000)])]
        func wanting(_ model: String?) -> AcquireRequest {
            Scene.request {
                $0.claims = gpu
                $0.selector = model.map { [Label(name: "model", value: $0)] } ?? []
            }
        }
        _ = try scene.take()
        let cpu = try scene.ask(Scene.request())
        let first = try #require(scene.grant(try scene.ask(wanting("a"))))
        let second = try scene.ask(wanting("a"))
        #expect(scene.waits(cpu) && scene.waits(second))
        let slots = [Claim(amounts: [ClaimAmount(kind: slot, amount: 1)])]
        #expect(scene.grant(try scene.ask(Scene.request { $0.claims = slots })) != nil)
        #expect(scene.grant(try scene.ask(Scene.request { $0.pool = "other" })) != nil)
        let other = try #require(scene.grant(try scene.ask(wanting("b"))))
        // Who takes either is behind who asked for one of them.
        let either = try scene.ask(wanting("a|b"))
        let any = try scene.ask(wanting(nil))
        try scene.release(other)
        #expect(scene.waits(either) && scene.waits(any))
        try scene.release(first)
        #expect(scene.grant(second) != nil && scene.grant(either) != nil && scene.waits(any))
    }

    @Test
    func `who lacks two kinds keeps the place in both queues`() throws {
        let scene = try Scene(cpus: 1)
        let slot = try #require(Kind("slot"))
        try scene.ask(
            .setResource(
                ResourceRequest(name: "s", pool: "main", kind: slot, capacity: 1, node: "n")
            )
        )
        try scene.ask(
            .setResource(
                ResourceRequest(name: "c", pool: "main", kind: .cpu, capacity: 1000, node: "n")
            )
        )
        let both = Scene.request {
            $0.claims = [
                Claim(amounts: [
                    ClaimAmount(kind: .cpu, amount: 1000), ClaimAmount(kind: slot, amount: 1),
                ])
            ]
        }
        let slotOnly = Scene.request(wait: nil) {
            $0.claims = [Claim(amounts: [ClaimAmount(kind: slot, amount: 1)])]
        }
        let cpus = try (0..<2).map { _ in try scene.take() }
        let slots = try #require(scene.grant(try scene.ask(slotOnly)))
        let waiter = try scene.ask(both)
        // Short of cpu first, then of slots: whoever wants either comes behind from now on.
        try scene.release(cpus[0])
        try scene.release(cpus[1])
        #expect(scene.waits(waiter))
        #expect(scene.refusal(try scene.ask(Scene.request(1, wait: nil)))?.limit == "cpu")
        try scene.release(slots)
        #expect(scene.grant(waiter) != nil)
    }

    @Test
    func `who lacks quota waits for that alone, and nobody else waits with him`() throws {
        let scene = try Scene(cpus: 4)
        try scene.ask(.setQuota(tenant: "a", kind: .cpu, limit: 1000))
        let held = try #require(
            scene.grant(try scene.ask(Scene.request { $0.tenant = "a/b" }))
        )
        let waiter = try scene.ask(Scene.request { $0.tenant = "a/c" })
        #expect(scene.waits(waiter))
        #expect(scene.grant(try scene.ask(Scene.request { $0.tenant = "d" })) != nil)
        // The same level is a queue of its own.
        let newcomer = try scene.ask(
            Scene.request(wait: nil) {
                $0.tenant = "a"
            }
        )
        #expect(scene.refusal(newcomer)?.code == .quota)
        try scene.release(held)
        let next = try #require(scene.grant(waiter))
        #expect(next.placements.count == 1)
        let second = try scene.ask(Scene.request { $0.tenant = "a" })
        #expect(scene.waits(second))
        try scene.ask(.setQuota(tenant: "a", kind: .cpu, limit: 2000))
        #expect(scene.grant(second) != nil)
        let third = try scene.ask(Scene.request { $0.tenant = "a" })
        #expect(scene.waits(third))
        try scene.ask(.deleteQuota(tenant: "a", kind: .cpu))
        #expect(scene.grant(third) != nil)
    }
}
