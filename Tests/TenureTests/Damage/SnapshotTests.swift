// Snapshots stand for the history before them: what is left verifies, mends and goes on as before.

import Foundation
import Tenure
import TenureLog
import TenureModel
import TenureStorage
import TenureTesting
import Testing

@Suite("Snapshot", .computing)
struct SnapshotTests {
    private let scene: RepairScene

    init() throws {
        scene = try RepairScene()
    }

    private func directory() throws -> DataDirectory {
        try DataDirectory.open(at: scene.path, access: .copy)
    }

    private func make(through last: Position = .max) throws -> StateSnapshot? {
        try SnapshotMaking(in: directory(), runner: nil).make(through: last)
    }

    /// The retired segments, in order.
    private var retired: [String] { scene.segments.filter { $0.hasPrefix("archive/") } }

    private func names(_ directory: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(scene.path)/\(directory)").sorted()
    }

    private func firstPosition(_ segment: String) throws -> Position {
        try #require(Position(segment.suffix(24).prefix(20)))
    }

    private func prune() throws -> StateSnapshot {
        let snapshot = try #require(try make())
        let pruning = Pruning(of: try directory())
        let preview = try pruning.preview(through: .max)
        let summary = try pruning.delete(through: .max, coveredBy: snapshot)
        #expect(summary == preview && summary.segments == retired.count)
        #expect(summary.end?.position == snapshot.position)
        #expect(try summary.end?.seal == snapshot.open(in: directory()).checkpoint.seal)
        #expect(try names("archive").allSatisfy { !$0.hasSuffix(".seg") })
        return snapshot
    }

    /// What was made of one snapshot after the other is, to the row, what was made at once.
    @Test
    func `a snapshot has the rows of its position, however often it was moved on`() throws {
        let half = try firstPosition(retired[retired.count / 2]) - 1
        let first = try #require(try make(through: half + 3))
        #expect(first.position == half)
        #expect(try make(through: half) == first)
        let moved = try #require(try make())
        #expect(try names().filter { $0.hasPrefix("snapshot-") } == [moved.name])

        let whole = try RepairScene()
        let other = try DataDirectory.open(at: whole.path, access: .copy)
        let made = try #require(try SnapshotMaking(in: other, runner: nil).make(through: .max))
        #expect(made == moved)
        let rows = try moved.open(in: directory()).checkpoint
        #expect(try made.open(in: other).checkpoint == rows)
        #expect(rows.counts.total > 100)
        // What was left of a try that was interrupted is in nobody's way.
        try FileManager.default.copyItem(
            atPath: made.path(in: other),
            toPath: "\(whole.path)/snapshot.new"
        )
        #expect(try SnapshotMaking(in: other, runner: nil).make(through: .max) == made)
        #expect(try scene.audit().replayAgrees == true)
    }

    @Test
    func `I6: without the history before it a ledger verifies, from the snapshot on`() throws {
        let snapshot = try prune()
        let report = try scene.audit()
        #expect(!report.isDamaged && report.replayAgrees == true, "\(report.findings)")
        #expect(report.log?.firstPosition == snapshot.position + 1)
        // It says more than nothing: what replays otherwise is told.
        let other = try Verify.run(at: scene.path, runner: nil, replayed: Forgetful())
        #expect(other.isDamaged && other.replayAgrees == false)
        #expect(try scene.epochAfterOpening() == 1)
    }

    /// Less is deleted than the snapshot stands for, and no more is recorded than that.
    @Test
    func `what is to be recorded is the end of what is deleted`() throws {
        let snapshot = try #require(try make())
        let pruning = Pruning(of: try directory())
        let half = try firstPosition(retired[retired.count / 2]) - 1
        let end = try #require(try pruning.preview(through: half + 1).end)
        #expect(end.position == half && half < snapshot.position)
        let report = try Verify.run(at: scene.path, runner: nil, anchor: end)
        #expect(!report.isDamaged, "\(report.findings)")
        #expect(try pruning.delete(through: end.position, coveredBy: snapshot).end == end)
        #expect(try scene.audit().replayAgrees == true)
    }

    @Test(arguments: [true, false])
    func `no snapshot is made over a hole or damage in the history`(isHole: Bool) throws {
        let segment = retired[retired.count / 2]
        if isHole {
            try scene.remove(segment)
        } else {
            try scene.injure(segment) { bytes in
                for index in 300..<700 { bytes[index] ^= 0x11 }
            }
        }
        #expect(throws: StorageError.self) { try make() }
        #expect(try names().allSatisfy { StateSnapshot($0) == nil })
    }

    @Test
    func `I10: a damaged snapshot is told`() throws {
        let snapshot = try prune()
        let file = "\(snapshot.name)/data.mdb"
        let bytes = try scene.bytes(of: file)
        let row = try #require(bytes.firstRange(of: Array("request-".utf8))).lowerBound
        try scene.injure(file) { $0[row + 2] ^= 4 }
        let report = try scene.audit()
        #expect(
            report.findings.contains { $0.place.hasPrefix(snapshot.name) },
            "\(report.findings)"
        )
        #expect(report.isDamaged)
    }

    /// It may have rotted since it was made: what it stands for is then all there is.
    @Test(arguments: ["damaged", "of another position", "of another history"])
    func `nothing is deleted for a snapshot that is not read again`(how: String) throws {
        let half = try firstPosition(retired[retired.count / 2]) - 1
        let snapshot = try #require(try make(through: how == "of another history" ? half : .max))
        switch how {
        case "damaged":
            try scene.injure("\(snapshot.name)/data.mdb") { bytes in
                for index in 2 * 4_096..<bytes.count { bytes[index] = UInt8(index % 251) }
            }
        case "of another position":
            let name = "snapshot-" + String(snapshot.name.suffix(20).dropLast()) + "9"
            try #require(name != snapshot.name)
            try FileManager.default.moveItem(
                atPath: snapshot.path(in: try directory()),
                toPath: "\(scene.path)/\(name)"
            )
        default: try scene.remove(retired[retired.count / 2])
        }
        let before = retired
        #expect(throws: StorageError.self) { try make(through: half) }
        #expect(retired == before && scene.segments == scene.segments.sorted())
        #expect(try scene.audit().isDamaged)
    }

    /// Of what is left nothing shows that it is the whole history.
    @Test(arguments: ["the snapshot", "the first segment", "the archive"])
    func `a history that begins behind what nothing stands for is damage`(lost: String) throws {
        switch lost {
        case "the snapshot": try scene.remove(try prune().name)
        case "the first segment": try scene.remove(try #require(retired.first))
        default: for segment in retired { try scene.remove(segment) }
        }
        let report = try scene.audit()
        #expect(report.isDamaged && report.replayAgrees == nil)
        let told = report.findings.filter { $0.sentence.contains("no snapshot stands for") }
        #expect(told.map(\.severity) == [.damage], "\(report.findings)")
    }

    @Test
    func `a state is made anew from a snapshot and what is behind it`() throws {
        _ = try prune()
        try scene.injure("state/data.mdb") { bytes in
            for index in bytes.indices { bytes[index] = 0 }
        }
        let (plan, kept) = try scene.repair()
        guard case .remade = plan.state else {
            Issue.record("\(plan)")
            return
        }
        #expect(kept == ["state.kept-1"])
        #expect(try scene.epochAfterOpening() == 2)
        #expect(try scene.audit().replayAgrees == true)
    }

    @Test
    func `a backup has the snapshot, and goes on from it`() throws {
        let snapshot = try prune()
        let copy = LedgerScratch()
        _ = try DataDirectory.copy(scene.path, to: copy.path, allowUnsafeFileSystem: true)
        let verified = try Verify.run(at: copy.path, runner: nil, replayed: StateFromLog())
        #expect(!verified.isDamaged, "\(verified.findings)")
        let core = try copy.core(clock: VirtualClock())
        let grant = try core.grant(LedgerScratch.request())
        #expect(grant.reference.token.epoch == 2)
        #expect(
            try StateSnapshot.newest(in: DataDirectory.open(at: copy.path, access: .copy))
                == snapshot
        )
    }

    @Test
    func `who prunes waits for who copies, and a second one is told`() throws {
        let snapshot = try #require(try make())
        let path = "\(scene.path)/snapshot.lock"
        let file = unsafe open(path, O_RDWR)
        try #require(file >= 0)
        defer { close(file) }
        try #require(flock(file, LOCK_SH | LOCK_NB) == 0)
        let pruning = Pruning(of: try directory())
        #expect(throws: StorageError.self) {
            try pruning.delete(through: .max, coveredBy: snapshot)
        }
        #expect(throws: StorageError.self) { try make() }
        #expect(try names("archive").count >= retired.count)
    }

    @Test
    func `a compacted state has the same rows in fewer pages`() throws {
        let before = try scene.audit()
        do {
            let directory = try DataDirectory.open(at: scene.path, allowUnsafeFileSystem: true)
            let summary = try StateCompaction(of: directory, runner: nil).run()
            #expect(summary.after < summary.before && summary.rows == before.rows.total)
        }
        let after = try scene.audit()
        #expect(after.replayAgrees == true && after.rows == before.rows, "\(after.findings)")
        #expect(after.pages?.notCovered ?? .max < before.pages?.notCovered ?? 0)
        #expect(try names().allSatisfy { !$0.hasPrefix("compact") })
        #expect(try scene.epochAfterOpening() == 1)
    }

    @Test
    func `a state that is damaged is not compacted, and stays as it is`() throws {
        let file = "state/data.mdb"
        try scene.injure(file) { bytes in
            // In every copy of the row that is left in the file.
            for range in bytes.ranges(of: Array("request-".utf8)) {
                bytes[range.lowerBound + 2] ^= 4
            }
        }
        let injured = try scene.bytes(of: file)
        #expect(injured != scene.files[file])
        do {
            let directory = try DataDirectory.open(at: scene.path, allowUnsafeFileSystem: true)
            #expect(throws: StorageError.self) {
                try StateCompaction(of: directory, runner: nil).run()
            }
        }
        #expect(try scene.bytes(of: file) == injured)
    }

    /// Two seconds lie between the rounds of which the ledger is made.
    @Test
    func `what is older than an age is told by ledger time`() throws {
        let pruning = Pruning(of: try directory())
        #expect(try pruning.lastPosition(olderThan: 1 << 62) == 0)
        #expect(try pruning.lastPosition(olderThan: 0) > 0)
        let times = try scene.times()
        let newest = try #require(times.last?.time)
        for age in stride(from: 0 as UInt64, to: 14_000_000_000, by: 700_000_000) {
            let last = try pruning.lastPosition(olderThan: age)
            for (position, time) in times where position <= last { #expect(time + age <= newest) }
            // Of the next segment not all is so old.
            let next = try retired.map(firstPosition).first { $0 > last + 1 }
            if let next, let (_, time) = times.first(where: { $0.position == next }) {
                #expect(time + age > newest)
            }
        }
    }
}

/// A replay that leaves records out.
private final class Forgetful: ReplayedState {
    private var state = LedgerState(resident: ResidentRows(), rows: NoRows())

    func begin(from snapshot: LedgerState) { state = snapshot }

    func apply(_ events: [Event], at position: Position, time: LedgerTime) throws(RowFault) {
        let kept = events.filter { if case .renewed = $0 { false } else { true } }
        try state.apply(kept, at: position, time: time)
    }

    func fault() throws(RowFault) -> String? { nil }

    func rows() throws(RowFault) -> FrozenChanges { state.freeze() }
}
