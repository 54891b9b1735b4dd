// Request ids: the same id and body is answered once (I7).

import TenureModel
import Testing

@Suite("Request ids")
struct RequestIDTests {
    private static let request = AcquireRequest.of(1) { $0.requestID = "r1" }

    @Test(arguments: [false, true])
    func `I7: the same id and body gives the stored answer`(stored: Bool) throws {
        var world = try World.slots(2)
        let first = try world.granted(Self.request)
        if stored { world.checkpoint() }
        let position = world.state.position
        var again = try world.granted(Self.request)
        #expect(again.replayed)
        again.replayed = false
        #expect(again.ttlMilliseconds == 999)
        again.ttlMilliseconds = first.ttlMilliseconds
        // What it cost and how good it was is told once.
        #expect(again.price == nil && again.confidence == nil)
        (again.price, again.confidence) = (first.price, first.confidence)
        #expect(again == first)
        #expect(world.state.position == position)
        #expect(try world.count("held") == 1)
    }

    @Test
    func `I7: the answer stays when the lease has ended`() throws {
        var world = try World.slots(1)
        let first = try world.granted(Self.request)
        try world.ask(.release(first.reference, parts: nil))
        world.pass(milliseconds: 5_000)
        let again = try world.granted(Self.request)
        #expect(again.replayed && again.token == first.token && again.ttlMilliseconds == 0)
        #expect(try world.count("free") == 1)
        guard case .grant(let told) = try world.ask(.query(.request(id: "r1", tenant: "default")))
        else {
            Issue.record("the answer of a request id can be asked for")
            return
        }
        #expect(told.token == first.token)
    }

    /// Every field of a body: another value is another body.
    private static let changes: [(String, @Sendable (inout AcquireRequest) -> Void)] = [
        ("pool", { $0.pool = "other" }),
        ("claims", { $0.claims[0].amounts[0].amount = 2 }),
        ("kind", { $0.claims[0].amounts[0] = ClaimAmount(kind: .cpu, amount: 1) }),
        ("places", { $0.claims[0].places = 2 }),
        ("holder", { $0.holder = "h" }),
        ("TTL", { $0.ttlMilliseconds = 1_001 }),
        ("no TTL", { $0.ttlMilliseconds = nil }),
        ("session", { ($0.session, $0.ttlMilliseconds) = (SessionID(rawValue: 1), nil) }),
        ("lifetime", { $0.maxLifetimeMilliseconds = 1 }),
        ("hold", { $0.holdMilliseconds = 1 }),
        ("priority", { $0.priority = .high }),
        ("strategy", { $0.strategy = .bestFit }),
        ("selector", { $0.selector = [Label(name: "a", value: "b")] }),
        ("tags", { $0.tags = [Label(name: "a", value: "b")] }),
        ("purpose", { $0.purpose = "p" }),
    ]

    @Test(arguments: changes.indices)
    func `I7: another body is a conflict, whatever differs`(index: Int) throws {
        var world = try World.slots(9)
        _ = try world.granted(Self.request)
        var other = Self.request
        Self.changes[index].1(&other)
        let answer = try world.ask(.acquire(other))
        #expect(answer.code == .conflict, "\(Self.changes[index].0)")
        #expect(try world.count("held") == 1)
    }

    @Test
    func `ids are scoped to the tenant`() throws {
        var world = try World.slots(2)
        let first = try world.granted(Self.request)
        let second = try world.granted(.of(1) { ($0.requestID, $0.tenant) = ("r1", "other") })
        #expect(first.lease != second.lease)
    }

    @Test
    func `UNSATISFIABLE uses the id up, EXHAUSTED and QUOTA do not`() throws {
        var world = try World.slots(1)
        let large = AcquireRequest.of(2) { $0.requestID = "large" }
        #expect(try world.ask(.acquire(large)).code == .unsatisfiable)
        try world.declare("more", .slot, 2)
        #expect(try world.ask(.acquire(large)).code == .unsatisfiable)
        let holder = try world.granted(.of(2))
        let later = AcquireRequest.of(2) { $0.requestID = "later" }
        #expect(try world.ask(.acquire(later)).code == .exhausted)
        try world.ask(.setQuota(tenant: "default", kind: .slot, limit: 1))
        #expect(try world.ask(.acquire(later)).code == .quota)
        try world.ask(.deleteQuota(tenant: "default", kind: .slot))
        try world.ask(.release(holder.reference, parts: nil))
        #expect(try !world.granted(later).replayed)
    }

    @Test
    func `an answer is kept for its window and forgotten after it`() throws {
        var world = try World.slots(2)
        let first = try world.granted(Self.request)
        world.pass(milliseconds: Limits.requestWindowMilliseconds - 1)
        try world.reclaim()
        #expect(try world.granted(Self.request).lease == first.lease)
        world.checkpoint()
        world.pass(milliseconds: 1)
        try world.reclaim()
        #expect(try world.read(.status)["storedAnswers"]?.asInteger == 0)
        let second = try world.granted(Self.request)
        #expect(!second.replayed && second.lease != first.lease)
    }

    @Test(arguments: [(3_600_000, false), (3_600_001, true)] as [(UInt64, Bool)])
    func `a UUIDv7 older than the window is refused`(age: UInt64, refused: Bool) throws {
        var world = try World.slots(1)
        let made: UInt64 = 0x018f_3c2a_5b10
        try world.ask(.housekeeping(.opened(.at(wallMilliseconds: made + age - 1_000))))
        world.pass(milliseconds: 1_000)
        let answer = try world.ask(
            .acquire(.of(1) { $0.requestID = "018f3c2a-5b10-7abc-8def-0123456789ab" })
        )
        #expect((answer.code == .requestTooOld) == refused)
    }

    @Test(arguments: [
        "018f3c2a-5b10-4abc-8def-0123456789ab", "018f3c2a5b107abc8def0123456789abcdef",
        "zzzzzzzz-zzzz-7zzz-8def-0123456789ab", "0", "+18f3c2a-5b10-7abc-8def-0123456789ab",
    ])
    func `an id that is no UUIDv7 is never too old`(id: String) throws {
        var world = try World.slots(1)
        try world.ask(.housekeeping(.opened(.at(wallMilliseconds: 1 << 43))))
        #expect(try world.ask(.acquire(.of(1) { $0.requestID = id })).asGrant != nil)
    }
}
