// One random day of a ledger with many who wait, on virtual time, through the whole engine core.
//
// Whenever the writer has nothing left to do at once:
//   - nobody waits whom a fresh look would grant, but behind others (no lost wake-up);
//   - nobody waits past his time, nor longer for capacity than the bound says;
//   - whoever was preempted gave way to a higher class, and asks again at once: at one moment that
//     comes to rest after as many rounds as there are classes (no preemption loop).
// At nightfall nobody asks any more and all that can be in the way is removed: as long as somebody
// waits, each life of a lease serves somebody (no deadlock), until nobody waits.
//
// CampaignDay+Work.swift has what is asked, CampaignDay+Checks.swift what is held against it. On
// four days of ten amounts are booked, drains are planned, leases are moved, or many are revoked at
// once: CampaignDay+Plans.swift, with CampaignDay+PlanChecks.swift.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure
@testable import TenureModel

/// A day by its seed.
struct CampaignDay {
    /// What is known of one who waits or waited.
    struct Wait {
        let request: AcquireRequest
        /// The pools that it asks, in order.
        let pools: [String]
        /// Where it was promised something when it came.
        let home: String
        let ticket: TicketID?
        let since: LedgerTime
        /// How many waited for that pool before it when it came, wherever else as well.
        let ahead: Int
        /// Nanoseconds in which something of its pool was out of service or in debt.
        var outage: UInt64 = 0
        /// Whether it ever lacked quota, or others were in its way, so that the bound says nothing.
        var lackedMore = false
        var lacks: [Shortage] = []
        /// The requests whose connections wait.
        var numbers: [Int] = []
        var wasOverdue = false
        /// Openings that it has waited through.
        var restarts = 0
    }

    /// A lease as who holds it knows it.
    struct Held {
        var grant: Grant
        let request: AcquireRequest
    }

    let seed: UInt64
    let terms: CampaignTerms
    let scene: WaitingScene
    let tap = LogTap()
    var generator: SeededGenerator
    /// What plans are drawn from.
    var planner: SeededGenerator
    var tally = CampaignTally()
    var faults: [String] = []
    /// Requests without an answer, by number.
    var live: [Int: AcquireRequest] = [:]
    /// Leases that wait to grow, by the number of the request.
    var growing: [Int: LeaseID] = [:]
    var held: [LeaseID: Held] = [:]
    var sessions: [SessionView] = []
    var tickets: [TicketID] = []
    var waits: [WaitAge: Wait] = [:]
    /// Who was preempted and asks again.
    var again: [AcquireRequest] = []
    /// When leases were granted that may be preempted.
    var classes: [LeaseID: Priority] = [:]
    var asked = 0
    var booked: [TicketID] = []
    var windows: [WindowID] = []
    /// A move whose holder has both places.
    var moving: Move?
    /// What became durable since a revocation of many was asked for.
    var heard: [DurableRecord] = []
    /// Preemptions at this moment, in frames.
    var preemptions = 0
    var hasFallen = false

    init(seed: UInt64) throws {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        planner = CampaignPlans.generator(seed: seed)
        terms = CampaignTerms(seed: seed, &generator)
        scene = try WaitingScene(cpus: 1)
        scene.world.checkpointRows = 3_000
        let tap = tap
        scene.world.wrapLog = { TappedLog($0, tap) }
        scene.world.die(leaving: scene.world.disk.processCrash())
        try scene.world.open()
        for command in terms.setup { try scene.ask(command) }
    }

    /// Runs from dawn to the last who waits.
    mutating func run() throws {
        let dusk = scene.world.now + CampaignTerms.dayMilliseconds
        while scene.world.now < dusk, faults.isEmpty {
            try step()
            if terms.hasRestarts, generator.chance(1) { try restart() }
        }
        if faults.isEmpty { try fallNight() }
        tally.hit(.passedOneBefore, Int(try scene.core.waits.passed))
        if faults.isEmpty { try checkLog() }
        tally.days += 1
    }

    /// A batch of commands, and some time.
    private mutating func step() throws {
        try work(batch())
        if terms.plans.isAny, planner.chance(25) { try plan() }
        if generator.chance(8), let gone = live.keys.sorted().randomElement(using: &generator) {
            if try scene.abandon(gone) { tally.hit(.disconnected) }
            try settle()
        }
        // Bursts: some come at once, others after a long time.
        let draw = Int.random(in: 0..<10, using: &generator)
        let pause = draw < 4 ? 0 : draw < 7 ? terms.pause / 2 : terms.pause * 17 / 6
        if pause > 0 {
            try pass(milliseconds: UInt64.random(in: 0...(2 * pause), using: &generator))
        }
        if generator.chance(12) { try checkNobodyIsForgotten() }
    }

    /// Has the engine decide, and whoever is preempted ask again, until it comes to rest; the
    /// numbers of the commands.
    @discardableResult
    mutating func work(_ commands: [Command]) throws -> [Int] {
        preemptions = 0
        let round = Int(Priority.critical.rawValue) + 1
        var commands = commands
        var numbers: [Int] = []
        for number in 0...round where !commands.isEmpty {
            let before = preemptions
            let given = try give(commands)
            if number == 0 { numbers = given }
            try settle()
            if number == round, preemptions > before {
                fault("preemption goes on after \(round) rounds at one moment")
            }
            commands = takeAgain()
        }
        tally.preemptionsAtOnce = max(tally.preemptionsAtOnce, preemptions)
        return numbers
    }

    private mutating func takeAgain() -> [Command] {
        defer { again = [] }
        tally.hit(.askedAgainAfterPreemption, again.count)
        return again.map { .acquire($0) }
    }

    private mutating func give(_ commands: [Command]) throws -> [Int] {
        tally.operations += commands.count
        let numbers = try scene.ask(commands)
        for (number, command) in zip(numbers, commands) {
            if case .acquire(let request) = command { live[number] = request }
            if let answer = scene.answers[number] {
                note(answer, to: command)
            } else if case .grow(let reference, _) = command {
                growing[number] = reference.lease
            }
        }
        return numbers
    }

    /// Lets the writer do what it has to do at once.
    mutating func settle() throws {
        var rounds = 0
        repeat {
            try scene.settle()
            rounds += 1
            if rounds > 1_000 { return fault("the writer does not come to rest") }
            guard let deadline = try scene.core.waiting.nextDeadline,
                deadline <= (try scene.core.now)
            else { break }
            try scene.core.run([])
        } while true
        scene.collect()
        try observe()
    }

    /// Lets time pass, waking the writer whenever it would wake by itself.
    mutating func pass(milliseconds: UInt64) throws {
        var left = milliseconds * 1_000_000
        while left > 0, faults.isEmpty {
            let now = try scene.core.now
            var next = min(try scene.core.state.nextDue(), try nextTurn(after: now))
            next = max(next, now.advanced(byNanoseconds: 1_000))
            let span = min(left, next.nanoseconds - now.nanoseconds) + 1_000
            try countOutage(nanoseconds: span)
            scene.world.clock.advance(byNanoseconds: span)
            left -= min(left, span)
            try scene.core.tick()
            preemptions = 0
            try settle()
            if !again.isEmpty { try work(takeAgain()) }
        }
    }

    /// When somebody gives up, rises, or may be granted because others have run for long enough.
    ///
    /// For the last the writer looks every second, the day once a minute.
    private func nextTurn(after now: LedgerTime) throws -> LedgerTime {
        let core = try scene.core
        var next = min(core.waiting.nextDeadline ?? .never, core.waiting.nextRise ?? .never)
        if terms.plans.isAny { next = min(next, core.nextBooking) }
        if terms.waitsForRuntime, !core.waiting.isEmpty {
            next = min(next, now.advanced(byMilliseconds: 60_000))
        }
        return next
    }

    mutating func fault(_ sentence: String) {
        faults.append("day \(seed), \(scene.world.now) ms: \(sentence)")
    }
}
