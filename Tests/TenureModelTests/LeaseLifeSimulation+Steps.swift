// What the simulation of the life of leases does next, and what the model says to the answer.

import TenureModel
import Testing

extension LeaseLifeSimulation {
    private mutating func count(_ what: String) { done[what, default: 0] += 1 }

    private mutating func pick() -> (id: LeaseID, reference: LeaseReference)? {
        guard let id = held.randomElement(using: &dice), let token = holdings[id]?.tokens.last
        else { return nil }
        return (id, LeaseReference(lease: id, token: token))
    }

    mutating func acquire() throws {
        let amount = dice.pick(1...7)
        let request = AcquireRequest.of(amount) {
            $0.tenant = dice.pick(["org", "org/a", "org/a/b", "other"], or: "org")
            $0.ttlMilliseconds = dice.pick([300, 2_000, 9_000], or: 1)
            if dice.chance(30), let session = sessions.keys.sorted().last {
                ($0.session, $0.ttlMilliseconds) = (session, nil)
            }
        }
        let now = world.now
        let answer = try world.ask(.acquire(request))
        let session = request.session
        if let session, (sessions[session]?.end ?? .zero) <= now {
            #expect(answer.code == .expired, replay)
        } else if exceeds(amount, request.tenant) {
            #expect(answer.code == .quota, replay)
        } else if let grant = answer.asGrant {
            count("acquired")
            holdings[grant.lease] = LeaseLifeHolding(
                tokens: [grant.token],
                parts: parts(of: grant),
                tenant: request.tenant,
                deadline: request.ttlMilliseconds.map { now.advanced(byMilliseconds: $0) }
                    ?? .never,
                ttl: request.ttlMilliseconds ?? 0,
                session: session,
                parent: nil
            )
        } else {
            #expect(answer.code == .exhausted, replay)
            #expect(Self.resources.allSatisfy { free(of: $0) < amount }, replay)
        }
    }

    private func parts(of grant: Grant) -> [String: UInt64] {
        grant.placements.reduce(into: [:]) { $0[$1.resource, default: 0] += $1.amount }
    }

    mutating func grow() throws {
        guard let (id, reference) = pick(), let holding = holdings[id] else { return }
        let amount = dice.pick(1...4)
        let isValid = isValid(id)
        let growth = GrowRequest(claims: [.of((.slot, amount))])
        let answer = try world.ask(.grow(reference, growth))
        if !isValid {
            #expect(answer.code == .expired, replay)
        } else if holding.parent != nil {
            #expect(answer.code == .malformed, replay)
        } else if exceeds(amount, holding.tenant) {
            #expect(answer.code == .quota, replay)
        } else if let grant = answer.asGrant {
            count("grown")
            let parts = parts(of: grant)
            let added = parts.filter { $0.value != holding.parts[$0.key] ?? 0 }
            #expect(added.count == 1, replay)
            let before = added.keys.first.flatMap { holding.parts[$0] } ?? 0
            #expect(added.values.first == before + amount, replay)
            // Where it is before elsewhere.
            if before == 0 {
                #expect(holding.parts.keys.allSatisfy { free(of: $0) < amount }, replay)
            }
            holdings[id]?.parts = parts
            holdings[id]?.tokens.append(grant.token)
        } else {
            #expect(answer.code == .exhausted, replay)
            #expect(Self.resources.allSatisfy { free(of: $0) < amount }, replay)
        }
    }

    mutating func release(inPart: Bool) throws {
        guard let (id, reference) = pick(), let holding = holdings[id] else { return }
        let isValid = isValid(id)
        guard inPart, let (resource, held) = some(holding.parts) else {
            let answer = try world.ask(.release(reference, parts: nil))
            #expect(answer.ending?.status == (isValid ? .released : .alreadyEnded), replay)
            if isValid { end(id, isClean: true) }
            return
        }
        let amount = dice.pick(1...held)
        let part = Part(resource: resource, quantity: "\(amount)")
        let answer = try world.ask(.release(reference, parts: [part]))
        guard isValid else {
            #expect(answer.ending?.status == .alreadyEnded, replay)
            return
        }
        let rest = holding.parts.values.reduce(0, +) - amount
        let hasOthers = holdings.values.contains { $0.parent == id }
        if rest == 0, !hasOthers {
            #expect(answer.ending?.status == .released, replay)
            return end(id, isClean: true)
        }
        count("reduced")
        #expect(answer.ending?.status == .reduced, replay)
        take(amount, of: resource, from: id)
        if let parent = holding.parent { holdings[parent]?.parts[resource, default: 0] += amount }
    }

    private mutating func some(_ parts: [String: UInt64]) -> (String, UInt64)? {
        let name = parts.keys.sorted().randomElement(using: &dice)
        return name.flatMap { name in parts[name].map { (name, $0) } }
    }

    private mutating func take(_ amount: UInt64, of resource: String, from id: LeaseID) {
        let rest = (holdings[id]?.parts[resource] ?? 0) - amount
        holdings[id]?.parts[resource] = rest == 0 ? nil : rest
    }

    mutating func sublease() throws {
        guard let (id, reference) = pick(), let holding = holdings[id],
            let (resource, held) = some(holding.parts)
        else { return }
        let amount = dice.pick(1...held)
        var request = SubleaseRequest(parts: [Part(resource: resource, quantity: "\(amount)")])
        let below = dice.pick(["", "", "/x"], or: "") + (holding.tenant == "org" ? "/a" : "/y")
        let tenant = dice.chance(50) ? holding.tenant : holding.tenant + below
        request.tenant = tenant
        if dice.chance(40) { request.ttlMilliseconds = dice.pick([200, 3_000], or: 1) }
        let isValid = isValid(id)
        let now = world.now
        let answer = try world.ask(.sublease(reference, request))
        let isCharged = tenant.hasPrefix("org/a") && !holding.tenant.hasPrefix("org/a")
        if !isValid {
            #expect(answer.code == .expired, replay)
        } else if holding.parent != nil {
            #expect(answer.code == .malformed, replay)
        } else if isCharged, exceeds(amount, tenant) {
            #expect(answer.code == .quota, replay)
        } else {
            count("carved")
            let grant = try #require(answer.asGrant, replay)
            #expect(parts(of: grant) == [resource: amount], replay)
            take(amount, of: resource, from: id)
            holdings[grant.lease] = LeaseLifeHolding(
                tokens: [grant.token],
                parts: [resource: amount],
                tenant: tenant,
                deadline: request.ttlMilliseconds.map { now.advanced(byMilliseconds: $0) }
                    ?? .never,
                ttl: request.ttlMilliseconds ?? 0,
                session: nil,
                parent: id
            )
        }
    }

    mutating func handOver() throws {
        guard let (id, reference) = pick(), let holding = holdings[id] else { return }
        var request = HandOverRequest(holder: "next")
        if dice.chance(40) {
            request.ttlMilliseconds = dice.pick([100, 4_000], or: 1)
        } else if dice.chance(40) {
            request.session = sessions.keys.sorted().last
        }
        let isValid = isValid(id)
        let now = world.now
        let answer = try world.ask(.handOver(reference, request))
        if !isValid {
            #expect(answer.code == .expired, replay)
        } else if let session = request.session, (sessions[session]?.end ?? .zero) <= now {
            #expect(answer.code == .expired, replay)
        } else {
            count("handed over")
            let grant = try #require(answer.asGrant, replay)
            holdings[id]?.tokens.append(grant.token)
            if let session = request.session {
                holdings[id]?.session = session
                holdings[id]?.deadline = .never
                holdings[id]?.ttl = 0
            } else if let ttl = request.ttlMilliseconds {
                holdings[id]?.session = nil
                holdings[id]?.deadline = now.advanced(byMilliseconds: ttl)
                holdings[id]?.ttl = ttl
            } else if holding.session == nil {
                let end = now.advanced(byMilliseconds: holding.ttl)
                holdings[id]?.deadline = max(holding.deadline, end)
            }
        }
    }

    mutating func renew() throws {
        guard let (id, reference) = pick(), let holding = holdings[id] else { return }
        let isValid = isValid(id)
        let now = world.now
        let answer = try world.ask(.renew(reference, ttlMilliseconds: nil))
        if !isValid {
            #expect(answer.code == .expired, replay)
        } else if holding.ttl == 0 {
            #expect(answer.code == .malformed, replay)
        } else {
            count("renewed")
            #expect(answer.renewal != nil, replay)
            let end = now.advanced(byMilliseconds: holding.ttl)
            holdings[id]?.deadline = max(holding.deadline, end)
        }
    }

    mutating func revoke() throws {
        guard dice.chance(50), let (id, _) = pick() else { return }
        let answer = try world.ask(.revoke(id, reason: "drill"))
        #expect(answer.ending?.status == .revoked, replay)
        end(id, isClean: false)
    }

    mutating func session() throws {
        if dice.chance(60) {
            let ttl = dice.pick([1_000, 20_000] as [UInt64], or: 1)
            let now = world.now
            let session = try world.opened(ttl: ttl)
            let end = now.advanced(byMilliseconds: ttl)
            sessions[session.session] = (session.token, end, isClosed: false)
        } else if let id = sessions.keys.sorted().randomElement(using: &dice) {
            try settle()
            guard let session = sessions[id], session.end > world.now else { return }
            count("closed")
            try world.ask(.closeSession(SessionReference(session: id, token: session.token)))
            sessions[id] = (session.token, .zero, isClosed: true)
            try settle()
        }
    }

    mutating func restart() throws {
        if dice.chance(50) { world.checkpoint() }
        try world.restart()
    }

    mutating func pass() throws {
        world.pass(milliseconds: dice.pick([50, 400, 1_500, 5_000], or: 1))
        if dice.chance(60) { try settle() }
    }

    /// Has everything taken back that is due.
    private mutating func settle() throws {
        let lost = held.filter { !isValid($0) }
        let freed = holdings.keys.sorted().filter {
            holdings[$0]?.quarantinedUntil.map { $0 <= world.now } ?? false
        }
        try world.reclaim()
        if !lost.isEmpty { count("lost") }
        // What is due by itself comes first, then what was in quarantine, then what sessions kept:
        // the end of a session is a record of its own. Parents before what is carved from them.
        let due = lost.filter { (holdings[$0]?.deadline ?? .never) <= world.now }
        for id in due where holdings[id]?.parent == nil { end(id, isClean: false) }
        for id in due where isHeld(id) { end(id, isClean: false) }
        for id in freed { vanish(id) }
        for id in lost where isHeld(id) && holdings[id]?.parent == nil { endWithSession(id) }
        for id in lost where isHeld(id) { endWithSession(id) }
        sessions = sessions.filter { $0.value.end > world.now }
    }

    private mutating func endWithSession(_ id: LeaseID) {
        let session = holdings[id]?.session.flatMap { sessions[$0] }
        end(id, isClean: session?.isClosed ?? false)
    }

    private func isHeld(_ id: LeaseID) -> Bool {
        holdings[id].map { $0.quarantinedUntil == nil } ?? false
    }

    private var held: [LeaseID] { holdings.keys.sorted().filter { isHeld($0) } }
}
