// How waits end without a grant, who shares one, and how many there may be.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Waits that end")
struct WaitingEndTests {
    private typealias Scene = WaitingScene

    @Test
    func `at its time a wait ends with TIMEOUT, which names what is missing, to the millisecond`()
        throws
    {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let waiter = try scene.ask(
            Scene.request(wait: 400) {
                $0.requestID = "r"
            }
        )
        let boot = scene.world.clock.bootNanoseconds
        #expect(try scene.core.nextWake() <= boot + 400_000_000)
        try scene.pass(milliseconds: 399)
        #expect(scene.waits(waiter))
        try scene.pass(milliseconds: 1)
        let refusal = try #require(scene.refusal(waiter))
        #expect(refusal.code == .timeout && refusal.limit == "cpu")
        #expect(refusal.message.hasPrefix("after 400 ms: no place of pool main has cpu=1 free"))
        #expect(try scene.figure("waitsTimedOut") == 1)
        #expect(try scene.figure("waiting") == 0)
        // It uses up no request id.
        try scene.release(held)
        let again = try #require(scene.grant(try scene.ask(Scene.request { $0.requestID = "r" })))
        #expect(!again.replayed)
    }

    @Test
    func `one refusal is recorded for one wait, however often it was looked at`() throws {
        let scene = try Scene(cpus: 8)
        var held = try (0..<8).map { _ in try scene.take() }
        let waiter = try scene.ask(Scene.request(8, wait: 500))
        for _ in 0..<6 { try scene.release(held.removeLast()) }
        #expect(scene.waits(waiter))
        #expect(try #require(try scene.figure("waitLooks")) >= 6)
        #expect(try scene.figure("commandsRefused") == 0)
        try scene.pass(milliseconds: 500)
        let refused = try scene.world.frames().joined().compactMap { event -> RefusalCode? in
            if case .refused(let record) = event { record.code } else { nil }
        }
        #expect(refused == [.timeout])
        #expect(try scene.figure("commandsRefused") == 1)
    }

    @Test
    func `a wait that ends while something is due is granted what is taken back`() throws {
        let scene = try Scene(cpus: 200)
        // More than one frame of reclaim can hold.
        let numbers = try scene.ask(
            (0..<200).map { _ in
                .acquire(Scene.request(1, wait: nil) { $0.ttlMilliseconds = 100 })
            }
        )
        #expect(numbers.allSatisfy { scene.grant($0) != nil })
        let waiter = try scene.ask(Scene.request(200, wait: 100))
        scene.world.clock.advance(byNanoseconds: 100_001_000)
        // Beside a command one frame is taken back, which is not enough.
        try scene.ask(.query(.status))
        #expect(scene.waits(waiter))
        try scene.settle()
        #expect(scene.grant(waiter) != nil)
    }

    @Test
    func `who is gone is granted nothing, and the next in the queue is`() throws {
        let scene = try Scene(cpus: 2)
        let held = try scene.take()
        _ = try scene.take()
        let gone = try scene.ask(Scene.request(2))
        let next = try scene.ask(Scene.request(1))
        try scene.release(held)
        #expect(scene.waits(gone) && scene.waits(next))
        #expect(try scene.abandon(gone))
        #expect(scene.refusal(gone) == LedgerCore.abandonedRefusal)
        #expect(scene.grant(next) != nil)
        #expect(try !scene.abandon(gone))
        #expect(try !scene.abandon(next))
        #expect(try scene.figure("waiting") == 0)
    }

    @Test
    func `the end of its session ends a wait, wherever it stands in the queue`() throws {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let opened = try scene.ask(.openSession(SessionRequest(ttlMilliseconds: 60_000)))
        let timed = try scene.ask(.openSession(SessionRequest(ttlMilliseconds: 500)))
        guard case .session(let closed)? = scene.answers[opened],
            case .session(let expired)? = scene.answers[timed]
        else { throw NotGranted() }
        let first = try scene.ask(Scene.request())
        let inSession = try [closed, expired].map { session in
            try scene.ask(
                Scene.request {
                    $0.session = session.session
                    $0.ttlMilliseconds = nil
                }
            )
        }
        let reference = closed.reference
        try scene.ask(.closeSession(reference))
        #expect(scene.refusal(inSession[0])?.code == .expired)
        #expect(scene.waits(inSession[1]) && scene.waits(first))
        try scene.pass(milliseconds: 500)
        try scene.settle()
        #expect(scene.refusal(inSession[1])?.code == .expired)
        try scene.release(held)
        #expect(scene.grant(first) != nil)
    }

    @Test
    func `what can not fit any more is refused at once, behind others as well`() throws {
        let scene = try Scene(cpus: 2)
        let held = try scene.take()
        _ = try scene.take()
        let small = try scene.ask(Scene.request(1))
        let large = try scene.ask(Scene.request(2))
        var cut = ResourceRequest(name: "cpus", pool: "main", kind: .cpu, capacity: 1_000)
        cut.force = true
        try scene.ask(.setResource(cut))
        #expect(scene.refusal(large)?.code == .unsatisfiable)
        #expect(scene.waits(small))
        try scene.release(held)
        #expect(scene.waits(small), "the capacity that was cut comes first")
    }

    @Test
    func `refusals that time can not change never wait`() throws {
        let scene = try Scene(cpus: 1)
        var rows: [(AcquireRequest, RefusalCode)] = [
            (Scene.request(2), .unsatisfiable),
            (Scene.request { $0.pool = "none" }, .notFound),
            (Scene.request(wait: 0), .malformed),
            (Scene.request(wait: Limits.millisecondsMax + 1), .malformed),
            (Scene.request { $0.planOnly = true }, .malformed),
            (Scene.request { $0.ttlMilliseconds = 1 << 40 }, .malformed),
        ]
        let session = Scene.request {
            $0.session = SessionID(rawValue: 99)
            $0.ttlMilliseconds = nil
        }
        rows.append((session, .expired))
        _ = try scene.take()
        for (request, code) in rows {
            #expect(scene.refusal(try scene.ask(request))?.code == code)
        }
        #expect(scene.waits(try scene.ask(Scene.request(wait: Limits.millisecondsMax))))
    }

    @Test
    func `with a disk nearly full nobody waits`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take()
        let waiter = try scene.ask(Scene.request())
        try scene.core.isReadOnly = true
        try scene.core.serveWaiting()
        try scene.core.publish()
        scene.collect()
        #expect(scene.refusal(waiter)?.code == .readOnly)
    }

    @Test
    func `a crash leaves nothing of who waited in memory, and an end of the ledger tells them`()
        throws
    {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let before = try scene.world.frames()
        let waiter = try scene.ask(Scene.request())
        try scene.pass(milliseconds: 100)
        #expect(try scene.world.frames() == before)
        scene.world.die(leaving: scene.world.disk.processCrash())
        try scene.world.open()
        try scene.release(held)
        try scene.settle()
        #expect(scene.waits(waiter))
        #expect(try scene.figure("waiting") == 0)
        _ = try scene.take()
        let last = try scene.ask(Scene.request())
        try scene.core.endWaiting()
        let late = try scene.ask(Scene.request())
        #expect(scene.refusal(last) == LedgerCore.closingRefusal)
        #expect(scene.refusal(late) == LedgerCore.closingRefusal)
    }

    @Test
    func `a failure of the disk answers those who wait UNKNOWN`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take()
        let waiter = try scene.ask(Scene.request())
        try scene.core.fail(LedgerFailure(sentence: "test", exitCode: 74))
        scene.collect()
        #expect(scene.refusal(waiter) == LedgerCore.unknownRefusal)
    }

    // MARK: Request ids

    @Test
    func `I7: who asks again under an id shares the place and the answer`() throws {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let request = Scene.request { $0.requestID = "r" }
        let first = try scene.ask(request)
        let between = try scene.ask(Scene.request())
        // With other patience, which is no part of what is asked.
        var again = request
        again.waitMilliseconds = 100
        let second = try scene.ask(again)
        again.waitMilliseconds = nil
        let asked = try scene.ask(again)
        guard case .queued(let queued)? = scene.answers[asked] else { throw NotGranted() }
        #expect(queued.replayed && queued.waitMilliseconds >= 59_999)
        again.purpose = "something else"
        #expect(scene.refusal(try scene.ask(again))?.code == .conflict)
        again.waitMilliseconds = 100
        #expect(scene.refusal(try scene.ask(again))?.code == .conflict)
        let third = try scene.ask(request)
        // The connection of the first is lost; the place is not.
        #expect(try scene.abandon(first))
        try scene.pass(milliseconds: 100)
        #expect(scene.refusal(second)?.code == .timeout)
        let fourth = try scene.ask(request)
        try scene.release(held)
        let grant = try #require(scene.grant(third))
        let replay = try #require(scene.grant(fourth))
        #expect(!grant.replayed && replay.replayed && grant.lease == replay.lease)
        #expect(scene.waits(between))
        #expect(try scene.core.invariantFault() == nil)
    }

    // MARK: Bounds

    @Test
    func `past the bounds a request that would wait is BUSY`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take()
        for tenant in ["a", "b"] {
            let request = Scene.request { $0.tenant = tenant }
            let most = EngineLimits.waitersPerTenant
            let asked = try scene.ask(Array(repeating: .acquire(request), count: most + 1))
            #expect(asked.dropLast().allSatisfy { scene.waits($0) })
            let refusal = try #require(scene.refusal(asked[most]))
            #expect(refusal.code == .busy)
            // Both bounds are reached with the second.
            #expect(refusal.message.contains(tenant == "a" ? "4096" : "8192"))
        }
        let other = try scene.ask(Scene.request { $0.tenant = "c" })
        #expect(scene.refusal(other)?.code == .busy)
        #expect(try scene.abandon(other - 2))
        #expect(scene.waits(try scene.ask(Scene.request { $0.tenant = "c" })))
        #expect(try scene.figure("waiting") == 8_192)
    }

    @Test
    func `one group looks at 64 who wait, and the next at the rest, at once`() throws {
        let scene = try Scene(cpus: 200)
        let held = try #require(scene.grant(try scene.ask(Scene.request(200))))
        let waiters = try scene.ask(
            Array(repeating: .acquire(Scene.request(1)), count: 200)
        )
        let looks = try #require(try scene.figure("waitLooks"))
        try scene.release(held)
        #expect(try scene.figure("waitLooks") == looks + 64)
        #expect(waiters.prefix { scene.grant($0) != nil }.count == 64)
        #expect(try scene.core.nextWake() == scene.world.clock.bootNanoseconds)
        try scene.core.tick()
        scene.collect()
        #expect(waiters.prefix { scene.grant($0) != nil }.count == 128)
        try scene.settle()
        #expect(waiters.allSatisfy { scene.grant($0) != nil })
        // Each in a frame of its own, in order.
        let tokens = waiters.compactMap { scene.grant($0)?.token }
        #expect(zip(tokens, tokens.dropFirst()).allSatisfy { $0 < $1 })
    }
}
