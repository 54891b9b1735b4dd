// Reading records of a ledger that writes, while segments move.

import Synchronization
import TenureLog
import TenureModel
import TenureStorage
import Testing

@testable import Tenure

/// A disk that does not list one file at first, as when it moves between two looks.
private final class MovingDisk: Disk {
    private let disk: any Disk
    private let hidden: String
    private let looksLeft: Mutex<Int>

    init(_ disk: any Disk, hiding hidden: String, looks: Int) {
        self.disk = disk
        self.hidden = hidden
        looksLeft = Mutex(looks)
    }

    func list(_ directory: String) throws(DiskError) -> [String] {
        let names = try disk.list(directory)
        guard names.contains(hidden) else { return names }
        let hides = looksLeft.withLock { left in
            left -= 1
            return left >= 0
        }
        return hides ? names.filter { $0 != hidden } : names
    }

    func create(_ path: String) throws(DiskError) -> any DiskFile { try disk.create(path) }
    func open(_ path: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile {
        try disk.open(path, access)
    }
    func openDirect(_ path: String) throws(DiskError) -> any DiskFile { try disk.openDirect(path) }
    func lock(_ path: String, shared: Bool) throws(DiskError) -> any DiskFile {
        try disk.lock(path, shared: shared)
    }
    func rename(_ from: String, to: String, replacing: Bool) throws(DiskError) {
        try disk.rename(from, to: to, replacing: replacing)
    }
    func unlink(_ path: String) throws(DiskError) { try disk.unlink(path) }
    func makeDirectory(_ path: String) throws(DiskError) { try disk.makeDirectory(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func freeBytes() throws(DiskError) -> UInt64 { try disk.freeBytes() }
}

@Suite("History of an open ledger")
struct LogHistoryTests {
    private let scratch = LedgerScratch()

    private func outcome(looks: Int) throws -> (outcome: LogHistory.Outcome, positions: [Position])
    {
        let core = try scratch.core(clock: VirtualClock())
        for command in LedgerScratch.setup(cpus: 4) { _ = try core.ask(command) }
        let directory = try #require(core.directory)
        let segment = try #require(directory.disk.list("log").sorted().first)
        let disk = MovingDisk(directory.disk, hiding: segment, looks: looks)
        let history = LogHistory(disk: disk, ledger: directory.ledger)
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
}
