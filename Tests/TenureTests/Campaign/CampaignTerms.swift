// What a simulated day is made of: pools, resources, and what of the ledger is used in it.

import TenureModel
import TenureSimulation
import TenureTesting

/// The terms of a day, by its seed.
struct CampaignTerms {
    static let dayMilliseconds: UInt64 = 86_400_000
    static let tenants = ["a", "a/b", "a/c", "d", "e"]
    static let pools = ["main", "side"]
    static let nodes = ["n1", "n2", "n3"]

    private static let minute: UInt64 = 60_000

    /// The longest life of a lease.
    let life: UInt64
    let lockDelay: UInt64
    /// 0 where nobody ages.
    let agingStep: UInt64
    let agingCap: UInt64
    let preemptionGap: UInt64
    let preemptionMinRuntime: UInt64
    let preemptionGrace: UInt64
    /// How long those are passed who have no date.
    let starvationLimit: UInt64
    let reclaimsBorrowed: Bool
    let hasQuotas: Bool
    let hasBudgets: Bool
    let hasTenantLimits: Bool
    let hasBreakers: Bool
    let hasDrains: Bool
    let hasAffinity: Bool
    let hasRestarts: Bool
    /// Whether some requests ask several pools: on one day of ten.
    let hasSeveralPools: Bool
    /// How long it takes on average from one batch of commands to the next.
    let pause: UInt64
    /// What is planned ahead.
    let plans: CampaignPlans

    /// The terms of day `seed`; of six days in a row each has some features for certain.
    init(seed: UInt64, _ generator: inout SeededGenerator) {
        func among(_ values: [UInt64]) -> UInt64 {
            values[Int.random(in: 0..<values.count, using: &generator)]
        }
        life = among([5, 20, 60]) * Self.minute
        lockDelay = among([0, 0, 10_000, 60_000])
        agingStep = among([0, 1, 10, 30, 60]) * Self.minute
        agingCap = among([4, 4, 4, 2])
        preemptionGap = among([0, 1, 1, 2])
        preemptionMinRuntime = among([0, 0, 90_000])
        preemptionGrace = among([0, 30_000])
        func has(_ percent: Int, _ days: UInt64...) -> Bool {
            generator.chance(percent) || days.contains(seed % 6)
        }
        hasQuotas = has(45, 0, 4)
        hasBudgets = has(30, 3, 5)
        hasTenantLimits = has(30, 1, 4)
        hasBreakers = has(30, 2, 5)
        hasDrains = has(45, 0, 3)
        hasRestarts = has(50, 1, 2)
        hasAffinity = has(35, 1, 3)
        starvationLimit = among([0, 0, 10 * Self.minute])
        reclaimsBorrowed = hasQuotas && has(40, 4)
        hasSeveralPools = seed % 10 == 3
        pause = among([120_000, 180_000, 240_000])
        plans = CampaignPlans(seed: seed)
    }

    /// Whether a request of this class comes to the class in which age alone decides.
    func becomesOverdue(_ priority: Priority) -> Bool {
        agingStep > 0 && agingCap >= UInt64(Aging.overdue - priority.rawValue)
    }

    /// Whether the passing of time alone may make room, by preemption.
    var waitsForRuntime: Bool {
        (preemptionGap > 0 || reclaimsBorrowed) && preemptionMinRuntime > 0
    }

    /// What a resource has that was not cut.
    static func whole(_ resource: Resource) -> UInt64 { resource.kind == .gpu ? 2_000 : 6_000 }

    /// What declares the pools and their resources.
    var setup: [Command] {
        var settings: [PoolSetting] = [
            .maxLifetime(life), .lockDelay(lockDelay), .agingStep(agingStep),
            .agingCap(agingCap), .preemptionGap(preemptionGap),
            .preemptionMinRuntime(preemptionMinRuntime), .preemptionGrace(preemptionGrace),
            .starvationLimit(starvationLimit), .reclaimBorrowed(reclaimsBorrowed ? 1 : 0),
        ]
        if hasBreakers {
            settings += [
                .breakerFailures(2), .breakerWindow(30 * Self.minute),
                .breakerOpen(4 * Self.minute), .breakerProbes(1),
            ]
        }
        var commands: [Command] = []
        for pool in Self.pools {
            let refusals: [PoolSetting] =
                hasBreakers && pool == "side" ? [.breakerRefusals(2)] : []
            commands.append(.setPool(name: pool, settings: settings + refusals))
            for node in Self.nodes { commands += resources(of: node, in: pool) }
        }
        if hasQuotas {
            var terms = QuotaRequest(tenant: "d", kind: .gpu, limit: Limits.amountMax)
            terms.weight = 3
            commands.append(.setQuota(terms))
        }
        return commands
    }

    private func resources(of node: String, in pool: String) -> [Command] {
        ([(.gpu, 2_000), (.cpu, 6_000)] as [(Kind, UInt64)]).map { kind, capacity in
            var request = ResourceRequest(
                name: "\(pool)-\(node)-\(kind.name)",
                pool: pool,
                kind: kind,
                capacity: capacity,
                node: node
            )
            if kind == .gpu {
                request.labels = [Label(name: "model", value: node == "n1" ? "x" : "y")]
            }
            request.cost = kind == .gpu ? 1_000 : 100
            // Moves lead to where the same costs less.
            if plans.hasMoves, node == "n1" { request.cost = kind == .gpu ? 3_000 : 300 }
            return .setResource(request)
        }
    }
}
