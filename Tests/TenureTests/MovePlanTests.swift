// Plans of moves where others wait: what is promised to them is in no plan.

import Synchronization
import TenureModel
import Testing

@testable import Tenure

@Suite("Plans of moves")
struct MovePlanTests {
    /// A dear node and a cheap one of four CPUs each.
    private static func scene() throws -> WaitingScene {
        let scene = try WaitingScene(cpus: 0)
        for (index, cost) in [3_000, 1_000].enumerated() {
            var request = ResourceRequest(
                name: "n\(index)",
                pool: "main",
                kind: .cpu,
                capacity: 4_000,
                node: "node\(index)"
            )
            request.cost = UInt64(cost)
            try scene.ask(.setResource(request))
        }
        return scene
    }

    private static func take(
        _ cpus: UInt64,
        _ scene: WaitingScene,
        _ change: (inout AcquireRequest) -> Void = { _ in }
    ) throws -> Grant {
        let number = try scene.ask(
            WaitingScene.request(cpus, wait: nil) {
                $0.ttlMilliseconds = 3_600_000
                change(&$0)
            }
        )
        return try #require(scene.grant(number))
    }

    private static func plan(_ scene: WaitingScene) throws -> (items: [Document], version: UInt64) {
        let request = OptimizeRequest(pool: "main", goal: .cost)
        guard case .document(let document) = try scene.core.ask(.query(.optimize(request))),
            case .list(let items)? = document["items"], case .id(let version)? = document["version"]
        else { throw NotGranted() }
        return (items, version)
    }

    @Test
    func `holders are told of their moves when they are offered, and nobody else is`() throws {
        let scene = try Self.scene()
        let movable = try Self.take(2, scene) { $0.tags = [Label(name: "movable", value: "any")] }
        let (holders, watchers) = (HeardNotices(), HeardNotices())
        _ = try scene.core.outbox.subscribe(holders, to: .lost)
        _ = try scene.core.outbox.subscribe(watchers, to: .all)
        var request = OptimizeRequest(pool: "main", goal: .cost)
        for isOffered in [false, true] {
            request.isOffered = isOffered
            _ = try scene.core.ask(.query(.optimize(request)))
            #expect(holders.all.count == (isOffered ? 1 : 0))
        }
        let told = try #require(holders.all.first)
        #expect(told.isOffer && told.lease == movable.lease && told.pool == "main")
        #expect(told.document["to"] == .string("node1"))
        #expect(told.document["parts"] == .string("n0=2"))
        #expect(told.document["goal"] == .string("cost"))
        #expect(told.document["version"] == .id(try scene.core.state.position))
        #expect(watchers.all.isEmpty)
    }

    @Test
    func `what is promised to who waits is in no plan, and no move takes it`() throws {
        let scene = try Self.scene()
        let movable = try Self.take(2, scene) { $0.tags = [Label(name: "movable", value: "true")] }
        _ = try Self.take(2, scene)
        let ending = try Self.take(2, scene) { $0.maxLifetimeMilliseconds = 10_000 }
        #expect(movable.placements.map(\.node) == ["node0"])
        #expect(ending.placements.map(\.node) == ["node1"])
        let before = try Self.plan(scene)
        #expect(before.items.map { $0["to"] } == [.string("node1")])
        // It gets all of the cheap node when the last lease ends.
        let waiting = try scene.ask(WaitingScene.request(4) { $0.ttlMilliseconds = 3_600_000 })
        #expect(scene.waits(waiting))
        #expect(try Self.plan(scene).items.isEmpty)
        var growth = GrowRequest(claims: movable.claims)
        growth.node = "node1"
        growth.plan = before.version
        let number = try scene.ask(.grow(movable.reference, growth))
        #expect(scene.refusal(number)?.code == .exhausted)
        try scene.pass(milliseconds: 10_000)
        try scene.settle()
        #expect(scene.grant(waiting)?.placements.map(\.node) == ["node1"])
    }
}

/// Keeps what holders, or those who watch, are told.
private final class HeardNotices: NoticeSink {
    private let kept = Mutex<[Notice]>([])

    func notice(_ notices: [Notice]) {
        kept.withLock { $0 += notices }
    }

    var all: [Notice] { kept.withLock { $0 } }
}

extension Grant {
    /// What it holds of one place, as a claim.
    fileprivate var claims: [Claim] {
        [Claim(amounts: placements.map { ClaimAmount(kind: $0.kind, amount: $0.amount) })]
    }
}
