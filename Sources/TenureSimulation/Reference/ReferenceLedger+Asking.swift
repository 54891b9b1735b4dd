// Judging answers: each is taken in when it was allowed, and a sentence says why when it was not.

extension ReferenceLedger {
    /// Takes in one answer; the faults of it, as sentences.
    package mutating func take(_ action: Action, _ reply: Reply, at now: UInt64) -> [String] {
        lastHeard = now
        let faults: [String]
        switch action {
        case .acquire(let ask): faults = takeAcquire(ask, reply, now)
        case .renew(let id, let ttl): faults = takeRenewal(id, ttl, reply, now)
        case .release(let id, let parts): faults = takeEnd(id, parts, reply, now, reserved: false)
        case .cancel(let id): faults = takeEnd(id, nil, reply, now, reserved: true)
        case .commit(let id, let parts): faults = takeCommit(id, parts, reply, now)
        case .revoke(let id): faults = takeEnd(id, nil, reply, now, reserved: nil)
        case .openSession(_, let ttl): faults = takeOpening(ttl, reply, now)
        case .keep(let id): faults = takeKeeping(id, reply, now)
        case .close(let id): faults = takeClosing(id, reply, now)
        case .capacity(let name, let amount, let force):
            faults = takeCapacity(name, amount, force, reply, now)
        case .quota(let tenant, let kind, let limit):
            quotas[QuotaKey(tenant: tenant, kind: kind)] = limit
            faults = reply == .done ? [] : ["a quota can always be set: \(reply)"]
        case .leaseLimit(let tenant, let limit):
            leaseLimits[tenant] = limit
            faults = reply == .done ? [] : ["a limit can always be set: \(reply)"]
        case .service(let name, let isActive):
            things[name]?.isActive = isActive
            faults = reply == .done ? [] : ["a state can always be set: \(reply)"]
        case .grow(let id, let place): faults = takeGrowth(id, place, reply, now)
        case .handOver(let id, let holder, let ttl):
            faults = takeHandOver(id, holder, ttl, reply, now)
        case .stale:
            faults = reply == .refused("FENCED") ? [] : ["a stale token was not fenced: \(reply)"]
        }
        return faults.map { "\($0) [\(action) -> \(reply) at \(now) ms]" }
    }

    // MARK: Acquire

    private mutating func takeAcquire(_ ask: Ask, _ reply: Reply, _ now: UInt64) -> [String] {
        let known = Self.key(ask).flatMap { answered[$0] }
        let isFresh = known.map { now <= $0.at + Self.window } ?? false
        switch reply {
        case .granted(let id, let token, let reserved, let parts, let ttl, let replayed):
            if replayed { return takeReplay(ask, known, id) }
            if let known, isFresh {
                return ["I7: a second answer, after lease \(known.lease ?? 0)"]
            }
            var faults: [String] = []
            if token <= lastToken { faults.append("I4: token \(token) is not above \(lastToken)") }
            if id != token { faults.append("a lease is named by its first token") }
            if reserved != (ask.hold != nil) { faults.append("lease and reservation are mixed up") }
            faults += judge(parts, for: ask, now)
            lastToken = max(lastToken, token)
            for level in Self.levels(of: ask.tenant) {
                guard let limit = leaseLimits[level] else { continue }
                let least = leases(of: level, at: now).least
                if least >= limit { faults.append("\(level) has \(least) leases of \(limit)") }
            }
            let holding = self.holding(ask, parts, token: token, now)
            if ask.session == nil, ttl != (holding.earliest == .max ? nil : holding.earliest - now)
            {
                faults.append("the TTL is not what was asked")
            }
            holdings[id] = holding
            if let key = Self.key(ask) { answered[key] = Answered(ask: ask, lease: id, at: now) }
            return faults
        case .refused(let code):
            if let known, isFresh {
                if known.ask != ask { return code == "CONFLICT" ? [] : ["I7: no conflict"] }
                return known.lease == nil ? [] : ["I7: granted before, refused now"]
            }
            return judgeRefusal(of: ask, code, now)
        default: return ["an acquire is granted or refused"]
        }
    }

    private mutating func takeReplay(_ ask: Ask, _ known: Answered?, _ id: UInt64) -> [String] {
        guard ask.request != nil else { return ["I7: replayed without a request id"] }
        guard let known else { return [] }
        if known.ask != ask { return ["I7: another body was answered"] }
        return known.lease == id ? [] : ["I7: replayed as lease \(id), was \(known.lease ?? 0)"]
    }

    func holding(
        _ ask: Ask,
        _ parts: [String: UInt64],
        token: UInt64,
        _ now: UInt64
    ) -> Holding {
        let end = ask.lifetime.map { Self.add($0, to: now) } ?? .max
        let first = ask.hold ?? (ask.session == nil ? ask.ttl : .max)
        let deadline = min(Self.add(first, to: now), end)
        return Holding(
            ask: ask,
            parts: parts,
            reserved: ask.hold != nil,
            earliest: deadline,
            latest: deadline,
            lifetimeEnd: end,
            token: token
        )
    }

    func judge(_ parts: [String: UInt64], for ask: Ask, _ now: UInt64) -> [String] {
        var faults = shapeFaults(parts, ask)
        for (name, amount) in parts {
            guard let thing = things[name] else { continue }
            if !thing.isActive { faults.append("\(name) is out of service") }
            let least = taken(of: name, at: now).least
            if least + amount > thing.capacity {
                faults.append("I2: \(name) has \(thing.capacity), \(least) are held for certain")
            }
        }
        for level in Self.levels(of: ask.tenant) {
            for kind in Set(ask.places.flatMap(\.keys)) {
                guard let limit = quotas[QuotaKey(tenant: level, kind: kind)] else { continue }
                let least = used(by: level, kind, at: now).least
                if least + sum(parts, of: kind) > limit {
                    faults.append("I3: \(level) has a quota of \(limit), uses \(least)")
                }
            }
        }
        if let session = ask.session, sittings[session].map({ now > $0.latest }) ?? true {
            faults.append("granted in a session that has ended")
        }
        return faults
    }

    /// Whether the parts are what was asked (I8).
    func shapeFaults(_ parts: [String: UInt64], _ ask: Ask) -> [String] {
        var faults: [String] = []
        for (name, _) in parts where things[name]?.pool != ask.pool {
            faults.append("\(name) is not of pool \(ask.pool)")
        }
        for kind in Set(ask.places.flatMap(\.keys)) {
            let wanted = ask.places.reduce(0) { $0 + ($1[kind] ?? 0) }
            if sum(parts, of: kind) != wanted { faults.append("I8: not the \(kind) asked for") }
        }
        let nodes = Set(parts.keys.compactMap { things[$0]?.node })
        if nodes.count > ask.places.count { faults.append("more places than were asked for") }
        return faults
    }

    mutating func judgeRefusal(
        of ask: Ask,
        _ code: String,
        _ now: UInt64,
        isNewLease: Bool = true
    ) -> [String] {
        // What is quarantined is not known here.
        let knowsAll = quarantining.isEmpty
        switch code {
        case "EXHAUSTED":
            if things.values.contains(where: { $0.pool == ask.pool && !$0.isActive }) {
                met["out of service", default: 0] += 1
            }
            guard knowsAll, ask.places.count == 1, let place = ask.places.first else { return [] }
            let fits = node(for: place, in: ask.pool) { name, thing in
                thing.isActive ? thing.capacity - taken(of: name, at: now).most : 0
            }
            return fits.map { ["refused although \($0) has enough"] } ?? []
        case "QUOTA":
            guard knowsAll else { return [] }
            let binds = Self.levels(of: ask.tenant).contains { level in
                Set(ask.places.flatMap(\.keys)).contains { kind in
                    guard let limit = quotas[QuotaKey(tenant: level, kind: kind)] else {
                        return false
                    }
                    let wanted = ask.places.reduce(0) { $0 + ($1[kind] ?? 0) }
                    return used(by: level, kind, at: now).most + wanted > limit
                }
            }
            let hasTooMany =
                isNewLease
                && Self.levels(of: ask.tenant).contains { level in
                    leaseLimits[level].map { leases(of: level, at: now).most >= $0 } ?? false
                }
            met[binds ? "quota binds" : hasTooMany ? "leases bind" : "none", default: 0] += 1
            return binds || hasTooMany ? [] : ["refused although no quota binds"]
        case "UNSATISFIABLE":
            if let key = Self.key(ask) { answered[key] = Answered(ask: ask, lease: nil, at: now) }
            guard ask.places.count == 1, let place = ask.places.first else { return [] }
            let fits = node(for: place, in: ask.pool) { $1.capacity }
            return fits.map { ["refused for good although \($0) could hold it"] } ?? []
        case "EXPIRED":
            let isOpen = ask.session.map { self.isOpen($0, at: now) } ?? true
            return isOpen ? ["refused although the session is open"] : []
        case "CONFLICT" where Self.key(ask).map(doubtful.contains) ?? false: return []
        default: return ["refused with \(code)"]
        }
    }

    /// The first node whose things have all amounts, each from one of them.
    private func node(
        for place: [String: UInt64],
        in pool: String,
        free: (String, Thing) -> UInt64
    ) -> String? {
        let mine = things.filter { $0.value.pool == pool }
        return Set(mine.values.map(\.node)).sorted().first { node in
            place.allSatisfy { kind, amount in
                mine.contains { name, thing in
                    // Saturated: a capacity below use has nothing free.
                    thing.node == node && thing.kind == kind
                        && taken(of: name, at: lastHeard).most <= thing.capacity
                        && free(name, thing) >= amount
                }
            }
        }
    }

    // MARK: Leases

    /// The holding, or why there is none to speak of.
    func find(_ id: UInt64, _ now: UInt64) -> (Holding, certain: Bool, possible: Bool)? {
        holdings[id].map { ($0, isCertain($0, at: now), isPossible($0, at: now)) }
    }

    private mutating func takeRenewal(
        _ id: UInt64,
        _ ttl: UInt64?,
        _ reply: Reply,
        _ now: UInt64
    ) -> [String] {
        guard let (holding, certain, possible) = find(id, now) else {
            return isOfEnded(reply, .refused("EXPIRED"), id) ? [] : ["an ended lease was renewed"]
        }
        switch reply {
        case .renewed(let left):
            guard possible else { return ["I5: renewed at or after its deadline"] }
            if holding.reserved || holding.ask.session != nil { return ["it can not be renewed"] }
            let deadline = min(Self.add(ttl ?? holding.ask.ttl, to: now), holding.lifetimeEnd)
            holdings[id]?.earliest = max(holding.earliest, deadline)
            holdings[id]?.latest = max(holding.latest, deadline)
            guard let left, left + now + 1 >= max(holding.earliest, deadline) else {
                return ["renewed for less than was asked"]
            }
            return []
        case .refused("EXPIRED"): return certain ? ["I5: expired before its deadline"] : []
        case .refused("ERR"):
            return holding.reserved || holding.ask.session != nil ? [] : ["renewal was refused"]
        default: return ["not an answer to a renewal"]
        }
    }

    /// A release, a cancellation, or with no word about `reserved` a revocation.
    private mutating func takeEnd(
        _ id: UInt64,
        _ parts: [String: UInt64]?,
        _ reply: Reply,
        _ now: UInt64,
        reserved: Bool?
    ) -> [String] {
        guard let (holding, certain, possible) = find(id, now) else {
            // An operator may take what is past its deadline and not taken back yet.
            let isRight =
                isOfEnded(reply, .ended(before: true), id)
                || (reserved == nil && reply == .ended(before: false))
            return isRight ? [] : ["a lease that ended did not say so"]
        }
        let isWrongSort = reserved.map { $0 != holding.reserved } ?? false
        switch reply {
        case .ended(before: true):
            if certain { return ["I1: it has not ended"] }
            forget(id)
        case .ended(before: false):
            if isWrongSort { return ["the wrong verb ended it"] }
            if reserved != nil, !possible { return ["I5: it had ended before"] }
            let rest = remaining(holding.parts, without: parts)
            if let rest, !rest.isEmpty { return ["only a part was to end"] }
            forget(id)
        case .reduced(let rest):
            guard rest == remaining(holding.parts, without: parts) else { return ["not that part"] }
            holdings[id]?.parts = rest
        case .refused("ERR"):
            return isWrongSort || exceeds(parts, holding.parts) ? [] : ["refused"]
        default: return ["not an answer to an end"]
        }
        return []
    }

    private func exceeds(_ parts: [String: UInt64]?, _ held: [String: UInt64]) -> Bool {
        (parts ?? [:]).contains { $0.value > held[$0.key] ?? 0 }
    }

    func remaining(
        _ parts: [String: UInt64],
        without taken: [String: UInt64]?
    ) -> [String: UInt64]? {
        guard let taken else { return nil }
        return parts.compactMap { name, amount -> (String, UInt64)? in
            let rest = amount - min(amount, taken[name] ?? 0)
            return rest > 0 ? (name, rest) : nil
        }.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }

    mutating func forget(_ id: UInt64) {
        lastTokens[id] = holdings[id]?.token
        holdings[id] = nil
        ended.insert(id)
    }

    private mutating func takeCommit(
        _ id: UInt64,
        _ parts: [String: UInt64]?,
        _ reply: Reply,
        _ now: UInt64
    ) -> [String] {
        guard let (holding, certain, possible) = find(id, now) else {
            return isOfEnded(reply, .refused("EXPIRED"), id)
                ? [] : ["a reservation that ended was committed"]
        }
        switch reply {
        case .granted(let lease, _, false, let kept, _, let replayed):
            guard lease == id, possible else { return ["I5: committed after it lapsed"] }
            if replayed { return holding.reserved ? ["committed before, it says"] : [] }
            if kept != parts ?? holding.parts { return ["not what was to be committed"] }
            let byTTL = holding.ask.session == nil ? Self.add(holding.ask.ttl, to: now) : .max
            holdings[id]?.reserved = false
            holdings[id]?.parts = kept
            holdings[id]?.earliest = min(byTTL, holding.lifetimeEnd)
            holdings[id]?.latest = min(byTTL, holding.lifetimeEnd)
            return []
        case .refused("EXPIRED"): return certain ? ["I5: lapsed before its deadline"] : []
        case .refused("ERR"):
            let isRight = !holding.reserved || exceeds(parts, holding.parts)
            return isRight ? [] : ["commit was refused"]
        default: return ["not an answer to a commit"]
        }
    }

    // MARK: Sessions and settings

    private mutating func takeOpening(_ ttl: UInt64, _ reply: Reply, _ now: UInt64) -> [String] {
        guard case .session(let id, let token, let left) = reply else {
            return ["a session can always be opened"]
        }
        defer { lastToken = max(lastToken, token) }
        sittings[id] = Sitting(ttl: ttl, earliest: now + ttl, latest: now + ttl)
        if left != ttl { return ["the TTL is not what was asked"] }
        return token > lastToken ? [] : ["I4: token \(token) is not above \(lastToken)"]
    }

    private mutating func takeKeeping(_ id: UInt64, _ reply: Reply, _ now: UInt64) -> [String] {
        guard let sitting = sittings[id] else { return [] }
        switch reply {
        case .session:
            if sitting.isClosed || now > sitting.latest { return ["I5: kept after its end"] }
            sittings[id]?.earliest = max(sitting.earliest, now + sitting.ttl)
            sittings[id]?.latest = max(sitting.latest, now + sitting.ttl)
            return []
        case .refused("EXPIRED"):
            return isOpen(id, at: now) ? ["I5: a session ended before its deadline"] : []
        default: return ["not an answer to a keep-alive"]
        }
    }

    private mutating func takeClosing(_ id: UInt64, _ reply: Reply, _ now: UInt64) -> [String] {
        guard case .ended(let before) = reply else { return ["a session can be closed"] }
        defer { sittings[id]?.isClosed = true }
        return before && isOpen(id, at: now) ? ["I1: the session had not ended"] : []
    }

    private mutating func takeCapacity(
        _ name: String,
        _ amount: UInt64,
        _ force: Bool,
        _ reply: Reply,
        _ now: UInt64
    ) -> [String] {
        let taken = taken(of: name, at: now)
        switch reply {
        case .done:
            things[name]?.capacity = amount
            return force || taken.least <= amount ? [] : ["I2: cut below use without FORCE"]
        case .refused("ERR"):
            // Without force even use that is due, but not taken back yet, may stand in the way.
            return force ? ["a forced cut was refused"] : []
        default: return ["not an answer to a declaration"]
        }
    }
}
