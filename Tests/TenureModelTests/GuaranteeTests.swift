// Guarantees: what is kept for whom, who may borrow how much, and what a refusal names.

import TenureModel
import Testing

@Suite("Guarantees")
struct GuaranteeTests {
    @Test
    func `what is guaranteed and not lent stays free for its tenant`() throws {
        var world = try World.slots(10)
        try world.guarantee(4, to: "owner", lending: 1)
        #expect(try world.code(8, "other") == .quota)
        #expect(try world.code(7, "other") == nil)
        #expect(try world.code(1, "other") == .quota)
        #expect(try world.code(3, "owner/below") == nil)
    }

    @Test
    func `the refusal names amount, free, kept and for whom most of it is`() throws {
        var world = try World.slots(10)
        try world.guarantee(3, to: "little", lending: 0)
        try world.guarantee(5, to: "much", lending: 0)
        let answer = try world.ask(.acquire(.of(4) { $0.tenant = "other" }))
        #expect(answer.code == .quota)
        for word in [
            "4 more of slot", "tenant other ", "10 is free", "8 of that is kept", "much: 5",
        ] {
            #expect(answer.sentence.contains(word), "\(answer.sentence)")
        }
        guard case .refused(let refusal) = answer else { return }
        #expect(refusal.limit == "other slot borrowed")
    }

    @Test
    func `at first everything may be lent, and nothing is kept`() throws {
        var world = try World.slots(10)
        try world.guarantee(10, to: "owner", lending: nil)
        #expect(try world.code(10, "other") == nil)
        #expect(try world.code(1, "owner") == .exhausted)
    }

    @Test
    func `nested guarantees count once`() throws {
        var world = try World.slots(20)
        try world.guarantee(6, to: "a", lending: 0)
        try world.guarantee(4, to: "a/b", lending: 0)
        try world.guarantee(5, to: "a/c", lending: 0)
        // 9 below `a` is more than its own 6.
        #expect(try world.code(12, "x") == .quota)
        #expect(try world.code(11, "x") == nil)
    }

    @Test
    func `a tenant leaves what is kept for those below it and beside it, not what is for itself`()
        throws
    {
        var world = try World.slots(10)
        try world.guarantee(8, to: "a", lending: 0)
        try world.guarantee(3, to: "a/b", lending: 0)
        try world.guarantee(2, to: "z", lending: 0)
        #expect(try world.code(6, "a") == .quota)
        #expect(try world.code(6, "a/c") == .quota)
        #expect(try world.code(5, "a/c") == nil)
        #expect(try world.code(3, "a/b") == nil)
        #expect(try world.code(1, "a/b") == .quota)
    }

    @Test
    func `a guarantee is good for what is free, also where more is guaranteed than there is`()
        throws
    {
        var world = try World.slots(6)
        try world.guarantee(5, to: "a", lending: 0)
        try world.guarantee(5, to: "b", lending: 0)
        #expect(try world.code(1, "x") == .quota)
        #expect(try world.code(5, "a") == nil)
        #expect(try world.code(1, "a") == .quota)
        #expect(try world.code(1, "b") == nil)
        #expect(try world.code(1, "b") == .exhausted)
    }

    @Test
    func `only active resources are free, of whatever pool`() throws {
        var world = try World.slots(10)
        try world.declarePool("second")
        try world.declare("more", .slot, 5, pool: "second")
        try world.guarantee(5, to: "owner", lending: 0)
        #expect(try world.code(10, "x", plan: true) == nil)
        try world.ask(.setResourceState(name: "more", state: .cordoned))
        #expect(try world.code(6, "x", plan: true) == .quota)
        #expect(try world.code(5, "x", plan: true) == nil)
    }

    @Test
    func `borrowing is bound at every level, above the guarantee`() throws {
        var world = try World.slots(10)
        var request = QuotaRequest(tenant: "a", kind: .slot, limit: 9)
        request.guarantee = 2
        request.borrowing = .amount(3)
        try world.ask(.setQuota(request))
        let answer = try world.ask(.acquire(.of(6) { $0.tenant = "a/b" }))
        #expect(answer.code == .quota)
        for word in ["tenant a ", "uses 0", "2 guaranteed", "3 borrowed", "6 more"] {
            #expect(answer.sentence.contains(word), "\(answer.sentence)")
        }
        #expect(try world.code(5, "a/b") == nil)
        let quota = try world.read(.quota(tenant: "a", kind: .slot))
        #expect(quota["guaranteedUsed"]?.asInteger == 2)
        #expect(quota["borrowed"]?.asInteger == 3)
        #expect(try world.state.borrowed(by: "a/b", of: .slot) == 3)
        #expect(try world.state.borrowed(by: "a/c", of: .slot) == 0)
    }

    @Test
    func `more guarantees than there is are accepted, and told`() throws {
        var world = try World.slots(6)
        #expect(try world.guarantee(6, to: "a", lending: nil)["warning"] == .null)
        // Below `a` it is a part of what is guaranteed already.
        #expect(try world.guarantee(4, to: "a/b", lending: nil)["warning"] == .null)
        let answer = try world.guarantee(1, to: "c", lending: nil)
        #expect(answer["guaranteed"]?.asInteger == 7)
        #expect(answer["capacity"]?.asInteger == 6)
        #expect(answer["warning"]?.asString?.contains("7 of slot") == true)
    }

    @Test
    func `I6: a restart makes the same of it`() throws {
        var world = try World.slots(10)
        try world.guarantee(6, to: "owner", lending: 0)
        _ = try world.granted(.of(2) { $0.tenant = "owner" })
        world.checkpoint()
        _ = try world.granted(.of(1) { $0.tenant = "x" })
        try world.restart()
        #expect(try world.code(4, "x", plan: true) == .quota)
        #expect(try world.code(3, "x", plan: true) == nil)
    }
}

extension World {
    /// Sets a quota that only guarantees.
    @discardableResult
    mutating func guarantee(
        _ amount: UInt64,
        to tenant: String,
        lending: UInt64?
    ) throws -> Document {
        var request = QuotaRequest(tenant: tenant, kind: .slot, limit: 1_000)
        request.guarantee = amount
        request.lending = lending.map { .amount($0) } ?? .unlimited
        guard case .document(let answer) = try ask(.setQuota(request)) else { return .null }
        return answer
    }

    /// The code of the refusal of so much more for a tenant, which is granted if it can be.
    fileprivate mutating func code(
        _ amount: UInt64,
        _ tenant: String,
        plan: Bool = false
    ) throws -> RefusalCode? {
        try ask(.acquire(.of(amount) { ($0.tenant, $0.planOnly) = (tenant, plan) })).code
    }
}
