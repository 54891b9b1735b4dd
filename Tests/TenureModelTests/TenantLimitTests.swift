// Limits of tenants: leases at once and grants per second, on every level, over restarts.

import TenureModel
import Testing

@Suite("Tenant limits")
struct TenantLimitTests {
    private static func request(_ tenant: String) -> AcquireRequest {
        .of(1) { ($0.tenant, $0.ttlMilliseconds) = (tenant, 60_000) }
    }

    @Test
    func `leases and reservations are counted on every level, and the refusal names it`() throws {
        var world = try World.slots(20)
        try world.limit("a", leases: .amount(3))
        let lease = try world.granted(Self.request("a"))
        var reserving = Self.request("a/b/c")
        reserving.holdMilliseconds = 1_000
        let reservation = try world.granted(reserving)
        _ = try world.granted(Self.request("a/b"))
        let answer = try world.ask(.acquire(Self.request("a/d")))
        #expect(answer.code == .quota)
        for word in ["tenant a ", "3 leases", "at most 3"] {
            #expect(answer.sentence.contains(word), "\(answer.sentence)")
        }
        _ = try world.granted(Self.request("b"))
        try world.ask(.commit(reservation.reference, parts: nil))
        #expect(try world.ask(.acquire(Self.request("a"))).code == .quota)
        try world.ask(.release(lease.reference, parts: nil))
        _ = try world.granted(Self.request("a"))
        #expect(try world.read(.tenant("a"))["count"]?.asInteger == 3)
    }

    @Test
    func `a limit counts the leases that are there when it is set`() throws {
        var world = try World.slots(20)
        _ = try world.granted(Self.request("a/b"))
        world.checkpoint()
        let second = try world.granted(Self.request("a"))
        _ = try world.granted(Self.request("ab"))
        try world.limit("a", leases: .amount(2))
        #expect(try world.ask(.acquire(Self.request("a"))).code == .quota)
        try world.ask(.release(second.reference, parts: nil))
        #expect(try world.ask(.acquire(Self.request("a"))).code == nil)
        try world.limit("a", leases: .unlimited)
        #expect(try world.ask(.acquire(Self.request("a"))).code == nil)
        #expect(try world.ask(.query(.tenant("a"))).code == .notFound)
        try world.limit("a", leases: .amount(4))
        #expect(try world.read(.tenant("a"))["count"]?.asInteger == 3)
    }

    @Test
    func `what is quarantined still counts`() throws {
        var world = World()
        try world.declarePool("pool", .lockDelay(100))
        try world.declare("slots", .slot, 5)
        try world.limit("default", leases: .amount(1))
        let lost = try world.granted(.of(1))
        try world.ask(.revoke(lost.lease, reason: "test"))
        #expect(try world.ask(.acquire(.of(1))).code == .quota)
        world.pass(milliseconds: 100)
        try world.reclaim()
        #expect(try world.ask(.acquire(.of(1))).code == nil)
    }

    @Test
    func `a burst comes at once, then one after the other, told how long to pause`() throws {
        var world = try World.slots(100)
        try world.limit("a", rate: .amount(10), burst: 3)
        for _ in 0..<3 { _ = try world.granted(Self.request("a/b")) }
        let answer = try world.ask(.acquire(Self.request("a")))
        #expect(answer.code == .busy)
        #expect(answer.sentence.contains("tenant a "), "\(answer.sentence)")
        #expect(answer.sentence.contains("after 100 ms"), "\(answer.sentence)")
        world.pass(milliseconds: 99)
        #expect(try world.ask(.acquire(Self.request("a"))).code == .busy)
        world.pass(milliseconds: 1)
        _ = try world.granted(Self.request("a"))
        #expect(try world.ask(.acquire(Self.request("a"))).code == .busy)
        _ = try world.granted(Self.request("b"))
    }

    @Test
    func `I6: a restart knows how fast grants came, from the row and from the log`() throws {
        var world = try World.slots(100)
        try world.limit("a", rate: .amount(1), burst: 2)
        _ = try world.granted(Self.request("a"))
        world.checkpoint()
        _ = try world.granted(Self.request("a"))
        try world.restart()
        #expect(try world.ask(.acquire(Self.request("a"))).code == .busy)
        world.checkpoint()
        try world.restart()
        #expect(try world.ask(.acquire(Self.request("a"))).code == .busy)
        world.pass(milliseconds: 1_000)
        _ = try world.granted(Self.request("a"))
    }

    /// The definition word by word: grants on the levels above, and the leases that are there.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `I3 I6: random grants and ends keep to every limit, and to no stricter one`(
        seed: UInt64
    ) throws {
        var dice = Dice(seed: seed)
        var world = try World.slots(1_000)
        let limits: [String: (leases: Int, interval: UInt64, burst: UInt64)] = [
            "a": (6, 200_000_000, 3), "a/b": (3, 333_333_334, 2),
        ]
        try world.limit("a", leases: .amount(6), rate: .amount(5), burst: 3)
        try world.limit("a/b", leases: .amount(3), rate: .amount(3), burst: 2)
        var grants: [(tenant: String, time: UInt64)] = []
        var met: [RefusalCode?: Int] = [:]
        for _ in 0..<150 {
            let now = world.now.nanoseconds
            if dice.chance(30) { world.pass(milliseconds: dice.pick(0...300)) }
            if dice.chance(20) { try world.reclaim() }
            if dice.chance(10) { world.checkpoint() }
            if dice.chance(10) { try world.restart() }
            guard world.now.nanoseconds == now else { continue }
            let tenant = dice.pick(["a", "a/b", "a/b/c", "c"], or: "a")
            let path = ["a", "a/b", "a/b/c"].filter { tenant == $0 || tenant.hasPrefix($0 + "/") }
            var expected: RefusalCode?
            for level in path {
                guard let limit = limits[level] else { continue }
                let there = try world.read(.leases(LeaseFilter(tenant: level), page: Page()))
                if there.items.count >= limit.leases { expected = .quota }
                var arrival: UInt64 = 0
                for grant in grants
                where grant.tenant == level || grant.tenant.hasPrefix(level + "/") {
                    arrival = max(arrival, grant.time) + limit.interval
                }
                let early = arrival > now && arrival - now > limit.interval * (limit.burst - 1)
                if early, expected == nil { expected = .busy }
            }
            let request = AcquireRequest.of(1) {
                ($0.tenant, $0.ttlMilliseconds) = (tenant, 1 + dice.pick(0...3_000))
            }
            let answer = try world.ask(.acquire(request))
            #expect(answer.code == expected, "seed \(seed): \(answer)")
            met[answer.code, default: 0] += 1
            if let grant = answer.asGrant {
                grants.append((tenant, now))
                if dice.chance(20) { try world.ask(.release(grant.reference, parts: nil)) }
            }
        }
        #expect(met[.quota, default: 0] + met[.busy, default: 0] > 10, "\(met)")
        world.checkpoint()
        #expect(world.rows.content.differences(to: try world.replayed()).isEmpty)
    }
}

extension World {
    fileprivate mutating func limit(
        _ tenant: String,
        leases: QuotaBound? = nil,
        rate: QuotaBound? = nil,
        burst: UInt64? = nil
    ) throws {
        var request = TenantRequest(tenant: tenant)
        (request.leases, request.rate, request.burst) = (leases, rate, burst)
        let answer = try ask(.setTenant(request))
        #expect(answer.code == nil, "\(answer)")
    }
}
