// What those who were told to leave make free is for the one they leave for.

import TenureModel
import Testing

@testable import Tenure

@Suite("What others leave for one who waits")
struct EarmarkTests {
    private func scene(_ cpus: UInt64 = 2, _ settings: PoolSetting...) throws -> WaitingScene {
        let scene = try WaitingScene(cpus: cpus)
        _ = try scene.core.ask(
            .setPool(name: "main", settings: [.preemptionGrace(5_000)] + settings)
        )
        return scene
    }

    private func request(
        _ tenant: String,
        _ priority: Priority,
        _ cpus: UInt64 = 1,
        wait: UInt64? = 60_000
    ) -> AcquireRequest {
        WaitingScene.request(cpus, wait: wait) { ($0.tenant, $0.priority) = (tenant, priority) }
    }

    private func take(
        _ scene: WaitingScene,
        _ tenant: String,
        _ priority: Priority,
        _ cpus: UInt64 = 1
    ) throws -> Grant {
        try #require(scene.grant(try scene.ask(request(tenant, priority, cpus, wait: nil))))
    }

    private func guarantee(_ scene: WaitingScene, _ cpus: UInt64, to tenant: String) throws {
        var quota = QuotaRequest(tenant: tenant, kind: .cpu, limit: 100_000)
        quota.guarantee = cpus * 1000
        _ = try scene.core.ask(.setQuota(quota))
    }

    private func status(_ scene: WaitingScene, _ grant: Grant) throws -> String? {
        guard case .document(let document) = try scene.core.ask(.check(grant.reference)),
            case .string(let status)? = document["status"]
        else { return nil }
        return status
    }

    @Test
    func `nobody of the same class passes, however small its share`() throws {
        let scene = try scene(2, .preemptionGap(1))
        _ = try take(scene, "large", .high)
        let victim = try take(scene, "low", .low)
        let waiter = try scene.ask(request("large", .high))
        try scene.settle()
        #expect(try status(scene, victim) == "preempted")
        // Without what was told to leave for the other one, its smaller share would decide.
        let poor = try scene.ask(request("poor", .high))
        let trying = try scene.ask(request("poor", .high, wait: nil))
        try scene.release(victim)
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
        #expect(scene.waits(poor))
        #expect(scene.refusal(trying)?.code == .exhausted)
    }

    @Test
    func `one of a higher class takes it, and others leave for the one who waits on`() throws {
        let scene = try scene(2, .preemptionGap(1))
        let second = try take(scene, "low", .low)
        let victim = try take(scene, "low", .low)
        let waiter = try scene.ask(request("a", .high))
        try scene.settle()
        #expect(try status(scene, victim) == "preempted")
        let higher = try scene.ask(request("b", .critical))
        try scene.settle()
        #expect(try status(scene, second) == "held")
        try scene.release(victim)
        try scene.settle()
        #expect(scene.grant(higher) != nil)
        #expect(scene.waits(waiter))
        #expect(try status(scene, second) == "preempted")
        try scene.pass(milliseconds: 5_100)
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
    }

    @Test
    func `what was borrowed is not taken again, by whatever class`() throws {
        let scene = try scene(2, .reclaimBorrowed(1), .preemptionGap(1))
        try guarantee(scene, 2, to: "owner")
        let victim = try take(scene, "other", .critical, 2)
        let waiter = try scene.ask(request("owner", .low))
        try scene.settle()
        #expect(try status(scene, victim) == "preempted")
        let again = try scene.ask(request("other", .critical, 2))
        let trying = try scene.ask(request("other", .critical, wait: nil))
        try scene.release(victim)
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
        #expect(scene.waits(again))
        #expect(scene.refusal(trying)?.code == .exhausted)
        // What is left over is for whoever comes next.
        let rest = try scene.ask(request("other", .critical))
        try scene.settle()
        #expect(scene.waits(rest))
        #expect(try scene.abandon(again))
        try scene.settle()
        #expect(scene.grant(rest) != nil)
    }

    @Test
    func `a limit that others leave is set aside as well, in all pools`() throws {
        let scene = try scene(2, .preemptionGap(1))
        _ = try scene.core.ask(.setPool(name: "side", settings: []))
        _ = try scene.core.ask(
            .setResource(ResourceRequest(name: "side", pool: "side", kind: .cpu, capacity: 8_000))
        )
        _ = try scene.core.ask(.setQuota(tenant: "a", kind: .cpu, limit: 1_000))
        _ = try take(scene, "x", .critical)
        let victim = try take(scene, "a", .low)
        // Pool and quota are full.
        let waiter = try scene.ask(request("a", .high))
        try scene.settle()
        #expect(try status(scene, victim) == "preempted")
        // In one group, before anybody who waits is looked at.
        let side = WaitingScene.request(wait: nil) { ($0.pool, $0.tenant) = ("side", "a") }
        let numbers = try scene.ask([.release(victim.reference, parts: nil), .acquire(side)])
        #expect(scene.refusal(numbers[1])?.code == .quota)
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
    }

    @Test
    func `what is set aside is not set aside any more when the wait ends`() throws {
        let scene = try scene(2, .reclaimBorrowed(1))
        try guarantee(scene, 2, to: "owner")
        let victim = try take(scene, "other", .critical, 2)
        let waiter = try scene.ask(request("owner", .low))
        try scene.settle()
        let next = try scene.ask(request("other", .low))
        #expect(try scene.abandon(waiter))
        try scene.release(victim)
        try scene.settle()
        #expect(scene.grant(next) != nil)
    }
}
