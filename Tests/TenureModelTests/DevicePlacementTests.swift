// Placement of shared devices in the ledger: what decides is in the log, and nothing else.

import TenureModel
import TenureTesting
import Testing

@Suite("Placement of devices", .computing)
struct DevicePlacementTests {
    private static let models = ["A100", "H100", "T4"]

    /// A request for a part of a device, whole ones, or CPUs alone; bound to models now and then.
    private func request(_ dice: inout Dice) -> AcquireRequest {
        let gpu: UInt64 = dice.pick([0, 200, 330, 500, 810, 1_000, 2_000], or: 0)
        var amounts: [(Kind, UInt64)] = [(.cpu, dice.pick(1...8) * 1_000)]
        if gpu > 0 { amounts.append((.gpu, gpu)) }
        if dice.chance(30) { amounts.append((.memory, dice.pick(1...9))) }
        let places = dice.chance(20) ? Int(dice.pick(2...3)) : 1
        let claim = Claim(
            places: places,
            amounts: amounts.map { ClaimAmount(kind: $0.0, amount: $0.1) }
        )
        var request = AcquireRequest(pool: "pool", claims: [claim])
        if dice.chance(20) { request.claims.append(.of((.gpu, 500))) }
        if dice.chance(30) {
            let wanted = dice.pick(["A100", "H100|T4", "T4"], or: "T4")
            request.selector = [Label(name: "model", value: wanted)]
        }
        request.ttlMilliseconds = dice.pick(20...200)
        request.maxLifetimeMilliseconds =
            dice.pick([nil, nil, 90, 200_000, 9_000_000], or: nil)
        request.strategy = dice.pick([.fairPrice, .fragmentation], or: .fairPrice)
        return request
    }

    private func resource(_ dice: inout Dice) -> ResourceRequest {
        let node = Int(dice.pick(0...9))
        let kind = dice.pick([Kind.gpu, .gpu, .cpu, .memory], or: .gpu)
        var request = ResourceRequest(
            name: "n\(node)-\(kind.name)-\(dice.pick(0...3))",
            pool: "pool",
            kind: kind,
            capacity: kind == .gpu ? 1_000 : kind == .cpu ? 16_000 : 32,
            node: "n\(node)"
        )
        if kind == .gpu {
            request.labels = [Label(name: "model", value: Self.models[node % Self.models.count])]
        }
        return request
    }

    /// Two ledgers get the same commands; one of them is opened again all the time.
    ///
    /// Both get the prices that the first has learnt.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `I6, F1: prices decide the same before and after a restart`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var staying = World()
        var reopened = World()
        var versions: UInt32 = 0
        for index in 0..<300 {
            var command = Command.setPool(name: "pool", settings: [])
            switch index == 0 ? 0 : index < 40 ? 1 : dice.pick(1...12) {
            case 0: break
            case 1: command = .setResource(resource(&dice))
            case 2: command = .deleteResource(name: resource(&dice).name)
            case 3: command = .setResourceState(name: resource(&dice).name, state: .cordoned)
            default: command = .acquire(request(&dice))
            }
            let answer = try staying.ask(command)
            #expect(try reopened.ask(command) == answer, "step \(index)")
            if let task = staying.state.takeLearning() {
                let policy = task.learn()
                try staying.ask(.housekeeping(.learnt(pool: task.pool, policy)))
                try reopened.ask(.housekeeping(.learnt(pool: task.pool, policy)))
                versions = policy.version
            }
            let (delay, isReclaiming) = (dice.pick(0...9), dice.chance(30))
            staying.pass(milliseconds: delay)
            reopened.pass(milliseconds: delay)
            if isReclaiming {
                try staying.reclaim()
                try reopened.reclaim()
            }
            if dice.chance(20) {
                reopened.checkpoint()
                try reopened.restart()
            }
        }
        #expect(staying.log == reopened.log)
        #expect(versions > 1)
    }

    @Test
    func `prices count where devices are shared out, and nowhere else`() throws {
        var world = try World.hosts(2)
        func reason() -> GrantReason? {
            guard case .granted(let record)? = world.log.last?.events.first else { return nil }
            return record.why
        }
        var request = AcquireRequest.of(500, .gpu)
        for (asked, used) in [
            (nil, Strategy.fairPrice), (.automatic, .fairPrice), (.fragmentation, .fragmentation),
            (.firstFit, .firstFit),
        ] as [(Strategy?, Strategy)] {
            request.strategy = asked
            _ = try world.granted(request)
            #expect(reason()?.strategy == used)
        }
        var slots = try World.slots(10)
        for (asked, used) in [
            (nil, Strategy.firstFit), (.fairPrice, .bestFit), (.fragmentation, .bestFit),
        ] as [(Strategy?, Strategy)] {
            _ = try slots.granted(.of(1) { $0.strategy = asked })
            guard case .granted(let record)? = slots.log.last?.events.first else {
                Issue.record("no grant")
                return
            }
            #expect(record.why.strategy == used)
        }
    }

    @Test
    func `a share goes where what is left can still be sold, once that was learnt`() throws {
        var world = try World.hosts(1)
        let first = try world.granted(.of(1_000, .gpu))
        #expect(try world.granted(.of(170, .gpu)).parts == ["n0-g1=170"])
        try world.ask(.release(first.reference, parts: nil))
        // Nothing is known: of equal costs the first device.
        #expect(try world.granted(.of(330, .gpu) { $0.planOnly = true }).parts == ["n0-g0=330"])
        for _ in 0..<50 { _ = try world.ask(.acquire(.of(500, .gpu) { $0.ttlMilliseconds = 1 })) }
        let learning = world.state.takeLearning()
        let task = try #require(learning)
        try world.ask(.housekeeping(.learnt(pool: task.pool, task.learn())))
        world.pass(milliseconds: 2)
        try world.reclaim()
        // Only halves are asked for: 830 are worth as much as the 500 that are left of them.
        #expect(try world.granted(.of(330, .gpu)).parts == ["n0-g1=330"])
        guard case .granted(let record)? = world.log.last?.events.first else {
            Issue.record("no grant")
            return
        }
        #expect(record.why.learntVersion == 1)
    }

    @Test
    func `what was learnt of another pool, or out of turn, is not taken`() throws {
        var world = try World.hosts(1)
        for _ in 0..<50 { _ = try world.ask(.acquire(.of(500, .gpu) { $0.ttlMilliseconds = 1 })) }
        let learning = world.state.takeLearning()
        let task = try #require(learning)
        #expect(world.state.poolToLearn == nil)
        let policy = task.learn()
        let before = world.log.count
        try world.ask(.housekeeping(.learnt(pool: "other", policy)))
        #expect(world.log.count == before)
        try world.ask(.housekeeping(.learnt(pool: task.pool, policy)))
        #expect(world.log.count == before + 1)
        try world.ask(.housekeeping(.learnt(pool: task.pool, policy)))
        #expect(world.log.count == before + 1)
    }
}
