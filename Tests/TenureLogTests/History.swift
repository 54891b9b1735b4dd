// What was written to a log, and what may be found after a crash.

import TenureLog
import TenureSimulation
import TenureTesting
import Testing

/// The records that were appended, and how many of them were acknowledged when.
struct History {
    /// All records in order of position, those of the group that was being written included.
    private(set) var issued: [Record] = []
    /// After which numbered operation how many records were acknowledged.
    private(set) var acknowledgements: [(operation: Int, count: Int)] = [(0, 0)]
    /// The counts of records at which a group ended.
    private(set) var boundaries: Set<Int> = [0]
    /// The checkpoints that a state could have been stored with.
    private(set) var checkpoints: [LogCheckpoint] = [.none]

    /// A history that begins with what a recovery has found.
    init(_ found: [Record] = []) {
        issued = found
        acknowledgements = [(0, found.count)]
        boundaries.insert(found.count)
    }

    /// Appends a record to a log and remembers it.
    mutating func append(_ payload: [UInt8], to log: FileLog) {
        let position = log.nextPosition
        let time = position &* 1_000
        issued.append(Record(position: position, time: time, payload: payload))
        #expect(log.append(time: time, payload: payload) == position)
    }

    /// Commits and remembers that all was acknowledged when the disk had done so many operations.
    mutating func commit(_ log: FileLog, on disk: SimulatedDisk) throws(LogError) {
        boundaries.insert(issued.count)
        try log.commit()
        acknowledgements.append((disk.operationCount, issued.count))
        checkpoints.append(LogCheckpoint(position: log.durablePosition, seal: log.seal))
    }

    /// How many records were acknowledged when so many operations had been done.
    func acknowledged(at operation: Int) -> Int {
        acknowledgements.last { $0.operation <= operation }?.count ?? 0
    }

    /// Checks I1: what was found is a prefix of what was issued, whole groups, and has at least
    /// what had been acknowledged.
    func check(_ found: [Record], at operation: Int, _ place: String) {
        let count = acknowledged(at: operation)
        #expect(found.count >= count, "I1: acknowledged records are lost: \(place)")
        #expect(boundaries.contains(found.count), "I1: part of a group was found: \(place)")
        #expect(found == Array(issued.prefix(found.count)), "I1: no prefix: \(place)")
    }
}
