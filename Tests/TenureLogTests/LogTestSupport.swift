// A small log and what the tests ask of it.

import TenureBase
package import TenureLog
import TenureSimulation
import TenureTesting
import Testing

/// A frame as a test remembers it.
package struct Record: Equatable, Sendable {
    package var position: UInt64
    package var time: UInt64
    package var payload: [UInt8]

    package init(position: UInt64, time: UInt64, payload: [UInt8]) {
        self.position = position
        self.time = time
        self.payload = payload
    }

    package init(_ frame: borrowing Frame) {
        position = frame.position
        time = frame.time
        payload = arrayOf(frame.payload)
    }
}

/// The ledger of these tests.
package let sampleLedger = LedgerID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)

/// Small segments, and one order of operations.
package let sampleConfiguration = LogConfiguration(segmentBytes: 64 << 10, spare: .synchronous)

/// Makes a log on an empty disk.
package func createLog(
    on disk: any Disk,
    _ configuration: LogConfiguration = sampleConfiguration
) throws {
    try FileLog.create(on: disk, ledgerID: sampleLedger, configuration: configuration)
}

/// Opens a log and collects what it replays.
package func openLog(
    on disk: any Disk,
    after checkpoint: LogCheckpoint = .none,
    _ configuration: LogConfiguration = sampleConfiguration
) throws(LogError) -> (log: FileLog, report: LogRecoveryReport, records: [Record]) {
    var records: [Record] = []
    let (log, report) = try FileLog.open(
        on: disk,
        ledgerID: sampleLedger,
        configuration: configuration,
        checkpoint: checkpoint
    ) { (frame) throws(LogError) in
        records.append(Record(frame))
    }
    return (log, report, records)
}

/// What an audit finds.
package func auditLog(
    on disk: any Disk,
    from first: UInt64 = 1
) throws(LogError) -> (records: [Record], problems: [LogProblem], summary: LogSummary) {
    var records: [Record] = []
    var problems: [LogProblem] = []
    let summary = try LogReader(disk: disk, ledgerID: sampleLedger).read(from: first) {
        (frame) throws(LogError) in
        records.append(Record(frame))
    } problem: {
        problems.append($0)
    }
    return (records, problems, summary)
}

/// Appends one record with a payload that its position determines.
@discardableResult
package func appendSample(to log: FileLog, bytes: Int = 100) -> Record {
    let position = log.nextPosition
    let payload = samplePayload(position, bytes)
    let time = position * 1_000
    _ = log.append(time: time, payload: payload)
    return Record(position: position, time: time, payload: payload)
}

/// Bytes that differ between positions.
package func samplePayload(_ position: UInt64, _ bytes: Int) -> [UInt8] {
    var generator = SeededGenerator(seed: position)
    return generator.bytes(bytes)
}
