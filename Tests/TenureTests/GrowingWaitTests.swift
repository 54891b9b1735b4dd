// Leases that wait to grow, and waits that would never end.

import TenureModel
import Testing

@testable import Tenure

@Suite("Waiting to grow")
struct GrowingWaitTests {
    private func grow(
        _ grant: Grant,
        _ cpus: UInt64,
        wait: UInt64? = 60_000,
        _ change: (inout GrowRequest) -> Void = { _ in }
    ) -> Command {
        let claim = Claim(amounts: [ClaimAmount(kind: .cpu, amount: cpus * 1000)])
        var request = GrowRequest(claims: [claim])
        request.waitMilliseconds = wait
        change(&request)
        return .grow(grant.reference, request)
    }

    private func session(_ scene: WaitingScene, _ holder: String) throws -> SessionID {
        let request = SessionRequest(ttlMilliseconds: 600_000, process: nil, holder: holder)
        let number = try scene.ask(.openSession(request))
        guard case .session(let view)? = scene.answers[number] else { throw NotGranted() }
        return view.session
    }

    private func request(
        _ cpus: UInt64,
        _ session: SessionID,
        wait: UInt64? = nil
    ) -> AcquireRequest {
        WaitingScene.request(cpus, wait: wait) { request in
            request.ttlMilliseconds = nil
            request.session = session
        }
    }

    private func take(
        _ scene: WaitingScene,
        _ cpus: UInt64,
        _ session: SessionID
    ) throws -> Grant {
        try #require(scene.grant(try scene.ask(request(cpus, session))))
    }

    @Test
    func `a lease grows when what it lacks is there, with a new token`() throws {
        let scene = try WaitingScene(cpus: 3)
        let growing = try scene.take(1)
        let other = try scene.take(2)
        let number = try scene.ask(grow(growing, 1))
        try scene.settle()
        #expect(scene.waits(number))
        try scene.release(other)
        try scene.settle()
        let grown = try #require(scene.grant(number))
        #expect(grown.lease == growing.lease && grown.token > growing.token)
        #expect(grown.placements.reduce(0) { $0 + $1.amount } == 2_000)
    }

    @Test
    func `it ends at its time, and at once when the lease ends`() throws {
        let scene = try WaitingScene(cpus: 2)
        let growing = try scene.take(1, ttl: 600_000)
        _ = try scene.take(1, ttl: 600_000)
        let short = try scene.ask(grow(growing, 1, wait: 1_000))
        try scene.settle()
        try scene.pass(milliseconds: 1_100)
        #expect(scene.refusal(short)?.code == .timeout)
        let long = try scene.ask(grow(growing, 1))
        try scene.settle()
        #expect(scene.waits(long))
        try scene.release(growing)
        try scene.settle()
        #expect(scene.refusal(long)?.code == .expired)
    }

    @Test
    func `NODE does not wait, and what repeats an id is answered the same`() throws {
        let scene = try WaitingScene(cpus: 2)
        let growing = try scene.take(1)
        let other = try scene.take(1)
        let node = try scene.ask(grow(growing, 1) { $0.node = "box" })
        #expect(scene.refusal(node)?.code == .malformed)
        let first = try scene.ask(grow(growing, 1) { $0.requestID = "again" })
        let second = try scene.ask(grow(growing, 1, wait: 9_000) { $0.requestID = "again" })
        try scene.release(other)
        try scene.settle()
        #expect(scene.grant(first)?.replayed == false)
        #expect(scene.grant(second)?.replayed == true)
        #expect(scene.grant(first)?.token == scene.grant(second)?.token)
    }

    @Test
    func `D2: who would wait for one that waits for it is refused, with the cycle`() throws {
        let scene = try WaitingScene(cpus: 2)
        let (a, b) = (try scene.take(1), try scene.take(1))
        let first = try scene.ask(grow(a, 1))
        let second = try scene.ask(grow(b, 1))
        try scene.settle()
        let refusal = try #require(scene.refusal(second))
        #expect(refusal.code == .deadlock)
        #expect(refusal.limit == "cpu")
        for lease in [a, b] {
            #expect(refusal.message.contains("lease \(lease.lease.rawValue)"), "\(refusal)")
        }
        #expect(scene.waits(first))
        try scene.release(b)
        try scene.settle()
        #expect(scene.grant(first) != nil)
    }

    @Test
    func `D2: what one holds itself counts, and all that a session waits for`() throws {
        let scene = try WaitingScene(cpus: 4)
        let alone = try scene.take(3)
        let tooMuch = try scene.ask(grow(alone, 2))
        #expect(scene.refusal(tooMuch)?.code == .deadlock)
        try scene.release(alone)
        let mine = try session(scene, "mine")
        _ = try take(scene, 2, mine)
        let other = try scene.take(2)
        // One of the two could be served, and both together could not.
        let first = try scene.ask(request(1, mine, wait: 60_000))
        let second = try scene.ask(request(2, mine, wait: 60_000))
        try scene.settle()
        #expect(scene.waits(first))
        let refusal = try #require(scene.refusal(second))
        #expect(refusal.code == .deadlock)
        #expect(refusal.message.contains("session \(mine.rawValue)"))
        try scene.release(other)
        try scene.settle()
        #expect(scene.grant(first) != nil)
    }

    @Test
    func `D2: over several sessions and a quota`() throws {
        let scene = try WaitingScene(cpus: 10)
        let sessions = try ["one", "two", "three"].map { try session(scene, $0) }
        _ = try scene.core.ask(.setQuota(tenant: "default", kind: .cpu, limit: 4_000))
        for one in sessions { _ = try take(scene, 1, one) }
        let free = try scene.take(1)
        var numbers: [Int] = []
        for one in sessions { numbers.append(try scene.ask(request(2, one, wait: 60_000))) }
        try scene.settle()
        // Three are held by those who wait: with the fourth none of them gets two more.
        #expect(scene.waits(numbers[0]) && scene.waits(numbers[1]))
        let refusal = try #require(scene.refusal(numbers[2]))
        #expect(refusal.code == .deadlock)
        #expect(refusal.message.contains("quota 'default cpu'"), "\(refusal.message)")
        try scene.release(free)
        try scene.settle()
        #expect(scene.waits(numbers[0]))
    }

    @Test
    func `a lease that ends by itself is no part of a deadlock`() throws {
        let scene = try WaitingScene(cpus: 2)
        let number = try scene.ask(
            WaitingScene.request(wait: nil) { $0.maxLifetimeMilliseconds = 30_000 }
        )
        let ending = try #require(scene.grant(number))
        let other = try scene.take(1, ttl: 600_000)
        let first = try scene.ask(grow(ending, 1))
        let second = try scene.ask(grow(other, 1))
        try scene.settle()
        #expect(scene.waits(first) && scene.waits(second))
        try scene.pass(milliseconds: 30_100)
        try scene.settle()
        #expect(scene.refusal(first)?.code == .expired)
        #expect(scene.grant(second) != nil)
    }

    @Test
    func `who holds passes one who can not be served before it gives back, and nobody else`()
        throws
    {
        let scene = try WaitingScene(cpus: 4)
        let growing = try scene.take(2)
        let other = try scene.take(2)
        let all = try scene.ask(WaitingScene.request(4))
        let number = try scene.ask(grow(growing, 1))
        try scene.settle()
        #expect(scene.waits(all) && scene.waits(number))
        let trying = try scene.ask(grow(growing, 1, wait: nil))
        #expect(scene.refusal(trying)?.code == .exhausted)
        try scene.release(other)
        try scene.settle()
        let grown = try #require(scene.grant(number))
        #expect(scene.waits(all))
        // One that could be served without it is not passed.
        let small = try scene.ask(WaitingScene.request(1) { $0.priority = .high })
        #expect(scene.grant(small) != nil)
        let two = try scene.ask(WaitingScene.request(1) { $0.priority = .high })
        let again = try scene.ask(grow(grown, 1))
        try scene.settle()
        try scene.release(try #require(scene.grant(small)))
        try scene.settle()
        #expect(scene.grant(two) != nil)
        #expect(scene.waits(again))
    }
}
