// A repair gives back what can be proved, gives up what can not and says so, and what it leaves
// opens.

import Tenure
import TenureLog
import TenureModel
import TenureSimulation
import TenureStorage
import TenureTesting
import Testing

@Suite("Repair", .computing)
struct RepairTests {
    /// The bytes of a segment that records are made of, by what owns them.
    private static let mendable = [
        "group header", "frame header", "payload", "seal", "segment header",
        "last group of a segment",
    ]

    @Test
    func `a sound ledger has nothing to be repaired, and is not changed`() throws {
        let scene = try RepairScene()
        let (plan, kept) = try scene.repair()
        #expect(plan.isSound && kept.isEmpty)
        for (name, bytes) in scene.files { #expect(try scene.bytes(of: name) == bytes, "\(name)") }
    }

    /// Bits of every sort of byte, each flipped alone: the file is again what it was, to the byte.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func `one flipped bit of the log is turned back without a copy`(seed: UInt64) throws {
        let scene = try RepairScene()
        var generator = SeededGenerator(seed: 900 + seed)
        var turned = 0
        for segment in scene.segments {
            let whole = try #require(scene.files[segment])
            let owners = ByteOwners(path: segment, bytes: whole).owners
            for sort in Self.mendable {
                let places = owners.indices.filter { owners[$0].hasSuffix(": \(sort)") }
                guard let offset = places.randomElement(using: &generator) else { continue }
                let bit = UInt8(generator.next() % 8)
                try scene.injure(segment) { $0[offset] ^= 1 << bit }
                let (plan, kept) = try scene.repair()
                let place = "\(segment) byte \(offset) bit \(bit), \(owners[offset])"
                #expect(!plan.losesChanges && plan.continuation == nil, "\(place): \(plan)")
                #expect(!kept.isEmpty, "\(place)")
                let isSame = try scene.bytes(of: segment) == whole
                #expect(isSame, "\(place)")
                if isSame { turned += 1 } else { try scene.injure(segment) { $0 = whole } }
            }
        }
        #expect(turned > 3 * scene.segments.count)
        #expect(try scene.epochAfterOpening() == 1)
    }

    /// A block of garbage in each segment, and each segment missing but the last.
    @Test
    func `what a copy has comes back from it, to the byte`() throws {
        let scene = try RepairScene()
        for segment in scene.segments {
            let whole = try #require(scene.files[segment])
            let middle = scene.used(segment) / 2
            try scene.injure(segment) { bytes in
                for index in middle..<min(middle + 4096, bytes.count) { bytes[index] ^= 0x5a }
            }
            let (plan, kept) = try scene.repair(fromCopy: true)
            // Behind the last group of the last segment a power cut may leave anything.
            if plan.isSound { continue }
            #expect(plan.log.mended.count == 1 && !plan.losesChanges, "\(segment): \(plan)")
            #expect(try scene.bytes(of: segment) == whole, "\(segment)")
            // What it was like is kept.
            let name = String(segment.suffix(24))
            let evidence = try scene.bytes(of: "\(try #require(kept.first))/\(name)")
            #expect(evidence != whole && evidence.count == whole.count)
            if segment == scene.segments.last { continue }
            try scene.remove(segment)
            _ = try scene.repair(fromCopy: true)
            // The oldest one of log/ may as well be in archive/.
            if let bytes = try? scene.bytes(of: segment) { #expect(bytes == whole, "\(segment)") }
        }
        let audit = try scene.audit()
        #expect(audit.replayAgrees == true && !audit.isDamaged)
        #expect(try scene.records() == scene.recordsOfCopy())
        #expect(try scene.epochAfterOpening() == 1)
    }

    @Test
    func `damage that no start reads is left to a copy, and told`() throws {
        let scene = try RepairScene()
        let first = try #require(scene.segments.first { $0.hasPrefix("archive/") })
        try scene.injure(first) { bytes in
            for index in 300..<600 { bytes[index] = 0 }
        }
        let (plan, kept) = try scene.repair()
        #expect(plan.isSound && kept.isEmpty)
        #expect(plan.log.gaps.map(\.segment.inArchive) == [first])
        #expect(try scene.epochAfterOpening() == 1)
    }

    /// The segment with the checkpoint loses a block before it: the state has what was there.
    @Test
    func `where the state has what the log lost, every lease and record behind it stays`() throws {
        let scene = try RepairScene()
        let segment = try #require(scene.segmentsInLog.dropLast().last)
        let all = try scene.recordsOfCopy()
        try scene.injure(segment) { bytes in
            for index in 4096..<(4096 + 600) { bytes[index] = 0xff }
        }
        let (plan, _) = try scene.repair()
        let continuation = try #require(plan.continuation)
        #expect(continuation.records > 0 && continuation.cut == nil)
        let checkpoint = continuation.checkpoint.position
        let behind = all.filter { $0.position > checkpoint }
        #expect(try scene.records().filter { $0.position > checkpoint } == behind)
        #expect(try scene.epochAfterOpening() == 2)
        // It goes on for more than one segment, and starts again.
        #expect(try scene.epochAfterOpening() == 2)
    }

    /// A group that can be mended before one that can not, in the same segment.
    @Test
    func `what is mended in part loses nothing that is behind the state`() throws {
        let scene = try RepairScene()
        let segment = try #require(scene.segmentsInLog.dropLast().last)
        let all = try scene.recordsOfCopy()
        let whole = try #require(scene.files[segment])
        let owners = ByteOwners(path: segment, bytes: whole).owners
        let starts = owners.indices.filter {
            owners[$0] == "log: group header" && owners[$0 - 1] != "log: group header"
        }
        try #require(starts.count > 2)
        try scene.injure(segment) { bytes in
            bytes[starts[0] + 20] ^= 8
            for index in starts[1]..<(starts[1] + 300) { bytes[index] = 0xff }
        }
        let (plan, _) = try scene.repair()
        let continuation = try #require(plan.continuation)
        #expect(plan.log.mended.isEmpty && continuation.cut == nil)
        let checkpoint = continuation.checkpoint.position
        let behind = all.filter { $0.position > checkpoint }
        #expect(!behind.isEmpty)
        #expect(try scene.records().filter { $0.position > checkpoint } == behind)
        #expect(try scene.epochAfterOpening() == 2)
    }

    @Test
    func `where the end of the log is lost the state goes on alone`() throws {
        let scene = try RepairScene()
        for segment in scene.segmentsInLog { try scene.remove(segment) }
        let (plan, _) = try scene.repair()
        #expect(try #require(plan.continuation).records == 0)
        #expect(try scene.epochAfterOpening() == 2)
    }

    /// State and log damaged: what is before the damage stays, and what is behind it is told.
    @Test
    func `what nothing proves is cut, and told lease by lease`() throws {
        let scene = try RepairScene()
        let segments = scene.segments
        let injured = segments[segments.count / 2]
        try scene.injure("state/data.mdb") { bytes in
            for index in 0..<bytes.count { bytes[index] = 0xee }
        }
        let middle = scene.used(injured) / 2
        try scene.injure(injured) { bytes in
            for index in middle..<(middle + 200) { bytes[index] ^= 0x77 }
        }
        let all = try scene.recordsOfCopy()
        let (plan, kept) = try scene.repair()
        let cut = try #require(plan.cut)
        #expect(cut.position > 1 && plan.losesChanges)
        guard case .remade = plan.state else {
            Issue.record("\(plan.state)")
            return
        }
        #expect(try scene.records() == all.filter { $0.position < cut.position })
        let lost = try #require(plan.lost)
        let granted = all.filter { $0.position >= cut.position }.flatMap { record in
            ((try? EventCodec.decode(unsafe record.payload.span.bytes))?.events ?? [])
                .compactMap { event -> LeaseID? in
                    if case .granted(let record) = event { record.lease.id } else { nil }
                }
        }
        // All but those of the damaged group itself.
        #expect(Set(lost.grants.map(\.lease)).isSubset(of: Set(granted)))
        #expect(lost.granted + 24 >= UInt64(granted.count) && lost.granted > 0)
        #expect(kept.count == 2)
        #expect(try scene.epochAfterOpening() == 2)
        #expect(try scene.audit().replayAgrees == true)
    }

    @Test
    func `a damaged state is made anew from the log`() throws {
        let scene = try RepairScene()
        try scene.injure("state/data.mdb") { bytes in
            for index in 8192..<12288 { bytes[index] = 0 }
        }
        let (plan, kept) = try scene.repair()
        #expect(plan.log.isSound && kept == ["state.kept-1"])
        #expect(try scene.epochAfterOpening() == 2)
        #expect(try scene.audit().replayAgrees == true)
    }

    @Test
    func `without a state or a first record nothing is done`() throws {
        let scene = try RepairScene()
        try scene.injure("state/data.mdb") { $0 = [] }
        try scene.remove(try #require(scene.segments.first))
        let (plan, kept) = try scene.repair()
        #expect(!plan.helps && kept.isEmpty)
        // A copy has it.
        let (second, _) = try scene.repair(fromCopy: true)
        #expect(second.helps && !second.losesChanges)
        #expect(try scene.epochAfterOpening() == 2)
    }

    @Test
    func `a copy of another ledger is refused`() throws {
        let scene = try RepairScene()
        let other = LedgerScratch()
        _ = try other.core(clock: VirtualClock())
        #expect(throws: StorageError.self) {
            try LedgerRepair(at: scene.path, from: other.path, runner: nil)
        }
    }
}
