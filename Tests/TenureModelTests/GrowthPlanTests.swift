// O2: a growth by a plan of moves gets what that told, or nothing.

import TenureModel
import Testing

@Suite("Growth by a plan")
struct GrowthPlanTests {
    private static func growth(_ plan: Position?, on node: String? = "n1") -> GrowRequest {
        var request = GrowRequest(claims: [.of((.gpu, 500))])
        request.node = node
        request.plan = plan
        return request
    }

    /// One change each, and whether it outdates a growth on n1.
    static let changes: [(String, Bool, Command)] = [
        ("nothing", false, .query(.status)),
        ("a grant elsewhere", false, .acquire(.of(500, .gpu))),
        ("a grant there", true, .acquire(.of(4_000, .cpu) { $0.strategy = .spread })),
        ("a setting", true, .setPool(name: "pool", settings: [.strategy(.bestFit)])),
        ("a cordon", true, .setResourceState(name: "n1-g1", state: .cordoned)),
        ("a resource that is gone", true, .deleteResource(name: "n1-g1")),
        (
            "a resource that came", true,
            .setResource(ResourceRequest(name: "x", pool: "pool", kind: .gpu, capacity: 1_000))
        ),
        ("a quota", false, .setQuota(tenant: "default", kind: .gpu, limit: 9_000)),
        ("a restart", true, .query(.status)),
    ]

    @Test(arguments: changes.indices)
    func `O2: what changes the place outdates it, and nothing else does`(index: Int) throws {
        var world = try World.hosts(2)
        let lease = try world.granted(.of(500, .gpu))
        _ = try world.granted(.of(1, .cpu))
        #expect(lease.parts == ["n0-g0=500"])
        let version = world.state.position
        let (name, isOutdated, change) = Self.changes[index]
        #expect(try world.ask(change).code == nil, "\(name)")
        if name == "a restart" {
            _ = try world.granted(.of(1, .cpu))
            world.checkpoint()
            try world.restart()
        }
        let answer = try world.ask(.grow(lease.reference, Self.growth(version)))
        #expect(answer.code == (isOutdated ? .conflict : nil), "\(name): \(answer)")
        if isOutdated { #expect(answer.sentence.contains("OPTIMIZE again"), "\(name)") }
    }

    @Test
    func `a plan is of one place, of a position that was, and waits for nothing`() throws {
        var world = try World.hosts(2)
        let lease = try world.granted(.of(500, .gpu))
        let version = world.state.position
        let later = try world.ask(.grow(lease.reference, Self.growth(version + 1)))
        #expect(later.code == .malformed)
        let nowhere = try world.ask(.grow(lease.reference, Self.growth(version, on: nil)))
        #expect(nowhere.code == .malformed && nowhere.sentence.contains("NODE"))
        #expect(try world.ask(.check(lease.reference)).code == nil)
    }

    @Test
    func `I7: repeated with its request id it gives the first answer, outdated or not`() throws {
        var world = try World.hosts(2)
        let lease = try world.granted(.of(500, .gpu))
        var request = Self.growth(world.state.position)
        request.requestID = "m1"
        let first = try #require(try world.ask(.grow(lease.reference, request)).asGrant)
        let again = try #require(try world.ask(.grow(lease.reference, request)).asGrant)
        #expect(again.replayed && again.token == first.token && again.parts == first.parts)
        #expect(try world.count("held", of: "n1-g0") == 500)
    }
}
