// Passing those who wait does not depend on when what is due was taken back.

import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Passing after taking back")
struct ReclaimedPassingTests {
    @Test(arguments: [false, true])
    func `who may pass does so whether or not what it gets was taken back`(ticks: Bool) throws {
        let scene = try WaitingScene(cpus: 2)
        func request(_ cpus: UInt64, ttl: UInt64, life: UInt64, wait: UInt64?) -> AcquireRequest {
            WaitingScene.request(cpus, wait: wait) {
                ($0.ttlMilliseconds, $0.maxLifetimeMilliseconds) = (ttl, life)
            }
        }
        let long = try scene.ask(request(1, ttl: 3_600_000, life: 3_600_000, wait: nil))
        let short = try scene.ask(request(1, ttl: 1_000, life: 10_000, wait: nil))
        #expect(scene.grant(long) != nil && scene.grant(short) != nil)
        let head = try scene.ask(request(2, ttl: 1_000, life: 60_000, wait: 7_200_000))
        if ticks {
            try scene.pass(milliseconds: 1_001)
            try scene.settle()
        } else {
            scene.world.clock.advance(byNanoseconds: 1_001_000_000)
        }
        let passing = try scene.ask(request(1, ttl: 60_000, life: 60_000, wait: nil))
        #expect(scene.grant(passing) != nil, "\(String(describing: scene.refusal(passing)))")
        #expect(scene.waits(head))
    }
}
