// Whether a log keeps what its bookings promise: a slow and obvious reading of it (K4).

import TenureModel

@testable import TenureModel

/// What is known of bookings by the records so far, and what is wrong with them.
struct BookingAudit {
    /// Those that have not begun.
    private(set) var open: [TicketID: Booking] = [:]
    private(set) var faults: [String] = []
    /// How many were made, began, and of these began in other places than were booked.
    private(set) var made = 0
    private(set) var begun = 0
    private(set) var moved = 0
    /// How many were called off.
    private(set) var cancelled = 0
    /// Those that ended without having begun, for another reason.
    private(set) var lost: [TicketEnd] = []
    /// The longest time by which one began late, in nanoseconds.
    private(set) var latest: UInt64 = 0
    private var known: Set<TicketID> = []
    /// Why the next grant is elsewhere.
    private var moving: Set<TicketID> = []

    /// Whether this is the name of a booking, and not of a ticket that waits.
    func isBooking(_ id: TicketID) -> Bool { known.contains(id) }

    /// Takes in the next record.
    mutating func take(_ events: [Event], _ time: LedgerTime) {
        for event in events {
            switch event {
            case .booked(let booking): take(booking, time)
            case .bookingMoved(let id, _):
                if open[id] == nil { fault(id, "is moved, but is not there") }
                moving.insert(id)
            case .granted(let record): take(record, time)
            case .ticketEnded(let end): take(end, time)
            default: break
            }
        }
        for id in moving { fault(id, "is moved, and does not begin") }
        moving = []
    }

    private mutating func take(_ booking: Booking, _ time: LedgerTime) {
        made += 1
        if !known.insert(booking.id).inserted { fault(booking.id, "is made twice") }
        if booking.start <= time || booking.end <= booking.start {
            fault(booking.id, "has wrong times")
        }
        if booking.placements.isEmpty { fault(booking.id, "has no places") }
        open[booking.id] = booking
    }

    private mutating func take(_ record: GrantRecord, _ time: LedgerTime) {
        guard let id = record.served?.ticket, known.contains(id) else { return }
        guard let booking = open.removeValue(forKey: id) else {
            return fault(id, "begins, but is not there")
        }
        begun += 1
        let terms = record.lease.terms
        if moving.remove(id) != nil {
            moved += 1
        } else if record.lease.placements != booking.placements {
            fault(id, "begins elsewhere without a reason")
        } else if terms.lifetimeEnd != booking.end {
            fault(id, "does not end with its lease")
        }
        if terms.lifetimeEnd > booking.end { fault(id, "ends before its lease") }
        if terms.granted < booking.start { return fault(id, "begins too early") }
        latest = max(latest, terms.granted.nanoseconds - booking.start.nanoseconds)
    }

    private mutating func take(_ end: TicketEnd, _ time: LedgerTime) {
        guard known.contains(end.ticket) else { return }
        guard let booking = open.removeValue(forKey: end.ticket) else {
            return fault(end.ticket, "ends, but is not there")
        }
        switch end.cause {
        case .cancelled: cancelled += 1
        case .timeout:
            if time < booking.end { fault(end.ticket, "ends as over before its end") }
            lost.append(end)
        case .refused:
            if time < booking.start { fault(end.ticket, "is lost before its start") }
            if end.message.isEmpty { fault(end.ticket, "is lost without a reason") }
            lost.append(end)
        }
    }

    private mutating func fault(_ id: TicketID, _ sentence: String) {
        faults.append("K4: booking \(id.rawValue) \(sentence)")
    }
}
