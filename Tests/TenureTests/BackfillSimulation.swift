// Random work of many who wait for leases with known ends, compared with a slow and obvious oracle.
//
// All are of one tenant and one class, so that who came first is the first as long as it waits, and
// nothing fails or shrinks. After each step, when the writer has nothing left to do at once:
//   - the first of the pool has the date that the oracle finds, when it is dated first;
//   - at its date it still fits, whatever was granted meanwhile, and its date is never a later one
//     (W5);
//   - it does not wait beyond its date;
//   - nobody waits who fits now and is over before every date, or fits in a place that is promised
//     to nobody (no lost wake-up).

import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

@Suite("Backfill by seed", .computing)
struct BackfillSimulation {
    private static let nodes = 4

    /// What the test knows of one run.
    private struct Run {
        let scene: WaitingScene
        var generator: SeededGenerator
        var held: [Grant] = []
        var live: Set<Int> = []
        /// The date of each who was first.
        var dates: [WaitAge: LedgerTime] = [:]
        var passed: Int64 = 0
        var kept = 0
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `nobody who passes moves a date, and whoever may pass does`(seed: UInt64) throws {
        var run = Run(
            scene: try WaitingScene(cpus: 0),
            generator: SeededGenerator(seed: seed)
        )
        try declare(run.scene)
        for step in 0..<150 {
            try act(&run)
            let comment: Comment = "seed \(seed), step \(step)"
            try #require(try run.scene.core.invariantFault() == nil, comment)
            try checkDates(&run, comment)
            try checkNobodyIsForgotten(run, comment)
            if run.generator.chance(2) { try reopen(&run) }
        }
        run.passed += try run.scene.figure("waitsPassed") ?? 0
        #expect(run.passed > 2 && run.kept > 2, "seed \(seed): \(run.passed), \(run.kept)")
        #expect(try run.scene.world.replayFaults() == [])
    }

    // MARK: Checks

    private func first(_ run: Run) throws -> (head: Waiter, promise: Promise?)? {
        try run.scene.core.promises(in: "main").first
    }

    private func checkDates(_ run: inout Run, _ comment: Comment) throws {
        let core = try run.scene.core
        let now = core.now
        let waiting = Set(core.waiting.waiters.map(\.age))
        run.dates = run.dates.filter { age, date in
            guard waiting.contains(age) else {
                run.kept += 1
                return false
            }
            #expect(date > now, "\(comment): one waits beyond its date")
            return true
        }
        guard let (head, promise) = try first(run) else { return }
        let fits = try earliestFit(of: head.request, in: core.state, now: now)
        guard let date = promise?.date else {
            #expect(fits == nil, "\(comment): there is a date, and it is not known")
            return
        }
        let earliest = try #require(fits, "\(comment): a date is promised that can not be kept")
        #expect(earliest <= date, "\(comment): it does not fit at its date")
        if let before = run.dates[head.age] {
            #expect(date <= before, "\(comment): a date has moved back")
        } else if promise?.version == core.state.lastChange(of: "main") {
            #expect(earliest == date, "\(comment): there is an earlier date")
        }
        run.dates[head.age] = date
    }

    /// The earliest end behind which the claim fits, by trying all.
    private func earliestFit(
        of request: AcquireRequest,
        in state: LedgerState,
        now: LedgerTime
    ) throws -> LedgerTime? {
        var leases: [(end: LedgerTime, placements: [Placement])] = []
        var rows = MergedLeases(state: state.leases, source: state.source, after: nil)
        while let lease = try rows.next() {
            guard lease.state != .ended else { continue }
            leases.append((lease.terms.lifetimeEnd, lease.placements))
        }
        let times = [now] + leases.map(\.end).filter { $0 < .never }.sorted()
        return times.first { time in
            var free: [ResourceID: UInt64] = [:]
            for case let resource? in state.resources { free[resource.id] = resource.capacity }
            for lease in leases where lease.end > time || time == now {
                for placement in lease.placements {
                    free[placement.resource, default: 0] -= placement.amount
                }
            }
            return fits(request, free, in: state)
        }
    }

    /// Whether the one claim fits into what is free: how often into each node, counted.
    private func fits(
        _ request: AcquireRequest,
        _ free: [ResourceID: UInt64],
        in state: LedgerState
    ) -> Bool {
        let claim = request.claims[0]
        var count = 0
        for node in 0..<Self.nodes {
            let times = claim.amounts.map { amount -> UInt64 in
                let name = "\(amount.kind.name)-\(node)"
                return state.resourceIDs[name].map { free[$0, default: 0] / amount.amount } ?? 0
            }
            count += Int(times.min() ?? 0)
        }
        return count >= claim.places
    }

    private func checkNobodyIsForgotten(_ run: Run, _ comment: Comment) throws {
        let core = try run.scene.core
        let now = core.now
        let promises = try core.promises(in: "main")
        let dates = promises.map { $0.promise?.date }
        var promised: Set<ResourceID> = []
        for (_, promise) in promises { promised.formUnion(promise?.own.keys.map(\.self) ?? []) }
        let state = core.state
        var free: [ResourceID: UInt64] = [:]
        for case let resource? in state.resources { free[resource.id] = resource.free }
        var beside = free
        for id in promised {
            guard let place = state.resources[Int(id.rawValue)]?.place else { continue }
            for case let resource? in state.resources where resource.place == place {
                beside[resource.id] = 0
            }
        }
        for waiter in core.waiting.waiters {
            if promises.first?.head === waiter {
                #expect(!fits(waiter.request, free, in: state), "\(comment): the first waits")
            }
            guard !dates.contains(nil), promises.first?.head !== waiter else { continue }
            let life = waiter.request.maxLifetimeMilliseconds
            let end = life.map { now.advanced(byMilliseconds: $0) } ?? .never
            let isOver = dates.allSatisfy { date in date.map { end <= $0 } ?? false }
            let mayPass = fits(waiter.request, isOver ? free : beside, in: state)
            #expect(!mayPass, "\(comment): \(waiter.name) may pass but waits")
        }
    }

    // MARK: Work

    private func reopen(_ run: inout Run) throws {
        run.passed += try run.scene.figure("waitsPassed") ?? 0
        run.scene.world.die(leaving: run.scene.world.disk.processCrash())
        try run.scene.world.open()
        // Those without a ticket are gone.
        run.live = run.live.filter { run.scene.answers[$0] != nil }
        try run.scene.settle()
    }

    private func declare(_ scene: WaitingScene) throws {
        try scene.ask(.setPool(name: "main", settings: [.agingStep(0), .restartGrace(0)]))
        for node in 0..<Self.nodes {
            for (kind, capacity) in [(Kind.gpu, 1000), (.cpu, 4000)] as [(Kind, UInt64)] {
                try scene.ask(
                    .setResource(
                        ResourceRequest(
                            name: "\(kind.name)-\(node)",
                            pool: "main",
                            kind: kind,
                            capacity: capacity,
                            node: "n\(node)"
                        )
                    )
                )
            }
        }
    }

    private func act(_ run: inout Run) throws {
        var commands: [Command] = []
        for _ in 0..<Int.random(in: 1...3, using: &run.generator) { commands.append(command(&run)) }
        run.live.formUnion(try run.scene.ask(commands))
        if run.generator.chance(60) {
            try run.scene.pass(milliseconds: UInt64.random(in: 1...700, using: &run.generator))
        }
        while true {
            try run.scene.settle()
            guard try run.scene.core.waiting.isDue(at: run.scene.core.now) else { break }
            try run.scene.core.run([])
        }
        for number in run.live.sorted() {
            guard let answer = run.scene.answers[number] else { continue }
            run.live.remove(number)
            if case .grant(let grant) = answer, !grant.replayed { run.held.append(grant) }
        }
    }

    private func command(_ run: inout Run) -> Command {
        let draw = Int.random(in: 0..<100, using: &run.generator)
        guard draw >= 65, !run.held.isEmpty else { return .acquire(request(&run)) }
        let index = Int.random(in: 0..<run.held.count, using: &run.generator)
        let lease = run.held[index]
        switch draw {
        case 65..<75:
            run.held.remove(at: index)
            return .release(lease.reference, parts: nil)
        case 75..<80:
            let amount = ClaimAmount(kind: .cpu, amount: 500)
            return .grow(lease.reference, GrowRequest(claims: [Claim(amounts: [amount])]))
        case 80..<84:
            return .release(
                lease.reference,
                parts: [Part(resource: lease.placements[0].resource, quantity: "500m")]
            )
        case 84..<86: return .commit(lease.reference, parts: nil)
        default: return .acquire(request(&run))
        }
    }

    private func request(_ run: inout Run) -> AcquireRequest {
        var amounts: [ClaimAmount] = []
        if run.generator.chance(60) {
            amounts.append(ClaimAmount(kind: .gpu, amount: run.generator.chance(50) ? 500 : 1000))
        }
        if amounts.isEmpty || run.generator.chance(70) {
            let halves = UInt64.random(in: 1...8, using: &run.generator)
            amounts.append(ClaimAmount(kind: .cpu, amount: halves * 500))
        }
        let places = run.generator.chance(20) ? Int.random(in: 2...4, using: &run.generator) : 1
        var request = AcquireRequest(
            pool: "main",
            claims: [Claim(places: places, amounts: amounts)]
        )
        request.holder = "h"
        let all: [Strategy] = [.firstFit, .bestFit, .spread, .fairPrice, .roundRobin]
        request.strategy = all[Int.random(in: 0..<all.count, using: &run.generator)]
        request.ttlMilliseconds = 3_600_000
        if run.generator.chance(95) {
            request.maxLifetimeMilliseconds = UInt64.random(in: 200...3_000, using: &run.generator)
        }
        if run.generator.chance(10) { request.holdMilliseconds = 3_600_000 }
        if run.generator.chance(70) {
            request.waitMilliseconds = UInt64.random(in: 1_000...30_000, using: &run.generator)
            if run.generator.chance(40) {
                request.requestID = "q\(run.generator.next())"
            }
        }
        return request
    }
}
