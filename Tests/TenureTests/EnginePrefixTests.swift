// A small workload that stops after each of its disk operations, and recoveries that stop after
// each of theirs.
//
// The workload is run again for every place, because nothing in it depends on anything but its
// seed. Commits of the state store are operations too (EngineStore.swift), so that a process also
// ends just before and just behind each checkpoint and each retirement.

import Tenure
import TenureSimulation
import TenureTesting
import Testing

@Suite("Every prefix of the engine's operations", .computing)
struct EnginePrefixTests {
    private static let policies: [CrashPolicy] = [.nothing, .everything, .torn, .mixed]

    /// Works with a seed until the machine stops, or to the end.
    private func work(
        seed: UInt64,
        steps: Int,
        stoppingAfter count: Int?
    ) throws -> (world: EngineWorld, operations: Int) {
        var work = EngineWorkload(seed: seed)
        var world = try Simulation.makeWorld(quarantining: seed % 2 == 0 ? ["main"] : [])
        world.checkpointRows = 8
        let start = world.disk.operationCount
        if let count { world.disk.stop(after: count) }
        for step in 0..<steps {
            world.clock.advance(byNanoseconds: [1, 500, 3_000][step % 3] * 1_000_000)
            let (faults, _) = world.ask(work.batch(for: world.book))
            #expect(faults == [], "seed \(seed), step \(step)")
            world.core?.tick()
            if world.core?.failure != nil { break }
        }
        return (world, world.disk.operationCount - start)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `I1: after every operation all that was acknowledged is there`(seed: UInt64) throws {
        let steps = 14
        let (_, operations) = try work(seed: seed, steps: steps, stoppingAfter: nil)
        #expect(operations > 30)
        for stop in 0..<operations {
            let (world, _) = try work(seed: seed, steps: steps, stoppingAfter: stop)
            #expect(world.disk.hasStopped)
            for (number, policy) in Self.policies.enumerated() {
                var generator = SeededGenerator(seed: seed &* 1_000 &+ UInt64(stop * 4 + number))
                var fork = world.fork()
                fork.die(leaving: world.disk.crash(using: &generator, policy))
                fork.clock.advance(byNanoseconds: 700_000_000)
                #expect(try fork.reopen() == [], "seed \(seed), stop \(stop), \(policy)")
                var work = EngineWorkload(seed: seed + 100)
                let (faults, _) = fork.ask(work.batch(for: fork.book))
                #expect(faults == [], "after seed \(seed), stop \(stop), \(policy)")
                if number == stop % 4 {
                    #expect(try fork.replayFaults() == [], "seed \(seed), stop \(stop), \(policy)")
                }
            }
        }
    }

    @Test(arguments: 7...9 as ClosedRange<UInt64>)
    func `I1: recovery may itself end after each of its operations`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (_, operations) = try work(seed: seed, steps: 10, stoppingAfter: nil)
        for stop in stride(from: 1, to: operations, by: 3) {
            var (world, _) = try work(seed: seed, steps: 10, stoppingAfter: stop)
            world.die(leaving: world.disk.crash(using: &generator, .torn))
            world.clock.advance(byNanoseconds: 1_000_000)
            var whole = world.fork()
            try whole.open()
            for second in 0..<whole.disk.operationCount {
                var fork = world.fork()
                fork.disk.stop(after: second)
                #expect(throws: LedgerOpenError.self) { try fork.open() }
                let policy = Self.policies[second % 4]
                fork.die(leaving: fork.disk.crash(using: &generator, policy))
                #expect(try fork.reopen() == [], "seed \(seed), stops \(stop) and \(second)")
            }
        }
    }

    /// A failed sync in ext4's way: the cache shows bytes that the disk does not have.
    @Test(arguments: 10...24 as ClosedRange<UInt64>)
    func `I1: after a failed sync only what is on the disk is served`(seed: UInt64) throws {
        var work = EngineWorkload(seed: seed)
        var world = try Simulation.makeWorld(quarantining: [])
        for _ in 0..<6 { #expect(world.ask(work.batch(for: world.book)).faults == []) }
        let durable = try world.picture()
        world.disk.failNextSync()
        while world.core?.failure == nil {
            let (faults, answers) = world.ask(work.batch(for: world.book))
            #expect(faults == [])
            guard world.core?.failure != nil else { continue }
            #expect(answers.allSatisfy { EngineWorkload.reply($0) == .refused("UNKNOWN") })
        }
        let (faults, answers) = world.ask(work.batch(for: world.book))
        #expect(faults == [])
        #expect(answers.allSatisfy { EngineWorkload.reply($0) == .refused("UNKNOWN") })
        // The same machine, whose cache still has what the disk does not.
        world.die(leaving: world.disk.processCrash())
        #expect(try world.reopen() == [], "seed \(seed)")
        let served = try world.picture()
        #expect(served.leases.map(\.id) == durable.leases.map(\.id))
        // And the disk has all that was served: nothing more is lost with the power.
        var generator = SeededGenerator(seed: seed)
        world.die(leaving: world.disk.crash(using: &generator, .nothing))
        #expect(try world.reopen() == [], "seed \(seed), power cut")
        #expect(try world.replayFaults() == [])
    }
}
