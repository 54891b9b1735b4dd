// Judging growth, hand-over, and what bounds the number of leases.

extension ReferenceLedger {
    /// How many leases and reservations a tenant and all below it have: at least, and at most.
    func leases(of tenant: String, at now: UInt64) -> (least: UInt64, most: UInt64) {
        let mine = holdings.values.filter {
            $0.ask.tenant == tenant || $0.ask.tenant.hasPrefix(tenant + "/")
        }
        return (
            UInt64(mine.count { isCertain($0, at: now) }),
            UInt64(mine.count { isPossible($0, at: now) })
        )
    }

    /// Whether `reply` is the right one for a lease that has ended: `right`, or that the token is
    /// none of its own where it may have got another before the end.
    func isOfEnded(_ reply: Reply, _ right: Reply, _ id: UInt64) -> Bool {
        reply == right || (reply == .refused("FENCED") && doubtfulTokens.contains(id))
    }

    /// Whether a lease never had another token than its first.
    package func isFirst(_ id: UInt64) -> Bool {
        token(of: id) == id && !doubtfulTokens.contains(id) && !mayHaveChanged(id)
    }

    /// What a lease asks for that grows.
    private func ask(for place: [String: UInt64], of holding: Holding) -> Ask {
        var ask = Ask()
        ask.pool = holding.ask.pool
        ask.tenant = holding.ask.tenant
        ask.session = holding.ask.session
        ask.places = [place]
        return ask
    }

    mutating func takeGrowth(
        _ id: UInt64,
        _ place: [String: UInt64],
        _ reply: Reply,
        _ now: UInt64
    ) -> [String] {
        guard let (holding, certain, possible) = find(id, now) else {
            return isOfEnded(reply, .refused("EXPIRED"), id) ? [] : ["an ended lease has grown"]
        }
        switch reply {
        case .granted(let lease, let token, false, let parts, _, false):
            guard lease == id, possible else { return ["I5: grown after its end"] }
            if holding.reserved { return ["a reservation has grown"] }
            met["grown", default: 0] += 1
            var faults = judge(
                added(to: holding.parts, parts),
                for: ask(for: place, of: holding),
                now
            )
            if token <= lastToken { faults.append("I4: token \(token) is not above \(lastToken)") }
            if remaining(holding.parts, without: parts) != [:] {
                faults.append("I8: something was lost by growth")
            }
            change(id, token: token)
            holdings[id]?.parts = parts
            return faults
        case .refused("EXPIRED"): return certain ? ["I5: expired before its deadline"] : []
        case .refused("ERR"): return holding.reserved ? [] : ["growth was refused"]
        case .refused(let code):
            return judgeRefusal(of: ask(for: place, of: holding), code, now, isNewLease: false)
        default: return ["not an answer to growth"]
        }
    }

    /// What is in `parts` beyond `before`.
    func added(to before: [String: UInt64], _ parts: [String: UInt64]) -> [String: UInt64] {
        remaining(parts, without: before) ?? [:]
    }

    mutating func takeHandOver(
        _ id: UInt64,
        _ holder: String,
        _ ttl: UInt64?,
        _ reply: Reply,
        _ now: UInt64
    ) -> [String] {
        guard let (holding, certain, possible) = find(id, now) else {
            return isOfEnded(reply, .refused("EXPIRED"), id) ? [] : ["an ended lease changed hands"]
        }
        switch reply {
        case .granted(let lease, let token, false, let parts, _, false):
            guard lease == id, possible else { return ["I5: handed over after its end"] }
            if holding.reserved { return ["a reservation was handed over"] }
            met["handed over", default: 0] += 1
            var faults: [String] = []
            if token <= lastToken { faults.append("I4: token \(token) is not above \(lastToken)") }
            if parts != holding.parts { faults.append("I8: something was lost on the way") }
            change(id, token: token)
            handOver(id, holder, ttl, at: now)
            return faults
        case .refused("EXPIRED"): return certain ? ["I5: expired before its deadline"] : []
        case .refused("ERR"): return holding.reserved ? [] : ["hand-over was refused"]
        default: return ["not an answer to a hand-over"]
        }
    }

    /// The lease has another token from here on.
    mutating func change(_ id: UInt64, token: UInt64) {
        holdings[id]?.token = token
        lastToken = max(lastToken, token)
    }

    /// The lease lives as who has it now wants it to.
    mutating func handOver(_ id: UInt64, _ holder: String, _ ttl: UInt64?, at now: UInt64) {
        guard let holding = holdings[id] else { return }
        holdings[id]?.ask.holder = holder
        if let ttl {
            let deadline = min(Self.add(ttl, to: now), holding.lifetimeEnd)
            holdings[id]?.ask.session = nil
            holdings[id]?.ask.ttl = ttl
            holdings[id]?.earliest = deadline
            holdings[id]?.latest = deadline
        } else if holding.ask.session == nil {
            let deadline = min(Self.add(holding.ask.ttl, to: now), holding.lifetimeEnd)
            holdings[id]?.earliest = max(holding.earliest, deadline)
            holdings[id]?.latest = max(holding.latest, deadline)
        }
    }

    // MARK: After a crash

    /// Takes in what of a growth or hand-over that was never answered has happened, as the token
    /// tells.
    mutating func takeInChange(
        of id: UInt64,
        _ found: Picture.Lease,
        at now: UInt64
    ) -> [String] {
        guard let holding = holdings[id], found.token != holding.token else { return [] }
        if found.token <= lastToken { return ["I4: lease \(id) has token \(found.token)"] }
        for action in pending {
            switch action {
            case .grow(id, by: let place):
                let new = added(to: holding.parts, found.parts)
                let faults = shapeFaults(new, ask(for: place, of: holding))
                change(id, token: found.token)
                holdings[id]?.parts = found.parts
                return faults
            case .handOver(id, let holder, let ttl):
                change(id, token: found.token)
                handOver(id, holder, ttl, at: pendingAt)
                extendByGrace(id, at: now)
                return []
            default: continue
            }
        }
        return ["I4: nobody asked for token \(found.token) of lease \(id)"]
    }

    /// Whether the lease may have got another token without an answer.
    func mayHaveChanged(_ id: UInt64) -> Bool {
        pending.contains { action in
            switch action {
            case .grow(id, by: _), .handOver(id, to: _, ttl: _): true
            default: false
            }
        }
    }

    /// Takes in limits and states of which the change was never answered.
    mutating func reconcileBounds(_ picture: Picture) -> [String] {
        var faults: [String] = []
        for tenant in Set(leaseLimits.keys).union(picture.leaseLimits.keys).sorted() {
            let found = picture.leaseLimits[tenant]
            guard found != leaseLimits[tenant] else { continue }
            if !pending.contains(.leaseLimit(tenant: tenant, found)) {
                faults.append("I1: \(tenant) may have \(found.map(String.init) ?? "any") leases")
            }
            leaseLimits[tenant] = found
        }
        for (name, thing) in things {
            guard let found = picture.things[name]?.isActive, found != thing.isActive else {
                continue
            }
            if !pending.contains(.service(name, isActive: found)) {
                faults.append("I1: \(name) is \(found ? "in" : "out of") service")
            }
            things[name]?.isActive = found
        }
        return faults
    }
}
