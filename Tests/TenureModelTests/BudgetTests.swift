// Budgets: what is held at the grant, what is spent and what goes back at every sort of end.

import TenureModel
import Testing

@Suite("Budgets")
struct BudgetTests {
    private static let hour: UInt64 = 3_600_000

    /// Ten slots at 2 an hour each, and a budget of 100 a day for `a`.
    private static func world() throws -> World {
        var world = try World.slots(10)
        try world.price(2_000)
        try world.budget("a", 100_000, window: 24 * hour)
        return world
    }

    private static func request(
        _ amount: UInt64,
        hours: UInt64 = 10,
        ttl: UInt64 = hour,
        _ tenant: String = "a/b"
    ) -> AcquireRequest {
        .of(amount) {
            $0.tenant = tenant
            $0.ttlMilliseconds = ttl
            $0.maxLifetimeMilliseconds = hours * hour
        }
    }

    @Test
    func `all that it could cost is held, and the refusal names level, spent, held and limit`()
        throws
    {
        var world = try Self.world()
        _ = try world.granted(Self.request(4))
        #expect(try world.figures("a") == [0, 80_000, 20_000])
        let answer = try world.ask(.acquire(Self.request(2)))
        #expect(answer.code == .quota)
        for word in ["tenant a ", "spent 0", "holds 80 ", "of 100;", "40 more"] {
            #expect(answer.sentence.contains(word), "\(answer.sentence)")
        }
        guard case .refused(let refusal) = answer else { return }
        #expect(refusal.limit == "budget of a")
        _ = try world.granted(Self.request(1))
        _ = try world.granted(Self.request(2, "other"))
    }

    @Test
    func `what could cost without end is refused with the remedy`() throws {
        var world = try Self.world()
        let answer = try world.ask(.acquire(.of(1) { $0.tenant = "a" }))
        #expect(answer.code == .malformed)
        #expect(answer.sentence.contains("MAXLIFETIME"), "\(answer.sentence)")
        try world.ask(.setPool(name: "pool", settings: [.maxLifetime(Self.hour)]))
        _ = try world.granted(.of(1) { $0.tenant = "a" })
        #expect(try world.figures("a") == [0, 2_000, 98_000])
    }

    @Test
    func `a release spends what was used and gives the rest back, part by part`() throws {
        var world = try Self.world()
        let lease = try world.granted(Self.request(4, ttl: 10 * Self.hour))
        world.pass(almost: Self.hour)
        try world.ask(
            .release(lease.reference, parts: [Part(resource: "slots", quantity: "1")])
        )
        #expect(try world.figures("a") == [2_000, 60_000, 38_000])
        world.pass(almost: Self.hour)
        try world.ask(.release(lease.reference, parts: nil))
        #expect(try world.figures("a") == [14_000, 0, 86_000])
    }

    @Test
    func `a reservation costs like a lease, and a part that is not committed its time`() throws {
        var world = try Self.world()
        var request = Self.request(3, ttl: 10 * Self.hour)
        request.holdMilliseconds = 2 * Self.hour
        let reservation = try world.granted(request)
        #expect(try world.figures("a") == [0, 60_000, 40_000])
        world.pass(almost: Self.hour)
        let part = Part(resource: "slots", quantity: "1")
        try world.ask(.commit(reservation.reference, parts: [part]))
        #expect(try world.figures("a") == [4_000, 20_000, 76_000])
        let other = try world.granted(request)
        try world.ask(.cancel(other.reference))
        // The nanosecond until then is rounded up.
        #expect(try world.figures("a") == [4_001, 20_000, 75_999])
    }

    @Test
    func `what expires is charged to its deadline, however late it is taken back`() throws {
        var world = try Self.world()
        _ = try world.granted(Self.request(1))
        world.pass(almost: 5 * Self.hour)
        try world.reclaim()
        #expect(try world.figures("a") == [2_000, 0, 98_000])
    }

    @Test
    func `a lease of a session is charged to the end of the session`() throws {
        var world = try Self.world()
        let session = try world.opened(ttl: 3 * Self.hour)
        var request = Self.request(1)
        (request.ttlMilliseconds, request.session) = (nil, session.session)
        _ = try world.granted(request)
        world.pass(almost: 2 * Self.hour)
        try world.ask(.closeSession(session))
        world.pass(almost: Self.hour)
        try world.reclaim()
        #expect(try world.figures("a") == [4_000, 0, 96_000])
    }

    @Test
    func `what was revoked is charged until then, and nothing while it is quarantined`() throws {
        var world = try Self.world()
        try world.ask(.setPool(name: "pool", settings: [.lockDelay(2 * Self.hour)]))
        let lease = try world.granted(Self.request(1))
        world.pass(almost: Self.hour / 2)
        try world.ask(.revoke(lease.lease, reason: "test"))
        #expect(try world.figures("a") == [1_000, 0, 99_000])
        world.pass(almost: 3 * Self.hour)
        try world.reclaim()
        #expect(try world.figures("a") == [1_000, 0, 99_000])
    }

    @Test
    func `the price is that of the grant`() throws {
        var world = try Self.world()
        let lease = try world.granted(Self.request(1))
        try world.price(9_000)
        world.pass(almost: Self.hour / 2)
        try world.ask(.release(lease.reference, parts: nil))
        #expect(try world.figures("a") == [1_000, 0, 99_000])
        try world.price(0)
        _ = try world.granted(Self.request(5))
        #expect(try world.figures("a") == [1_000, 0, 99_000])
    }

    @Test
    func `a new window forgets what was spent and not what is held`() throws {
        var world = try Self.world()
        let lease = try world.granted(Self.request(1, ttl: 10 * Self.hour))
        world.pass(almost: 2 * Self.hour)
        try world.ask(.release(lease.reference, parts: nil))
        world.pass(milliseconds: 20 * Self.hour + 1)
        let second = try world.granted(Self.request(2, ttl: 10 * Self.hour))
        #expect(try world.figures("a") == [4_000, 40_000, 56_000])
        world.pass(almost: 2 * Self.hour)
        #expect(try world.figures("a") == [0, 40_000, 60_000])
        try world.reclaim()
        #expect(try world.figures("a") == [0, 40_000, 60_000])
        // All of it belongs to the window in which it ends.
        try world.ask(.release(second.reference, parts: nil))
        #expect(try world.figures("a") == [8_000, 0, 92_000])
    }

    @Test
    func `what was used until a window that is over is forgotten with it`() throws {
        var world = try Self.world()
        world.pass(almost: 22 * Self.hour)
        _ = try world.granted(Self.request(1))
        world.pass(almost: 4 * Self.hour)
        try world.reclaim()
        #expect(try world.figures("a") == [0, 0, 100_000])
    }

    @Test
    func `a budget covers what was granted after it was set, on every level`() throws {
        var world = try World.slots(10)
        try world.price(2_000)
        let before = try world.granted(Self.request(1))
        try world.budget("a", 100_000, window: 24 * Self.hour)
        try world.budget("a/b", 30_000, window: 24 * Self.hour)
        let lease = try world.granted(Self.request(1))
        #expect(try world.ask(.acquire(Self.request(1))).sentence.contains("tenant a/b "))
        try world.ask(.release(before.reference, parts: nil))
        try world.ask(.deleteBudget("a"))
        try world.budget("a", 100_000, window: 24 * Self.hour)
        #expect(try world.figures("a") == [0, 0, 100_000])
        world.pass(almost: Self.hour / 2)
        try world.ask(.release(lease.reference, parts: nil))
        #expect(try world.figures("a") == [0, 0, 100_000])
        #expect(try world.figures("a/b") == [1_000, 0, 29_000])
    }

    @Test
    func `a sub-lease stays with the lease that it is carved from, in parts and in the end`()
        throws
    {
        var world = try Self.world()
        let lease = try world.granted(Self.request(4, ttl: 10 * Self.hour))
        let carved = SubleaseRequest(parts: [Part(resource: "slots", quantity: "2")])
        try world.ask(.sublease(lease.reference, carved))
        #expect(try world.figures("a") == [0, 80_000, 20_000])
        world.pass(almost: Self.hour)
        let part = [Part(resource: "slots", quantity: "1")]
        try world.ask(.release(lease.reference, parts: part))
        #expect(try world.figures("a") == [2_000, 60_000, 38_000])
        world.pass(almost: Self.hour)
        try world.ask(.release(lease.reference, parts: nil))
        // One slot of its own and two of the sub-lease, each rounded up once.
        #expect(try world.figures("a") == [14_000, 0, 86_000])
    }

    @Test
    func `a lease of a tenant with a budget does not grow`() throws {
        var world = try Self.world()
        let lease = try world.granted(Self.request(1))
        let more = GrowRequest(claims: [.of((.slot, 1))])
        let answer = try world.ask(.grow(lease.reference, more))
        #expect(answer.code == .malformed)
        #expect(answer.sentence.contains("second lease"), "\(answer.sentence)")
        try world.ask(.deleteBudget("a"))
        #expect(try world.ask(.grow(lease.reference, more)).asGrant != nil)
    }

    @Test(arguments: [
        (Kind.gpu, UInt64(500), UInt64(2_000), UInt64(1_000)), (.memory, 32 << 30, 10, 320),
        (.network, 1, 1, 1), (.slot, 3, 1_001, 3_003),
    ])
    func `a price is for one unit and rounded up`(
        kind: Kind,
        amount: UInt64,
        price: UInt64,
        cost: UInt64
    ) {
        let hour: UInt64 = 3_600_000_000_000
        #expect(Price.of(amount, kind: kind, price: price, nanoseconds: hour) == cost)
        #expect(Price.of(amount, kind: kind, price: price, nanoseconds: hour - 1) == cost)
    }

    @Test
    func `what can not be counted is more than any budget`() throws {
        let most = Limits.amountMax
        #expect(Price.of(most, kind: .slot, price: most, nanoseconds: .max) == .max)
        var world = World()
        try world.declarePool()
        try world.declare("slots", .slot, most)
        try world.price(most, capacity: most)
        try world.budget("a", most, window: Self.hour)
        #expect(try world.ask(.acquire(Self.request(most, hours: 80_000))).code == .quota)
        _ = try world.granted(Self.request(1, hours: 1))
    }
}

extension World {
    /// Lets time pass, less what records take since: amounts are rounded up.
    fileprivate mutating func pass(almost milliseconds: UInt64) {
        pass(milliseconds: milliseconds - 1, nanoseconds: 999_980)
    }

    /// Sets what a slot costs for an hour.
    mutating func price(_ thousandths: UInt64, capacity: UInt64 = 10) throws {
        var request = ResourceRequest(
            name: "slots",
            pool: "pool",
            kind: .slot,
            capacity: capacity
        )
        request.cost = thousandths
        #expect(try ask(.setResource(request)).code == nil)
    }

    /// Sets a budget.
    mutating func budget(_ tenant: String, _ limit: UInt64, window: UInt64) throws {
        let request = BudgetRequest(tenant: tenant, limit: limit, windowMilliseconds: window)
        #expect(try ask(.setBudget(request)).code == nil)
    }

    /// What is spent, held and left of a budget.
    mutating func figures(_ tenant: String) throws -> [Int64?] {
        let budget = try read(.budget(tenant))
        return ["spent", "held", "left"].map { budget[$0]?.asInteger }
    }
}
