// What has ended never becomes valid again, whatever pools, gaps, restarts and the clock do.

import TenureModel
import TenureTesting
import Testing

/// Leases and sessions that are looked at after every step of a random history.
private struct Watch {
    private var dice: Dice
    private var world = World()
    private var leases: [Grant] = []
    private var sessions: [SessionReference] = []
    private var ended: Set<UInt64> = []
    /// When a lease ends but for grace, as its holder was told.
    private var told: [LeaseID: LedgerTime] = [:]
    private(set) var faults: [String] = []
    /// How often a lease lived by grace, so that a run that tests nothing is seen.
    private(set) var outlived = 0

    init(seed: UInt64) throws {
        dice = Dice(seed: seed)
        world.checksEveryStep = false
        for pool in ["p", "q"] {
            try world.declarePool(pool)
            try world.declare("\(pool)-slots", .slot, 1_000, pool: pool)
        }
    }

    mutating func run(steps: Int) throws {
        for step in 0..<steps {
            try act()
            try look(step)
        }
    }

    private mutating func act() throws {
        let pool = dice.pick(["p", "q"], or: "p")
        switch dice.pick(0...11) {
        case 0...2:
            var request = AcquireRequest.of(1, pool: pool)
            request.ttlMilliseconds = dice.pick([500, 3_000, 20_000, 60_000], or: 1)
            if dice.chance(20) { request.maxLifetimeMilliseconds = 30_000 }
            if dice.chance(20) { request.holdMilliseconds = 5_000 }
            if dice.chance(30), let session = sessions.last {
                (request.session, request.ttlMilliseconds) = (session.session, nil)
            }
            if let grant = try world.ask(.acquire(request)).asGrant {
                leases.append(grant)
                remember(grant.lease, grant.ttlMilliseconds)
            }
        case 3: sessions.append(try world.opened(ttl: dice.pick([1_000, 30_000], or: 1)))
        case 4, 5:
            let bound = dice.pick([0, 1, 400, 5_000, 40_000, 3_600_000] as [UInt64], or: 0)
            try world.ask(.setPool(name: pool, settings: [.restartGrace(bound)]))
        case 6, 7:
            let from = world.now.nanoseconds
            world.pass(milliseconds: dice.pick([900, 4_000, 15_000, 90_000], or: 0))
            try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
        case 8: if dice.chance(30) { try world.reclaim() }
        case 9:
            if dice.chance(50) { world.checkpoint() }
            try world.restart()
        case 10:
            if let lease = leases.randomElement(using: &dice) {
                let answer = try world.ask(.renew(lease.reference, ttlMilliseconds: nil))
                if let renewal = answer.renewal { remember(lease.lease, renewal.ttlMilliseconds) }
            } else if let session = sessions.randomElement(using: &dice) {
                try world.ask(.keepSession(session))
            }
        default: world.pass(milliseconds: dice.pick([1, 300, 2_000, 12_000], or: 0))
        }
    }

    private mutating func look(_ step: Int) throws {
        for lease in leases {
            let code = try world.ask(.check(lease.reference)).code
            note(lease.lease.rawValue, isValid: code == nil, step)
            if code == nil, let end = told[lease.lease], end < world.now { outlived += 1 }
        }
        for session in sessions {
            let state = try world.ask(.query(.session(session.session))).document["state"]
            note(session.session.rawValue, isValid: state?.asString == "open", step)
        }
    }

    private mutating func remember(_ lease: LeaseID, _ ttl: UInt64?) {
        told[lease] = ttl.map { world.now.advanced(byMilliseconds: $0) }
    }

    private mutating func note(_ id: UInt64, isValid: Bool, _ step: Int) {
        if !isValid {
            ended.insert(id)
        } else if ended.contains(id) {
            faults.append("step \(step): \(id) had ended and is valid")
        }
    }
}

@Suite("Ended stays ended", .computing)
struct EndedStaysEndedTests {
    @Test(arguments: 1...150 as ClosedRange<UInt64>)
    func `I5: no pool, gap, clock or restart revives what has ended`(seed: UInt64) throws {
        var watch = try Watch(seed: seed)
        try watch.run(steps: 80)
        #expect(watch.faults.isEmpty)
    }

    @Test
    func `the histories have gaps that something lives through`() throws {
        var outlived = 0
        for seed in 1...20 as ClosedRange<UInt64> {
            var watch = try Watch(seed: seed)
            try watch.run(steps: 80)
            outlived += watch.outlived
        }
        #expect(outlived > 100)
    }
}
