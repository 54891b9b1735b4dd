// What an anchor that was kept elsewhere says of a log.

import TenureLog
import TenureModel
import Testing

@testable import TenureStorage

@Suite("Anchors", .serialized)
struct AnchorTests {
    private let scratch: Scratch
    /// One for every record, as they were given out.
    private var anchors: [LogAnchor] = []

    /// Makes a ledger of several segments.
    init() throws {
        scratch = try Scratch()
        let configuration = Scratch.configuration(segmentBytes: LogLimits.segmentMinimum)
        try scratch.create(configuration)
        let storage = try Storage.prepare(
            at: scratch.ledger,
            configuration: configuration
        ).replay { _, _, _ in }
        for number in 1...60 as ClosedRange<UInt64> {
            let name = "pool-\(number)"
            let events = [Event.poolSet(Pool(name: name, settings: PoolSettings()))]
            _ = storage.log.append(time: number * 10, payload: EventCodec.encode(events))
            try storage.log.commit()
            anchors.append(LogAnchor(position: number, seal: storage.log.seal))
        }
    }

    private func damage(_ anchor: LogAnchor) throws -> [String] {
        try Verify.run(at: scratch.ledger, runner: nil, anchor: anchor).findings
            .filter { $0.severity == .damage }.map(\.sentence)
    }

    @Test
    func `I9: every anchor that was given out is one of its history, and no other is`() throws {
        for anchor in anchors {
            #expect(try damage(anchor) == [])
            #expect(LogAnchor("\(anchor)") == anchor)
        }
        #expect(try damage(LogAnchor(position: 0, seal: .zero)) == [])
        let moved = LogAnchor(position: 7, seal: anchors[7].seal)
        #expect(try damage(moved).contains { $0.contains("is not the one") })
        let late = LogAnchor(position: 61, seal: anchors[59].seal)
        #expect(try damage(late).contains { $0.contains("the rest is missing") })
    }

    @Test
    func `I9: a log that begins behind an anchor is not taken for one that has it`() throws {
        let segments = scratch.list("log").filter { $0.hasSuffix(".seg") }.sorted()
        #expect(segments.count >= 3)
        Scratch.remove("\(scratch.ledger)/log/\(segments[0])")
        #expect(try damage(anchors[0]).contains { $0.contains("nothing shows") })
        #expect(try !damage(anchors[59]).contains { $0.contains("anchor") })
    }

    @Test
    func `the newest anchor is that of all but the last group`() throws {
        let directory = try DataDirectory.open(at: scratch.ledger, access: .copy)
        #expect(try directory.anchor == anchors[58])
    }
}
