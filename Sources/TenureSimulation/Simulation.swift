// The whole engine over a disk that forgets: random work, crashes anywhere, recovery, work again.
//
// A seed gives everything: the work, which faults there are (each seed has some of them, so that
// rare ones are not always drowned by common ones: swarm testing, Groce et al., ISSTA 2012), where
// the crashes are and what the disk keeps of them. After each crash the ledger is opened, sometimes
// crashing again on the way, and the reference must agree with all that it shows. In the end the
// faults stop: what was leaked must come back in bounded time, and the state must follow from the
// log. Nothing depends on the process, so that a seed is the same run everywhere.

internal import SystemPackage
internal import Tenure
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// A rule that did not hold, and how to see it again.
package struct SimulationViolation: Error, CustomStringConvertible {
    /// The run.
    package let seed: UInt64
    /// How many commands had been asked.
    package let operation: Int
    /// What was wrong.
    package let sentences: [String]

    package var description: String {
        "seed \(seed), after \(operation) commands: \(sentences.joined(separator: "; "))"
    }
}

/// One run: several lives of a ledger.
package struct Simulation {
    /// What goes wrong in a run, by its seed.
    private struct Faults {
        let powerCuts: Bool
        let failedSyncs: Bool
        let failedOperations: Bool
        let reboots: Bool
        let interruptedRecoveries: Bool

        init(_ generator: inout SeededGenerator) {
            powerCuts = generator.chance(75)
            failedSyncs = generator.chance(50)
            failedOperations = generator.chance(50)
            reboots = generator.chance(50)
            interruptedRecoveries = generator.chance(50)
        }
    }

    /// How long after the faults have stopped everything that was leaked must be back: the longest
    /// TTL, the lock-delay and the grace of the last restart, and a little.
    private static let quietMilliseconds: UInt64 = 180_000

    private let seed: UInt64
    private let faults: Faults
    private var work: EngineWorkload
    private var world: EngineWorld
    /// Whether power was cut, or an opening, since the last opening that went through.
    private var mayBeTorn = false
    /// What the run has met so far.
    package private(set) var tally = SimulationTally()

    /// The run of a seed, which has not begun.
    package init(seed: UInt64) throws {
        self.seed = seed
        var generator = SeededGenerator(seed: ~seed)
        faults = Faults(&generator)
        work = EngineWorkload(seed: seed)
        world = try Self.makeWorld(quarantining: seed % 3 == 0 ? ["main", "slow"] : [])
        world.checkpointRows = [6, 24, 200][Int(seed % 3)]
        let rows = [0, 1, 8, Int.max].randomElement(using: &generator) ?? .max
        world.cache = FrontCacheBudget(bytes: rows == 0 ? 0 : 256 << 20, rows: rows)
    }

    /// A machine with a ledger that has pools and resources.
    package static func makeWorld(quarantining: Set<String>) throws -> EngineWorld {
        var world = try EngineWorld(quarantining: quarantining)
        try world.open()
        let setup = EngineWorkload.setup(quarantining: quarantining)
        _ = try world.core?.process(setup.map { ($0, .embedder) })
        return world
    }

    /// Lives until so many commands were asked, then without faults until everything is at rest.
    ///
    /// - Throws: `SimulationViolation`, or what the ledger threw where nothing should.
    package mutating func run(operations: Int) throws {
        let start = world.now
        while tally.commands < operations { try live() }
        try rest()
        try require(try world.replayFaults())
        for opening in try world.openings() { tally.note("recovery \(opening.recovery)") }
        for (name, count) in world.book.met { tally.note(name, count) }
        tally.seeds = 1
        tally.virtualMilliseconds = world.now - start
    }

    private func require(_ sentences: [String]) throws {
        guard !sentences.isEmpty else { return }
        throw SimulationViolation(seed: seed, operation: tally.commands, sentences: sentences)
    }

    /// One life: work until the machine stops, the disk fails or it is enough.
    private mutating func live() throws {
        spoil()
        for _ in 0..<Int.random(in: 4...24, using: &work.generator) {
            passTime()
            try ask(work.batch(for: world.book))
            if work.generator.chance(30) { world.core?.tick() }
            if world.core?.failure != nil { break }
        }
        tally.lives += 1
        try rebirth()
    }

    private mutating func ask(_ batch: [ReferenceLedger.Action]) throws {
        let (sentences, answers) = world.ask(batch)
        tally.commands += batch.count
        for action in batch { tally.note(action) }
        for answer in answers { tally.note(answer) }
        try require(sentences)
    }

    /// Most lives end by a power cut at some operation, some by a sync that fails, some in peace.
    private mutating func spoil() {
        switch Int.random(in: 0..<10, using: &work.generator) {
        case 0..<6 where faults.powerCuts:
            world.disk.stop(after: Int.random(in: 0..<90, using: &work.generator))
        case 6..<8 where faults.failedSyncs:
            world.disk.failNextSync()
            tally.note("fault: a sync fails")
        case 8 where faults.failedOperations:
            let number = Int.random(in: 0..<60, using: &work.generator)
            world.disk.inject(.error(.ioError), at: number)
            tally.note("fault: an operation fails")
        default: break
        }
    }

    private mutating func passTime() {
        let steps: [UInt64] = [0, 0, 1, 60, 399, 400, 1_000, 2_500, 15_000]
        let step = steps[Int.random(in: 0..<steps.count, using: &work.generator)]
        world.clock.advance(byNanoseconds: step * 1_000_000)
    }

    /// Ends the process one way or another and opens the ledger again.
    private mutating func rebirth() throws {
        tally.take(world.disk.operations)
        if world.disk.hasStopped, let last = world.disk.operations.last {
            tally.note("power cut behind \(last.kind.rawValue)")
        }
        if let failure = world.core?.failure, !world.disk.hasStopped {
            tally.note("failure with code \(failure.exitCode)")
        }
        let isPowerCut = faults.powerCuts && work.generator.chance(70)
        if isPowerCut, faults.reboots, work.generator.chance(30) {
            world.clock.reboot(bootID: "\(work.generator.next())")
            tally.note("fault: a reboot")
        }
        let downtime = UInt64.random(in: 0...20_000, using: &work.generator)
        world.clock.advance(byNanoseconds: downtime * 1_000_000)
        die(isPowerCut)
        let interruptions =
            faults.interruptedRecoveries ? Int.random(in: 0...2, using: &work.generator) : 0
        for _ in 0..<interruptions {
            // Recovery is itself cut short.
            world.disk.stop(after: Int.random(in: 0..<12, using: &work.generator))
            do throws(LedgerOpenError) {
                try world.open()
                world.book.reopened(at: world.now)
            } catch {
                guard world.disk.hasStopped else { throw error }
                mayBeTorn = true
                tally.note("fault: a recovery is cut short")
            }
            if world.core != nil { try checkCut() }
            tally.take(world.disk.operations)
            die(work.generator.chance(70))
            world.clock.advance(byNanoseconds: 1_000_000_000)
        }
        tally.recoveries += 1
        try require(try world.reopen())
        try checkCut()
    }

    /// Behind an opening that went through and a process that was only killed every group is whole:
    /// nothing may look torn, also not what an earlier cut has left.
    private mutating func checkCut() throws {
        defer { mayBeTorn = false }
        guard !mayBeTorn, let sentences = world.core?.openingSentences else { return }
        try require(
            sentences.filter { $0.hasPrefix("recovery ") && !$0.hasPrefix("recovery T1") }
                .map { "I4: nothing was torn, and yet: \($0)" }
        )
    }

    private mutating func die(_ isPowerCut: Bool) {
        tally.note(isPowerCut ? "fault: a power cut" : "fault: a killed process")
        mayBeTorn = mayBeTorn || isPowerCut
        world.die(leaving: left(of: world.disk, isPowerCut))
    }

    private mutating func left(of disk: SimulatedDisk, _ isPowerCut: Bool) -> SimulatedDisk {
        guard isPowerCut else { return disk.processCrash() }
        let keep = Int.random(in: 0...100, using: &work.generator)
        let policy = CrashPolicy(
            keep: keep,
            garbage: Int.random(in: 0...(100 - keep), using: &work.generator),
            keepNames: Int.random(in: 0...100, using: &work.generator)
        )
        return disk.crash(using: &work.generator, policy)
    }

    /// Nobody asks for anything any more and nothing fails: what is held must come back.
    private mutating func rest() throws {
        for _ in 0..<(Self.quietMilliseconds / 1_000) {
            world.clock.advance(byNanoseconds: 1_000_000_000)
            world.core?.tick()
        }
        let picture = try world.picture()
        var sentences = picture.leases.map { "lease \($0.id) is still there" }
        for (name, thing) in picture.things.sorted(by: { $0.key < $1.key }) {
            let isIdle = thing.held + thing.reserved + thing.quarantined + thing.debt == 0
            if !isIdle || thing.free != thing.capacity { sentences.append("\(name) is not free") }
        }
        try require(sentences)
        world.book.reopened(at: world.now)
        try require(world.book.reconcile(picture, at: world.now))
    }
}
