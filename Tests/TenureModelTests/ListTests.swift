// Lists in pages over overlay and store, and who sees a token.

import TenureModel
import Testing

@Suite("Lists")
struct ListTests {
    /// Leases in the store, in the overlay, and in the store but gone.
    private static func world() throws -> (World, [LeaseID]) {
        var world = try World.slots(100)
        world.checksEveryStep = false
        var leases = try (0..<40).map { number in
            try world.granted(
                .of(1) {
                    $0.ttlMilliseconds = 1_000_000
                    $0.tenant = number % 2 == 0 ? "even/t" : "odd"
                    $0.holder = "h\(number % 5)"
                }
            )
        }
        world.checkpoint()
        for index in [0, 1, 2, 17, 39] {
            try world.ask(.release(leases[index].reference, parts: nil))
        }
        let gone = Set([0, 1, 2, 17, 39].map { leases[$0].lease })
        for index in [5, 6] {
            try world.ask(.renew(leases[index].reference, ttlMilliseconds: 2_000_000))
        }
        leases += try (0..<7).map { _ in try world.granted(.of(1)) }
        return (world, leases.map(\.lease).filter { !gone.contains($0) })
    }

    private static func pages(
        _ world: inout World,
        _ filter: LeaseFilter = LeaseFilter(),
        limit: Int
    ) throws -> [LeaseID] {
        var found: [LeaseID] = []
        var cursor: String?
        repeat {
            let page = try world.read(.leases(filter, page: Page(limit: limit, after: cursor)))
            #expect(page.items.count <= max(limit, 1))
            for item in page.items {
                guard case .id(let raw)? = item["lease"] else { continue }
                found.append(LeaseID(rawValue: raw))
            }
            cursor = page["cursor"]?.asString
        } while cursor != nil
        return found
    }

    @Test(arguments: [-5, 0, 1, 2, 3, 7, 41, 42, 43, 5_000])
    func `pages of any size show every lease once, in order`(limit: Int) throws {
        var (world, expected) = try Self.world()
        #expect(try Self.pages(&world, limit: limit) == expected)
        world.checkpoint()
        #expect(try Self.pages(&world, limit: limit) == expected)
    }

    @Test
    func `I6: lists are the same while a checkpoint writes`() throws {
        var (world, expected) = try Self.world()
        let frozen = world.state.freeze()
        #expect(try Self.pages(&world, limit: 4) == expected)
        let more = try world.granted(.of(1))
        #expect(try Self.pages(&world, limit: 4) == expected + [more.lease])
        world.rows.content.write(frozen)
        #expect(try Self.pages(&world, limit: 4) == expected + [more.lease])
        world.state.thaw()
        #expect(try Self.pages(&world, limit: 4) == expected + [more.lease])
    }

    @Test
    func `filters restrict, and a tenant includes those below it`() throws {
        var (world, all) = try Self.world()
        let count = { (filter: LeaseFilter, world: inout World) in
            try Self.pages(&world, filter, limit: 3).count
        }
        #expect(try count(LeaseFilter(tenant: "even"), &world) == 18)
        #expect(try count(LeaseFilter(tenant: "even/t"), &world) == 18)
        #expect(try count(LeaseFilter(tenant: "eve"), &world) == 0)
        #expect(try count(LeaseFilter(tenant: "odd"), &world) == 17)
        #expect(try count(LeaseFilter(holder: "h0"), &world) == 7)
        #expect(try count(LeaseFilter(tenant: "odd", holder: "h0"), &world) == 4)
        #expect(try count(LeaseFilter(pool: "pool"), &world) == all.count)
        #expect(try count(LeaseFilter(pool: "none"), &world) == 0)
    }

    @Test(arguments: ["0", "1", "281474976710670", "18446744073709551615"])
    func `a forged cursor goes on behind it`(cursor: String) throws {
        var (world, all) = try Self.world()
        let page = try world.read(.leases(LeaseFilter(), page: Page(limit: 1_000, after: cursor)))
        let raw = try #require(UInt64(cursor))
        #expect(page.items.count == all.count { $0.rawValue > raw })
        #expect(page["cursor"] == .null)
    }

    @Test(arguments: [1, 2, 4, 100])
    func `resources come by name in pages`(limit: Int) throws {
        var world = try World.hosts(2)
        try world.declarePool("other")
        try world.declare("zz", .slot, 1, pool: "other")
        for pool in [nil, "pool", "other"] as [String?] {
            var names: [String] = []
            var cursor: String?
            repeat {
                let page = Page(limit: limit, after: cursor)
                let answer = try world.read(.resources(pool: pool, page: page))
                names += answer.items.compactMap { $0["name"]?.asString }
                cursor = answer["cursor"]?.asString
            } while cursor != nil
            #expect(names == names.sorted())
            #expect(names.count == (pool == nil ? 9 : pool == "pool" ? 8 : 1))
        }
    }

    /// A caller, and whether it sees the token of a lease of uid 1000.
    struct Viewer: Sendable {
        let caller: Caller
        let sees: Bool
    }

    @Test(arguments: [
        Viewer(caller: Caller(uid: 1000, isAdmin: false), sees: true),
        Viewer(caller: Caller(uid: 1001, isAdmin: false), sees: false),
        Viewer(caller: Caller(uid: 0, isAdmin: false), sees: false),
        Viewer(caller: Caller(uid: nil, isAdmin: false), sees: false),
        Viewer(caller: Caller(uid: 1001, isAdmin: true), sees: true),
        Viewer(caller: .embedder, sees: true),
    ])
    func `a token is shown to its holder's uid and to admins`(viewer: Viewer) throws {
        var world = try World.slots(2)
        let lease = try world.granted(.of(1))
        let session = try world.opened(ttl: 1_000)
        let ofNobody = try world.granted(.of(1), as: Caller(uid: nil, isAdmin: false))
        let shown = try world.read(.lease(lease.lease), as: viewer.caller)
        #expect((shown["token"] != nil) == viewer.sees)
        let sitting = try world.read(.session(session.session), as: viewer.caller)
        #expect((sitting["token"] != nil) == viewer.sees)
        let list = try world.read(.leases(LeaseFilter(), page: Page()), as: viewer.caller)
        #expect((list.items.first?["token"] != nil) == viewer.sees)
        let other = try world.read(.lease(ofNobody.lease), as: viewer.caller)
        #expect((other["token"] != nil) == viewer.caller.isAdmin)
    }
}
