// What the index of a segment says, that it is made anew, and that nothing hides behind it.

import SystemPackage
import TenureLog
import TenureModel
import TenureTesting
import Testing

@testable import TenureStorage

@Suite("Segment index", .serialized)
struct SegmentIndexTests {
    private let scratch: Scratch
    /// What was written, by position from 1 on.
    private let records: [[Event]]

    /// Makes a ledger of several segments of random records, one group each.
    init() throws {
        scratch = try Scratch()
        let configuration = Scratch.configuration(segmentBytes: LogLimits.segmentMinimum)
        try scratch.create(configuration)
        let storage = try Storage.prepare(
            at: scratch.ledger,
            configuration: configuration
        ).replay { _, _, _ in }
        var values = RandomValues(seed: 12)
        var records: [[Event]] = []
        for number in 1...170 as ClosedRange<UInt64> {
            let events = EventTag.allCases.shuffled(using: &values.generator).prefix(3)
                .map { values.event($0) }
            records.append(events)
            _ = storage.log.append(time: number * 10, payload: EventCodec.encode(events))
            try storage.log.commit()
        }
        self.records = records
    }

    private func directory() throws -> DataDirectory {
        try DataDirectory.open(at: scratch.ledger, access: .audit)
    }

    private func indexing() throws -> SegmentIndexing {
        let directory = try directory()
        return SegmentIndexing(of: directory.ledger, on: directory.disk)
    }

    /// The segments in log/, the last of which is being written.
    private var segments: [SegmentName] {
        scratch.list("log").compactMap(SegmentName.init).sorted()
    }

    private var indexes: [String] { scratch.list("archive").filter { $0.hasSuffix(".idx") } }

    private func subjects(of event: Event) -> [Subject] {
        var subjects: [Subject] = []
        event.forEachSubject { subjects.append($0) }
        return subjects
    }

    @Test
    func `an index has every subject of its segment, and no other`() throws {
        let indexing = try indexing()
        #expect(segments.count >= 4)
        var all: Set<Subject> = []
        for events in records { for event in events { all.formUnion(subjects(of: event)) } }
        for (name, next) in zip(segments, segments.dropFirst()) {
            let index = try #require(try indexing.index(of: name))
            #expect(index.end.position == next.firstPosition)
            let range = Int(name.firstPosition - 1)..<Int(next.firstPosition - 1)
            let inside = Set(records[range].joined().flatMap(subjects))
            for subject in all {
                #expect(index.contains(subject) == inside.contains(subject), "\(subject)")
            }
            let landmarks = range.flatMap { number in
                records[number].compactMap { event in
                    let position = Position(number + 1)
                    let time = LedgerTime(nanoseconds: position * 10)
                    return SegmentIndex.Landmark(event, at: position, time: time)
                }
            }
            #expect(index.landmarks == landmarks)
            #expect(try SegmentIndex(index.bytes) == index)
        }
        #expect(try indexing.index(of: try #require(segments.last)) == nil)
    }

    @Test
    func `a filter admits every record that is about its subject`() {
        let payloads = records.map { EventCodec.encode($0) }
        let abouts = records.map { Set($0.flatMap(subjects)) }
        var passedOver = 0
        for subject in abouts.reduce(into: Set(), { $0.formUnion($1) }) {
            let filter = RecordFilter([subject])
            for (payload, about) in zip(payloads, abouts) {
                let isAdmitted = filter.admits(unsafe payload.span.bytes)
                if !isAdmitted, about.contains(subject) { Issue.record("\(subject)") }
                if !isAdmitted { passedOver += 1 }
            }
        }
        #expect(passedOver > records.count * 100)
    }

    @Test
    func `a list has the identifiers that it was made of, over all of their range`() throws {
        var values = RandomValues(seed: 5)
        for count in [0, 1, 2, 127, 128, 129, 256, 1000] {
            let base = values.u64()
            // Most of them lie close together, as tokens do, and some repeat.
            var identifiers = (0..<UInt64(count)).map { base &+ 2 * ($0 / 2) }
            identifiers += (0..<min(count, 40)).map { _ in values.u64() } + [0, .max]
            let list = IdentifierList(identifiers.shuffled(using: &values.generator))
            #expect(list.count == Set(identifiers).count)
            for identifier in identifiers { #expect(list.contains(identifier)) }
            for identifier in identifiers where !identifiers.contains(identifier &+ 1) {
                #expect(!list.contains(identifier &+ 1))
            }
        }
    }

    @Test
    func `every index that can be made is made once, the newest first, a few at a time`() throws {
        let indexing = try indexing()
        let sealed = segments.dropLast().map(\.index)
        #expect(sealed.count > SegmentIndexing.segmentsMax)
        try indexing.run()
        let newest = Array(sealed.suffix(SegmentIndexing.segmentsMax))
        #expect(indexes.map { "archive/\($0)" } == newest)
        while indexes.count < sealed.count {
            let before = indexes.count
            try indexing.run()
            #expect(indexes.count > before)
        }
        #expect(indexes.map { "archive/\($0)" } == Array(sealed))
        for name in segments.dropLast() {
            #expect(indexing.stored(of: name) == (try indexing.index(of: name)))
        }
    }

    @Test
    func `a segment that is gone is passed over, one that can not be read is told`() throws {
        let directory = try directory()
        let segment = segments[1]
        let path = segment.inLog
        func indexing(_ errno: Errno) -> SegmentIndexing {
            let disk = InterposedDisk(
                directory.disk,
                opening: { (opened) throws(DiskError) in
                    if opened == path { throw .system(errno, .open, path: path) }
                }
            )
            return SegmentIndexing(of: directory.ledger, on: disk)
        }
        #expect(try indexing(.noSuchFileOrDirectory).index(of: segment) == nil)
        #expect(throws: LogError.self) { try indexing(.ioError).index(of: segment) }
    }

    @Test
    func `a damaged index is not used, and the audit names it`() throws {
        let indexing = try indexing()
        while indexes.count < segments.count - 1 { try indexing.run() }
        #expect(try Verify.run(at: scratch.ledger, runner: nil).isDamaged == false)
        let name = segments[1]
        let bytes = try scratch.read(name.index)
        for offset in bytes.indices {
            var damaged = bytes
            damaged[offset] ^= 1 << UInt8(offset % 8)
            #expect(throws: (any Error).self) { try SegmentIndex(damaged) }
            #expect(throws: (any Error).self) { try SegmentIndex(Array(bytes[..<offset])) }
        }
        var damaged = bytes
        damaged[bytes.count / 2] ^= 1
        try scratch.write(name.index, damaged)
        #expect(indexing.stored(of: name) == nil)
        let report = try Verify.run(at: scratch.ledger, runner: nil)
        let named = report.findings.filter { $0.severity == .damage }
        #expect(named.map(\.place) == [name.index])
        // An index of another segment is whole, and yet not that of this one.
        try scratch.write(name.index, try scratch.read(segments[2].index))
        #expect(indexing.stored(of: name) == nil)
        #expect(try Verify.run(at: scratch.ledger, runner: nil).isDamaged)
    }

    @Test(arguments: [1, 2] as [UInt8])
    func `an index of an earlier version is not used, and is no damage`(format: UInt8) throws {
        let indexing = try indexing()
        while indexes.count < segments.count - 1 { try indexing.run() }
        let name = segments[1]
        var bytes = try scratch.read(name.index)
        bytes[8] = format
        var checksum = CRC32C()
        checksum.update(unsafe bytes.span.bytes.extracting(8..<bytes.count))
        for place in 0..<4 {
            bytes[4 + place] = UInt8(truncatingIfNeeded: checksum.value >> (8 * UInt32(place)))
        }
        try scratch.write(name.index, bytes)
        #expect(indexing.stored(of: name) == nil)
        let report = try Verify.run(at: scratch.ledger, runner: nil)
        #expect(!report.isDamaged)
        let told = report.findings.filter { $0.place == name.index }
        #expect(told.map(\.severity) == [.note])
    }

    @Test
    func `where a segment is passed over, the next one must go on where it ended`() throws {
        let indexing = try indexing()
        let directory = try directory()
        let passed = segments[1]
        let end = try #require(try indexing.index(of: passed)).end
        func problems(_ place: GroupPlace) throws -> [LogProblem] {
            var problems: [LogProblem] = []
            let summary = try LogReader(disk: directory.disk, ledgerID: directory.ledger).read(
                passing: { $0 == passed ? place : nil },
                frame: { _ in },
                problem: { problems.append($0) }
            )
            let skipped = segments[2].firstPosition - segments[1].firstPosition
            #expect(summary.frames == UInt64(records.count) - skipped)
            return problems
        }
        #expect(try problems(end) == [])
        var other = end
        other.seal = .zero
        #expect(try problems(other).map(\.fault) == [.brokenChain])
    }
}
