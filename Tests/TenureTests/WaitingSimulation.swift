// Random work of many who wait, compared after every step with a slow and obvious oracle.
//
// After each step, when the writer has nothing left to do at once:
//   - nobody waits who would be granted now, unless somebody before him waits for what he needs in
//     every pool that he asks;
//   - nobody waits past his time;
//   - who was granted in the step passed nobody who had waited before him for what he needed, but
//     for guests of the pool, and those only where they did not fit.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Waiting by seed", .computing)
struct WaitingSimulation {
    static let tenants = ["a", "a/b", "a/c", "d"]
    static let pools = ["main", "side"]
    static let nodes = ["n1", "n2", "n3"]

    /// What the test knows of one run.
    struct Run {
        let scene: WaitingScene
        let hasQuotas: Bool
        var generator: SeededGenerator
        var live: [Int: AcquireRequest] = [:]
        /// When each request was made.
        var asked: [Int: LedgerTime] = [:]
        var held: [Grant] = []
        var sessions: [SessionView] = []
        var grants = 0
        /// Grants by another pool than the first.
        var fallbacks = 0
        /// How often one was granted something before a guest that waited for the same and did not
        /// fit.
        var guestsPassed = 0
        /// Grants to those who waited, in the lives of the ledger that are over.
        var waited: Int64 = 0
    }

    /// So many seeds at a time: in each of them some guest is passed, but not by every seed.
    private static let seeds: UInt64 = 16

    @Test(arguments: [1, 17, 33, 49] as [UInt64])
    func `no wake-up is lost and nobody is passed, whatever is freed`(first: UInt64) throws {
        var guestsPassed = 0
        for seed in first..<first + Self.seeds { guestsPassed += try work(seed: seed) }
        #expect(guestsPassed > 0)
    }

    /// Returns how many guests were passed.
    private func work(seed: UInt64) throws -> Int {
        let scene = try WaitingScene(cpus: 1)
        var run = Run(
            scene: scene,
            hasQuotas: seed.isMultiple(of: 2),
            generator: SeededGenerator(seed: seed)
        )
        try declare(scene, run.hasQuotas)
        for step in 0..<120 {
            let shadow = try scene.core.state
            // Capacity that it lacks it goes on waiting for, whatever else it turns out to lack.
            let before = try scene.core.waiting.waiters.map { ($0, $0.lacks) }
            let ages = try ages(scene)
            try act(&run)
            let comment: Comment = "seed \(seed), step \(step)"
            try #require(try scene.core.invariantFault() == nil, comment)
            try checkNobodyIsForgotten(scene, comment)
            try checkNobodyWasPassed(before, ages, shadow, &run, comment)
            for number in run.live.keys.sorted() {
                guard let answer = scene.answers[number] else { continue }
                run.live[number] = nil
                guard case .grant(let grant) = answer else { continue }
                run.held.append(grant)
                if !grant.replayed { run.grants += 1 }
                if !grant.fallback.isEmpty { run.fallbacks += 1 }
            }
            if run.generator.chance(4) { try reopen(&run, comment) }
        }
        #expect(run.grants > 20, "seed \(seed)")
        try checkTickets(scene)
        run.waited += try scene.figure("waitsGranted") ?? 0
        #expect(run.waited > 0, "seed \(seed)")
        #expect(run.fallbacks > 0, "seed \(seed)")
        #expect(try scene.world.replayFaults() == [], "seed \(seed)")
        return run.guestsPassed
    }

    /// The process dies and the ledger is opened again: who waits in memory is forgotten, tickets
    /// stand in the order that they had.
    private func reopen(_ run: inout Run, _ comment: Comment) throws {
        let scene = run.scene
        if run.generator.chance(30) { try scene.core.checkpointNow() }
        run.waited += try scene.figure("waitsGranted") ?? 0
        let before = try order(scene)
        let tickets = try scene.core.state.queued
        scene.world.die(leaving: scene.world.disk.processCrash())
        try scene.world.open()
        #expect(try scene.core.state.queued == tickets, comment)
        // What the opening itself ended is gone; the others are as they were.
        #expect(try order(scene) == before, comment)
        // Nobody answers who waited for the process that died.
        run.live = run.live.filter { scene.answers[$0.key] != nil }
        try settleWithTimeouts(scene)
        try checkNobodyIsForgotten(scene, comment)
    }

    /// The tickets in the order in which they wait.
    private func order(_ scene: WaitingScene) throws -> [TicketID] {
        let now = try scene.core.now
        return try scene.core.waiting.waiters.filter { $0.ticket != nil }
            .map { try SeenWaiter($0, in: scene.core.state, now: now) }
            .sorted { $0.isBefore($1) }.compactMap(\.ticket)
    }

    /// Every ticket was granted or ended once at most, and what is left is what waits.
    private func checkTickets(_ scene: WaitingScene) throws {
        var open: Set<TicketID> = []
        for event in try scene.world.frames().joined() {
            switch event {
            case .queued(let ticket): #expect(open.insert(ticket.id).inserted)
            case .granted(let record):
                if let served = record.served { #expect(open.remove(served.ticket) != nil) }
            case .ticketEnded(let end): #expect(open.remove(end.ticket) != nil)
            default: break
            }
        }
        #expect(try open == Set(scene.core.state.queued.map(\.id)))
        #expect(try open == Set(scene.core.waiting.waiters.compactMap(\.ticket)))
    }

    /// One step of everybody, until the writer has nothing left to do.
    private func act(_ run: inout Run) throws {
        var commands: [Command] = []
        for _ in 0..<Int.random(in: 1...4, using: &run.generator) { commands.append(command(&run)) }
        let time = try run.scene.core.now
        let numbers = try run.scene.ask(commands)
        for number in numbers { run.asked[number] = time }
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
    private func checkNobodyIsForgotten(_ scene: WaitingScene, _ comment: Comment) throws {
        let now = try scene.core.now
        let all = try Array(scene.core.waiting.waiters)
        let waiters = try all.map { try SeenWaiter($0, in: scene.core.state, now: now) }
        for (one, waiter) in zip(all, waiters) {
            let open = waiter.openPools(among: waiters)
            if open.isEmpty { continue }
            let blocked = waiter.pools.filter { !open.contains($0) }
            let answer = try scene.core.freshLook(at: one, leavingOut: blocked, now: now).answer
            guard case .refused(let refusal) = answer, refusal.isOfWant else {
                Issue.record("\(comment): \(waiter) waits for nothing")
                continue
            }
        }
        if let deadline = try scene.core.waiting.nextDeadline { #expect(deadline > now, comment) }
    }

    /// At every grant of the step, nobody who waits all the step through was before it.
    ///
    /// The frames of the step are applied to the state as it was before, one after the other, and
    /// the order is worked out anew from that. Who turns to wait for quota gives way meanwhile, and
    /// may be back already.
    private func checkNobodyWasPassed(
        _ before: [(waiter: Waiter, lacks: [Shortage])],
        _ ages: [Int: WaitAge],
        _ shadow: LedgerState,
        _ run: inout Run,
        _ comment: Comment
    ) throws {
        if run.hasQuotas { return }
        var state = shadow
        let waiting = before.filter { !$0.waiter.isGone }
        // Who leaves later in the step is in the way of others until then.
        var leaving = before.filter(\.waiter.isGone)
        let first = state.position
        var byLease: [LeaseID: Int] = [:]
        for number in run.live.keys {
            if let grant = run.scene.grant(number), !grant.replayed {
                byLease[grant.lease] = number
            }
        }
        for (position, time, events) in try run.scene.world.records(after: first) {
            for case .granted(let record) in events {
                let number = byLease[record.lease.id]
                guard
                    let granted = try granted(
                        record,
                        to: number,
                        before,
                        ages,
                        run,
                        in: state,
                        time
                    )
                else { continue }
                let pool = record.lease.terms.pool
                leaving.removeAll { waiter, _ in
                    waiter.age == granted.age
                        || waiter.ticket.map { state.ticket($0) == nil } ?? false
                }
                func seen(_ one: (waiter: Waiter, lacks: [Shortage])) throws -> SeenWaiter {
                    var other = try SeenWaiter(one.waiter, in: state, now: time)
                    other.lacks = one.lacks
                    return other
                }
                let others = try waiting.map(seen)
                let everybody = try others + leaving.map(seen)
                for (other, waiter) in zip(others, waiting.map(\.waiter)) {
                    // Who has moved meanwhile is in nobody's way any more where it was at home.
                    let isAtHome = other.pools.count == 1 || other.home == waiter.home
                    #expect(!(isAtHome && other.isInTheWay(of: granted, in: pool)), comment)
                    guard other.isGuestInTheWay(of: granted, in: pool),
                        other.openPools(among: everybody).contains(pool)
                    else { continue }
                    run.guestsPassed += 1
                    #expect(try !state.wouldGrant(other, in: pool, now: time), comment)
                }
            }
            try state.apply(events, at: position, time: time)
        }
    }

    /// To whom something was granted, as he was just before; nothing where the test does not know.
    private func granted(
        _ record: GrantRecord,
        to number: Int?,
        _ before: [(waiter: Waiter, lacks: [Shortage])],
        _ ages: [Int: WaitAge],
        _ run: Run,
        in state: LedgerState,
        _ time: LedgerTime
    ) throws -> SeenWaiter? {
        if let (waiter, _) = before.first(where: { waiter, _ in
            waiter.ticket.map { record.served?.ticket == $0 }
                ?? (number.flatMap { ages[$0] } == waiter.age)
        }) {
            return try SeenWaiter(waiter, in: state, now: time)
        }
        guard let number, let request = run.live[number], record.served == nil else { return nil }
        let asked = run.asked[number] ?? time
        return try SeenWaiter(
            newcomer: request,
            waited: time.milliseconds(since: asked),
            in: state
        )
    }

    /// The ages of those who wait, by the number of their request.
    private func ages(_ scene: WaitingScene) throws -> [Int: WaitAge] {
        var numbers: [Int: WaitAge] = [:]
        for waiter in try scene.core.waiting.waiters {
            for party in waiter.parties {
                numbers[Int(party.submission.ticket)] = waiter.age
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
        // A quarantine has an end, so that others may pass: where that is checked, nobody does.
        let settings = [PoolSetting.lockDelay(hasQuotas ? 300 : 0), .agingStep(700)]
        try scene.ask(.setPool(name: "main", settings: settings))
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
        guard hasQuotas else {
            // Weights without a limit that anybody reaches.
            var terms = QuotaRequest(tenant: "d", kind: .gpu, limit: Limits.amountMax)
            terms.weight = 3
            try scene.ask(.setQuota(terms))
            return
        }
        try scene.ask(.setQuota(tenant: "a", kind: .gpu, limit: 3000))
        try scene.ask(.setQuota(tenant: "a/b", kind: .cpu, limit: 3000))
    }
}
