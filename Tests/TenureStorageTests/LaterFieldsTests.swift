// Fields that were appended to records of format 1: their bytes, and that records without them read
// as they were written.

import TenureModel
import TenureStorage
import Testing

@Suite("Later fields")
struct LaterFieldsTests {
    @Test
    func `the weights of a pool are appended where they are not all one`() throws {
        var settings = SampleEvents.poolSettings
        let before = EventCodec.encode([.poolSet(Pool(name: "gpus", settings: settings))])
        settings.weights.performance = 3
        let event = Event.poolSet(Pool(name: "gpus", settings: settings))
        let bytes = EventCodec.encode([event])
        #expect(Array(bytes[6...]) == Array(before[6...]) + [1, 61, 3, 0, 0, 0, 0, 0, 0, 0])
        #expect(try EventCodec.decode(bytes).events == [event])
    }

    @Test
    func `what a queued request asks of its places is appended behind its bounds, as rules`() throws
    {
        // No price, no most of two amounts, and two rules.
        let tail: [UInt8] =
            [0, 0, 0, 2, 0, 4, 0x72, 0x61, 0x63, 0x6b]
            + [2, 1, 0x61, 1, 0x62, 4, 0x6e, 0x6f, 0x64, 0x65]
        try check(tail) { request in
            request.within = "rack"
            request.away = [Affinity(Label(name: "a", value: "b"), level: "node")]
        }
    }

    @Test
    func `the pools that a queued request asks next are appended as rules, in their order`() throws
    {
        let tail: [UInt8] = [0, 0, 0, 2, 3, 2, 0x7a, 0x7a, 3, 1, 0x61]
        try check(tail) { $0.fallbackPools = ["zz", "a"] }
    }

    /// The sample of a queued request with this change has this tail, and reads as it was.
    private func check(_ tail: [UInt8], _ change: (inout AcquireRequest) -> Void) throws {
        let sample = SampleEvents.ticket
        let before = EventCodec.encode([.queued(sample)])
        var request = sample.request
        change(&request)
        let ticket = Ticket(
            id: sample.id,
            request: request,
            holder: sample.holder,
            uid: sample.uid,
            since: sample.since,
            until: sample.until
        )
        let bytes = EventCodec.encode([.queued(ticket)])
        #expect(Array(bytes[6...]) == Array(before[6...]) + tail)
        #expect(try EventCodec.decode(bytes).events == [.queued(ticket)])
    }

    @Test
    func `what other leases had to do with a grant is appended behind its candidates`() throws {
        func grant(_ rules: [String], _ ruledOut: UInt32) -> Event {
            var passedOver = PassedOver()
            passedOver.affinity = ruledOut
            let why = GrantReason(
                policyVersion: 1,
                strategy: .spread,
                considered: 2,
                passedOver: passedOver,
                affinities: rules
            )
            return .granted(GrantRecord(lease: SampleEvents.lease, stored: nil, why: why))
        }
        let before = EventCodec.encode([grant([], 0)])
        let event = grant(["NEAR a=b"], 3)
        let bytes = EventCodec.encode([event])
        // Nothing learnt, no ticket, no candidates.
        let tail = Array(repeating: 0, count: 4 + 8 + 1) + [1, 8] + Array("NEAR a=b".utf8) + [3]
        #expect(Array(bytes[6...]) == Array(before[6...]) + tail)
        #expect(try EventCodec.decode(bytes).events == [event])
    }

    @Test(arguments: [0, 9] as [UInt32])
    func `candidates are appended behind the learnt version and the ticket`(version: UInt32) throws
    {
        func grant(_ version: UInt32, _ candidates: [Candidate]) -> Event {
            let why = GrantReason(
                policyVersion: 1,
                strategy: .spread,
                considered: 2,
                passedOver: PassedOver(),
                learntVersion: version,
                candidates: candidates
            )
            return .granted(GrantRecord(lease: SampleEvents.lease, stored: nil, why: why))
        }
        let before = EventCodec.encode([grant(0, [])])
        let event = grant(version, [Candidate(place: "n1", score: -2)])
        let bytes = EventCodec.encode([event])
        let tail =
            [UInt8(version), 0, 0, 0] + Array(repeating: 0, count: 8)
            + [1, 2, 0x6e, 0x31, 0xfe] + Array(repeating: 0xff, count: 7)
        #expect(Array(bytes[6...]) == Array(before[6...]) + tail)
        #expect(try EventCodec.decode(bytes).events == [event])
    }
}
