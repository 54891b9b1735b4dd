// Random work beside planned drains, with restarts, compared with a slow and obvious oracle.
//
//   - K2: nothing that is granted lives into a window that was planned before it, but for older
//     bookings;
//   - K3: windows begin and end in time, their resources drain meanwhile and are behind them what
//     they were, unless an operator has changed them;
//   - who plans a window is told how many leases may still be there when it begins;
//   - after each step, when the writer has nothing left to do at once, no window is overdue.

import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

@Suite("Windows by seed", .computing)
struct WindowSimulation {
    /// What the test knows of one run.
    private struct Run {
        let scene: BookingScene
        var generator: SeededGenerator
        var held: [Grant] = []
        var live: Set<Int> = []
        var windows: [WindowID] = []
        var declared = 0
        /// What was told when each window was planned.
        var told: [WindowID: Int64] = [:]
        /// Requests that were told that what is free is to be drained.
        var kept = 0
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `K2, K3: nothing new lives into a window, and each begins and ends in time`(
        seed: UInt64
    ) throws {
        var run = Run(
            scene: try BookingScene([], .preemptionGap(seed % 2)),
            generator: SeededGenerator(seed: seed)
        )
        for _ in 0..<4 { _ = try run.scene.told(declaration(&run)) }
        for step in 0..<150 {
            let comment: Comment = "seed \(seed), step \(step)"
            try act(&run)
            let fault = try run.scene.core.invariantFault()
            try #require(fault == nil, "\(comment): \(fault ?? "")")
            try checkTimes(run, comment)
            if run.generator.chance(3) { try reopen(&run) }
        }
        var audit = WindowAudit()
        for record in try run.scene.scene.world.records(after: 0) {
            audit.take(record.events, at: record.position, record.time)
        }
        #expect(audit.faults == [], "seed \(seed)")
        for (window, told) in run.told {
            #expect(audit.leasesAtStart[window].map(Int64.init) == told, "seed \(seed)")
        }
        #expect(run.kept > 0 && audit.beside > 0 && run.told.count > 2, "seed \(seed)")
        #expect(audit.begun > 1 && audit.ends.count > 1, "seed \(seed): \(audit.ends)")
        #expect(try run.scene.scene.world.replayFaults() == [])
    }

    private func checkTimes(_ run: Run, _ comment: Comment) throws {
        let now = try run.scene.core.now
        for window in try run.scene.core.state.windows.inOrder {
            let due = window.hasBegun ? window.end : window.start
            #expect(due > now, "\(comment): a window is overdue: \(window)")
        }
    }

    // MARK: Work

    private func reopen(_ run: inout Run) throws {
        let pause = UInt64.random(
            in: 0...(run.generator.chance(30) ? 2_000 : 20),
            using: &run.generator
        )
        try run.scene.reopen(after: pause)
        run.live = run.live.filter { run.scene.scene.answers[$0] != nil }
        try run.scene.settle()
    }

    private func act(_ run: inout Run) throws {
        var commands: [Command] = []
        for _ in 0..<Int.random(in: 1...3, using: &run.generator) { commands.append(command(&run)) }
        run.live.formUnion(try run.scene.scene.ask(commands))
        if run.generator.chance(60) {
            try run.scene.pass(milliseconds: UInt64.random(in: 1...400, using: &run.generator))
        }
        while true {
            try run.scene.settle()
            guard try run.scene.core.waiting.isDue(at: run.scene.core.now) else { break }
            try run.scene.core.run([])
        }
        for number in run.live.sorted() {
            guard let answer = run.scene.scene.answers[number] else { continue }
            run.live.remove(number)
            switch answer {
            case .grant(let grant): if !grant.replayed { run.held.append(grant) }
            case .document(let document):
                guard document["status"] == .string("planned"),
                    case .integer(let leases)? = document["leases"]
                else { continue }
                run.windows.append(try document.window)
                run.told[try document.window] = leases
            case .refused(let refusal):
                if refusal.message.contains("drained for a time") { run.kept += 1 }
            default: break
            }
        }
    }

    private func command(_ run: inout Run) -> Command {
        switch Int.random(in: 0..<100, using: &run.generator) {
        case 0..<8: return .planWindow(window(&run))
        case 8..<11:
            if let id = run.windows.randomElement(using: &run.generator) {
                return .cancelWindow(id)
            }
        case 11..<15:
            return .setResourceState(
                name: resource(&run),
                state: run.generator.chance(70)
                    ? .active
                    : run.generator.chance(50)
                        ? .cordoned : .draining
            )
        case 15: return .deleteResource(name: resource(&run))
        case 16: return declaration(&run)
        case 17..<25: return .book(booking(&run))
        case 25..<50:
            guard !run.held.isEmpty else { break }
            let index = Int.random(in: 0..<run.held.count, using: &run.generator)
            let lease = run.held[index]
            switch Int.random(in: 0..<4, using: &run.generator) {
            case 0:
                run.held.remove(at: index)
                return .release(lease.reference, parts: nil)
            case 1: return .renew(lease.reference, ttlMilliseconds: nil)
            case 2:
                let amount = ClaimAmount(kind: .cpu, amount: 500)
                return .grow(lease.reference, GrowRequest(claims: [Claim(amounts: [amount])]))
            default: return .commit(lease.reference, parts: nil)
            }
        default: break
        }
        return .acquire(request(&run))
    }

    private func declaration(_ run: inout Run) -> Command {
        var request = ResourceRequest(
            name: "c\(run.declared)",
            pool: "main",
            kind: .cpu,
            capacity: 4_000
        )
        request.node = "box\(run.declared % 3)"
        run.declared += 1
        return .setResource(request)
    }

    private func resource(_ run: inout Run) -> String {
        "c\(Int.random(in: 0..<run.declared, using: &run.generator))"
    }

    private func window(_ run: inout Run) -> WindowRequest {
        let length = UInt64.random(in: 2...1_500, using: &run.generator)
        var request = WindowRequest(
            .resource(resource(&run)),
            startMilliseconds: UInt64.random(in: 1...3_000, using: &run.generator),
            lengthMilliseconds: length
        )
        if run.generator.chance(40) {
            request.subject = .node("box\(Int.random(in: 0..<3, using: &run.generator))")
        }
        if run.generator.chance(50) {
            request.byMilliseconds = UInt64.random(in: 1..<length, using: &run.generator)
        }
        return request
    }

    private func claims(_ run: inout Run) -> [Claim] {
        let halves = UInt64.random(in: 1...6, using: &run.generator)
        let places = run.generator.chance(25) ? 2 : 1
        return BookingScene.claims(
            [ClaimAmount(kind: .cpu, amount: halves * 500)],
            places: places
        )
    }

    private func booking(_ run: inout Run) -> BookingRequest {
        BookingScene.booking(
            claims(&run),
            at: UInt64.random(in: 1...3_000, using: &run.generator),
            for: UInt64.random(in: 100...2_000, using: &run.generator)
        )
    }

    private func request(_ run: inout Run) -> AcquireRequest {
        var request = AcquireRequest(pool: "main", claims: claims(&run))
        request.holder = "h"
        let all: [Strategy] = [.firstFit, .bestFit, .spread, .fairPrice, .roundRobin]
        request.strategy = all[Int.random(in: 0..<all.count, using: &run.generator)]
        request.ttlMilliseconds = UInt64.random(in: 300...5_000, using: &run.generator)
        if run.generator.chance(80) {
            request.maxLifetimeMilliseconds = UInt64.random(in: 100...3_000, using: &run.generator)
        }
        if run.generator.chance(10) { request.holdMilliseconds = 2_000 }
        if run.generator.chance(30) { request.priority = .critical }
        if run.generator.chance(40) {
            request.waitMilliseconds = UInt64.random(in: 1_000...30_000, using: &run.generator)
            if run.generator.chance(40) { request.requestID = "q\(run.generator.next())" }
        }
        return request
    }
}
