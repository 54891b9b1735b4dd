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
    func `the level of a queued request is appended behind its bounds, as a rule`() throws {
        let sample = SampleEvents.ticket
        let before = EventCodec.encode([.queued(sample)])
        var request = sample.request
        request.within = "rack"
        let ticket = Ticket(
            id: sample.id,
            request: request,
            holder: sample.holder,
            uid: sample.uid,
            since: sample.since,
            until: sample.until
        )
        let bytes = EventCodec.encode([.queued(ticket)])
        // No price, no most of two amounts, and one rule.
        let tail: [UInt8] = [0, 0, 0, 1, 0, 4, 0x72, 0x61, 0x63, 0x6b]
        #expect(Array(bytes[6...]) == Array(before[6...]) + tail)
        #expect(try EventCodec.decode(bytes).events == [.queued(ticket)])
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
