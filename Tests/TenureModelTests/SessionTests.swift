// Sessions: liveness shared by many leases, ended by time, by their holder or by a death.

import Testing

@testable import TenureModel

@Suite("Sessions")
struct SessionTests {
    private static func member(_ session: SessionReference) -> AcquireRequest {
        .of(1) { ($0.session, $0.ttlMilliseconds) = (session.session, nil) }
    }

    @Test
    func `one keep-alive keeps all leases`() throws {
        var world = try World.slots(3)
        let session = try world.opened(ttl: 1_000)
        let leases = try (0..<3).map { _ in try world.granted(Self.member(session)) }
        for _ in 0..<5 {
            world.pass(milliseconds: 900)
            guard case .session(let view) = try world.ask(.keepSession(session)) else {
                Issue.record("kept too late")
                return
            }
            #expect(view.ttlMilliseconds == 1_000)
            #expect(view.token == session.token)
        }
        for lease in leases { #expect(try world.ask(.check(lease.reference)).code == nil) }
        #expect(try world.reclaim() == 0)
    }

    @Test(arguments: [(-1, true), (0, false), (1, false)])
    func `I5: a session and its leases end at its deadline`(offset: Int, lives: Bool) throws {
        var world = try World.slots(1)
        let deadline = world.now.advanced(byMilliseconds: 1_000)
        let session = try world.opened(ttl: 1_000)
        let lease = try world.granted(Self.member(session))
        world.reach(LedgerTime(nanoseconds: UInt64(Int(deadline.nanoseconds) + offset)))
        #expect((try world.ask(.check(lease.reference)).code == nil) == lives)
        #expect((try world.ask(.keepSession(session)).code == nil) == lives)
        if !lives {
            #expect(try world.ask(.keepSession(session)).code == .expired)
            #expect(try world.ask(.acquire(Self.member(session))).code == .expired)
        }
        try world.reclaim()
        #expect(try world.count("held") == (lives ? 1 : 0))
    }

    @Test
    func `past the sessions that there may be another one is BUSY`() throws {
        let world = try World.slots(2)
        let open = Command.openSession(SessionRequest(ttlMilliseconds: 60_000, holder: "job"))
        for (count, code) in [(Limits.sessions - 1, nil), (Limits.sessions, .busy)]
            as [(Int, RefusalCode?)]
        {
            let before = world.state
            var state = copy before
            state.facts.sessions = UInt64(count)
            let answer = try state.decide(open, caller: .embedder, now: world.now).answer
            #expect(answer.code == code, "\(count)")
        }
    }

    @Test
    func `closing ends all leases at once, their reclaim follows`() throws {
        var world = try World.slots(2, .lockDelay(10_000))
        let session = try world.opened(ttl: 1_000)
        let lease = try world.granted(Self.member(session))
        let closed = try #require(try world.ask(.closeSession(session)).ending)
        #expect(closed.status == .closed && closed.isSession)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        #expect(try world.ask(.acquire(Self.member(session))).code == .expired)
        #expect(try world.read(.session(session.session))["state"]?.asString == "ended")
        let again = try #require(try world.ask(.closeSession(session)).ending)
        #expect(again.status == .alreadyEnded && again.document["session"] != nil)
        #expect(again.document["lease"] == nil)
        try world.reclaim()
        // Closed by its holder: clean, so there is no lock-delay.
        #expect(try world.count("free") == 2)
        #expect(try world.ask(.closeSession(session)).ending?.status == .alreadyEnded)
        #expect(try world.ask(.query(.session(session.session))).code == .notFound)
    }

    @Test(arguments: [false, true])
    func `a dead process ends its session, and a whole dead tree skips the lock-delay`(
        treeIsGone: Bool
    ) throws {
        var world = try World.slots(1, .lockDelay(10_000))
        let process = ProcessIdentity(pid: 7, startTicks: 9, bootID: "b", pidNamespace: 1)
        let session = try world.opened(process: process)
        let lease = try world.granted(Self.member(session))
        #expect(lease.ttlMilliseconds == nil)
        world.pass(milliseconds: 1_000_000_000)
        #expect(try world.reclaim() == 0)
        let position = world.state.position
        #expect(try world.ask(.keepSession(session)).code == nil)
        #expect(world.state.position == position)
        let death = Housekeeping.processDied(
            session.session,
            treeIsGone: treeIsGone,
            evidence: "pidfd"
        )
        try world.ask(.housekeeping(death))
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("quarantined") == (treeIsGone ? 0 : 1))
        #expect(try world.count("free") == (treeIsGone ? 1 : 0))
        let before = world.state.position
        try world.ask(.housekeeping(death))
        #expect(world.state.position == before)
    }

    /// A session that only its process ends, which can not be seen from now on.
    private static func unseen() throws -> (World, SessionReference, Grant) {
        var world = try World.slots(1)
        let process = ProcessIdentity(pid: 7, startTicks: 9, bootID: "b", pidNamespace: 41)
        let session = try world.opened(process: process)
        let lease = try world.granted(member(session))
        world.pass(milliseconds: 50_000)
        try world.ask(.housekeeping(.processSeen(session.session, seen: false)))
        return (world, session, lease)
    }

    @Test
    func `a session whose process can not be seen ends, and says why`() throws {
        var (world, session, lease) = try Self.unseen()
        // Said again, at the next opening: it does not count anew.
        world.pass(milliseconds: 9_000)
        let position = world.state.position
        try world.ask(.housekeeping(.processSeen(session.session, seen: false)))
        #expect(world.state.position == position)
        world.checkpoint()
        try world.restart()
        world.pass(milliseconds: 999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        world.pass(milliseconds: 1)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        try world.ask(.housekeeping(.reclaim))
        guard case .sessionEnded(_, .expired, let evidence)? = world.log.last?.events.first else {
            Issue.record("\(world.log.last?.events ?? [])")
            return
        }
        #expect(evidence.contains("pid namespace changed from 41"))
        try world.reclaim()
        #expect(try world.count("free") == 1)
        // What has ended is not revived by a process that is seen again.
        try world.ask(.housekeeping(.processSeen(session.session, seen: true)))
        #expect(try world.ask(.check(lease.reference)).code == .expired)
    }

    @Test
    func `keep-alives keep a session whose process can not be seen`() throws {
        var (world, session, lease) = try Self.unseen()
        for _ in 0..<5 {
            world.pass(milliseconds: 9_999)
            #expect(try world.ask(.keepSession(session)).code == nil)
            #expect(try world.ask(.check(lease.reference)).code == nil)
        }
        let from = world.now.nanoseconds
        world.pass(milliseconds: 20_000)
        try world.ask(.housekeeping(.grace(fromNanoseconds: from)))
        world.pass(milliseconds: 9_999)
        #expect(try world.ask(.check(lease.reference)).code == nil)
        world.pass(milliseconds: 1)
        #expect(try world.ask(.keepSession(session)).code == .expired)
    }

    @Test
    func `a session whose process is seen again lives by its process`() throws {
        var (world, session, lease) = try Self.unseen()
        world.pass(milliseconds: 9_999)
        try world.ask(.housekeeping(.processSeen(session.session, seen: true)))
        world.pass(milliseconds: 1_000_000)
        try world.reclaim()
        #expect(try world.ask(.check(lease.reference)).code == nil)
        let timed = try world.opened(ttl: 5_000)
        for seen in [false, true] {
            let position = world.state.position
            try world.ask(.housekeeping(.processSeen(timed.session, seen: seen)))
            #expect(world.state.position == position)
        }
    }

    @Test
    func `a lease released from its session is not reclaimed with it`() throws {
        var world = try World.slots(2)
        let session = try world.opened(ttl: 1_000)
        let first = try world.granted(Self.member(session))
        let second = try world.granted(Self.member(session))
        try world.ask(.release(first.reference, parts: nil))
        let other = try world.granted(.of(1) { $0.ttlMilliseconds = 100_000 })
        world.pass(milliseconds: 1_000)
        try world.reclaim()
        #expect(try world.ask(.check(other.reference)).code == nil)
        #expect(try world.ask(.check(second.reference)).code == .expired)
        #expect(try world.count("held") == 1)
    }

    @Test
    func `the longest life of a lease ends it within its session`() throws {
        var world = try World.slots(1)
        let session = try world.opened(ttl: 100_000)
        var request = Self.member(session)
        request.maxLifetimeMilliseconds = 500
        let lease = try world.granted(request)
        #expect(lease.ttlMilliseconds == 500)
        world.pass(milliseconds: 500)
        #expect(try world.ask(.check(lease.reference)).code == .expired)
        try world.reclaim()
        #expect(try world.count("free") == 1)
        #expect(try world.ask(.keepSession(session)).code == nil)
    }

    @Test
    func `sessions are listed in pages over overlay and store`() throws {
        var world = World()
        let stored = try (0..<9).map { _ in try world.opened(ttl: 1_000_000) }
        world.checkpoint()
        let changed = try (0..<4).map { _ in try world.opened(ttl: 1_000_000) }
        // Those that are gone hide behind rows that the store still has.
        for session in stored[0..<6] { try world.ask(.closeSession(session)) }
        try world.reclaim()
        let expected = (stored[6...] + changed).map(\.session)
        for limit in 1...14 {
            var found: [SessionID] = []
            var after: SessionID?
            while true {
                let page = try world.state.sessions(after: after, limit: limit)
                guard let last = page.last else { break }
                #expect(page.count <= limit)
                found += page.map(\.id)
                after = last.id
            }
            #expect(found == expected, "pages of \(limit)")
        }
    }
}
