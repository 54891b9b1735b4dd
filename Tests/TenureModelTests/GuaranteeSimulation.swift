// Random quotas, requests and ends against what the definition of a guarantee says, word by word.

import TenureModel
import TenureTesting
import Testing

@Suite("GuaranteeSimulation", .computing)
struct GuaranteeSimulationTests {
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `I2 I3: a request is let through exactly when its quotas and those of others allow it`(
        seed: UInt64
    ) throws {
        var simulation = GuaranteeSimulation(seed: seed)
        try simulation.run(steps: 150)
    }

    @Test
    func `the runs meet grants, and refusals of every sort`() throws {
        var met: [String: Int] = [:]
        for seed in 1...20 as ClosedRange<UInt64> {
            var simulation = GuaranteeSimulation(seed: seed)
            try simulation.run(steps: 150)
            met.merge(simulation.met) { $0 + $1 }
        }
        for sort in ["limit", "borrowing", "guarantee", "covered", "free", "EXHAUSTED"] {
            #expect(met[sort, default: 0] >= 20, "\(sort): \(met)")
        }
    }
}

/// One run.
private struct GuaranteeSimulation {
    /// A quota as a read shows it.
    private struct Shown {
        let limit: Int64
        let guarantee: Int64
        let borrow: Int64?
        let kept: Int64
        let used: Int64
    }

    private static let tenants = ["a", "a/b", "a/b/c", "a/d", "e", "e/f", "g"]
    private var dice: Dice
    private var world = World()
    private var leases: [Grant] = []
    private var shown: [String: Shown] = [:]
    private let seed: UInt64
    /// How often each sort of verdict was reached.
    private(set) var met: [String: Int] = [:]

    init(seed: UInt64) {
        self.seed = seed
        dice = Dice(seed: seed)
    }

    mutating func run(steps: Int) throws {
        for pool in ["p", "q"] {
            try world.declarePool(pool)
            for index in 0..<2 { try world.declare("\(pool)\(index)", .slot, 8, pool: pool) }
        }
        for _ in 0..<steps {
            switch dice.pick(0...9) {
            case 0..<5: try acquire()
            case 5...6: try end()
            case 7: try world.ask(.setQuota(quota()))
            case 8: try changeResources()
            default: try upkeep()
            }
        }
    }

    private mutating func number(_ most: UInt64) -> UInt64 { dice.pick(0...most) }

    private mutating func tenant() -> String { Self.tenants[Int(number(6))] }

    private mutating func acquire() throws {
        let (tenant, amount) = (tenant(), 1 + number(5))
        let expected = try verdict(on: Int64(amount), for: tenant)
        met[expected, default: 0] += 1
        var request = AcquireRequest.of(amount, pool: number(1) == 0 ? "p" : "q")
        request.tenant = tenant
        request.ttlMilliseconds = 1 + number(2_000)
        if number(2) == 0 { request.holdMilliseconds = 1 + number(500) }
        let answer = try world.ask(.acquire(request))
        let isRefused = ["limit", "borrowing", "guarantee"].contains(expected)
        #expect((answer.code == .quota) == isRefused, "seed \(seed): \(expected), \(answer)")
        if let code = answer.code { met[code.rawValue, default: 0] += 1 }
        if let grant = answer.asGrant { leases.append(grant) }
    }

    private mutating func end() throws {
        guard !leases.isEmpty else { return }
        let grant = leases.remove(at: Int(number(UInt64(leases.count - 1))))
        switch number(3) {
        case 0: try world.ask(.commit(grant.reference, parts: nil))
        case 1: try world.ask(.cancel(grant.reference))
        case 2:
            let part = Part(resource: grant.placements[0].resource, quantity: "1")
            try world.ask(.release(grant.reference, parts: [part]))
        default: try world.ask(.release(grant.reference, parts: nil))
        }
    }

    private mutating func quota() -> QuotaRequest {
        var request = QuotaRequest(tenant: tenant(), kind: .slot, limit: 6 + number(20))
        request.guarantee = number(6)
        request.borrowing = number(2) == 0 ? .amount(number(8)) : .unlimited
        request.lending = number(3) == 0 ? .unlimited : .amount(number(request.guarantee ?? 0))
        return request
    }

    private mutating func changeResources() throws {
        let name = ["p", "q"][Int(number(1))] + "\(number(1))"
        switch number(3) {
        case 0: try world.ask(.setResourceState(name: name, state: .cordoned))
        case 1: try world.ask(.deleteQuota(tenant: tenant(), kind: .slot))
        case 2:
            let pool = String(name.prefix(1))
            var request = ResourceRequest(
                name: name,
                pool: pool,
                kind: .slot,
                capacity: 6 + number(10)
            )
            request.force = true
            try world.ask(.setResource(request))
        default: try world.ask(.setResourceState(name: name, state: .active))
        }
    }

    private mutating func upkeep() throws {
        world.pass(milliseconds: number(900))
        try world.reclaim()
        if number(3) == 0 { world.checkpoint() }
        if number(3) == 0 { try world.restart() }
    }

    // MARK: The definition

    private mutating func verdict(on amount: Int64, for tenant: String) throws -> String {
        try look()
        let path = Self.tenants.filter { tenant == $0 || tenant.hasPrefix($0 + "/") }
        for level in path.reversed() {
            guard let quota = shown[level] else { continue }
            if quota.used + amount > quota.limit { return "limit" }
            if let borrow = quota.borrow, quota.used + amount > quota.guarantee + borrow {
                return "borrowing"
            }
        }
        for level in path {
            guard let quota = shown[level], quota.guarantee > 0 else { continue }
            let others = kept(below: level, without: path)
            if quota.used + amount + others <= quota.guarantee { return "covered" }
        }
        var free: Int64 = 0
        for item in try world.read(.resources(pool: nil, page: Page())).items
        where item["state"]?.asString == "active" {
            free += item["free"]?.asInteger ?? 0
        }
        if free < amount { return "nothing" }
        return free - amount < kept(below: nil, without: path) ? "guarantee" : "free"
    }

    private mutating func look() throws {
        shown = [:]
        for item in try world.read(.quotas(tenant: nil)).items {
            guard let tenant = item["tenant"]?.asString, let limit = item["limit"]?.asInteger,
                let guarantee = item["guarantee"]?.asInteger, let used = item["used"]?.asInteger
            else { continue }
            shown[tenant] = Shown(
                limit: limit,
                guarantee: guarantee,
                borrow: item["borrow"]?.asInteger,
                kept: max(0, guarantee - (item["lend"]?.asInteger ?? guarantee) - used),
                used: used
            )
        }
    }

    private func children(of tenant: String?) -> [String] {
        Self.tenants.filter { name in
            let parent = name.split(separator: "/").dropLast().joined(separator: "/")
            return parent == tenant ?? ""
        }
    }

    /// What is kept below a level for tenants that are not on the path.
    private func kept(below level: String?, without path: [String]) -> Int64 {
        children(of: level).reduce(0) { sum, child in
            sum + (path.contains(child) ? kept(below: child, without: path) : kept(for: child))
        }
    }

    private func kept(for tenant: String) -> Int64 {
        let below = children(of: tenant).reduce(0) { $0 + kept(for: $1) }
        return max(shown[tenant]?.kept ?? 0, below)
    }
}
