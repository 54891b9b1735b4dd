// Backfill, case by case: who passes, who does not, and what both are told.

import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Backfill")
struct BackfillTests {
    private typealias Scene = WaitingScene

    /// A pool `main` with these nodes of so many CPUs each.
    private static func scene(
        _ nodes: [UInt64],
        _ settings: PoolSetting...
    ) throws -> WaitingScene {
        let scene = try WaitingScene(cpus: 0)
        try scene.ask(.setPool(name: "main", settings: settings))
        for (index, cpus) in nodes.enumerated() {
            try scene.ask(
                .setResource(
                    ResourceRequest(
                        name: "n\(index)",
                        pool: "main",
                        kind: .cpu,
                        capacity: cpus * 1000,
                        node: "node\(index)"
                    )
                )
            )
        }
        return scene
    }

    /// A request for so many CPUs that are held as long as `life`; for ever without one.
    private static func request(
        _ cpus: UInt64,
        life: UInt64?,
        wait: UInt64? = nil,
        id: String? = nil
    ) -> AcquireRequest {
        Scene.request(cpus, wait: wait) {
            $0.maxLifetimeMilliseconds = life
            $0.ttlMilliseconds = 3_600_000
            $0.requestID = id
        }
    }

    private static func take(
        _ cpus: UInt64,
        life: UInt64?,
        _ scene: WaitingScene
    ) throws -> Grant {
        let number = try scene.ask(request(cpus, life: life))
        return try #require(scene.grant(number))
    }

    private static func ticket(_ id: TicketID, _ scene: WaitingScene) throws -> Document {
        guard case .document(let document) = try scene.core.ask(.query(.ticket(id))) else {
            throw NotGranted()
        }
        return document
    }

    private static func queued(_ scene: WaitingScene) throws -> TicketID {
        try #require(try scene.core.state.queued.first?.id)
    }

    @Test
    func `who wants places beside each other has no date, and is passed by nobody`() throws {
        let scene = try Self.scene([4])
        _ = try Self.take(3, life: 10_000, scene)
        var wanted = Self.request(4, life: 1_000, wait: 60_000, id: "a")
        wanted.within = "node"
        try scene.ask(wanted)
        try scene.settle()
        #expect(try Self.ticket(try Self.queued(scene), scene)["startsBy"] == .null)
        let short = try scene.ask(Self.request(1, life: 1_000))
        #expect(scene.grant(short) == nil)
    }

    @Test
    func `who ends before the date passes, and who may live longer does not`() throws {
        let scene = try Self.scene([4])
        _ = try Self.take(3, life: 10_000, scene)
        let head = try scene.ask(Self.request(4, life: 5_000, wait: 60_000, id: "head"))
        let ticket = try Self.queued(scene)
        #expect(try Self.ticket(ticket, scene)["startsBy"] == .integer(10_000))
        let long = try scene.ask(Self.request(1, life: 10_001))
        let refusal = try #require(scene.refusal(long))
        #expect(refusal.code == .exhausted && refusal.limit == "cpu")
        #expect(refusal.message.contains("ticket \(ticket.rawValue) is promised what it needs"))
        let endless = try scene.ask(Self.request(1, life: nil))
        #expect(scene.refusal(endless)?.code == .exhausted)
        let short = try scene.ask(Self.request(1, life: 9_999))
        #expect(scene.grant(short) != nil)
        #expect(try scene.figure("waitsPassed") == 1)
        try scene.pass(milliseconds: 9_999)
        #expect(scene.waits(head))
        try scene.pass(milliseconds: 1)
        #expect(scene.grant(head) != nil)
    }

    @Test
    func `who waits behind passes when it can, and in order`() throws {
        let scene = try Self.scene([4])
        let first = try Self.take(2, life: 10_000, scene)
        _ = try Self.take(2, life: 20_000, scene)
        let head = try scene.ask(Self.request(4, life: 5_000, wait: 60_000))
        let long = try scene.ask(Self.request(2, life: 30_000, wait: 60_000))
        let short = try scene.ask(Self.request(2, life: 15_000, wait: 60_000))
        let late = try scene.ask(Self.request(2, life: 15_000, wait: 60_000))
        try scene.release(first)
        try scene.settle()
        #expect(scene.grant(short) != nil)
        #expect(scene.waits(head) && scene.waits(long) && scene.waits(late))
        try scene.pass(milliseconds: 15_000)
        try scene.settle()
        // It would end at 30,000 now, behind the date.
        #expect(scene.waits(late))
        try scene.pass(milliseconds: 5_000)
        #expect(scene.grant(head) != nil)
        try scene.pass(milliseconds: 5_000)
        #expect(scene.grant(long) != nil && scene.grant(late) != nil)
    }

    @Test
    func `who lives longer passes beside what is promised`() throws {
        let scene = try Self.scene([4, 4], .strategy(.bestFit))
        _ = try Self.take(3, life: 10_000, scene)
        let other = try Self.take(2, life: nil, scene)
        #expect(other.placements.map(\.resource) == ["n1"])
        let head = try scene.ask(Self.request(4, life: 5_000, wait: 60_000))
        // The fuller node is the better fit, but promised.
        let endless = try scene.ask(Self.request(1, life: nil))
        #expect(scene.grant(endless)?.placements.map(\.resource) == ["n1"])
        let short = try scene.ask(Self.request(1, life: 5_000))
        #expect(scene.grant(short)?.placements.map(\.resource) == ["n0"])
        let large = try scene.ask(Self.request(2, life: nil))
        #expect(scene.refusal(large)?.code == .exhausted)
        try scene.pass(milliseconds: 10_000)
        #expect(scene.grant(head)?.placements.map(\.resource) == ["n0"])
    }

    @Test
    func `what a date needs of a kind that is free is left alone, other resources are not`() throws
    {
        let scene = try Self.scene([4, 4])
        for node in 0..<2 {
            try scene.ask(
                .setResource(
                    ResourceRequest(
                        name: "g\(node)",
                        pool: "main",
                        kind: .gpu,
                        capacity: 1000,
                        node: "node\(node)"
                    )
                )
            )
        }
        func gpu(_ cpus: UInt64, _ life: UInt64?, wait: UInt64? = nil) -> AcquireRequest {
            var request = Self.request(cpus, life: life, wait: wait)
            request.claims[0].amounts.append(ClaimAmount(kind: .gpu, amount: 1000))
            return request
        }
        try scene.ask(gpu(1, 10_000))
        try scene.ask(gpu(1, nil))
        // Three CPUs of the first node are needed with its GPU, and only one comes back with it.
        let head = try scene.ask(gpu(3, 5_000, wait: 60_000))
        let places = try ([2, 1, 1] as [UInt64]).map { cpus in
            let number = try scene.ask(Self.request(cpus, life: nil))
            return try #require(scene.grant(number)).placements.map(\.resource)
        }
        #expect(places == [["n1"], ["n0"], ["n1"]])
        let last = try scene.ask(Self.request(1, life: nil))
        #expect(scene.refusal(last)?.message.contains("is promised what it needs") == true)
        try scene.pass(milliseconds: 10_000)
        #expect(scene.grant(head) != nil)
    }

    @Test
    func `without a date nobody passes, or for as long as the pool says`() throws {
        let scene = try Self.scene([4])
        _ = try Self.take(3, life: nil, scene)
        let head = try scene.ask(Self.request(4, life: 5_000, wait: 60_000, id: "head"))
        let ticket = try Self.queued(scene)
        #expect(try Self.ticket(ticket, scene)["startsBy"] == .null)
        let held = try scene.ask(Self.request(1, life: 1_000))
        #expect(scene.refusal(held)?.code == .exhausted)
        try scene.ask(.setPool(name: "main", settings: [.starvationLimit(2_000)]))
        let passing = try scene.ask(Self.request(1, life: 1_000))
        #expect(scene.grant(passing) != nil)
        try scene.pass(milliseconds: 2_000)
        let late = try scene.ask(Self.request(1, life: 1_000))
        #expect(scene.refusal(late)?.code == .exhausted && scene.waits(head))
    }

    @Test
    func `nothing is promised to one who has waited less than the limit of the pool`() throws {
        let scene = try Self.scene([4])
        _ = try scene.ask(.setPool(name: "main", settings: [.starvationLimit(2_000)]))
        _ = try Self.take(3, life: 5_000, scene)
        let head = try scene.ask(Self.request(4, life: 5_000, wait: 60_000, id: "head"))
        let ticket = try Self.queued(scene)
        #expect(try Self.ticket(ticket, scene)["startsBy"] == .null)
        // It takes the place in which the first could be by 5,000 ms.
        let passing = try scene.ask(Self.request(1, life: 8_000))
        let passed = try #require(scene.grant(passing))
        try scene.pass(milliseconds: 2_000)
        #expect(try Self.ticket(ticket, scene)["startsBy"] != .null)
        try scene.release(passed)
        let late = try scene.ask(Self.request(1, life: 8_000))
        #expect(scene.refusal(late)?.code == .exhausted && scene.waits(head))
    }

    @Test
    func `growing, reserving and planning pass as acquiring does`() throws {
        let scene = try Self.scene([4])
        let held = try Self.take(1, life: 10_000, scene)
        let brief = try Self.take(1, life: 5_000, scene)
        let endless = try Self.take(1, life: nil, scene)
        _ = try scene.ask(Self.request(3, life: 5_000, wait: 60_000))
        let claim = GrowRequest(
            claims: [Claim(amounts: [ClaimAmount(kind: .cpu, amount: 1000)])]
        )
        let long = try scene.ask(.grow(endless.reference, claim))
        #expect(scene.refusal(long)?.message.contains("is promised what it needs") == true)
        // All three are there when the longer one ends.
        let grown = try scene.ask(.grow(brief.reference, claim))
        let lease = try #require(scene.grant(grown))
        try scene.ask(.release(lease.reference, parts: [Part(resource: "n0", quantity: "1")]))
        func ask(_ life: UInt64?, _ change: (inout AcquireRequest) -> Void) throws -> Answer? {
            var request = Self.request(1, life: life)
            change(&request)
            let number = try scene.ask(request)
            return scene.answers[number]
        }
        let endlessPlan = try ask(nil) { $0.planOnly = true }
        guard case .refused? = endlessPlan else {
            Issue.record("planned what would not be granted: \(String(describing: endlessPlan))")
            return
        }
        guard case .refused? = try ask(11_000, { $0.holdMilliseconds = 1_000 }) else {
            Issue.record("reserved what is promised")
            return
        }
        guard case .grant(let plan)? = try ask(9_000, { $0.planOnly = true }) else {
            Issue.record("not planned what would be granted")
            return
        }
        guard case .grant? = try ask(9_000, { $0.plan = plan.version }) else {
            Issue.record("the plan was not granted")
            return
        }
        #expect(try scene.core.remaining(held) != nil)
    }

    @Test
    func `a plan beside what is promised has no version`() throws {
        let scene = try Self.scene([4, 4], .strategy(.bestFit))
        _ = try Self.take(3, life: 10_000, scene)
        _ = try Self.take(2, life: nil, scene)
        _ = try scene.ask(Self.request(4, life: 5_000, wait: 60_000))
        var request = Self.request(1, life: nil)
        request.planOnly = true
        let plan = try #require(scene.grant(try scene.ask(request)))
        #expect(plan.placements.map(\.resource) == ["n1"] && plan.version == nil)
        request.planOnly = false
        request.plan = try scene.core.state.position
        #expect(scene.refusal(try scene.ask(request))?.code == .conflict)
        request.plan = nil
        #expect(scene.grant(try scene.ask(request))?.placements.map(\.resource) == ["n1"])
    }

    @Test
    func `the lock-delay, sub-leases and reservations count as they end`() throws {
        let scene = try Self.scene([4], .lockDelay(500))
        let parent = try Self.take(2, life: 10_000, scene)
        var carve = SubleaseRequest(parts: [Part(resource: "n0", quantity: "1")])
        carve.ttlMilliseconds = 2_000
        try scene.ask(.sublease(parent.reference, carve))
        var hold = Self.request(1, life: 12_000)
        hold.holdMilliseconds = 30_000
        try scene.ask(hold)
        let head = try scene.ask(Self.request(4, life: 5_000, wait: 60_000, id: "head"))
        let ticket = try Self.queued(scene)
        #expect(try Self.ticket(ticket, scene)["startsBy"] == .integer(12_500))
        let long = try scene.ask(Self.request(1, life: 12_001))
        #expect(scene.refusal(long)?.code == .exhausted)
        let short = try scene.ask(Self.request(1, life: 11_900))
        #expect(scene.grant(short) != nil)
        try scene.pass(milliseconds: 12_500)
        try scene.settle()
        #expect(scene.grant(head) != nil)
    }

    @Test
    func `a restart finds the same date, and an early end an earlier one`() throws {
        let scene = try Self.scene([4])
        let long = try Self.take(2, life: 20_000, scene)
        _ = try Self.take(1, life: 10_000, scene)
        _ = try scene.ask(Self.request(4, life: 5_000, wait: 60_000, id: "head"))
        let ticket = try Self.queued(scene)
        #expect(try Self.ticket(ticket, scene)["startsBy"] == .integer(20_000))
        scene.world.die(leaving: scene.world.disk.processCrash())
        try scene.world.open()
        try scene.settle()
        #expect(try Self.ticket(ticket, scene)["startsBy"] == .integer(20_000))
        try scene.release(long)
        try scene.settle()
        #expect(try Self.ticket(ticket, scene)["startsBy"] == .integer(10_000))
    }

    @Test
    func `a gang is dated by the last end that it needs`() throws {
        let scene = try Self.scene([2, 2, 2, 2])
        for life in [8_000, 4_000, 6_000, 2_000] as [UInt64] {
            _ = try Self.take(2, life: life, scene)
        }
        var gang = Self.request(2, life: 5_000, wait: 60_000, id: "gang")
        gang.claims[0].places = 3
        let head = try scene.ask(gang)
        let ticket = try Self.queued(scene)
        #expect(try Self.ticket(ticket, scene)["startsBy"] == .integer(6_000))
        try scene.pass(milliseconds: 2_000)
        let short = try scene.ask(Self.request(2, life: 3_999))
        #expect(scene.grant(short) != nil)
        try scene.pass(milliseconds: 4_000)
        #expect(scene.grant(head) != nil)
    }

    @Test
    func `a gang that fits in neither order, but another way, has a date`() throws {
        let scene = try Self.scene([8, 8])
        let memory = ResourceRequest(
            name: "memory",
            pool: "main",
            kind: .memory,
            capacity: 8,
            node: "node0"
        )
        try scene.ask(.setResource(memory))
        _ = try Self.take(8, life: 10_000, scene)
        _ = try Self.take(8, life: 20_000, scene)
        var gang = Self.request(8, life: 5_000, wait: 60_000, id: "gang")
        let amounts = [(Kind.cpu, 4_000 as UInt64), (.memory, 8)]
        gang.claims.append(Claim(amounts: amounts.map { ClaimAmount(kind: $0, amount: $1) }))
        let head = try scene.ask(gang)
        #expect(try Self.ticket(try Self.queued(scene), scene)["startsBy"] == .integer(20_000))
        #expect(scene.grant(try scene.ask(Self.request(1, life: 1_000))) == nil)
        try scene.pass(milliseconds: 20_000)
        #expect(scene.grant(head) != nil)
    }

    @Test
    func `who waits for other models is dated beside the first`() throws {
        let scene = try Self.scene([2, 2])
        for (index, model) in ["x", "y"].enumerated() {
            var resource = ResourceRequest(
                name: "n\(index)",
                pool: "main",
                kind: .cpu,
                capacity: 2000,
                node: "node\(index)"
            )
            resource.labels = [Label(name: "model", value: model)]
            try scene.ask(.setResource(resource))
        }
        _ = try Self.take(1, life: 10_000, scene)
        _ = try Self.take(2, life: 4_000, scene)
        func waiting(_ cpus: UInt64, _ model: String) throws -> Int {
            var request = Self.request(cpus, life: 5_000, wait: 60_000)
            request.selector = [Label(name: "model", value: model)]
            return try scene.ask(request)
        }
        let first = try waiting(2, "x")
        let second = try waiting(2, "y")
        try scene.pass(milliseconds: 4_000)
        #expect(scene.waits(first) && scene.grant(second) != nil)
        try scene.pass(milliseconds: 6_000)
        #expect(scene.grant(first) != nil)
    }
}
