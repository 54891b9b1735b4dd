// The events of one frame as bytes.
//
//   payload   version u8 = 1, then events to the end
//   event     tag u8 · length u32 · fields (as many bytes as `length` says)
//
// Field types are in FieldWriter.swift, leases, sessions and answers in RecordCoding.swift.
//
//   tag  event             fields
//     1  opened            boot text · boot ns u64 · wall ns u64 · namespace u64 · recovery text
//                          · version text · estimate u8
//     2  grace             from u64 · end u64 · ms u64 · count · each: pool text · ms u64
//     3  pool set          name text · strategy u8 · 7 settings u64, in the order of their keys
//                          · further settings: count u8 · each: key u8 · value u64; absent when
//                          all are their defaults
//     4  pool deleted      name text
//     5  resource set      id u32 · name text · pool text · kind text · capacity u64
//                          · node optional text · labels optional · cost optional u64
//                          · force u8 · detected u8
//     6  resource state    id u32 · state u8
//     7  resource deleted  id u32
//     8  quota set         tenant text · kind text · quota (QuotaCoding.swift)
//     9  quota deleted     tenant text · kind text
//    10  granted           id u64 · lease · policy u16 · strategy u8 · considered u32
//                          · without room count · without labels count
//                          · count · each: place text · reason u8
//                          · answer optional (tenant text · id text · answer)
//                          · learnt version u32, if not 0 or if more follows
//                          · ticket u64, 0 for none, if it served one or if more follows
//                          · kept until u64, if it served one
//                          · count · each: place text · score i64, if there are any or more
//                          follows
//                          · count · each: rule text · places they rule out count, if any
//    11  committed         id u64 · deadline u64 · kept placements
//    12  renewed           id u64 · deadline u64
//    13  reduced           id u64 · placements
//    14  released          id u64
//    15  reclaimed         cause u8 · evidence text · count · each: id u64 · until optional u64
//    16  quarantine ended  count · each: id u64
//    17  session opened    id u64 · session
//    18  session kept      id u64 · deadline u64
//    19  session ended     id u64 · cause u8 · evidence text
//    20  session forgotten id u64
//    21  answered          tenant text · id text · answer
//    22  answers forgotten count · each: due time u64 · class u8 · id u64 · request optional
//    23  epoch raised      epoch u16 · reason text
//    24  policy learnt     pool text · policy (PolicyCoding.swift)
//    25  tenant limits set tenant text · tenant limits (TenantCoding.swift)
//    26  budget set        tenant text · budget (BudgetCoding.swift)
//    27  budget deleted    tenant text
//    28  budget held       id u64 · charge
//    29  budget settled    count · each: settlement
//    30  queued            id u64 · ticket (TicketCoding.swift)
//    31  ticket prolonged  id u64 · until u64
//    32  ticket ended      id u64 · cause u8 · code text · message text · kept until u64
//                          · body optional bytes
//    38  grown             id u64 · token u64 · added placements · policy u16 and all that follows
//                          it in 10 up to the answer · learnt version u32
//    39  handed over       id u64 · token u64 · holder text · uid optional u32 · session optional
//                          u64 · TTL ms u64 · deadline u64 · answer optional, as in 10
//    40  subleased         id u64 · lease · parent u64 · answer optional, as in 10
//    41  leases forgotten  count · each: id u64
//    44  resource drained  id u32 · by u64
//    45  drain advanced    id u32 · past u64
//    46  breaker set       subject · breaker (BreakerCoding.swift)
//    47  breaker cleared   subject · reason text
//    50  preempted         until u64 · evidence text · count · each: id u64
//    51  booked            id u64 · booking (BookingCoding.swift)
//    52  booking moved     id u64 · reason text
//    53  window planned    id u64 · window (WindowCoding.swift)
//    54  window began      id u64
//    55  window ended      id u64 · cause u8 · count · each: resource u32
//    56  pruned            through u64 · seal text
//    57  wall clock set    wall ns u64
//   128  refused           tenant text · pool text · code text · limit text · message text
//   129  refusals counted  count · each: tenant text · pool text · code text · limit text
//                          · count u64
//
// A later version appends fields at the end of an event: a reader passes over fields that it does
// not know. It passes over whole events with a tag of 128 or more, which change no row; an unknown
// tag below that is told to the caller, who must not go on without knowing what it does.

package import TenureBase
package import TenureModel

/// Writes and reads the payload of a frame.
package enum EventCodec {
    /// What the first byte of a payload says.
    static let version: UInt8 = 1
    /// Tags from here on belong to events that change no row.
    static let firstInformational: UInt8 = 128

    /// What a payload holds.
    package struct Decoded: Equatable, Sendable {
        /// The events that are known here, in order.
        package var events: [Event] = []
        /// The tags of the others; one below 128 changes rows in a way that is not known here.
        package var unknownTags: [UInt8] = []

        /// Whether every event that changes rows is known.
        package var isComplete: Bool {
            unknownTags.allSatisfy { $0 >= EventCodec.firstInformational }
        }
    }

    /// The payload of a frame with these events.
    package static func encode(_ events: [Event]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64 + 256 * events.count)
        encode(events, into: &bytes)
        return bytes
    }

    /// Appends the payload of a frame with these events to `bytes`.
    package static func encode(_ events: [Event], into bytes: inout [UInt8]) {
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        var writer = FieldWriter(appendingTo: consume taken)
        writer.u8(version)
        for event in events { writer.event(event) }
        bytes = writer.take()
    }

    /// The events of a payload.
    ///
    /// - Throws: where and why the bytes are no payload.
    package static func decode(_ payload: RawSpan) throws(DecodeError) -> Decoded {
        var decoded = Decoded()
        guard try payload.integer(at: 0, as: UInt8.self) == version else {
            throw .invalid(offset: 0, field: "payload version")
        }
        var offset = 1
        while offset < payload.byteCount {
            let tag: UInt8 = try payload.integer(at: offset)
            let length = Int(try payload.integer(at: offset + 1, as: UInt32.self))
            let start = offset + 5
            guard length <= payload.byteCount - start else {
                throw .truncated(offset: start, needs: length, has: payload.byteCount - start)
            }
            offset = start + length
            guard let tag = EventTag(rawValue: tag) else {
                decoded.unknownTags.append(tag)
                continue
            }
            var fields = ByteReader(payload.extracting(start..<offset))
            decoded.events.append(try fields.event(tag))
        }
        return decoded
    }

    /// Whether a payload has an event with this tag; false also where it can not be read.
    package static func has(_ tag: EventTag, in payload: RawSpan) -> Bool {
        var offset = 1
        while let next = try? payload.integer(at: offset, as: UInt8.self),
            let length = try? payload.integer(at: offset + 1, as: UInt32.self)
        {
            if next == tag.rawValue { return true }
            offset += 5 + Int(length)
        }
        return false
    }

    /// The events of a payload that someone copied.
    package static func decode(_ payload: [UInt8]) throws(DecodeError) -> Decoded {
        // SAFETY: bytes have no padding that could be read uninitialised.
        try decode(unsafe payload.span.bytes)
    }
}

/// The tags of events that are known.
package enum EventTag: UInt8, CaseIterable, Sendable {
    case opened = 1
    case grace = 2
    case poolSet = 3
    case poolDeleted = 4
    case resourceSet = 5
    case resourceStateSet = 6
    case resourceDeleted = 7
    case quotaSet = 8
    case quotaDeleted = 9
    case granted = 10
    case committed = 11
    case renewed = 12
    case reduced = 13
    case released = 14
    case reclaimed = 15
    case quarantineEnded = 16
    case sessionOpened = 17
    case sessionKept = 18
    case sessionEnded = 19
    case sessionForgotten = 20
    case answered = 21
    case answersForgotten = 22
    case epochRaised = 23
    case policyLearnt = 24
    case tenantLimitsSet = 25
    case budgetSet = 26
    case budgetDeleted = 27
    case budgetHeld = 28
    case budgetSettled = 29
    case queued = 30
    case ticketProlonged = 31
    case ticketEnded = 32
    case grown = 38
    case handedOver = 39
    case subleased = 40
    case leasesForgotten = 41
    case resourceDrained = 44
    case drainAdvanced = 45
    case breakerSet = 46
    case breakerCleared = 47
    case preempted = 50
    case booked = 51
    case bookingMoved = 52
    case windowPlanned = 53
    case windowBegan = 54
    case windowEnded = 55
    case pruned = 56
    case wallClockSet = 57
    case refused = 128
    case refusalsCounted = 129
}
