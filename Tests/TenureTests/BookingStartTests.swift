// How bookings begin when many are due, and what is told of one that could not.

import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

@Suite("Starts of bookings")
struct BookingStartTests {
    private typealias Scene = BookingScene

    @Test
    func `of many that are due at once some begin in each group`() throws {
        let scene = try Scene([200])
        for _ in 0..<150 { _ = try scene.book(1, at: 60_000, for: 60_000) }
        scene.scene.world.clock.advance(byNanoseconds: 60_100_000_000)
        var begun: [Int64] = []
        for _ in 0..<3 {
            try scene.core.tick()
            begun.append(try scene.figure("bookingsBegun") ?? 0)
            // Records take a nanosecond each while the clock stands still.
            let pause = try scene.core.nextWake() - scene.scene.world.clock.bootNanoseconds
            #expect((pause < 1_000_000) == (begun.count < 3))
        }
        #expect(begun == [64, 128, 150])
    }

    @Test
    func `those that are late are tried in turn, and do not keep others from beginning`() throws {
        let scene = try Scene([200, 1])
        var limits = TenantRequest(tenant: "slow")
        limits.rate = .amount(1)
        try scene.ask(.setTenant(limits))
        for _ in 0..<100 {
            let booking = Scene.booking(Scene.claims(1), at: 60_000, for: 600_000) {
                $0.tenant = "slow"
            }
            _ = try scene.book(booking)
        }
        let other = try scene.book(1, at: 60_000, for: 600_000)
        scene.scene.world.clock.advance(byNanoseconds: 60_100_000_000)
        for _ in 0..<3 { try scene.core.tick() }
        _ = try scene.begun(other)
        let pause = try scene.core.nextWake() - scene.scene.world.clock.bootNanoseconds
        #expect(pause > 1_000_000)
        for _ in 0..<110 {
            scene.scene.world.clock.advance(byNanoseconds: 1_000_000_000)
            try scene.core.tick()
        }
        #expect(try scene.figure("bookingsBegun") == 101)
    }

    @Test
    func `one for which the disk was too full ends, and says so`() throws {
        let scene = try Scene([4])
        let booking = try scene.book(1, at: 1_000, for: 1_000)
        scene.scene.world.clock.advance(byNanoseconds: 1_500_000_000)
        try scene.core.isReadOnly = true
        try scene.core.keepBookings()
        try scene.core.isReadOnly = false
        scene.scene.world.clock.advance(byNanoseconds: 1_000_000_000)
        try scene.core.tick()
        let refusal = try scene.ended(booking)
        #expect(refusal.code == .timeout)
        #expect(refusal.message.contains("the disk was too full for a lease before its end"))
    }
}
