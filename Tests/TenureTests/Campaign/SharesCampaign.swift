// Tenants of random weights and demands, on one level and below each other: their weighted dominant
// shares meet. Four in every test run, as many as wanted on demand:
//
//     TENURE_SHARES=100 swift test --filter SharesCampaign

import Glibc
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

@Suite("Shares campaign", .computing)
struct SharesCampaign {
    /// CPUs and slots of the one place there is; a task takes at most a thousandth of either.
    private static let cpus: UInt64 = 3_000
    private static let slots: UInt64 = 6_000
    /// Tasks that end in a round, and rounds until shares are compared.
    private static let (ends, rounds) = (60, 70)

    /// One who wants tasks of one shape.
    private struct Tenant {
        let path: String
        let weight: UInt64
        let cpus: UInt64
        let slots: UInt64
        /// How many tasks it wants at once.
        let demand: Int
        let isGreedy: Bool
    }

    private static let seeds: [UInt64] = {
        // SAFETY: the value is copied before anything can change the environment.
        let wanted = unsafe getenv("TENURE_SHARES").flatMap { unsafe UInt64(String(cString: $0)) }
        return Array(1...max(1, wanted ?? 4))
    }()

    private let slot = Kind("slot") ?? .gpu

    @Test(arguments: seeds)
    func `weighted dominant shares meet within 2 percent, whatever is wanted`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let tenants = Self.tenants(&generator, isDeep: seed.isMultiple(of: 2))
        let scene = try pool(tenants)
        // The first takes all there is; then the others come.
        var waiting: [Int: Tenant] = [:]
        for tenant in tenants {
            let task = Command.acquire(task(of: tenant))
            for number in try scene.ask(Array(repeating: task, count: tenant.demand)) {
                waiting[number] = tenant
            }
        }
        var held: [(grant: Grant, tenant: Tenant)] = []
        for _ in 0..<Self.rounds {
            for number in waiting.keys.sorted() {
                guard let grant = scene.grant(number), let tenant = waiting[number] else {
                    continue
                }
                waiting[number] = nil
                held.append((grant, tenant))
            }
            let ended = (0..<min(Self.ends, held.count)).map { _ in
                held.remove(at: Int.random(in: 0..<held.count, using: &generator))
            }
            _ = try scene.ask(ended.map { .release($0.grant.reference, parts: nil) })
            try scene.settle()
            // Whoever had it wants it again.
            for (_, tenant) in ended {
                waiting[try scene.ask(task(of: tenant))] = tenant
            }
        }
        try scene.settle()
        try compare(tenants, in: scene, "TENURE_SHARES, seed \(seed): \(tenants)")
        #expect(try scene.core.invariantFault() == nil)
    }

    /// Siblings that want more than they have are level; who wants little has all of it, but for
    /// what was given back in the last round.
    private func compare(
        _ tenants: [Tenant],
        in scene: WaitingScene,
        _ comment: String
    ) throws {
        let state = try scene.core.state
        func part(_ name: String, _ weight: UInt64) throws -> Double {
            let entries = try state.usage(of: name)?.entries ?? []
            let parts = entries.map { entry in
                Double(entry.used) / Double(entry.kind == .cpu ? Self.cpus * 1000 : Self.slots)
            }
            return (parts.max() ?? 0) / Double(weight)
        }
        var families: [String: [String: Double]] = [:]
        for tenant in tenants where tenant.isGreedy {
            let parent = tenant.path.split(separator: "/").dropLast().joined(separator: "/")
            families[parent, default: [:]][tenant.path] = try part(tenant.path, tenant.weight)
            if !parent.isEmpty { families["", default: [:]][parent] = try part(parent, 1) }
        }
        for shares in families.values {
            let (least, most) = (shares.values.min() ?? 0, shares.values.max() ?? 0)
            #expect(most - least <= 0.02 * most, "\(shares): \(comment)")
        }
        for tenant in tenants where !tenant.isGreedy {
            let used = try part(tenant.path, 1)
            let dominant = max(
                Double(tenant.cpus) / Double(Self.cpus),
                Double(tenant.slots) / Double(Self.slots)
            )
            #expect(used >= 0.85 * Double(tenant.demand) * dominant, "\(comment)")
        }
    }

    /// Two to four of random weights, shapes and demands, of which the last may want little.
    private static func tenants(
        _ generator: inout SeededGenerator,
        isDeep: Bool
    ) -> [Tenant] {
        let count = Int.random(in: 2...4, using: &generator)
        return (0..<count).map { index in
            let isModest = index > 1 && generator.chance(50)
            // Below a parent of its own kind, two to each.
            let parent = isDeep && !isModest ? "p\(index / 2)/" : ""
            let cpus = UInt64.random(in: 1...3, using: &generator)
            let slots = UInt64.random(in: 1...6, using: &generator)
            let most = Int(min(Self.cpus / cpus, Self.slots / slots))
            return Tenant(
                path: "\(parent)t\(index)",
                weight: isModest ? 1 : UInt64.random(in: 1...3, using: &generator),
                cpus: cpus,
                slots: slots,
                demand: isModest ? most / 25 : most,
                isGreedy: !isModest
            )
        }
    }

    private func pool(_ tenants: [Tenant]) throws -> WaitingScene {
        let scene = try WaitingScene(cpus: 0)
        let kinds: [(Kind, UInt64)] = [(.cpu, Self.cpus * 1000), (slot, Self.slots)]
        for (kind, capacity) in kinds {
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
            for tenant in tenants {
                var terms = QuotaRequest(
                    tenant: tenant.path,
                    kind: kind,
                    limit: Limits.amountMax
                )
                terms.weight = tenant.weight
                try scene.ask(.setQuota(terms))
            }
        }
        return scene
    }

    private func task(of tenant: Tenant) -> AcquireRequest {
        WaitingScene.request(1, wait: 3_600_000) {
            $0.tenant = tenant.path
            $0.ttlMilliseconds = 3_600_000
            $0.claims = [
                Claim(amounts: [
                    ClaimAmount(kind: .cpu, amount: tenant.cpus * 1000),
                    ClaimAmount(kind: slot, amount: tenant.slots),
                ])
            ]
        }
    }
}
