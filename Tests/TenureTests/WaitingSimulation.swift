// Random work of many who wait, compared after every step with a slow and obvious oracle.
//
// After each step, when the writer has nothing left to do at once:
//   - nobody waits who would be granted now, unless somebody before him waits for what he needs;
//   - nobody waits past his time;
//   - who was granted in the step passed nobody who had waited before him for what he needed.

import TenureLog
import TenureModel
import TenureTesting
import Testing

@testable import Tenure

@Suite("Waiting by seed")
struct WaitingSimulation {
    private struct Seen {
        let order: WaitOrder
        let request: AcquireRequest
        let needs: [Shortage]
        let lacks: [Shortage]
        let ticket: TicketID?

        init(_ waiter: Waiter) {
            ticket = waiter.ticket
            order = waiter.order
            request = waiter.request
            needs = waiter.needs
            lacks = waiter.lacks
        }

        init(newcomer: AcquireRequest) {
            order = WaitOrder(
                priority: newcomer.priority,
                age: WaitAge(position: .max, number: .max)
            )
            request = newcomer
            needs = newcomer.possibleShortages
            lacks = []
            ticket = nil
        }

        /// Whether this one is before `other` in a queue that `other` has to pass.
        func isInTheWay(of other: Seen) -> Bool {
            order < other.order
                && lacks.contains { lack in
                    other.needs.contains(lack)
                        && (lack.isQuota || !request.selector.excludes(other.request.selector))
                }
        }
    }

    private static let tenants = ["a", "a/b", "a/c", "d"]
    private static let pools = ["main", "side"]
    private static let nodes = ["n1", "n2", "n3"]

    /// What the test knows of one run.
    private struct Run {
        let scene: WaitingScene
        let hasQuotas: Bool
        var generator: SeededGenerator
        var live: [Int: AcquireRequest] = [:]
        var held: [Grant] = []
        var sessions: [SessionView] = []
        var grants = 0
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `no wake-up is lost and nobody is passed, whatever is freed`(seed: UInt64) throws {
        let scene = try WaitingScene(cpus: 1)
        var run = Run(
            scene: scene,
            hasQuotas: seed.isMultiple(of: 2),
            generator: SeededGenerator(seed: seed)
        )
        try declare(scene, run.hasQuotas)
        for step in 0..<120 {
            let before = try Array(scene.core.waiting.waiters).map(Seen.init)
            let ages = try ages(scene)
            try act(&run)
            let comment: Comment = "seed \(seed), step \(step)"
            try #require(try scene.core.invariantFault() == nil, comment)
            let after = try Array(scene.core.waiting.waiters).map(Seen.init)
            try checkNobodyIsForgotten(after, scene, comment)
            for (number, request) in run.live {
                guard let answer = scene.answers[number] else { continue }
                run.live[number] = nil
                guard case .grant(let grant) = answer else { continue }
                run.held.append(grant)
                if grant.replayed { continue }
                run.grants += 1
                // Who turns to wait for quota gives way meanwhile, and may be back already.
                if run.hasQuotas { continue }
                let granted =
                    before.first { $0.order.age == ages[number] }
                    ?? Seen(newcomer: request)
                let passed = before.filter { other in
                    other.isInTheWay(of: granted)
                        && after.contains { $0.order.age == other.order.age }
                }
                #expect(passed.isEmpty, comment)
            }
        }
        #expect(run.grants > 20)
        #expect(try scene.figure("waitsGranted").map { $0 > 0 } ?? false)
        #expect(try scene.world.replayFaults() == [])
    }

    /// One step of everybody, until the writer has nothing left to do.
    private func act(_ run: inout Run) throws {
        var commands: [Command] = []
        for _ in 0..<Int.random(in: 1...4, using: &run.generator) { commands.append(command(&run)) }
        let numbers = try run.scene.ask(commands)
        for (number, command) in zip(numbers, commands) {
            if case .acquire(let request) = command { run.live[number] = request }
            if case .session(let view)? = run.scene.answers[number] { run.sessions.append(view) }
        }
        if run.generator.chance(20),
            let gone = run.live.keys.sorted().randomElement(using: &run.generator)
        {
            _ = try run.scene.abandon(gone)
        }
        if run.generator.chance(40) {
            try run.scene.pass(milliseconds: UInt64.random(in: 1...900, using: &run.generator))
        }
        try settleWithTimeouts(run.scene)
    }

    /// Nobody waits who would be granted, but behind others, and nobody past his time.
    private func checkNobodyIsForgotten(
        _ waiters: [Seen],
        _ scene: WaitingScene,
        _ comment: Comment
    ) throws {
        let now = try scene.core.now
        for (index, waiter) in waiters.enumerated() {
            if waiters.prefix(index).contains(where: { $0.isInTheWay(of: waiter) }) { continue }
            var state = try scene.core.state
            let answer =
                try waiter.ticket.map { try state.serve($0, now: now) }?.answer
                ?? state.decide(.acquire(waiter.request), caller: .embedder, now: now).answer
            guard case .refused(let refusal) = answer, refusal.isOfWant else {
                Issue.record("\(comment): \(waiter) waits for nothing")
                continue
            }
        }
        if let deadline = try scene.core.waiting.nextDeadline { #expect(deadline > now, comment) }
    }

    /// The ages of those who wait, by the number of their request.
    private func ages(_ scene: WaitingScene) throws -> [Int: WaitAge] {
        var numbers: [Int: WaitAge] = [:]
        for waiter in try scene.core.waiting.waiters {
            for party in waiter.parties {
                numbers[Int(party.submission.ticket)] = waiter.order.age
            }
        }
        return numbers
    }

    private func settleWithTimeouts(_ scene: WaitingScene) throws {
        while true {
            try scene.settle()
            guard let deadline = try scene.core.waiting.nextDeadline,
                deadline <= (try scene.core.now)
            else { return }
            try scene.core.run([])
        }
    }

    private func declare(_ scene: WaitingScene, _ hasQuotas: Bool) throws {
        try scene.ask(.setPool(name: "side", settings: []))
        try scene.ask(.setPool(name: "main", settings: [.lockDelay(300)]))
        for pool in Self.pools {
            for (index, node) in Self.nodes.enumerated() {
                var gpu = ResourceRequest(
                    name: "\(pool)-\(node)-gpu",
                    pool: pool,
                    kind: .gpu,
                    capacity: 1000,
                    node: node
                )
                gpu.labels = [Label(name: "model", value: index == 0 ? "x" : "y")]
                try scene.ask(.setResource(gpu))
                try scene.ask(
                    .setResource(
                        ResourceRequest(
                            name: "\(pool)-\(node)-cpu",
                            pool: pool,
                            kind: .cpu,
                            capacity: 2000,
                            node: node
                        )
                    )
                )
            }
        }
        guard hasQuotas else { return }
        try scene.ask(.setQuota(tenant: "a", kind: .gpu, limit: 3000))
        try scene.ask(.setQuota(tenant: "a/b", kind: .cpu, limit: 3000))
    }

    private func command(_ run: inout Run) -> Command {
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
            let reference = SessionReference(session: session.session, token: session.token)
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
        }
        return request
    }
}
