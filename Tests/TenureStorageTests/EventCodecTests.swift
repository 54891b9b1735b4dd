// Events as bytes: what is written is read, and nothing else is.

import TenureBase
import TenureModel
import TenureSimulation
import TenureStorage
import TenureTesting
import Testing

@Suite("Event codec")
struct EventCodecTests {
    @Test(arguments: EventTag.allCases)
    func `what is written is read back`(tag: EventTag) throws {
        var values = RandomValues(seed: UInt64(tag.rawValue))
        for _ in 0..<300 {
            let events = [values.event(tag), values.event(tag)]
            let decoded = try EventCodec.decode(EventCodec.encode(events))
            #expect(decoded.events == events)
            #expect(decoded.unknownTags.isEmpty)
        }
    }

    @Test(arguments: EventTag.allCases)
    func `I10: a payload that was cut is refused at every byte`(tag: EventTag) throws {
        var values = RandomValues(seed: 7)
        let first = EventCodec.encode([values.event(tag)])
        let bytes = EventCodec.encode([values.event(tag)])
        for count in 0..<bytes.count where count != 1 {
            #expect(throws: DecodeError.self) { try EventCodec.decode(Array(bytes[..<count])) }
        }
        // Cut inside the fields, with a length that says so.
        for count in 6..<first.count {
            var cut = Array(first[..<count])
            let length = UInt32(count - 6)
            for index in 0..<4 { cut[2 + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
            // Without its last part, where that may be absent, it is another event; a zero in front
            // of that part is not written without it.
            if let other = try? EventCodec.decode(cut) {
                let again = EventCodec.encode(other.events)
                #expect(cut[6...].starts(with: again[6...]))
                #expect(cut[again.count...].allSatisfy { $0 == 0 })
                continue
            }
            #expect(throws: DecodeError.self) { try EventCodec.decode(cut) }
        }
    }

    @Test
    func `bytes that nobody wrote are an error or events, never a trap`() {
        var generator = SeededGenerator(seed: 3)
        var values = RandomValues(seed: 4)
        for round in 0..<20_000 {
            var bytes = generator.bytes(round % 200)
            if round % 2 == 0 {
                let tag = values.pick(EventTag.allCases)
                bytes = EventCodec.encode([values.event(tag)])
                for _ in 0..<3 {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    bytes[place] = UInt8(truncatingIfNeeded: generator.next())
                }
            }
            _ = try? EventCodec.decode(bytes)
        }
    }

    @Test
    func `a later version may append fields to an event`() throws {
        let event = Event.released(LeaseID(rawValue: 5))
        var bytes = EventCodec.encode([event])
        bytes += [1, 2, 3]
        bytes[2] += 3
        bytes += EventCodec.encode([event]).dropFirst()
        #expect(try EventCodec.decode(bytes).events == [event, event])
    }

    @Test(arguments: [(UInt8(90), false), (UInt8(200), true)])
    func `an unknown event is passed over and told`(tag: UInt8, isHarmless: Bool) throws {
        var bytes = EventCodec.encode([])
        bytes += [tag, 2, 0, 0, 0, 7, 7]
        bytes += EventCodec.encode([.poolDeleted(name: "p")]).dropFirst()
        let decoded = try EventCodec.decode(bytes)
        #expect(decoded.events == [.poolDeleted(name: "p")])
        #expect(decoded.unknownTags == [tag])
        #expect(decoded.isComplete == isHarmless)
    }

    @Test
    func `another version of the payload is refused`() {
        #expect(throws: DecodeError.invalid(offset: 0, field: "payload version")) {
            try EventCodec.decode([2])
        }
    }

    @Test
    func `encoding appends to what is there`() {
        var bytes: [UInt8] = [9]
        EventCodec.encode([.released(LeaseID(rawValue: 1))], into: &bytes)
        #expect(bytes.first == 9)
        #expect(Array(bytes.dropFirst()) == EventCodec.encode([.released(LeaseID(rawValue: 1))]))
    }
}
