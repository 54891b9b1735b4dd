// What leases, bookings and windows take of resources at a time, added up one by one.
//
// The slow and obvious arithmetic that the ledger's own is compared with: K1, and what there is
// beside bookings and windows for something that may live into them.

import TenureModel

@testable import Tenure
@testable import TenureModel

/// The leases, bookings and windows of a state.
struct BookedSums {
    private struct Held {
        /// When what it holds is free again at the latest.
        let end: LedgerTime
        /// The same, had its quarantine begun in time.
        let promisedEnd: LedgerTime
        let placements: [Placement]
    }

    private let state: LedgerState
    private var held: [Held] = []

    /// Reads all leases of `state`, whose pools have this lock-delay, in milliseconds.
    init(_ state: LedgerState, lockDelay: UInt64) throws {
        self.state = state
        var rows = MergedLeases(state: state.leases, source: state.source, after: nil)
        while let lease = try rows.next() {
            guard lease.state != .ended else { continue }
            let promised = lease.terms.lifetimeEnd.advanced(byMilliseconds: lockDelay)
            var end = promised
            if lease.state == .quarantined {
                var parent: Lease?
                if let id = lease.parent { parent = try state.lease(id) }
                let goesBack = parent?.state.isHeld ?? false
                end = goesBack ? max(promised, lease.deadline) : lease.deadline
            }
            held.append(
                Held(
                    end: end,
                    promisedEnd: min(end, promised),
                    placements: lease.placements
                )
            )
        }
    }

    /// K1: what is wrong with what is taken at the start of each booking, or now where it is late.
    ///
    /// A lease that is over within `slack` nanoseconds of it is not counted. `whole` tells how much
    /// a resource had when the bookings were made.
    func faults(
        at now: LedgerTime,
        slack: UInt64,
        whole: (Resource) -> UInt64 = { $0.capacity }
    ) -> [String] {
        let bookings = state.bookings.inOrder
        var faults: [String] = []
        for booking in bookings {
            let time = max(booking.start, now)
            let latest = time.advanced(byNanoseconds: slack)
            var taken: [ResourceID: UInt64] = [:]
            let there = bookings.filter { $0.start <= time && $0.freeBy > time }
            let held = held.filter { $0.promisedEnd > latest }
            for placement in there.flatMap(\.placements) + held.flatMap(\.placements) {
                taken[placement.resource, default: 0] += placement.amount
            }
            for placement in booking.placements {
                guard let resource = state.resource(placement.resource) else { continue }
                let amount = taken[placement.resource, default: 0]
                guard amount > whole(resource) else { continue }
                faults.append(
                    "K1: \(amount) of \(resource.name) is taken when \(booking.id) begins"
                )
            }
        }
        return faults
    }

    /// What there is of each resource of `pool`, beside bookings and windows, for something that
    /// begins at `now` and is free again by `end`; of those of which they take something then.
    func room(
        in pool: String,
        from now: LedgerTime,
        before end: LedgerTime
    ) -> [ResourceID: UInt64] {
        let windows = state.windows.inOrder.filter { window in
            !window.hasBegun && window.start < end && window.end > now
        }
        let bookings = state.bookings.inOrder.filter { $0.freeBy > now }
        var room: [ResourceID: UInt64] = [:]
        for case let resource? in state.resources where resource.pool == pool {
            let id = resource.id
            if windows.contains(where: { $0.members.contains { $0.resource == id } }) {
                room[id] = 0
                continue
            }
            let mine = bookings.compactMap { booking in
                booking.placements.first { $0.resource == id }.map { (booking, $0.amount) }
            }
            for (booking, _) in mine where booking.start < end {
                let time = max(booking.start, now)
                var taken = mine.filter { $0.0.start <= time && $0.0.freeBy > time }
                    .reduce(0) { $0 + $1.1 }
                for lease in held where lease.end > time {
                    taken += lease.placements.filter { $0.resource == id }.reduce(0) {
                        $0 + $1.amount
                    }
                }
                let left = resource.capacity > taken ? resource.capacity - taken : 0
                room[id] = min(room[id] ?? .max, left)
            }
        }
        return room
    }
}
