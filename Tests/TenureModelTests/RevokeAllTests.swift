// Taking many leases at once: exactly those that are asked for, step by step.

import TenureModel
import TenureTesting
import Testing

@Suite("Revoking many")
struct RevokeAllTests {
    private static let tag = Label(name: "job", value: "7")

    private static func request(
        _ change: (inout RevokeRequest) -> Void = { _ in }
    ) -> RevokeRequest {
        var request = RevokeRequest(reason: "drill")
        change(&request)
        return request
    }

    /// The leases that are not over, by id.
    private static func standing(_ world: inout World) throws -> Set<UInt64> {
        let items = try world.read(.leases(LeaseFilter(), page: Page(limit: 1_000))).items
        return Set(
            items.compactMap { item in
                guard case .id(let lease)? = item["lease"] else { return nil }
                return item["state"] == .string("quarantined") ? nil : lease
            }
        )
    }

    private static func steps(
        _ request: RevokeRequest,
        _ world: inout World
    ) throws -> [Document] {
        var request = request
        var answers: [Document] = []
        repeat {
            let answer = try world.ask(.revokeAll(request))
            guard case .document(let document) = answer else {
                Issue.record("\(answer)")
                return answers
            }
            answers.append(document)
            request.after = document["cursor"]?.asString
        } while request.after != nil
        return answers
    }

    private static func leases(_ answers: [Document]) -> [UInt64] {
        answers.flatMap(\.items).compactMap { item in
            if case .id(let lease)? = item["lease"] { lease } else { nil }
        }
    }

    @Test
    func `what is taken is recorded with its reason, and quarantined as one lease is`() throws {
        var world = try World.hosts(2, .lockDelay(5_000))
        let lease = try world.granted(.of(500, .gpu) { $0.tags = [Self.tag] })
        let other = try world.granted(.of(500, .gpu))
        let position = world.state.position
        let answer = try Self.steps(Self.request { $0.tags = [Self.tag] }, &world)
        #expect(answer.count == 1 && answer[0]["revoked"] == .integer(1))
        #expect(answer[0]["status"] == .string("revoked"))
        #expect(answer[0]["position"] == .id(position + 1))
        guard case .reclaimed(let taken, .revoked, "drill") = world.log.last?.events.first else {
            Issue.record("\(String(describing: world.log.last))")
            return
        }
        #expect(taken.map(\.lease) == [lease.lease] && taken[0].quarantinedUntil != nil)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        #expect(try world.ask(.check(other.reference)).code == nil)
        #expect(try world.count("quarantined", of: "n0-g0") == 500)
        // Once more: nobody is left, and nothing is recorded.
        let again = try Self.steps(Self.request { $0.tags = [Self.tag] }, &world)
        #expect(again[0]["revoked"] == .integer(0) && world.state.position == position + 1)
    }

    @Test
    func `many are taken in steps of one frame each, and a dry run takes none`() throws {
        var world = try World.slots(400)
        world.checksEveryStep = false
        for _ in 0..<300 { _ = try world.granted(.of(1) { $0.tenant = "org/a" }) }
        let kept = try world.granted(.of(1) { $0.tenant = "organ" })
        let request = Self.request { $0.filter.tenant = "org" }
        var dry = request
        dry.isDry = true
        let position = world.state.position
        let told = try Self.steps(dry, &world)
        #expect(world.state.position == position)
        #expect(told.allSatisfy { $0["status"] == .string("dry run") })
        #expect(told.allSatisfy { $0["revoked"] == .integer(0) })
        let taken = try Self.steps(request, &world)
        #expect(taken.map { $0["revoked"]?.asInteger } == [128, 128, 44])
        #expect(Self.leases(told) == Self.leases(taken) && Self.leases(taken).count == 300)
        #expect(world.state.position == position + 3)
        #expect(try Self.standing(&world) == [kept.lease.rawValue])
        #expect(try world.state.invariantFault() == nil)
    }

    @Test
    func `what is carved from a lease ends with it, once`() throws {
        var world = try World.slots(10)
        let parent = try world.granted(.of(6))
        for _ in 0..<2 {
            var part = SubleaseRequest(parts: [Part(resource: "slots", quantity: "2")])
            part.holder = "task"
            try world.ask(.sublease(parent.reference, part))
        }
        let task = try Self.steps(Self.request { $0.filter.holder = "task" }, &world)
        #expect(task[0]["revoked"] == .integer(2) && task[0].items.count == 2)
        #expect(try world.ask(.check(parent.reference)).code == nil)
        var part = SubleaseRequest(parts: [Part(resource: "slots", quantity: "2")])
        part.holder = "task"
        try world.ask(.sublease(parent.reference, part))
        let all = try Self.steps(Self.request { $0.filter.pool = "pool" }, &world)
        #expect(all[0]["revoked"] == .integer(2) && all[0].items.count == 1)
        #expect(try world.count("free") == 10)
    }

    @Test(arguments: [0, 5_000] as [UInt64])
    func `a lease of whose part of the node another was carved has that part`(
        lockDelay: UInt64
    ) throws {
        var world = try World.hosts(2, gpus: 1, .lockDelay(lockDelay))
        let gang = AcquireRequest(pool: "pool", claims: [.of(places: 2, (.gpu, 1_000))])
        let parent = try world.granted(gang)
        let part = SubleaseRequest(parts: [Part(resource: "n1-g0", quantity: "1")])
        try world.ask(.sublease(parent.reference, part))
        let taken = try Self.steps(Self.request { $0.node = "n1" }, &world)
        #expect(taken[0]["revoked"] == .integer(2))
        #expect(Self.leases(taken) == [parent.lease.rawValue])
        world.pass(milliseconds: lockDelay)
        try world.reclaim()
        #expect(try world.count("free", of: "n1-g0") == 1_000)
        #expect(try Self.standing(&world) == [])
    }

    @Test
    func `what a budget held of them is settled`() throws {
        var world = World()
        try world.declarePool()
        var slots = ResourceRequest(name: "slots", pool: "pool", kind: .slot, capacity: 10)
        slots.cost = 3_600_000
        try world.ask(.setResource(slots))
        let budget = BudgetRequest(tenant: "org", limit: 90_000, windowMilliseconds: 3_600_000)
        try world.ask(.setBudget(budget))
        for _ in 0..<3 {
            let request = AcquireRequest.of(1) {
                ($0.tenant, $0.maxLifetimeMilliseconds) = ("org", 10_000)
            }
            _ = try world.granted(request)
        }
        #expect(try world.read(.budget("org"))["held"] == .integer(30_000))
        _ = try Self.steps(Self.request { $0.filter.tenant = "org" }, &world)
        #expect(try world.read(.budget("org"))["held"] == .integer(0))
    }

    @Test
    func `who does not say which is refused, and so is what is no pool, cursor or reason`() throws {
        var world = try World.slots(1)
        let lease = try world.granted(.of(1))
        let wrong: [(RevokeRequest, RefusalCode)] = [
            (Self.request(), .malformed), (Self.request { $0.filter.pool = "none" }, .notFound),
            (
                Self.request { ($0.filter.pool, $0.after) = ("pool", "x") }, .malformed
            ),
            (
                Self.request { ($0.filter.pool, $0.reason) = ("pool", "") }, .malformed
            ),
        ]
        for (request, code) in wrong {
            #expect(try world.ask(.revokeAll(request)).code == code, "\(request)")
        }
        #expect(try world.ask(.check(lease.reference)).code == nil)
    }

    /// Random leases and filters against a look at each lease.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `I2 I3: exactly those that are asked for are taken`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var world = try World.hosts(4, .lockDelay(dice.chance(50) ? 5_000 : 0))
        try world.declarePool("other")
        try world.declare("o", .gpu, 4_000, pool: "other")
        var known: [(grant: Grant, request: AcquireRequest)] = []
        for _ in 0..<20 {
            var request = AcquireRequest.of(dice.pick(1...8) * 100, .gpu)
            request.pool = dice.pick(["pool", "other"], or: "pool")
            request.tenant = dice.pick(["a", "a/b", "ab"], or: "a")
            request.holder = dice.pick(["h", "i"], or: "h")
            request.tags = dice.chance(50) ? [Self.tag, Label(name: "x", value: "y")] : []
            request.strategy = .spread
            if dice.chance(20) { request.holdMilliseconds = 1_000 }
            guard let grant = try world.ask(.acquire(request)).asGrant else { continue }
            known.append((grant, request))
        }
        let revocation = Self.request { asked in
            if dice.chance(40) { asked.filter.pool = dice.pick(["pool", "other"], or: "pool") }
            if dice.chance(40) { asked.filter.tenant = dice.pick(["a", "a/b"], or: "a") }
            if dice.chance(40) { asked.filter.holder = "h" }
            if dice.chance(40) { asked.node = dice.pick(["n0", "n1", "o"], or: "n0") }
            if asked == Self.request() || dice.chance(40) { asked.tags = [Self.tag] }
        }
        let wanted = known.filter { grant, request in
            let filter = revocation.filter
            let tenant = filter.tenant.map { $0 == "a/b" ? ["a/b"] : ["a", "a/b"] }
            return filter.pool ?? request.pool == request.pool
                && tenant?.contains(request.tenant) ?? true
                && filter.holder ?? request.holder == request.holder
                && revocation.node.map { node in
                    grant.placements.contains { $0.node == node }
                } ?? true
                && (revocation.tags.isEmpty || !request.tags.isEmpty)
        }
        let before = try Self.standing(&world)
        let taken = try Self.steps(revocation, &world)
        let gone = try before.subtracting(Self.standing(&world))
        #expect(gone == Set(wanted.map(\.grant.lease.rawValue)), "\(revocation)")
        #expect(Set(Self.leases(taken)) == gone)
    }
}
