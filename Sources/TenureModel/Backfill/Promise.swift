// A date for one who waits: when its request fits at the latest, and where.

/// What is promised to a request that waits.
package struct Promise: Sendable {
    /// What is known of when it fits.
    package enum Outlook: Equatable, Sendable {
        /// At this time, in these places.
        case dated(LedgerTime, [ResourceID: UInt64])
        /// Not before this time: more leases than are looked at must end first.
        case notBefore(LedgerTime)
        /// Something that is in its way has no known end.
        case unknown
    }

    package let outlook: Outlook
    /// What was promised to others before it, and is not to be had for it.
    package let besides: [ResourceID: UInt64]
    /// The position at which the pool had changed last when it was made.
    package let version: Position
    /// How many places were looked at for it.
    package let steps: Int

    /// By when it fits; nothing when that is not known.
    package var date: LedgerTime? {
        if case .dated(let time, _) = outlook { time } else { nil }
    }

    /// The places that are promised to it.
    package var own: [ResourceID: UInt64] {
        if case .dated(_, let places) = outlook { places } else { [:] }
    }

    /// The same of one that fits now, but for bookings of which the first begins at `time`.
    package func notBefore(_ time: LedgerTime) -> Promise {
        Promise(outlook: .notBefore(time), besides: besides, version: version, steps: steps)
    }

    /// The same, found to be the best that can be promised after a later change of the pool.
    package func confirmed(at version: Position) -> Promise {
        Promise(outlook: outlook, besides: besides, version: version, steps: steps)
    }
}

/// Looks for the earliest end of leases behind which a request fits.
struct DateSearch {
    /// What bookings leave.
    struct Room {
        /// How much there is of these resources, or of all that are booked, for the request if it
        /// is granted at a time.
        let left: (LedgerTime, [ResourceID]?) -> [ResourceID: UInt64]
        /// How many parts are added up for that.
        let parts: ([ResourceID]?) -> Int
    }

    /// How many parts are added up in the time of a look at a place.
    private static let partsPerStep = 16

    private let request: AcquireRequest
    private let index: PlaceIndex
    private let resources: [Resource?]
    private let besides: [ResourceID: UInt64]
    private let room: Room?
    private let isAffordable: ([Placement]) -> Bool
    private let kinds: Set<Kind>
    private(set) var steps = 0
    /// How many there may be.
    private var stepsMax = Limits.datingSteps
    /// Up to when it was looked for where that took too many steps.
    private var reached: LedgerTime?

    init(
        _ request: AcquireRequest,
        in index: PlaceIndex,
        _ resources: [Resource?],
        besides: [ResourceID: UInt64],
        room: Room?,
        isAffordable: @escaping ([Placement]) -> Bool
    ) {
        self.request = request
        self.index = index
        self.resources = resources
        self.besides = besides
        self.room = room
        self.isAffordable = isAffordable
        kinds = Set(request.totals.map(\.kind))
    }

    /// When it fits, and where.
    ///
    /// Unknown where it matters which places a request gets beside each other. For a request in one
    /// place each end is looked at once, for others O(k log k) places where
    /// the k-th end is enough. Beside the ends of leases those of what is `booked` are looked at,
    /// which are in order: there is more room behind them. At most about `Limits.datingSteps`.
    mutating func outlook(
        by ends: LeaseEnds,
        and booked: [LeaseEnds.Entry],
        now: LedgerTime
    ) -> Promise.Outlook {
        guard request.isIndifferent else { return .unknown }
        if let places = places(freed: [:], slots: [], at: now) { return .dated(now, places) }
        stepsMax = steps + Limits.datingSteps
        let isOnePlace = request.claims.count == 1 && request.claims[0].places == 1
        let limit = isOnePlace ? Limits.datingLeases : Limits.datingLeasesOfGangs
        var entries: [LeaseEnds.Entry] = []
        ends.visit { entry in
            entries.append(entry)
            return entries.count <= limit
        }
        let isCut = entries.count > limit
        if isCut { entries.removeLast() }
        if !booked.isEmpty {
            let last = isCut ? entries.last?.end ?? now : .never
            entries += booked.prefix { $0.end <= last }
            entries.sort { $0.end < $1.end }
        }
        let found = isOnePlace ? searchOnePlace(entries) : searchGang(entries)
        if let found { return .dated(max(found.end, now), found.places) }
        if let reached { return .notBefore(max(reached, now)) }
        return isCut ? .notBefore(entries.last?.end ?? now) : .unknown
    }

    private typealias Found = (end: LedgerTime, places: [ResourceID: UInt64])

    /// One entry after the other; only the places that it frees can be the one.
    private mutating func searchOnePlace(_ entries: [LeaseEnds.Entry]) -> Found? {
        let amounts = request.claims[0].amounts
        var freed: [ResourceID: UInt64] = [:]
        for entry in entries {
            add(entry, to: &freed)
            for slot in slots(of: entry) {
                if steps > stepsMax {
                    reached = entry.end
                    return nil
                }
                if let places = places(in: slot, for: amounts, freed: freed, at: entry.end) {
                    return (entry.end, places)
                }
            }
        }
        return nil
    }

    /// What a place gives; bookings are looked at only where it would, but for them.
    private mutating func places(
        in slot: Int,
        for amounts: [ClaimAmount],
        freed: [ResourceID: UInt64],
        at time: LedgerTime
    ) -> [ResourceID: UInt64]? {
        let place = index.places[slot]
        steps += 1
        var placer = placer(freed: freed)
        guard placer.fill(place, with: amounts, atMost: 1, taking: .tightest) == 1 else {
            return nil
        }
        if room != nil {
            placer = self.placer(freed: freed, beside: left(at: time, of: place.resources))
            guard placer.fill(place, with: amounts, atMost: 1, taking: .tightest) == 1 else {
                return nil
            }
        }
        return isAffordable(placer.placements) ? placer.placements.byResource : nil
    }

    /// One entry after the other, from the first on behind which it fits, but for bookings.
    ///
    /// Beside bookings it may fit at a time and not at a later one. After too many steps each is
    /// twice as far as the one before, so that the date may be later than it need be.
    private mutating func searchGang(_ entries: [LeaseEnds.Entry]) -> Found? {
        guard let first = firstBehind(entries) else { return nil }
        var count = first.count
        guard room != nil else { return (entries[count - 1].end, first.places) }
        var stride = 1
        while true {
            if let places = places(behind: entries[..<count], besideBookings: true) {
                return (entries[count - 1].end, places)
            }
            if count == entries.count { return nil }
            if steps > stepsMax { stride *= 2 }
            count = min(count + stride, entries.count)
        }
    }

    /// How many entries are enough, but for bookings: twice as many each time until it fits, then
    /// halves.
    private mutating func firstBehind(
        _ entries: [LeaseEnds.Entry]
    ) -> (count: Int, places: [ResourceID: UInt64])? {
        var low = 0
        var high = min(1, entries.count)
        var found: [ResourceID: UInt64]?
        while high > 0 {
            found = places(behind: entries[..<high], besideBookings: false)
            if found != nil || high == entries.count { break }
            (low, high) = (high, min(2 * high, entries.count))
        }
        guard var places = found else { return nil }
        // With `high` it fits, with `low` it does not.
        while low + 1 < high {
            let middle = (low + high) / 2
            if let fewer = self.places(behind: entries[..<middle], besideBookings: false) {
                (places, high) = (fewer, middle)
            } else {
                low = middle
            }
        }
        return (high, places)
    }

    private mutating func places(
        behind entries: ArraySlice<LeaseEnds.Entry>,
        besideBookings: Bool
    ) -> [ResourceID: UInt64]? {
        steps += entries.count / Self.partsPerStep
        var freed: [ResourceID: UInt64] = [:]
        var slots: [Int] = []
        var seen: Set<Int> = []
        for entry in entries {
            add(entry, to: &freed)
            for slot in self.slots(of: entry) where seen.insert(slot).inserted {
                slots.append(slot)
            }
        }
        let time = besideBookings ? entries.last?.end : nil
        return places(freed: freed, slots: slots, at: time)
    }

    /// Where all of it fits, at a time beside what is booked then, without one whatever is.
    private mutating func places(
        freed: [ResourceID: UInt64],
        slots: [Int],
        at time: LedgerTime?
    ) -> [ResourceID: UInt64]? {
        var placer = placer(freed: freed, beside: time.map { left(at: $0, of: nil) } ?? [:])
        let fits = placer.place(request.claims, first: slots, in: index)
        steps += Int(placer.considered)
        return fits && isAffordable(placer.placements) ? placer.placements.byResource : nil
    }

    /// What bookings leave at a time.
    private mutating func left(
        at time: LedgerTime,
        of some: [ResourceID]?
    ) -> [ResourceID: UInt64] {
        guard let room else { return [:] }
        steps += room.parts(some) / Self.partsPerStep
        return room.left(time, some)
    }

    private func placer(
        freed: [ResourceID: UInt64],
        beside left: [ResourceID: UInt64] = [:]
    ) -> Placer {
        Placer(
            resources: resources,
            selector: request.selector,
            freed: freed,
            heldBack: index.heldBack,
            withheld: AcquireRequest.leftToOthers(besides, left, of: resources, freed: freed)
        )
    }

    private func add(_ entry: LeaseEnds.Entry, to freed: inout [ResourceID: UInt64]) {
        for placement in entry.placements {
            freed[placement.resource, default: 0] += placement.amount
        }
    }

    /// The places in which an entry frees something that is asked for, in order.
    private func slots(of entry: LeaseEnds.Entry) -> [Int] {
        var slots: Set<Int> = []
        for placement in entry.placements {
            guard let resource = resources[Int(placement.resource.rawValue)],
                kinds.contains(resource.kind), let slot = index.slot(of: placement.resource)
            else { continue }
            slots.insert(slot)
        }
        return slots.sorted()
    }
}

extension [Placement] {
    /// The amounts in all, by resource.
    var byResource: [ResourceID: UInt64] {
        reduce(into: [:]) { $0[$1.resource, default: 0] += $1.amount }
    }
}

extension [ResourceID: UInt64] {
    /// The amounts of both.
    package func adding(_ other: [ResourceID: UInt64]) -> [ResourceID: UInt64] {
        merging(other) { $0.addingSaturating($1) }
    }
}

extension AcquireRequest {
    /// Whether any places will do that have room and its labels.
    fileprivate var isIndifferent: Bool { within == nil && near.isEmpty && away.isEmpty }
}
