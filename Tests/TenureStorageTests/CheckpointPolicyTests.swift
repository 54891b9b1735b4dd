// When a checkpoint is due: the first limit that is reached decides.

import TenureLog
import TenureStorage
import TenureTesting
import Testing

@Suite("Checkpoint policy")
struct CheckpointPolicyTests {
    private static let limits = CheckpointLimits()

    private static func load(
        rows: Int = 0,
        content: UInt64 = 0,
        records: UInt64 = 0,
        extent: UInt64 = 0
    ) -> CheckpointLoad {
        var load = CheckpointLoad()
        load.rows = rows
        load.contentBytes = content
        load.records = records
        load.extentBytes = extent
        return load
    }

    static let table: [(CheckpointLoad, CheckpointVerdict)] = [
        (load(), .idle),
        (load(rows: 8_190), .idle), (load(rows: 8_191), .due), (load(rows: 16_383), .mustSlow),
        (load(content: (8 << 20) - 1), .idle), (load(content: 8 << 20), .due),
        (load(content: 16 << 20), .mustSlow),
        (load(records: 32_767), .idle), (load(records: 32_768), .due),
        (load(records: 65_535), .due), (load(records: 65_536), .mustSlow),
        (load(extent: (64 << 20) - 1), .idle), (load(extent: 64 << 20), .due),
        (load(extent: 128 << 20), .mustSlow),
    ]

    @Test(arguments: table)
    func `the first limit decides`(load: CheckpointLoad, verdict: CheckpointVerdict) {
        #expect(CheckpointPolicy().verdict(load) == verdict)
    }

    @Test
    func `a burst of reclaim puts off what is due, not what must be`() {
        let policy = CheckpointPolicy()
        for (load, verdict) in Self.table {
            #expect(policy.starts(load, isReclaiming: false) == (verdict != .idle))
            #expect(policy.starts(load, isReclaiming: true) == (verdict == .mustSlow))
        }
    }

    @Test
    func `what a checkpoint has not made durable counts again`() throws {
        let scratch = try Scratch()
        try scratch.create()
        let storage = try Storage.prepare(
            at: scratch.ledger,
            configuration: Scratch.configuration
        ).replay { _, _, _ in }
        var meter = CheckpointMeter()
        let write = { () throws in
            _ = storage.log.append(time: storage.log.nextPosition, payload: [1])
            try storage.log.commit()
        }
        try write()
        meter.freeze(storage.log)
        try write()
        #expect(meter.load(storage.log, rows: 0).records == 2)
        meter.freeze(storage.log)
        try write()
        meter.finish()
        let load = meter.load(storage.log, rows: 5)
        #expect(load.records == 1)
        #expect(load.contentBytes == 1)
        #expect(load.extentBytes == 4096)
        #expect(load.rows == 5)
    }
}
