// Bookings: written the same way in events and in rows.
//
//   booking  start u64 · free by u64 · placements · ticket (TicketCoding.swift)
//
// The ticket is last, so that a later version can append to its request.

package import TenureBase
package import TenureModel

extension FieldWriter {
    mutating func bookingFields(of event: Event) {
        switch event {
        case .booked(let booked):
            u64(booked.id.rawValue)
            booking(booked)
        case .bookingMoved(let id, let reason):
            u64(id.rawValue)
            text(reason)
        default: violated("E1: \(event.tag) is no event of a booking")
        }
    }

    mutating func booking(_ booking: Booking) {
        time(booking.start)
        time(booking.freeBy)
        placements(booking.placements)
        ticket(booking.ticket)
    }
}

extension ByteReader {
    mutating func bookingEvent(_ tag: EventTag) throws(DecodeError) -> Event {
        let id = TicketID(rawValue: try read())
        if tag == .booked { return .booked(try booking(id)) }
        return .bookingMoved(id, reason: try readString())
    }

    mutating func booking(_ id: TicketID) throws(DecodeError) -> Booking {
        let start = try time()
        let freeBy = try time()
        let placements = try placements()
        return Booking(
            ticket: try ticket(id),
            start: start,
            freeBy: freeBy,
            placements: placements
        )
    }
}

extension Booking: StorableRow {
    package static var table: RowTable { .bookings }

    package func writePayload(to writer: inout FieldWriter) { writer.booking(self) }

    package static func read(
        _ key: TicketID,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Booking {
        try reader.booking(key)
    }
}
