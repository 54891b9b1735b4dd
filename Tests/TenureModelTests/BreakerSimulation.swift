// Random reports, ends and restarts against a breaker that is written down as plainly as can be.

import TenureModel
import TenureTesting
import Testing

@Suite("Breaker simulation", .computing)
struct BreakerSimulation {
    /// What a breaker is, written down as plainly as can be.
    private struct Obvious {
        var reports: [(time: LedgerTime, lease: LeaseID)] = []
        var openUntil: LedgerTime?
        var isHalfOpen = false
        var openings: UInt64 = 0
        var probes: Set<LeaseID> = []

        mutating func fail(_ lease: LeaseID, at now: LedgerTime) {
            if openUntil != nil { return }
            if !isHalfOpen {
                reports.removeAll { $0.lease == lease || now.milliseconds(since: $0.time) >= 500 }
                reports.append((now, lease))
                if reports.count < 3 { return }
            }
            let time = min(UInt64(100) << openings, 3_600_000)
            (openUntil, isHalfOpen) = (now.advanced(byMilliseconds: time), false)
            (reports, probes) = ([], [])
            openings += 1
        }

        mutating func pass(to now: LedgerTime) {
            guard let until = openUntil, until <= now else { return }
            (openUntil, isHalfOpen) = (nil, true)
        }

        mutating func work() { self = Obvious() }
    }

    /// One run: random leases, reports, ends, restarts.
    private struct Run {
        var dice: Dice
        var world: World
        var machines: [String: Obvious] = ["n0-g0": Obvious(), "n1-g0": Obvious()]
        var leases: [Grant] = []

        init(seed: UInt64) throws {
            dice = Dice(seed: seed)
            world = try World.hosts(2, gpus: 1)
            let settings: [PoolSetting] = [
                .breakerFailures(3), .breakerWindow(500), .breakerOpen(100), .breakerProbes(2),
                .strategy(dice.pick(Strategy.allCases, or: .firstFit)),
            ]
            try world.ask(.setPool(name: "pool", settings: settings))
        }

        mutating func step() throws {
            world.pass(milliseconds: dice.pick([0, 5, 40, 120], or: 0))
            try world.reclaim()
            for name in machines.keys { machines[name]?.pass(to: world.now) }
            switch dice.pick(0...9) {
            case 0...3: try acquire()
            case 4...6: try report()
            case 7: try end()
            case 8: dice.chance(50) ? world.checkpoint() : try world.restart()
            default:
                let name = dice.pick(["n0-g0", "n1-g0"], or: "")
                try world.ask(.resetBreaker(.resource(name)))
                machines[name]?.work()
            }
        }

        /// Nothing is granted past a breaker, and what is granted on trial is a probe.
        private mutating func acquire() throws {
            let request = AcquireRequest.of(dice.pick(1...40), .gpu) {
                $0.ttlMilliseconds = 3_600_000
            }
            let open = machines.filter { $0.value.openUntil == nil && $0.value.probes.count < 2 }
            guard let lease = try world.ask(.acquire(request)).asGrant else {
                #expect(open.isEmpty)
                return
            }
            let name = lease.placements[0].resource
            #expect(open[name] != nil, "\(name) is held back")
            let isProbe = machines[name]?.isHalfOpen == true
            #expect((lease.breakers?.onTrial == [name]) == isProbe)
            if isProbe { machines[name]?.probes.insert(lease.lease) }
            leases.append(lease)
            if leases.count > 12 { try end() }
        }

        private mutating func report() throws {
            guard let lease = leases.randomElement(using: &dice) else { return }
            let name = lease.placements[0].resource
            let hasFailed = dice.chance(70)
            let now = world.now
            try world.ask(.report(lease.reference, Report(hasFailed: hasFailed)))
            if hasFailed {
                machines[name]?.fail(lease.lease, at: now)
            } else if machines[name]?.probes.contains(lease.lease) == true {
                machines[name]?.work()
            }
        }

        private mutating func end() throws {
            guard let index = leases.indices.randomElement(using: &dice) else { return }
            let lease = leases.remove(at: index)
            let name = lease.placements[0].resource
            let isProbe = machines[name]?.probes.remove(lease.lease) != nil
            if dice.chance(60) {
                try world.ask(.release(lease.reference, parts: nil))
                if isProbe { machines[name]?.work() }
            } else {
                try world.ask(.revoke(lease.lease, reason: "test"))
            }
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `random reports and restarts agree with an obvious machine`(seed: UInt64) throws {
        var run = try Run(seed: seed)
        for _ in 0..<200 { try run.step() }
        run.world.checkpoint()
        #expect(run.world.rows.content.differences(to: try run.world.replayed()).isEmpty)
    }
}
