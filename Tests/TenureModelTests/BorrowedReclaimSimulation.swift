// Random tenants that borrow, ask back and take by class, where everybody who gave way asks again
// at once: against the rules, word by word, and the sums that show that there is no loop.

import TenureModel
import TenureTesting
import Testing

@Suite("BorrowedReclaimSimulation", .computing)
struct BorrowedReclaimSimulationTests {
    @Test(arguments: 1...100 as ClosedRange<UInt64>)
    func `P1 P4 P5 P6 P7: who gives way is who owes, and there is no loop`(seed: UInt64) throws {
        var simulation = BorrowedReclaimSimulation(seed: seed)
        try simulation.run(steps: 120)
    }

    @Test
    func `the runs meet both sorts of preemption, and refusals of those who are covered`() throws {
        var met: [String: Int] = [:]
        for seed in 1...60 as ClosedRange<UInt64> {
            var simulation = BorrowedReclaimSimulation(seed: seed)
            try simulation.run(steps: 120)
            met.merge(simulation.met) { $0 + $1 }
        }
        for sort in ["reclaim", "class", "covered and refused", "shared level"] {
            #expect(met[sort, default: 0] >= 20, "\(sort): \(met)")
        }
    }
}

/// One run.
private struct BorrowedReclaimSimulation {
    struct Held {
        let reference: LeaseReference
        let request: AcquireRequest
        let place: Int
        let amount: Int
    }

    private static let tenants = ["a", "a/b", "a/b/c", "a/d", "e", "e/f", "g"]
    private static let capacity = 8
    private var dice: Dice
    private var world = World()
    private var held: [LeaseID: Held] = [:]
    private var guarantees: [String: Int] = [:]
    private var gap: UInt8 = 0
    private let seed: UInt64
    /// How often what was met.
    private(set) var met: [String: Int] = [:]

    init(seed: UInt64) {
        self.seed = seed
        dice = Dice(seed: seed)
    }

    mutating func run(steps: Int) throws {
        gap = UInt8(dice.pick(0...2))
        try world.declarePool("pool", .reclaimBorrowed(1), .preemptionGap(UInt64(gap)))
        for place in 0..<2 { try world.declare("s\(place)", .slot, UInt64(Self.capacity)) }
        for tenant in Self.tenants where dice.chance(60) {
            guarantees[tenant] = Int(dice.pick(1...7))
            try world.guarantee(UInt64(guarantees[tenant] ?? 0), to: tenant, lending: nil)
        }
        for _ in 0..<steps {
            world.pass(milliseconds: dice.pick(0...3))
            switch dice.pick(1...12) {
            case 1: world.checkpoint()
            case 2: try world.restart()
            case 3, 4, 5:
                guard let id = held.keys.sorted().first, let lease = held.removeValue(forKey: id)
                else { continue }
                try world.ask(.release(lease.reference, parts: nil))
            default:
                try ask(
                    .of(dice.pick(1...5)) { request in
                        request.tenant = dice.pick(Self.tenants, or: "g")
                        request.priority = dice.pick(Priority.allCases, or: .low)
                        request.ttlMilliseconds = 1_000_000
                    }
                )
            }
        }
        world.checkpoint()
        #expect(try world.replayed().differences(to: world.rows.content) == [])
    }

    /// Asks, checks what came of it, and has everybody who gave way ask again.
    private mutating func ask(_ first: AcquireRequest) throws {
        var asking = [first]
        var rounds = 0
        while let request = asking.popLast() {
            rounds += 1
            #expect(rounds < 500, "P7: there is no end, seed \(seed)")
            guard rounds < 500 else { return }
            let expected = outcome(of: request)
            let before = potential()
            let answer = try world.ask(.acquire(request))
            guard let grant = answer.asGrant else {
                #expect(answer.code == .exhausted)
                #expect(expected == .refused, "P4: seed \(seed), \(request)")
                if coveringLevel(request) != nil { met["covered and refused", default: 0] += 1 }
                continue
            }
            var victims: [Held] = []
            var isReclaim = false
            if case .reclaimed(let taken, .preempted, let evidence) = world.log.last?.events.first {
                isReclaim = evidence.hasPrefix("gave back")
                victims = taken.compactMap { held[$0.lease] }
                #expect(victims.count == taken.count)
            }
            let found: Outcome = victims.isEmpty ? .free : isReclaim ? .reclaim : .byClass
            #expect(found == expected, "seed \(seed), \(request)")
            try check(victims, request, isReclaim)
            for victim in victims {
                held[victim.reference.lease] = nil
                asking.append(victim.request)
            }
            held[grant.lease] = Held(
                reference: grant.reference,
                request: request,
                place: try #require(Int(grant.placements[0].resource.dropFirst())),
                amount: amount(request)
            )
            guard !victims.isEmpty else { continue }
            met[isReclaim ? "reclaim" : "class", default: 0] += 1
            #expect(before.lexicographicallyPrecedes(potential()), "P7: seed \(seed)")
        }
    }

    // MARK: The rules

    private enum Outcome {
        case free, reclaim, byClass, refused
    }

    private func amount(_ request: AcquireRequest) -> Int {
        Int(request.claims[0].amounts[0].amount)
    }

    private func path(_ tenant: String) -> [String] {
        Self.tenants.filter { tenant == $0 || tenant.hasPrefix($0 + "/") }.reversed()
    }

    private func used(_ level: String, without gone: [Held] = []) -> Int {
        let leases = held.values.filter { path($0.request.tenant).contains(level) }
        let left = gone.filter { path($0.request.tenant).contains(level) }
        return leases.reduce(0) { $0 + $1.amount } - left.reduce(0) { $0 + $1.amount }
    }

    /// The deepest level that covers a request.
    private func coveringLevel(_ request: AcquireRequest) -> String? {
        path(request.tenant).first { level in
            guarantees[level].map { used(level) + amount(request) <= $0 } ?? false
        }
    }

    /// Whether one more may go beside `gone`.
    private func mayGo(
        _ lease: Held,
        beside gone: [Held],
        _ request: AcquireRequest,
        reclaim: Bool
    )
        -> Bool
    {
        let theirs = path(lease.request.tenant)
        let ours = path(request.tenant)
        if reclaim {
            guard let covering = coveringLevel(request), !theirs.contains(covering) else {
                return false
            }
        } else {
            guard gap > 0, lease.request.priority.rawValue + gap <= request.priority.rawValue else {
                return false
            }
        }
        return theirs.allSatisfy { level in
            guard let guarantee = guarantees[level] else { return true }
            let isShared = ours.contains(level)
            if reclaim, isShared { return true }
            let left = used(level, without: gone + [lease]) + (isShared ? amount(request) : 0)
            return left >= min(used(level), guarantee)
        }
    }

    private func outcome(of request: AcquireRequest) -> Outcome {
        let free = { (gone: [Held]) in
            (0..<2).contains { place in
                let here = held.values.filter { $0.place == place }.reduce(0) { $0 + $1.amount }
                let left = gone.filter { $0.place == place }.reduce(0) { $0 + $1.amount }
                return Self.capacity - here + left >= amount(request)
            }
        }
        if free([]) { return .free }
        let inOrder = held.values.sorted { left, right in
            let (one, other) = (left.request.priority.rawValue, right.request.priority.rawValue)
            return one != other ? one < other : left.reference.lease > right.reference.lease
        }
        for reclaim in [true, false] {
            var gone: [Held] = []
            for lease in inOrder where mayGo(lease, beside: gone, request, reclaim: reclaim) {
                gone.append(lease)
            }
            if free(gone) { return reclaim ? .reclaim : .byClass }
        }
        return .refused
    }

    private mutating func check(
        _ victims: [Held],
        _ request: AcquireRequest,
        _ isReclaim: Bool
    ) throws {
        let shared = Set(path(request.tenant))
        for (index, victim) in victims.enumerated() {
            let others = victims.enumerated().filter { $0.offset != index }.map(\.element)
            #expect(
                mayGo(victim, beside: others, request, reclaim: isReclaim),
                "P5 P6: seed \(seed)"
            )
            if path(victim.request.tenant).contains(where: shared.contains) {
                met["shared level", default: 0] += 1
            }
        }
    }

    /// What rises with each that takes: of all levels of a depth the part of the guarantees that is
    /// used, the deepest first, then how much those hold of each class, the highest first.
    private func potential() -> [Int] {
        let byDepth = [3, 2, 1].map { depth in
            Self.tenants.filter { $0.split(separator: "/").count == depth }.reduce(0) {
                $0 + min(used($1), guarantees[$1] ?? 0)
            }
        }
        let byClass = Priority.allCases.reversed().map { priority in
            held.values.filter { $0.request.priority == priority }.reduce(0) { $0 + $1.amount }
        }
        return byDepth + byClass
    }
}
