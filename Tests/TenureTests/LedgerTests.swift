// The library on a real directory with real threads: open, use, close, open again.

import Foundation
import Synchronization
import Tenure
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@Suite("Ledger on a directory", .waiting)
struct LedgerTests {
    private let scratch = LedgerScratch()

    private func opened(cpus: UInt64 = 4) async throws -> Ledger {
        let ledger = try scratch.open()
        for command in LedgerScratch.setup(cpus: cpus) { _ = try await ledger.set(command) }
        return ledger
    }

    @Test
    func `I1: what was granted, renewed and released is so after a restart`() async throws {
        let first = try await opened()
        let kept = try await first.acquire(LedgerScratch.request())
        let gone = try await first.acquire(LedgerScratch.request())
        let renewal = try await first.renew(kept.reference, ttlMilliseconds: 90_000)
        #expect(renewal.token == kept.token)
        #expect(try await first.release(gone.reference).status == .released)
        first.shutdown()
        let second = try scratch.open()
        defer { second.shutdown() }
        let found = try await second.check(kept.reference)
        #expect(found["status"] == .string("held"))
        #expect(try await second.release(gone.reference).status == .alreadyEnded)
        let next = try await second.acquire(LedgerScratch.request())
        #expect(next.token > gone.token, "I4")
    }

    @Test
    func `A ledger without the right to make one is not made`() {
        #expect(throws: LedgerOpenError.self) { try Ledger.open(at: scratch.path) }
        #expect(!FileManager.default.fileExists(atPath: scratch.path))
    }

    @Test
    func `A second opening of the same directory is refused with 75`() async throws {
        let ledger = try await opened()
        let error = #expect(throws: LedgerOpenError.self) { try scratch.open() }
        #expect(error?.exitCode == 75)
        ledger.shutdown()
        let again = try scratch.open()
        again.shutdown()
    }

    @Test
    func `I1: a process that ends without a checkpoint loses nothing`() throws {
        let clock = HostClock()
        let grant: Grant
        do {
            let core = try scratch.core(clock: clock)
            for command in LedgerScratch.setup(cpus: 4) { _ = try core.ask(command) }
            grant = try core.grant(LedgerScratch.request())
            core.crash()
            #expect(throws: LedgerFailure.self) { try core.ask(.query(.status)) }
        }
        let core = try scratch.core(clock: clock)
        #expect(try core.remaining(grant) != nil)
        #expect(try core.invariantFault() == nil)
    }

    /// The mark is above what any disk has free.
    @Test
    func `row 66: below the low-water mark only what frees and what changes nothing is served`()
        async throws
    {
        let first = try await opened()
        let grant = try await first.acquire(LedgerScratch.request())
        first.shutdown()
        var configuration = LedgerScratch.configuration
        configuration.lowWaterBytes = .max
        let ledger = try Ledger.open(at: scratch.path, configuration: configuration)
        defer { ledger.shutdown() }
        let commands: [Command] = [
            .acquire(LedgerScratch.request()), .setPool(name: "other", settings: []),
            .openSession(SessionRequest(ttlMilliseconds: 60_000, holder: "me")),
        ]
        for command in commands {
            guard case .refused(let refusal) = await ledger.perform(command, caller: .embedder)
            else {
                Issue.record("\(command) is served")
                continue
            }
            #expect(refusal.code == .readOnly)
        }
        #expect(ledger.figures()["readOnly"] == .bool(true))
        _ = try await ledger.renew(grant.reference, ttlMilliseconds: 90_000)
        var plan = LedgerScratch.request()
        plan.planOnly = true
        let answer = await ledger.perform(.acquire(plan), caller: .embedder)
        if case .refused(let refusal) = answer { Issue.record("PLAN: \(refusal)") }
        #expect(try await ledger.release(grant.reference).status == .released)
    }

    @Test
    func `Closing twice is closing once, and afterwards everything is answered`() async throws {
        let ledger = try await opened()
        let grant = try await ledger.acquire(LedgerScratch.request())
        ledger.shutdown()
        ledger.shutdown()
        let error = await #expect(throws: Refusal.self) {
            try await ledger.acquire(LedgerScratch.request())
        }
        #expect(error?.code == .unknown)
        #expect(ledger.figures() == .map([]))
        ledger.unsubscribe(1)
        let again = try scratch.open()
        #expect(try await again.check(grant.reference)["status"] == .string("held"))
        again.shutdown()
    }

    /// A sync fails under a ledger with threads of its own.
    @Test
    func `After a failure everything is UNKNOWN, the owner is told, and reads do not hang`()
        async throws
    {
        let world = try EngineWorld()
        let ledger = try Ledger.assemble(world.parts())
        defer { ledger.shutdown() }
        for command in LedgerScratch.setup(cpus: 4) { _ = try await ledger.set(command) }
        let (failures, told) = AsyncStream.makeStream(of: LedgerFailure.self)
        ledger.onFailure { told.yield($0) }
        world.disk.failNextSync()
        let error = await #expect(throws: Refusal.self) {
            try await ledger.acquire(LedgerScratch.request())
        }
        #expect(error?.code == .unknown)
        for await failure in failures {
            #expect(failure.exitCode == 74)
            #expect(!failure.sentence.isEmpty)
            break
        }
        // Who asks too late is told as well, at once.
        let late = Mutex<[LedgerFailure]>([])
        ledger.onFailure { failure in late.withLock { $0.append(failure) } }
        #expect(late.withLock { $0.map(\.exitCode) } == [74])
        for _ in 0..<3 {
            let again = await #expect(throws: Refusal.self) {
                try await ledger.acquire(LedgerScratch.request())
            }
            #expect(again?.code == .unknown)
        }
        #expect(ledger.figures()["position"] != nil)
        ledger.shutdown()
        let closed = await #expect(throws: Refusal.self) { try await ledger.read(.status) }
        #expect(closed?.code == .unknown)
    }

    @Test
    func `Notices tell every change in order, when it is durable`() async throws {
        let ledger = try await opened()
        var notices = ledger.notices().makeAsyncIterator()
        let grant = try await ledger.acquire(LedgerScratch.request())
        _ = try await ledger.release(grant.reference)
        let granted = try #require(await notices.next())
        #expect(granted.name == "granted")
        #expect(granted.lease == grant.lease)
        #expect(granted.position == grant.position)
        let released = try #require(await notices.next())
        #expect(released.name == "released")
        #expect(released.position > granted.position)
        ledger.shutdown()
    }

    @Test
    func `Notices name resources, also those that they say are deleted`() async throws {
        let ledger = try await opened()
        defer { ledger.shutdown() }
        var notices = ledger.notices().makeAsyncIterator()
        let grant = try await ledger.acquire(LedgerScratch.request())
        let granted = try #require(await notices.next())
        let placement = Document.map([
            .init("resource", .string("cpus")), .init("kind", .string("cpu")),
            .init("amount", .integer(1000)),
        ])
        #expect(granted.document["placements"] == .list([placement]))
        _ = try await ledger.release(grant.reference)
        _ = await notices.next()
        _ = try await ledger.set(.setResourceState(name: "cpus", state: .cordoned))
        let cordoned = try #require(await notices.next())
        #expect(cordoned.document["resource"] == .string("cpus"))
        _ = try await ledger.set(.deleteResource(name: "cpus"))
        let deleted = try #require(await notices.next())
        #expect(deleted.name == "resource-deleted")
        #expect(deleted.document["resource"] == .string("cpus"))
    }

    /// Without a TTL: only the proof of death can end the session.
    @Test
    func `A session ends with its process, and the record says that its pidfd told`() async throws {
        let ledger = try await opened()
        defer { ledger.shutdown() }
        let child = try ChildProcess(sleepingSeconds: 600)
        let process = try #require(Ledger.identifyProcess(pid: child.pid))
        let session = try await ledger.openSession(SessionRequest(process: process, holder: "it"))
        #expect(session.ttlMilliseconds == nil)
        let grant = try await ledger.acquire(LedgerScratch.request(session: session.session))
        #expect(try await ledger.check(grant.reference)["status"] == .string("held"))
        let notices = ledger.notices()
        child.kill()
        var evidence: Document?
        for await notice in notices {
            if notice.name == "session-ended" {
                evidence = notice.document["evidence"]
            }
            if notice.lease == grant.lease, notice.document["cause"] != nil { break }
        }
        guard case .string(let text)? = evidence else {
            Issue.record("the end of the session has no evidence")
            return
        }
        #expect(text.contains("pidfd"))
        #expect(text.contains("\(child.pid)"))
        await #expect(throws: Refusal.self) { try await ledger.check(grant.reference) }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A session of a process in another pid namespace lives by keep-alives`() async throws {
        let ledger = try await opened()
        defer { ledger.shutdown() }
        let here = try #require(Ledger.identifyProcess(pid: getpid()))
        let elsewhere = ProcessIdentity(
            pid: here.pid,
            startTicks: here.startTicks,
            bootID: here.bootID,
            pidNamespace: here.pidNamespace + 1
        )
        let session = try await ledger.openSession(SessionRequest(process: elsewhere))
        #expect(session.ttlMilliseconds == nil)
        let reference = session.reference
        // Found out right after the opening was answered.
        while true {
            let kept = try await ledger.keepSession(reference)
            guard let left = kept.ttlMilliseconds else { continue }
            #expect(left == Limits.unseenProcessMilliseconds)
            break
        }
    }

    /// How many pidfds of this process stand for `pid`.
    private func pidfds(of pid: Int32) -> Int {
        let place = "/proc/self/fdinfo/"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
        return names.count { name in
            let text = (try? String(contentsOfFile: place + name, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").contains("Pid:\t\(pid)")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A process is watched by one pidfd, from its first session to the end of its last`()
        async throws
    {
        let ledger = try await opened()
        defer { ledger.shutdown() }
        let child = try ChildProcess(sleepingSeconds: 600)
        let process = try #require(Ledger.identifyProcess(pid: child.pid))
        for _ in 0..<2 {
            var sessions: [SessionReference] = []
            for _ in 0..<3 {
                let view = try await ledger.openSession(SessionRequest(process: process))
                sessions.append(view.reference)
            }
            // The watcher hears of a session after its opening was answered.
            while pidfds(of: child.pid) == 0 { await Task.yield() }
            for session in sessions {
                #expect(pidfds(of: child.pid) == 1)
                _ = try await ledger.closeSession(session)
            }
            while pidfds(of: child.pid) > 0 { await Task.yield() }
        }
        // Watched again, a death is still seen.
        let last = try await ledger.openSession(SessionRequest(process: process))
        child.kill()
        while try await ledger.read(.status)["sessions"] != .integer(0) { await Task.yield() }
        await #expect(throws: Refusal.self) { try await ledger.read(.session(last.session)) }
    }

    @Test
    func `A session of a process that ended while the ledger was closed ends at the opening`()
        async throws
    {
        let first = try await opened()
        let child = try ChildProcess(sleepingSeconds: 600)
        let process = try #require(Ledger.identifyProcess(pid: child.pid))
        let session = try await first.openSession(SessionRequest(process: process, holder: "it"))
        let grant = try await first.acquire(LedgerScratch.request(session: session.session))
        first.shutdown()
        child.kill()
        let second = try scratch.open()
        defer { second.shutdown() }
        // Looked at right after serving has begun; until then the lease is still valid.
        while (try? await second.check(grant.reference)) != nil { await Task.yield() }
        await #expect(throws: Refusal.self) { try await second.check(grant.reference) }
    }
}
