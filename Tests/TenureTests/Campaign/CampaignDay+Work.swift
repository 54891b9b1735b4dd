// What is asked in a day.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure

extension CampaignDay {
    private static let hour: UInt64 = 3_600_000

    /// Several commands at once, of which none needs the answer of another.
    mutating func batch() -> [Command] {
        let count = Int.random(in: 1...4, using: &generator)
        return (0..<count).map { _ in command() }
    }

    private mutating func command() -> Command {
        let draw = Int.random(in: 0..<100, using: &generator)
        if draw < 48 { return .acquire(request()) }
        if draw >= 85 { return setting() }
        guard let one = held.keys.sorted().randomElement(using: &generator),
            let lease = held[one]
        else { return .acquire(request()) }
        return change(of: lease.grant, terms.hasBreakers && generator.chance(20) ? 84 : draw)
    }

    private mutating func number(_ range: ClosedRange<UInt64>) -> UInt64 {
        UInt64.random(in: range, using: &generator)
    }

    private mutating func tenant() -> String {
        CampaignTerms.tenants[Int(number(0...UInt64(CampaignTerms.tenants.count - 1)))]
    }

    // MARK: Requests

    private mutating func request() -> AcquireRequest {
        asked += 1
        var request = AcquireRequest(
            pool: CampaignTerms.pools[generator.chance(70) ? 0 : 1],
            claims: [Claim(places: generator.chance(15) ? 2 : 1, amounts: amounts())]
        )
        if terms.hasSeveralPools, generator.chance(35) { addPools(to: &request) }
        request.tenant = tenant()
        request.holder = "h\(asked)"
        request.priority = Priority.allCases[Int(number(0...3))]
        if generator.chance(20) {
            let value = ["x", "y", "x|y"][Int(number(0...2))]
            request.selector = [Label(name: "model", value: value)]
        }
        if generator.chance(12), let session = sessions.randomElement(using: &generator) {
            request.session = session.session
        } else {
            let (whole, part) = (terms.life, number(10_000...terms.life))
            request.ttlMilliseconds = generator.chance(60) ? whole : part
        }
        if terms.hasAffinity { addAffinity(to: &request) }
        if terms.plans.hasMoves, planner.chance(60) {
            request.tags.append(Label(name: "movable", value: "any"))
        }
        if generator.chance(10) { request.holdMilliseconds = number(10_000...120_000) }
        if generator.chance(10) { request.maxLifetimeMilliseconds = number(60_000...terms.life) }
        addPatience(to: &request)
        return request
    }

    private mutating func addPools(to request: inout AcquireRequest) {
        let first = request.pool
        request.fallbackPools = CampaignTerms.pools.filter { $0 != first }
        if generator.chance(15) {
            request.fallbackPools = []
            request.pool = AcquireRequest.allPools
        }
    }

    private mutating func amounts() -> [ClaimAmount] {
        var amounts: [ClaimAmount] = []
        if generator.chance(70) {
            amounts.append(
                ClaimAmount(kind: .gpu, amount: [500, 1_000, 2_000][Int(number(0...2))])
            )
        }
        if amounts.isEmpty || generator.chance(40) {
            amounts.append(ClaimAmount(kind: .cpu, amount: number(1...6) * 1_000))
        }
        return amounts
    }

    private mutating func addAffinity(to request: inout AcquireRequest) {
        let app = Label(name: "app", value: generator.chance(50) ? "a" : "b")
        if generator.chance(50) { request.tags = [app] }
        let others = Label(name: "app", value: generator.chance(50) ? "a" : "b")
        if generator.chance(30) { request.away = [Affinity(others)] }
        if generator.chance(15) { request.near = [Affinity(others)] }
    }

    private mutating func addPatience(to request: inout AcquireRequest) {
        // Who does not wait is refused, and that may open the breaker of a pool.
        guard generator.chance(terms.hasBreakers ? 65 : 85) else { return }
        request.waitMilliseconds =
            generator.chance(25) ? number(1_000...900_000) : number(Self.hour...(24 * Self.hour))
        // Who waits for somebody beside it may wait in vain, at nightfall too.
        if !request.near.isEmpty { request.waitMilliseconds = number(1_000...terms.life) }
        if request.near.isEmpty, generator.chance(40) {
            request.requestID = "r\(asked)"
            // Asked again now and then, with the same body or another.
            if generator.chance(10) { request.requestID = "r\(number(0...UInt64(asked)))" }
        }
        if request.requestID != nil, generator.chance(50) {
            request.queueMilliseconds = request.waitMilliseconds
            request.waitMilliseconds = nil
        }
    }

    // MARK: Leases

    private mutating func change(of lease: Grant, _ draw: Int) -> Command {
        let part = lease.placements.first.map { part in
            Part(resource: part.resource, quantity: "\(max(1, part.amount / 2))m")
        }
        switch draw {
        case 48..<60: return .renew(lease.reference, ttlMilliseconds: nil)
        case 60..<68: return .release(lease.reference, parts: nil)
        case 68..<70: return .release(lease.reference, parts: part.map { [$0] })
        case 70..<72: return .revoke(lease.lease, reason: "by an operator")
        case 72..<75: return .commit(lease.reference, parts: nil)
        case 75..<76: return .cancel(lease.reference)
        case 76..<79:
            let claim = Claim(amounts: [ClaimAmount(kind: .cpu, amount: 1_000)])
            var request = GrowRequest(claims: [claim])
            if generator.chance(60) { request.waitMilliseconds = number(1_000...terms.life) }
            return .grow(lease.reference, request)
        case 79..<81:
            asked += 1
            return .handOver(lease.reference, HandOverRequest(holder: "s\(asked)"))
        case 81..<84:
            var request = SubleaseRequest(parts: part.map { [$0] } ?? [])
            request.ttlMilliseconds = number(10_000...terms.life)
            return .sublease(lease.reference, request)
        default:
            let report = Report(hasFailed: generator.chance(70), reason: "by a test")
            return .report(lease.reference, report)
        }
    }

    // MARK: Sessions, settings and operators

    private mutating func setting() -> Command {
        switch number(0...15) {
        case 0...1:
            return .openSession(SessionRequest(ttlMilliseconds: number(60_000...terms.life)))
        case 2...3:
            guard let session = sessions.randomElement(using: &generator) else { break }
            let reference = session.reference
            return generator.chance(75) ? .keepSession(reference) : .closeSession(reference)
        case 4...5:
            guard let ticket = tickets.randomElement(using: &generator) else { break }
            return .cancelTicket(ticket)
        case 6...9 where terms.hasQuotas && (!terms.hasBudgets || generator.chance(60)):
            return quota()
        case 9 where terms.hasBudgets: return budget()
        case 10...11 where terms.hasTenantLimits: return limits()
        case 12...14 where terms.hasDrains: return state()
        case 15 where terms.hasDrains: return capacity()
        default: break
        }
        return .acquire(request())
    }

    private mutating func quota() -> Command {
        let kind = generator.chance(60) ? Kind.gpu : .cpu
        let tenant = tenant()
        if generator.chance(15) { return .deleteQuota(tenant: tenant, kind: kind) }
        let limit = number(2...12) * 1_000
        var quota = QuotaRequest(tenant: tenant, kind: kind, limit: limit)
        quota.guarantee = generator.chance(50) ? number(0...(limit / 2)) : 0
        quota.lending = generator.chance(50) ? .amount(0) : .unlimited
        quota.borrowing = generator.chance(30) ? .amount(number(0...4) * 1_000) : .unlimited
        quota.weight = number(0...4)
        return .setQuota(quota)
    }

    private mutating func budget() -> Command {
        let tenant = tenant()
        if generator.chance(15) { return .deleteBudget(tenant) }
        // About what some leases cost.
        let lease = terms.life * 1_000 / Self.hour
        return .setBudget(
            BudgetRequest(
                tenant: tenant,
                limit: number(1...6) * max(1, lease),
                windowMilliseconds: number(1...6) * Self.hour / 2
            )
        )
    }

    private mutating func limits() -> Command {
        let tenant = tenant()
        if generator.chance(20) { return .deleteTenant(tenant) }
        var request = TenantRequest(tenant: tenant)
        request.leases = .amount(number(1...4))
        if generator.chance(50) {
            request.rate = .amount(1)
            request.burst = number(1...2)
        }
        return .setTenant(request)
    }

    private mutating func resource() -> (name: String, pool: String, node: String, kind: Kind) {
        let pool = CampaignTerms.pools[Int(number(0...1))]
        let node = CampaignTerms.nodes[Int(number(0...2))]
        let kind = generator.chance(50) ? Kind.gpu : .cpu
        return ("\(pool)-\(node)-\(kind.name)", pool, node, kind)
    }

    private mutating func state() -> Command {
        let name = resource().name
        // Back in service more often than out of it.
        switch number(0...9) {
        case 0: return .setResourceState(name: name, state: .cordoned)
        case 1...2:
            return .setResourceState(
                name: name,
                state: .draining,
                byMilliseconds: number(1...terms.life)
            )
        default:
            let out = Self.outOfService(scene).sorted()
            return .setResourceState(
                name: out.randomElement(using: &generator) ?? name,
                state: .active
            )
        }
    }

    private mutating func capacity() -> Command {
        let (name, pool, node, kind) = resource()
        let whole: UInt64 = kind == .gpu ? 2_000 : 6_000
        var request = ResourceRequest(
            name: name,
            pool: pool,
            kind: kind,
            capacity: generator.chance(70) ? whole : whole / 2,
            node: node
        )
        request.force = true
        return .setResource(request)
    }
}
