// Reading records of a ledger that writes, while segments move.

import Synchronization
import TenureLog
import TenureModel
import TenureStorage
import TenureTesting
import Testing

@testable import Tenure

@Suite("History of an open ledger")
struct LogHistoryTests {
    private let scratch = LedgerScratch()

    /// A disk that does not list one file at first, as when it moves between two looks.
    private func hiding(_ segment: String, on disk: any Disk, looks: Int) -> InterposedDisk {
        let looksLeft = Mutex(looks)
        return InterposedDisk(
            disk,
            listing: { names in
                guard names.contains(segment) else { return names }
                let hides = looksLeft.withLock { left in
                    left -= 1
                    return left >= 0
                }
                return hides ? names.filter { $0 != segment } : names
            }
        )
    }

    private func outcome(looks: Int) throws -> (outcome: LogHistory.Outcome, positions: [Position])
    {
        let core = try scratch.core(clock: VirtualClock())
        for command in LedgerScratch.setup(cpus: 4) { _ = try core.ask(command) }
        let directory = try #require(core.directory)
        let segment = try #require(directory.disk.list("log").sorted().first)
        let history = LogHistory(
            disk: hiding(segment, on: directory.disk, looks: looks),
            ledger: directory.ledger
        )
        var positions: [Position] = []
        let outcome = history.read(from: 2, through: 3) { record in
            positions.append(record.position)
            return true
        }
        return (outcome, positions)
    }

    @Test
    func `records are read in order, up to the last that was asked for`() throws {
        let (outcome, positions) = try outcome(looks: 0)
        guard case .ended = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(positions == [2, 3])
    }

    @Test
    func `a segment that moves while it is looked for is found`() throws {
        let (outcome, positions) = try outcome(looks: 2)
        guard case .ended = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(positions == [2, 3])
    }

    @Test
    func `what the log does not have is missing, not unreadable`() throws {
        let (outcome, positions) = try outcome(looks: .max)
        guard case .missing = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(positions.isEmpty)
    }

    /// What comes of reading the first record of a segment that is not there.
    private func outcome(without number: Int) throws -> LogHistory.Outcome {
        let scene = try RepairScene()
        let segment = scene.segments[number]
        let name = try #require(SegmentName(String(segment.suffix(24))))
        try scene.remove(segment)
        let directory = try DataDirectory.open(at: scene.path, access: .copy)
        let history = LogHistory(disk: directory.disk, ledger: directory.ledger)
        return history.read(from: name.firstPosition, through: .max) { _ in true }
    }

    @Test
    func `what was pruned is missing, and a hole behind it is not taken for that`() throws {
        let pruned = try outcome(without: 0)
        guard case .missing = pruned else {
            Issue.record("\(pruned)")
            return
        }
        let hole = try outcome(without: 3)
        guard case .unreadable = hole else {
            Issue.record("\(hole)")
            return
        }
    }
}
