// What is asked in the random work of many who wait.

import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure

extension WaitingSimulation {
    /// The next command.
    func command(_ run: inout Run) -> Command {
        let (held, sessions) = (run.held, run.sessions)
        let draw = Int.random(in: 0..<100, using: &run.generator)
        if draw < 50 || held.isEmpty { return .acquire(request(&run.generator, sessions)) }
        let lease = held[Int.random(in: 0..<held.count, using: &run.generator)]
        switch draw {
        case 50..<70: return .release(lease.reference, parts: nil)
        case 70..<76:
            let part = lease.placements[0]
            return .release(
                lease.reference,
                parts: [Part(resource: part.resource, quantity: "500m")]
            )
        case 76..<80: return .revoke(lease.lease, reason: "test")
        case 80..<84: return .commit(lease.reference, parts: nil)
        case 84..<87 where run.hasQuotas:
            let tenant = run.generator.chance(50) ? "a" : "a/b"
            let kind = run.generator.chance(50) ? Kind.gpu : .cpu
            let limit = UInt64.random(in: 1...6, using: &run.generator) * 1000
            if run.generator.chance(20) { return .deleteQuota(tenant: tenant, kind: kind) }
            var quota = QuotaRequest(tenant: tenant, kind: kind, limit: limit)
            if run.generator.chance(50) {
                quota.guarantee = UInt64.random(in: 0...limit, using: &run.generator)
                quota.lending = .amount(0)
            }
            return .setQuota(quota)
        case 87..<92:
            return .setResourceState(
                name: resource(&run.generator),
                state: run.generator.chance(40) ? .cordoned : .active
            )
        case 92..<95:
            return .openSession(
                SessionRequest(
                    ttlMilliseconds: UInt64.random(in: 300...3_000, using: &run.generator)
                )
            )
        case 95..<97:
            guard let session = sessions.last else { return .query(.status) }
            let reference = session.reference
            return .closeSession(reference)
        default:
            let pool = Self.pools[Int.random(in: 0..<2, using: &run.generator)]
            var request = ResourceRequest(
                name: "\(pool)-n3-gpu",
                pool: pool,
                kind: .gpu,
                capacity: run.generator.chance(50) ? 2000 : 1000,
                node: "n3"
            )
            request.force = true
            if run.generator.chance(50) {
                request.labels = [Label(name: "model", value: run.generator.chance(50) ? "x" : "y")]
            }
            return .setResource(request)
        }
    }

    private func resource(_ generator: inout SeededGenerator) -> String {
        let pool = Self.pools[Int.random(in: 0..<2, using: &generator)]
        let node = Self.nodes[Int.random(in: 0..<3, using: &generator)]
        return "\(pool)-\(node)-\(generator.chance(50) ? "gpu" : "cpu")"
    }

    private func request(
        _ generator: inout SeededGenerator,
        _ sessions: [SessionView]
    ) -> AcquireRequest {
        let pool = Self.pools[generator.chance(80) ? 0 : 1]
        var amounts: [ClaimAmount] = []
        if generator.chance(70) {
            amounts.append(ClaimAmount(kind: .gpu, amount: generator.chance(50) ? 500 : 1000))
        }
        if amounts.isEmpty || generator.chance(50) {
            amounts.append(
                ClaimAmount(
                    kind: .cpu,
                    amount: UInt64.random(in: 1...4, using: &generator) * 500
                )
            )
        }
        var request = AcquireRequest(
            pool: pool,
            claims: [Claim(places: generator.chance(20) ? 2 : 1, amounts: amounts)]
        )
        if generator.chance(15) {
            request.claims.append(Claim(amounts: [ClaimAmount(kind: .cpu, amount: 500)]))
        }
        if generator.chance(30) {
            request.fallbackPools = Self.pools.filter { $0 != pool }
            if generator.chance(20) { (request.pool, request.fallbackPools) = ("*", []) }
        }
        request.tenant = Self.tenants[Int.random(in: 0..<4, using: &generator)]
        request.holder = "h"
        request.strategy = generator.chance(50) ? .bestFit : .firstFit
        request.priority = generator.chance(70) ? .normal : generator.chance(50) ? .high : .low
        if generator.chance(25) {
            let value = ["x", "y", "x|y"][Int.random(in: 0..<3, using: &generator)]
            request.selector = [Label(name: "model", value: value)]
        }
        if generator.chance(20), let session = sessions.last {
            request.session = session.session
        } else {
            request.ttlMilliseconds = UInt64.random(in: 200...4_000, using: &generator)
        }
        if generator.chance(15) {
            request.holdMilliseconds = UInt64.random(in: 200...2_000, using: &generator)
        }
        if generator.chance(80) {
            request.waitMilliseconds = UInt64.random(in: 100...5_000, using: &generator)
        }
        if generator.chance(15) {
            // Asked again now and then, with the same body or another.
            request.requestID = "r\(Int.random(in: 0..<6, using: &generator))"
        } else if generator.chance(25) {
            request.requestID = "q\(generator.next() % 1_000)"
        }
        if request.requestID != nil, request.waitMilliseconds != nil, generator.chance(50) {
            request.queueMilliseconds = request.waitMilliseconds
            request.waitMilliseconds = nil
        }
        return request
    }
}
