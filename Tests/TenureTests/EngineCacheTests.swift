// The front cache changes what things cost, never what is answered.

import Tenure
import TenureModel
import TenureSimulation
import TenureStorage
import TenureTesting
import Testing

@Suite("Engine and front cache", .computing)
struct EngineCacheTests {
    private static let budgets = [
        FrontCacheBudget(rows: 0), FrontCacheBudget(rows: 1), FrontCacheBudget(),
    ]

    /// Whole runs with restarts, side by side, each with another cache.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `Answers and rows are the same with room for none, one and all`(seed: UInt64) throws {
        var worlds = try Self.budgets.map { budget in
            var world = try Simulation.makeWorld(quarantining: seed % 2 == 0 ? ["main"] : [])
            world.cache = budget
            world.checkpointRows = [2, 10, 40][Int(seed % 3)]
            world.die(leaving: world.disk.processCrash())
            try world.open()
            return world
        }
        var work = EngineWorkload(seed: seed)
        for step in 0..<50 {
            let batch = work.batch(for: worlds[0].book)
            let isRestart = work.generator.chance(5)
            let ticks = work.generator.chance(40)
            var answers: [[Answer]] = []
            for index in worlds.indices {
                worlds[index].clock.advance(byNanoseconds: UInt64(step % 4) * 350_000_000)
                if isRestart {
                    worlds[index].die(leaving: worlds[index].disk.processCrash())
                    try worlds[index].open()
                    worlds[index].book.reopened(at: worlds[index].now)
                }
                let (faults, given) = worlds[index].ask(batch)
                #expect(faults == [], "seed \(seed), step \(step)")
                if ticks { worlds[index].core?.tick() }
                answers.append(given)
            }
            try #require(answers[1] == answers[0], "one row, seed \(seed), step \(step)")
            try #require(answers[2] == answers[0], "all rows, seed \(seed), step \(step)")
        }
        let pictures = try worlds.map { try $0.picture() }
        #expect(pictures[1] == pictures[0])
        #expect(pictures[2] == pictures[0])
        for world in worlds { world.core?.checkpointNow() }
        #expect(worlds[1].store.rows == worlds[0].store.rows)
        #expect(worlds[2].store.rows == worlds[0].store.rows)
        #expect(worlds[0].store.checkpoint == worlds[2].store.checkpoint)
    }
}
