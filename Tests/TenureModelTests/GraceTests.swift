// Grace: after a gap in which nobody could renew, what was not due before it may renew for a while.

import TenureModel
import Testing

@Suite("Grace")
struct GraceTests {
    /// A ledger with one lease, from whose grant on nobody could renew for a while.
    private static func gap(
        ttl: UInt64,
        of milliseconds: UInt64,
        _ settings: [PoolSetting] = []
    ) throws -> (World, Grant) {
        var world = World()
        try world.ask(.setPool(name: "pool", settings: settings))
        try world.declare("slots", .slot, 4)
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = ttl })
        let from = world.now.nanoseconds
        world.pass(milliseconds: milliseconds)
        try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
        return (world, lease)
    }

    /// TTL and gap in milliseconds, and how long after the gap the lease is valid.
    struct Row: Sendable {
        let ttl: UInt64
        let gap: UInt64
        let allowance: UInt64
        var setting: PoolSetting?
    }

    @Test(arguments: [
        // min(TTL, gap, 10 s)
        Row(ttl: 5_000, gap: 8_000, allowance: 5_000),
        Row(ttl: 5_000, gap: 5_000, allowance: 5_000),
        Row(ttl: 60_000, gap: 59_000, allowance: 10_000),
        Row(ttl: 60_000, gap: 90_000, allowance: 10_000),
        Row(ttl: 60_000, gap: 90_000, allowance: 20_000, setting: .restartGrace(20_000)),
        Row(ttl: 60_000, gap: 90_000, allowance: 0, setting: .restartGrace(0)),
        // A deadline further off than the grace stays.
        Row(ttl: 60_000, gap: 2_000, allowance: 58_000),
    ])
    func `I5: the effective deadline is the later of deadline and grace`(row: Row) throws {
        let settings = row.setting.map { [$0] } ?? []
        var (world, lease) = try Self.gap(ttl: row.ttl, of: row.gap, settings)
        // Give or take the nanoseconds that frames take.
        if row.allowance > 1 {
            world.pass(milliseconds: row.allowance - 1)
            #expect(try world.ask(.check(lease.reference)).code == nil)
        }
        try world.reclaim()
        #expect(try world.count("held") == (row.allowance > 0 ? 1 : 0))
        world.pass(milliseconds: 1)
        #expect(try world.ask(.renew(lease.reference, ttlMilliseconds: nil)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 4)
    }

    @Test
    func `a renewal in grace counts from now`() throws {
        var (world, lease) = try Self.gap(ttl: 5_000, of: 8_000)
        world.pass(milliseconds: 4_000)
        let renewal = try world.ask(.renew(lease.reference, ttlMilliseconds: nil)).renewal
        #expect(renewal?.ttlMilliseconds == 5_000)
        world.pass(milliseconds: 4_999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        world.pass(milliseconds: 1)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    @Test(arguments: [(0, false), (1, true)] as [(UInt64, Bool)])
    func `what was due when the gap began is not revived`(more: UInt64, lives: Bool) throws {
        var world = try World.slots(1)
        let granted = world.now
        let lease = try world.granted(.of(1))
        let deadline = granted.advanced(byMilliseconds: 1_000)
        world.reach(deadline)
        if !lives { #expect(try world.ask(.check(lease.reference)).code == .expired) }
        world.pass(milliseconds: 5_000)
        let from = deadline.nanoseconds - more
        try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
        #expect((try world.ask(.check(lease.reference)).code == nil) == lives)
        try world.reclaim()
        #expect(try world.count("held") == (lives ? 1 : 0))
    }

    @Test
    func `grace never goes beyond the longest life`() throws {
        var (world, lease) = try Self.gap(ttl: 5_000, of: 4_000, [.maxLifetime(6_000)])
        world.pass(milliseconds: 1_999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        world.pass(milliseconds: 1)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    @Test
    func `every gap gives grace once, and two gaps give it twice`() throws {
        var (world, lease) = try Self.gap(ttl: 5_000, of: 8_000)
        world.pass(milliseconds: 2_000)
        let from = world.now.nanoseconds
        world.pass(milliseconds: 6_000)
        try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
        world.pass(milliseconds: 4_999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        world.pass(milliseconds: 1)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        let later = world.now.nanoseconds
        world.pass(milliseconds: 6_000)
        try world.ask(.housekeeping(.grace(fromNanoseconds: later)))
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    @Test
    func `a gap is remembered as long as something lives by it, through others`() throws {
        var (world, lease) = try Self.gap(ttl: 60_000, of: 3_700_000)
        // Both gaps begin while the grace of the one before still runs.
        for (wait, length) in [(5_000, 3_700_000), (2_000, 1_500)] as [(UInt64, UInt64)] {
            world.pass(milliseconds: wait)
            let from = world.now.nanoseconds
            world.pass(milliseconds: length)
            try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
            try world.reclaim()
            #expect(try world.ask(.check(lease.reference)).code == nil)
        }
        world.pass(milliseconds: 10_000)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    @Test
    func `gaps that nothing lives by are forgotten, and there are never many`() throws {
        var world = try World.slots(1)
        for wait in [1_501, 1_000] as [UInt64] {
            for _ in 0..<100 {
                world.pass(milliseconds: wait)
                let from = world.now.nanoseconds
                world.pass(milliseconds: 1_500)
                try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
            }
            #expect(world.state.facts.graces.count == (wait > 1_500 ? 1 : Limits.graces))
        }
    }

    @Test(arguments: [0, 100, 60_000] as [UInt64])
    func `a pool that changes its grace changes none that was given`(later: UInt64) throws {
        var (world, lease) = try Self.gap(ttl: 60_000, of: 90_000, [.restartGrace(5_000)])
        try world.reclaim()
        try world.ask(.setPool(name: "pool", settings: [.restartGrace(later)]))
        world.pass(milliseconds: 4_999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        try world.reclaim()
        world.pass(milliseconds: 1)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 4)
    }

    @Test
    func `every pool has the grace that it had when the gap ended`() throws {
        var world = World()
        var leases: [(Grant, UInt64)] = []
        // Names are not in the order of the bounds.
        let bounds: [UInt64] = [10_000, 0, 7_000, 40_000, 30_000, 1, 2_000]
        for (index, bound) in bounds.enumerated() {
            try world.declarePool("p\(index)", .restartGrace(bound))
            try world.declare("s\(index)", .slot, 1, pool: "p\(index)")
            let request = AcquireRequest.of(1, pool: "p\(index)") { $0.ttlMilliseconds = 60_000 }
            leases.append((try world.granted(request), bound))
        }
        let from = world.now.nanoseconds
        world.pass(milliseconds: 70_000)
        let end = world.now
        try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
        world.checkpoint()
        for (lease, bound) in leases.sorted(by: { $0.1 < $1.1 }) {
            let last = end.advanced(byMilliseconds: bound)
            if bound > 0 {
                world.reach(LedgerTime(nanoseconds: last.nanoseconds - 1))
                #expect(try world.ask(.check(lease.reference)).code == nil)
                world.pass(nanoseconds: 1)
            }
            #expect(try world.ask(.check(lease.reference)).code == .expired)
        }
    }

    @Test
    func `what is granted after a gap has no part in its grace`() throws {
        var (world, _) = try Self.gap(ttl: 5_000, of: 20_000)
        let reserved = try world.granted(.of(1) { $0.holdMilliseconds = 100 })
        #expect(reserved.ttlMilliseconds == 100)
        let lease = try world.granted(.of(1) { $0.ttlMilliseconds = 50 })
        #expect(lease.ttlMilliseconds == 50)
        world.pass(milliseconds: 100)
        #expect(try world.ask(.check(reserved.reference)).code == .expired)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    @Test
    func `a session has grace, and so have its leases`() throws {
        var world = try World.slots(1)
        let session = try world.opened(ttl: 3_000)
        let lease = try world.granted(
            .of(1) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) }
        )
        let from = world.now.nanoseconds
        world.pass(milliseconds: 9_000)
        try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
        world.pass(milliseconds: 2_999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        #expect(try world.ask(.keepSession(session)).code == nil)
        world.pass(milliseconds: 2_999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        world.pass(milliseconds: 1)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    @Test
    func `a lock-delay is not lengthened by a gap`() throws {
        var world = try World.slots(1, .lockDelay(1_000))
        let lease = try world.granted(.of(1))
        try world.ask(.revoke(lease.lease, reason: "test"))
        let from = world.now.nanoseconds
        world.pass(milliseconds: 5_000)
        try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
        try world.reclaim()
        #expect(try world.count("free") == 1)
    }

    @Test
    func `grace survives a restart`() throws {
        var (world, lease) = try Self.gap(ttl: 5_000, of: 8_000)
        world.checkpoint()
        try world.restart()
        world.pass(milliseconds: 4_999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        try world.reclaim()
        world.pass(milliseconds: 1)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 4)
    }
}
