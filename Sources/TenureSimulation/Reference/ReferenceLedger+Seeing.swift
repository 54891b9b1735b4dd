// Judging what a ledger shows: that it balances, and after a crash that everything acknowledged is
// there and everything unanswered is there whole or not at all.

extension ReferenceLedger {
    /// Everything that a client can see of a ledger.
    package struct Picture: Hashable {
        /// A lease as a client sees it.
        package struct Lease: Hashable {
            package var id: UInt64
            package var token: UInt64
            /// `held`, `reserved`, `quarantined` or `ended`.
            package var state: String
            package var holder: String
            package var pool: String
            package var tenant: String
            package var session: UInt64?
            package var request: String?
            package var ttl: UInt64?
            package var parts: [String: UInt64]

            package init(
                id: UInt64,
                token: UInt64,
                state: String,
                holder: String,
                pool: String,
                tenant: String,
                session: UInt64?,
                request: String?,
                ttl: UInt64?,
                parts: [String: UInt64]
            ) {
                self.id = id
                self.token = token
                self.state = state
                self.holder = holder
                self.pool = pool
                self.tenant = tenant
                self.session = session
                self.request = request
                self.ttl = ttl
                self.parts = parts
            }

            var isValid: Bool { state == "held" || state == "reserved" }
        }

        /// A resource as a client sees it.
        package struct Thing: Hashable {
            package var capacity: UInt64
            package var held: UInt64
            package var reserved: UInt64
            package var quarantined: UInt64
            package var free: UInt64
            package var debt: UInt64
            package var isActive: Bool

            package init(
                capacity: UInt64,
                held: UInt64,
                reserved: UInt64,
                quarantined: UInt64,
                free: UInt64,
                debt: UInt64,
                isActive: Bool
            ) {
                self.capacity = capacity
                self.held = held
                self.reserved = reserved
                self.quarantined = quarantined
                self.free = free
                self.debt = debt
                self.isActive = isActive
            }
        }

        package var leases: [Lease] = []
        package var things: [String: Thing] = [:]
        /// Use by tenant level and kind.
        package var used: [String: [String: UInt64]] = [:]
        /// Limits by tenant and kind.
        package var limits: [String: [String: UInt64]] = [:]
        /// How many leases tenants may have.
        package var leaseLimits: [String: UInt64] = [:]
        /// Milliseconds left of the sessions that are open.
        package var sessions: [UInt64: UInt64?] = [:]

        package init() {}
    }

    /// What does not add up in a picture, of whatever history (I2, I3, I7).
    package func imbalances(_ picture: Picture) -> [String] {
        var faults: [String] = []
        var sums: [String: [String: UInt64]] = [:]
        var used: [String: [String: UInt64]] = [:]
        var requests: Set<String> = []
        for lease in picture.leases {
            // What ended and is not taken back yet counts as what it was.
            for (name, amount) in lease.parts {
                let state = lease.state == "quarantined" ? "quarantined" : "live"
                sums[name, default: [:]][state, default: 0] += amount
                for level in Self.levels(of: lease.tenant) {
                    used[level, default: [:]][things[name]?.kind ?? "", default: 0] += amount
                }
            }
            if lease.isValid, let request = lease.request,
                !requests.insert("\(lease.tenant) \(request)").inserted
            {
                faults.append("I7: two leases for request id \(request)")
            }
        }
        for (name, thing) in picture.things {
            let taken = thing.held + thing.reserved + thing.quarantined
            if thing.held + thing.reserved != sums[name]?["live"] ?? 0
                || thing.quarantined != sums[name]?["quarantined"] ?? 0
            {
                faults.append("I2: \(name) counts \(thing), its leases \(sums[name] ?? [:])")
            }
            if taken + thing.free != thing.capacity + thing.debt
                || (thing.free > 0 && thing.debt > 0)
            {
                faults.append("I2: \(name) does not balance: \(thing)")
            }
        }
        for (level, kinds) in picture.used where kinds != used[level] ?? [:] {
            faults.append("I3: \(level) counts \(kinds), its leases \(used[level] ?? [:])")
        }
        return faults
    }

    /// Notes that the ledger was opened again at `now`, so that holders may have been given grace.
    package mutating func reopened(at now: UInt64) {
        for (id, holding) in holdings where holding.latest >= lastHeard {
            extendByGrace(id, at: now)
        }
        for (id, sitting) in sittings where sitting.latest >= lastHeard {
            let until = now + min(sitting.ttl, Self.grace)
            sittings[id]?.latest = max(sitting.latest, until)
        }
    }

    /// A holder that could not renew until `now` may have been given time for it.
    mutating func extendByGrace(_ id: UInt64, at now: UInt64) {
        guard let holding = holdings[id], holding.latest < .max else { return }
        let ttl = holding.ask.session == nil ? holding.ask.ttl : 0
        let until = min(now + min(ttl, Self.grace), holding.lifetimeEnd)
        holdings[id]?.latest = max(holding.latest, until)
    }

    /// Compares with what is to be seen at `now`, and takes in what of the pending has happened.
    package mutating func reconcile(_ picture: Picture, at now: UInt64) -> [String] {
        var faults = imbalances(picture)
        faults += reconcileSettings(picture) + reconcileBounds(picture)
        faults += reconcileSessions(picture, now)
        let seen = Dictionary(picture.leases.map { ($0.id, $0) }) { first, _ in first }
        for id in holdings.keys.sorted() { faults += reconcile(id, seen[id], now) }
        for lease in picture.leases where holdings[lease.id] == nil {
            faults += adopt(lease, now)
        }
        pending = []
        return faults
    }

    private mutating func reconcileSettings(_ picture: Picture) -> [String] {
        var faults: [String] = []
        for (name, thing) in things {
            guard let found = picture.things[name] else {
                faults.append("I1: resource \(name) is gone")
                continue
            }
            guard found.capacity != thing.capacity else { continue }
            let isPending = pending.contains { action in
                if case .capacity(name, found.capacity, force: _) = action { true } else { false }
            }
            if !isPending { faults.append("I1: \(name) has another capacity") }
            things[name]?.capacity = found.capacity
        }
        var keys = Set(quotas.keys)
        for (tenant, kinds) in picture.limits {
            for kind in kinds.keys { keys.insert(QuotaKey(tenant: tenant, kind: kind)) }
        }
        for key in keys {
            let found = picture.limits[key.tenant]?[key.kind]
            guard found != quotas[key] else { continue }
            if !pending.contains(.quota(tenant: key.tenant, kind: key.kind, limit: found)) {
                faults.append("I1: quota \(key) is \(found.map(String.init) ?? "absent")")
            }
            quotas[key] = found
        }
        return faults
    }

    private mutating func reconcileSessions(_ picture: Picture, _ now: UInt64) -> [String] {
        var faults: [String] = []
        for (id, sitting) in sittings where !sitting.isClosed {
            let mayHaveClosed = pending.contains(.close(id))
            let wasKept = pending.contains(.keep(id))
            guard let left = picture.sessions[id] else {
                if isOpen(id, at: now), !mayHaveClosed {
                    faults.append("I1: session \(id) is gone")
                }
                sittings[id]?.isClosed = true
                continue
            }
            let kept = wasKept ? pendingAt + sitting.ttl : 0
            let latest = max(sitting.latest, kept, now + min(sitting.ttl, Self.grace))
            guard let left, now + left + 1 >= sitting.earliest, now + left <= latest else {
                faults.append("I5: session \(id) has \(left ?? 0) ms left at \(now): \(sitting)")
                continue
            }
            sittings[id]?.earliest = now + left
            sittings[id]?.latest = now + left + 1
        }
        return faults
    }

    private mutating func reconcile(
        _ id: UInt64,
        _ found: Picture.Lease?,
        _ now: UInt64
    ) -> [String] {
        guard let holding = holdings[id] else { return [] }
        let may = pendingFor(id, holding)
        guard let found, found.isValid else {
            let isAllowed = !isCertain(holding, at: now) || may.end
            if mayHaveChanged(id) { doubtfulTokens.insert(id) }
            forget(id)
            return isAllowed ? [] : ["I1: lease \(id) is \(found?.state ?? "gone"): \(holding)"]
        }
        var faults = takeInChange(of: id, found, at: now)
        guard let holding = holdings[id] else { return faults }
        if !isPossible(holding, at: now), !may.renew {
            faults.append("I5: lease \(id) is still valid at \(now): \(holding)")
        }
        if found.parts != holding.parts, !may.parts.contains(found.parts) {
            faults.append("I1: lease \(id) holds \(found.parts): \(holding)")
        }
        let isReserved = found.state == "reserved"
        if isReserved != holding.reserved, !(holding.reserved && may.commit) {
            faults.append("I1: lease \(id) is \(found.state): \(holding)")
        }
        holdings[id]?.parts = found.parts
        holdings[id]?.reserved = isReserved
        if holding.reserved, !isReserved, holding.ask.session != nil {
            // From a commit on, answered or not, it lasts as long as its session.
            holdings[id]?.earliest = holding.lifetimeEnd
            holdings[id]?.latest = holding.lifetimeEnd
        }
        guard holding.ask.session == nil, let left = found.ttl else { return faults }
        if now + left + 1 < min(holding.earliest, may.commit ? 0 : .max) {
            faults.append("I5: lease \(id) has \(left) ms left at \(now): \(holding)")
        }
        if now + left > holding.latest, !may.renew, !may.commit {
            faults.append("I1: lease \(id) has \(left) ms left at \(now): \(holding)")
        }
        holdings[id]?.earliest = now + left
        holdings[id]?.latest = now + left + 1
        return faults
    }

    /// What of the pending may have changed a lease.
    private func pendingFor(
        _ id: UInt64,
        _ holding: Holding
    ) -> (end: Bool, renew: Bool, commit: Bool, parts: [[String: UInt64]]) {
        var (end, renew, commit) = (false, false, false)
        var parts = [holding.parts]
        for action in pending {
            switch action {
            case .renew(id, ttl: _): renew = true
            case .cancel(id), .revoke(id), .release(id, parts: nil): end = true
            case .release(id, parts: let some?):
                parts += parts.compactMap { remaining($0, without: some) }
                if parts.contains([:]) { end = true }
            case .commit(id, parts: let some):
                commit = true
                if let some { parts.append(some) }
            case .close(let session) where session == holding.ask.session: end = true
            default: break
            }
        }
        return (end, renew, commit, parts)
    }

    /// Takes in a lease that nobody was told of: it must be one that was asked for, and whole.
    private mutating func adopt(_ lease: Picture.Lease, _ now: UInt64) -> [String] {
        let asks = pending.compactMap { action -> Ask? in
            guard case .acquire(let ask) = action else { return nil }
            return ask.holder == lease.holder ? ask : nil
        }
        guard let ask = asks.first else {
            // What ended may wait for its reclaim or for the end of its quarantine.
            let isKnown = ended.contains(lease.id) && !lease.isValid
            return isKnown ? [] : ["I1: nobody asked for lease \(lease.id): \(lease)"]
        }
        lastToken = max(lastToken, lease.id)
        guard lease.isValid else {
            ended.insert(lease.id)
            return []
        }
        var faults = shapeFaults(lease.parts, ask)
        if lease.pool != ask.pool || lease.tenant != ask.tenant || lease.session != ask.session
            || lease.request != ask.request || (lease.state == "reserved") != (ask.hold != nil)
        {
            faults.append("I1: lease \(lease.id) is not what was asked: \(lease), \(ask)")
        }
        var holding = self.holding(ask, lease.parts, token: lease.token, pendingAt)
        if ask.session == nil, let left = lease.ttl {
            holding.earliest = now + left
            holding.latest = now + left + 1
        }
        holdings[lease.id] = holding
        if let key = Self.key(ask) {
            answered[key] = Answered(ask: ask, lease: lease.id, at: pendingAt)
        }
        return faults
    }
}
