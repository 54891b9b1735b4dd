// Sub-leases: carved from a lease, never more and never longer than it, back to it at their end.

import TenureModel
import Testing

@Suite("Sub-leases")
struct SubleaseTests {
    static func carve(
        _ quantity: String,
        of resource: String = "slots",
        change: (inout SubleaseRequest) -> Void = { _ in }
    ) -> SubleaseRequest {
        var request = SubleaseRequest(parts: [Part(resource: resource, quantity: quantity)])
        change(&request)
        return request
    }

    @Test
    func `the parent has so much less, and gets back what the sub-lease gives back`() throws {
        var world = try World.slots(5)
        let parent = try world.granted(.of(4) { $0.ttlMilliseconds = 10_000 })
        let part = try world.carved(parent, Self.carve("3") { $0.holder = "task" })
        #expect(part.status == .granted && part.holder == "task")
        #expect(part.lease.rawValue == part.token.rawValue)
        #expect(part.token > parent.token)
        #expect(part.parts == ["slots=3"])
        #expect(part.ttlMilliseconds == 9_999)
        #expect(try world.count("held") == 4)
        let shown = try world.read(.lease(parent.lease))
        #expect(shown["subleases"] == .list([.id(part.lease.rawValue)]))
        #expect(shown["parent"] == .null)
        #expect(try world.read(.lease(part.lease))["parent"] == .id(parent.lease.rawValue))
        let tooMuch = try world.ask(
            .release(parent.reference, parts: [Part(resource: "slots", quantity: "2")])
        )
        #expect(tooMuch.code == .malformed)
        try world.ask(.release(part.reference, parts: [Part(resource: "slots", quantity: "1")]))
        #expect(try world.held(by: parent) == 2)
        #expect(try world.ask(.release(part.reference, parts: nil)).ending?.status == .released)
        #expect(try world.held(by: parent) == 4)
        #expect(try world.read(.lease(parent.lease))["subleases"] == .list([]))
        #expect(try world.count("free") == 1)
    }

    @Test
    func `all of a lease can be carved up, and comes back`() throws {
        var world = try World.slots(3)
        let parent = try world.granted(.of(3))
        let first = try world.carved(parent, Self.carve("2"))
        let second = try world.carved(parent, Self.carve("1"))
        #expect(try world.held(by: parent) == 0)
        #expect(try world.ask(.check(parent.reference)).code == nil)
        #expect(try world.ask(.sublease(parent.reference, Self.carve("1"))).code == .malformed)
        try world.ask(.release(first.reference, parts: nil))
        // Its own are all given back, but not those that come back to it.
        let all = [Part(resource: "slots", quantity: "2")]
        #expect(try world.ask(.release(parent.reference, parts: all)).ending?.status == .reduced)
        #expect(try world.ask(.check(second.reference)).code == nil)
        try world.ask(.release(second.reference, parts: nil))
        #expect(try world.ask(.check(parent.reference)).code == nil)
        #expect(try world.held(by: parent) == 1)
        #expect(try world.count("free") == 2)
    }

    /// How the parent ends.
    @Test(arguments: ["release", "expiry", "revoke", "session", "process"], [0, 700] as [UInt64])
    func `N1: the end of the parent ends its sub-leases at the same position`(
        how: String,
        lockDelay: UInt64
    ) throws {
        var world = try World.slots(6, .lockDelay(lockDelay))
        let process = ProcessIdentity(pid: 5, startTicks: 1, bootID: "b", pidNamespace: 1)
        let session = try world.opened(process: process)
        let other = try world.opened(ttl: 90_000)
        let isInSession = how == "session" || how == "process"
        let parent = try world.granted(
            .of(6) { if isInSession { ($0.session, $0.ttlMilliseconds) = (session.session, nil) } }
        )
        var parts = [try world.carved(parent, Self.carve("1"))]
        parts.append(try world.carved(parent, Self.carve("2") { $0.ttlMilliseconds = 90_000 }))
        parts.append(try world.carved(parent, Self.carve("1") { $0.session = other.session }))
        switch how {
        case "release": try world.ask(.release(parent.reference, parts: nil))
        case "revoke": try world.ask(.revoke(parent.lease, reason: "drill"))
        case "session": try world.ask(.closeSession(session))
        case "process":
            try world.ask(
                .housekeeping(
                    .processDied(session.session, treeIsGone: false, evidence: "pidfd")
                )
            )
        default: world.pass(milliseconds: 1_000)
        }
        for part in parts { #expect(try world.ask(.check(part.reference)).code == .expired) }
        try world.reclaim()
        let isClean = how == "release" || how == "session"
        // What its holder says is done is free; the sub-leases may still be used by others.
        #expect(try world.count("free") == (lockDelay == 0 ? 6 : isClean ? 2 : 0))
        #expect(try world.count("quarantined") == (lockDelay == 0 ? 0 : isClean ? 4 : 6))
        for part in parts {
            #expect(
                try world.ask(.release(part.reference, parts: nil)).ending?.status == .alreadyEnded
            )
        }
        world.pass(milliseconds: 700)
        try world.reclaim()
        #expect(try world.count("free") == 6)
        #expect(try world.state.contentLines().filter { $0.hasPrefix("lease") }.isEmpty)
    }

    @Test
    func `a release says in the log why the sub-leases end, in the same frame`() throws {
        var world = try World.slots(2)
        let parent = try world.granted(.of(2))
        let part = try world.carved(parent, Self.carve("1"))
        try world.ask(.release(parent.reference, parts: nil))
        let events = try #require(world.log.last?.events)
        #expect(events.first == .released(parent.lease))
        let taken = Reclaimed(lease: part.lease, quarantinedUntil: nil)
        let evidence = "lease \(parent.lease.rawValue), from which it was carved, has ended"
        #expect(
            events.last == .reclaimed([taken], cause: .revoked, evidence: evidence)
        )
        #expect(events.count == 2)
    }

    @Test
    func `I5: it ends at its own deadline, and never after its parent's`() throws {
        var world = try World.slots(4)
        let parent = try world.granted(.of(4))
        let short = try world.carved(parent, Self.carve("1") { $0.ttlMilliseconds = 400 })
        let long = try world.carved(parent, Self.carve("1") { $0.ttlMilliseconds = 5_000 })
        let bound = try world.carved(parent, Self.carve("1"))
        #expect(short.ttlMilliseconds == 400)
        #expect(long.ttlMilliseconds == 999 && bound.ttlMilliseconds == 999)
        world.pass(milliseconds: 400)
        #expect(try world.ask(.check(short.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.held(by: parent) == 2)
        // Renewing it does not carry it past its parent, renewing the parent carries both.
        let renewed = try world.ask(.renew(long.reference, ttlMilliseconds: 9_000)).renewal
        #expect(renewed?.ttlMilliseconds.map { $0 < 600 } == true)
        #expect(try world.ask(.renew(bound.reference, ttlMilliseconds: 9_000)).code == .malformed)
        try world.ask(.renew(parent.reference, ttlMilliseconds: 20_000))
        world.pass(milliseconds: 6_000)
        #expect(try world.ask(.check(long.reference)).code == nil)
        #expect(try world.ask(.check(bound.reference)).code == nil)
        world.pass(milliseconds: 14_001)
        for lease in [parent, long, bound] {
            #expect(try world.ask(.check(lease.reference)).code == .expired)
        }
        try world.reclaim()
        #expect(try world.count("free") == 4)
    }

    @Test
    func `what a lost sub-lease held is quarantined before it comes back`() throws {
        var world = try World.slots(3, .lockDelay(500))
        let parent = try world.granted(.of(3) { $0.ttlMilliseconds = 60_000 })
        let part = try world.carved(parent, Self.carve("2") { $0.ttlMilliseconds = 100 })
        world.pass(milliseconds: 100)
        try world.reclaim()
        #expect(try world.held(by: parent) == 1)
        #expect(try world.count("quarantined") == 2)
        #expect(
            try world.read(.lease(parent.lease))["subleases"] == .list([.id(part.lease.rawValue)])
        )
        world.pass(milliseconds: 500)
        try world.reclaim()
        #expect(try world.held(by: parent) == 3)
        #expect(try world.count("quarantined") == 0)
        // With the parent gone meanwhile it is free.
        _ = try world.carved(parent, Self.carve("2") { $0.ttlMilliseconds = 100 })
        world.pass(milliseconds: 100)
        try world.reclaim()
        try world.ask(.release(parent.reference, parts: nil))
        #expect(try world.count("free") == 1)
        world.checkpoint()
        try world.restart()
        world.pass(milliseconds: 500)
        try world.reclaim()
        #expect(try world.count("free") == 3)
    }

    @Test
    func `a sub-lease is handed over, but neither grows nor has sub-leases`() throws {
        var world = try World.slots(5)
        let parent = try world.granted(.of(3))
        let part = try world.carved(parent, Self.carve("2"))
        let growth = GrowRequest(claims: [.of((.slot, 1))])
        #expect(try world.ask(.grow(part.reference, growth)).code == .malformed)
        #expect(try world.ask(.sublease(part.reference, Self.carve("1"))).code == .malformed)
        let handed = try #require(
            try world.ask(.handOver(part.reference, HandOverRequest(holder: "two"))).asGrant
        )
        #expect(handed.ttlMilliseconds.map { $0 <= 999 } == true)
        #expect(try world.ask(.check(part.reference)).code == .fenced)
        // The parent's holder is another one; what was carved stays.
        let next = try #require(
            try world.ask(.handOver(parent.reference, HandOverRequest(holder: "three"))).asGrant
        )
        #expect(try world.ask(.sublease(parent.reference, Self.carve("1"))).code == .fenced)
        #expect(try world.ask(.check(handed.reference)).code == nil)
        let grown = try #require(try world.ask(.grow(next.reference, growth)).asGrant)
        #expect(grown.parts == ["slots=2"])
        try world.ask(.release(handed.reference, parts: nil))
        #expect(try world.held(by: grown) == 4)
        #expect(try world.ask(.release(part.reference, parts: nil)).code == .fenced)
        #expect(
            try world.ask(.release(handed.reference, parts: nil)).ending?.status == .alreadyEnded
        )
    }

    @Test
    func `a sub-lease is not preempted by itself, and ends with a parent that is`() throws {
        var world = try World.slots(4, .number(.preemptionGap, 1))
        let parent = try world.granted(.of(4) { $0.priority = .low })
        let part = try world.carved(parent, Self.carve("2"))
        let high = try world.granted(.of(2) { $0.priority = .high })
        #expect(try world.ask(.check(high.reference)).code == nil)
        #expect(try world.ask(.check(parent.reference)).code == .expired)
        #expect(try world.ask(.check(part.reference)).code == .expired)
        #expect(try world.count("held") == 2 && world.count("free") == 2)
        guard case .granted? = world.log.last?.events.last else {
            Issue.record("what was taken back and granted is one frame")
            return
        }
    }

    @Test
    func `a parent that was told to leave ends with its sub-leases when its notice does`() throws {
        var world = try World.slots(
            4,
            .number(.preemptionGap, 1),
            .number(.preemptionGrace, 500)
        )
        let parent = try world.granted(
            .of(4) { ($0.priority, $0.ttlMilliseconds) = (.low, 9_000) }
        )
        let part = try world.carved(parent, Self.carve("1"))
        let lent = try world.carved(parent, Self.carve("1"))
        let request = AcquireRequest.of(2) { ($0.priority, $0.waitMilliseconds) = (.high, 5_000) }
        #expect(try world.ask(.acquire(request)).code == .exhausted)
        let growth = GrowRequest(claims: [.of((.slot, 1))])
        #expect(try world.ask(.grow(parent.reference, growth)).code == .malformed)
        #expect(try world.ask(.sublease(parent.reference, Self.carve("1"))).code == .malformed)
        try world.ask(.release(lent.reference, parts: nil))
        #expect(try world.held(by: parent) == 3)
        #expect(try world.ask(.check(part.reference)).code == nil)
        world.pass(milliseconds: 500)
        #expect(try world.ask(.check(part.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 4)
    }

    @Test
    func `I7: with a request id, repeating it gives the first answer`() throws {
        var world = try World.slots(5)
        let parent = try world.granted(.of(4) { $0.tenant = "org" })
        let carve = Self.carve("2") { ($0.requestID, $0.tenant) = ("s1", "org/a") }
        let first = try world.carved(parent, carve)
        let again = try #require(try world.ask(.sublease(parent.reference, carve)).asGrant)
        #expect(again.replayed && again.lease == first.lease && again.token == first.token)
        #expect(try world.held(by: parent) == 2)
        var other = carve
        other.parts = [Part(resource: "slots", quantity: "1")]
        #expect(try world.ask(.sublease(parent.reference, other)).code == .conflict)
        #expect(try world.ask(.query(.request(id: "s1", tenant: "org"))).asGrant != nil)
    }

    @Test
    func `what can not be carved is refused and changes nothing`() throws {
        var world = try World.slots(5)
        let parent = try world.granted(.of(2))
        let held = try world.granted(.of(1) { $0.holdMilliseconds = 500 })
        let rows: [(LeaseReference, SubleaseRequest, RefusalCode, String)] = [
            (held.reference, Self.carve("1"), .malformed, "COMMIT"),
            (parent.reference, Self.carve("3"), .malformed, "more than the lease holds"),
            (parent.reference, Self.carve("1", of: "none"), .malformed, "holds nothing"),
            (parent.reference, Self.carve("0"), .malformed, "nothing"),
            (parent.reference, SubleaseRequest(parts: []), .malformed, "1 to 4096 parts"),
            (parent.reference, Self.carve("1") { $0.tenant = "a//b" }, .malformed, "TENANT"),
            (parent.reference, Self.carve("1") { $0.holder = "\n" }, .malformed, "HOLDER"),
            (parent.reference, Self.carve("1") { $0.ttlMilliseconds = 0 }, .malformed, "TTL"),
            (
                parent.reference,
                Self.carve("1") { $0.session = SessionID(rawValue: 3) }, .expired, "session 3"
            ),
            (
                LeaseReference(lease: parent.lease, token: held.token),
                Self.carve("1"), .fenced, "stop using it"
            ),
        ]
        let lines = try world.state.contentLines()
        for (lease, request, code, word) in rows {
            let answer = try world.ask(.sublease(lease, request))
            #expect(answer.code == code && answer.sentence.contains(word), "\(answer)")
        }
        #expect(try world.state.contentLines() == lines)
        world.pass(milliseconds: 1_000)
        #expect(try world.ask(.sublease(parent.reference, Self.carve("1"))).code == .expired)
    }
}

extension World {
    /// Carves a sub-lease and expects a grant.
    mutating func carved(
        _ parent: Grant,
        _ request: SubleaseRequest,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Grant {
        let answer = try ask(.sublease(parent.reference, request), sourceLocation: sourceLocation)
        return try #require(answer.asGrant, "\(answer)", sourceLocation: sourceLocation)
    }

    /// What a lease holds itself, in all.
    mutating func held(by lease: Grant) throws -> Int64 {
        guard case .list(let items)? = try read(.lease(lease.lease))["placements"] else {
            return -1
        }
        return items.compactMap { $0["amount"]?.asInteger }.reduce(0, +)
    }
}
