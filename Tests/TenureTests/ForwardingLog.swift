// A log that hands everything on, for tests that look at or hold up some of it.

import TenureLog

/// Does what the log behind it does; a subclass changes what it is about.
class ForwardingLog: Log {
    /// The log behind it.
    let log: any Log

    /// In front of `log`.
    init(_ log: any Log) { self.log = log }

    var nextPosition: UInt64 { log.nextPosition }
    var durablePosition: UInt64 { log.durablePosition }
    var gatheredBytes: Int { log.gatheredBytes }
    var seal: Seal { log.seal }
    var writtenExtentBytes: UInt64 { log.writtenExtentBytes }
    var writtenContentBytes: UInt64 { log.writtenContentBytes }
    var writtenFrames: UInt64 { log.writtenFrames }
    var reserveBytes: UInt64 { log.reserveBytes }
    var payloadLimit: Int { log.payloadLimit }

    func hasRoom(forPayload bytes: Int) -> Bool { log.hasRoom(forPayload: bytes) }

    func append(time: UInt64, payload: borrowing [UInt8]) -> UInt64 {
        log.append(time: time, payload: payload)
    }

    func commit() throws(LogError) { try log.commit() }

    func retire(through position: UInt64) throws(LogError) {
        try log.retire(through: position)
    }

    func prepareReserve() { log.prepareReserve() }
}
