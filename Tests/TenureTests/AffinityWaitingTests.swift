// Who waits to be near other leases, or away from them: what wakes him, and whom he holds up.

import TenureLog
import TenureModel
import TenureTesting
import Testing

@testable import Tenure

@Suite("Affinity of waiters")
struct AffinityWaitingTests {
    private typealias Scene = WaitingScene

    private static let web = Label(name: "app", value: "web")
    private static let db = Label(name: "app", value: "db")

    /// Two places of two CPUs.
    private func scene() throws -> Scene {
        let scene = try Scene(cpus: 2)
        try scene.ask(
            .setResource(ResourceRequest(name: "more", pool: "main", kind: .cpu, capacity: 2_000))
        )
        return scene
    }

    private func ask(
        _ scene: Scene,
        _ cpus: UInt64 = 1,
        tag: Label? = nil,
        near: Label? = nil,
        away: Label? = nil,
        wait: UInt64? = 60_000,
        ttl: UInt64 = 60_000
    ) throws -> Int {
        try scene.ask(
            Scene.request(cpus, wait: wait) {
                $0.tags = tag.map { [$0] } ?? []
                $0.near = near.map { [Affinity($0)] } ?? []
                $0.away = away.map { [Affinity($0)] } ?? []
                $0.ttlMilliseconds = ttl
            }
        )
    }

    @Test
    func `who is to be away is granted when a lease with the tag ends`() throws {
        let scene = try scene()
        let numbers = try (0..<2).map { _ in try ask(scene, tag: Self.web, away: Self.web) }
        let leases = try numbers.map { try #require(scene.grant($0)) }
        #expect(Set(leases.map { $0.placements[0].resource }) == ["cpus", "more"])
        let waiter = try ask(scene, tag: Self.web, away: Self.web)
        #expect(scene.waits(waiter))
        try scene.release(leases[1])
        #expect(scene.grant(waiter)?.placements == leases[1].placements)
        #expect(try scene.core.invariantFault() == nil)
    }

    @Test
    func `who is to be near is granted when a lease with the tag is, or a sub-lease`() throws {
        let scene = try scene()
        let waiter = try ask(scene, near: Self.db)
        #expect(scene.waits(waiter))
        _ = try ask(scene, tag: Self.db)
        #expect(scene.grant(waiter) != nil)
        let other = try ask(scene, near: Self.web)
        let parent = try scene.take(1)
        #expect(scene.waits(other))
        var request = SubleaseRequest(parts: [Part(resource: "more", quantity: "500m")])
        request.tags = [Self.web]
        try scene.ask(.sublease(parent.reference, request))
        #expect(scene.grant(other)?.placements[0].resource == "more")
    }

    @Test
    func `who waits for leases holds up those with the same rule, and nobody who needs room`()
        throws
    {
        let scene = try scene()
        let waiter = try ask(scene, 2, near: Self.db)
        let other = try #require(scene.grant(try ask(scene, wait: nil)))
        try scene.release(other)
        // The first of its tag needs nobody, so that others do not wait for it in vain.
        let first = try ask(scene, tag: Self.db, near: Self.db, wait: nil)
        #expect(scene.grant(first) != nil)
        #expect(scene.waits(waiter))
        let behind = try ask(scene, near: Self.db, wait: nil)
        #expect(scene.refusal(behind)?.limit == "NEAR app=db")
        #expect(scene.refusal(behind)?.message.contains("others wait before") == true)
        #expect(try scene.abandon(waiter))
        #expect(scene.grant(try ask(scene, near: Self.db, wait: nil)) != nil)
    }

    @Test
    func `nobody is granted near a lease that has ended and was not taken back yet`() throws {
        let scene = try scene()
        _ = try ask(scene, tag: Self.db, ttl: 300)
        scene.world.clock.advance(byNanoseconds: 301_000_000)
        let late = try ask(scene, near: Self.db, wait: nil)
        #expect(scene.refusal(late)?.code == .exhausted)
    }
}
