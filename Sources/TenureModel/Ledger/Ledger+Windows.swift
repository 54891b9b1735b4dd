// Windows: planning a drain, its beginning, its end, and what takes resources out of it.
//
//   K2  What is granted after a window was planned, and before it begins, has nothing on its
//       resources that it may still have when it begins. A booking that was there before it is
//       granted in its places all the same, if it begins before the window does.
//   K3  No resource is in two windows at one time. While a window runs its resources are drained;
//       when it is over each is what it was before, unless an operator has changed or deleted it
//       meanwhile: then it has left the window, and the record says so.
//
// What is withheld for a window is the same promise as a booking's, of all that a resource may ever
// have. Nobody is asked to leave before it begins, and nothing that is held stands in its way.

internal import TenureBase

extension LedgerState {
    /// The resources that a window would have, as far as there are such; by pool.
    package func resources(of request: WindowRequest) -> [String: [ResourceID]] {
        var found: [String: [ResourceID]] = [:]
        switch request.subject {
        case .resource(let name):
            if let resource = resource(named: name) { found[resource.pool] = [resource.id] }
        case .node(let node, let pool):
            for name in pool.map({ [$0] }) ?? Array(pools.keys) {
                let ids = pools[name]?.index.resources(inPlace: node) ?? []
                if !ids.isEmpty { found[name] = ids }
            }
        }
        return found
    }

    /// Plans a drain, whatever is held there or booked; of what else is granted nothing lives into
    /// it (K2).
    func planWindow(_ request: WindowRequest, now: LedgerTime) -> Decision {
        if let fault = request.fault { return Decision(refused: .malformed, fault) }
        let found = resources(of: request)
        let ids = found.values.joined().sorted()
        if let refusal = missing(request.subject, found: ids.count) {
            return Decision(.refused(refusal))
        }
        var node: String?
        var pool: String?
        if case .node(let name, let only) = request.subject { (node, pool) = (name, only) }
        let start = now.advanced(byMilliseconds: request.startMilliseconds)
        let window = Window(
            id: WindowID(rawValue: nextToken.rawValue),
            start: start,
            end: start.advanced(byMilliseconds: request.lengthMilliseconds),
            byMilliseconds: request.byMilliseconds,
            node: node,
            pool: pool,
            reason: request.reason,
            members: ids.map { Window.Member(resource: $0) }
        )
        if let refusal = collision(of: window) ?? tooManyWindows(beside: window, in: found.keys) {
            return Decision(.refused(refusal))
        }
        let fields: [Document.Field] = [
            .init("leases", .count(request.leases)),
            .init("bookings", .count(bookings(meeting: window))),
            .init("position", .id(nextPosition)),
        ]
        return Decision(
            .windowPlanned(window),
            .document(.map(terms(of: window, now: now) + fields))
        )
    }

    private func missing(_ subject: WindowRequest.Subject, found: Int) -> Refusal? {
        switch subject {
        case .resource(let name): return found == 0 ? noResource(name) : nil
        case .node(let node, let pool):
            if let pool, pools.index(forKey: pool) == nil { return noPool(pool) }
            return nodeFault(node, pool, found: found)
        }
    }

    private func collision(of window: Window) -> Refusal? {
        var others = window.members.lazy.flatMap { self.windows.having($0.resource) }
            .first { $0.overlaps(window) }
        if others == nil, window.node != nil {
            others = windows.inOrder.first { $0.mayShare(with: window) && $0.overlaps(window) }
        }
        guard let other = others else { return nil }
        return Refusal(
            .conflict,
            "window \(other.id.rawValue) has \(name(of: other)) at a part of that time; choose "
                + "another, or cancel that one: see WINDOW GET"
        )
    }

    private func tooManyWindows(
        beside window: Window,
        in names: some Sequence<String>
    ) -> Refusal? {
        var what: String?
        if windows.count >= Limits.windows {
            what = "\(Limits.windows) windows are there already"
        }
        for member in window.members where what == nil {
            guard windows.having(member.resource).count >= Limits.windowsPerResource else {
                continue
            }
            what =
                "\(resource(member.resource)?.name ?? "") has \(Limits.windowsPerResource) "
                + "windows already"
        }
        let all = what == nil && windows.count >= Limits.windowsPerPool ? windows.inOrder : []
        for pool in names where !all.isEmpty && what == nil {
            let count = all.count { other in
                other.members.contains { resource($0.resource)?.pool == pool }
            }
            guard count >= Limits.windowsPerPool else { continue }
            what = "pool \(pool) has \(Limits.windowsPerPool) windows already"
        }
        return what.map { Refusal(.busy, "\($0); retry when some are over, or cancel one") }
    }

    /// How many bookings that have not begun take something of its resources in its time.
    private func bookings(meeting window: Window) -> Int {
        var found: Set<TicketID> = []
        for member in window.members {
            guard let pool = resource(member.resource)?.pool else { continue }
            for part in bookings.parts[pool]?[member.resource] ?? []
            where part.meets(window.start, window.end) {
                let id = TicketID(rawValue: part.owner)
                if bookings[id] != nil { found.insert(id) }
            }
        }
        return found.count
    }

    func cancelWindow(_ id: WindowID, now: LedgerTime) -> Decision {
        guard let window = windows[id] else { return Decision(.refused(noWindow(id))) }
        let end = WindowEnd(window: id, cause: .cancelled)
        guard let states = givingBack(window, now: now) else {
            return Decision(
                refused: .busy,
                "the drain of \(name(of: window)) has ended and what is left there is being taken "
                    + "back; retry when that is done",
                limit: "drain"
            )
        }
        return Decision(
            [.windowEnded(end)] + states,
            .document(
                .map([
                    .init("status", .string("cancelled")), .init("window", .id(id.rawValue)),
                    .init("position", .id(nextPosition)),
                ])
            )
        )
    }

    // MARK: Beginning and ending

    /// One step: begins or ends a window that is due.
    mutating func windowDue(_ entry: DueEntry, into batch: inout Batch, now: LedgerTime) {
        let id = WindowID(rawValue: entry.key.id)
        guard let window = windows[id], window.hasBegun == (entry.key.subject == .windowEnd) else {
            return
        }
        var events: [Event]
        if window.hasBegun {
            guard let states = givingBack(window, now: now) else {
                // What was told to be over is taken back first (H1), which is due as well.
                return dueQueue.postpone(entry, until: now)
            }
            events = [.windowEnded(WindowEnd(window: id, cause: .over))] + states
        } else if now < window.end {
            let other = window.members.compactMap { windows.running($0.resource) }.first
            if let other {
                // It is over, but waits for what is taken back.
                invariant(other.end <= window.start, "K3: no resource is in two windows at a time")
                return dueQueue.postpone(entry, until: now)
            }
            events = [.windowBegan(id)]
            events += window.members.compactMap { draining($0.resource, in: window, now: now) }
        } else {
            events = [.windowEnded(WindowEnd(window: id, cause: .missed))]
        }
        batch.others += events
        batch.weight = Limits.reclaimBatch
    }

    /// How a resource drains from the beginning of its window on; nothing when it does already.
    private func draining(_ id: ResourceID, in window: Window, now: LedgerTime) -> Event? {
        guard let resource = resource(id) else { return nil }
        guard let milliseconds = window.byMilliseconds else {
            return resource.state == .draining ? nil : .resourceStateSet(id, .draining)
        }
        let by = now.advanced(byMilliseconds: milliseconds)
        if let drain = resource.drain, drain.by <= by { return nil }
        return .resourceDrained(id, by: by)
    }

    /// What makes the resources of a window again what they were, if they drain in it; nothing
    /// while the end of a drain is carried out on one of them (H1).
    private func givingBack(_ window: Window, now: LedgerTime) -> [Event]? {
        guard window.hasBegun else { return [] }
        var events: [Event] = []
        for member in window.members {
            guard let resource = resource(member.resource) else { continue }
            if drainFault(resource, now: now) != nil { return nil }
            if member.before == .draining { continue }
            events.append(.resourceStateSet(resource.id, member.before))
        }
        return events
    }

    // MARK: What takes resources out

    /// What takes resources out of the windows that run, because an operator changes them.
    func leavingWindows(_ resources: [ResourceID]) -> [Event] {
        guard windows.count > 0 else { return [] }
        var left: [WindowID: [ResourceID]] = [:]
        for id in resources {
            if let window = windows.running(id) { left[window.id, default: []].append(id) }
        }
        return left.keys.sorted().map { id in
            let ids = left[id] ?? []
            let isWhole = windows[id]?.members.count == ids.count
            return .windowEnded(
                WindowEnd(window: id, cause: .changed, resources: isWhole ? [] : ids)
            )
        }
    }

    /// What takes a resource out of all its windows, because it is deleted; one of a node goes on.
    func leavingWindows(deleting id: ResourceID) -> [Event] {
        guard windows.count > 0 else { return [] }
        return windows.having(id).sorted { $0.id < $1.id }.map { window in
            let ids = window.node == nil ? [] : [id]
            return .windowEnded(WindowEnd(window: window.id, cause: .deleted, resources: ids))
        }
    }

    /// The windows of nodes that a resource is in as soon as it is declared.
    func windows(takingIn request: ResourceRequest) -> [Window] {
        guard windows.count > 0 else { return [] }
        let place = request.node ?? request.name
        return windows.inOrder.filter { $0.takesIn(place: place, pool: request.pool) }
    }

    // MARK: Applying

    mutating func applyWindow(_ event: Event) {
        switch event {
        case .windowPlanned(let window):
            windows.set(window)
            insertDue(time: window.start, .windowStart, window.id.rawValue)
            for member in window.members { withhold(member.resource, by: window) }
            windows.changed[window.id] = facts.position
        case .windowBegan(let id):
            guard var window = windows[id] else { violated("K3: only what is planned begins") }
            removeDue(time: window.start, .windowStart, id.rawValue)
            insertDue(time: window.end, .windowEnd, id.rawValue)
            for index in window.members.indices {
                let member = window.members[index].resource
                giveUp(member, by: window)
                if let state = resource(member)?.state { window.members[index].before = state }
            }
            window.hasBegun = true
            windows.set(window)
            windows.changed[id] = facts.position
        case .windowEnded(let end): applyEnd(end)
        default: violated("M1: only windows come here")
        }
    }

    private mutating func applyEnd(_ end: WindowEnd) {
        guard var window = windows[end.window] else { violated("K3: only what is there ends") }
        let gone = Set(end.resources.isEmpty ? window.members.map(\.resource) : end.resources)
        if !window.hasBegun {
            for id in gone { giveUp(id, by: window) }
        }
        windows.changed[window.id] = facts.position
        guard end.resources.isEmpty else {
            window.members.removeAll { gone.contains($0.resource) }
            return windows.set(window)
        }
        windows.remove(window.id)
        if window.hasBegun {
            removeDue(time: window.end, .windowEnd, window.id.rawValue)
        } else {
            removeDue(time: window.start, .windowStart, window.id.rawValue)
        }
    }

    /// Takes a resource that was just declared into the windows of its node.
    mutating func joinWindows(_ id: ResourceID, _ request: ResourceRequest) {
        for var window in windows(takingIn: request) {
            window.members.append(Window.Member(resource: id))
            windows.set(window)
            if !window.hasBegun { withhold(id, by: window) }
            windows.changed[window.id] = facts.position
        }
    }

    /// Puts a window back that a checkpoint has.
    mutating func restore(_ window: Window) {
        windows.set(window)
        guard !window.hasBegun else { return }
        for member in window.members { withhold(member.resource, by: window) }
    }

    private mutating func withhold(_ id: ResourceID, by window: Window) {
        guard let pool = resource(id)?.pool else { return }
        bookings.withhold(id, in: pool, for: window)
        noteChange(of: pool)
    }

    private mutating func giveUp(_ id: ResourceID, by window: Window) {
        guard let pool = resource(id)?.pool else { return }
        bookings.giveUp(id, in: pool, of: window.id)
        noteChange(of: pool)
    }

    // MARK: Checking

    /// The first violation of K3, or of what is withheld for K2, as a sentence.
    func windowFault() -> String? {
        var parts = 0
        for window in windows.inOrder {
            for member in window.members {
                let subject =
                    "resource #\(member.resource.rawValue) of window \(window.id.rawValue)"
                guard let resource = resource(member.resource) else {
                    return "K3: \(subject) is not there"
                }
                if window.hasBegun, resource.state != .draining {
                    return "K3: \(subject) is \(resource.state.name)"
                }
                let withheld = (bookings.parts[resource.pool]?[resource.id] ?? [])
                    .count { $0.owner == window.id.rawValue }
                if withheld != (window.hasBegun ? 0 : 1) {
                    return "K2: \(subject) is withheld \(withheld) times"
                }
                parts += withheld
                let others = windows.having(resource.id).filter { $0.id != window.id }
                if others.contains(where: { $0.overlaps(window) }) {
                    return "K3: \(subject) is in another window at the same time"
                }
            }
        }
        let pending = bookings.count + parts
        return bookings.pending == pending
            ? nil : "K2: \(bookings.pending) are withheld, \(pending) are there"
    }
}
