// How a day is interrupted, and how it ends.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure
@testable import TenureModel

extension CampaignDay {
    // MARK: Restarts

    /// The process dies at rest or at work, and the ledger is opened again after a while.
    mutating func restart() throws {
        let isAtWork = generator.chance(50)
        if isAtWork { try dieAtWork() }
        let tickets = try scene.core.state.queued
        tally.hit(.passedOneBefore, Int(try scene.core.waits.passed))
        let disk =
            isAtWork
            ? scene.world.disk.crash(using: &generator, .mixed) : scene.world.disk.processCrash()
        let left = scene.world.clock.read().wallNanoseconds
        if generator.chance(20) { scene.world.clock.reboot(bootID: "\(generator.next())") }
        let downtime = UInt64.random(in: 1...1_800, using: &generator) * 1_000_000_000
        scene.world.clock.advance(byNanoseconds: downtime)
        scene.world.die(leaving: disk)
        try scene.world.open()
        tally.hit(isAtWork ? .powerCutAtWork : .endedInPeace)
        if !isAtWork, try scene.core.state.queued != tickets {
            fault("tickets are not what they were before the restart")
        }
        // Nobody answers who waited for the process that died.
        (live, growing) = ([:], [:])
        again = []
        _ = tap.take()
        waits = waits.filter { $0.value.ticket != nil }
        for age in waits.keys { waits[age]?.restarts += 1 }
        addOutage(nanoseconds: scene.world.clock.read().wallNanoseconds - left)
        try settle()
        try checkNobodyIsForgotten()
    }

    /// Has the disk stop in the middle of commands.
    private mutating func dieAtWork() throws {
        scene.world.disk.stop(after: Int.random(in: 0..<12, using: &generator))
        while try scene.core.failure == nil {
            let commands = batch()
            tally.operations += commands.count
            let numbers = try scene.ask(commands)
            for number in numbers {
                if case .refused(let refusal)? = scene.answers[number], refusal.code == .unknown {
                    tally.hit(.unknownOutcome)
                }
            }
            scene.world.clock.advance(byNanoseconds: 1_000_000_000)
        }
    }

    // MARK: Nightfall

    /// Nobody asks any more, nothing is out of service, and no quota binds: everybody is served.
    mutating func fallNight() throws {
        hasFallen = true
        try work(dusk())
        var rounds = try scene.core.waiting.waiters.underestimatedCount + 2
        while faults.isEmpty {
            let isPlanned = try isAnythingPlanned
            let before = try Set(scene.core.waiting.waiters.map(\.age))
            if before.isEmpty, !isPlanned { break }
            try pass(milliseconds: terms.life + terms.lockDelay + 10_000)
            try checkNobodyIsForgotten()
            let after = try Set(scene.core.waiting.waiters.map(\.age))
            // What is booked, or to be drained, may keep everybody waiting so long.
            if isPlanned { continue }
            if before == after { fault("deadlock: \(before.count) wait, and nobody is served") }
            rounds -= 1
            if rounds == 0, !after.isEmpty { fault("\(after.count) wait for ever") }
        }
        try pass(milliseconds: terms.life + terms.lockDelay + 10_000)
        let state = try scene.core.state
        for resource in state.resources.compactMap(\.self) where resource.used > 0 {
            fault("\(resource.name) is not free when every life has ended")
        }
    }

    /// Whether a booking has not begun, or a planned drain is not over.
    private var isAnythingPlanned: Bool {
        get throws {
            let state = try scene.core.state
            return state.bookings.count > 0 || !state.windows.inOrder.isEmpty
        }
    }

    /// What takes everything out of the way that could stay there.
    private func dusk() throws -> [Command] {
        let state = try scene.core.state
        var commands = terms.setup.filter {
            if case .setResource = $0 { true } else { false }
        }
        commands += Self.outOfService(scene).map { .setResourceState(name: $0, state: .active) }
        for tenant in CampaignTerms.tenants {
            commands += [Kind.gpu, .cpu].map { .deleteQuota(tenant: tenant, kind: $0) }
            commands += [.deleteBudget(tenant), .deleteTenant(tenant)]
        }
        for subject in state.breakers.rows.keys.sorted() {
            switch subject {
            case .pool(let name): commands.append(.resetBreaker(.pool(name)))
            case .resource(let id):
                guard let resource = state.resource(id) else { continue }
                commands.append(.resetBreaker(.resource(resource.name)))
            }
        }
        return commands
    }

    // MARK: The log

    /// Every ticket was granted or ended once at most, what was planned is kept, and the state
    /// follows from the log.
    mutating func checkLog() throws {
        var open: Set<TicketID> = []
        var bookings = BookingAudit()
        var windows = WindowAudit(lockDelay: terms.lockDelay)
        for record in try scene.world.records(after: 0) {
            bookings.take(record.events, record.time)
            windows.take(record.events, at: record.position, record.time)
            noteTickets(record.events, bookings, &open)
        }
        if open != Set(try scene.core.state.queued.map(\.id)) { fault("T1: tickets are missing") }
        try checkPlanned(bookings, windows)
        if seed.isMultiple(of: 10) {
            for sentence in try scene.world.replayFaults() { fault(sentence) }
        }
    }

    private mutating func noteTickets(
        _ events: [Event],
        _ bookings: BookingAudit,
        _ open: inout Set<TicketID>
    ) {
        for event in events {
            switch event {
            case .queued(let ticket):
                if !open.insert(ticket.id).inserted { fault("T1: queued twice") }
            case .granted(let record):
                guard let served = record.served, !bookings.isBooking(served.ticket) else {
                    continue
                }
                if open.remove(served.ticket) == nil { fault("T1: granted without a ticket") }
            case .ticketEnded(let end) where !bookings.isBooking(end.ticket):
                if open.remove(end.ticket) == nil { fault("T1: ended twice") }
            default: break
            }
        }
    }
}
