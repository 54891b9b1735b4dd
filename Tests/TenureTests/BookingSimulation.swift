// Random work beside bookings, compared with a slow and obvious oracle.
//
// Nothing fails or shrinks. Every other run has a lock-delay; in those what is due is taken back
// when it is, so that a quarantine begins late by the time of some records, which is the slack.
// After each step, when the writer has nothing left to do at once:
//   - K1: at the start of every booking, what leases may still hold then and what all bookings take
//     then is no more than there is;
//   - no booking waits beyond its start, and each that began did so in its places, with its end;
//   - a date of one who waits is never a later one, and nobody waits beyond it (W5).

import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

@Suite("Bookings by seed", .computing)
struct BookingSimulation {
    private static let nodes = 4
    private static let slack: UInt64 = 100_000

    /// What the test knows of one run.
    private struct Run {
        let scene: BookingScene
        /// In milliseconds.
        let lockDelay: UInt64
        var generator: SeededGenerator
        var held: [Grant] = []
        var live: Set<Int> = []
        var booked: [TicketID] = []
        /// The date of each who was first.
        var dates: [WaitAge: LedgerTime] = [:]
        /// Requests that were told that what is free is booked.
        var kept = 0
        var refused = 0
        var begun = 0
        var cancelled = 0
        var dated = 0
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `K1: at its start every booking fits, whatever was granted`(seed: UInt64) throws {
        let lockDelay: UInt64 = seed % 2 == 0 ? 0 : 300
        var run = Run(
            scene: try BookingScene([], .agingStep(0), .lockDelay(lockDelay)),
            lockDelay: lockDelay,
            generator: SeededGenerator(seed: seed)
        )
        try declare(run.scene)
        for step in 0..<150 {
            let comment: Comment = "seed \(seed), step \(step)"
            try act(&run)
            try #require(try run.scene.core.invariantFault() == nil, comment)
            try checkRoom(run, comment)
            try checkDates(&run, comment)
            if run.generator.chance(3) { try reopen(&run) }
        }
        try checkBookings(&run, "seed \(seed)")
        #expect(run.begun > 5 && run.kept > 2, "seed \(seed): \(run.begun), \(run.kept)")
        #expect(run.cancelled + run.refused > 1 && run.dated > 0, "seed \(seed)")
        #expect(try run.scene.scene.world.replayFaults() == [])
    }

    // MARK: Checks

    private func declare(_ scene: BookingScene) throws {
        for node in 0..<Self.nodes {
            for (kind, capacity) in [(Kind.gpu, 1_000), (.cpu, 4_000)] as [(Kind, UInt64)] {
                let request = ResourceRequest(
                    name: "\(kind.name)-\(node)",
                    pool: "main",
                    kind: kind,
                    capacity: capacity,
                    node: "n\(node)"
                )
                try scene.ask(.setResource(request))
            }
        }
    }

    private func checkRoom(_ run: Run, _ comment: Comment) throws {
        let state = try run.scene.core.state
        let now = try run.scene.core.now
        let slack = run.lockDelay > 0 ? Self.slack : 0
        for booking in state.bookings.inOrder {
            let latest = booking.start.advanced(byNanoseconds: slack)
            #expect(latest > now, "\(comment): a booking waits beyond its start")
        }
        let sums = try BookedSums(state, lockDelay: run.lockDelay)
        #expect(sums.faults(at: now, slack: slack) == [], comment)
    }

    private func checkDates(_ run: inout Run, _ comment: Comment) throws {
        let core = try run.scene.core
        let now = core.now
        let slack = run.lockDelay > 0 ? Self.slack : 0
        let waiting = Set(core.waiting.waiters.map(\.age))
        run.dates = run.dates.filter { age, date in
            guard waiting.contains(age) else { return false }
            let latest = date.advanced(byNanoseconds: slack)
            #expect(latest > now, "\(comment): one waits beyond its date")
            return true
        }
        guard let (head, promise) = try core.promises(in: "main").first, let date = promise?.date
        else { return }
        if let before = run.dates[head.age] {
            let latest = before.advanced(byNanoseconds: slack)
            #expect(date <= latest, "\(comment): a date has moved back")
        } else {
            run.dated += 1
        }
        run.dates[head.age] = date
    }

    /// Each booking of the record began in its places, was called off, or is there.
    private func checkBookings(_ run: inout Run, _ comment: Comment) throws {
        var audit = BookingAudit()
        for record in try run.scene.scene.world.records(after: 0) {
            audit.take(record.events, record.time)
        }
        (run.begun, run.cancelled) = (audit.begun, audit.cancelled)
        #expect(audit.faults == [], comment)
        #expect(audit.moved == 0 && audit.lost == [], comment)
        #expect(try Set(audit.open.keys) == Set(run.scene.core.state.bookings.inOrder.map(\.id)))
    }

    // MARK: Work

    private func reopen(_ run: inout Run) throws {
        // What ends while the ledger is closed is quarantined late.
        let pause = UInt64.random(in: 0...20, using: &run.generator)
        try run.scene.reopen(after: run.lockDelay > 0 ? 0 : pause)
        run.live = run.live.filter { run.scene.answers[$0] != nil }
        // Whoever waited in memory is forgotten, and with it who was first.
        run.dates = [:]
        try run.scene.settle()
    }

    /// Lets time pass, with a lock-delay from one time to the next at which something is due.
    private func pass(_ run: Run, nanoseconds: UInt64) throws {
        let core = try run.scene.core
        let end = core.now.advanced(byNanoseconds: nanoseconds)
        while run.lockDelay > 0, core.now < end {
            let due = min(try core.state.nextDue(), end)
            let pause = due.nanoseconds - min(due, core.now).nanoseconds
            run.scene.scene.world.clock.advance(byNanoseconds: pause + 1)
            try run.scene.pass(milliseconds: 0)
        }
        if run.lockDelay == 0 { try run.scene.pass(milliseconds: nanoseconds / 1_000_000) }
    }

    private func act(_ run: inout Run) throws {
        var commands: [Command] = []
        for _ in 0..<Int.random(in: 1...3, using: &run.generator) { commands.append(command(&run)) }
        run.live.formUnion(try run.scene.scene.ask(commands))
        if run.generator.chance(60) {
            let pause = UInt64.random(in: 1...400, using: &run.generator)
            try pass(run, nanoseconds: pause * 1_000_000)
        }
        while true {
            try run.scene.settle()
            guard try run.scene.core.waiting.isDue(at: run.scene.core.now) else { break }
            try run.scene.core.run([])
        }
        for number in run.live.sorted() {
            guard let answer = run.scene.answers[number] else { continue }
            run.live.remove(number)
            switch answer {
            case .grant(let grant): if !grant.replayed { run.held.append(grant) }
            case .document(let document):
                guard document["status"] == .string("booked"),
                    case .id(let id)? = document["booking"]
                else { continue }
                run.booked.append(TicketID(rawValue: id))
            case .refused(let refusal):
                if refusal.message.contains("is booked for a time") { run.kept += 1 }
                if refusal.message.contains("can not keep") { run.refused += 1 }
            default: break
            }
        }
    }

    private func command(_ run: inout Run) -> Command {
        let draw = Int.random(in: 0..<100, using: &run.generator)
        switch draw {
        case 0..<20: return .book(booking(&run))
        case 20..<26:
            guard let id = run.booked.randomElement(using: &run.generator) else { break }
            return .cancelBooking(id)
        case 26..<50:
            guard !run.held.isEmpty else { break }
            let index = Int.random(in: 0..<run.held.count, using: &run.generator)
            let lease = run.held[index]
            switch draw {
            case 26..<33:
                run.held.remove(at: index)
                return .release(lease.reference, parts: nil)
            case 33..<40: return .renew(lease.reference, ttlMilliseconds: nil)
            case 40..<43:
                var part = SubleaseRequest(
                    parts: [Part(resource: lease.placements[0].resource, quantity: "500m")]
                )
                part.ttlMilliseconds = UInt64.random(in: 100...1_500, using: &run.generator)
                return .sublease(lease.reference, part)
            case 43..<46:
                let amount = ClaimAmount(kind: .cpu, amount: 500)
                return .grow(lease.reference, GrowRequest(claims: [Claim(amounts: [amount])]))
            default: return .commit(lease.reference, parts: nil)
            }
        default: break
        }
        return .acquire(request(&run))
    }

    private func claims(_ run: inout Run) -> [Claim] {
        let halves = UInt64.random(in: 1...8, using: &run.generator)
        var amounts = [ClaimAmount(kind: .cpu, amount: halves * 500)]
        if run.generator.chance(30) {
            let device = ClaimAmount(kind: .gpu, amount: run.generator.chance(50) ? 500 : 1_000)
            amounts = run.generator.chance(50) ? [device] : amounts + [device]
        }
        let places = run.generator.chance(25) ? Int.random(in: 2...3, using: &run.generator) : 1
        return BookingScene.claims(amounts, places: places)
    }

    private func booking(_ run: inout Run) -> BookingRequest {
        BookingScene.booking(
            claims(&run),
            at: UInt64.random(in: 1...4_000, using: &run.generator),
            for: UInt64.random(in: 450...2_000, using: &run.generator)
        )
    }

    private func request(_ run: inout Run) -> AcquireRequest {
        var request = AcquireRequest(pool: "main", claims: claims(&run))
        request.holder = "h"
        let all: [Strategy] = [.firstFit, .bestFit, .spread, .fairPrice, .roundRobin]
        request.strategy = all[Int.random(in: 0..<all.count, using: &run.generator)]
        request.ttlMilliseconds = UInt64.random(in: 300...5_000, using: &run.generator)
        if run.generator.chance(85) {
            request.maxLifetimeMilliseconds = UInt64.random(in: 200...3_000, using: &run.generator)
        }
        if run.generator.chance(10) { request.holdMilliseconds = 2_000 }
        if run.generator.chance(50) {
            request.waitMilliseconds = UInt64.random(in: 1_000...30_000, using: &run.generator)
            if run.generator.chance(40) { request.requestID = "q\(run.generator.next())" }
        }
        return request
    }
}
