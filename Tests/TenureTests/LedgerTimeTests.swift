// The passing of time, on a clock that the test moves: restarts, gaps, stalls, mass expiry.

import Synchronization
import Tenure
import TenureLog
import TenureModel
import TenureSimulation
import TenureStorage
import TenureTesting
import Testing

@Suite("Time", .computing)
struct LedgerTimeTests {
    private static let second: UInt64 = 1_000_000_000

    @Test
    func `I5: a restart in the same boot keeps the remaining time exactly`() throws {
        var world = try EngineWorld.withCPUs()
        let first = try #require(world.core)
        let grant = try first.grant(LedgerScratch.request(ttl: 60_000))
        world.clock.advance(byNanoseconds: 12 * Self.second)
        #expect(try first.remaining(grant) == 48_000)
        // The wall clock says that no time has passed, or a year: nobody asks it.
        world.clock.stepWall(toNanoseconds: 1)
        world.clock.advance(byNanoseconds: 5 * Self.second)
        let second = try world.restart()
        #expect(try second.remaining(grant) == 43_000)
        world.clock.stepWall(toNanoseconds: 365 * 86_400 * Self.second)
        let third = try world.restart()
        // Records take a nanosecond each.
        #expect(try third.remaining(grant) == 42_999)
        #expect(try world.openings().map(\.isEstimate) == [false, false, false])
    }

    /// Opening takes time, and the clock is looked at more than once meanwhile.
    @Test
    func `I5: however long an opening takes, ledger time gains nothing by restarts`() throws {
        var world = try EngineWorld.withCPUs()
        let grant = try #require(world.core).grant(LedgerScratch.request(ttl: 600_000))
        let granted = world.clock.bootNanoseconds
        let base = world.clock
        let step = Stall()
        world.wrapClock = { _ in RunningClock(base, step) }
        for _ in 0..<10 {
            step.nanoseconds = 40_000_000
            let core = try world.restart()
            step.nanoseconds = 0
            let passed = (base.bootNanoseconds - granted) / 1_000_000
            #expect(passed >= 80)
            let left = try #require(try core.remaining(grant))
            // Records take a nanosecond each.
            #expect(600_000 - passed - left <= 1)
        }
    }

    @Test
    func `I5: over a reboot the wall clock is an estimate, never negative and marked`() throws {
        var world = try EngineWorld.withCPUs()
        let grant = try #require(world.core).grant(LedgerScratch.request(ttl: 60_000))
        world.clock.advance(byNanoseconds: 9 * Self.second)
        world.clock.reboot(bootID: "second")
        let second = try world.restart()
        #expect(try second.remaining(grant) == 51_000)
        // A wall clock that went back: no time has passed, as far as can be told.
        world.clock.stepWall(toNanoseconds: 0)
        world.clock.reboot(bootID: "third")
        let third = try world.restart()
        #expect(try third.remaining(grant) == 50_999)
        // The same id with a lower boot time is another boot.
        world.clock.advance(byNanoseconds: 3 * Self.second)
        _ = try world.restart()
        world.clock.reboot(bootID: "third")
        _ = try world.restart()
        #expect(try world.openings().map(\.isEstimate) == [false, true, true, false, true])
    }

    /// Clocks step, machines boot, processes die, and holders ask: all by seed.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `I5: ledger time rises from record to record, whatever clocks do`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var world = try EngineWorld.withCPUs()
        var boots = 0
        var last: UInt64 = 0
        for step in 0..<60 {
            switch generator.next() % 6 {
            case 0: world.clock.stepWall(toNanoseconds: generator.next() % (1 << 62))
            case 1: world.clock.stepWall(toNanoseconds: 0)
            case 2:
                boots += 1
                // The same id and a lower boot time is another boot as well.
                world.clock.reboot(bootID: "boot-\(boots / 2)")
                _ = try world.restart()
            case 3: _ = try world.restart()
            case 4: world.clock.advance(byNanoseconds: generator.next() % (5 * Self.second))
            default: break
            }
            let now = try #require(world.core)
            // Some are granted, some refused, and some taken back when their second is over.
            for _ in 0..<3 { _ = try now.ask(.acquire(LedgerScratch.request(ttl: 1_000))) }
            now.tick()
            let times = try world.recordTimes()
            for (earlier, later) in zip(times, times.dropFirst()) {
                try #require(earlier < later, "seed \(seed), step \(step)")
            }
            let newest = try #require(times.last)
            #expect(newest >= last)
            last = newest
        }
        #expect(boots > 0)
    }

    /// Whether a lease of 4 s is valid 8 s later, when the writer pauses for `pause` ms at a time.
    private func survives(pausesOf pause: UInt64) throws -> Bool {
        let world = try EngineWorld.withCPUs()
        let core = try #require(world.core)
        let grant = try core.grant(LedgerScratch.request(ttl: 4_000))
        let due = try core.grant(LedgerScratch.request(ttl: 100))
        world.clock.advance(byNanoseconds: 200_000_000)
        core.tick()
        for _ in 0..<(8_000 / pause) {
            _ = core.nextWake()
            world.clock.advance(byNanoseconds: pause * 1_000_000)
            core.tick()
        }
        // What was due before the gap stays due.
        #expect(try core.remaining(due) == nil)
        guard try core.remaining(grant) != nil else { return false }
        guard case .renewed = try core.ask(.renew(grant.reference, ttlMilliseconds: nil)) else {
            Issue.record("not renewed within the grace")
            return false
        }
        return true
    }

    @Test
    func `I5: a pause of the writer above a second is a gap, shorter ones are none`() throws {
        #expect(try !survives(pausesOf: 400))
        #expect(try !survives(pausesOf: 1_000))
        #expect(try survives(pausesOf: 8_000))
    }

    /// The disk takes 30 s for a sync, whether at the end of a group or in the midst of a batch.
    @Test(arguments: [1, 40])
    func `I4, I5: a sync that takes long is a gap, wherever it happens`(commands: Int) throws {
        var world = try EngineWorld()
        let clock = world.clock
        let stall = Stall()
        world.wrapLog = { StallingLog($0, clock, stall) }
        world.checkpointRows = 10_000
        try world.open()
        let core = try #require(world.core)
        for command in LedgerScratch.setup(cpus: 100) { _ = try core.ask(command) }
        let grant = try core.grant(LedgerScratch.request(ttl: 20_000))
        stall.nanoseconds = 30 * Self.second
        // Purposes fill the group, so that the log needs a sync between two frames.
        var request = LedgerScratch.request(ttl: 600_000)
        request.purpose = String(repeating: "x", count: Limits.textBytes)
        request.tags = (0..<Limits.labels).map {
            Label(name: "t\($0)", value: String(repeating: "y", count: 100))
        }
        let answers = try core.process(
            (0..<commands).map { _ in (Command.acquire(request), Caller.embedder) }
        )
        for answer in answers {
            guard case .grant(let given) = answer else {
                Issue.record("not granted: \(answer)")
                return
            }
            #expect(given.lease.rawValue == given.token.rawValue)
        }
        stall.nanoseconds = 0
        let left = try #require(try core.remaining(grant))
        #expect(left > 0 && left <= 10_000)
        #expect(try core.invariantFault() == nil)
    }

    @Test
    func `I5: ten thousand leases due at once are invalid at once and taken back in steps`() throws
    {
        let count = 10_000
        let world = try EngineWorld.withCPUs(UInt64(count) + 1)
        let core = try #require(world.core)
        var leases: [Grant] = []
        while leases.count < count {
            let answers = try core.process(
                (0..<1_000).map { _ in
                    (Command.acquire(LedgerScratch.request(ttl: 5_000)), Caller.embedder)
                }
            )
            for case .grant(let grant) in answers { leases.append(grant) }
        }
        let before = try world.frames().count
        world.clock.advance(byNanoseconds: 5_001_000_000)
        // One request a step: each is answered although thousands wait to be taken back.
        let sink = KeepingSink()
        var steps = 0
        while try core.ask(.query(.status)).document["leases"] != .integer(0) {
            let grant = leases[(steps * 37) % count]
            core.run([
                Submission(
                    command: .check(grant.reference),
                    caller: .embedder,
                    ticket: 0,
                    sink: sink
                )
            ])
            guard case .refused(let refusal)? = sink.take().first?.answer else {
                Issue.record("a lease past its deadline was still valid")
                return
            }
            #expect(refusal.code == .expired)
            steps += 1
            try #require(steps < 100)
        }
        #expect(steps > 3)
        let sizes = try world.frames().dropFirst(before).flatMap { frame in
            frame.compactMap { event -> Int? in
                if case .reclaimed(let leases, _, _) = event { leases.count } else { nil }
            }
        }
        #expect(sizes.reduce(0, +) == count)
        #expect(sizes.allSatisfy { $0 <= 256 })
        #expect(try core.invariantFault() == nil)
    }

    /// More commands than one group takes, none of which writes anything.
    @Test
    func `I5: what was told to be over stays over, wherever the process dies`() throws {
        var world = try EngineWorld.withCPUs()
        let core = try #require(world.core)
        let first = try core.grant(LedgerScratch.request(ttl: 1_000))
        let second = try core.grant(LedgerScratch.request(ttl: 60_000))
        world.clock.advance(byNanoseconds: 1_500_000_000)
        let sink = DyingSink(world.disk)
        let commands =
            [.release(first.reference, parts: nil)]
            + Array(repeating: Command.check(second.reference), count: 2_000)
        core.run(
            commands.map { Submission(command: $0, caller: .embedder, ticket: 0, sink: sink) }
        )
        let death = try #require(sink.first)
        guard case .ended(let ending) = death.answer else {
            Issue.record("\(death.answer)")
            return
        }
        #expect(ending.status == .alreadyEnded)
        world.die(leaving: death.disk)
        try world.open()
        let reopened = try #require(world.core)
        #expect(try reopened.remaining(first) == nil)
        #expect(try reopened.remaining(second) != nil)
    }

    @Test
    func `A late reclaimer can not be seen by who needs the room`() throws {
        let world = try EngineWorld.withCPUs(600)
        let core = try #require(world.core)
        var request = LedgerScratch.request(ttl: 1_000)
        for _ in 0..<600 { _ = try core.grant(request) }
        world.clock.advance(byNanoseconds: 1_001_000_000)
        // Needs all: the request waits for three frames of reclaim, not for a retry.
        request.claims = [Claim(amounts: [ClaimAmount(kind: .cpu, amount: 600_000)])]
        let grant = try core.grant(request)
        #expect(grant.placements.first?.amount == 600_000)
    }

    @Test
    func `A thousand refusals in one second leave two records`() throws {
        let world = try EngineWorld.withCPUs(1)
        let core = try #require(world.core)
        _ = try core.grant(LedgerScratch.request())
        let before = try world.frames().count
        for _ in 0..<10 {
            let answers = try core.process(
                (0..<100).map { _ in (Command.acquire(LedgerScratch.request()), Caller.embedder) }
            )
            for answer in answers {
                guard case .refused(let refusal) = answer else {
                    Issue.record("granted what is not there")
                    return
                }
                #expect(refusal.code == .exhausted)
            }
        }
        world.clock.advance(byNanoseconds: 2 * Self.second)
        core.tick()
        let events = try world.frames().dropFirst(before).flatMap { $0 }
        var counted: UInt64 = 0
        for event in events {
            switch event {
            case .refused: counted += 1
            case .refusalsCounted(let counts): counted += counts.reduce(0) { $0 + $1.count }
            default: Issue.record("unexpected \(event.name)")
            }
        }
        #expect(events.count == 2)
        #expect(counted == 1_000)
    }
}

/// A clock on which time passes whenever it is looked at.
private final class RunningClock: LedgerClock {
    private let clock: VirtualClock
    private let step: Stall

    init(_ clock: VirtualClock, _ step: Stall) {
        self.clock = clock
        self.step = step
    }

    func read() -> ClockReading {
        clock.advance(byNanoseconds: step.nanoseconds)
        return clock.read()
    }

    var bootNanoseconds: UInt64 { read().bootNanoseconds }
}

/// Keeps the disk as it was when the first answer left.
private final class DyingSink: AnswerSink {
    private let disk: SimulatedDisk
    private let kept = Mutex<(answer: Answer, disk: SimulatedDisk)?>(nil)

    init(_ disk: SimulatedDisk) { self.disk = disk }

    var first: (answer: Answer, disk: SimulatedDisk)? { kept.withLock { $0 } }

    func deliver(_ answers: [Delivery]) {
        kept.withLock { kept in
            guard kept == nil, let first = answers.first else { return }
            kept = (first.answer, disk.processCrash())
        }
    }
}

/// How long something takes.
private final class Stall: Sendable {
    private let value = Mutex<UInt64>(0)

    var nanoseconds: UInt64 {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

/// A log whose syncs take time on a clock that stands still otherwise.
private final class StallingLog: ForwardingLog {
    private let clock: VirtualClock
    private let stall: Stall

    init(_ log: any Log, _ clock: VirtualClock, _ stall: Stall) {
        self.clock = clock
        self.stall = stall
        super.init(log)
    }

    override func commit() throws(LogError) {
        clock.advance(byNanoseconds: stall.nanoseconds)
        try super.commit()
    }
}
