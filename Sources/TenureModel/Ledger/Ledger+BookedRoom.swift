// What bookings, and windows that have not begun, leave to others.
//
//   K1  At its start every booking that was accepted fits where it was booked, unless something was
//       lost: a resource, a part of its capacity, or time, where a quarantine began late or the
//       lock-delay was raised. Whatever may live beyond the start of a booking, and is granted
//       before it, leaves it its places.
//   K4  A booking is made once, and then begins once or ends once. (K2 and K3: Ledger+Windows.)
//
// For every resource, at the start of every booking: what leases may still hold then, what all
// bookings take then, and what is newly granted and may live so long is no more than its capacity.
// Nothing but bookings and windows begins later than now, so at all other times there is less.
// Leases end when their longest life does; those whose end is not known hold what they hold for
// ever. A window takes more than any capacity, so that nothing is left beside it (K2).

extension LedgerState {
    /// The pools with bookings or windows that have not begun, by name.
    package var bookedPools: [String] { bookings.parts.keys.sorted() }

    /// Whether a pool has bookings or windows that have not begun.
    package func hasBookings(in pool: String) -> Bool { bookings.parts[pool] != nil }

    /// The booking of this name, if it has not begun.
    package func booking(_ id: TicketID) -> Booking? { bookings[id] }

    /// Whether there is such a pool.
    package func hasPool(_ name: String) -> Bool { pools.index(forKey: name) != nil }

    /// The bookings that are to begin by `now`, the first first.
    package func bookings(dueAt now: LedgerTime) -> [TicketID] {
        var due: [TicketID] = []
        bookings.visit { booking in
            guard booking.start <= now else { return false }
            due.append(booking.id)
            return true
        }
        return due
    }

    /// When the first booking begins that is not one of these; `never` without one.
    package func nextBooking(except known: (TicketID) -> Bool) -> LedgerTime {
        var time = LedgerTime.never
        bookings.visit { booking in
            if known(booking.id) { return true }
            time = booking.start
            return false
        }
        return time
    }

    /// How much of each booked resource of a pool there is for something that begins at `start` and
    /// is free again by `end` at the latest (K1).
    ///
    /// Only of those of which bookings but `exception` take something in that time, and of those
    /// given, if any are. With ends of leases that are not complete it is less than there is.
    package func bookedRoom(
        in pool: String,
        of resources: [ResourceID]? = nil,
        from start: LedgerTime,
        before end: LedgerTime,
        by ends: LeaseEnds?,
        except exception: TicketID? = nil,
        beside promised: [PromisedTime] = []
    ) -> [ResourceID: UInt64] {
        guard let booked = bookings.parts[pool] else { return [:] }
        var room: [ResourceID: UInt64] = [:]
        for id in resources ?? Array(booked.keys) {
            guard let parts = booked[id], let resource = resource(id) else { continue }
            if parts.contains(where: { $0.isOfWindow && $0.meets(start, end) }) {
                room[id] = 0
                continue
            }
            let times = Self.fullTimes(parts, id, from: start, before: end, exception, promised)
            if times.isEmpty { continue }
            let sums = BookingTable.booked(parts, at: times, except: exception)
            let amounts = ends?.amounts(backTo: id, until: times)
            for (index, time) in times.enumerated() {
                let (sum, back) = (sums[index], amounts?[index] ?? 0)
                var taken = resource.used > back ? resource.used - back : 0
                taken = taken.addingSaturating(sum)
                for promise in promised where promise.from <= time && promise.until > time {
                    taken = taken.addingSaturating(promise.places[id, default: 0])
                }
                let left = resource.capacity > taken ? resource.capacity - taken : 0
                room[id] = min(room[id] ?? .max, left)
            }
        }
        return room
    }

    /// The times at which more of a resource is taken than right before, where it is booked.
    private static func fullTimes(
        _ parts: [BookingTable.Part],
        _ id: ResourceID,
        from start: LedgerTime,
        before end: LedgerTime,
        _ exception: TicketID?,
        _ promised: [PromisedTime]
    ) -> [LedgerTime] {
        let met = parts.filter { $0.meets(start, end) && $0.owner != exception?.rawValue }
        if met.isEmpty { return [] }
        let dates = promised.filter { $0.places[id] != nil }.map(\.from)
        let times = met.map(\.start) + dates.filter { $0 < end }
        return Set(times.map { max($0, start) }).sorted()
    }

    /// When what bookings and windows of a pool take is free again, the first first; at most
    /// `Limits.datingLeases`.
    ///
    /// As ends that bring nothing back: there is room behind them that nobody may live into before.
    func bookedEnds(in pool: String, after now: LedgerTime) -> [LeaseEnds.Entry] {
        var ends: [LeaseEnds.Entry] = []
        for (id, parts) in bookings.parts[pool] ?? [:] {
            for part in parts where part.freeBy > now {
                let nothing = Placement(resource: id, amount: 0)
                ends.append(LeaseEnds.Entry(end: part.freeBy, placements: [nothing]))
            }
        }
        ends.sort { left, right in
            left.end != right.end
                ? left.end < right.end : left.placements[0].resource < right.placements[0].resource
        }
        return Array(ends.prefix(Limits.datingLeases))
    }

    /// What of each resource is free beyond so much.
    package func excess(over room: [ResourceID: UInt64]) -> [ResourceID: UInt64] {
        var excess: [ResourceID: UInt64] = [:]
        for (id, room) in room {
            guard let free = resource(id)?.free, free > room else { continue }
            excess[id] = free - room
        }
        return excess
    }

    /// The most that bookings of a pool take of each resource at any time from `start` to `end`.
    package func booked(
        in pool: String,
        from start: LedgerTime,
        before end: LedgerTime
    ) -> [ResourceID: UInt64] {
        var most: [ResourceID: UInt64] = [:]
        for (id, parts) in bookings.parts[pool] ?? [:] {
            let times = parts.map { max($0.start, start) }.filter { $0 < end }
            let amount = BookingTable.booked(parts, at: times).max() ?? 0
            if amount > 0 { most[id] = amount }
        }
        return most
    }

    /// How many parts are added up to find the room of these resources, or of all that are booked.
    func bookedParts(in pool: String, of resources: [ResourceID]?, by ends: LeaseEnds) -> Int {
        guard let booked = bookings.parts[pool] else { return 0 }
        return (resources ?? Array(booked.keys)).reduce(0) { sum, id in
            booked[id].map { sum + $0.count + ends.count(on: id) } ?? sum
        }
    }

    /// What leases give back to resources of these kinds until `time`, by their known ends.
    package func amountsBack(
        by ends: LeaseEnds,
        until time: LedgerTime,
        of kinds: Set<Kind>
    ) -> [ResourceID: UInt64] {
        ends.amountsBack(until: time).filter { id, _ in
            resource(id).map { kinds.contains($0.kind) } ?? false
        }
    }

    /// Whether the places of a booking come back before its end, if nothing else happens.
    package func comesBack(_ booking: Booking, by ends: LeaseEnds) -> Bool {
        booking.placements.allSatisfy { placement in
            guard let resource = resource(placement.resource),
                isGrantable(resource) || isBack(resource, before: booking.end)
            else { return false }
            let back = ends.amount(backTo: resource.id, until: booking.end)
            return resource.free(after: back) >= placement.amount
        }
    }

    /// Whether something of what was booked is not there now.
    package func isLost(_ booking: Booking) -> Bool { lost(of: booking) != nil }

    /// Why what was booked is not there now, as a sentence; nothing when all of it is.
    func lost(of booking: Booking) -> String? {
        for placement in booking.placements {
            guard let resource = resource(placement.resource) else {
                return "resource #\(placement.resource.rawValue) was deleted"
            }
            if resource.state != .active { return "\(resource.name) is \(resource.state.name)" }
            if !isGrantable(resource) { return "the breaker of \(resource.name) is open" }
            guard resource.free < placement.amount else { continue }
            let text = { Quantity.text($0, kind: resource.kind) }
            return "of \(resource.name) \(text(placement.amount)) was booked and "
                + "\(text(resource.free)) is free"
        }
        return nil
    }

    /// Whether a resource is drained by a window alone that is over by then.
    private func isBack(_ resource: Resource, before time: LedgerTime) -> Bool {
        guard let window = windows.running(resource.id), window.end < time else { return false }
        return window.members.contains { $0.resource == resource.id && $0.before == .active }
    }

    /// Whether anything of a resource is granted.
    private func isGrantable(_ resource: Resource) -> Bool {
        guard resource.state == .active, let slot = pools.index(forKey: resource.pool) else {
            return false
        }
        return !pools.values[slot].index.heldBack.contains(resource.id)
    }

    /// When the first booking or window begins that may be in the way of a request which would fit
    /// now, but for those; nothing where that is not so.
    package mutating func firstBooking(inTheWayOf request: AcquireRequest) -> LedgerTime? {
        guard place(request) == nil, bookedRefusal(of: request) != nil else { return nil }
        return request.bookedRoom.keys
            .compactMap { bookings.parts[request.pool]?[$0]?.first?.start }.min()
    }

    /// Why a request does not fit that would, but for bookings; nothing where those are not why.
    mutating func bookedRefusal(
        of request: AcquireRequest,
        nearby: Nearby = Nearby(),
        remedy: String = "ask with a MAXLIFETIME that ends before, or say WAIT"
    ) -> Refusal? {
        guard !request.bookedRoom.isEmpty else { return nil }
        var unbooked = request
        unbooked.bookedRoom = [:]
        guard place(unbooked, nearby: nearby) != nil else { return nil }
        let isBooked = bookings.count(in: request.pool) > 0
        let what = windows.count == 0 ? "booked" : isBooked ? "booked or drained" : "drained"
        let lists = windows.count == 0 ? "BOOKING LIST" : "BOOKING LIST and WINDOW LIST"
        return Refusal(
            .exhausted,
            "what is free in pool \(request.pool) is \(what) for a time that this request may live "
                + "into; \(remedy); see \(lists)",
            limit: request.totals.count == 1 ? request.totals[0].kind.name : ""
        )
    }
}

/// What is promised to one who waits, and may be held by it from a date to a time.
package struct PromisedTime {
    package let places: [ResourceID: UInt64]
    package let from: LedgerTime
    package let until: LedgerTime

    package init(places: [ResourceID: UInt64], from: LedgerTime, until: LedgerTime) {
        self.places = places
        self.from = from
        self.until = until
    }
}

extension AcquireRequest {
    /// What of each resource is not for this request, whatever is free: what is promised to others
    /// before it, and what bookings need.
    ///
    /// `freed` is what is held and counts as free.
    func leftToOthers(
        of resources: [Resource?],
        freed: [ResourceID: UInt64] = [:]
    ) -> [ResourceID: UInt64] {
        Self.leftToOthers(withheld, bookedRoom, of: resources, freed: freed)
    }

    /// The same for a request for which so much is withheld, and of what is booked so much is left.
    static func leftToOthers(
        _ withheld: [ResourceID: UInt64],
        _ bookedRoom: [ResourceID: UInt64],
        of resources: [Resource?],
        freed: [ResourceID: UInt64]
    ) -> [ResourceID: UInt64] {
        guard !bookedRoom.isEmpty else { return withheld }
        var left = withheld
        for (id, room) in bookedRoom {
            guard Int(id.rawValue) < resources.count, let resource = resources[Int(id.rawValue)]
            else { continue }
            let free = resource.free(after: freed[id, default: 0])
            if free > room { left[id] = max(left[id] ?? 0, free - room) }
        }
        return left
    }
}
