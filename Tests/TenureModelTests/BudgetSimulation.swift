// Random leases under budgets against a slow account made from nothing but what became of leases.

import TenureModel
import TenureTesting
import Testing

@Suite("BudgetSimulation", .computing)
struct BudgetSimulationTests {
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `B1 B2 B3: budgets count what leases hold and have used, and refuse what is above`(
        seed: UInt64
    ) throws {
        var simulation = BudgetSimulation(seed: seed)
        try simulation.run(steps: 160)
        #expect(simulation.granted > 10 && simulation.refused > 0, "seed \(seed)")
    }
}

/// One run.
private struct BudgetSimulation {
    private struct Entry {
        let tenant: String
        let price: UInt64
        let granted: UInt64
        let lifetimeEnd: UInt64
        let position: Int
        var amount: UInt64
        var deadline: UInt64
        var isReserved: Bool
    }

    private struct Account {
        let since: Int
        let start: UInt64
        var limit: UInt64
        var window: UInt64
        var bookings: [(until: UInt64, amount: UInt64)] = []
    }

    private static let minute: UInt64 = 60_000
    private var dice: Dice
    private var world = World()
    private var seen = 0
    private var leases: [LeaseID: Entry] = [:]
    private var accounts: [String: Account] = [:]
    private var grants: [Grant] = []
    private var price: UInt64 = 2_500
    private let seed: UInt64
    private(set) var granted = 0
    private(set) var refused = 0

    init(seed: UInt64) {
        self.seed = seed
        dice = Dice(seed: seed)
    }

    mutating func run(steps: Int) throws {
        try world.declarePool("pool", .lockDelay(dice.chance(50) ? 5 * Self.minute : 0))
        try world.declare("slots", .slot, 50)
        try world.price(price, capacity: 50)
        for (tenant, limit) in [("a", 90_000), ("a/b", 55_500)] as [(String, UInt64)] {
            let window = dice.pick(60...400) * Self.minute
            let start = world.now.nanoseconds
            try world.budget(tenant, limit, window: window)
            accounts[tenant] = Account(
                since: world.log.count,
                start: start,
                limit: limit,
                window: window * 1_000_000
            )
        }
        for _ in 0..<steps {
            switch dice.pick(0...9) {
            case 0...4: try acquire()
            case 5...6: try change()
            case 7: world.pass(milliseconds: dice.pick(0...40) * Self.minute, nanoseconds: 7)
            case 8: try world.reclaim()
            default: try upkeep()
            }
            follow()
            try compare()
        }
        world.checkpoint()
        #expect(world.rows.content.differences(to: try world.replayed()).isEmpty, "seed \(seed)")
    }

    private static func path(_ tenant: String) -> [String] {
        ["a", "a/b"].filter { tenant == $0 || tenant.hasPrefix($0 + "/") }
    }

    private mutating func acquire() throws {
        let (amount, life) = (dice.pick(1...4), dice.pick(1...400) * Self.minute + dice.pick(0...9))
        let tenant = dice.pick(["a", "a/b", "a/b/c", "x"], or: "a")
        var request = AcquireRequest.of(amount) {
            ($0.tenant, $0.maxLifetimeMilliseconds) = (tenant, life)
        }
        request.ttlMilliseconds = dice.pick(1...120) * Self.minute
        if dice.chance(30) { request.holdMilliseconds = dice.pick(1...60) * Self.minute }
        let cost = Self.cost(amount, price, life * 1_000_000)
        let now = world.now.nanoseconds
        let isAbove = Self.path(tenant).contains { level in
            held(level) + spent(level, now) + cost > accounts[level]?.limit ?? 0
        }
        let answer = try world.ask(.acquire(request))
        if let grant = answer.asGrant {
            grants.append(grant)
            granted += 1
            #expect(!isAbove, "seed \(seed): granted above the budget")
        } else if answer.code == .quota {
            refused += 1
            #expect(isAbove, "seed \(seed): \(answer.sentence)")
        }
    }

    private mutating func change() throws {
        guard let grant = dice.pick(grants.suffix(8).map(Optional.some), or: nil) else { return }
        let part = Part(resource: "slots", quantity: "1")
        switch dice.pick(0...6) {
        case 0: try world.ask(.release(grant.reference, parts: nil))
        case 1: try world.ask(.release(grant.reference, parts: [part]))
        case 2: try world.ask(.commit(grant.reference, parts: dice.chance(50) ? [part] : nil))
        case 3: try world.ask(.cancel(grant.reference))
        case 4: try world.ask(.revoke(grant.lease, reason: "test"))
        case 5: try world.ask(.renew(grant.reference, ttlMilliseconds: 30 * Self.minute))
        default:
            price = dice.pick(0...4_000)
            try world.price(price, capacity: 50)
        }
    }

    private mutating func upkeep() throws {
        if dice.chance(50) { world.checkpoint() }
        if dice.chance(50) { try world.restart() }
        guard dice.chance(20), var account = accounts["a"] else { return }
        account.limit = dice.pick(60_000...120_000)
        accounts["a"] = account
        try world.ask(.setBudget(BudgetRequest(tenant: "a", limit: account.limit)))
    }

    // MARK: The slow account

    /// What so much costs for so long, rounded up; small enough for 128 bits.
    private static func cost(_ amount: UInt64, _ price: UInt64, _ nanoseconds: UInt64) -> UInt64 {
        let exact = UInt128(amount) * UInt128(price) * UInt128(nanoseconds)
        return UInt64((exact + 3_599_999_999_999) / 3_600_000_000_000)
    }

    /// Takes in what the log says has become of leases, without what it says of budgets.
    private mutating func follow() {
        while seen < world.log.count {
            let frame = world.log[seen]
            seen += 1
            for event in frame.events { take(event, frame.time.nanoseconds) }
        }
    }

    private mutating func take(_ event: Event, _ time: UInt64) {
        switch event {
        case .granted(let record):
            leases[record.lease.id] = Entry(
                tenant: record.lease.terms.tenant,
                price: price,
                granted: time,
                lifetimeEnd: record.lease.terms.lifetimeEnd.nanoseconds,
                position: seen,
                amount: record.lease.placements.reduce(0) { $0 + $1.amount },
                deadline: record.lease.deadline.nanoseconds,
                isReserved: record.lease.state == .reserved
            )
        case .renewed(let id, let deadline): leases[id]?.deadline = deadline.nanoseconds
        case .committed(let id, let deadline, let kept):
            leases[id]?.deadline = deadline.nanoseconds
            let stays = kept.reduce(0) { $0 + $1.amount }
            take((leases[id]?.amount ?? 0) - stays, of: id, until: time)
        case .reduced(let id, let parts):
            take(parts.reduce(0) { $0 + $1.amount }, of: id, until: time)
        case .released(let id): take(leases[id]?.amount ?? 0, of: id, until: time)
        case .reclaimed(let reclaimed, _, _):
            for one in reclaimed {
                let entry = leases[one.lease]
                take(entry?.amount ?? 0, of: one.lease, until: min(time, entry?.deadline ?? 0))
            }
        default: break
        }
    }

    private mutating func take(_ amount: UInt64, of id: LeaseID, until: UInt64) {
        guard var entry = leases[id], amount > 0 else { return }
        let life = entry.lifetimeEnd - entry.granted
        let before = Self.cost(entry.amount, entry.price, life)
        entry.amount -= amount
        let used = Self.cost(amount, entry.price, until - entry.granted)
        let spent = min(used, before - Self.cost(entry.amount, entry.price, life))
        leases[id] = entry.amount > 0 ? entry : nil
        for level in Self.path(entry.tenant) where entry.position > accounts[level]?.since ?? 0 {
            accounts[level]?.bookings.append((until, spent))
        }
    }

    private func held(_ tenant: String) -> UInt64 {
        leases.values.reduce(0) { sum, entry in
            guard Self.path(entry.tenant).contains(tenant) else { return sum }
            return sum + Self.cost(entry.amount, entry.price, entry.lifetimeEnd - entry.granted)
        }
    }

    private func spent(_ tenant: String, _ now: UInt64) -> UInt64 {
        guard let account = accounts[tenant] else { return 0 }
        let window = { (time: UInt64) in (time - account.start) / account.window }
        return account.bookings.reduce(0) { sum, booking in
            window(booking.until) == window(now) ? sum + booking.amount : sum
        }
    }

    private mutating func compare() throws {
        for tenant in ["a", "a/b"] {
            let shown = try world.read(.budget(tenant))
            let now = world.now.nanoseconds
            #expect(shown["held"]?.asInteger == Int64(held(tenant)), "seed \(seed): \(tenant)")
            #expect(
                shown["spent"]?.asInteger == Int64(spent(tenant, now)),
                "seed \(seed): \(tenant)"
            )
        }
    }
}
