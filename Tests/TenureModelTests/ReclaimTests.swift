// Taking back: by time, by the end of a session, by proof of death, and after the lock-delay.

import TenureModel
import Testing

@Suite("Reclaim")
struct ReclaimTests {
    /// Where the rows are that a reclaim works on: in the overlay, in the store, or moving.
    enum Upkeep: CaseIterable, Sendable {
        case never
        case before
        case between
    }

    @Test(arguments: Upkeep.allCases)
    func `I5: what is due is taken back in frames of at most 128`(upkeep: Upkeep) throws {
        var world = try World.slots(600)
        world.checksEveryStep = false
        for _ in 0..<600 { _ = try world.granted(.of(1)) }
        if upkeep != .never { world.checkpoint() }
        world.pass(milliseconds: 999)
        #expect(try world.reclaim() == 0)
        world.pass(milliseconds: 1)
        var sizes: [Int] = []
        while true {
            let before = world.log.count
            try world.ask(.housekeeping(.reclaim))
            guard world.log.count > before,
                case .reclaimed(let leases, let cause, _)? =
                    world.log.last?.events.first
            else { break }
            #expect(cause == .expired)
            sizes.append(leases.count)
            if upkeep == .between { world.checkpoint() }
        }
        #expect(sizes == [128, 128, 128, 128, 88])
        #expect(try world.state.invariantFault() == nil)
        #expect(try world.count("free") == 600)
    }

    @Test(arguments: Upkeep.allCases)
    func `all leases of a session that ended come back, in frames of at most 128`(
        upkeep: Upkeep
    ) throws {
        var world = try World.slots(600)
        world.checksEveryStep = false
        let session = try world.opened(ttl: 10_000)
        for _ in 0..<600 {
            _ = try world.granted(
                .of(1) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) }
            )
        }
        try world.ask(.closeSession(session))
        if upkeep != .never { world.checkpoint() }
        var sizes: [Int] = []
        while true {
            let before = world.log.count
            world.pass(milliseconds: 1)
            try world.ask(.housekeeping(.reclaim))
            guard world.log.count > before else { break }
            if case .reclaimed(let leases, .closed, _)? = world.log.last?.events.first {
                sizes.append(leases.count)
            }
            if upkeep == .between { world.checkpoint() }
        }
        #expect(sizes == [128, 128, 128, 128, 88])
        #expect(try world.state.invariantFault() == nil)
        #expect(try world.count("free") == 600)
        #expect(try world.read(.status)["sessions"]?.asInteger == 0)
    }

    @Test
    func `a lease that is due by its lifetime and by its session is taken back once`() throws {
        var world = try World.slots(1)
        let session = try world.opened(ttl: 50)
        _ = try world.granted(
            .of(1) {
                ($0.session, $0.ttlMilliseconds) = (session.session, nil)
                $0.maxLifetimeMilliseconds = 40
            }
        )
        world.pass(milliseconds: 49)
        try world.ask(.closeSession(session))
        world.pass(milliseconds: 100)
        try world.reclaim()
        #expect(try world.count("free") == 1)
    }

    @Test(arguments: [0, 50] as [UInt64])
    func `a lease that grace keeps over a checkpoint is taken back once`(delay: UInt64) throws {
        var world = try World.slots(1, .lockDelay(delay))
        _ = try world.granted(.of(1) { $0.ttlMilliseconds = 10_000 })
        let gap = world.now
        world.pass(milliseconds: 15_000)
        try world.ask(.housekeeping(.grace(fromNanoseconds: gap.nanoseconds)))
        try world.reclaim()
        world.checkpoint()
        try world.reclaim()
        world.checkpoint()
        #expect(try world.count("held") == 1)
        world.pass(milliseconds: 10_000)
        try world.reclaim()
        #expect(try world.count("held") == 0)
        world.pass(milliseconds: delay)
        try world.reclaim()
        #expect(try world.count("free") == 1)
    }

    @Test
    func `nothing due at the same instant as the end of a session is left behind`() throws {
        var world = try World.slots(3)
        let session = try world.opened(ttl: 500)
        _ = try world.granted(.of(1) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) })
        let other = try world.opened(ttl: 1_000)
        let instant = world.now.advanced(byMilliseconds: 1_000)
        world.checkpoint()
        // The later session is due at the very instant at which the reclaim ends the earlier one.
        world.reach(LedgerTime(nanoseconds: instant.nanoseconds - 1))
        #expect(other.session > session.session)
        try world.ask(.housekeeping(.reclaim))
        world.checkpoint()
        world.pass(milliseconds: 1)
        try world.reclaim()
        #expect(try world.count("free") == 3)
        #expect(try world.read(.status)["sessions"]?.asInteger == 0)
    }
}
