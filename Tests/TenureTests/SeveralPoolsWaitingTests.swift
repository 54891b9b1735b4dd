// Requests that wait for several pools: by which they are served, whom they pass and who passes
// them.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Waiting for several pools")
struct SeveralPoolsWaitingTests {
    private typealias Scene = WaitingScene

    /// Pools `main` and `side` of so many CPUs.
    private static func scene(_ main: UInt64 = 2, _ side: UInt64 = 2) throws -> WaitingScene {
        let scene = try WaitingScene(cpus: main)
        try scene.ask(.setPool(name: "side", settings: []))
        try declare(side, in: "side", scene)
        return scene
    }

    private static func declare(_ cpus: UInt64, in pool: String, _ scene: WaitingScene) throws {
        try scene.ask(
            .setResource(
                ResourceRequest(name: "\(pool)-r", pool: pool, kind: .cpu, capacity: cpus * 1000)
            )
        )
    }

    /// A request for so many CPUs of one of these pools; without `wait` it does not wait.
    private static func request(
        _ cpus: UInt64,
        _ pools: String,
        wait: UInt64? = 60_000,
        _ change: (inout AcquireRequest) -> Void = { _ in }
    ) -> AcquireRequest {
        let names = pools.split(separator: ",").map(String.init)
        return Scene.request(cpus, wait: wait) {
            $0.pool = names[0]
            $0.fallbackPools = Array(names.dropFirst())
            change(&$0)
        }
    }

    private static func take(_ cpus: UInt64, _ pool: String, _ scene: Scene) throws -> Grant {
        try #require(scene.grant(try scene.ask(request(cpus, pool, wait: nil))))
    }

    private static func crash(_ scene: Scene) throws {
        scene.world.die(leaving: scene.world.disk.processCrash())
        try scene.world.open()
        try scene.settle()
    }

    // MARK: Service

    @Test(arguments: ["main", "side"])
    func `it is granted by whichever has room first, and stands in no line any more`(
        freed: String
    ) throws {
        let scene = try Self.scene()
        let held = try ["main": Self.take(2, "main", scene), "side": Self.take(2, "side", scene)]
        let waiter = try scene.ask(Self.request(2, "main,side"))
        let behind = try scene.ask(Self.request(2, freed == "main" ? "side" : "main"))
        try scene.release(try #require(held[freed]))
        let grant = try #require(scene.grant(waiter))
        #expect(grant.pool == freed)
        let before = PoolRefusal(pool: "main", code: .exhausted)
        #expect(grant.fallback == (freed == "main" ? [] : [before]))
        #expect(try scene.core.waiting.waiters.map(\.request.fallbackPools) == [[]])
        // Nobody is in the way of who waits for the other pool.
        try scene.release(try #require(held[freed == "main" ? "side" : "main"]))
        #expect(scene.grant(behind) != nil)
        #expect(try scene.core.waiting.queues.isEmpty && scene.core.waiting.awaited.isEmpty)
    }

    @Test
    func `when several have room at once the first in its order grants`() throws {
        let scene = try Self.scene()
        let held = try [Self.take(2, "side", scene), Self.take(2, "main", scene)]
        let waiter = try scene.ask(Self.request(2, "main,side"))
        _ = try scene.ask(held.map { .release($0.reference, parts: nil) })
        #expect(scene.grant(waiter)?.pool == "main")
    }

    @Test
    func `it passes nobody in any of its pools`() throws {
        let scene = try Self.scene()
        let held = try [Self.take(1, "side", scene), Self.take(1, "side", scene)]
        let main = try Self.take(2, "main", scene)
        let large = try scene.ask(Self.request(2, "side"))
        let waiter = try scene.ask(Self.request(1, "main,side"))
        try scene.release(held[0])
        try scene.settle()
        #expect(scene.waits(large) && scene.waits(waiter))
        try scene.release(main)
        #expect(scene.grant(waiter)?.pool == "main")
        #expect(scene.waits(large))
    }

    @Test(arguments: ["main", "side"])
    func `nobody who comes later takes what it could have, in any of its pools`(
        freed: String
    ) throws {
        let scene = try Self.scene()
        let held = try ["main": Self.take(2, "main", scene), "side": Self.take(2, "side", scene)]
        let waiter = try scene.ask(Self.request(2, "main,side"))
        let later = try scene.ask(Self.request(2, freed))
        let release = Command.release(try #require(held[freed]).reference, parts: nil)
        let newcomer = Command.acquire(Self.request(1, freed, wait: nil))
        let numbers = try scene.ask([release, newcomer])
        #expect(scene.grant(waiter)?.pool == freed)
        #expect(scene.waits(later) && scene.refusal(numbers[1])?.code == .exhausted)
    }

    @Test
    func `where it is a guest those pass who fit where it does not, and at home nobody`() throws {
        let scene = try Self.scene()
        _ = try Self.take(1, "main", scene)
        _ = try Self.take(1, "side", scene)
        let waiter = try scene.ask(Self.request(2, "main,side"))
        #expect(scene.refusal(try scene.ask(Self.request(1, "main", wait: nil))) != nil)
        #expect(scene.grant(try scene.ask(Self.request(1, "side", wait: nil))) != nil)
        #expect(scene.waits(waiter))
        #expect(try scene.figure("waitsPassed") == 1)
    }

    @Test
    func `one behind a guest is the first at home, and is promised a date`() throws {
        let scene = try Self.scene()
        _ = try Self.take(2, "main", scene)
        let lives: (inout AcquireRequest) -> Void = { $0.maxLifetimeMilliseconds = 10_000 }
        _ = try scene.ask(Self.request(1, "side", wait: nil, lives))
        try scene.ask(Self.request(2, "main,side"))
        let second = Self.request(2, "side") {
            lives(&$0)
            $0.requestID = "second"
        }
        try scene.ask(second)
        try scene.settle()
        let ticket = try #require(try scene.core.state.queued.first)
        guard case .document(let told) = try scene.core.ask(.query(.ticket(ticket.id))) else {
            throw NotGranted()
        }
        #expect(told["startsBy"] == .integer(10_000))
        // Nobody passes who lives beyond that date, and somebody does who does not.
        #expect(scene.grant(try scene.ask(Self.request(1, "side", wait: nil))) == nil)
        let short = try scene.ask(
            Self.request(1, "side", wait: nil) { $0.maxLifetimeMilliseconds = 9_000 }
        )
        #expect(scene.grant(short) != nil)
    }

    @Test
    func `a refusal at its time tells what was missing in each pool`() throws {
        let scene = try Self.scene()
        _ = try Self.take(1, "main", scene)
        let waiter = try scene.ask(Self.request(2, "main,side", wait: 1_000))
        #expect(scene.grant(waiter)?.pool == "side")
        let late = try scene.ask(Self.request(2, "main,side", wait: 1_000))
        try scene.pass(milliseconds: 1_001)
        let refusal = try #require(scene.refusal(late))
        #expect(refusal.code == .timeout)
        #expect(refusal.message.contains("(main: EXHAUSTED cpu, side: EXHAUSTED cpu)"))
    }

    // MARK: Pools that change

    @Test
    func `a pool that can never hold it leaves it to the others`() throws {
        let scene = try Self.scene(1, 2)
        let held = try Self.take(2, "side", scene)
        let waiter = try scene.ask(Self.request(2, "main,side"))
        try scene.settle()
        // The first that may have room for it is its home.
        #expect(try scene.core.waiting.waiters.map(\.home) == ["side"])
        #expect(scene.refusal(try scene.ask(Self.request(1, "side", wait: nil))) != nil)
        #expect(scene.grant(try scene.ask(Self.request(1, "main", wait: nil))) != nil)
        try scene.release(held)
        #expect(scene.grant(waiter)?.pool == "side")
    }

    @Test
    func `a pool with an open breaker leaves it to the others, and serves it when half-open`()
        throws
    {
        let scene = try Self.scene()
        let settings = [PoolSetting.breakerRefusals(100), .breakerOpen(1_000)]
        try scene.ask(.setPool(name: "main", settings: settings))
        let held = try Self.take(2, "main", scene)
        _ = try Self.take(2, "side", scene)
        let waiter = try scene.ask(Self.request(2, "main,side"))
        let storm = RefusalCount(
            tenant: "default",
            pool: "main",
            code: .exhausted,
            limit: "cpu",
            count: 100
        )
        try scene.core.perform(.refusalsCounted([storm]))
        try scene.settle()
        #expect(try scene.core.waiting.waiters.map(\.home) == ["side"])
        try scene.release(held)
        #expect(scene.waits(waiter))
        #expect(
            scene.refusal(try scene.ask(Self.request(1, "main", wait: nil)))?.code == .circuitOpen
        )
        try scene.pass(milliseconds: 1_000)
        #expect(scene.grant(waiter)?.pool == "main")
    }

    @Test
    func `when the first pool grows it is at home there, and others pass elsewhere`() throws {
        let scene = try Self.scene(1, 2)
        _ = try Self.take(1, "main", scene)
        _ = try Self.take(1, "side", scene)
        let waiter = try scene.ask(Self.request(2, "main,side"))
        let behind = try scene.ask(Self.request(1, "side"))
        #expect(scene.waits(behind))
        // As long as it is cordoned nothing is granted there, but it could hold the request.
        try scene.ask(.setResourceState(name: "cpus", state: .cordoned))
        let grown = ResourceRequest(name: "cpus", pool: "main", kind: .cpu, capacity: 3_000)
        try scene.ask(.setResource(grown))
        try scene.settle()
        #expect(try scene.core.waiting.waiters.first { _ in true }?.home == "main")
        #expect(scene.grant(behind) != nil && scene.waits(waiter))
        try scene.ask(.setResourceState(name: "cpus", state: .active))
        #expect(scene.grant(waiter)?.pool == "main")
    }

    @Test
    func `it ends when no pool could hold it any more, or one is gone`() throws {
        let scene = try Self.scene()
        _ = try Self.take(2, "main", scene)
        _ = try Self.take(2, "side", scene)
        let waiter = try scene.ask(Self.request(2, "main,side"))
        let cut = { (name: String, pool: String) in
            var request = ResourceRequest(name: name, pool: pool, kind: .cpu, capacity: 1_000)
            request.force = true
            return Command.setResource(request)
        }
        try scene.ask(cut("cpus", "main"))
        try scene.settle()
        #expect(scene.waits(waiter))
        try scene.ask(cut("side-r", "side"))
        try scene.settle()
        #expect(scene.refusal(waiter)?.code == .unsatisfiable)

        try scene.ask(.setPool(name: "third", settings: []))
        try Self.declare(1, in: "third", scene)
        _ = try Self.take(1, "third", scene)
        let star = try scene.ask(Self.request(1, "*"))
        let named = try scene.ask(Self.request(1, "main,fourth"))
        #expect(scene.waits(star) && scene.refusal(named)?.code == .notFound)
    }

    @Test
    func `with a star it waits for pools that come later as well`() throws {
        let scene = try Self.scene()
        _ = try Self.take(2, "main", scene)
        _ = try Self.take(2, "side", scene)
        let waiter = try scene.ask(Self.request(2, "*"))
        try scene.ask(.setPool(name: "a", settings: []))
        try scene.settle()
        #expect(try scene.core.waiting.waiters.map(\.pools) == [["a", "main", "side"]])
        try Self.declare(2, in: "a", scene)
        #expect(scene.grant(waiter)?.pool == "a")
    }

    @Test
    func `it ages as its first pool says`() throws {
        let scene = try Self.scene()
        try scene.ask(.setPool(name: "side", settings: [.agingStep(1_000), .agingCap(4)]))
        _ = try Self.take(2, "main", scene)
        let held = try Self.take(2, "side", scene)
        let slow = try scene.ask(Self.request(2, "main,side") { $0.priority = .low })
        let fast = try scene.ask(Self.request(2, "side,main") { $0.priority = .low })
        try scene.pass(milliseconds: 1_500)
        try scene.release(held)
        #expect(scene.grant(fast)?.pool == "side" && scene.waits(slow))
    }

    // MARK: Quotas

    @Test
    func `who lacks quota stands in no line for capacity, and is served when there is quota`()
        throws
    {
        let scene = try Self.scene()
        try scene.ask(.setQuota(tenant: "default", kind: .cpu, limit: 3_000))
        _ = try Self.take(2, "main", scene)
        let held = try Self.take(1, "side", scene)
        let waiter = try scene.ask(Self.request(1, "main,side"))
        #expect(try scene.core.waiting.awaited.isEmpty && !scene.core.waiting.queues.isEmpty)
        try scene.release(held)
        #expect(scene.grant(waiter)?.pool == "side")
    }

    // MARK: Tickets

    @Test(arguments: [true, false])
    func `a ticket waits for all of its pools after a restart, in the order that it had`(
        hasCheckpoint: Bool
    ) throws {
        let scene = try Self.scene()
        let held = try Self.take(2, "side", scene)
        _ = try Self.take(2, "main", scene)
        func queue(_ id: String, _ pools: String) throws -> TicketID {
            let request = Self.request(2, pools, wait: nil) {
                $0.requestID = id
                $0.queueMilliseconds = 60_000
                $0.ttlMilliseconds = 3_600_000
            }
            let number = try scene.ask(request)
            guard case .queued(let queued)? = scene.answers[number] else { throw NotGranted() }
            return queued.ticket
        }
        let first = try queue("first", "main,side")
        let second = try queue("second", "side")
        if hasCheckpoint { try scene.core.checkpointNow() }
        try Self.crash(scene)
        #expect(try scene.core.waiting.waiters.map(\.pools) == [["main", "side"], ["side"]])
        try scene.release(held)
        guard case .grant(let grant) = try scene.core.ask(.query(.ticket(first))) else {
            throw NotGranted()
        }
        #expect(grant.placements.map(\.resource) == ["side-r"])
        guard case .document = try scene.core.ask(.query(.ticket(second))) else {
            throw NotGranted()
        }
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `tickets are listed under each of their pools, with all of them`() throws {
        let scene = try Self.scene(1, 1)
        _ = try Self.take(1, "main", scene)
        _ = try Self.take(1, "side", scene)
        for (id, pools) in [("a", "main,side"), ("b", "side"), ("c", "*")] {
            try scene.ask(Self.request(1, pools) { $0.requestID = id })
        }
        func listed(_ pool: String) throws -> [String] {
            let query = Query.tickets(TicketFilter(pool: pool), page: Page(limit: 9))
            guard case .document(let list) = try scene.core.ask(.query(query)),
                case .list(let items)? = list["items"]
            else { throw NotGranted() }
            return items.compactMap { (item: Document) -> String? in
                guard case .string(let text)? = item["pool"] else { return nil }
                return text
            }
        }
        #expect(try listed("main") == ["main,side", "*"])
        #expect(try listed("side") == ["main,side", "side", "*"])
    }

    // MARK: Deadlocks

    @Test
    func `a wait is no deadlock as long as another of its pools can serve it`() throws {
        let scene = try Self.scene(1, 1)
        func session() throws -> SessionID {
            let number = try scene.ask(.openSession(SessionRequest(ttlMilliseconds: 600_000)))
            guard case .session(let view)? = scene.answers[number] else { throw NotGranted() }
            return view.session
        }
        func request(_ pools: String, of session: SessionID, wait: UInt64?) -> AcquireRequest {
            Self.request(1, pools, wait: wait) {
                $0.ttlMilliseconds = nil
                $0.session = session
            }
        }
        let (one, other) = (try session(), try session())
        _ = try #require(scene.grant(try scene.ask(request("main", of: one, wait: nil))))
        _ = try #require(scene.grant(try scene.ask(request("side", of: other, wait: nil))))
        let first = try scene.ask(request("main,side", of: one, wait: 60_000))
        #expect(scene.waits(first))
        let closing = try scene.ask(request("main", of: other, wait: 60_000))
        #expect(scene.refusal(closing)?.code == .deadlock)
        try scene.ask(.setPool(name: "third", settings: []))
        try Self.declare(1, in: "third", scene)
        _ = try Self.take(1, "third", scene)
        // Who holds that waits for nobody.
        let open = try scene.ask(request("main,third", of: other, wait: 60_000))
        #expect(scene.waits(open))
    }
}
