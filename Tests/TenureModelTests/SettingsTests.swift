// What operators change under leases: capacity, state, pools; and the lock-delay.

import TenureModel
import Testing

@Suite("Settings")
struct SettingsTests {
    private static func capacity(_ capacity: UInt64, force: Bool = false) -> Command {
        var request = ResourceRequest(name: "slots", pool: "pool", kind: .slot, capacity: capacity)
        request.force = force
        return .setResource(request)
    }

    @Test
    func `I2: a capacity below use needs FORCE, makes debt, and grants nothing until paid`() throws
    {
        var world = try World.slots(10)
        let lease = try world.granted(.of(8))
        #expect(try world.ask(Self.capacity(7)).code == .malformed)
        #expect(try world.ask(Self.capacity(8)).code == nil)
        #expect(try world.ask(Self.capacity(5, force: true)).code == nil)
        #expect(try world.count("debt") == 3)
        #expect(try world.count("free") == 0)
        #expect(try world.ask(.acquire(.of(1))).code == .exhausted)
        let parts = [Part(resource: "slots", quantity: "3")]
        try world.ask(.release(lease.reference, parts: parts))
        #expect(try world.count("debt") == 0)
        #expect(try world.ask(.acquire(.of(1))).code == .exhausted)
        try world.ask(.release(lease.reference, parts: [Part(resource: "slots", quantity: "1")]))
        _ = try world.granted(.of(1))
        #expect(try world.ask(.acquire(.of(6))).code == .unsatisfiable)
    }

    @Test(arguments: [ResourceState.cordoned, .draining, .unconfirmed, .lost])
    func `only an active resource is granted, and what is held stays`(state: ResourceState) throws {
        var world = try World.slots(4)
        let lease = try world.granted(.of(1))
        try world.ask(.setResourceState(name: "slots", state: state))
        #expect(try world.read(.resource("slots"))["state"]?.asString == state.name)
        #expect(try world.ask(.acquire(.of(1))).code == .exhausted)
        #expect(try world.ask(.renew(lease.reference, ttlMilliseconds: 2_000)).renewal != nil)
        try world.ask(.setResourceState(name: "slots", state: .active))
        _ = try world.granted(.of(3))
    }

    @Test
    func `a cordoned device is passed over although its neighbours are active`() throws {
        var world = try World.hosts(1, gpus: 3)
        try world.ask(.setResourceState(name: "n0-g0", state: .cordoned))
        #expect(try world.granted(.of(500, .gpu)).parts == ["n0-g1=500"])
        #expect(try world.ask(.acquire(.of(2_000, .gpu))).code == .exhausted)
        #expect(try world.granted(.of(1_000, .gpu)).parts == ["n0-g2=1000"])
    }

    @Test
    func `I2: reserved and quarantined amounts need FORCE as held ones do`() throws {
        var world = try World.slots(10, .lockDelay(100_000))
        _ = try world.granted(.of(3) { $0.holdMilliseconds = 100 })
        let lost = try world.granted(.of(3))
        try world.ask(.revoke(lost.lease, reason: "test"))
        _ = try world.granted(.of(3))
        #expect(try world.ask(Self.capacity(8)).code == .malformed)
        #expect(try world.ask(Self.capacity(9)).code == nil)
        #expect(try world.ask(Self.capacity(1, force: true)).code == nil)
        #expect(try world.count("debt") == 8)
    }

    @Test
    func `only what was detected becomes unconfirmed, and comes back when seen`() throws {
        var world = try World.slots(1)
        var request = ResourceRequest(name: "found", pool: "pool", kind: .gpu, capacity: 1000)
        request.detected = true
        try world.ask(.setResource(request))
        for name in ["slots", "found", "none"] {
            try world.ask(.housekeeping(.resourceSeen(name: name, seen: false)))
        }
        #expect(try world.read(.resource("slots"))["state"]?.asString == "active")
        #expect(try world.read(.resource("found"))["state"]?.asString == "unconfirmed")
        #expect(try world.ask(.acquire(.of(1, .gpu))).code == .exhausted)
        try world.ask(.housekeeping(.resourceSeen(name: "found", seen: true)))
        _ = try world.granted(.of(1, .gpu))
        // What an operator cordoned stays so.
        try world.ask(.setResourceState(name: "found", state: .cordoned))
        for seen in [false, true] {
            try world.ask(.housekeeping(.resourceSeen(name: "found", seen: seen)))
        }
        #expect(try world.read(.resource("found"))["state"]?.asString == "cordoned")
    }

    @Test
    func `a resource is deleted when nothing of it is used, then its pool`() throws {
        var world = try World.slots(1, .lockDelay(100))
        let lease = try world.granted(.of(1))
        #expect(try world.ask(.deleteResource(name: "slots")).code == .malformed)
        try world.ask(.revoke(lease.lease, reason: "test"))
        #expect(try world.ask(.deleteResource(name: "slots")).code == .malformed)
        world.pass(milliseconds: 100)
        try world.reclaim()
        #expect(try world.ask(.deletePool(name: "pool")).code == .malformed)
        #expect(try world.ask(.deleteResource(name: "slots")).code == nil)
        #expect(try world.ask(.acquire(.of(1))).code == .unsatisfiable)
        #expect(try world.ask(.deletePool(name: "pool")).code == nil)
        #expect(try world.ask(.acquire(.of(1))).code == .notFound)
        try world.declarePool()
        try world.declare("slots", .slot, 2)
        #expect(try world.granted(.of(2)).parts == ["slots=2"])
    }

    @Test
    func `a place that was emptied and declared again is the last one, as after a restart`() throws
    {
        var world = World()
        try world.declarePool()
        try world.declare("a", .slot, 1, node: "n")
        try world.declare("b", .slot, 1)
        try world.ask(.deleteResource(name: "a"))
        try world.declare("a", .slot, 1, node: "n")
        let plan = AcquireRequest.of(1) { $0.planOnly = true }
        #expect(try world.granted(plan).parts == ["b=1"])
        world.checkpoint()
        try world.restart()
        #expect(try world.granted(plan).parts == ["b=1"])
    }

    @Test
    func `labels and cost that are not named stay`() throws {
        var world = World()
        try world.declarePool()
        var request = ResourceRequest(name: "r", pool: "pool", kind: .slot, capacity: 1, node: "n")
        request.labels = [Label(name: "zone", value: "a")]
        request.cost = 5
        try world.ask(.setResource(request))
        try world.ask(.setResource(.init(name: "r", pool: "pool", kind: .slot, capacity: 2)))
        let shown = try world.read(.resource("r"))
        #expect(shown["capacity"]?.asInteger == 2)
        #expect(shown["cost"]?.asInteger == 5)
        #expect(shown["node"]?.asString == "n")
        #expect(shown["labels"]?["zone"]?.asString == "a")
        request.labels = []
        try world.ask(.setResource(request))
        #expect(try world.read(.resource("r"))["labels"]?["zone"] == nil)
    }

    @Test
    func `a pool shows every key, and a change keeps the others`() throws {
        var world = World()
        try world.declarePool("pool", .ttlMax(90_000), .tier(3))
        try world.declarePool("pool", .lockDelay(7))
        let shown = try world.read(.pool("pool"))
        for key in PoolSettings.keys { #expect(shown[key] != nil, "\(key)") }
        #expect(shown["ttlMax"]?.asInteger == 90_000)
        #expect(shown["tier"]?.asInteger == 3)
        #expect(shown["lockDelay"]?.asInteger == 7)
        try world.declarePool("a")
        #expect(try world.read(.pools).items.map { $0["name"]?.asString } == ["a", "pool"])
    }

    @Test
    func `there are at most 4,096 pools, and each of them can still be changed`() throws {
        var world = World()
        for index in 0..<Limits.pools { try world.declarePool("p\(index)", .restartGrace(7)) }
        #expect(try world.ask(.setPool(name: "more", settings: [])).code == .busy)
        #expect(try world.ask(.setPool(name: "p9", settings: [.tier(1)])).code == nil)
        try world.ask(.deletePool(name: "p9"))
        #expect(try world.ask(.setPool(name: "more", settings: [])).code == nil)
    }

    /// How a lease ended, and whether its amounts wait out the lock-delay.
    @Test(arguments: [("release", false), ("revoke", true), ("expire", true)])
    func `an unclean end quarantines, a clean one does not`(end: String, waits: Bool) throws {
        var world = try World.slots(2, .lockDelay(500))
        let lease = try world.granted(.of(2))
        switch end {
        case "release": try world.ask(.release(lease.reference, parts: nil))
        case "revoke": try world.ask(.revoke(lease.lease, reason: "test"))
        default:
            world.pass(milliseconds: 1_000)
            try world.reclaim()
        }
        #expect(try world.count("quarantined") == (waits ? 2 : 0))
        #expect(try world.count("free") == (waits ? 0 : 2))
        guard waits else { return }
        #expect(try world.read(.lease(lease.lease))["state"]?.asString == "quarantined")
        #expect(try world.ask(.renew(lease.reference, ttlMilliseconds: nil)).code == .expired)
        #expect(try world.ask(.revoke(lease.lease, reason: "x")).ending?.status == .alreadyEnded)
        #expect(try world.ask(.acquire(.of(1))).code == .exhausted)
        world.pass(milliseconds: 499)
        try world.reclaim()
        #expect(try world.count("quarantined") == 2)
        world.pass(milliseconds: 1)
        try world.reclaim()
        #expect(try world.count("free") == 2)
    }

    /// Whether a lease that ends uncleanly waits out the lock-delay, by what it holds.
    @Test(arguments: [
        ("cpu", false), ("memory", false), ("disk", false), ("network", false),
        ("gpu", true), ("licence", true),
    ])
    func `only what is exclusive is quarantined`(name: String, waits: Bool) throws {
        let kind = try #require(Kind(name))
        var world = World()
        try world.declarePool("pool", .lockDelay(500))
        try world.declare("it", kind, 2)
        let lease = try world.granted(.of(1, kind))
        try world.ask(.revoke(lease.lease, reason: "test"))
        #expect(try world.count("quarantined", of: "it") == (waits ? 1 : 0))
        #expect(try world.count("free", of: "it") == (waits ? 1 : 2))
    }

    @Test
    func `what is held beside a device waits with it, and comes back with it`() throws {
        var world = try World.hosts(1, gpus: 1, .lockDelay(500))
        let claim = Claim.of((.gpu, 500), (.memory, 4 << 30), (.cpu, 1000))
        let lease = try world.granted(AcquireRequest(pool: "pool", claims: [claim]))
        // Given back before the end, so nobody uses it.
        let part = [Part(resource: "n0-mem", quantity: "1Gi")]
        try world.ask(.release(lease.reference, parts: part))
        try world.ask(.revoke(lease.lease, reason: "test"))
        #expect(try world.count("quarantined", of: "n0-g0") == 500)
        #expect(try world.count("quarantined", of: "n0-mem") == 3 << 30)
        #expect(try world.count("quarantined", of: "n0-cpu") == 1000)
        world.pass(milliseconds: 500)
        try world.reclaim()
        #expect(try world.count("free", of: "n0-cpu") == 8000)
        #expect(try world.count("free", of: "n0-mem") == 64 << 30)
    }
}
