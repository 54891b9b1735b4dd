// Opening what was written: state, then the records behind it, or a refusal that says why.

import Glibc
import TenureLMDB
import TenureLog
import TenureModel
import TenureStorage
import Testing

@Suite("Recovery")
struct RecoveryTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try scratch.create()
    }

    /// One record as it was applied.
    private struct Record: Equatable {
        var position: Position
        var time: LedgerTime
        var events: [Event]
    }

    private func open(
        rebuild: Bool = false
    ) throws(StorageError) -> (storage: OpenedStorage, records: [Record], resident: ResidentRows) {
        var configuration = Scratch.configuration
        configuration.rebuildState = rebuild
        let prepared = try Storage.prepare(at: scratch.ledger, configuration: configuration)
        let resident = prepared.resident
        var records: [Record] = []
        let storage = try prepared.replay { position, time, events in
            records.append(Record(position: position, time: time, events: events))
        }
        return (storage, records, resident)
    }

    private func failure(rebuild: Bool = false) -> StorageError? {
        do throws(StorageError) {
            _ = try open(rebuild: rebuild)
            return nil
        } catch {
            return error
        }
    }

    /// Writes so many records of one event each, and returns them.
    @discardableResult
    private func write(_ count: Int, to storage: OpenedStorage) throws -> [Record] {
        var values = RandomValues(seed: 41)
        var records: [Record] = []
        for _ in 0..<count {
            let events = [values.event(values.pick(EventTag.allCases))]
            let time = storage.log.nextPosition * 100
            let position = storage.log.append(time: time, payload: EventCodec.encode(events))
            let time0 = LedgerTime(nanoseconds: time)
            records.append(Record(position: position, time: time0, events: events))
            try storage.log.commit()
        }
        return records
    }

    /// Stores rows at the end of the log.
    @discardableResult
    private func checkpoint(_ storage: OpenedStorage, seal: Seal? = nil) throws -> FrozenChanges {
        var model = ModelState(seed: 42)
        model.change(20)
        var changes = model.freeze()
        changes.facts.position = storage.log.durablePosition
        try storage.store.commit(changes, seal: seal ?? storage.log.seal)
        storage.cache.absorbAll(changes)
        return changes
    }

    @Test
    func `I1: every record that was made durable is applied again, in order`() throws {
        var written: [Record] = []
        do {
            let opened = try open()
            written = try write(30, to: opened.storage)
        }
        let again = try open()
        #expect(again.records == written)
        #expect(again.storage.report.log.replayedFrames == 30)
    }

    @Test
    func `I1: after a checkpoint only what is behind it is applied`() throws {
        var changes = FrozenChanges()
        var rest: [Record] = []
        do {
            let opened = try open()
            try write(30, to: opened.storage)
            changes = try checkpoint(opened.storage)
            rest = try write(10, to: opened.storage)
        }
        let again = try open()
        #expect(again.records == rest)
        #expect(again.storage.report.checkpoint == 30)
        #expect(again.resident.facts == changes.facts)
        #expect(again.resident.pools.count == changes.pools.sortedRows().count)
        #expect(Set(again.resident.resources) == Set(changes.resources.sortedRows()))
        #expect(Set(again.resident.quotas) == Set(changes.quotas.sortedRows()))
        for (id, row) in changes.leases {
            #expect(try again.storage.cache.lease(id) == row.value)
        }
    }

    @Test
    func `an older state is legal while the log goes back to it`() throws {
        var older: [UInt8] = []
        var rest: [Record] = []
        do {
            let opened = try open()
            try write(3, to: opened.storage)
            try checkpoint(opened.storage)
        }
        older = try scratch.read("state/data.mdb")
        do {
            let opened = try open()
            rest = try write(5, to: opened.storage)
            var changes = FrozenChanges()
            changes.facts.position = 8
            try opened.storage.store.commit(changes, seal: opened.storage.log.seal)
        }
        try scratch.write("state/data.mdb", older)
        #expect(try open().records == rest)
    }

    @Test
    func `a state of another history is refused`() throws {
        do {
            let opened = try open()
            try write(3, to: opened.storage)
            let seal = try #require(Seal(bytes: [UInt8](repeating: 7, count: 32)))
            try checkpoint(opened.storage, seal: seal)
        }
        #expect(failure()?.exitCode == 65)
    }

    @Test
    func `a state ahead of the log is refused`() throws {
        do {
            let opened = try open()
            try write(3, to: opened.storage)
            var changes = FrozenChanges()
            changes.facts.position = 9
            try opened.storage.store.commit(changes, seal: opened.storage.log.seal)
        }
        #expect(failure()?.exitCode == 65)
    }

    @Test
    func `the state of another ledger is refused`() throws {
        let other = try Scratch()
        let configuration = Scratch.configuration
        try Storage.create(
            at: other.ledger,
            ledger: LedgerID(high: 1, low: 1),
            configuration: configuration
        )
        try scratch.write("state/data.mdb", other.read("state/data.mdb"))
        #expect(failure()?.exitCode == 65)
    }

    @Test
    func `the log of another ledger is refused`() throws {
        let other = try Scratch()
        let configuration = Scratch.configuration
        try Storage.create(
            at: other.ledger,
            ledger: LedgerID(high: 1, low: 1),
            configuration: configuration
        )
        let segment = "log/00000000000000000001.seg"
        try scratch.write(segment, other.read(segment))
        #expect(failure()?.exitCode == 65)
    }

    @Test
    func `a record with an event that is not known is refused as newer`() throws {
        do {
            let opened = try open()
            var payload = EventCodec.encode([])
            payload += [99, 0, 0, 0, 0]
            _ = opened.storage.log.append(time: 1, payload: payload)
            try opened.storage.log.commit()
        }
        #expect(failure()?.exitCode == 78)
    }

    @Test
    func `a record that is no record is refused`() throws {
        do {
            let opened = try open()
            _ = opened.storage.log.append(time: 1, payload: [1, 10, 200])
            try opened.storage.log.commit()
        }
        #expect(failure()?.exitCode == 65)
    }

    @Test
    func `what the caller can not apply ends the opening`() throws {
        do {
            let opened = try open()
            try write(1, to: opened.storage)
        }
        let prepared = try Storage.prepare(
            at: scratch.ledger,
            configuration: Scratch.configuration
        )
        do throws(StorageError) {
            _ = try prepared.replay { (_, _, _) throws(RowFault) in throw .damaged("row") }
            Issue.record("it opened")
        } catch {
            #expect(error.exitCode == 65)
        }
    }

    @Test
    func `a torn end is cut, kept and told`() throws {
        var written: [Record] = []
        do {
            let opened = try open()
            written = try write(4, to: opened.storage)
        }
        let segment = "log/00000000000000000001.seg"
        var bytes = try scratch.read(segment)
        // The last group is on the last block that is not zero.
        let last = try #require(bytes.lastIndex { $0 != 0 })
        bytes[last] ^= 1
        try scratch.write(segment, bytes)
        let again = try open()
        #expect(again.records == Array(written.dropLast()))
        #expect(again.storage.report.label == "T6")
        #expect(again.storage.report.log.cut?.positions == 4...4)
        #expect(again.storage.report.mayMissAcknowledged)
        #expect(scratch.list("log").contains { $0.hasPrefix("cut-") })
    }

    @Test
    func `damage in the middle of the log is refused and changes nothing`() throws {
        do {
            let opened = try open()
            try write(4, to: opened.storage)
        }
        let segment = "log/00000000000000000001.seg"
        var bytes = try scratch.read(segment)
        bytes[4096 + 150] ^= 1
        try scratch.write(segment, bytes)
        #expect(failure()?.exitCode == 65)
        #expect(try scratch.read(segment) == bytes)
    }
}

/// What may have become of data.mdb.
enum StateDamage: String, CaseIterable {
    case missing
    case directoryMissing
    case empty
    case truncatedToMetas
    case truncatedInMeta
    case zeroed
    case wrongMagic
    case wrongPageSize
    case lastPageBeyondFile
    case checkpointRowFlipped
    case copiedOverItself
}

@Suite("Damaged state")
struct DamagedStateTests {
    private let scratch: Scratch
    private let file = "state/data.mdb"

    init() throws {
        scratch = try Scratch()
        try scratch.create()
        let storage = try open()
        for position in 1...5 as ClosedRange<UInt64> {
            let payload = EventCodec.encode([.poolDeleted(name: "p")])
            _ = storage.log.append(time: position, payload: payload)
            try storage.log.commit()
        }
        var model = ModelState(seed: 51)
        model.change(60)
        var changes = model.freeze()
        changes.facts.position = 5
        try storage.store.commit(changes, seal: storage.log.seal)
    }

    private func open(rebuild: Bool = false) throws(StorageError) -> OpenedStorage {
        var configuration = Scratch.configuration
        configuration.rebuildState = rebuild
        return try Storage.prepare(at: scratch.ledger, configuration: configuration)
            .replay { _, _, _ in }
    }

    private func damage(_ damage: StateDamage) throws {
        var bytes = try scratch.read(file)
        switch damage {
        case .missing:
            Scratch.remove("\(scratch.ledger)/\(file)")
            return
        case .directoryMissing:
            Scratch.remove("\(scratch.ledger)/state")
            return
        case .empty: bytes = []
        case .truncatedToMetas: bytes = Array(bytes[..<8192])
        case .truncatedInMeta: bytes = Array(bytes[..<5000])
        case .zeroed: bytes = [UInt8](repeating: 0, count: bytes.count)
        case .wrongMagic:
            bytes[16] ^= 1
            bytes[4096 + 16] ^= 1
        case .wrongPageSize:
            bytes[41] = 0x20
            bytes[4096 + 41] = 0x20
        case .lastPageBeyondFile:
            bytes[136 + 6] = 1
            bytes[4096 + 136 + 6] = 1
        case .checkpointRowFlipped:
            // Both copies of the row: the one in use and the one before.
            for place in places(of: Array("checkpoint".utf8), in: bytes) { bytes[place + 20] ^= 1 }
        case .copiedOverItself:
            let page = Array(bytes[(5 * 4096)..<(6 * 4096)])
            for number in 6..<(bytes.count / 4096) {
                bytes.replaceSubrange((number * 4096)..<((number + 1) * 4096), with: page)
            }
        }
        try scratch.write(file, bytes)
    }

    private func places(of text: [UInt8], in bytes: [UInt8]) -> [Int] {
        (0..<(bytes.count - text.count)).filter { bytes[$0] == text[0] }
            .filter { Array(bytes[$0..<($0 + text.count)]) == text }
    }

    @Test(arguments: StateDamage.allCases)
    func `I10: a damaged state is refused before a row of it is used`(
        damage: StateDamage
    ) throws {
        try self.damage(damage)
        #expect {
            _ = try open()
        } throws: { error in
            (error as? StorageError)?.exitCode == 65
        }
    }

    @Test(arguments: StateDamage.allCases)
    func `I6: a damaged state is made anew from the whole log, when that is asked for`(
        damage: StateDamage
    ) throws {
        try self.damage(damage)
        do {
            let opened = try open(rebuild: true)
            #expect(opened.report.label == "T1+R")
            #expect(opened.report.log.replayedFrames == 5)
            #expect((opened.report.keptState == nil) == (damage == .directoryMissing))
        }
        #expect(try open().report.log.replayedFrames == 5)
    }

    @Test
    func `a state is not made anew from a log that does not go back to the start`() throws {
        let segment = "\(scratch.ledger)/log/00000000000000000001.seg"
        unsafe rename(segment, "\(scratch.ledger)/log/00000000000000000004.seg")
        #expect(throws: StorageError.self) { _ = try open(rebuild: true) }
        #expect(scratch.list().contains("state"))
        #expect(!scratch.list().contains { $0.hasPrefix("state.kept") })
    }

    @Test
    func `a damaged lock file of LMDB does not stand in the way`() throws {
        try scratch.write("state/lock.mdb", [UInt8](repeating: 0xff, count: 100))
        #expect(try open().store.checkpoint.position == 5)
    }
}
