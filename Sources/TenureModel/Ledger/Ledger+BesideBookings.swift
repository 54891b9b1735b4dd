// What a command carries into its decision where something is booked, or is to be.
//
// How much bookings leave to it (K1 in Ledger+BookedRoom.swift) follows from the ends of leases,
// which are no part of the state. Whoever decides keeps them, or reads them from the leases, and
// has what follows carried in, so that the same is decided from the log alone later on.

extension LedgerState {
    private var hasBookings: Bool { bookings.pending > 0 }

    /// The pools whose leases' ends a command is decided by.
    package func poolsToScan(for command: Command) throws(RowFault) -> [String] {
        switch command {
        case .book(let booking):
            let pool = booking.request.pool
            return hasPool(pool) ? [pool] : []
        case .planWindow(let window):
            return resources(of: window).keys.sorted()
        case .query(.optimize(let request)):
            return hasBookings(in: request.pool) ? [request.pool] : []
        default:
            guard hasBookings, let request = try asked(by: command) else { return [] }
            return poolsToScan(for: request)
        }
    }

    /// Those that a request asks and in which something is booked.
    package func poolsToScan(for request: AcquireRequest) -> [String] {
        if request.pool == AcquireRequest.allPools { return bookedPools }
        return ([request.pool] + request.fallbackPools).filter { hasBookings(in: $0) }
    }

    /// The same command with what it must leave to bookings and what it may count on, by these
    /// `ends` of leases of pools; what is to be booked, beside what is `promised` to others then.
    ///
    /// With ends that are not complete, what was not looked at counts as held for ever; what is to
    /// be booked or drained can not be decided by them, and nothing is returned.
    package func besideBookings(
        _ command: Command,
        by ends: [String: LeaseEnds],
        promised: [ResourceID: UInt64] = [:],
        now: LedgerTime
    ) throws(RowFault) -> Command? {
        switch command {
        case .book(let booking):
            return carrying(booking, by: ends, promised: promised, now: now).map(Command.book)
        case .planWindow(let window):
            return counting(window, by: ends, now: now).map(Command.planWindow)
        case .query(.optimize(let request)):
            // As if every lease lived for ever.
            let room = bookedRoom(
                in: request.pool,
                from: now,
                before: .never,
                by: ends[request.pool]
            )
            return command.withholding(excess(over: room))
        default:
            guard let request = try asked(by: command) else { return command }
            return command.within(
                try bookedRoom(for: command, asking: request, by: ends, now: now)
            )
        }
    }

    /// How much there is for a request beside bookings, of what is booked in the pools it asks.
    package func bookedRoom(
        for command: Command,
        asking request: AcquireRequest,
        by ends: [String: LeaseEnds],
        now: LedgerTime
    ) throws(RowFault) -> [ResourceID: UInt64] {
        guard hasBookings else { return [:] }
        var room: [ResourceID: UInt64] = [:]
        for pool in poolsToScan(for: request) {
            let found = bookedRoom(
                in: pool,
                from: now,
                before: try latestEnd(of: command, asking: request.asked(of: pool), now: now),
                by: ends[pool]
            )
            room.merge(found, uniquingKeysWith: min)
        }
        return room
    }

    /// What is to be booked with what comes back before it begins.
    private func carrying(
        _ booking: BookingRequest,
        by ends: [String: LeaseEnds],
        promised: [ResourceID: UInt64],
        now: LedgerTime
    ) -> BookingRequest? {
        let pool = booking.request.pool
        guard hasPool(pool) else { return booking }
        guard let ends = ends[pool], ends.isComplete else { return nil }
        var booking = booking
        booking.freed = amountsBack(
            by: ends,
            until: now.advanced(byMilliseconds: booking.startMilliseconds),
            of: Set(booking.request.claims.flatMap(\.amounts).map(\.kind))
        )
        booking.promised = promised
        return booking
    }

    /// A window with how many leases may still be there when it begins.
    private func counting(
        _ window: WindowRequest,
        by ends: [String: LeaseEnds],
        now: LedgerTime
    ) -> WindowRequest? {
        var window = window
        let start = now.advanced(byMilliseconds: window.startMilliseconds)
        for (pool, resources) in resources(of: window) {
            guard let ends = ends[pool], ends.isComplete else { return nil }
            window.leases += ends.leases(on: resources, after: start)
        }
        return window
    }
}

extension Command {
    /// The same with so much of what is booked, and no more.
    package func within(_ room: [ResourceID: UInt64]) -> Command {
        switch self {
        case .acquire(var request):
            if request.bookedRoom == room { return self }
            request.bookedRoom = room
            return .acquire(request)
        case .grow(let reference, var request):
            if request.bookedRoom == room { return self }
            request.bookedRoom = room
            return .grow(reference, request)
        default: return self
        }
    }

    /// The same with more that is left to others.
    package func withholding(_ withheld: [ResourceID: UInt64]) -> Command {
        switch self {
        case _ where withheld.isEmpty: return self
        case .acquire(var request):
            request.withheld.merge(withheld, uniquingKeysWith: max)
            return .acquire(request)
        case .grow(let reference, var request):
            request.withheld.merge(withheld, uniquingKeysWith: max)
            return .grow(reference, request)
        case .query(.optimize(var request)):
            request.withheld.merge(withheld, uniquingKeysWith: max)
            return .query(.optimize(request))
        default: return self
        }
    }
}
