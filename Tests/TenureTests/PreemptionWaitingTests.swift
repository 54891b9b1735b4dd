// Leases that are told to leave for who waits, in the engine.

import Synchronization
import TenureModel
import Testing

@testable import Tenure

@Suite("Preemption for those who wait")
struct PreemptionWaitingTests {
    private func scene(_ settings: PoolSetting...) throws -> WaitingScene {
        let scene = try WaitingScene(cpus: 1)
        _ = try scene.core.ask(.setPool(name: "main", settings: settings))
        return scene
    }

    private func low(_ scene: WaitingScene) throws -> Grant {
        let number = try scene.ask(WaitingScene.request(wait: nil) { $0.priority = .low })
        return try #require(scene.grant(number))
    }

    private func status(_ scene: WaitingScene, _ grant: Grant) throws -> String? {
        let reference = LeaseReference(lease: grant.lease, token: grant.token)
        guard case .document(let document) = try scene.core.ask(.check(reference)),
            case .string(let status)? = document["status"]
        else { return nil }
        return status
    }

    @Test
    func `who waits is granted what those leave who were told, and nobody else is`() throws {
        let scene = try scene(.preemptionGap(1), .preemptionGrace(5_000))
        let victim = try low(scene)
        let waiter = try scene.ask(WaitingScene.request { $0.priority = .high })
        try scene.settle()
        #expect(scene.waits(waiter))
        #expect(try status(scene, victim) == "preempted")
        let late = try scene.ask(WaitingScene.request { $0.priority = .high })
        try scene.release(victim)
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
        #expect(scene.waits(late))
    }

    @Test
    func `who is told to leave hears it with the time that is left, and when it is over`() throws {
        let scene = try scene(.preemptionGap(1), .preemptionGrace(5_000))
        let heard = KeptNotices()
        _ = try scene.core.outbox.subscribe(heard, to: .lost)
        let victim = try low(scene)
        try scene.ask(WaitingScene.request { $0.priority = .high })
        try scene.settle()
        try scene.pass(milliseconds: 5_100)
        let notices = heard.all
        #expect(notices.map(\.name) == ["preemption-noticed", "preempted"])
        #expect(notices.map(\.lease) == [victim.lease, victim.lease])
        #expect(notices.first?.document["ttl"] == .integer(5_000))
        #expect(notices.last?.document["cause"] == .string("preempted"))
    }

    @Test
    func `who does not leave is taken back when the notice ends`() throws {
        let scene = try scene(.preemptionGap(1), .preemptionGrace(5_000))
        let victim = try low(scene)
        let waiter = try scene.ask(WaitingScene.request { $0.priority = .high })
        try scene.settle()
        try scene.pass(milliseconds: 4_900)
        #expect(try status(scene, victim) == "preempted")
        #expect(scene.waits(waiter))
        try scene.pass(milliseconds: 200)
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
        #expect(try status(scene, victim) == nil)
    }

    @Test
    func `nobody is told to leave for one who waits behind another`() throws {
        let scene = try WaitingScene(cpus: 2)
        _ = try scene.core.ask(
            .setPool(name: "main", settings: [.preemptionGap(1), .preemptionGrace(5_000)])
        )
        let first = try low(scene)
        let second = try low(scene)
        // Those of the class of who holds take nobody's place.
        let large = WaitingScene.request(2) { $0.priority = .low }
        let head = try scene.ask(large)
        let behind = try scene.ask(WaitingScene.request { $0.priority = .low })
        try scene.settle()
        #expect(scene.waits(head) && scene.waits(behind))
        #expect(try status(scene, first) == "held" && status(scene, second) == "held")
        // Of those of the higher class the first has one told, and the second has none: what
        // leaves already is enough for it to wait.
        let high = try scene.ask(WaitingScene.request { $0.priority = .high })
        let next = try scene.ask(WaitingScene.request { $0.priority = .high })
        try scene.settle()
        #expect(try status(scene, second) == "preempted")
        #expect(try status(scene, first) == "held")
        try scene.release(second)
        try scene.settle()
        #expect(scene.grant(high) != nil)
        #expect(scene.waits(next))
        #expect(try status(scene, first) == "preempted")
    }

    @Test
    func `who waits is looked at again when a lease has run for long enough`() throws {
        let scene = try scene(.preemptionGap(1), .preemptionMinRuntime(10_000))
        let victim = try low(scene)
        let waiter = try scene.ask(WaitingScene.request { $0.priority = .high })
        try scene.settle()
        try scene.pass(milliseconds: 9_000)
        #expect(try status(scene, victim) == "held")
        try scene.pass(milliseconds: 2_100)
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
        #expect(try status(scene, victim) == nil)
    }

    /// The CPU of the scene, with a price and a label.
    private static func cpu(in pool: String) -> Command {
        var cpu = ResourceRequest(
            name: pool == "main" ? "cpus" : pool,
            pool: pool,
            kind: .cpu,
            capacity: 1_000
        )
        cpu.labels = [Label(name: "model", value: "x")]
        cpu.cost = 1_000
        return .setResource(cpu)
    }

    @Test
    func `nobody is told to leave for a request that its budget refuses`() throws {
        let scene = try scene(
            .preemptionGap(1),
            .preemptionGrace(5_000),
            .maxLifetime(3_600_000)
        )
        try scene.ask(Self.cpu(in: "main"))
        let poor = BudgetRequest(tenant: "poor", limit: 1, windowMilliseconds: 3_600_000)
        try scene.ask(.setBudget(poor))
        let victim = try low(scene)
        let waiter = try scene.ask(
            WaitingScene.request {
                $0.priority = .high
                $0.tenant = "poor"
            }
        )
        try scene.settle()
        #expect(scene.waits(waiter))
        #expect(try status(scene, victim) == "held")
        try scene.ask(.deleteBudget("poor"))
        try scene.settle()
        #expect(try status(scene, victim) == "preempted")
    }

    /// The one before it can preempt nobody, is in another line of the queue, and comes behind by a
    /// change of shares alone.
    @Test
    func `room that comes wakes who may take the place of a lease of its own tenant`() throws {
        let scene = try WaitingScene(cpus: 3)
        _ = try scene.core.ask(.setPool(name: "main", settings: [.preemptionGap(1)]))
        var limits = TenantRequest(tenant: "a")
        limits.leases = .amount(1)
        _ = try scene.core.ask(.setTenant(limits))
        let own = try scene.ask(
            WaitingScene.request(wait: nil) { ($0.tenant, $0.priority) = ("a", .low) }
        )
        let other = try scene.ask(WaitingScene.request(2, wait: nil) { $0.priority = .critical })
        // Its own lease is not enough: it is refused for the limit, and waits.
        let waiter = try scene.ask(
            WaitingScene.request(2) { ($0.tenant, $0.priority) = ("a", .high) }
        )
        try scene.settle()
        #expect(scene.grant(own) != nil && scene.waits(waiter))
        try scene.release(try #require(scene.grant(other)))
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
    }

    @Test
    func `leases are told to leave when who waits before for a quota gives up`() throws {
        let scene = try scene(.preemptionGap(1), .preemptionGrace(5_000))
        _ = try scene.ask([
            .setPool(name: "side", settings: []),
            .setResource(
                ResourceRequest(name: "large", pool: "side", kind: .cpu, capacity: 20_000)
            ),
            .setQuota(QuotaRequest(tenant: "a", kind: .cpu, limit: 10_000)),
        ])
        let victim = try low(scene)
        let first = try scene.ask(
            WaitingScene.request(12, wait: 3_000) {
                ($0.pool, $0.tenant, $0.priority) = ("side", "a", .high)
            }
        )
        let second = try scene.ask(
            WaitingScene.request { ($0.tenant, $0.priority) = ("a", .high) }
        )
        try scene.settle()
        #expect(scene.waits(first) && scene.waits(second))
        #expect(try status(scene, victim) == "held")
        try scene.pass(milliseconds: 3_100)
        try scene.settle()
        #expect(scene.refusal(first)?.code == .timeout && scene.waits(second))
        #expect(try status(scene, victim) == "preempted")
    }

    @Test
    func `who was held up and gives up is kept nowhere`() throws {
        let scene = try scene(.preemptionGap(1), .preemptionGrace(5_000))
        _ = try scene.ask([
            .setPool(name: "side", settings: []),
            .setResource(
                ResourceRequest(name: "large", pool: "side", kind: .cpu, capacity: 20_000)
            ),
            .setQuota(QuotaRequest(tenant: "a", kind: .cpu, limit: 10_000)),
        ])
        _ = try low(scene)
        try scene.ask(
            WaitingScene.request(12, wait: 600_000) {
                ($0.pool, $0.tenant, $0.priority) = ("side", "a", .high)
            }
        )
        let brief = try scene.ask(
            WaitingScene.request(wait: 1_000) { ($0.tenant, $0.priority) = ("a", .high) }
        )
        try scene.settle()
        #expect(try scene.core.waiting.heldUp.values.map(\.count) == [1])
        try scene.pass(milliseconds: 1_100)
        try scene.settle()
        #expect(scene.refusal(brief)?.code == .timeout)
        #expect(try scene.core.waiting.heldUp.isEmpty && !scene.core.waiting.isEmpty)
    }

    @Test
    func `who comes first by a change of the order alone has leases told to leave`() throws {
        let scene = try scene(
            .preemptionGap(1),
            .preemptionGrace(5_000),
            .agingStep(1_000),
            .agingCap(2)
        )
        try scene.ask(.setPool(name: "side", settings: []))
        for pool in ["main", "side"] { try scene.ask(Self.cpu(in: pool)) }
        let victim = try low(scene)
        try scene.ask(
            WaitingScene.request(wait: nil) {
                $0.pool = "side"
                $0.tenant = "rich"
            }
        )
        let aged = try scene.ask(
            WaitingScene.request {
                $0.priority = .low
                $0.tenant = "new"
                $0.selector = [Label(name: "model", value: "x")]
            }
        )
        try scene.pass(milliseconds: 2_100)
        let high = try scene.ask(
            WaitingScene.request {
                $0.priority = .high
                $0.tenant = "rich"
            }
        )
        try scene.settle()
        #expect(scene.waits(aged) && scene.waits(high))
        #expect(try status(scene, victim) == "held")
        var last = QuotaRequest(tenant: "new", kind: .gpu, limit: Limits.amountMax)
        last.weight = 0
        try scene.ask(.setQuota(last))
        try scene.settle()
        #expect(try status(scene, victim) == "preempted")
    }
}

/// Keeps what a holder would hear.
private final class KeptNotices: NoticeSink {
    private let kept = Mutex<[Notice]>([])

    var all: [Notice] { kept.withLock { $0 } }

    func notice(_ notices: [Notice]) { kept.withLock { $0 += notices } }
}
