// A log that tells what became durable in it.

import Synchronization
import TenureLog
import TenureModel
import TenureStorage
import TenureTesting

/// A record that became durable.
struct DurableRecord: Sendable {
    let time: LedgerTime
    let events: [Event]
}

/// Keeps what became durable until somebody takes it.
final class LogTap: Sendable {
    private let kept = Mutex<[DurableRecord]>([])

    fileprivate func add(_ records: [DurableRecord]) { kept.withLock { $0 += records } }

    /// What became durable since it was asked last.
    func take() -> [DurableRecord] {
        kept.withLock { kept in
            defer { kept = [] }
            return kept
        }
    }
}

/// A log that does what the one behind it does, and hands every durable record to a tap.
final class TappedLog: ForwardingLog {
    private let tap: LogTap
    private var gathered: [DurableRecord] = []

    init(_ log: any Log, _ tap: LogTap) {
        self.tap = tap
        super.init(log)
    }

    override func append(time: UInt64, payload: borrowing [UInt8]) -> UInt64 {
        // What the engine has encoded can be decoded: nothing is left out.
        if let events = try? EventCodec.decode(copy payload).events {
            gathered.append(DurableRecord(time: LedgerTime(nanoseconds: time), events: events))
        }
        return super.append(time: time, payload: payload)
    }

    override func commit() throws(LogError) {
        try super.commit()
        tap.add(gathered)
        gathered = []
    }
}
