// What is told of bookings in the words of who asked.

import TenureModel
import TenureTesting
import Testing

@testable import Tenure

@Suite("Words about bookings")
struct BookingWordsTests {
    private typealias Scene = BookingScene

    @Test
    func `a booking that is longer than its pool allows hears of its FOR`() throws {
        let scene = try Scene([4], .maxLifetime(3_600_000))
        let refusal = try scene.refusedBooking(1, at: 1_000, for: 7_200_000)
        #expect(refusal.code == .malformed)
        #expect(
            refusal.message == "FOR 7200000 ms is above maxLifetime 3600000 ms of pool main"
        )
        _ = try scene.book(1, at: 1_000, for: 3_600_000)
    }

    @Test
    func `a move that a booking is in the way of is to be planned anew`() throws {
        let scene = try Scene([1])
        for name in ["g0", "g1"] {
            let device = ResourceRequest(
                name: name,
                pool: "main",
                kind: .gpu,
                capacity: 1_000,
                node: "host"
            )
            try scene.ask(.setResource(device))
        }
        let lease = try scene.take(1, life: nil)
        let claims = Scene.claims([ClaimAmount(kind: .gpu, amount: 1_000)])
        _ = try scene.book(Scene.booking(claims, at: 10_000, for: 5_000))
        var growth = GrowRequest(claims: claims)
        growth.node = "host"
        growth.plan = try scene.core.state.position
        let refusal = try #require(scene.refusal(try scene.ask(.grow(lease.reference, growth))))
        #expect(refusal.code == .conflict && refusal.message.hasSuffix("; OPTIMIZE again"))
        growth.plan = nil
        let grown = try #require(scene.grant(try scene.ask(.grow(lease.reference, growth))))
        #expect(grown.placements.map(\.resource).contains("g1"))
    }
}
