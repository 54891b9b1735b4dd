// A world with a ledger of some CPUs, and its next life.

import Tenure
import TenureSimulation
import Testing

extension EngineWorld {
    /// A world whose ledger has a pool of so many CPUs.
    static func withCPUs(_ cpus: UInt64 = 20) throws -> EngineWorld {
        var world = try EngineWorld()
        world.checkpointRows = 50
        try world.open()
        for command in LedgerScratch.setup(cpus: cpus) { _ = try world.core?.ask(command) }
        return world
    }

    /// Ends the process and opens the ledger again.
    mutating func restart() throws -> LedgerCore {
        die(leaving: disk.processCrash())
        try open()
        return try #require(core)
    }
}
