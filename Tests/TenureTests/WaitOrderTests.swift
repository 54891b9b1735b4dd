// The order of those who wait: shares, weights, levels, aging and its bound.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Order of waiting", .computing)
struct WaitOrderTests {
    private typealias Scene = WaitingScene

    private static func weight(_ weight: UInt64, of tenant: String) -> Command {
        var request = QuotaRequest(tenant: tenant, kind: .cpu, limit: Limits.amountMax)
        request.weight = weight
        return .setQuota(request)
    }

    private static func request(
        _ tenant: String,
        _ priority: Priority = .normal,
        wait: UInt64 = 600_000
    ) -> AcquireRequest {
        Scene.request(1, wait: wait) {
            $0.tenant = tenant
            $0.priority = priority
            $0.ttlMilliseconds = 600_000
        }
    }

    /// Has `tenants` hold one CPU for each time that they are named.
    private static func holding(_ tenants: [String], in scene: Scene) throws -> [Grant] {
        try tenants.map { tenant in
            guard let grant = scene.grant(try scene.ask(request(tenant))) else {
                throw NotGranted()
            }
            return grant
        }
    }

    /// The order in which `waiting` are granted what `held` gives back.
    private static func order(
        of waiting: [String],
        after held: [String],
        _ settings: [Command] = []
    ) throws -> [String] {
        let scene = try Scene(cpus: UInt64(held.count))
        for command in settings { try scene.ask(command) }
        let grants = try holding(held, in: scene)
        let numbers = try waiting.map { try scene.ask(request($0)) }
        var order: [String] = []
        var left = Set(numbers)
        // What leaves changes shares as well: it is a tenant of its own that gives back.
        for grant in grants {
            try scene.release(grant)
            for number in left.sorted() where scene.grant(number) != nil {
                left.remove(number)
                order.append(waiting[numbers.firstIndex(of: number) ?? 0])
            }
        }
        return order
    }

    @Test
    func `who has less comes first, by weight; who has the same, by age`() throws {
        let held = ["x", "x", "x", "a", "a", "b"]
        #expect(try Self.order(of: ["a", "b", "b", "c"], after: held) == ["c", "b", "a", "b"])
        let weighted = try Self.order(
            of: ["b", "a", "a", "a"],
            after: held,
            [Self.weight(4, of: "a")]
        )
        #expect(weighted == ["a", "a", "b", "a"])
        let last = try Self.order(of: ["b", "a"], after: held, [Self.weight(0, of: "b")])
        #expect(last == ["a", "b"])
    }

    @Test
    func `levels are compared from the root down`() throws {
        // Team r has more than team s, whoever in it asks; within r the one with less is first.
        let held = ["x", "x", "x", "x", "r/a", "r/a", "r/b", "s/c"]
        let order = try Self.order(of: ["r/n", "r/b", "r/a", "s/c"], after: held)
        #expect(order == ["s/c", "r/n", "r/b", "r/a"])
    }

    @Test
    func `shares are fractions of exact integers`() {
        let most = Limits.amountMax
        let third = Share(used: 1, capacity: 3, weight: 1)
        #expect(third == Share(used: most / 3 * 2, capacity: most / 3 * 2, weight: 3))
        #expect(third < Share(used: most, capacity: most, weight: 2))
        let huge = Share(used: most, capacity: .max, weight: Limits.quotaWeightMax)
        #expect(huge < Share(used: most, capacity: .max - 1, weight: Limits.quotaWeightMax))
        #expect(Share.none < huge && huge < Share.last && !(Share.last < Share.last))
    }

    @Test
    func `a class rises with waiting, and the writer wakes for that`() throws {
        let scene = try Scene(cpus: 1)
        try scene.ask(.setPool(name: "main", settings: [.agingStep(1_000), .agingCap(2)]))
        let held = try Self.holding(["x"], in: scene)
        let low = try scene.ask(Self.request("a", .low))
        try scene.pass(milliseconds: 999)
        #expect(try scene.core.nextWake() <= scene.world.clock.bootNanoseconds + 1_100_000)
        try scene.pass(milliseconds: 1_001)
        // As high now, and older.
        let high = try scene.ask(Self.request("a", .high))
        let critical = try scene.ask(Self.request("a", .critical))
        try scene.pass(milliseconds: 600)
        try scene.release(held[0])
        let first = try #require(scene.grant(critical))
        try scene.release(first)
        #expect(scene.grant(low) != nil && scene.waits(high))
    }

    @Test
    func `a change of aging holds for those who wait at once`() throws {
        let scene = try Scene(cpus: 1)
        let held = try Self.holding(["x"], in: scene)
        let low = try scene.ask(Self.request("a", .low))
        try scene.pass(milliseconds: 3_000)
        let normal = try scene.ask(Self.request("a", .normal))
        try scene.ask(.setPool(name: "main", settings: [.agingStep(3_000)]))
        try scene.release(held[0])
        #expect(scene.grant(low) != nil && scene.waits(normal))
    }

    /// Demand is double of what there is, of all classes and tenants: classes and shares alone
    /// would let some wait for ever.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `nobody waits longer than the bound, and some nearly as long`(seed: UInt64) throws {
        let (step, life, tick): (UInt64, UInt64, UInt64) = (500, 1_000, 50)
        var generator = SeededGenerator(seed: seed)
        let scene = try Scene(cpus: 2)
        try scene.ask(
            .setPool(name: "main", settings: [.agingStep(step), .maxLifetime(life)])
        )
        struct Asked {
            let since: UInt64
            let ahead: Int
            let priority: Priority
        }
        var live: [Int: Asked] = [:]
        var longest = 0.0
        for round in 0..<600 {
            let now = UInt64(round) * tick
            // A burst now and then, so that many are ahead of some.
            let count = round % 150 == 0 ? 12 : generator.chance(15) ? 1 : 0
            for _ in 0..<count {
                let priority = Priority.allCases[Int.random(in: 0...3, using: &generator)]
                let tenant = ["a", "b", "c/d", "c/e"][Int.random(in: 0..<4, using: &generator)]
                var request = Self.request(tenant, priority)
                // To be held to the end of its life.
                request.ttlMilliseconds = life
                let ahead = try scene.core.waiting.waiters.underestimatedCount
                let number = try scene.ask(request)
                live[number] = Asked(since: now, ahead: ahead, priority: priority)
            }
            for (number, asked) in live where scene.grant(number) != nil {
                live[number] = nil
                let classes = UInt64(Aging.overdue - asked.priority.rawValue)
                // The writer of this test wakes at ticks.
                let bound = classes * step + UInt64(asked.ahead + 1) * (life + tick) + tick
                #expect(now - asked.since <= bound, "seed \(seed), round \(round)")
                longest = max(longest, Double(now - asked.since) / Double(bound))
            }
            try scene.pass(milliseconds: tick)
            try scene.settle()
        }
        #expect(longest >= 0.25, "the longest wait is \(longest) of its bound")
    }

    /// 3,600 CPUs and 7,200 slots in one place; tenant b has this weight.
    private static func sharedPool(_ slot: Kind, weight: UInt64) throws -> Scene {
        let scene = try Scene(cpus: 0)
        for (kind, capacity) in [(Kind.cpu, 3_600_000), (slot, 7_200)] as [(Kind, UInt64)] {
            try scene.ask(
                .setResource(
                    ResourceRequest(
                        name: "all-\(kind.name)",
                        pool: "main",
                        kind: kind,
                        capacity: capacity,
                        node: "n"
                    )
                )
            )
        }
        for kind in [Kind.cpu, slot] {
            var terms = QuotaRequest(tenant: "b", kind: kind, limit: Limits.amountMax)
            terms.weight = weight
            try scene.ask(.setQuota(terms))
        }
        return scene
    }

    private static func task(
        _ slot: Kind,
        _ tenant: String,
        _ cpus: UInt64,
        _ slots: UInt64
    ) -> Command {
        .acquire(
            Scene.request(1, wait: 3_600_000) {
                $0.tenant = tenant
                $0.ttlMilliseconds = 3_600_000
                $0.claims = [
                    Claim(amounts: [
                        ClaimAmount(kind: .cpu, amount: cpus * 1000),
                        ClaimAmount(kind: slot, amount: slots),
                    ])
                ]
            }
        )
    }

    /// The example of the paper, times 400, with weights and with a tenant that wants little: each
    /// task is at most 0.1 % of what there is.
    @Test(arguments: [1, 2] as [UInt64])
    func `weighted dominant shares meet within 2 percent`(weight: UInt64) throws {
        let slot = try #require(Kind("slot"))
        let scene = try Self.sharedPool(slot, weight: weight)
        func task(_ tenant: String, _ cpus: UInt64, _ slots: UInt64) -> Command {
            Self.task(slot, tenant, cpus, slots)
        }
        // The first takes all there is; then the others come.
        var waiting = try scene.ask(Array(repeating: task("a", 1, 4), count: 2_400))
        waiting += try scene.ask(Array(repeating: task("b", 3, 1), count: 1_200))
        let modest = try scene.ask(Array(repeating: task("c", 1, 1), count: 60))
        waiting += modest
        var generator = SeededGenerator(seed: weight)
        var held: [Grant] = []
        for _ in 0..<90 {
            waiting.removeAll { number in
                guard let grant = scene.grant(number) else { return false }
                held.append(grant)
                return true
            }
            let ended = (0..<min(60, held.count)).map { _ in
                held.remove(at: Int.random(in: 0..<held.count, using: &generator))
            }
            _ = try scene.ask(ended.map { .release($0.reference, parts: nil) })
            try scene.settle()
            // Whoever had it wants it again.
            for grant in ended {
                let slots = grant.placements.first { $0.kind == slot }?.amount ?? 0
                let cpus = (grant.placements.first { $0.kind == .cpu }?.amount ?? 0) / 1000
                let tenant = slots == 4 ? "a" : cpus == 3 ? "b" : "c"
                waiting += try scene.ask([task(tenant, cpus, slots)])
            }
        }
        try scene.settle()
        func used(_ tenant: String, _ kind: Kind, of capacity: Double) throws -> Double {
            let number = try scene.ask(.query(.usage(tenant: tenant)))
            guard case .document(let document)? = scene.answers[number],
                case .list(let items)? = document["items"],
                let item = items.first(where: { $0["kind"] == .string(kind.name) }),
                case .integer(let amount)? = item["used"]
            else { throw NotGranted() }
            return Double(amount) / capacity
        }
        let first = try used("a", slot, of: 7_200)
        let second = try used("b", .cpu, of: 3_600_000) / Double(weight)
        #expect(abs(first - second) <= 0.02 * max(first, second), "\(first) and \(second)")
        // Who wants less than his share has it, but for what has just been given back.
        #expect(try used("c", slot, of: 7_200) >= 0.9 * 60 / 7_200)
        #expect(try scene.core.invariantFault() == nil)
    }
}
