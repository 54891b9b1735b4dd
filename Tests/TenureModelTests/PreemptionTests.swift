// Who gives way to whom, and what is left when they have.

import TenureModel
import TenureTesting
import Testing

@Suite("Preemption", .computing)
struct PreemptionTests {
    private func request(
        _ amount: UInt64,
        _ priority: Priority,
        wait: UInt64? = nil,
        holder: String? = nil
    ) -> AcquireRequest {
        .of(amount) { request in
            request.priority = priority
            request.waitMilliseconds = wait
            request.holder = holder
            request.ttlMilliseconds = 100_000
        }
    }

    private func stands(_ world: inout World, _ grant: Grant) throws -> String? {
        guard case .document(let document) = try world.ask(.check(grant.reference)) else {
            return nil
        }
        return document["status"]?.asString
    }

    @Test
    func `nobody gives way where the pool does not allow it`() throws {
        var world = try World.slots(2)
        let low = try world.granted(request(2, .low))
        #expect(try world.ask(.acquire(request(1, .critical))).code == .exhausted)
        #expect(try stands(&world, low) == "held")
    }

    @Test
    func `P1: a class that is not far enough below does not give way`() throws {
        var world = try World.slots(1, .preemptionGap(2))
        let low = try world.granted(request(1, .low))
        #expect(try world.ask(.acquire(request(1, .normal))).code == .exhausted)
        let high = try world.granted(request(1, .high))
        #expect(try stands(&world, low) == nil)
        #expect(try world.ask(.acquire(request(1, .high))).code == .exhausted)
        #expect(try stands(&world, high) == "held")
    }

    @Test
    func `what gives way and what takes its place are one frame, with cause and evidence`() throws {
        var world = try World.slots(1, .preemptionGap(1))
        let low = try world.granted(request(1, .low))
        _ = try world.granted(request(1, .normal))
        let events = try #require(world.log.last?.events)
        guard case .reclaimed(let taken, .preempted, let evidence) = events.first,
            case .granted = events.last
        else {
            Issue.record("\(events)")
            return
        }
        #expect(taken.map(\.lease) == [low.lease])
        #expect(evidence.contains("default") && evidence.contains("normal"))
    }

    @Test
    func `a plan tells it and takes nothing`() throws {
        var world = try World.slots(1, .preemptionGap(1))
        let low = try world.granted(request(1, .low))
        var plan = request(1, .high)
        plan.planOnly = true
        #expect(try world.granted(plan).status == .planned)
        #expect(try stands(&world, low) == "held")
    }

    @Test
    func `P1: a lease from before the pool allowed it never gives way`() throws {
        var world = try World.slots(2)
        let before = try world.granted(request(1, .low))
        try world.declarePool("pool", .preemptionGap(1))
        let after = try world.granted(request(1, .low))
        #expect(try world.ask(.acquire(request(2, .high))).code == .exhausted)
        _ = try world.granted(request(1, .high))
        #expect(try stands(&world, before) == "held")
        #expect(try stands(&world, after) == nil)
        // Since when it is allowed does not change when it is allowed again.
        try world.declarePool("pool", .preemptionGap(0))
        try world.declarePool("pool", .preemptionGap(1))
        #expect(try world.ask(.acquire(request(2, .critical))).code == .exhausted)
    }

    @Test
    func `P1: a lease that has not run long enough does not give way`() throws {
        var world = try World.slots(1, .preemptionGap(1), .preemptionMinRuntime(1_000))
        let low = try world.granted(request(1, .low))
        world.pass(milliseconds: 999)
        #expect(try world.ask(.acquire(request(1, .high))).code == .exhausted)
        world.pass(milliseconds: 1)
        _ = try world.granted(request(1, .high))
        #expect(try stands(&world, low) == nil)
    }

    @Test
    func `P2: the lowest class first, then the most recent, and no more than is needed`() throws {
        var world = try World.slots(6, .preemptionGap(1))
        let normal = try world.granted(request(1, .normal))
        let older = try world.granted(request(3, .low))
        let newer = try world.granted(request(1, .low))
        let newest = try world.granted(request(1, .low))
        _ = try world.granted(request(1, .high))
        #expect(try stands(&world, newest) == nil)
        #expect(try stands(&world, newer) == "held")
        // The newest one left is not enough, and not needed beside the older one.
        _ = try world.granted(request(3, .high))
        #expect(try stands(&world, older) == nil)
        #expect(try stands(&world, newer) == "held")
        #expect(try stands(&world, normal) == "held")
    }

    @Test
    func `P4: nobody gives way when it would not be enough`() throws {
        var world = try World.slots(4, .preemptionGap(1))
        let low = try world.granted(request(2, .low))
        _ = try world.granted(request(2, .high))
        let position = world.state.position
        #expect(try world.ask(.acquire(request(3, .high))).code == .exhausted)
        #expect(world.state.position == position)
        #expect(try stands(&world, low) == "held")
    }

    @Test
    func `a gang gives way whole, and a gang gets several places`() throws {
        var world = try World.hosts(3, gpus: 1, .preemptionGap(1))
        var gang = AcquireRequest(pool: "pool", claims: [.of(places: 2, (.gpu, 1000))])
        gang.priority = .low
        let low = try world.granted(gang)
        _ = try world.granted(.of(1000, .gpu))
        gang.priority = .high
        let high = try world.granted(gang)
        #expect(try stands(&world, low) == nil)
        #expect(high.placements.map(\.resource).sorted() == ["n0-g0", "n1-g0"])
        gang.claims = [.of(places: 3, (.gpu, 1000))]
        gang.priority = .critical
        #expect(try world.granted(gang).placements.count == 3)
        #expect(try stands(&world, high) == nil)
    }

    @Test
    func `with notice nobody is told unless the request waits`() throws {
        var world = try World.slots(1, .preemptionGap(1), .preemptionGrace(5_000))
        let low = try world.granted(request(1, .low))
        let answer = try world.ask(.acquire(request(1, .high)))
        #expect(answer.code == .exhausted)
        #expect(answer.sentence.contains("WAIT"))
        #expect(try stands(&world, low) == "held")
    }

    @Test
    func `who is told to leave keeps the lease until then and can not renew it beyond`() throws {
        var world = try World.slots(1, .preemptionGap(1), .preemptionGrace(5_000))
        let low = try world.granted(request(1, .low))
        #expect(try world.ask(.acquire(request(1, .high, wait: 60_000))).code == .exhausted)
        #expect(try stands(&world, low) == "preempted")
        #expect(try world.count("held") == 1)
        // Asked again, nobody is told twice.
        let position = world.state.position
        #expect(try world.ask(.acquire(request(1, .high, wait: 60_000))).code == .exhausted)
        #expect(world.state.position == position)
        world.pass(milliseconds: 4_000)
        let renewal = try world.ask(.renew(low.reference, ttlMilliseconds: 60_000)).renewal
        #expect(renewal?.ttlMilliseconds ?? 0 <= 1_000)
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        guard case .reclaimed(let taken, .preempted, _) = world.log.last?.events.first else {
            Issue.record("\(String(describing: world.log.last))")
            return
        }
        #expect(taken.map(\.lease) == [low.lease])
        _ = try world.granted(request(1, .high))
    }

    @Test
    func `what is quarantined when it is taken is waited for`() throws {
        var world = try World.hosts(1, gpus: 1, .preemptionGap(1), .lockDelay(1_000))
        let low = try world.granted(.of(1000, .gpu) { $0.priority = .low })
        var high = AcquireRequest.of(1000, .gpu)
        high.priority = .high
        high.waitMilliseconds = 60_000
        #expect(try world.ask(.acquire(high)).code == .exhausted)
        #expect(try stands(&world, low) == nil)
        try world.reclaim()
        #expect(try world.count("quarantined", of: "n0-g0") == 1000)
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        _ = try world.granted(high)
    }

    /// Random work in three places, where everybody who gave way asks again at once.
    ///
    /// The oracle is arithmetic on the resources before each frame.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `P1 to P4, I6: by an oracle, with restarts`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var world = World()
        let gap = dice.pick(1...2)
        let minimum: UInt64 = dice.pick([0, 5], or: 0)
        try world.declarePool("pool", .preemptionGap(gap), .preemptionMinRuntime(minimum))
        for place in 0..<3 { try world.declare("s\(place)", .slot, 8) }
        var oracle = PreemptionOracle(gap: UInt8(gap), minimum: minimum, capacity: 8, places: 3)
        for _ in 0..<150 {
            world.pass(milliseconds: dice.pick(0...3))
            switch dice.pick(1...10) {
            case 1:
                world.checkpoint()
            case 2:
                try world.restart()
            case 3, 4:
                guard let first = oracle.held.keys.min(),
                    let lease = oracle.held.removeValue(forKey: first)
                else { continue }
                try world.ask(.release(lease.reference, parts: nil))
            default:
                let priority = dice.pick(Priority.allCases, or: .low)
                try oracle.ask(request(dice.pick(1...8), priority), &world)
            }
        }
        #expect(oracle.preemptions > 0)
        world.checkpoint()
        #expect(try world.replayed().differences(to: world.rows.content) == [])
    }
}

/// Who holds what, and who would have to give way.
private struct PreemptionOracle {
    struct Held {
        let reference: LeaseReference
        let request: AcquireRequest
        let place: Int
        let amount: UInt64
        let since: LedgerTime
    }

    let gap: UInt8
    let minimum: UInt64
    let capacity: UInt64
    let places: Int
    var held: [LeaseID: Held] = [:]
    var preemptions = 0

    private func free(_ place: Int) -> UInt64 {
        capacity - held.values.reduce(0) { $1.place == place ? $0 + $1.amount : $0 }
    }

    private func mayGiveWay(_ lease: Held, to request: AcquireRequest, _ now: LedgerTime) -> Bool {
        lease.request.priority.rawValue + gap <= request.priority.rawValue
            && now.milliseconds(since: lease.since) >= minimum
    }

    /// Asks, checks what came of it, and has everybody who gave way ask again.
    mutating func ask(_ first: AcquireRequest, _ world: inout World) throws {
        var asking = [first]
        var rounds = 0
        while let request = asking.popLast() {
            rounds += 1
            #expect(rounds < 500, "P3: there is no end")
            guard rounds < 500 else { return }
            let now = world.now
            let amount = request.claims[0].amounts[0].amount
            let fits = (0..<places).contains { free($0) >= amount }
            let couldFit = (0..<places).contains { place in
                let giving = held.values.filter {
                    $0.place == place && mayGiveWay($0, to: request, now)
                }
                return free(place) + giving.reduce(0) { $0 + $1.amount } >= amount
            }
            let answer = try world.ask(.acquire(request))
            guard let grant = answer.asGrant else {
                #expect(answer.code == .exhausted)
                #expect(!couldFit, "P4: it would fit where others give way")
                continue
            }
            #expect(couldFit)
            var victims: [Held] = []
            if case .reclaimed(let taken, .preempted, _) = world.log.last?.events.first {
                victims = taken.compactMap { held[$0.lease] }
                #expect(victims.count == taken.count)
                for lease in taken { held[lease.lease] = nil }
            }
            #expect(victims.isEmpty == fits, "P4: somebody gives way only where nothing is free")
            let resource = grant.placements[0].resource
            let place = try #require(Int(resource.dropFirst()))
            for victim in victims {
                #expect(mayGiveWay(victim, to: request, now), "P1")
                #expect(victim.place == place)
                #expect(free(place) - victim.amount < amount, "P2: it need not have given way")
                preemptions += 1
                asking.append(victim.request)
            }
            held[grant.lease] = Held(
                reference: grant.reference,
                request: request,
                place: place,
                amount: amount,
                since: now
            )
        }
    }
}
