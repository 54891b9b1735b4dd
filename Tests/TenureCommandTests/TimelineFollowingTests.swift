// What comes into a timeline, what stays out of it, and that what has ended leaves it.

import TenureCommand
import TenureModel
import Testing

@Suite("Timeline, what is followed")
struct TimelineFollowingTests {
    private static let why = GrantReason(
        policyVersion: 1,
        strategy: .firstFit,
        considered: 1,
        passedOver: PassedOver()
    )

    private func shown(_ subject: String, _ events: [(name: String, event: Event)]) -> [String] {
        var timeline = Timeline(of: subject)
        return events.filter { timeline.concerns($0.event) }.map(\.name)
    }

    private func kept(_ session: UInt64) -> Event {
        .sessionKept(SessionID(rawValue: session), deadline: .never)
    }

    private func ended(_ session: UInt64) -> Event {
        .sessionEnded(SessionID(rawValue: session), cause: .closed, evidence: "")
    }

    private func reclaimed(_ lease: UInt64, quarantined: LedgerTime? = nil) -> Event {
        .reclaimed(
            [Reclaimed(lease: LeaseID(rawValue: lease), quarantinedUntil: quarantined)],
            cause: .expired,
            evidence: ""
        )
    }

    @Test
    func `a lease that grows onto a resource is followed from there to its end`() {
        let lease = LeaseID(rawValue: 12)
        let declaration = ResourceDeclaration(
            id: TimelineTests.resource,
            request: ResourceRequest(name: "box/gpu0", pool: "p", kind: .gpu, capacity: 1)
        )
        let growth = GrowthRecord(
            lease: lease,
            token: Token(rawValue: 13),
            added: [Placement(resource: TimelineTests.resource, amount: 1)],
            stored: nil,
            why: Self.why
        )
        let told = shown(
            "box/gpu0",
            [
                ("declared", .resourceSet(declaration)),
                ("grant", TimelineTests.lease(12, tenant: "a", session: nil)),
                ("grow", .grown(growth)), ("renew", .renewed(lease, deadline: .never)),
                ("release", .released(lease)),
            ]
        )
        #expect(told == ["declared", "grow", "renew", "release"])
    }

    @Test
    func `what else is granted in the session of a lease is somebody else's`() {
        let told = shown(
            "red",
            [
                ("red", TimelineTests.lease(10, tenant: "red", session: 5)), ("kept", kept(5)),
                ("blue", TimelineTests.lease(11, tenant: "blue", session: 5)),
                ("renew blue", .renewed(LeaseID(rawValue: 11), deadline: .never)),
                ("green", TimelineTests.lease(12, tenant: "green", session: 6)),
                ("end green", ended(6)), ("end", ended(5)), ("reclaim blue", reclaimed(11)),
                ("reclaim red", reclaimed(10)),
                ("forgotten", .sessionForgotten(SessionID(rawValue: 5))),
                ("another", TimelineTests.lease(13, tenant: "blue", session: 5)),
            ]
        )
        #expect(told == ["red", "kept", "end", "reclaim red", "forgotten"])
    }

    @Test
    func `a session is followed with a lease as long as the lease is in it`() {
        let lease = LeaseID(rawValue: 10)
        let change = HandOverRecord(
            lease: lease,
            token: Token(rawValue: 14),
            holder: "other",
            uid: nil,
            session: SessionID(rawValue: 6),
            ttlMilliseconds: 0,
            deadline: .never,
            stored: nil
        )
        let told = shown(
            "red",
            [
                ("red", TimelineTests.lease(10, tenant: "red", session: 5)), ("kept 5", kept(5)),
                ("hand over", .handedOver(change)), ("late 5", kept(5)), ("kept 6", kept(6)),
                ("release", .released(lease)), ("late 6", kept(6)),
            ]
        )
        #expect(told == ["red", "kept 5", "hand over", "kept 6", "release"])
    }

    @Test
    func `what a snapshot has is followed by resource, tenant, session, number and later token`() {
        guard case .granted(let grant) = TimelineTests.lease(10, tenant: "a/b", session: 5) else {
            return
        }
        var lease = grant.lease
        lease.token = Token(rawValue: 44)
        for subject in ["box/gpu0", "a", "5", "10", "44"] {
            var timeline = Timeline(of: subject)
            timeline.learn(TimelineTests.resource, as: "box/gpu0")
            timeline.learn(lease)
            let told = [kept(5), .released(lease.id)].map { timeline.concerns($0) }
            #expect(told == [true, true], "\(subject)")
        }
        var other = Timeline(of: "b")
        other.learn(TimelineTests.resource, as: "box/gpu0")
        other.learn(lease)
        let isTold = other.concerns(.released(lease.id))
        #expect(!isTold)
    }

    @Test
    func `L1: however many come and go, only who is there is followed`() {
        var timeline = Timeline(of: "red")
        var (told, most) = (0, 0)
        for id in 100..<20_100 as Range<UInt64> {
            let (lease, session) = (LeaseID(rawValue: id), id << 20)
            let end: [Event] =
                id.isMultiple(of: 3)
                ? [.released(lease)]
                : [
                    ended(session), reclaimed(id, quarantined: .never),
                    .sessionForgotten(SessionID(rawValue: session)), .quarantineEnded([lease]),
                ]
            let life = [TimelineTests.lease(id, tenant: "red", session: session)] + end
            for event in life where timeline.concerns(event) { told += 1 }
            most = max(most, timeline.count)
        }
        #expect(told == 20_000 * 5 - 3 * 6_666)
        #expect(most <= 1)
    }
}
