// Drains that end at a time: what holders are told, what is taken back, and what comes after.

import TenureModel
import Testing

@Suite("Drains")
struct DrainTests {
    private static func drain(_ name: String, by milliseconds: UInt64?) -> Command {
        .setResourceState(name: name, state: .draining, byMilliseconds: milliseconds)
    }

    @Test
    func `holders are told how long a drain leaves them, and renew no further`() throws {
        var world = try World.slots(4)
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = 60_000 })
        #expect(try world.ask(.check(lease.reference)).document["draining"] == nil)
        try world.ask(Self.drain("slots", by: nil))
        #expect(try world.ask(.check(lease.reference)).document["draining"] == .null)
        try world.ask(Self.drain("slots", by: 100_000))
        world.pass(milliseconds: 40_000)
        let longer = Command.renew(lease.reference, ttlMilliseconds: nil)
        let long = try #require(try world.ask(longer).renewal)
        #expect(long.ttlMilliseconds.map { (59_999...60_000).contains($0) } == true)
        #expect(long.draining?.milliseconds.map { (59_999...60_000).contains($0) } == true)
        world.pass(milliseconds: 30_000)
        let capped = try world.ask(.renew(lease.reference, ttlMilliseconds: 50_000)).document
        #expect(capped["ttl"] == capped["draining"])
        #expect(try world.read(.lease(lease.lease))["draining"] == capped["draining"])
        #expect(try world.read(.resource("slots"))["draining"] == capped["draining"])
    }

    @Test(arguments: [0, 5_000] as [UInt64])
    func `what is left at the end is invalid at once and taken back as revoked`(
        lockDelay: UInt64
    ) throws {
        var world = try World.hosts(1, .lockDelay(lockDelay))
        let long: (inout AcquireRequest) -> Void = { $0.ttlMilliseconds = 3_600_000 }
        let lost = try world.granted(.of(500, .gpu, long))
        let kept = try world.granted(.of(1_000, .gpu, long))
        #expect(lost.parts == ["n0-g0=500"] && kept.parts == ["n0-g1=1000"])
        try world.ask(Self.drain("n0-g0", by: 1_000))
        world.pass(milliseconds: 1_000)
        #expect(try world.ask(.check(lost.reference)).code == .expired)
        #expect(try world.ask(.renew(lost.reference, ttlMilliseconds: nil)).code == .expired)
        #expect(try world.ask(.check(kept.reference)).code == nil)
        try world.reclaim()
        guard case .reclaimed(let leases, .revoked, let evidence)? = world.log.last?.events.first
        else {
            Issue.record("\(world.log.last?.events ?? [])")
            return
        }
        #expect(leases.map(\.lease) == [lost.lease])
        #expect(evidence.hasPrefix("drain of n0-g0 ended"))
        #expect(try world.count("quarantined", of: "n0-g0") == (lockDelay > 0 ? 500 : 0))
        #expect(try world.count("held", of: "n0-g0") == 0)
        let resource = try world.read(.resource("n0-g0"))
        #expect(resource["state"]?.asString == "draining" && resource["draining"] == .null)
        #expect(try world.ask(.check(kept.reference)).code == nil)
    }

    @Test
    func `sessions, reservations and commits end with a drain; grace does not move it`() throws {
        var world = try World.slots(10)
        let session = try world.opened(ttl: 1_000_000)
        let member = try world.granted(
            .of(1) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) }
        )
        let held = try world.granted(.of(1) { $0.holdMilliseconds = 1_000_000 })
        let early = try world.granted(.of(1) { $0.holdMilliseconds = 1_000_000 })
        try world.ask(Self.drain("slots", by: 1_000))
        let committed = try world.ask(.commit(early.reference, parts: nil)).asGrant
        #expect(committed?.ttlMilliseconds.map { $0 <= 1_000 } == true)
        let before = world.now
        world.pass(milliseconds: 1_000)
        try world.ask(.housekeeping(.grace(fromNanoseconds: before.nanoseconds)))
        #expect(try world.ask(.keepSession(session)).code == nil)
        for lease in [member, held, early] {
            #expect(try world.ask(.check(lease.reference)).code == .expired)
        }
        #expect(try world.ask(.commit(held.reference, parts: nil)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 10)
    }

    /// Where the rows are that a drain looks through.
    enum Upkeep: CaseIterable, Sendable {
        case never
        case before
        case between
        case restarts
    }

    @Test(arguments: Upkeep.allCases)
    func `a drain of many leases ends in frames of at most 128, wherever rows are`(
        upkeep: Upkeep
    ) throws {
        var world = try World.slots(600)
        world.checksEveryStep = false
        try world.declare("others", .memory, 600)
        for _ in 0..<300 {
            _ = try world.granted(.of(1) { $0.ttlMilliseconds = 3_600_000 })
            _ = try world.granted(.of(1, .memory) { $0.ttlMilliseconds = 3_600_000 })
        }
        try world.ask(Self.drain("slots", by: 10))
        if upkeep != .never { world.checkpoint() }
        world.pass(milliseconds: 10)
        var sizes: [Int] = []
        while true {
            let before = world.log.count
            try world.ask(.housekeeping(.reclaim))
            guard world.log.count > before else { break }
            for case .reclaimed(let leases, .revoked, _) in world.log[before].events {
                sizes.append(leases.count)
            }
            if upkeep == .between { world.checkpoint() }
            if upkeep == .restarts { try world.restart() }
        }
        #expect(sizes == [128, 128, 44])
        #expect(try world.state.invariantFault() == nil)
        #expect(try world.count("held") == 0)
        #expect(try world.count("held", of: "others") == 300)
        world.checkpoint()
        #expect(world.rows.content.differences(to: try world.replayed()).isEmpty)
        #expect(world.rows.content.due.keys.allSatisfy { $0.subject != .drain })
    }

    @Test
    func `a drain looks at a bounded number of leases in one frame`() throws {
        var world = try World.slots(10)
        world.checksEveryStep = false
        try world.declare("others", .memory, 1 << 20)
        for _ in 0..<(Limits.drainScan + 10) { _ = try world.granted(.of(1, .memory)) }
        let last = try world.granted(.of(1) { $0.ttlMilliseconds = 3_600_000 })
        try world.ask(Self.drain("slots", by: 10))
        world.pass(milliseconds: 10)
        try world.ask(.housekeeping(.reclaim))
        guard case .drainAdvanced(_, let past)? = world.log.last?.events.last else {
            Issue.record("\(world.log.last?.events ?? [])")
            return
        }
        #expect(past < last.lease)
        try world.restart()
        #expect(try world.reclaim() == 1)
        #expect(try world.count("held") == 0)
    }

    @Test
    func `H1: a resource changes its state again only when its drain is carried out`() throws {
        var world = try World.slots(4)
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = 3_600_000 })
        try world.ask(Self.drain("slots", by: 10))
        world.pass(milliseconds: 10)
        for state in [ResourceState.active, .cordoned, .draining] {
            let command = Command.setResourceState(name: "slots", state: state)
            #expect(try world.ask(command).code == .busy)
        }
        let node = NodeRequest(node: "slots", state: .active)
        #expect(try world.ask(.setNodeState(node)).code == .busy)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.ask(.setResourceState(name: "slots", state: .active)).code == nil)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    /// How a sub-lease on the drained resource ends.
    enum SubleaseEnd: CaseIterable, Sendable {
        case drain
        case deadline
        case quarantine

        /// How long it lives by itself, in milliseconds; the drain ends after 30.
        var ttl: UInt64? {
            switch self {
            case .drain: nil
            case .deadline: 25
            case .quarantine: 5
            }
        }
    }

    @Test(arguments: SubleaseEnd.allCases)
    func `H2: what is carved on a drained resource does not go back to its parent`(
        how: SubleaseEnd
    ) throws {
        var world = try World.slots(600, .lockDelay(how == .quarantine ? 25 : 0))
        world.checksEveryStep = false
        try world.declare("others", .memory, 600, node: "slots")
        var request = AcquireRequest(pool: "pool", claims: [.of((.slot, 2), (.memory, 1))])
        request.ttlMilliseconds = 3_600_000
        let parent = try world.granted(request)
        var carve = SubleaseRequest(parts: [Part(resource: "slots", quantity: "2")])
        carve.ttlMilliseconds = how.ttl
        _ = try #require(try world.ask(.sublease(parent.reference, carve)).asGrant)
        for _ in 0..<400 { _ = try world.granted(.of(1) { $0.ttlMilliseconds = 3_600_000 }) }
        try world.ask(Self.drain("slots", by: 30))
        // The parent is passed in the first frame, and others are left for those after it.
        for time in [10, 21, 10] as [UInt64] {
            world.pass(milliseconds: time)
            try world.ask(.housekeeping(.reclaim))
            #expect(try world.state.invariantFault() == nil)
        }
        try world.reclaim()
        #expect(try world.state.invariantFault() == nil)
        #expect(try world.count("held") == 0)
        #expect(try world.count("held", of: "others") == 1)
        #expect(try world.ask(.check(parent.reference)).code == nil)
        #expect(try world.read(.lease(parent.lease))["subleases"] == .list([]))
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        try world.ask(.setResourceState(name: "slots", state: .active))
        #expect(try world.count("free") == 600)
        world.checkpoint()
        #expect(world.rows.content.differences(to: try world.replayed()).isEmpty)
    }

    @Test(arguments: [0, 25] as [UInt64])
    func `what is carved from a lease on a drained resource ends with it`(
        lockDelay: UInt64
    ) throws {
        var world = try World.slots(4, .lockDelay(lockDelay))
        try world.declare("others", .memory, 4, node: "slots")
        var request = AcquireRequest(pool: "pool", claims: [.of((.slot, 2), (.memory, 2))])
        request.ttlMilliseconds = 3_600_000
        let parent = try world.granted(request)
        let carve = SubleaseRequest(parts: [Part(resource: "others", quantity: "1")])
        let part = try #require(try world.ask(.sublease(parent.reference, carve)).asGrant)
        try world.ask(Self.drain("slots", by: 30))
        world.pass(milliseconds: 30)
        #expect(try world.ask(.check(part.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("held") == 0)
        #expect(try world.count("held", of: "others") == 0)
        #expect(try world.ask(.check(parent.reference)).code == .expired)
    }

    @Test
    func `a lease does not grow on a drained resource`() throws {
        var world = try World.hosts(2, gpus: 1)
        let lease = try world.granted(.of(500, .gpu))
        #expect(lease.parts == ["n0-g0=500"])
        try world.ask(Self.drain("n0-g0", by: nil))
        let more = GrowRequest(claims: [.of((.gpu, 500))])
        let grown = try #require(try world.ask(.grow(lease.reference, more)).asGrant)
        #expect(grown.parts == ["n0-g0=500", "n1-g0=500"])
        try world.ask(Self.drain("n1-g0", by: nil))
        #expect(try world.ask(.grow(grown.reference, more)).code == .exhausted)
    }

    @Test
    func `a drain that is called off or moved takes nothing back at its old end`() throws {
        var world = try World.slots(4)
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = 3_600_000 })
        try world.ask(Self.drain("slots", by: 1_000))
        try world.ask(Self.drain("slots", by: 5_000))
        world.pass(milliseconds: 1_000)
        #expect(try world.reclaim() == 0)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        try world.ask(.setResourceState(name: "slots", state: .cordoned))
        world.pass(milliseconds: 5_000)
        #expect(try world.reclaim() == 0)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        world.checkpoint()
        #expect(world.rows.content.due.keys.allSatisfy { $0.subject != .drain })
    }

    @Test
    func `who gives back what is on the drained resource keeps the rest`() throws {
        var world = try World.hosts(1)
        let lease = try world.granted(.of(2_000, .gpu) { $0.ttlMilliseconds = 3_600_000 })
        try world.ask(Self.drain("n0-g1", by: 1_000))
        let parts = [Part(resource: "n0-g1", quantity: "1")]
        try world.ask(.release(lease.reference, parts: parts))
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        #expect(try world.ask(.check(lease.reference)).code == nil)
        #expect(try world.ask(.check(lease.reference)).document["draining"] == nil)
    }

    @Test
    func `a node changes whole, in one frame, and only what an operator may change`() throws {
        var world = try World.hosts(2)
        var request = ResourceRequest(
            name: "seen",
            pool: "pool",
            kind: .disk,
            capacity: 9,
            node: "n0"
        )
        request.detected = true
        try world.ask(.setResource(request))
        try world.ask(.housekeeping(.resourceSeen(name: "seen", seen: false)))
        try world.declarePool("other")
        try world.declare("far", .cpu, 1_000, node: "n0", pool: "other")
        let lease = try world.granted(.of(1_000, .gpu) { $0.ttlMilliseconds = 3_600_000 })
        #expect(lease.parts == ["n0-g0=1000"])
        func states(_ world: inout World) throws -> [String] {
            try ["n0-g0", "n0-g1", "n0-cpu", "n0-mem", "seen", "far", "n1-g0"].map {
                try world.read(.resource($0))["state"]?.asString ?? ""
            }
        }
        let drain = NodeRequest(node: "n0", pool: "pool", state: .draining, byMilliseconds: 1_000)
        #expect(try world.ask(.setNodeState(drain)).document["resources"] == .integer(4))
        #expect(
            try states(&world) == Array(repeating: "draining", count: 4)
                + ["unconfirmed", "active", "active"]
        )
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        let cordon = NodeRequest(node: "n0", state: .cordoned)
        #expect(try world.ask(.setNodeState(cordon)).document["resources"] == .integer(5))
        #expect(try world.ask(.setNodeState(cordon)).document["resources"] == .integer(0))
        #expect(
            try states(&world) == Array(repeating: "cordoned", count: 4)
                + ["unconfirmed", "cordoned", "active"]
        )
        let back = NodeRequest(node: "n0", state: .active)
        try world.ask(.setNodeState(back))
        #expect(
            try states(&world) == Array(repeating: "active", count: 4)
                + ["unconfirmed", "active", "active"]
        )
    }

    @Test
    func `what can not be drained is refused, with the reason`() throws {
        var world = try World.slots(1)
        func refused(_ command: Command) throws -> RefusalCode? { try world.ask(command).code }
        #expect(try refused(Self.drain("none", by: 1)) == .notFound)
        #expect(try refused(Self.drain("slots", by: 0)) == .malformed)
        #expect(try refused(Self.drain("slots", by: Limits.millisecondsMax + 1)) == .malformed)
        #expect(
            try refused(.setResourceState(name: "slots", state: .cordoned, byMilliseconds: 1))
                == .malformed
        )
        #expect(
            try refused(.setNodeState(NodeRequest(node: "none", state: .cordoned))) == .notFound
        )
        let elsewhere = NodeRequest(node: "slots", pool: "none", state: .cordoned)
        #expect(try refused(.setNodeState(elsewhere)) == .notFound)
    }

    /// Random drains, leases, checkpoints and restarts against what is obvious: a lease has ended
    /// for ever once its deadline or the end of a drain of something it has was reached.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `no lease outlives a drain, and none that has ended comes back`(seed: UInt64) throws {
        struct Known {
            let lease: Grant
            let deadline: LedgerTime
            var hasEnded = false
        }
        var dice = Dice(seed: seed)
        var world = try World.hosts(2, .lockDelay(dice.pick([0, 300], or: 0)))
        var known: [Known] = []
        var drains: [String: LedgerTime] = [:]
        let names = ["n0-g0", "n0-g1", "n1-g0", "n1-g1"]
        for _ in 0..<150 {
            world.pass(milliseconds: dice.pick([0, 10, 100, 400], or: 0))
            let name = dice.pick(names, or: "n0-g0")
            switch dice.pick(0...9) {
            case 0...3:
                let ttl = dice.pick(100...5_000)
                let amount: UInt64 = dice.pick([300, 1_000, 2_000], or: 300)
                let request = AcquireRequest.of(amount, .gpu) { $0.ttlMilliseconds = ttl }
                guard let lease = try world.ask(.acquire(request)).asGrant else { continue }
                // A grant is decided one nanosecond before the time that comes after it.
                let granted = LedgerTime(nanoseconds: world.now.nanoseconds - 1)
                known.append(
                    Known(lease: lease, deadline: granted.advanced(byMilliseconds: ttl))
                )
            case 4...5:
                let by = dice.pick(1...1_500)
                guard try world.ask(Self.drain(name, by: by)).code == nil else { continue }
                let decided = LedgerTime(nanoseconds: world.now.nanoseconds - 1)
                drains[name] = decided.advanced(byMilliseconds: by)
            case 6...7:
                let state = dice.pick([ResourceState.active, .cordoned], or: .active)
                let command = Command.setResourceState(name: name, state: state)
                guard try world.ask(command).code == nil else { continue }
                drains[name] = nil
            case 8: try world.reclaim()
            default: dice.chance(50) ? world.checkpoint() : try world.restart()
            }
            for index in known.indices {
                let lease = known[index].lease
                let drained = lease.placements.contains { part in
                    drains[part.resource].map { $0 <= world.now } ?? false
                }
                if drained || known[index].deadline <= world.now { known[index].hasEnded = true }
                let answer = try world.ask(.check(lease.reference))
                let expected: RefusalCode? = known[index].hasEnded ? .expired : nil
                #expect(answer.code == expected, "seed \(seed): \(lease.parts)")
            }
        }
        world.checkpoint()
        #expect(world.rows.content.differences(to: try world.replayed()).isEmpty)
    }
}
