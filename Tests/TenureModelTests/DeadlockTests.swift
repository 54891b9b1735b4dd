// Which waits never end, against a search over every order in which holders could be served.

import TenureModel
import Testing

@Suite("Deadlocks")
struct DeadlockTests {
    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func `D1: exactly those waits are refused that no order serves`(seed: UInt64) throws {
        var system = try DeadlockSystem(seed: seed)
        try system.run()
    }

    @Test(arguments: [1, 5])
    func `who is left when enough was looked for is taken to end`(waitsOfEach: Int) throws {
        var world = try World.slots(3)
        var waits: [HoldingWait] = []
        for _ in 0..<3 {
            let session = try world.opened(ttl: 1_000_000).session
            var request = AcquireRequest.of(1) { ($0.ttlMilliseconds, $0.session) = (nil, session) }
            _ = try world.granted(request)
            // Two claims have many ways, and five requests many orders.
            request.claims = [.of((.slot, 1)), .of((.slot, 1))]
            let wait = HoldingWait(holder: .session(session), request: request, isGrowth: false)
            waits += Array(repeating: wait, count: waitsOfEach)
        }
        let refusal = try world.state.deadlock(
            closedBy: waits[0],
            beside: Array(waits.dropFirst()),
            now: world.now
        )
        #expect(refusal?.code == (waitsOfEach == 1 ? .deadlock : nil))
    }

    @Test
    func `the systems meet waits of both sorts, by capacity and by quota`() throws {
        var met: [String: Int] = [:]
        for seed in 1...100 as ClosedRange<UInt64> {
            var system = try DeadlockSystem(seed: seed)
            try system.run()
            met.merge(system.met) { $0 + $1 }
        }
        for sort in ["deadlock", "waits", "quota", "two waits"] {
            #expect(met[sort, default: 0] >= 20, "\(sort): \(met)")
        }
    }
}

/// Some sessions with leases on two resources, that begin to wait one after the other.
private struct DeadlockSystem {
    private struct Wait {
        let session: Int
        let amount: Int
        let isGrowth: Bool
    }

    private static let capacity = 5
    private var dice: Dice
    private var world = World()
    private var sessions: [SessionID] = []
    /// What each session holds in each place.
    private var held: [[Int]] = []
    private var waits: [Wait] = []
    private var quota: Int?
    private let seed: UInt64
    private(set) var met: [String: Int] = [:]

    init(seed: UInt64) throws {
        self.seed = seed
        dice = Dice(seed: seed)
        try world.declarePool("pool")
        for place in 0..<2 { try world.declare("s\(place)", .slot, UInt64(Self.capacity)) }
        for _ in 0..<dice.pick(2...4) {
            sessions.append(try world.opened(ttl: 1_000_000).session)
            held.append([0, 0])
        }
        for session in sessions.indices {
            for _ in 0..<dice.pick(0...2) {
                let request = AcquireRequest.of(dice.pick(1...3)) { request in
                    request.ttlMilliseconds = nil
                    request.session = sessions[session]
                    request.tenant = "t/\(session % 2)"
                }
                guard let grant = try world.ask(.acquire(request)).asGrant else { continue }
                let part = grant.placements[0]
                held[session][part.resource == "s0" ? 0 : 1] += Int(part.amount)
            }
        }
        // Leases of nobody who waits are in nobody's way.
        _ = try world.ask(.acquire(.of(dice.pick(1...2)) { $0.ttlMilliseconds = 1_000_000 }))
        guard dice.chance(40) else { return }
        let used = held.joined().reduce(0, +)
        quota = used + Int(dice.pick(0...3))
        try world.ask(.setQuota(tenant: "t", kind: .slot, limit: UInt64(quota ?? 0)))
    }

    mutating func run() throws {
        for _ in 0..<5 {
            let session = Int(dice.pick(0...UInt64(sessions.count - 1)))
            let wait = Wait(
                session: session,
                amount: Int(dice.pick(1...5)),
                isGrowth: dice.chance(50)
            )
            let refusal = try world.state.deadlock(
                closedBy: holding(wait),
                beside: waits.map(holding),
                now: world.now
            )
            guard held[session].contains(where: { $0 > 0 }) else {
                #expect(refusal == nil, "who holds nothing is in nobody's way")
                continue
            }
            let all = waits + [wait]
            // What does not fit even when there is nobody else is another refusal.
            let isPossible = wait.amount <= quota ?? .max
            let ends = canFinish(session, all, Set(all.map(\.session)), held, [])
            #expect(
                (refusal?.code == .deadlock) == (isPossible && !ends),
                "seed \(seed): \(wait) beside \(waits), held \(held), quota \(quota ?? -1)"
            )
            if let refusal {
                met["deadlock", default: 0] += 1
                if refusal.message.contains("quota") { met["quota", default: 0] += 1 }
                #expect(refusal.message.contains("session \(sessions[session].rawValue)"))
            } else if isPossible {
                met["waits", default: 0] += 1
                if waits.contains(where: { $0.session == session }) {
                    met["two waits", default: 0] += 1
                }
                waits.append(wait)
            }
        }
    }

    private func holding(_ wait: Wait) -> HoldingWait {
        var request = AcquireRequest.of(UInt64(wait.amount))
        request.tenant = "t/\(wait.session % 2)"
        return HoldingWait(
            holder: .session(sessions[wait.session]),
            request: request,
            isGrowth: wait.isGrowth
        )
    }

    /// Whether some order of serving single waits, in any place, and of giving back when a session
    /// has all it waits for, lets `session` finish.
    private func canFinish(
        _ session: Int,
        _ waits: [Wait],
        _ waiting: Set<Int>,
        _ held: [[Int]],
        _ served: Set<Int>
    ) -> Bool {
        // Those who do not wait have given back.
        var held = held
        for other in held.indices where !waiting.contains(other) { held[other] = [0, 0] }
        for other in waiting {
            let open = waits.indices.filter { waits[$0].session == other && !served.contains($0) }
            guard open.isEmpty else { continue }
            if other == session { return true }
            return canFinish(session, waits, waiting.subtracting([other]), held, served)
        }
        let used = held.joined().reduce(0, +)
        for index in waits.indices where !served.contains(index) {
            let wait = waits[index]
            guard waiting.contains(wait.session), used + wait.amount <= quota ?? .max else {
                continue
            }
            for place in 0..<2 {
                let taken = held.reduce(0) { $0 + $1[place] }
                guard taken + wait.amount <= Self.capacity else { continue }
                var next = held
                next[wait.session][place] += wait.amount
                if canFinish(session, waits, waiting, next, served.union([index])) { return true }
            }
        }
        return false
    }
}
