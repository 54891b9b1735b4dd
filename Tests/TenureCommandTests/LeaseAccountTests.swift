// What is told of a lease beside its own records: the gaps that moved its end, and who came next.

import Foundation
import Tenure
import TenureModel
import TenureStorage
import Testing

@testable import TenureCommand

@Suite("Account of a lease")
struct LeaseAccountTests {
    private static let lease = LeaseID(rawValue: 1 << 48 | 5)
    private static let session = SessionID(rawValue: 1 << 48 | 3)
    private static let a = ResourceID(rawValue: 1)
    private static let b = ResourceID(rawValue: 2)

    private static func time(_ milliseconds: UInt64) -> LedgerTime {
        LedgerTime(nanoseconds: milliseconds * 1_000_000)
    }

    private static func grant(
        _ id: LeaseID = lease,
        on resources: [ResourceID] = [a, b],
        amount: UInt64 = 2,
        deadline: LedgerTime = time(6_070),
        lifetimeEnd: LedgerTime = .never,
        session: SessionID? = nil
    ) -> Event {
        let terms = LeaseTerms(
            pool: "p",
            tenant: "t",
            holder: "h",
            uid: nil,
            granted: .zero,
            ttlMilliseconds: session == nil ? 6_000 : 0,
            lifetimeEnd: lifetimeEnd,
            session: session,
            priority: .normal,
            tags: [],
            purpose: nil,
            requestID: nil,
            wasReserved: false
        )
        let lease = Lease(
            id: id,
            token: Token(rawValue: id.rawValue),
            state: .held,
            deadline: deadline,
            placements: resources.map { Placement(resource: $0, amount: amount) },
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

    private static func gap(
        from: UInt64 = 370,
        to end: UInt64 = 11_120,
        bound: UInt64 = 10_000,
        others: [Grace.PoolBound] = []
    ) -> Event {
        .grace(Grace(from: time(from), end: time(end), milliseconds: bound, others: others))
    }

    private func account(_ frames: [[Event]]) -> LeaseAccount {
        var account = LeaseAccount(of: Self.lease)
        for (number, events) in frames.enumerated() {
            let position = 5 + Position(number)
            let time = LedgerTime(nanoseconds: position)
            _ = account.take(LoggedRecord(position: position, time: time, events: events))
        }
        return account
    }

    private func untils(_ events: [Event]) -> [LedgerTime] {
        account(events.map { [$0] }).graces.told.map(\.until)
    }

    // MARK: Gaps

    @Test
    func `a gap is told until when it let the holder live, and only where it did`() {
        #expect(untils([Self.grant(), Self.gap()]) == [Self.time(17_120)])
        #expect(untils([Self.grant(), Self.gap(bound: 500)]) == [Self.time(11_620)])
        let other = [Grace.PoolBound(pool: "p", milliseconds: 2_000)]
        #expect(untils([Self.grant(), Self.gap(others: other)]) == [Self.time(13_120)])
        let short = Self.grant(lifetimeEnd: Self.time(12_000))
        #expect(untils([short, Self.gap()]) == [Self.time(12_000)])
        // Its deadline is behind all that the gap could give; it was due before the gap; it has no
        // deadline of its own.
        for deadline in [Self.time(600_000), Self.time(300), .never] {
            #expect(untils([Self.grant(deadline: deadline), Self.gap()]) == [])
        }
        #expect(untils([Self.gap(), Self.grant()]) == [])
        let quarantined = Event.reclaimed(
            [Reclaimed(lease: Self.lease, quarantinedUntil: .never)],
            cause: .revoked,
            evidence: ""
        )
        for end in [.released(Self.lease), quarantined] {
            #expect(untils([Self.grant(), end, Self.gap()]) == [])
        }
    }

    @Test
    func `what was renewed before a gap has no need of it, and gaps add up`() {
        let renewed = Event.renewed(Self.lease, deadline: Self.time(90_000))
        #expect(untils([Self.grant(), renewed, Self.gap()]) == [])
        // The second gap begins while the holder lives by the first one alone.
        let second = Self.gap(from: 16_000, to: 20_000)
        let both = [Self.time(17_120), Self.time(26_000)]
        #expect(untils([Self.grant(), Self.gap(), second]) == both)
        #expect(untils([Self.grant(), second]) == [])
    }

    @Test
    func `a session is told the gaps that moved its deadline`() {
        let session = Session(
            id: Self.session,
            token: Token(rawValue: Self.session.rawValue),
            holder: "h",
            uid: nil,
            ttlMilliseconds: 4_000,
            deadline: Self.time(4_000),
            process: nil,
            ended: nil
        )
        var account = SessionAccount(of: Self.session)
        let frames: [Event] = [
            .sessionOpened(session), Self.gap(), .sessionKept(Self.session, deadline: .never),
            Self.gap(from: 12_000, to: 13_000),
        ]
        for (number, event) in frames.enumerated() {
            let position = 3 + Position(number)
            account.take(
                LoggedRecord(position: position, time: Self.time(position), events: [event])
            )
        }
        #expect(account.graces.told.map(\.until) == [Self.time(15_120)])
        #expect(account.graces.told.map(\.position) == [4])
    }

    /// Every opening is a gap for who has a session; full segments have indexes.
    @Test
    func `a gap in a segment that is passed over counts as in one that is read`() async throws {
        let daemon = TestDaemon()
        let configuration = TestDaemon.smallSegments
        let ledger = try Ledger.open(at: daemon.data, configuration: configuration)
        _ = try await ledger.openSession(SessionRequest(ttlMilliseconds: 600_000))
        ledger.shutdown()
        for _ in 0..<40 {
            try Ledger.open(at: daemon.data, configuration: configuration).shutdown()
        }
        let archive = "\(daemon.data)/archive"
        let names = try FileManager.default.contentsOfDirectory(atPath: archive)
        let name = try #require(names.filter { $0.hasSuffix(".idx") }.max())
        let bytes = try #require(FileManager.default.contents(atPath: "\(archive)/\(name)"))
        let index = try SegmentIndex([UInt8](bytes))
        let gaps = index.landmarks.compactMap { landmark in
            if case .grace(let grace) = landmark.sort { (landmark.position, grace) } else { nil }
        }
        let (position, gap) = try #require(gaps.first)
        let deadline = LedgerTime(nanoseconds: gap.from.nanoseconds + 1)
        var account = self.account([[Self.grant(deadline: deadline)]])
        // It may be asked again, where the segment is in both directories.
        for _ in 0..<2 {
            let isPassed = account.passes(index)
            #expect(isPassed)
        }
        #expect(account.graces.told.first?.position == position)
        #expect(Set(account.graces.told.map(\.position)).count == account.graces.told.count)
    }

    // MARK: Who came next

    private static let others = (1...4 as ClosedRange<UInt64>).map {
        LeaseID(rawValue: 1 << 48 | (100 + $0))
    }

    private func next(_ frames: [[Event]]) -> [String] {
        account([[Self.grant()]] + frames).next.map { resource, by in
            guard case .granted(let grant) = by.event else { return "\(by.event.name)" }
            return "\(resource.rawValue) to \(grant.lease.id.rawValue - 1 << 48 - 100)"
        }
    }

    private func part(_ resource: ResourceID, _ amount: UInt64) -> [Placement] {
        [Placement(resource: resource, amount: amount)]
    }

    @Test
    func `who gets a resource in the very record that takes it is the next one`() {
        let taken = Event.reclaimed(
            [Reclaimed(lease: Self.lease, quarantinedUntil: nil)],
            cause: .preempted,
            evidence: ""
        )
        let told = next([
            [taken, Self.grant(Self.others[0], on: [Self.a])],
            [Self.grant(Self.others[1])],
        ])
        #expect(told == ["1 to 1", "2 to 2"])
    }

    @Test
    func `what was given back before the end is awaited from then on`() {
        let told = next([
            [.reduced(Self.lease, by: part(Self.a, 2))], [Self.grant(Self.others[0], on: [Self.a])],
            [.released(Self.lease)], [Self.grant(Self.others[1])],
        ])
        #expect(told == ["1 to 1", "2 to 2"])
        // Of what it still has a part the next one is who gets it behind the end.
        let partly = next([
            [.reduced(Self.lease, by: part(Self.a, 1))], [Self.grant(Self.others[0], on: [Self.a])],
            [.released(Self.lease)], [Self.grant(Self.others[1])],
        ])
        #expect(partly == ["1 to 2", "2 to 2"])
        let committed = next([
            [.committed(Self.lease, deadline: .never, kept: part(Self.b, 2))],
            [Self.grant(Self.others[0], on: [Self.a])], [.released(Self.lease)],
            [Self.grant(Self.others[1])],
        ])
        #expect(committed == ["1 to 1", "2 to 2"])
    }

    @Test
    func `what came back by growth is awaited from its next loss on`() {
        let growth = GrowthRecord(
            lease: Self.lease,
            token: Token(rawValue: 1 << 48 | 9),
            added: part(Self.a, 1),
            stored: nil,
            why: GrantReason(
                policyVersion: 1,
                strategy: .firstFit,
                considered: 1,
                passedOver: PassedOver()
            )
        )
        let told = next([
            [.reduced(Self.lease, by: part(Self.a, 2))], [Self.grant(Self.others[0], on: [Self.a])],
            [.grown(growth)], [Self.grant(Self.others[1], on: [Self.a])], [.released(Self.lease)],
            [Self.grant(Self.others[2])],
        ])
        #expect(told == ["1 to 3", "2 to 3"])
    }
}
