// What is carved from a lease goes back to it: when that counts as free for others.

import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

@Suite("Ends of sub-leases")
struct SubleaseEndsTests {
    private typealias Scene = BookingScene

    private static let device = BookingScene.claims([ClaimAmount(kind: .gpu, amount: 1_000)])

    private static func booking(at start: UInt64) -> BookingRequest {
        Scene.booking(device, at: start, for: 60_000)
    }

    /// A device of which all was carved from a lease without an end, and is quarantined now.
    private static func quarantined() throws -> (BookingScene, Grant) {
        let scene = try Scene([], .lockDelay(10_000))
        try scene.declare("g0", .gpu, 1_000)
        let number = try scene.ask(Scene.request(1, life: nil) { $0.claims = device })
        let parent = try #require(scene.grant(number))
        var part = SubleaseRequest(parts: [Part(resource: "g0", quantity: "1")])
        part.ttlMilliseconds = 1_000
        try scene.ask(.sublease(parent.reference, part))
        try scene.pass(milliseconds: 1_500)
        let lease = try #require(try scene.core.state.lease(parent.lease)?.subleases.first)
        #expect(try scene.core.state.lease(lease)?.state == .quarantined)
        return (scene, parent)
    }

    @Test(arguments: [false, true])
    func `the quarantine of what goes back to its parent frees nothing`(reopens: Bool) throws {
        let (scene, parent) = try Self.quarantined()
        if reopens { try scene.reopen(after: 0) }
        #expect(throws: Refusal.self) { try scene.book(Self.booking(at: 15_000)) }
        let head = try scene.ask(
            Scene.request(1, life: 1_000, wait: 60_000, id: "head") { $0.claims = Self.device }
        )
        let ticket = try #require(try scene.core.state.queued.first?.id)
        #expect(try scene.ticket(ticket)["startsBy"] == .null)
        try scene.pass(milliseconds: 12_000)
        #expect(scene.waits(head))
        #expect(try scene.core.state.lease(parent.lease)?.placements.count == 1)
    }

    @Test(arguments: [false, true])
    func `the quarantine of what has no parent any more does`(reopens: Bool) throws {
        let (scene, parent) = try Self.quarantined()
        // Looked at while the parent is held.
        #expect(throws: Refusal.self) { try scene.book(Self.booking(at: 15_000)) }
        try scene.scene.release(parent)
        if reopens { try scene.reopen(after: 0) }
        let booking = try scene.book(Self.booking(at: 15_000))
        try scene.pass(milliseconds: 15_000)
        _ = try scene.begun(booking)
    }
}
