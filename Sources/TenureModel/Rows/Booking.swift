// Bookings: amounts in places of a pool that are one request's from a time on.
//
// A booking is a ticket whose turn comes at a fixed time, in fixed places: it is a row from its
// making to the frame that makes it a lease or ends it, and what became of it is kept as its note.
// Until then its places are withheld from whatever might live into it (Ledger+BookedRoom.swift).

internal import TenureBase

/// Amounts that are a request's from a time on.
package struct Booking: Hashable, Sendable {
    /// Its name, what was asked and by whom; it was made at `since` and ends at `until`.
    package let ticket: Ticket
    /// When it becomes a lease.
    package let start: LedgerTime
    /// When what it takes is free again at the latest: its end, and the lock-delay that its pool
    /// had when it was made.
    package let freeBy: LedgerTime
    /// What it takes; of no resource twice.
    package let placements: [Placement]

    package init(
        ticket: Ticket,
        start: LedgerTime,
        freeBy: LedgerTime,
        placements: [Placement]
    ) {
        self.ticket = ticket
        self.start = start
        self.freeBy = freeBy
        self.placements = placements
    }

    /// Its name.
    package var id: TicketID { ticket.id }
    /// When its lease ends at the latest, however late that began.
    package var end: LedgerTime { ticket.until }
    /// The pool that it is of.
    package var pool: String { ticket.request.pool }

    /// What was asked, with its times: what a request id stands for.
    var canonicalBytes: [UInt8] {
        BookingRequest(
            ticket.request,
            startMilliseconds: start.milliseconds(since: ticket.since),
            lengthMilliseconds: end.milliseconds(since: start)
        ).canonicalBytes
    }

    /// What is granted at `now`, with the times that its pool allows: a lease that needs no renewal
    /// before the end of the booking, if the pool lets it live so long and no TTL was asked for.
    func request(at now: LedgerTime, _ settings: PoolSettings?) -> AcquireRequest {
        var request = ticket.request
        let left = end.milliseconds(since: now)
        request.maxLifetimeMilliseconds = max(left, 1)
        // Rounded up, so that it is not the TTL that ends it.
        request.ttlMilliseconds = request.ttlMilliseconds ?? settings?.ttl(closestTo: left + 1)
        return request
    }
}

extension PoolSettings {
    /// The TTL that the pool allows which is closest to `milliseconds`.
    func ttl(closestTo milliseconds: UInt64) -> UInt64 { max(ttlMin, min(milliseconds, ttlMax)) }
}

/// The bookings that have not begun, which stay in memory, and how they are found.
///
/// Beside them it has what windows will take, so that both are withheld in the same way.
package struct BookingTable {
    /// What one booking takes of one resource, or one window of it.
    struct Part {
        /// More than any resource has: what a window takes, whatever the capacity becomes.
        static let everything = Limits.amountMax + 1

        /// The number of the booking or window.
        let owner: UInt64
        let start: LedgerTime
        let freeBy: LedgerTime
        let amount: UInt64

        /// Whether it is all of the resource.
        var isOfWindow: Bool { amount == Self.everything }

        /// Whether it is taken at a time from `start` to `end`.
        func meets(_ start: LedgerTime, _ end: LedgerTime) -> Bool {
            self.start < end && freeBy > start
        }
    }

    private struct StartKey: Comparable {
        let start: LedgerTime
        let id: TicketID

        static func < (left: StartKey, right: StartKey) -> Bool {
            left.start != right.start ? left.start < right.start : left.id < right.id
        }
    }

    private var rows: [TicketID: Booking] = [:]
    private var byRequest: [RequestKey: TicketID] = [:]
    private var counts: [String: Int] = [:]
    private var poolCounts: [String: Int] = [:]
    private var order = OrderedKeys<StartKey>()
    /// What they and windows take, by pool and resource, the earliest first; no entry is empty.
    private(set) var parts: [String: [ResourceID: [Part]]] = [:]
    /// Those that changed since the last checkpoint, and where.
    var changed: [TicketID: Position] = [:]

    /// How many there are.
    package private(set) var count = 0
    /// How many there are, and how many parts of windows.
    ///
    /// Kept apart, so that whether there are any is told without a copy of what it is a part of:
    /// that is all that ledgers without bookings and windows pay.
    package private(set) var pending = 0

    /// All of them, oldest first.
    var inOrder: [Booking] { rows.values.sorted { $0.id < $1.id } }

    subscript(id: TicketID) -> Booking? { rows[id] }

    /// The booking that a request id has.
    subscript(key: RequestKey) -> Booking? { byRequest[key].flatMap { rows[$0] } }

    /// How many are of exactly this tenant.
    func count(of tenant: String) -> Int { counts[tenant, default: 0] }

    /// How many are of this pool.
    func count(in pool: String) -> Int { poolCounts[pool, default: 0] }

    /// Calls `body` with every booking, the first to begin first, until it returns false.
    func visit(_ body: (Booking) -> Bool) {
        order.forEach(from: StartKey(start: .zero, id: TicketID(rawValue: 0))) { key in
            rows[key.id].map(body) ?? true
        }
    }

    /// Adds a booking; O(bookings of its resources).
    mutating func insert(_ booking: Booking) {
        invariant(rows.updateValue(booking, forKey: booking.id) == nil, "K4: booked once")
        count += 1
        pending += 1
        order.insert(StartKey(start: booking.start, id: booking.id))
        counts[booking.ticket.request.tenant, default: 0] += 1
        poolCounts[booking.pool, default: 0] += 1
        if let key = booking.ticket.requestKey { byRequest[key] = booking.id }
        for placement in booking.placements {
            let part = Part(
                owner: booking.id.rawValue,
                start: booking.start,
                freeBy: booking.freeBy,
                amount: placement.amount
            )
            parts[booking.pool, default: [:]][placement.resource, default: []].add(part)
        }
    }

    /// Takes a booking out; nothing when it is not there.
    mutating func remove(_ id: TicketID) -> Booking? {
        guard let booking = rows.removeValue(forKey: id) else { return nil }
        count -= 1
        pending -= 1
        order.remove(StartKey(start: booking.start, id: id))
        Self.subtractOne(from: &counts, booking.ticket.request.tenant)
        Self.subtractOne(from: &poolCounts, booking.pool)
        if let key = booking.ticket.requestKey { byRequest[key] = nil }
        for placement in booking.placements {
            removePart(of: id.rawValue, from: placement.resource, in: booking.pool)
        }
        return booking
    }

    private mutating func removePart(of owner: UInt64, from id: ResourceID, in pool: String) {
        parts[pool]?[id]?.remove(owner)
        if parts[pool]?[id]?.isEmpty == true { parts[pool]?[id] = nil }
        if parts[pool]?.isEmpty == true { parts[pool] = nil }
    }

    /// Withholds all of a resource for the time of a window; O(parts of the resource).
    mutating func withhold(_ id: ResourceID, in pool: String, for window: Window) {
        pending += 1
        let part = Part(
            owner: window.id.rawValue,
            start: window.start,
            freeBy: window.end,
            amount: Part.everything
        )
        parts[pool, default: [:]][id, default: []].add(part)
    }

    /// Does not withhold it any more.
    mutating func giveUp(_ id: ResourceID, in pool: String, of window: WindowID) {
        pending -= 1
        removePart(of: window.rawValue, from: id, in: pool)
    }

    /// What bookings but `exception`, and windows, take of a resource at these times, which are in
    /// order, of its parts; O(parts log parts).
    static func booked(
        _ parts: [Part],
        at times: [LedgerTime],
        except exception: TicketID? = nil
    ) -> [UInt64] {
        var begun = parts.filter { $0.owner != exception?.rawValue }[...]
        var ended = begun.sorted { $0.freeBy < $1.freeBy }[...]
        // What is taken at once is never more than a capacity and one window, but its parts, added
        // up, may be more than 64 bits on the way.
        var sum: UInt64 = 0
        return times.map { time in
            while let part = begun.first, part.start <= time {
                sum &+= part.amount
                begun.removeFirst()
            }
            while let part = ended.first, part.freeBy <= time {
                sum &-= part.amount
                ended.removeFirst()
            }
            return sum
        }
    }

    private static func subtractOne(from counts: inout [String: Int], _ key: String) {
        let left = counts[key, default: 1] - 1
        counts[key] = left > 0 ? left : nil
    }
}

extension [BookingTable.Part] {
    /// Adds a part, behind those that begin with it or before it.
    fileprivate mutating func add(_ part: BookingTable.Part) {
        insert(part, at: firstIndex { $0.start > part.start } ?? count)
    }

    /// Takes the part of a booking or window out.
    fileprivate mutating func remove(_ owner: UInt64) {
        removeAll { $0.owner == owner }
    }
}

extension Event {
    /// The facts of an event of bookings as fields.
    var bookingFields: [Document.Field] {
        switch self {
        case .booked(let booking):
            let request = booking.ticket.request
            return [
                .init("booking", .id(booking.id.rawValue)), .init("pool", .string(booking.pool)),
                .init("tenant", .string(request.tenant)),
                .init("holder", .string(booking.ticket.holder)),
                .init("uid", booking.ticket.uid.map { .count(UInt64($0)) } ?? .null),
                .init("start", booking.start.document), .init("end", booking.end.document),
                .init("priority", .string(request.priority.name)),
                .init("request", .optional(request.requestID)),
                .init("purpose", .optional(request.purpose)),
                .init("placements", booking.placements.document),
            ]
        case .bookingMoved(let id, let reason):
            return [.init("booking", .id(id.rawValue)), .init("reason", .string(reason))]
        default: return []
        }
    }
}
