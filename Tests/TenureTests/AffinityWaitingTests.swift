// Who waits to be near other leases, or away from them: what wakes him, and whom he holds up.

import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

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

    // MARK: After a start, while leases are read for their tags

    private static let long: UInt64 = 3_600_000

    /// More leases than one group reads for their tags, and a pool `side` of three CPUs.
    private func crowdedScene() throws -> Scene {
        let scene = try Scene(cpus: 20)
        let settings = [PoolSetting.restartGrace(0), .starvationLimit(Self.long)]
        try scene.ask(.setPool(name: "main", settings: settings))
        try scene.ask(.setPool(name: "side", settings: settings))
        try scene.ask(
            .setResource(
                ResourceRequest(name: "side-r", pool: "side", kind: .cpu, capacity: 3_000)
            )
        )
        var small = Scene.request(wait: nil) { $0.ttlMilliseconds = Self.long }
        small.claims = [Claim(amounts: [ClaimAmount(kind: .cpu, amount: 1)])]
        _ = try scene.ask(
            Array(repeating: Command.acquire(small), count: EngineLimits.scannedLeases + 1)
        )
        return scene
    }

    /// Queues a request for so long.
    private func queue(
        _ scene: Scene,
        _ cpus: UInt64,
        id: String,
        for milliseconds: UInt64,
        _ change: (inout AcquireRequest) -> Void
    ) throws -> TicketID {
        let request = Scene.request(cpus, wait: nil) {
            $0.requestID = id
            $0.queueMilliseconds = milliseconds
            change(&$0)
        }
        let number = try scene.ask(request)
        try scene.settle()
        guard case .queued(let queued)? = scene.answers[number] else { throw NotGranted() }
        return queued.ticket
    }

    private func reopen(_ scene: Scene, after milliseconds: UInt64) throws {
        scene.world.die(leaving: scene.world.disk.processCrash())
        scene.world.clock.advance(byNanoseconds: milliseconds * 1_000_000)
        try scene.world.open()
    }

    @Test
    func `who can not be looked at yet keeps nobody else from being looked at`() throws {
        let scene = try crowdedScene()
        func ofSide(_ request: inout AcquireRequest) {
            (request.pool, request.ttlMilliseconds) = ("side", Self.long)
        }
        let held = try (0..<3).map { _ in
            try #require(scene.grant(try scene.ask(Scene.request(wait: nil, ofSide))))
        }
        let near = try queue(scene, 1, id: "near", for: Self.long) { $0.near = [Affinity(Self.db)] }
        let large = try queue(scene, 3, id: "large", for: Self.long, ofSide)
        _ = try queue(scene, 1, id: "small", for: Self.long, ofSide)
        try reopen(scene, after: 1)
        let releases = held.prefix(2).map { Command.release($0.reference, parts: nil) }
        let newcomer = Command.acquire(Scene.request(wait: nil, ofSide))
        let numbers = try scene.ask(releases + [newcomer])
        #expect(try scene.core.state.tags?.isComplete == false)
        #expect(scene.grant(numbers[2]) != nil)
        #expect(try scene.core.state.queued.map(\.id) == [near, large])
        #expect(try scene.core.nextWake() <= scene.core.clock.bootNanoseconds)
        try scene.settle()
        #expect(try scene.core.state.tags?.isComplete == true)
        #expect(scene.grant(try ask(scene, tag: Self.db, wait: nil)) != nil)
        #expect(try scene.core.state.queued.map(\.id) == [large])
    }

    @Test
    func `whose time ends meanwhile has the last look when the tags are known`() throws {
        let scene = try crowdedScene()
        #expect(scene.grant(try ask(scene, tag: Self.web, wait: nil, ttl: 1_000)) != nil)
        let away = try queue(scene, 1, id: "away", for: 5_000) { $0.away = [Affinity(Self.web)] }
        let near = try queue(scene, 1, id: "near", for: 5_000) { $0.near = [Affinity(Self.db)] }
        let early = try queue(scene, 1, id: "early", for: 1_500) { $0.near = [Affinity(Self.db)] }
        try reopen(scene, after: 2_000)
        scene.world.clock.advance(byNanoseconds: 4_000_000_000)
        try scene.core.run([])
        // Nobody counts on one whose time was over before the start.
        #expect(try scene.core.state.queued.map(\.id) == [away, near])
        guard case .refused(let closed) = try scene.core.ask(.query(.ticket(early))) else {
            throw NotGranted()
        }
        #expect(closed.message.contains("closed when the time was over"))
        try scene.settle()
        try scene.core.run([])
        guard case .grant = try scene.core.ask(.query(.ticket(away))) else { throw NotGranted() }
        guard case .refused(let refusal) = try scene.core.ask(.query(.ticket(near))) else {
            throw NotGranted()
        }
        #expect(refusal.code == .timeout && refusal.message.contains("app=db"))
        #expect(!refusal.message.contains("closed"))
        #expect(try scene.core.invariantFault() == nil)
    }
}
