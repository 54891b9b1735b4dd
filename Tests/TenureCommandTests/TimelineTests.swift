// The timeline of one subject, from its first event to its end.

import TenureCommand
import TenureModel
import Testing

@Suite("Timeline")
struct TimelineTests {
    static let resource = ResourceID(rawValue: 3)

    /// A grant: of `resource` to lease 10, and of another one to all others.
    static func lease(_ id: UInt64, tenant: String, session: UInt64?) -> Event {
        let terms = LeaseTerms(
            pool: "p",
            tenant: tenant,
            holder: "h",
            uid: nil,
            granted: .zero,
            ttlMilliseconds: 1,
            lifetimeEnd: .never,
            session: session.map { SessionID(rawValue: $0) },
            priority: .normal,
            tags: [],
            purpose: nil,
            requestID: nil,
            wasReserved: false
        )
        let lease = Lease(
            id: LeaseID(rawValue: id),
            token: Token(rawValue: id),
            state: .held,
            deadline: .never,
            placements: [
                Placement(resource: id == 10 ? resource : ResourceID(rawValue: 4), amount: 1)
            ],
            terms: terms
        )
        let why = GrantReason(
            policyVersion: 1,
            strategy: .firstFit,
            considered: 1,
            passedOver: PassedOver()
        )
        return .granted(GrantRecord(lease: lease, stored: nil, why: why))
    }

    private static func planned(_ id: UInt64, of resource: ResourceID) -> Event {
        .windowPlanned(
            Window(
                id: WindowID(rawValue: id),
                start: .zero,
                end: .never,
                byMilliseconds: nil,
                node: nil,
                pool: nil,
                reason: nil,
                members: [Window.Member(resource: resource)]
            )
        )
    }

    /// Two leases of two tenants, one on the resource and in a session, and two planned drains.
    private static let history: [(name: String, event: Event)] = [
        (
            "declared",
            .resourceSet(
                ResourceDeclaration(
                    id: resource,
                    request: ResourceRequest(name: "box/gpu0", pool: "p", kind: .gpu, capacity: 1)
                )
            )
        ),
        ("grant 10", lease(10, tenant: "a/b", session: 5)),
        ("grant 11", lease(11, tenant: "ab", session: nil)),
        ("renew 10", .renewed(LeaseID(rawValue: 10), deadline: .never)),
        ("renew 11", .renewed(LeaseID(rawValue: 11), deadline: .never)),
        ("end 5", .sessionEnded(SessionID(rawValue: 5), cause: .expired, evidence: "")),
        (
            "reclaim 10",
            .reclaimed(
                [Reclaimed(lease: LeaseID(rawValue: 10), quarantinedUntil: nil)],
                cause: .expired,
                evidence: ""
            )
        ),
        ("release 11", .released(LeaseID(rawValue: 11))),
        ("quota a", .quotaSet(Quota(tenant: "a", kind: .gpu, limit: 1))),
        (
            "refused ab",
            .refused(
                RefusalRecord(
                    tenant: "ab",
                    pool: "p",
                    code: .exhausted,
                    limit: "",
                    message: ""
                )
            )
        ),
        ("plan 20", planned(20, of: resource)),
        ("plan 21", planned(21, of: ResourceID(rawValue: 4))),
        ("begin 20", .windowBegan(WindowID(rawValue: 20))),
        ("begin 21", .windowBegan(WindowID(rawValue: 21))),
        ("end 20", .windowEnded(WindowEnd(window: WindowID(rawValue: 20), cause: .over))),
    ]

    @Test(arguments: [
        ("10", ["grant 10", "renew 10", "end 5", "reclaim 10"]),
        ("11", ["grant 11", "renew 11", "release 11"]),
        ("5", ["grant 10", "renew 10", "end 5", "reclaim 10"]),
        (
            "box/gpu0",
            [
                "declared", "grant 10", "renew 10", "end 5", "reclaim 10", "plan 20", "begin 20",
                "end 20",
            ]
        ),
        ("20", ["plan 20", "begin 20", "end 20"]),
        ("a", ["grant 10", "renew 10", "end 5", "reclaim 10", "quota a"]),
        ("ab", ["grant 11", "renew 11", "release 11", "refused ab"]),
        ("b", []),
    ])
    func `a subject is followed to its end and nothing else is shown`(
        subject: String,
        expected: [String]
    ) {
        var timeline = Timeline(of: subject)
        let shown = Self.history.filter { timeline.concerns($0.event) }.map(\.name)
        #expect(shown == expected)
    }
}
