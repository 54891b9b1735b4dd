// Whether a log keeps what its windows promise: a slow and obvious reading of it.

import TenureModel

@testable import TenureModel

/// What is known of a ledger by its records so far, and what is wrong with them.
///
/// How many leases may be there at the start of a window it knows only without sub-leases.
struct WindowAudit {
    /// How long after its end what a lease holds may be quarantined, in milliseconds.
    private let lockDelay: UInt64
    private struct Held {
        let end: LedgerTime
        var placements: [Placement]

        func has(_ resources: Set<ResourceID>) -> Bool {
            placements.contains { resources.contains($0.resource) }
        }
    }

    private struct Planned {
        let window: Window
        var members: Set<ResourceID>
        var before: [ResourceID: ResourceState]?
    }

    private var leases: [LeaseID: Held] = [:]
    private var bookings: [TicketID: Booking] = [:]
    private var windows: [WindowID: Planned] = [:]
    private var declared: [ResourceID: ResourceRequest] = [:]
    private var states: [ResourceID: ResourceState] = [:]
    /// What each resource has to be when the frame is over.
    private var owed: [ResourceID: ResourceState] = [:]
    private(set) var faults: [String] = []
    /// How many leases could still be there when each window began, when it was planned.
    private(set) var leasesAtStart: [WindowID: Int] = [:]
    /// Grants on what a window was to drain, ended in time; bookings that began in its way.
    private(set) var beside = 0
    private(set) var older = 0
    private(set) var begun = 0
    private(set) var ends: [WindowEnd.Cause: Int] = [:]

    /// Of a ledger whose pools have this lock-delay, in milliseconds.
    init(lockDelay: UInt64 = 0) { self.lockDelay = lockDelay }

    /// Takes in the next record.
    mutating func take(_ events: [Event], at position: Position, _ time: LedgerTime) {
        let statesBefore = states
        for event in events { take(event, at: position, time, statesBefore) }
        for planned in windows.values where planned.before != nil {
            for id in planned.members where states[id] != .draining {
                faults.append("K3: \(position): #\(id.rawValue) is not drained in its window")
            }
        }
        for (id, state) in owed where states[id] != state {
            faults.append("K3: \(position): #\(id.rawValue) is not \(state.name) behind a window")
        }
        owed = [:]
    }

    private mutating func take(
        _ event: Event,
        at position: Position,
        _ time: LedgerTime,
        _ statesBefore: [ResourceID: ResourceState]
    ) {
        switch event {
        case .resourceSet(let declaration): declare(declaration)
        case .resourceStateSet(let id, let state): states[id] = state
        case .resourceDrained(let id, _): states[id] = .draining
        case .resourceDeleted(let id): states[id] = nil
        case .booked(let booking): bookings[booking.id] = booking
        case .granted(let record):
            let lease = record.lease
            let booking = record.served.flatMap { bookings[$0.ticket] }
            let end = lease.terms.lifetimeEnd.advanced(byMilliseconds: lockDelay)
            check(lease.placements, until: end, booking, at: position)
            leases[lease.id] = Held(end: end, placements: lease.placements)
        case .grown(let record):
            guard var held = leases[record.lease] else { break }
            check(record.added, until: held.end, nil, at: position)
            held.placements += record.added
            leases[record.lease] = held
        case .committed(let id, _, let kept): leases[id]?.placements = kept
        case .released(let id): leases[id] = nil
        case .reclaimed(let ended, _, _): for one in ended { leases[one.lease] = nil }
        case .windowPlanned(let window):
            let members = Set(window.members.map(\.resource))
            windows[window.id] = Planned(window: window, members: members)
            leasesAtStart[window.id] = leases.values.count { held in
                held.end > window.start && held.has(members)
            }
        case .windowBegan(let id): begin(id, at: position, time, statesBefore)
        case .windowEnded(let end): take(end, at: position, time)
        default: break
        }
    }

    private mutating func declare(_ declaration: ResourceDeclaration) {
        let (id, request) = (declaration.id, declaration.request)
        guard declared.updateValue(request, forKey: id) == nil else { return }
        states[id] = .active
        for (key, planned) in windows where planned.window.node == request.node {
            windows[key]?.members.insert(id)
            windows[key]?.before?[id] = .active
        }
    }

    /// K2, of what is taken in this frame by something that lives until `end`.
    private mutating func check(
        _ placements: [Placement],
        until end: LedgerTime,
        _ booking: Booking?,
        at position: Position
    ) {
        for planned in windows.values {
            let met = placements.filter { planned.members.contains($0.resource) }
            guard !met.isEmpty else { continue }
            if planned.before == nil, end <= planned.window.start {
                beside += 1
                continue
            }
            let isOlder =
                planned.before == nil && booking?.placements == placements
                && booking.map { $0.id.rawValue < planned.window.id.rawValue } ?? false
            if isOlder {
                older += 1
                continue
            }
            faults.append("K2: \(position) lives into window \(planned.window.id.rawValue)")
        }
    }

    private mutating func begin(
        _ id: WindowID,
        at position: Position,
        _ time: LedgerTime,
        _ statesBefore: [ResourceID: ResourceState]
    ) {
        begun += 1
        guard let planned = windows[id], planned.before == nil, time >= planned.window.start,
            time < planned.window.end
        else { return faults.append("K3: \(position): window \(id.rawValue) begins") }
        windows[id]?.before = statesBefore.filter { planned.members.contains($0.key) }
    }

    private mutating func take(_ end: WindowEnd, at position: Position, _ time: LedgerTime) {
        ends[end.cause, default: 0] += 1
        guard let planned = windows[end.window] else {
            return faults.append("K3: \(position): a window ends twice")
        }
        let isInTime =
            switch end.cause {
            case .over: planned.before != nil && time >= planned.window.end
            case .missed: planned.before == nil && time >= planned.window.end
            case .changed: planned.before != nil
            case .cancelled, .deleted: true
            }
        if !isInTime { faults.append("K3: \(position): a window is \(end.cause.name)") }
        if end.cause == .over || end.cause == .cancelled {
            owed.merge(planned.before ?? [:]) { $1 }
            for id in owed.keys where !planned.members.contains(id) { owed[id] = nil }
        }
        if end.resources.isEmpty {
            windows[end.window] = nil
        } else {
            windows[end.window]?.members.subtract(end.resources)
        }
    }
}
