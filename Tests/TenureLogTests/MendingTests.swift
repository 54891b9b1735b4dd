// Mending a log, with a crash before each of its operations: another mending comes to the same end,
// and nothing that was there is gone.

import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Mending", .computing)
struct MendingTests {
    /// What is done to a log of several segments.
    enum Injury: CaseIterable {
        /// A group in the middle, and nothing but the log to go on from.
        case cut
        /// A group in the middle, before the place at which the state was stored.
        case goneOn
        /// A segment that a copy has is missing.
        case missing
        /// A bit of a record.
        case bit
        /// A segment before the one that a start reads.
        case before
    }

    /// A log of ten records in segments of two or three, the first of them retired.
    private struct Scene {
        let disk: SimulatedDisk
        let copy: SimulatedDisk
        let records: [Record]
        let checkpoint: LogCheckpoint?
        /// The first position that the mended log may lack.
        let lost: UInt64
    }

    private static func scene(_ injury: Injury) throws -> Scene {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        var checkpoint: LogCheckpoint?
        for index in 1...10 {
            _ = log.append(time: UInt64(index), payload: samplePayload(log.nextPosition, 21_000))
            try log.commit()
            if index == 8 { checkpoint = LogCheckpoint(position: 8, seal: log.seal) }
        }
        try log.retire(through: 3)
        let records = try auditLog(on: disk).records
        let copy = disk.clone()
        let segments = try disk.list("log").filter { $0.hasSuffix(".seg") }.map { "log/\($0)" }
        #expect(segments.count >= 3 && records.count == 10)
        switch injury {
        case .cut: try disk.garble(segments[1], from: 4_200, count: 40)
        case .goneOn: try disk.garble(segments[2], from: 4_200, count: 40)
        case .missing:
            try disk.remove(segments[1])
        case .bit: try disk.garble(segments[1], from: 9_000, count: 1)
        case .before: try disk.garble(segments[0], from: 4_200, count: 40)
        }
        let first = try #require(SegmentName(String(segments[1].dropFirst(4)))).firstPosition
        return Scene(
            disk: disk,
            copy: copy,
            records: records,
            checkpoint: injury == .cut ? nil : checkpoint,
            lost: injury == .cut ? first : 11
        )
    }

    /// Plans and does what there is to do, as the storage does.
    ///
    /// - Returns: Whether the log goes on from a state.
    private static func mend(
        _ disk: SimulatedDisk,
        _ scene: Scene,
        _ injury: Injury
    ) throws -> Bool {
        let copy = injury == .missing ? scene.copy : nil
        let mending = LogMending(of: sampleLedger, on: disk, from: copy)
        let plan = try mending.plan(for: scene.checkpoint)
        var continuation: LogContinuation?
        if let checkpoint = scene.checkpoint, !plan.hasCheckpoint {
            continuation = try mending.continuation(behind: checkpoint)
        }
        if plan.isSound, continuation == nil { return false }
        let taken = try disk.list("")
        let evidence = try #require((1...9).map { "repair-\($0)" }.first { !taken.contains($0) })
        try disk.makeDirectory(evidence)
        try disk.syncDirectory("")
        try mending.carryOut(plan, continuation, keeping: evidence)
        return continuation != nil
    }

    /// Names that survive one without the other are the danger, so that these come often.
    private static let policies: [CrashPolicy] =
        [.nothing, .everything, .torn]
        + Array(repeating: CrashPolicy(keep: 100, garbage: 0, keepNames: 50), count: 8)

    @Test(arguments: Injury.allCases)
    func `I1: a crash in a repair leaves what the next repair ends`(injury: Injury) throws {
        let scene = try Self.scene(injury)
        let injured = try scene.disk.files()
        scene.disk.keepPictures()
        let hasGoneOn = try Self.mend(scene.disk, scene, injury)
        #expect(hasGoneOn == (injury == .goneOn))
        let pictures = scene.disk.pictures()
        #expect(pictures.count > 5)
        for (index, picture) in pictures.enumerated() {
            for (seed, policy) in Self.policies.enumerated() {
                var generator = SeededGenerator(seed: UInt64(100 * index + seed))
                let left = picture.crash(using: &generator, policy)
                let place = "\(injury), after \(index) operations, \(policy)"
                _ = try Self.mend(left, scene, injury)
                // M2: what was there is there, or was kept.
                let now = Set(try left.files().values)
                for (path, bytes) in injured where path.hasSuffix(".seg") {
                    #expect(now.contains(bytes), "\(place): \(path)")
                }
                let (log, _, found) = try openLog(on: left, after: scene.checkpoint ?? .none)
                let from = scene.checkpoint?.position ?? 0
                let whole = scene.records.filter { $0.position > from && $0.position < scene.lost }
                #expect(found == whole, "\(place)")
                // It goes on, and every segment can be retired.
                _ = log.append(time: 100, payload: samplePayload(99, 100))
                try log.commit()
                try log.retire(through: log.durablePosition)
            }
        }
    }

    @Test
    func `a state of another history is not gone on from`() throws {
        let scene = try Self.scene(.goneOn)
        let seal = try #require(Seal(String(repeating: "ab", count: 32)))
        let other = LogCheckpoint(position: 8, seal: seal)
        let mending = LogMending(of: sampleLedger, on: scene.disk, from: nil)
        #expect(try mending.plan(for: other).hasCheckpoint == false)
        #expect(try mending.continuation(behind: other) == nil)
        #expect(try mending.continuation(behind: try #require(scene.checkpoint)) != nil)
    }

    /// Two copies of one history that went on apart: what one has is not put into the other.
    @Test
    func `a group of another history is not taken from a copy`() throws {
        let scene = try Self.scene(.missing)
        let fork = SimulatedDisk()
        try createLog(on: fork)
        let (log, _, _) = try openLog(on: fork)
        for index in 1...10 {
            _ = log.append(
                time: UInt64(index) + 1,
                payload: samplePayload(log.nextPosition, 21_000)
            )
            try log.commit()
        }
        let plan = try LogMending(of: sampleLedger, on: scene.disk, from: fork).plan(for: nil)
        #expect(plan.mended.isEmpty && plan.cut != nil)
    }
}

extension SimulatedDisk {
    /// Changes bytes of a file where they are stored.
    fileprivate func garble(_ path: String, from offset: Int, count: Int) throws {
        for index in 0..<count { try rot(path, at: offset + index, mask: 1 << UInt8(index % 8)) }
    }

    /// The bytes of every file.
    fileprivate func files() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for path in paths { files[path] = try contents(path) }
        return files
    }
}
