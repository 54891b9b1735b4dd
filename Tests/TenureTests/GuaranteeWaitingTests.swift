// Who may not borrow what others are guaranteed waits for it, and is granted when he may.

import TenureModel
import TenureTesting
import Testing

@testable import Tenure

@Suite("Waiting for what others are guaranteed")
struct GuaranteeWaitingTests {
    private typealias Scene = WaitingScene

    /// Four CPUs, two of them kept for `owner`.
    private func scene() throws -> Scene {
        let scene = try Scene(cpus: 4)
        try scene.guarantee(2, to: "owner")
        return scene
    }

    @Test
    func `W3: what comes free lets him borrow, and the owner does not wait behind him`() throws {
        let scene = try scene()
        let first = try scene.take(2)
        let waiter = try scene.ask(Scene.request())
        #expect(scene.waits(waiter))
        let owner = try scene.ask(Scene.request { $0.tenant = "owner" })
        #expect(scene.grant(owner) != nil)
        #expect(scene.waits(waiter))
        try scene.release(first)
        #expect(scene.grant(waiter) != nil)
    }

    @Test
    func `W3: so does a guarantee that is cut or goes, and one of his own`() throws {
        let scene = try scene()
        _ = try scene.take(2)
        let waiters = try ["x", "y", "z"].map { tenant in
            try scene.ask(Scene.request { $0.tenant = tenant })
        }
        #expect(waiters.allSatisfy(scene.waits))
        // The guarantee covers him although others have waited longer.
        try scene.guarantee(1, to: "z")
        #expect(scene.grant(waiters[2]) != nil)
        #expect(scene.waits(waiters[0]))
        try scene.guarantee(0, to: "owner")
        #expect(waiters.count { scene.grant($0) != nil } == 2)
    }

    @Test
    func `W3: a resource that is there again is more to borrow, in another pool too`() throws {
        let scene = try scene()
        try scene.ask(.setPool(name: "second", settings: []))
        var more = ResourceRequest(name: "more", pool: "second", kind: .cpu, capacity: 1000)
        try scene.ask(.setResource(more))
        try scene.ask(.setResourceState(name: "more", state: .cordoned))
        _ = try scene.take(2)
        let waiters = try ["x", "y"].map { tenant in
            try scene.ask(Scene.request { $0.tenant = tenant })
        }
        #expect(waiters.allSatisfy(scene.waits))
        try scene.ask(.setResourceState(name: "more", state: .active))
        #expect(waiters.count { scene.grant($0) != nil } == 1)
        more.capacity = 2000
        try scene.ask(.setResource(more))
        #expect(waiters.allSatisfy { scene.grant($0) != nil })
    }

    @Test
    func `W2: of one tenant nobody passes who asked before`() throws {
        let scene = try scene()
        _ = try scene.take(1)
        let waiter = try scene.ask(Scene.request(2) { $0.tenant = "x" })
        #expect(scene.waits(waiter))
        let second = try scene.ask(Scene.request(wait: nil) { $0.tenant = "x" })
        #expect(scene.refusal(second)?.limit == "x cpu borrowed")
        #expect(scene.grant(try scene.ask(Scene.request { $0.tenant = "y" })) != nil)
    }
}

extension WaitingScene {
    /// Keeps so many CPUs for a tenant.
    fileprivate func guarantee(_ cpus: UInt64, to tenant: String) throws {
        var request = QuotaRequest(tenant: tenant, kind: .cpu, limit: 100_000)
        request.guarantee = cpus * 1000
        request.lending = .amount(0)
        try ask(.setQuota(request))
    }
}
