// Passing those whom a booking keeps out.

import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

@Suite("Passing beside bookings")
struct BookingPassingTests {
    private typealias Scene = BookingScene

    private static let device = Scene.claims([ClaimAmount(kind: .gpu, amount: 1_000)])

    private static func request(
        life: UInt64?,
        wait: UInt64? = nil,
        within: String? = nil
    ) -> AcquireRequest {
        Scene.request(1, life: life, wait: wait) {
            ($0.claims, $0.within) = (device, within)
        }
    }

    /// A device is booked in a day; who waits may live into that, and nothing else is in its way.
    @Test(arguments: [172_800_000, nil] as [UInt64?], [nil, "node"] as [String?])
    func `whom a booking alone keeps out is passed by those that are gone when it begins`(
        life: UInt64?,
        within: String?
    ) throws {
        let scene = try Scene([])
        try scene.declare("g0", .gpu, 1_000)
        let booking = try scene.book(
            Scene.booking(Self.device, at: 86_400_000, for: 3_600_000)
        )
        let head = try scene.ask(Self.request(life: life, wait: 864_000_000, within: within))
        #expect(scene.waits(head))
        for _ in 0..<2 {
            let short = try #require(scene.grant(try scene.ask(Self.request(life: 60_000))))
            try scene.scene.release(short)
            try scene.settle()
            #expect(scene.waits(head))
        }
        let waiting = try scene.ask(Self.request(life: 60_000, wait: 1_000))
        #expect(scene.grant(waiting) != nil)
        #expect(scene.refusal(try scene.ask(Self.request(life: 86_400_001))) != nil)
        try scene.pass(milliseconds: 86_400_000)
        _ = try scene.begun(booking)
        try scene.pass(milliseconds: 3_600_000)
        #expect(scene.grant(head) != nil)
    }

    @Test
    func `who has no date and is held up by more than bookings is passed by nobody`() throws {
        let scene = try Scene([])
        for name in ["g0", "g1"] { try scene.declare(name, .gpu, 1_000) }
        let endless = try scene.ask(Self.request(life: nil))
        #expect(scene.grant(endless) != nil)
        _ = try scene.book(Scene.booking(Self.device, at: 86_400_000, for: 3_600_000))
        let head = try scene.ask(
            Scene.request(1, life: 1_000, wait: 864_000_000) {
                $0.claims = [Claim(places: 2, amounts: Self.device[0].amounts)]
            }
        )
        #expect(scene.refusal(try scene.ask(Self.request(life: 60_000)))?.code == .exhausted)
        #expect(scene.waits(head))
    }

    @Test
    func `several places are promised at the first time at which no booking is near`() throws {
        let scene = try Scene([4, 4, 4])
        // The first node is free at 4.5 s, the second at 5 s, the third at 9.5 s.
        for (cpus, life) in [(2, 4_000), (2, 4_500), (4, 5_000), (4, 9_500)] as [(UInt64, UInt64)] {
            _ = try scene.take(cpus, life: life)
        }
        _ = try scene.book(4, places: 2, at: 10_000, for: 2_000)
        try scene.ask(
            Scene.request(4, life: 2_000, wait: 60_000, id: "gang") { $0.claims[0].places = 2 }
        )
        let ticket = try #require(try scene.core.state.queued.first?.id)
        #expect(try scene.ticket(ticket)["startsBy"] == .integer(5_000))
    }
}
